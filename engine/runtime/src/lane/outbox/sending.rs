//! Which record an effect becomes, and what keeps it from going out.

use std::sync::Arc;

use sagaline_core::{Effect, Timestamp};
use sagaline_journal::{NewRecord, wire::topic};

use super::{Outbox, local, reply::reply_way};
use crate::lane::{LaneShared, QueueTopic};

#[derive(Clone, Debug)]
pub(super) struct Queue {
    topic: Arc<str>,
    pub(super) partitions: i32,
}

/// What became of an attempt to send.
pub(super) enum Sending {
    Record(NewRecord),
    /// The topic is not there yet, as far as is known; why it cannot be made, if the brokers refuse to.
    NoTopic(Option<Arc<str>>),
    /// The reply's topic or partition is not there.
    NobodyThere,
    /// The topic can never be there.
    Never(String),
    /// The record to be forwarded must be read first.
    Read(Arc<str>, i32, i64),
}

impl Outbox {
    pub(super) fn record(
        &mut self,
        shared: &LaneShared,
        (partition, now): (i32, Timestamp),
        effect: &Effect,
    ) -> Sending {
        match effect {
            Effect::Task(task) => {
                let queue = match self.queues.get(&task.scheduled.task_queue) {
                    Some(queue) => queue.clone(),
                    None => {
                        let topic = shared.writing.queue_topic(&task.scheduled.task_queue);
                        if !topic::is_name(&topic) {
                            let queue = &task.scheduled.task_queue;
                            return Sending::Never(format!(
                                "no topic can serve task queue {queue}"
                            ));
                        }
                        let partitions = match shared.topics.topic(&topic) {
                            QueueTopic::There(partitions) => partitions,
                            QueueTopic::Coming => return Sending::NoTopic(None),
                            QueueTopic::Refused(reason) => return Sending::NoTopic(Some(reason)),
                        };
                        let queue = Queue { topic, partitions };
                        self.queues
                            .insert(task.scheduled.task_queue.clone(), queue.clone());
                        queue
                    }
                };
                Sending::Record(
                    shared
                        .writing
                        .task(task, queue.topic, partition, queue.partitions),
                )
            }
            Effect::Retry(retry) => Sending::Record(shared.writing.retry(retry, partition, now)),
            Effect::Cancel(cancel) => {
                local::cancel(shared, cancel);
                Sending::Record(shared.writing.cancel(cancel))
            }
            Effect::Queue(message) => Sending::Record(shared.writing.queue(message)),
            Effect::Child(message) => Sending::Record(shared.writing.child(message)),
            Effect::External(message) => Sending::Record(shared.writing.external(message)),
            Effect::Reply(reply) => match reply_way(shared, &reply.to) {
                None => Sending::Record(shared.writing.reply(reply)),
                Some(obstacle) => obstacle,
            },
            Effect::Forward { cause, .. } => {
                match self.forwards.get(&(cause.topic.to_string(), cause.offset)) {
                    Some(record) => Sending::Record(record.clone()),
                    None => Sending::Read(cause.topic.clone(), cause.partition, cause.offset),
                }
            }
        }
    }
}
