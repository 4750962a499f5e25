//! Topics as lanes see them: those of task queues are not there at first and made once somebody asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::wire::topic;
use sagaline_runtime::lane::{QueueTopic, QueueTopics, ReplyTopic, SentTask};

use crate::{
    delay::{MAIL, MAIL_PARTITIONS},
    log::NAMESPACE,
};

/// Partitions of every task queue.
pub(crate) const QUEUE_PARTITIONS: i32 = 3;

/// Which topics are there, and which are wanted.
#[derive(Debug, Default)]
pub(crate) struct QueueTopicsThere(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    there: BTreeMap<String, i32>,
    asked: BTreeSet<String>,
    wanted: Vec<String>,
}

impl QueueTopicsThere {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Topics that were asked for since the last call and are to be made.
    pub(crate) fn take_wanted(&self) -> Vec<String> {
        std::mem::take(&mut self.known().wanted)
    }

    /// The topic is there, with so many partitions.
    pub(crate) fn ready(&self, topic: &str, partitions: i32) {
        self.known().there.insert(topic.to_owned(), partitions);
    }

    /// The topic is no longer there.
    pub(crate) fn gone(&self, topic: &str) {
        let mut known = self.known();
        known.there.remove(topic);
        known.asked.remove(topic);
    }
}

/// Spreads instants evenly (Knuth's multiplier for 64 bits).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl QueueTopics for QueueTopicsThere {
    fn topic(&self, topic: &str) -> QueueTopic {
        let mut known = self.known();
        if let Some(partitions) = known.there.get(topic) {
            return QueueTopic::There(*partitions);
        }
        if known.asked.insert(topic.to_owned()) {
            known.wanted.push(topic.to_owned());
        }
        QueueTopic::Coming
    }

    /// Some are proved to have waited for a while, of some nobody can tell for a while; in the end all may have begun.
    fn queued_until(&self, _: &str, task: SentTask, now: Timestamp) -> Option<Timestamp> {
        let waited = now.since(task.sent_at).0;
        let kind = task.sent_at.as_micros().unsigned_abs().wrapping_mul(SPREAD) >> 61;
        match kind {
            0 if waited < 12_000 => None,
            1 if waited < 9_000 => Some(now),
            2 => Some(task.sent_at.plus(Millis(3_000)).min(now)),
            _ => Some(task.sent_at),
        }
    }

    /// Looked up once; the one that all replies go to is there, and that of strangers.
    fn reply_topic(&self, name: &str) -> ReplyTopic {
        if self.known().asked.insert(name.to_owned()) {
            ReplyTopic::Looking
        } else if name == topic::replies(NAMESPACE) {
            ReplyTopic::There(1)
        } else if name == MAIL {
            ReplyTopic::There(MAIL_PARTITIONS)
        } else {
            ReplyTopic::Missing
        }
    }
}
