//! Task queues as a server has them: what lies in their topics, who reads them, what limits them as its engine knows it.

use sagaline_core::{Millis, Name, view::age};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{HoldArgs, LimitArgs, Session, Why, act::Limit};
use crate::{
    cli::{
        api::{Api, Change, Method, Path},
        rows,
    },
    fault::Outcome,
    output::{Format, Output, aside, visible},
};

/// A queue; what an older server leaves out is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Queue {
    name: String,
    /// None, as the next: Kafka did not say.
    workers: Option<Vec<Worker>>,
    backlog: Option<i64>,
    pending: Option<u64>,
    oldest_ms: Option<u64>,
    rates: Option<Rates>,
    limits: Option<Limits>,
}

/// How many tasks come and go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rates {
    added_per_second: f64,
    taken_per_second: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Worker {
    client_id: String,
    host: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    max_outstanding: Option<u32>,
    rate_per_second: Option<f64>,
    is_paused: bool,
    paused: Vec<Pause>,
    /// None, as the next two: another process has its home.
    waiting: Option<u64>,
    held_back: Option<u64>,
    outstanding: Option<u64>,
}

/// Something that is paused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pause {
    activity: Option<String>,
    by: String,
}

#[derive(Deserialize)]
struct List {
    task_queues: Vec<Box<RawValue>>,
    #[serde(default)]
    left_out: usize,
}

pub(super) fn list(output: Output, api: &Api) -> Outcome {
    let json = api.get(&Path::new("task-queues"))?;
    let List {
        task_queues,
        left_out,
    } = api.parsed(&json)?;
    match output.format {
        Format::Json => output.json(&json)?,
        Format::Jsonl => task_queues.iter().try_for_each(|one| output.json(one))?,
        Format::Table if task_queues.is_empty() => {
            output.line("No task queue yet: the first is made when an activity is scheduled.")?;
        }
        Format::Table => {
            let queues: Vec<Queue> = rows::parsed(&task_queues)?;
            let rows: Vec<Vec<String>> = queues.iter().map(Queue::cells).collect();
            output.table(super::see::HEADINGS, &rows)?;
        }
    }
    if left_out > 0 {
        aside(&format!("… {left_out} more, which the server leaves out"));
    }
    Ok(())
}

pub(super) fn describe(output: Output, api: &Api, name: &Name) -> Outcome {
    let json = api.get(&path(name))?;
    match output.format {
        Format::Json | Format::Jsonl => output.json(&json)?,
        Format::Table => output.line(&api.parsed::<Queue>(&json)?.text())?,
    }
    Ok(())
}

fn path(name: &Name) -> Path {
    Path::new("task-queues").then(name.as_str())
}

impl Queue {
    fn cells(&self) -> Vec<String> {
        let none = || NOTHING.to_owned();
        let limits = self.limits.as_ref();
        let number = |number: Option<u64>| shown(number.as_ref());
        vec![
            self.name.clone(),
            match self.workers.as_ref().map(Vec::len) {
                None => none(),
                Some(0) => "none".to_owned(),
                Some(some) => some.to_string(),
            },
            shown(self.backlog.as_ref()),
            self.oldest_ms
                .map_or_else(none, |oldest| age(Millis(oldest))),
            number(limits.and_then(Limits::held)),
            number(limits.and_then(|one| one.outstanding)),
            limits.and_then(Limits::in_force).unwrap_or_else(none),
        ]
    }

    fn text(&self) -> String {
        let mut lines = vec![self.name.clone(), String::new()];
        let mut line = |what: &str, text: String| lines.push(format!("  {what:<13}{text}"));
        let oldest = self.oldest_ms;
        let oldest = oldest.map(|oldest| format!(", the oldest for {}", age(Millis(oldest))));
        let (backlog, oldest) = (shown(self.backlog.as_ref()), oldest.unwrap_or_default());
        line("Backlog", format!("{backlog} tasks{oldest}"));
        line(
            "Pending",
            format!("{} activities", shown(self.pending.as_ref())),
        );
        if let Some(rates) = &self.rates {
            let (added, taken) = (rates.added_per_second, rates.taken_per_second);
            line(
                "Rates",
                format!("{added:.1} a second come, {taken:.1} are taken"),
            );
        }
        if let Some(limits) = &self.limits {
            let waiting = shown(limits.waiting.as_ref());
            let held_back = shown(limits.held_back.as_ref());
            line(
                "Held",
                format!("{waiting} wait for their turn, {held_back} are paused"),
            );
            line("Outstanding", shown(limits.outstanding.as_ref()));
        }
        let in_force = self.limits.as_ref().and_then(Limits::in_force);
        line("Limits", in_force.unwrap_or_else(|| "none".to_owned()));
        match self.workers.as_deref() {
            None => line("Workers", NOTHING.to_owned()),
            Some([]) => line("Workers", "none: no worker reads it".to_owned()),
            Some(workers) => {
                for (number, worker) in workers.iter().enumerate() {
                    let what = if number == 0 { "Workers" } else { "" };
                    line(what, format!("{} from {}", worker.client_id, worker.host));
                }
            }
        }
        let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
        lines.join("\n")
    }
}

/// Stands for what is not known, or not there.
const NOTHING: &str = "-";

fn shown(number: Option<&impl ToString>) -> String {
    number.map_or_else(|| NOTHING.to_owned(), ToString::to_string)
}

impl Limits {
    /// Tasks that wait before the topic.
    fn held(&self) -> Option<u64> {
        Some(self.waiting?.saturating_add(self.held_back?))
    }

    /// `10 at once and 5 a second; charge paused by ada`; none: nothing limits it.
    fn in_force(&self) -> Option<String> {
        let at_once = self.max_outstanding.map(|max| format!("{max} at once"));
        let rate = self.rate_per_second.map(rate);
        let limits = match (at_once, rate) {
            (Some(at_once), Some(rate)) => Some(format!("{at_once} and {rate}")),
            (at_once, rate) => at_once.or(rate),
        };
        let paused = self.paused.iter().map(|one| match &one.activity {
            Some(activity) => format!("{activity} paused by {}", one.by),
            None => format!("paused by {}", one.by),
        });
        let paused: Vec<String> = match self.is_paused && self.paused.is_empty() {
            true => vec!["paused".to_owned()],
            false => paused.collect(),
        };
        let all: Vec<String> = limits.into_iter().chain(paused).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// As it is told where the journal is read: by the second, the minute or the hour.
fn rate(per_second: f64) -> String {
    let per_hour = (per_second * 3_600.0).round();
    match per_hour {
        _ if per_hour % 3_600.0 == 0.0 => format!("{} a second", per_hour / 3_600.0),
        _ if per_hour % 60.0 == 0.0 => format!("{} a minute", per_hour / 60.0),
        _ => format!("{per_hour} an hour"),
    }
}

/// The body of a change.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_outstanding: Option<Limit<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_per_second: Option<Limit<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(super) fn limit(session: &Session, api: &Api, args: &LimitArgs) -> Outcome {
    let queue = &args.of.queue;
    let body = Body {
        max_outstanding: args.max_outstanding,
        rate_per_second: args.rate,
        reason: args.why.reason.as_deref(),
    };
    let call = (Method::Put, path(queue).then("limits"));
    change(session, api, (queue, call, &args.why), &body)
}

pub(super) fn hold(session: &Session, api: &Api, args: &HoldArgs, verb: &str) -> Outcome {
    let queue = &args.of.queue;
    let body = Body {
        max_outstanding: None,
        rate_per_second: None,
        reason: args.why.reason.as_deref(),
    };
    let path = match &args.activity {
        Some(activity) => path(queue).then("activities").then(activity.as_str()),
        None => path(queue),
    };
    let call = (Method::Post, path.then(verb));
    change(session, api, (queue, call, &args.why), &body)
}

fn change(
    session: &Session,
    api: &Api,
    (queue, (method, path), why): (&Name, (Method, Path), &Why),
    body: &Body<'_>,
) -> Outcome {
    let output = session.output;
    let answer = api.change(&Change {
        method,
        path,
        body: to_raw_value(body)?,
        key: why.idempotency_key.as_deref(),
        timeout: why.timeout,
    })?;
    if output.format != Format::Table {
        return Ok(output.json(&answer.json)?);
    }
    // It is done; what is in force is said beside it, if the server knows.
    let seen = api.read::<Queue>(&self::path(queue));
    let in_force = seen.ok().and_then(|seen| seen.limits?.in_force());
    let done = match in_force {
        Some(all) => format!("Queue {queue} is changed. In force: {all}."),
        None => format!("Queue {queue} is changed."),
    };
    Ok(output.say(&done)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_limits_a_queue_is_told_as_the_journal_s_reader_tells_it() {
        let of = |json: &str| serde_json::from_str::<Limits>(json).unwrap().in_force();

        assert_eq!(of("{}"), None);
        assert_eq!(
            of(r#"{"max_outstanding":10,"rate_per_second":0.5}"#).unwrap(),
            "10 at once and 30 a minute"
        );
        assert_eq!(of(r#"{"is_paused":true}"#).unwrap(), "paused");
        assert_eq!(
            of(r#"{"rate_per_second":5.0,"is_paused":true,"paused":[{"activity":"charge","by":"ada"}]}"#)
                .unwrap(),
            "5 a second; charge paused by ada"
        );
    }

    #[test]
    fn what_strangers_wrote_moves_no_cursor_and_makes_no_line() {
        let queue: Queue = serde_json::from_str(
            r#"{"name":"a\u001b[2J","workers":[{"client_id":"w\nWorkers  many","host":"\u202eh"}],"unknown":1}"#,
        )
        .unwrap();

        let text = queue.text();

        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert!(!text.contains("\nWorkers  many"), "{text}");
    }
}
