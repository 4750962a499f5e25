//! Due times by walking along the line, minute by minute: a time of the wall clock is taken when the clock first reaches or
//! passes it. No search, no rule for gaps and repeated hours.

use std::collections::BTreeSet;

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::{calendar, exclusion};
use crate::schedule::{Interval, Spec, spec::Next};

/// Days that are walked.
const DAYS: i64 = 3;

/// Zones, and an instant a day before clocks there are changed or a day is left out.
const CHANGES: [(&str, &str); 10] = [
    ("Europe/Zurich", "2026-03-28T01:00:00Z"),
    ("Europe/Zurich", "2026-10-24T01:00:00Z"),
    ("America/New_York", "2026-03-07T07:00:00Z"),
    ("America/New_York", "2026-10-31T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-03T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-02T15:30:00Z"),
    ("America/Santiago", "2026-09-05T04:00:00Z"),
    ("America/Santiago", "2026-04-04T03:00:00Z"),
    ("Pacific/Apia", "2011-12-29T10:00:00Z"),
    ("Asia/Kolkata", "2026-01-01T00:00:00Z"),
];

/// Which minutes, hours and days match.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) minutes: Vec<i8>,
    pub(super) hours: Vec<i8>,
    pub(super) days: Vec<i8>,
    pub(super) days_of_week: Vec<i8>,
}

impl Fields {
    fn matches(&self, wall: DateTime) -> bool {
        self.minutes.contains(&wall.minute())
            && self.hours.contains(&wall.hour())
            && self.days.contains(&wall.day())
            && self
                .days_of_week
                .contains(&wall.weekday().to_sunday_zero_offset())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    change: usize,
    /// Minutes behind the instant of the change's row.
    begins: i64,
    calendars: Vec<Fields>,
    excluded: Vec<Fields>,
    /// Minutes: how often, and how far behind the epoch.
    interval: Option<(u64, u64)>,
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    let interval = proptest::option::of((1_u64..300, 0_u64..300));
    (
        0..CHANGES.len(),
        -30_i64..1_800,
        vec(fields(), 0..3),
        vec(fields(), 0..2),
        interval,
    )
        .prop_map(|(change, begins, calendars, excluded, interval)| Case {
            change,
            begins,
            calendars,
            excluded,
            interval: interval.map(|(every, offset)| (every, offset % every)),
        })
}

fn fields() -> impl Strategy<Value = Fields> {
    let some = |values: std::ops::RangeInclusive<i8>, most: usize| {
        let all: Vec<i8> = values.collect();
        let many = all.len();
        prop_oneof![subsequence(all.clone(), 1..=most.min(many)), Just(all),]
    };
    (
        some(0..=59, 4),
        some(0..=23, 6),
        some(1..=31, 20),
        some(0..=6, 4),
    )
        .prop_map(|(minutes, hours, days, days_of_week)| Fields {
            minutes,
            hours,
            days,
            days_of_week,
        })
}

impl Case {
    fn zone(&self) -> TimeZone {
        TimeZoneDatabase::bundled()
            .get(CHANGES[self.change].0)
            .unwrap()
    }

    fn from(&self) -> Timestamp {
        let day_before: Timestamp = CHANGES[self.change].1.parse().unwrap();
        day_before + SignedDuration::from_mins(self.begins)
    }

    fn to(&self) -> Timestamp {
        self.from() + SignedDuration::from_hours(24 * DAYS)
    }

    /// Due times by the search.
    pub(super) fn searched(&self) -> Vec<String> {
        let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes).into();
        let spec = Spec {
            calendars: self.calendars.iter().map(calendar).collect(),
            exclude: self.excluded.iter().map(exclusion).collect(),
            intervals: self
                .interval
                .iter()
                .map(|&(every, offset)| Interval {
                    every: minutes(every),
                    offset: minutes(offset),
                })
                .collect(),
            ..Spec::default()
        };
        let times = spec.in_time_zone(CHANGES[self.change].0).times().unwrap();
        let mut after = sagaline_core::Timestamp::from_micros(self.from().as_microsecond());
        let mut found = Vec::new();
        loop {
            match times.next_after(after) {
                Next::At(at) if at.as_micros() <= self.to().as_microsecond() => {
                    found.push(crate::schedule::Instant(at).to_rfc3339());
                    after = at;
                }
                Next::At(_) | Next::Never => return found,
                Next::NotBefore(until) => after = until,
            }
        }
    }

    /// Due times by walking.
    pub(super) fn walked(&self) -> Vec<String> {
        let zone = self.zone();
        let minute = SignedDuration::from_mins(1);
        // Long enough before, so that what was passed already is known.
        let mut at = self.from() - SignedDuration::from_hours(48);
        let mut latest = zone.to_datetime(at);
        let mut due = BTreeSet::new();
        while at <= self.to() {
            let wall = zone.to_datetime(at);
            let is_of_calendar = self.passed(&mut latest, wall);
            let is_of_interval = self.interval.is_some_and(|(every, offset)| {
                let minutes = at.as_second() / 60 - offset as i64;
                minutes.rem_euclid(every as i64) == 0
            });
            let is_excluded = self.excluded.iter().any(|fields| fields.matches(wall));
            if (is_of_calendar || is_of_interval) && !is_excluded && at > self.from() {
                due.insert(at);
            }
            at += minute;
        }
        due.iter().map(Timestamp::to_string).collect()
    }

    /// Whether one of the times that the wall clock reaches or passes now for the first time matches.
    fn passed(&self, latest: &mut DateTime, wall: DateTime) -> bool {
        let mut does_match = false;
        while *latest < wall {
            *latest += SignedDuration::from_mins(1);
            does_match |= self.calendars.iter().any(|fields| fields.matches(*latest));
        }
        does_match
    }
}
