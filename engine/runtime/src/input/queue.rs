//! What people, and other partitions, say of limited queues. That the record is genuine was checked where it was routed.

use sagaline_core::{
    ActivityId, Attempt, ChangeQueue, Limit, Name, QueueAct, QueueCommand, QueueTask, WorkflowId,
    bounds,
    event::{QueueChanged, RejectReason},
};
use sagaline_journal::wire::{act, ce_type, header, topic};
use serde::{Deserialize, Deserializer};

use super::{
    Reading, Refusal,
    delayed::{number, required},
    workflow::reason,
};
use crate::envelope::{Envelope, bad_header};

/// The body of a change, as the API has it: what is absent stays, `null` lifts the limit.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    #[serde(deserialize_with = "given")]
    max_outstanding: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    rate_per_second: Option<Option<f64>>,
}

fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

/// What a record whose key is `key` says of a queue; `owned` is the partition where it lies.
pub(super) fn command(
    reading: &Reading,
    envelope: &Envelope<'_>,
    (ce_type, key): (&str, WorkflowId),
    owned: i32,
) -> Result<QueueCommand, Refusal> {
    if ce_type == ce_type::QUEUE_RELEASED {
        let queue = envelope.required(header::TASK_QUEUE)?;
        let queue = Name::new(queue)
            .map_err(|error| bad_header(header::TASK_QUEUE, queue, &error.to_string()))?;
        return Ok(QueueCommand::Send(queue, task(envelope, key, owned)?));
    }
    let queue = Name::new(key.as_str()).map_err(|error| {
        let message = format!("the key is the name of a task queue: {error}");
        Refusal::new(RejectReason::BadKey, message)
    })?;
    if ce_type == ce_type::QUEUE_CHANGE {
        return change(reading, envelope, queue, owned);
    }
    let workflow_id = envelope.required(header::WORKFLOW_ID)?;
    let workflow_id = WorkflowId::new(workflow_id)
        .map_err(|error| bad_header(header::WORKFLOW_ID, workflow_id, &error.to_string()))?;
    let of = required(envelope, header::REPLY_PARTITION, "a partition is expected")?;
    let task = task(envelope, workflow_id, of)?;
    match ce_type {
        ce_type::QUEUE_OFFER => Ok(QueueCommand::Offer(queue, task)),
        ce_type::QUEUE_ENDED => Ok(QueueCommand::End(queue, task)),
        other => {
            let shown: String = other.chars().take(80).collect();
            let message = format!("ce_type `{shown}` is not known");
            Err(Refusal::new(RejectReason::UnknownType, message))
        }
    }
}

fn task(
    envelope: &Envelope<'_>,
    workflow_id: WorkflowId,
    partition: i32,
) -> Result<QueueTask, Refusal> {
    let activity = envelope.required(header::ACTIVITY)?;
    Ok(QueueTask {
        partition,
        workflow_id,
        run_id: required(envelope, header::RUN_ID, "a run id is a UUID")?,
        activity_id: number(envelope, header::ACTIVITY_ID, ActivityId::new)?,
        activity: Name::new(activity)
            .map_err(|error| bad_header(header::ACTIVITY, activity, &error.to_string()))?,
        attempt: number(envelope, header::ATTEMPT, Attempt::new)?,
    })
}

/// A person's change; or, where a target partition is named, its result, from the queue's home.
fn change(
    reading: &Reading,
    envelope: &Envelope<'_>,
    queue: Name,
    owned: i32,
) -> Result<QueueCommand, Refusal> {
    let body = envelope.payload().data();
    if envelope.header(header::TARGET_PARTITION)?.is_some() {
        let changed: QueueChanged = serde_json::from_slice(body)
            .map_err(|error| refused(format!("the body is no QueueChanged: {error}")))?;
        return match changed.queue == queue {
            true => Ok(QueueCommand::Adopt(changed)),
            false => Err(refused("key and body name different queues".to_owned())),
        };
    }
    let actor = envelope.required(header::ACTOR)?;
    let act = act(envelope, body)?;
    check_name(&reading.namespace, &queue, &act)?;
    Ok(QueueCommand::Change(ChangeQueue {
        queue,
        home_partition: owned,
        act,
        actor: Name::new(actor)
            .map_err(|error| bad_header(header::ACTOR, actor, &error.to_string()))?,
        reason: reason(envelope)?,
        reply: reading.reply_to(envelope)?,
    }))
}

/// Nothing goes through a queue that no topic can serve. It may be resumed: once it could be paused. That of local activities
/// never could.
fn check_name(namespace: &str, queue: &Name, act: &QueueAct) -> Result<(), Refusal> {
    if let Err(reserved) = bounds::queue(queue) {
        return Err(Refusal::new(RejectReason::BadKey, reserved.to_string()));
    }
    match act {
        QueueAct::Resume(_) => Ok(()),
        QueueAct::Pause(_) | QueueAct::Limit { .. }
            if topic::is_name(&topic::tasks(namespace, queue.as_str())) =>
        {
            Ok(())
        }
        QueueAct::Pause(_) | QueueAct::Limit { .. } => Err(Refusal::new(
            RejectReason::BadKey,
            format!(
                "no topic can serve task queue {queue}: `{namespace}.tasks.<queue>` is at most 249 letters, digits, `.`, `_` and `-`"
            ),
        )),
    }
}

fn act(envelope: &Envelope<'_>, body: &[u8]) -> Result<QueueAct, Refusal> {
    let activity = match envelope.header(header::ACTIVITY)? {
        None => None,
        Some(name) => Some(
            Name::new(name)
                .map_err(|error| bad_header(header::ACTIVITY, name, &error.to_string()))?,
        ),
    };
    match envelope.required(header::ACT)? {
        act::PAUSE => Ok(QueueAct::Pause(activity)),
        act::RESUME => Ok(QueueAct::Resume(activity)),
        act::LIMIT => limits(body),
        other => Err(bad_header(
            header::ACT,
            other,
            "limit, pause or resume is expected",
        )),
    }
}

fn limits(body: &[u8]) -> Result<QueueAct, Refusal> {
    // Fields in a list, without their names, would be read as well.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(refused("the body is no JSON object of limits".to_owned()));
    }
    let limits: Limits = serde_json::from_slice(body)
        .map_err(|error| refused(format!("the body is no JSON of limits: {error}")))?;
    let max_outstanding = match limits.max_outstanding {
        None => Limit::Keep,
        Some(None) => Limit::Lift,
        Some(Some(max)) => Limit::Set(max),
    };
    let rate_per_hour = match limits.rate_per_second {
        None => Limit::Keep,
        Some(None) => Limit::Lift,
        Some(Some(rate)) => Limit::Set(per_hour(rate)),
    };
    Ok(QueueAct::Limit {
        max_outstanding,
        rate_per_hour,
    })
}

/// Whole tasks in an hour, never more than was asked for; what is out of all bounds is 0 or more than any rate may be, and
/// refused as such.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is below 0 is 0"
)]
fn per_hour(rate_per_second: f64) -> u64 {
    let (rate, whole) = (
        rate_per_second * 3_600.0,
        (rate_per_second * 3_600.0).round(),
    );
    // 7 an hour are no whole number of tasks in a second: what only this calculation has lost is not lost.
    let is_whole = (rate - whole).abs() <= whole * f64::EPSILON * 4.0;
    (if is_whole { whole } else { rate.floor() }) as u64
}

fn refused(message: String) -> Refusal {
    Refusal::new(RejectReason::BadEnvelope, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sagaline_core::{
        Command, PausedType, QueueMessage, QueueWord, RunId, Timestamp, event::QueueChanged,
    };
    use sagaline_journal::{NewRecord, Record, wire::partition_of};

    use super::*;
    use crate::{Keys, input::Input, output::Writing};

    const PARTITIONS: i32 = 4;

    /// A run's task of queue `payments`, from the partition of its workflow.
    fn task_of(workflow_id: &str) -> QueueTask {
        let id = WorkflowId::new(workflow_id).unwrap();
        QueueTask {
            partition: partition_of(workflow_id.as_bytes(), PARTITIONS),
            run_id: RunId::derive("ns", &id, b"1"),
            workflow_id: id,
            activity_id: ActivityId::new(7).unwrap(),
            activity: Name::from("charge"),
            attempt: Attempt::new(2).unwrap(),
        }
    }

    fn settings(home_partition: i32) -> QueueChanged {
        QueueChanged {
            queue: Name::from("payments"),
            version: 3,
            home_partition,
            max_outstanding: Some(10),
            rate_per_hour: Some(1_800),
            paused: vec![PausedType {
                activity: None,
                at: Timestamp::from_micros(1_790_000_000_123_456),
                actor: Name::from("ada"),
                reason: Some("the bank is down".into()),
            }],
            actor: Name::from("ada"),
            reason: None,
        }
    }

    fn record(word: QueueWord) -> NewRecord {
        let writing = Writing {
            namespace: "ns".to_owned(),
            keys: Keys::development(),
            inbox: "ns.inbox".into(),
            results: "ns.results".into(),
            control: "ns.control".into(),
            partitions: PARTITIONS,
        };
        let queue = Name::from("payments");
        writing.queue(&QueueMessage { queue, word })
    }

    fn arrives(record: &NewRecord) -> Result<QueueCommand, RejectReason> {
        let reading = Reading::new("ns", PARTITIONS, Keys::development());
        let placed: Record = record.placed(7, Timestamp::default());
        match reading.input(&placed, record.partition) {
            Input::Command { command, .. } => match *command {
                Command::Queue(command) => Ok(*command),
                other => panic!("{other:?}"),
            },
            Input::Refused { refusal, .. } => Err(refusal.reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_one_partition_says_another_understands() {
        let queue = Name::from("payments");
        let home = partition_of(b"payments", PARTITIONS);
        let tell = |word| arrives(&record(word)).unwrap();

        for id in ["a", "b", "c", "order/1"] {
            let task = task_of(id);
            let offered = tell(QueueWord::Offered(task.clone()));
            assert_eq!(offered, QueueCommand::Offer(queue.clone(), task.clone()));
            let released = tell(QueueWord::Released(task.clone()));
            assert_eq!(released, QueueCommand::Send(queue.clone(), task.clone()));
            let ended = tell(QueueWord::Ended(task.clone()));
            assert_eq!(ended, QueueCommand::End(queue.clone(), task));
        }
        for partition in 0..PARTITIONS {
            let changed = QueueWord::Changed(Arc::new(settings(home)), partition);
            assert_eq!(tell(changed), QueueCommand::Adopt(settings(home)));
        }
    }

    #[test]
    fn what_is_not_signed_is_forged() {
        let home = partition_of(b"payments", PARTITIONS);
        for word in [
            QueueWord::Offered(task_of("a")),
            QueueWord::Released(task_of("a")),
            QueueWord::Changed(Arc::new(settings(home)), 0),
        ] {
            let mut unsigned = record(word);
            unsigned.push_header(header::MAC, "development:AAAA");

            assert_eq!(arrives(&unsigned), Err(RejectReason::Forged));
        }
    }

    #[test]
    fn a_queue_that_no_topic_can_serve_is_neither_limited_nor_paused() {
        let limit = QueueAct::Limit {
            max_outstanding: Limit::Set(1),
            rate_per_hour: Limit::Keep,
        };
        let long = "q".repeat(249 - "ns.tasks.".len());
        for queue in ["payments", "a.b-c_d", &long] {
            let queue = Name::new(queue).unwrap();
            assert!(check_name("ns", &queue, &limit).is_ok(), "{queue}");
        }
        for queue in ["a/b c", "a\u{1b}[2J", "b\u{e9}ta", &format!("{long}q")] {
            let queue = Name::new(queue).unwrap();
            for act in [&limit, &QueueAct::Pause(None)] {
                let refused = check_name("ns", &queue, act).unwrap_err();
                assert_eq!(refused.reason, RejectReason::BadKey);
                assert!(refused.message.contains("249 letters"), "{queue}");
            }
            assert!(check_name("ns", &queue, &QueueAct::Resume(None)).is_ok());
        }
    }

    fn read(body: &str) -> Option<(Limit<u32>, Limit<u64>)> {
        match limits(body.as_bytes()) {
            Ok(QueueAct::Limit {
                max_outstanding,
                rate_per_hour,
            }) => Some((max_outstanding, rate_per_hour)),
            Ok(_) | Err(_) => None,
        }
    }

    #[test]
    fn what_is_absent_stays_and_null_lifts_a_limit() {
        assert_eq!(read("{}"), Some((Limit::Keep, Limit::Keep)));
        assert_eq!(
            read(r#"{"max_outstanding":null,"rate_per_second":0.5}"#),
            Some((Limit::Lift, Limit::Set(1_800)))
        );
        assert_eq!(
            read(r#"{"max_outstanding":0,"rate_per_second":null}"#),
            Some((Limit::Set(0), Limit::Lift))
        );
        let absurd = read(r#"{"rate_per_second":-3}"#);
        assert_eq!(absurd, Some((Limit::Keep, Limit::Set(0))));
    }

    #[test]
    fn no_more_tasks_than_asked_for_go_out_in_an_hour() {
        for whole in (1..100_000).chain([3_600_000_000, 3_599_999_999]) {
            #[expect(clippy::cast_precision_loss, reason = "none is near 2^53")]
            let rate = whole as f64;
            assert_eq!(per_hour(rate / 3_600.0), whole);
            assert_eq!(per_hour((rate + 0.9) / 3_600.0), whole);
        }
        assert_eq!(per_hour(0.9 / 3_600.0), 0);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for body in [
            "",
            "[]",
            r#"{"max":1}"#,
            r#"{"max_outstanding":-1}"#,
            r#"{"rate_per_second":"1"}"#,
        ] {
            assert!(read(body).is_none(), "{body}");
        }
    }
}
