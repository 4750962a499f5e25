//! Task queues whose tasks are limited: what they are limited by, and what waits for its turn.
//!
//! ```text
//! partition of the run      offer ─▶ home of the queue: waits, its turn, released ─▶ partition of the run: task ─▶ workers
//!                           attempt ended ─▶ home of the queue: its place is free
//! ```
//! A queue's home is the partition that its name hashes to. Queues that nobody limited know nothing of this.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::{
    ActivityId, Attempt, Event, Name, ReplyTo, RunId, Timestamp, WorkflowId,
    event::QueueChanged,
    show::{Show, Shown},
};

/// Most tasks per second to which a queue can be limited.
pub const QUEUE_RATE_PER_SECOND_MAX: u64 = 1_000_000;

/// Most activities that can be paused on one queue.
pub const QUEUE_PAUSED_MAX: usize = 100;

/// An attempt that goes, or went, through the home of its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueTask {
    /// The partition of the run.
    pub partition: i32,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// Number of the activity.
    pub activity_id: ActivityId,
    /// Its name.
    pub activity: Name,
    /// Number of the attempt.
    pub attempt: Attempt,
}

impl QueueTask {
    /// What it is told by.
    pub(crate) const fn key(&self) -> TaskKey {
        (self.run_id, self.activity_id, self.attempt)
    }
}

/// What an attempt is told by.
pub(crate) type TaskKey = (RunId, ActivityId, Attempt);

/// An activity of which a queue releases nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedType {
    /// Which; none: every one.
    pub activity: Option<Name>,
    /// Since when.
    pub at: Timestamp,
    /// Who paused it.
    pub actor: Name,
    /// Why, in their words.
    pub reason: Option<Box<str>>,
}

impl PausedType {
    pub(crate) fn covers(&self, activity: &Name) -> bool {
        self.activity.as_ref().is_none_or(|one| one == activity)
    }
}

impl Event {
    /// The queue whose home or whose copy an event is about.
    #[must_use]
    pub fn queue(&self) -> Option<&Name> {
        if let Self::QueueChanged(event) = self {
            Some(&event.queue)
        } else if let Self::QueueTaskOffered(event) = self {
            Some(&event.queue)
        } else if let Self::QueueTaskReleased(event) = self {
            Some(&event.queue)
        } else if let Self::QueueTaskEnded(event) = self {
            Some(&event.queue)
        } else {
            None
        }
    }
}

/// Something about a queue, for its home, or from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueCommand {
    /// A person changes what limits it.
    Change(ChangeQueue),
    /// Its home did; this partition takes it over.
    Adopt(QueueChanged),
    /// To its home: an attempt wants to be released.
    Offer(Name, QueueTask),
    /// From its home: an attempt's task may go.
    Send(Name, QueueTask),
    /// To its home: an attempt that was offered has ended.
    End(Name, QueueTask),
    /// At its home: it may be the turn of some.
    Release(Name),
}

/// A person changes what limits a queue, authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeQueue {
    /// The queue.
    pub queue: Name,
    /// Its home: the partition that decides.
    pub home_partition: i32,
    /// What they change.
    pub act: QueueAct,
    /// Who does it.
    pub actor: Name,
    /// Why, in their words.
    pub reason: Option<Box<str>>,
    /// Where to answer.
    pub reply: Option<ReplyTo>,
}

/// What a person changes of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAct {
    /// New limits.
    Limit {
        /// Most tasks that workers may have at once.
        max_outstanding: Limit<u32>,
        /// How many tasks are released in an hour.
        rate_per_hour: Limit<u64>,
    },
    /// Nothing of an activity is released; of none: nothing at all.
    Pause(Option<Name>),
    /// It goes on.
    Resume(Option<Name>),
}

/// What becomes of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<T> {
    /// It stays as it is.
    Keep,
    /// There is none any more.
    Lift,
    /// This one.
    Set(T),
}

impl<T: Copy> Limit<T> {
    pub(crate) fn or(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Lift => None,
            Self::Set(new) => Some(new),
        }
    }
}

impl QueueCommand {
    /// The queue that it is about.
    #[must_use]
    pub const fn queue(&self) -> &Name {
        match self {
            Self::Change(change) => &change.queue,
            Self::Adopt(changed) => &changed.queue,
            Self::Offer(queue, _)
            | Self::Send(queue, _)
            | Self::End(queue, _)
            | Self::Release(queue) => queue,
        }
    }
}

impl Show for QueueTask {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

impl Show for PausedType {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("activity", &self.activity)?;
        map.serialize_entry("at", &Shown(&self.at))?;
        map.serialize_entry("actor", &self.actor)?;
        map.serialize_entry("reason", &self.reason)?;
        map.end()
    }
}
