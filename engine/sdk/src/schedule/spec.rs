//! When a schedule is due: the union of its parts, without its exclusions, within its bounds.
//!
//! `Spec` is what people write; `Times` is the same, checked and ready to be searched.

use std::time::Duration;

use jiff::tz::TimeZone;
use sagaline_core::Timestamp;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::{
    calendar::{Calendar, Pattern},
    cron::{self, Cron},
    instant::Instant,
    interval::Interval,
    invalid::Invalid,
    local,
    span::Span,
};
use crate::Result;

/// Most cron expressions, intervals, calendars and exclusions of one schedule, of each.
const PARTS_MAX: usize = 100;

/// The longest jitter.
const JITTER_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Times that may be excluded one behind the other before a search stops and says how far it came.
const EXCLUDED_MAX: u32 = 10_000;

/// When something is due.
///
/// It is due whenever one of `cron`, `intervals` or `calendars` says so and none of `exclude` does. Cron expressions and
/// calendars are times of the wall clock in `time_zone`: one that does not exist, because clocks are put forward, is taken
/// at the first instant after the gap; one that exists twice, because they are put back, is taken once, the first time.
/// Intervals know no clocks on walls.
///
/// # Example: every workday at nine, but not in the last days of the year
/// ```
/// use sagaline_sdk::schedule::Spec;
///
/// let spec: Spec = serde_json::from_str(r#"{
///     "cron": ["0 9 * * MON-FRI"],
///     "exclude": [{"month": 12, "day_of_month": "24-31"}],
///     "time_zone": "Europe/Zurich"
/// }"#)?;
/// let now = sagaline_sdk::Timestamp::from_millis(1_766_534_400_000); // 2025-12-24
///
/// let next = spec.next_after(now)?.expect("there are workdays in the year after");
///
/// assert_eq!(next.to_rfc3339(), "2026-01-01T08:00:00.000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Cron expressions: five fields, six with the second before them, seven with the year behind them; or `@daily` and
    /// its like; or `@every 15m`. Day of month and day of week, when both are restricted, match on either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cron: Vec<String>,
    /// Every so long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
    /// Times that match in every field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<Calendar>,
    /// Times that are left out: calendars, whose fields that are not said are everything, and cron expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Exclusion>,
    /// Nothing is due before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Instant>,
    /// Nothing is due after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Instant>,
    /// What is due begins up to so much later, and before the next is due: not all at the full hour. The same for the same
    /// schedule and due time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Span>,
    /// The IANA name of the zone of cron expressions, calendars and exclusions; UTC unless said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
}

/// Times that are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Exclusion {
    /// By a cron expression: those times exactly.
    Cron(String),
    /// By a calendar.
    Calendar(Calendar),
}

impl<'de> Deserialize<'de> for Exclusion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self::Cron(text)),
            other => Calendar::deserialize(other)
                .map(Self::Calendar)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl Spec {
    /// Due by a cron expression.
    #[must_use]
    pub fn cron(expression: impl Into<String>) -> Self {
        Self {
            cron: vec![expression.into()],
            ..Self::default()
        }
    }

    /// Due every so long.
    #[must_use]
    pub fn every(span: Duration) -> Self {
        let interval = Interval {
            every: span.into(),
            offset: Span::default(),
        };
        Self {
            intervals: vec![interval],
            ..Self::default()
        }
    }

    /// The same by the wall clocks of an IANA zone.
    #[must_use]
    pub fn in_time_zone(mut self, name: impl Into<String>) -> Self {
        self.time_zone = name.into();
        self
    }

    /// The first due time later than `after`; none when there is none until the year 2199, or none within what one search
    /// looks at (10,000 excluded times).
    ///
    /// # Errors
    /// The specification says what is not allowed; the message names the field.
    pub fn next_after(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        Ok(match self.times()?.next_after(after) {
            Next::At(at) => Some(at),
            Next::NotBefore(_) | Next::Never => None,
        })
    }

    /// The same, checked.
    pub(crate) fn times(&self) -> Result<Times, Invalid> {
        let mut times = Times {
            patterns: Vec::new(),
            intervals: Vec::new(),
            excluded: Vec::new(),
            zone: local::zone(&self.time_zone).map_err(|wrong| wrong.within("time_zone"))?,
            start_at: self.start_at.map(|at| at.0),
            end_at: self.end_at.map(|at| at.0),
            jitter: self.jitter.unwrap_or_default(),
        };
        self.read_parts(&mut times)?;
        self.read_exclusions(&mut times)?;
        if times.jitter.to_duration() > JITTER_MAX {
            let text = format!("`{}`: up to 365d is allowed", times.jitter);
            return Err(Invalid::new(text).within("jitter"));
        }
        if let (Some(start), Some(end)) = (times.start_at, times.end_at)
            && end < start
        {
            let text = format!("`{}` is before start_at", end.to_rfc3339());
            return Err(Invalid::new(text).within("end_at"));
        }
        Ok(times)
    }

    fn read_parts(&self, times: &mut Times) -> Result<(), Invalid> {
        let lists = [
            ("cron", self.cron.len()),
            ("intervals", self.intervals.len()),
            ("calendars", self.calendars.len()),
            ("exclude", self.exclude.len()),
        ];
        if let Some((name, many)) = lists.iter().find(|(_, parts)| *parts > PARTS_MAX) {
            let text = format!("{many} entries; {PARTS_MAX} are allowed");
            return Err(Invalid::new(text).within(name));
        }
        for (place, text) in self.cron.iter().enumerate() {
            let at = |invalid: Invalid| invalid.within(format!("cron[{place}]"));
            match cron::parse(text).map_err(at)? {
                Cron::Interval(interval) => times.intervals.push(interval),
                Cron::Calendars(calendars) => {
                    for calendar in calendars {
                        times.patterns.push(calendar.included().map_err(at)?);
                    }
                }
            }
        }
        for (place, interval) in self.intervals.iter().enumerate() {
            let at = |invalid: Invalid| invalid.within(format!("intervals[{place}]"));
            interval.check().map_err(at)?;
            times.intervals.push(*interval);
        }
        for (place, calendar) in self.calendars.iter().enumerate() {
            let at = |invalid: Invalid| invalid.within(format!("calendars[{place}]"));
            times.patterns.push(calendar.included().map_err(at)?);
        }
        Ok(())
    }

    fn read_exclusions(&self, times: &mut Times) -> Result<(), Invalid> {
        for (place, exclusion) in self.exclude.iter().enumerate() {
            let at = |invalid: Invalid| invalid.within(format!("exclude[{place}]"));
            match exclusion {
                Exclusion::Calendar(calendar) => {
                    times.excluded.push(calendar.excluded().map_err(at)?);
                }
                Exclusion::Cron(text) => match cron::parse(text).map_err(at)? {
                    Cron::Calendars(calendars) => {
                        for calendar in calendars {
                            times.excluded.push(calendar.included().map_err(at)?);
                        }
                    }
                    Cron::Interval(_) => {
                        return Err(at(Invalid::new(
                            "an exclusion is a calendar or a cron expression of fields",
                        )));
                    }
                },
            }
        }
        Ok(())
    }
}

/// A specification, checked and ready to be searched.
#[derive(Debug)]
pub(crate) struct Times {
    patterns: Vec<Pattern>,
    intervals: Vec<Interval>,
    excluded: Vec<Pattern>,
    zone: TimeZone,
    start_at: Option<Timestamp>,
    end_at: Option<Timestamp>,
    jitter: Span,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is due then.
    At(Timestamp),
    /// Nothing is due up to then, and the search went no further.
    NotBefore(Timestamp),
    /// Nothing is due any more.
    Never,
}

impl Times {
    /// The first due time later than `after`.
    pub(crate) fn next_after(&self, after: Timestamp) -> Next {
        let mut after = match self.start_at {
            Some(start) => after.max(Timestamp::from_micros(start.as_micros().saturating_sub(1))),
            None => after,
        };
        for _ in 0..EXCLUDED_MAX {
            let Some(at) = self.next_of_parts(after) else {
                return Next::Never;
            };
            if self.end_at.is_some_and(|end| at > end) || at > Timestamp::LATEST {
                return Next::Never;
            }
            match self.excluded_until(at) {
                Some(end) => after = end,
                None => return Next::At(at),
            }
        }
        Next::NotBefore(after)
    }

    /// When what is due at `due` begins: later by a share of the jitter that the schedule and `due` decide, and before the
    /// next is due.
    pub(crate) fn begins_at(&self, schedule: &str, due: Timestamp) -> Timestamp {
        if self.jitter == Span::default() {
            return due;
        }
        let room = match self.next_after(due) {
            Next::At(next) => next.since(due).0.min(self.jitter.as_millis()),
            Next::NotBefore(_) | Next::Never => self.jitter.as_millis(),
        };
        let seed = due.as_micros().unsigned_abs();
        let drawn = XxHash3_64::oneshot_with_seed(seed, schedule.as_bytes());
        // The high half of the product: the draw scaled to the room.
        let share = (u128::from(drawn) * u128::from(room)) >> 64;
        due.plus(sagaline_core::Millis(u64::try_from(share).unwrap_or(room)))
    }

    fn next_of_parts(&self, after: Timestamp) -> Option<Timestamp> {
        let instant = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?;
        let by_pattern = self.patterns.iter().filter_map(|pattern| {
            let at = local::next_after(pattern, &self.zone, instant)?;
            Some(Timestamp::from_micros(at.as_microsecond()))
        });
        let by_interval = self.intervals.iter().map(|some| some.next_after(after));
        by_pattern.chain(by_interval).min()
    }

    /// If `at` is excluded, the end of what is excluded with it in one piece.
    fn excluded_until(&self, at: Timestamp) -> Option<Timestamp> {
        let instant = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?;
        let ends = self
            .excluded
            .iter()
            .filter_map(|pattern| local::matched_until(pattern, &self.zone, instant));
        let end = ends.max()?;
        Some(Timestamp::from_micros(end.as_microsecond()))
    }
}
