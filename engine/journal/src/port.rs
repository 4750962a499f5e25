//! The port to the log: what a lane thread asks of it and what comes back. Two adapters: `kafka` and the testkit's
//! in-memory log.
//!
//! Invariant: no call blocks. Every request is answered by one [`PortEvent`] of the same partition and tag, or, after
//! [`LanePort::release`] of that partition, perhaps by none. Events of a request made before a release may still come: a
//! lane tells them by their tag, which it never uses twice.

use std::{sync::Arc, time::Duration};

use sagaline_core::Timestamp;

use crate::{Error, NewRecord, Record};

/// A request's mark, chosen by the lane, never used twice within a process.
pub type Tag = u64;

/// One lane thread's connection to the log.
pub trait LanePort {
    /// Begins to read both inputs of a partition at these offsets, or begins anew there.
    fn fetch(&mut self, partition: i32, inbox_from: i64, results_from: i64);

    /// Stops reading the inputs of a partition and forgets what was read ahead.
    fn release(&mut self, partition: i32);

    /// Moves input records that have arrived to `into`, in offset order within each topic, neither topic starving the
    /// other: at most `records_max`, and none after `bytes_max` is reached.
    fn take(
        &mut self,
        partition: i32,
        records_max: usize,
        bytes_max: usize,
        into: &mut Vec<Record>,
    );

    /// Appends records to one journal partition, in order. Answered once, by [`PortEvent::Appended`].
    fn append(&mut self, partition: i32, tag: Tag, records: Vec<NewRecord>);

    /// Sends one effect. Answered by [`PortEvent::Sent`].
    fn send(&mut self, partition: i32, tag: Tag, record: NewRecord);

    /// Reads `topic`/`partition` from `from` to before `to`, or to the end as it is when the read begins. Answered by one or more
    /// [`PortEvent::Read`], the last with `done`.
    fn read(&mut self, topic: Arc<str>, partition: i32, tag: Tag, from: i64, to: Option<i64>);

    /// Asks where both inputs of a partition end now. Answered by [`PortEvent::Ends`].
    fn ends(&mut self, partition: i32, tag: Tag);

    /// Asks for proof that the lease on a partition is held after this moment. Answered by [`PortEvent::Lease`].
    fn prove_lease(&mut self, partition: i32, tag: Tag);

    /// Moves what has come back to `into`; waits up to `wait` for the first event or for input records to take.
    fn poll(&mut self, wait: Duration, into: &mut Vec<PortEvent>);
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortEvent {
    /// All delivery reports of an append are there.
    Appended {
        /// Of the request.
        partition: i32,
        /// Of the request.
        tag: Tag,
        /// One per record, in order.
        reports: Vec<Delivery>,
    },
    /// An effect was acknowledged or given up.
    Sent {
        /// Of the request.
        partition: i32,
        /// Of the request.
        tag: Tag,
        /// Where it lies; or why it was not sent.
        outcome: Result<i64, SendError>,
    },
    /// Records of a read, in offset order.
    Read {
        /// Of the request.
        partition: i32,
        /// Of the request.
        tag: Tag,
        /// The records.
        records: Vec<Record>,
        /// Where the next record would be: everything before it was seen.
        next: i64,
        /// Whether the read is over; until then more follow.
        done: bool,
        /// Why it ended early.
        error: Option<Error>,
    },
    /// Where both inputs end.
    Ends {
        /// Of the request.
        partition: i32,
        /// Of the request.
        tag: Tag,
        /// End of the inbox and of the results, exclusive; or the log did not answer.
        ends: Option<(i64, i64)>,
    },
    /// Whether the lease is held.
    Lease {
        /// Of the request.
        partition: i32,
        /// Of the request.
        tag: Tag,
        /// Proved; otherwise nothing is known.
        held: bool,
    },
    /// The log no longer has what a fetch was to read, or never had: the topic was trimmed or made anew.
    InputLost {
        /// Of the fetch.
        partition: i32,
        /// The topic.
        topic: Arc<str>,
        /// What the log says.
        reason: String,
    },
}

/// What is known of one appended record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is in the log, there.
    At {
        /// Its offset.
        offset: i64,
        /// The broker's append time.
        appended_at: Option<Timestamp>,
    },
    /// It may be in the log or not.
    Unknown,
}

/// Why an effect did not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// What can be done about it.
    pub kind: SendErrorKind,
    /// What the log said.
    pub reason: String,
}

/// What can be done about an effect that did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendErrorKind {
    /// The log is away or late. Sending it again may help at once.
    Unavailable,
    /// The topic or the partition is not there. It may come.
    Missing,
    /// The topic takes no record of this size, until its settings are others.
    TooLarge,
    /// Rights, a policy, the record itself: the log refuses it until somebody changes one of them.
    Refused,
}

impl SendErrorKind {
    /// Whether sending the same again meets the same answer until somebody changes something at the log.
    #[must_use]
    pub const fn is_for_good(self) -> bool {
        matches!(self, Self::TooLarge | Self::Refused)
    }
}

impl PortEvent {
    /// The partition whose lane asked.
    #[must_use]
    pub const fn partition(&self) -> i32 {
        match self {
            Self::Appended { partition, .. }
            | Self::Sent { partition, .. }
            | Self::Read { partition, .. }
            | Self::Ends { partition, .. }
            | Self::Lease { partition, .. }
            | Self::InputLost { partition, .. } => *partition,
        }
    }
}
