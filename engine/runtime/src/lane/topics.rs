//! Topics that a lane sends to and does not own: it asks, and is answered at once.

use std::sync::Arc;

use sagaline_core::Timestamp;

use super::SentTask;

/// The topics of task queues, and those that want replies.
pub trait QueueTopics: Send + Sync + std::fmt::Debug {
    /// What is known of a queue's topic. One that is not there is made. Returns at once.
    fn topic(&self, name: &str) -> QueueTopic;

    /// What is known of a topic that wants a reply: a stranger named it, so it is never made. Returns at once.
    fn reply_topic(&self, name: &str) -> ReplyTopic;

    /// Until when a task is proved to have waited in its queue: at least when it was sent, and `now` when it waits there
    /// still; none when nobody can tell. Returns at once.
    fn queued_until(&self, topic: &str, task: SentTask, now: Timestamp) -> Option<Timestamp>;
}

/// What is known of a queue's topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueTopic {
    /// It is there, with so many partitions.
    There(i32),
    /// It is being looked up or made, or the brokers are away.
    Coming,
    /// It is not there, and the brokers refuse to make it: why, and what helps.
    Refused(Arc<str>),
}

/// What is known of a topic that wants a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTopic {
    /// It is there, with so many partitions.
    There(i32),
    /// It is not there. It may come.
    Missing,
    /// It is being looked up, or the brokers are away.
    Looking,
    /// So many topics were named that nobody looks for this one.
    TooMany,
}
