//! A schedule as flags: each changes one thing of it.

use clap::{ArgAction, Args};
use sagaline_sdk::schedule::{
    Calendar, Exclusion, Instant, Interval, Json, Overlap, Schedule, Span,
};

use super::super::{
    input::{Input, read},
    start::{Given, field},
};
use crate::fault::{Exit, Fault, Outcome};

/// When it is due, what it starts, and how.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// The whole schedule: JSON, @FILE, or - for stdin; other flags change it
    #[arg(long, value_name = "JSON|@FILE|-")]
    schedule: Option<String>,
    /// Cron expression, 5 to 7 fields or @daily; may be repeated
    #[arg(long, value_name = "EXPRESSION", help_heading = "When")]
    cron: Vec<String>,
    /// Every so long, as 1h, or 1h/15m with an offset; may be repeated
    #[arg(long, value_name = "SPAN", value_parser = interval, help_heading = "When")]
    interval: Vec<Interval>,
    /// Times that match in every field, as '{"hour": 9, "day_of_week": "MON-FRI"}'; may be repeated
    #[arg(long, value_name = "JSON", value_parser = calendar, help_heading = "When")]
    calendar: Vec<Calendar>,
    /// Times that are left out: a calendar, or a cron expression; may be repeated
    #[arg(long, value_name = "JSON|EXPRESSION", value_parser = exclusion, help_heading = "When")]
    exclude: Vec<Exclusion>,
    /// Time zone of cron expressions, calendars and exclusions, as Europe/Zurich [default: UTC]
    #[arg(long, value_name = "ZONE", help_heading = "When")]
    time_zone: Option<String>,
    /// Nothing is due before, as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "When")]
    start_at: Option<Instant>,
    /// Nothing is due after
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "When")]
    end_at: Option<Instant>,
    /// Begin up to so much later, not all at the full hour
    #[arg(long, value_name = "SPAN", help_heading = "When")]
    jitter: Option<Span>,
    /// Name of the workflow
    #[arg(short = 't', long = "type", value_name = "NAME", help_heading = "What")]
    workflow: Option<String>,
    #[command(flatten)]
    input: Input,
    /// Version of the workflow; otherwise the highest at that time
    #[arg(long, help_heading = "What")]
    version: Option<String>,
    /// Search attribute of what is started, a value that is no JSON as text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = field, help_heading = "What")]
    search_attribute: Vec<Given>,
    /// Field of its memo, likewise
    #[arg(long, value_name = "NAME=VALUE", value_parser = field, help_heading = "What")]
    memo: Vec<Given>,
    /// How long its run may take
    #[arg(long, value_name = "SPAN", help_heading = "What")]
    run_timeout: Option<Span>,
    /// How long it and the runs that continue it may take
    #[arg(long, value_name = "SPAN", help_heading = "What")]
    execution_timeout: Option<Span>,
    /// While another is under way: skip, buffer_one, buffer_all, cancel_other, terminate_other, allow_all [default: skip]
    #[arg(long, value_name = "POLICY", value_parser = overlap, help_heading = "How")]
    overlap: Option<Overlap>,
    /// What was due so long ago, while no engine ran, is still started [default: 365d]
    #[arg(long, value_name = "SPAN", help_heading = "How")]
    catch_up: Option<Span>,
    /// Pause when what it started fails
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_name = "BOOL", help_heading = "How")]
    pause_on_failure: Option<bool>,
    /// Start nothing by itself until it is resumed
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_name = "BOOL", help_heading = "How")]
    paused: Option<bool>,
    /// For people
    #[arg(long, help_heading = "How")]
    note: Option<String>,
    /// Start so many by itself, then no more
    #[arg(long, value_name = "COUNT", help_heading = "How")]
    remaining: Option<u64>,
}

impl Flags {
    /// The schedule that they make of the one before; checked.
    pub(super) fn schedule(&self, before: Option<Schedule>) -> Outcome<Schedule> {
        let mut schedule = match (&self.schedule, before) {
            (Some(given), _) => whole(given)?,
            (None, Some(before)) => before,
            (None, None) => Schedule::new(Default::default(), Default::default()),
        };
        self.change_spec(&mut schedule);
        self.change_action(&mut schedule)?;
        let Self {
            overlap,
            catch_up,
            pause_on_failure,
            paused,
            note,
            remaining,
            ..
        } = self;
        set(&mut schedule.overlap, *overlap);
        set(&mut schedule.catch_up, *catch_up);
        set(&mut schedule.pause_on_failure, *pause_on_failure);
        set(&mut schedule.paused, *paused);
        set(&mut schedule.note, note.clone());
        schedule.remaining = remaining.or(schedule.remaining);
        if schedule.action.workflow.is_empty() {
            return Err(Fault::usage(
                "a schedule starts a workflow: --type says which",
            ));
        }
        let checked = schedule.check();
        checked.map_err(|wrong| Fault::quoting(Exit::Usage, wrong.message()))?;
        Ok(schedule)
    }

    fn change_spec(&self, schedule: &mut Schedule) {
        let spec = &mut schedule.spec;
        if !(self.cron.is_empty() && self.interval.is_empty() && self.calendar.is_empty()) {
            spec.cron.clone_from(&self.cron);
            spec.intervals.clone_from(&self.interval);
            spec.calendars.clone_from(&self.calendar);
        }
        if !self.exclude.is_empty() {
            spec.exclude.clone_from(&self.exclude);
        }
        set(&mut spec.time_zone, self.time_zone.clone());
        spec.start_at = self.start_at.or(spec.start_at);
        spec.end_at = self.end_at.or(spec.end_at);
        spec.jitter = self.jitter.or(spec.jitter);
    }

    fn change_action(&self, schedule: &mut Schedule) -> Outcome {
        let action = &mut schedule.action;
        set(&mut action.workflow, self.workflow.clone());
        if let Some(input) = self.input.given()? {
            action.input = serde_json::from_slice(input.data()).map_err(std::io::Error::from)?;
        }
        if self.version.is_some() {
            action.version.clone_from(&self.version);
        }
        let fields = |given: &[Given]| {
            let fields = given.iter();
            fields
                .map(|Given(name, json)| (name.clone(), Json::of(json)))
                .collect()
        };
        if !self.search_attribute.is_empty() {
            action.attributes = fields(&self.search_attribute);
        }
        if !self.memo.is_empty() {
            action.memo = fields(&self.memo);
        }
        action.run_timeout = self.run_timeout.or(action.run_timeout);
        action.execution_timeout = self.execution_timeout.or(action.execution_timeout);
        Ok(())
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

fn whole(given: &str) -> Outcome<Schedule> {
    let json = read("--schedule", given)?;
    serde_json::from_slice(json.data())
        .map_err(|wrong| Fault::quoting(Exit::Usage, &format!("--schedule: {wrong}")))
}

fn interval(text: &str) -> Result<Interval, String> {
    let (every, offset) = match text.split_once('/') {
        Some((every, offset)) => (every, Some(offset)),
        None => (text, None),
    };
    let span = |text: &str| text.parse::<Span>().map_err(|wrong| wrong.to_string());
    Ok(Interval {
        every: span(every)?,
        offset: offset.map(span).transpose()?.unwrap_or_default(),
    })
}

fn calendar(text: &str) -> Result<Calendar, String> {
    serde_json::from_str(text).map_err(|wrong| wrong.to_string())
}

fn exclusion(text: &str) -> Result<Exclusion, String> {
    match text.trim_start().starts_with('{') {
        true => calendar(text).map(Exclusion::Calendar),
        false => Ok(Exclusion::Cron(text.to_owned())),
    }
}

/// Also as Temporal's command line writes it: `BufferOne`.
pub(super) fn overlap(text: &str) -> Result<Overlap, String> {
    let plain: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    match plain.to_ascii_lowercase().as_str() {
        "skip" => Ok(Overlap::Skip),
        "bufferone" => Ok(Overlap::BufferOne),
        "bufferall" => Ok(Overlap::BufferAll),
        "cancelother" => Ok(Overlap::CancelOther),
        "terminateother" => Ok(Overlap::TerminateOther),
        "allowall" => Ok(Overlap::AllowAll),
        _ => Err(
            "skip, buffer_one, buffer_all, cancel_other, terminate_other and allow_all are allowed"
                .to_owned(),
        ),
    }
}

pub(super) fn instant(text: &str) -> Result<Instant, String> {
    let quoted = serde_json::to_string(text).map_err(|wrong| wrong.to_string())?;
    serde_json::from_str(&quoted).map_err(|wrong| wrong.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn schedule(words: &[&str], before: Option<Schedule>) -> Outcome<Schedule> {
        let words = std::iter::once("x").chain(words.iter().copied());
        Line::try_parse_from(words).unwrap().flags.schedule(before)
    }

    #[test]
    fn flags_make_a_schedule_and_change_one() {
        let made = schedule(
            &[
                "--cron=0 9 * * MON-FRI",
                "--time-zone=Europe/Zurich",
                "-t=report",
                "-i={\"total\":49.90}",
                "--overlap=BufferOne",
                "--pause-on-failure",
            ],
            None,
        )
        .unwrap();
        let changed = schedule(
            &[
                "--interval=1h/15m",
                "--pause-on-failure=false",
                "--remaining=3",
            ],
            Some(made.clone()),
        )
        .unwrap();

        assert_eq!(made.action.input.as_str(), "{\"total\":49.90}");
        assert_eq!(made.overlap, Overlap::BufferOne);
        assert!(made.pause_on_failure && !changed.pause_on_failure);
        assert_eq!(changed.spec.cron, Vec::<String>::new());
        assert_eq!(changed.spec.intervals[0].offset, "15m".parse().unwrap());
        assert_eq!(changed.spec.time_zone, "Europe/Zurich");
        assert_eq!(changed.remaining, Some(3));
        assert_eq!(changed.action, made.action);
    }

    #[test]
    fn what_is_wrong_is_a_wrong_usage_that_names_the_field() {
        for (words, said) in [
            (
                &["--cron=* *", "-t=report"][..],
                "spec: cron[0]: `* *`: 2 fields",
            ),
            (&["--cron=@daily"][..], "--type says which"),
            (
                &["--schedule={\"spek\":1}"][..],
                "--schedule: unknown field `spek`",
            ),
            (
                &["-t=report", "--time-zone=Mars"][..],
                "spec: time_zone: `Mars`",
            ),
        ] {
            let fault = schedule(words, None).unwrap_err();
            assert_eq!(fault.exit(), Exit::Usage);
            assert!(fault.message().contains(said), "{}", fault.message());
        }
    }
}
