//! What a worker needs of Kafka, so that tests can stand in for it.

use std::{any::Any, future::Future, sync::Arc};

use sagaline_journal::{
    Error, NewRecord, Record,
    kafka::{Bulk, GroupConsumer, GroupEvent},
};

use tokio::sync::mpsc;

use super::offsets::Place;

/// All that a queue's worker hears and says.
#[derive(Debug)]
pub(crate) struct Port<T, A> {
    pub(crate) tasks: T,
    pub(crate) answers: A,
    /// Ids of tasks that shall stop, of any queue.
    pub(crate) canceled: mpsc::UnboundedReceiver<Arc<str>>,
}

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

    /// What happens next to the partitions: no task; `None`: it broke. Dropping the future loses nothing.
    fn next_change(&mut self) -> impl Future<Output = Option<Event>> + Send;

    /// What is there already, without waiting.
    fn try_next(&mut self) -> Option<Event>;

    /// Everything before `next` is done. Returns at once.
    fn commit(&self, place: &Place, next: i64);

    /// Leaves the group, after the last commit.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Where answers go.
pub(crate) trait Answers: Send {
    /// Puts an answer in line for the next flush; what becomes of it comes with `mark`.
    fn send(&mut self, mark: u64, record: NewRecord);

    /// Sends what stands in line.
    fn flush(&mut self);

    /// Which answers are on all replicas, and which may not be; waits for a failure, or until nothing is on its way any
    /// more. Dropping the future loses nothing.
    fn ended(&mut self) -> impl Future<Output = Vec<(u64, Result<(), Error>)>> + Send;

    /// The same, as far as is known now.
    fn try_ended(&mut self) -> Vec<(u64, Result<(), Error>)>;
}

impl Tasks for GroupConsumer {
    async fn next(&mut self) -> Option<Event> {
        Self::next(self).await.map(Event::from)
    }

    async fn next_change(&mut self) -> Option<Event> {
        Self::next_change(self).await.map(Event::from)
    }

    fn try_next(&mut self) -> Option<Event> {
        Self::try_next(self).map(Event::from)
    }

    fn commit(&self, (topic, partition): &Place, next: i64) {
        let topic: &Arc<str> = topic;
        Self::commit(self, topic, *partition, next);
    }

    async fn close(self) {
        Self::close(self).await;
    }
}

impl From<GroupEvent> for Event {
    fn from(event: GroupEvent) -> Self {
        match event {
            GroupEvent::Record(record) => Self::Record(record),
            GroupEvent::Assigned(_) => Self::Assigned,
            GroupEvent::Revoked(places, hand_over) => Self::Leaving(places, Box::new(hand_over)),
            GroupEvent::Lost(_) => Self::Lost,
        }
    }
}

impl Answers for Bulk {
    fn send(&mut self, mark: u64, record: NewRecord) {
        Self::send(self, mark, record);
    }

    fn flush(&mut self) {
        Self::flush(self);
    }

    async fn ended(&mut self) -> Vec<(u64, Result<(), Error>)> {
        Self::ended(self).await
    }

    fn try_ended(&mut self) -> Vec<(u64, Result<(), Error>)> {
        Self::try_ended(self)
    }
}
