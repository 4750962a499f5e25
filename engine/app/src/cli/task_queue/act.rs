//! `task-queue limit`, `pause` and `resume`: signed records for the queue's home; they return when it is in the journal.

use sagaline_core::{Name, Payload, WorkflowId};
use sagaline_journal::wire::{act, ce_type, header};
use serde::{Serialize, Serializer};

use super::{HoldArgs, LimitArgs, Session, Why};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Inbox, Question},
    output::Format,
    server::keys,
    settings::Span,
};

/// A limit, or none any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit<T> {
    None,
    Of(T),
}

impl<T: Serialize> Serialize for Limit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Of(limit) => limit.serialize(serializer),
        }
    }
}

pub(super) fn tasks(text: &str) -> Result<Limit<u32>, String> {
    if text == "none" {
        return Ok(Limit::None);
    }
    let number = text.parse().map(Limit::Of);
    number.map_err(|_| "a number of tasks from 0, or none, is expected".to_owned())
}

/// Tasks per second.
pub(super) fn rate(text: &str) -> Result<Limit<f64>, String> {
    if text == "none" {
        return Ok(Limit::None);
    }
    let (number, seconds) = match text.split_once('/') {
        None | Some((_, "s")) => (text.trim_end_matches("/s"), 1.0),
        Some((number, "m" | "min")) => (number, 60.0),
        Some((number, "h")) => (number, 3_600.0),
        Some(_) => ("", 1.0),
    };
    // What JSON has no number for would arrive as `null`, which lifts the limit.
    let number: Option<f64> = number.parse().ok().filter(|one: &f64| one.is_finite());
    let number = number.filter(|one| *one > 0.0).ok_or_else(|| {
        "a rate over 0 as in 50, 0.5, 30/min or 100/h, or none, is expected".to_owned()
    })?;
    match number * (3_600.0 / seconds) < 1.0 {
        true => Err("the smallest rate is 1/h; to stop a queue, pause it".to_owned()),
        false => Ok(Limit::Of(number / seconds)),
    }
}

/// The body of a change, as the API has it.
#[derive(Serialize)]
struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_outstanding: Option<Limit<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_per_second: Option<Limit<f64>>,
}

pub(super) fn limit(session: &Session, args: LimitArgs) -> Outcome {
    let limits = Limits {
        max_outstanding: args.max_outstanding,
        rate_per_second: args.rate,
    };
    let body = serde_json::to_vec(&limits).map_err(std::io::Error::from)?;
    let change = Change {
        queue: &args.of.queue,
        act: act::LIMIT,
        activity: None,
        body: Payload::json(body),
    };
    let done = format!("Queue {} has new limits.", args.of.queue);
    change.tell(session, args.why, &done)
}

pub(super) fn pause(session: &Session, args: HoldArgs) -> Outcome {
    hold(session, args, act::PAUSE)
}

pub(super) fn resume(session: &Session, args: HoldArgs) -> Outcome {
    hold(session, args, act::RESUME)
}

fn hold(session: &Session, args: HoldArgs, act: &'static str) -> Outcome {
    let queue = &args.of.queue;
    let what = match &args.activity {
        Some(activity) => format!("Activity {activity} on queue {queue}"),
        None => format!("Queue {queue}"),
    };
    let what = match act {
        act::PAUSE => format!("{what} is paused; what was sent before goes on."),
        _ => format!("{what} is not paused any more."),
    };
    let change = Change {
        queue,
        act,
        activity: args.activity.as_ref(),
        body: Payload::empty(),
    };
    change.tell(session, args.why, &what)
}

/// A change of a queue.
struct Change<'a> {
    queue: &'a Name,
    act: &'static str,
    activity: Option<&'a Name>,
    body: Payload,
}

#[derive(Serialize)]
struct Told<'a> {
    queue: &'a Name,
}

impl Change<'_> {
    fn tell(self, session: &Session, why: Why, done: &str) -> Outcome {
        let key = WorkflowId::new(self.queue.as_str())
            .map_err(|invalid| Fault::usage(invalid.to_string()))?;
        let question = Question::new(ce_type::QUEUE_CHANGE, &key);
        let actor = question.source().to_owned();
        let mut question = question
            .header(header::ACT, Some(self.act))
            .header(header::ACTIVITY, self.activity.map(Name::to_string))
            .header(header::ACTOR, Some(actor))
            .header(header::REASON, why.reason)
            .value(self.body)
            .signed(keys(session)?);
        if let Some(key) = why.idempotency_key {
            question = question.id(key);
        }
        let inbox = Inbox::open(session)?;
        let asked = inbox.ask(question)?;
        inbox.accepted(&asked, why.timeout.map(Span::get))?;
        match session.output.format {
            Format::Json | Format::Jsonl => {
                session.output.json(&Told { queue: self.queue })?;
            }
            Format::Table => session.output.line(done)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_by_the_second_the_minute_or_the_hour() {
        for (text, expected) in [
            ("50", Limit::Of(50.0)),
            ("0.5", Limit::Of(0.5)),
            ("50/s", Limit::Of(50.0)),
            ("30/min", Limit::Of(0.5)),
            ("1800/h", Limit::Of(0.5)),
            ("1/h", Limit::Of(1.0 / 3_600.0)),
            ("none", Limit::None),
        ] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for text in [
            "", "0", "-1", "x", "5/day", "/s", "NaN", "inf", "infinity", "-inf", "inf/h", "1e400",
            "1e400/h",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_below_the_smallest_is_refused_with_that_one() {
        for text in ["0.5/h", "0.01/min", "0.0001"] {
            let said = rate(text).unwrap_err();
            assert!(said.contains("1/h"), "{text}: {said}");
        }
    }
}
