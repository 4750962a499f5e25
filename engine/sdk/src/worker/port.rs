//! What a worker needs of Kafka, so that tests can stand in for it.

use std::{any::Any, future::Future, sync::Arc};

use sagaline_journal::{
    Error, NewRecord, Record,
    kafka::{GroupConsumer, GroupEvent, Producer},
};

use super::offsets::Place;

/// Whatever is dropped when partitions may go.
pub(crate) type HandOver = Box<dyn Any + Send>;

/// What comes to a member of a group.
#[derive(Debug)]
pub(crate) enum Event {
    /// A task.
    Record(Record),
    /// Partitions came, all anew.
    Assigned,
    /// These go; until the hand-over is dropped they wait for what is running.
    Leaving(Vec<Place>, HandOver),
    /// They are gone.
    Lost,
}

/// Where tasks come from.
pub(crate) trait Tasks: Send {
    /// What comes next; `None`: it broke. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Event>> + Send;

    /// Everything before `next` is done. Returns at once.
    fn commit(&self, place: &Place, next: i64);

    /// Leaves the group, after the last commit.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Where answers go.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// Sends, and waits until the answer is on all replicas.
    fn send(&self, record: NewRecord) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Tasks for GroupConsumer {
    async fn next(&mut self) -> Option<Event> {
        Some(match Self::next(self).await? {
            GroupEvent::Record(record) => Event::Record(record),
            GroupEvent::Assigned(_) => Event::Assigned,
            GroupEvent::Revoked(places, hand_over) => Event::Leaving(places, Box::new(hand_over)),
            GroupEvent::Lost(_) => Event::Lost,
        })
    }

    fn commit(&self, (topic, partition): &Place, next: i64) {
        let topic: &Arc<str> = topic;
        Self::commit(self, topic, *partition, next);
    }

    async fn close(self) {
        Self::close(self).await;
    }
}

impl Answers for Producer {
    async fn send(&self, record: NewRecord) -> Result<(), Error> {
        Self::send(self, record).await.map(drop)
    }
}
