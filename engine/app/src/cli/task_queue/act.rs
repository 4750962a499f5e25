//! `task-queue limit`, `pause` and `resume`: signed records for the queue's home; they return when it is in the journal.

use sagaline_core::{Event, Name, Payload, Queue, WorkflowId, bounds, view::limits};
use sagaline_journal::{
    Item, JournalReader, Journaled,
    wire::{act, ce_type, header, topic},
};
use serde::{Serialize, Serializer};

use super::{HoldArgs, LimitArgs, Session, Why, see::in_force};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Inbox, Question},
    journal::Journal,
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
    change.tell(session, args.why)
}

pub(super) fn pause(session: &Session, args: HoldArgs) -> Outcome {
    hold(session, args, act::PAUSE)
}

pub(super) fn resume(session: &Session, args: HoldArgs) -> Outcome {
    hold(session, args, act::RESUME)
}

fn hold(session: &Session, args: HoldArgs, act: &'static str) -> Outcome {
    let change = Change {
        queue: &args.of.queue,
        act,
        activity: args.activity.as_ref(),
        body: Payload::empty(),
    };
    change.tell(session, args.why)
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
    fn tell(self, session: &Session, why: Why) -> Outcome {
        let key = self.key(&session.settings.namespace)?;
        let question = Question::new(ce_type::QUEUE_CHANGE, &key);
        let actor = question.source().to_owned();
        let mut question = question
            .header(header::ACT, Some(self.act))
            .header(header::ACTIVITY, self.activity.map(Name::to_string))
            .header(header::ACTOR, Some(actor))
            .header(header::REASON, why.reason)
            .value(self.body.clone())
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
            Format::Table => {
                let done = match self.after(session, &key) {
                    Ok(queue) => self.done(&queue),
                    Err(fault) => format!(
                        "Queue {}: the journal has it; what is in force could not be read: {}",
                        self.queue,
                        fault.message()
                    ),
                };
                session.output.say(&done)?;
            }
        }
        Ok(())
    }

    /// The queue's name as the key of the record. One that no topic can have may be resumed: once it could be paused.
    fn key(&self, namespace: &str) -> Outcome<WorkflowId> {
        bounds::queue(self.queue).map_err(|reserved| Fault::usage(reserved.to_string()))?;
        let topic = topic::tasks(namespace, self.queue.as_str());
        if self.act != act::RESUME && !topic::is_name(&topic) {
            return Err(Fault::usage(format!(
                "no topic can serve task queue {}: `{namespace}.tasks.<queue>` is at most 249 letters, digits, `.`, `_` and `-`",
                self.queue
            )));
        }
        WorkflowId::new(self.queue.as_str()).map_err(|invalid| Fault::usage(invalid.to_string()))
    }

    /// The queue's settings as its home has them now: an act is answered once it is in the journal.
    fn after(&self, session: &Session, key: &WorkflowId) -> Outcome<Queue> {
        let journal = Journal::open(session)?;
        let partition = journal.partition_of(key)?;
        let beginning = journal.beginning(partition)?;
        let known = beginning.state.queues().get(self.queue);
        let mut queue = known.cloned().unwrap_or_default();
        let (mut reader, mut items) = (JournalReader::after(beginning.footing()), Vec::new());
        journal.read((partition, beginning.next_offset()), |record| {
            reader.read(record, &mut items)?;
            let batches = items.drain(..).filter_map(|item| match item {
                Item::Batch(batch) => Some(batch),
                Item::Claim(_) | Item::Void(_) => None,
            });
            for Journaled { transition, .. } in batches.flat_map(|batch| batch.transitions) {
                for event in &transition.events {
                    if matches!(event, Event::QueueChanged(change) if change.queue == *self.queue) {
                        queue.event(&transition.cause, transition.at, event);
                    }
                }
            }
            Ok(())
        })?;
        Ok(queue)
    }

    /// What is so after it, whoever made it so.
    fn done(&self, queue: &Queue) -> String {
        let name = self.queue;
        let paused = queue.settings().map_or(&[][..], |one| &one.paused);
        let is_paused = |of: Option<&Name>| paused.iter().any(|one| one.activity.as_ref() == of);
        let what = match self.activity {
            Some(activity) => format!("Activity {activity} on queue {name}"),
            None => format!("Queue {name}"),
        };
        let done = match (self.act, is_paused(self.activity)) {
            (act::LIMIT, _) if limits(queue).is_some() => format!("{what} is limited."),
            (act::LIMIT, _) => format!("{what} has no limit."),
            (act::PAUSE, true) => format!("{what} is paused; what was sent before goes on."),
            (act::PAUSE, false) => format!("{what} was paused, and is resumed already."),
            (_, true) => format!("{what} was resumed, and is paused again."),
            (_, false) if self.activity.is_some() && is_paused(None) => {
                format!("{what} is not paused, but all of the queue is.")
            }
            (_, false) if self.activity.is_none() && !paused.is_empty() => {
                format!("{what} is not paused as a whole, but activities of it are.")
            }
            (_, false) => format!("{what} is not paused."),
        };
        match in_force(queue) {
            Some(all) => format!("{done} In force: {all}."),
            None => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sagaline_core::{Cause, PausedType, Timestamp, event::QueueChanged};

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

    /// What is said after an act, when these are paused: activities, or all.
    fn said(
        act: &'static str,
        of: Option<&'static str>,
        paused: &[Option<&'static str>],
    ) -> String {
        let (name, of) = (Name::from("payments"), of.map(Name::from));
        let paused = paused.iter().map(|activity| PausedType {
            activity: activity.map(Name::from),
            at: Timestamp::default(),
            actor: Name::from("ada"),
            reason: None,
        });
        let changed = QueueChanged {
            queue: name.clone(),
            version: 1,
            home_partition: 0,
            max_outstanding: (act == act::LIMIT).then_some(10),
            rate_per_hour: None,
            paused: paused.collect(),
            actor: Name::from("ada"),
            reason: None,
        };
        let mut queue = Queue::default();
        let changed = Event::QueueChanged(Arc::new(changed));
        queue.event(&Cause::lane(0, "1"), Timestamp::default(), &changed);
        change(&name, act, of.as_ref()).done(&queue)
    }

    fn change<'a>(queue: &'a Name, act: &'static str, activity: Option<&'a Name>) -> Change<'a> {
        Change {
            queue,
            act,
            activity,
            body: Payload::empty(),
        }
    }

    #[test]
    fn what_is_in_force_is_said_after_every_act() {
        let work = Some("work");
        for (act, of, paused, expected) in [
            (
                act::RESUME,
                work,
                &[None][..],
                "Activity work on queue payments is not paused, but all of the queue is. In force: paused by ada.",
            ),
            (
                act::RESUME,
                None,
                &[work],
                "Queue payments is not paused as a whole, but activities of it are. In force: work paused by ada.",
            ),
            (
                act::RESUME,
                work,
                &[Some("charge")],
                "Activity work on queue payments is not paused. In force: charge paused by ada.",
            ),
            (act::RESUME, None, &[], "Queue payments is not paused."),
            (
                act::PAUSE,
                None,
                &[None],
                "Queue payments is paused; what was sent before goes on. In force: paused by ada.",
            ),
            (
                act::LIMIT,
                None,
                &[work],
                "Queue payments is limited. In force: 10 at once; work paused by ada.",
            ),
        ] {
            assert_eq!(said(act, of, paused), expected);
        }
        let name = Name::from("payments");
        let said = change(&name, act::LIMIT, None).done(&Queue::default());
        assert_eq!(said, "Queue payments has no limit.");
    }

    #[test]
    fn the_queue_of_local_activities_is_left_alone() {
        let name = Name::from(sagaline_core::LOCAL_QUEUE);
        for act in [act::LIMIT, act::PAUSE, act::RESUME] {
            let refused = change(&name, act, None).key("sagaline").unwrap_err();
            assert!(refused.to_string().contains("has no topic and no workers"));
        }
    }

    #[test]
    fn a_queue_that_no_topic_can_serve_is_neither_limited_nor_paused() {
        let long = "q".repeat(236);
        for (queue, is_name) in [
            ("payments", true),
            ("a/b c", false),
            ("a\u{1b}[2J", false),
            (&long, false),
        ] {
            let queue = Name::new(queue).unwrap();
            for act in [act::LIMIT, act::PAUSE] {
                let key = change(&queue, act, None).key("sagaline");
                assert_eq!(key.is_ok(), is_name, "{act} {queue}");
                let said = key.err().map(|fault| fault.to_string());
                assert!(said.is_none_or(|said| said.contains("249 letters")));
            }
        }
    }
}
