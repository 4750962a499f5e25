//! Follows the topic of control: ids of tasks that shall stop, to the workers of all queues.
//!
//! Deliberately absent: a group, and a position. Every worker process reads from the end, and what it missed is missed: an
//! attempt that nobody stops goes on until it ends by itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use sagaline_journal::{
    Error, ErrorKind, Record,
    kafka::{Follower, From, Kafka},
    wire::{CONTROL_PARTITION, ce_type, header},
};
use tokio::sync::mpsc;

/// Pause before the topic is looked for again: an engine makes it when it first starts.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// After so many tries in vain people are told: the first engine may still be starting.
const TRIES_UNSAID: u32 = 20;

/// Tells every queue of each task that shall stop.
pub(super) async fn follow(
    kafka: Kafka,
    topic: Arc<str>,
    queues: Vec<mpsc::UnboundedSender<Arc<str>>>,
) -> Infallible {
    let mut tries: u32 = 0;
    loop {
        let Err(error) = hear(&kafka, &topic, &queues).await;
        tries = tries.saturating_add(1);
        if tries == TRIES_UNSAID {
            tracing::warn!(%topic, %error, "cancellations are not heard; trying again");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn hear(
    kafka: &Kafka,
    topic: &Arc<str>,
    queues: &[mpsc::UnboundedSender<Arc<str>>],
) -> Result<Infallible, Error> {
    let (kafka, name) = (kafka.clone(), Arc::clone(topic));
    let opening = move || Follower::open(&kafka, &name, CONTROL_PARTITION, From::End);
    let opened = tokio::task::spawn_blocking(opening).await;
    let mut follower = opened.map_err(|error| ended(&error.to_string()))??;
    tracing::debug!(%topic, "cancellations are heard");
    while let Some(record) = follower.next().await {
        let record = record?;
        let Some(task_id) = task_to_stop(&record) else {
            continue;
        };
        tracing::debug!(task_id, "a task shall stop");
        let task_id: Arc<str> = task_id.into();
        for queue in queues {
            // A queue whose worker has ended takes the whole process with it.
            drop(queue.send(Arc::clone(&task_id)));
        }
    }
    Err(ended("its reader is gone"))
}

fn ended(reason: &str) -> Error {
    let text = format!("the topic of control is no longer followed: {reason}");
    Error::new(ErrorKind::Internal, "worker-consumer", text)
}

/// The id of the task that a record of the topic of control speaks of.
fn task_to_stop(record: &Record) -> Option<&str> {
    let text = |name| str::from_utf8(record.header(name)?).ok();
    (text(header::CE_TYPE)? == ce_type::ACTIVITY_CANCEL).then_some(())?;
    text(header::CE_SUBJECT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sagaline_core::Timestamp;

    #[test]
    fn other_records_stop_nobody() {
        let record = |headers: &[(&str, &[u8])]| {
            let mut record = Record::new("ns.control".into(), 0, 7, Timestamp::default(), 100);
            for (name, value) in headers {
                record.push_header(name, Some(value));
            }
            record
        };
        let cancel = (header::CE_TYPE, ce_type::ACTIVITY_CANCEL.as_bytes());
        let subject = (header::CE_SUBJECT, &b"r-1/5/1"[..]);

        assert_eq!(task_to_stop(&record(&[cancel, subject])), Some("r-1/5/1"));
        let other = (header::CE_TYPE, &b"sagaline.activity.task.v1"[..]);
        let not_text = (header::CE_SUBJECT, &[0xff][..]);
        for headers in [
            &[][..],
            &[cancel],
            &[subject],
            &[other, subject],
            &[cancel, not_text],
        ] {
            assert_eq!(task_to_stop(&record(headers)), None);
        }
    }
}
