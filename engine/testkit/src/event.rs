//! What can happen next in a simulation.

use sagaline_core::Timestamp;
use sagaline_journal::{Delivery, NewRecord, PortEvent, Record, SendError, Tag};

use crate::{
    clients::Act,
    delay::{DelayEvent, DelayKey, Relay},
    port::Request,
    worker::Job,
};

/// One lane object, also one that is abandoned or forgotten by its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LaneKey(pub(crate) u64);

/// Something that happens at its moment.
#[derive(Debug)]
pub(crate) enum Event {
    /// The lane is called although nothing came back.
    Turn { lane: LaneKey, turn: u64 },
    /// Something comes back to a lane.
    Back { lane: LaneKey, event: PortEvent },
    /// Fetched records reach a lane's process.
    Arrive { lane: LaneKey, generation: u64 },
    /// A lane's thread wakes up and asks what it was about to ask.
    Ask { lane: LaneKey, request: Request },
    /// A journal record reaches the broker.
    Land(Landing),
    /// The producer gives an append up.
    GiveUp { lane: LaneKey, tag: Tag },
    /// An effect reaches the broker.
    Effect(Effect),
    /// Something happens to a delay service.
    Delay { key: DelayKey, what: DelayEvent },
    /// A record of a delay service reaches the broker.
    Relay(Relay),
    /// A retry topic is deleted.
    RetryTopicLost,
    /// Somebody trims the journal.
    Trim,
    /// A read reaches the broker.
    Read(Reading),
    /// A question for the ends of the inputs reaches the broker.
    Ends { lane: LaneKey, tag: Tag },
    /// An offset commit reaches the group's coordinator.
    Lease { lane: LaneKey, tag: Tag },
    /// The topic of a task queue is there.
    TopicReady(String),
    /// A worker has, or goes on with, a task.
    Work(Job),
    /// A client does something.
    Client(Act),
    /// Something happens to a process.
    Node { node: usize, what: NodeEvent },
    /// The group gives partitions to its members anew.
    Rebalance,
    /// From now on nothing goes wrong.
    Heal,
    /// What waits for a person is ended by one.
    Sweep,
}

/// Something that happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeEvent {
    Crash,
    Start,
    Pause,
    /// It learns that it has a partition.
    Assigned(i32),
    /// It learns that it no longer has one.
    Revoked(i32),
    /// Its supervisor looks for threads that are silent.
    Supervise,
}

/// A journal record on its way.
#[derive(Debug)]
pub(crate) struct Landing {
    pub(crate) lane: LaneKey,
    pub(crate) tag: Tag,
    /// Its place among all that this lane's producer was given.
    pub(crate) sequence: u64,
    /// Its place in its append.
    pub(crate) index: usize,
    pub(crate) record: NewRecord,
}

/// An effect on its way.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) lane: LaneKey,
    pub(crate) tag: Tag,
    /// The lane's.
    pub(crate) partition: i32,
    pub(crate) record: NewRecord,
    /// The broker takes it.
    pub(crate) lands: bool,
    /// What the lane is told.
    pub(crate) told: Result<(), SendError>,
}

/// A read on its way.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) lane: LaneKey,
    pub(crate) tag: Tag,
    pub(crate) topic: std::sync::Arc<str>,
    pub(crate) partition: i32,
    pub(crate) from: i64,
    /// Known once the read has begun.
    pub(crate) to: Option<i64>,
}

impl Event {
    /// The lane that it is for, if it is for one.
    pub(crate) const fn lane(&self) -> Option<LaneKey> {
        match self {
            Self::Turn { lane, .. } | Self::Back { lane, .. } | Self::Arrive { lane, .. } => {
                Some(*lane)
            }
            Self::Ask { .. }
            | Self::Land(_)
            | Self::GiveUp { .. }
            | Self::Effect(_)
            | Self::Delay { .. }
            | Self::Relay(_)
            | Self::RetryTopicLost
            | Self::Trim
            | Self::Read(_)
            | Self::Ends { .. }
            | Self::Lease { .. }
            | Self::TopicReady(_)
            | Self::Work(_)
            | Self::Client(_)
            | Self::Node { .. }
            | Self::Rebalance
            | Self::Heal
            | Self::Sweep => None,
        }
    }
}

/// A report of a record that the broker took.
pub(crate) const fn at(record: &Record) -> Delivery {
    Delivery::At {
        offset: record.offset,
        appended_at: Some(record.timestamp),
    }
}

/// A report of a client library that lost count: success, with an offset that is none.
pub(crate) const fn at_nowhere(appended_at: Timestamp) -> Delivery {
    Delivery::At {
        offset: -1,
        appended_at: Some(appended_at),
    }
}
