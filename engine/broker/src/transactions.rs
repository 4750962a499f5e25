//! Transactions: Kafka's transaction coordinator as a state machine, for clients of the protocol before its second version.
//!
//! ```text
//!            init              add               end, or init, or time is up        carried out
//!   (none) ------> Empty -------------> Ongoing ------------------------> Prepared -------------> Completed
//!                    ^ init                ^ add                                                    |  |
//!                    +---------------------|--------------------------------------------------------+  |
//!                                          +-----------------------------------------------------------+
//! ```
//! Calls decide and change nothing: they give [`Change`]s, which the caller writes to disk, then hands to
//! [`Transactions::apply`], then answers. The same changes in the same order restore the transactions. `now` is in
//! milliseconds of a monotonic clock. What is prepared is decided: the caller carries it out, after a restart if need be, and
//! says so with [`Change::Completed`].
//!
//! Absent: any I/O, clock and task; what is in the partitions; pending offsets (`group/pending.rs`); epochs that rise with
//! every transaction (KIP-890's second part), which is not advertised. Source: `TransactionCoordinator` of Apache Kafka.

mod admit;
mod apply;
mod change;
mod init;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use self::{
    admit::Writer,
    change::{Change, Parts, Producer},
    init::{Init, Initialized},
};
use crate::{code::ErrorCode, log::Ending};

/// All transactions.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    by_id: BTreeMap<Arc<str>, Entry>,
    /// When open transactions are aborted.
    deadlines: BTreeSet<(u64, Arc<str>)>,
    /// Topics' partitions and groups of all open transactions.
    parts: usize,
}

/// What is known of one transactional id.
#[derive(Debug)]
struct Entry {
    producer: Producer,
    /// The epoch before, if its owner asked for the present one: it may ask again.
    last_epoch: i16,
    /// The producer id before the present one.
    previous_id: i64,
    timeout_ms: u64,
    state: State,
    parts: Parts,
    deadline: Option<u64>,
    /// When it was last used.
    used: u64,
}

/// Where a transactional id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has had no transaction since its producer began.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// How it ends is decided and not carried out everywhere.
    Prepared(Ending),
    /// It has ended.
    Completed(Ending),
}

/// A decided transaction, to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) id: Arc<str>,
    pub(crate) producer: Producer,
    pub(crate) ending: Ending,
    pub(crate) parts: Parts,
}

impl Transactions {
    /// AddPartitionsToTxn and AddOffsetsToTxn. Without changes everything is part of the transaction already.
    ///
    /// # Errors
    /// The writer may not; or `PolicyViolation`: the limits are reached.
    pub(crate) fn add(&self, writer: &Writer<'_>, parts: Parts) -> Result<Vec<Change>, ErrorCode> {
        let (id, entry) = self.of(writer)?;
        if let State::Prepared(_) = entry.state {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        if entry.state == State::Ongoing && entry.parts.has_all(&parts) {
            return Ok(Vec::new());
        }
        if parts.len() + entry.parts.len() > TRANSACTION_PARTS_MAX
            || parts.len() + self.parts > PARTS_MAX
            || parts.groups().any(|group| group.len() > NAME_BYTES_MAX)
        {
            return Err(ErrorCode::PolicyViolation);
        }
        Ok(vec![Change::Added {
            id: id.clone(),
            parts,
        }])
    }

    /// EndTxn. Without changes it has ended that way before.
    ///
    /// # Errors
    /// The writer may not; or `InvalidTxnState`: there is none to end, or it has ended the other way.
    pub(crate) fn end(
        &self,
        writer: &Writer<'_>,
        ending: Ending,
    ) -> Result<Vec<Change>, ErrorCode> {
        let (id, entry) = self.of(writer)?;
        match entry.state {
            State::Ongoing => Ok(vec![Change::Prepared {
                id: id.clone(),
                epoch: entry.producer.epoch,
                ending,
            }]),
            State::Completed(done) if done == ending => Ok(Vec::new()),
            State::Prepared(done) if done == ending => Err(ErrorCode::ConcurrentTransactions),
            State::Empty | State::Completed(_) | State::Prepared(_) => {
                Err(ErrorCode::InvalidTxnState)
            }
        }
    }

    /// The changes that abort what has been open for too long. Their producers are fenced.
    pub(crate) fn due(&self, now: u64) -> Vec<Change> {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        due.filter_map(|(_, id)| Some(self.by_id.get(id)?.abort_and_fence(id)))
            .collect()
    }

    /// When [`Self::due`] next has something.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The ids whose transactions are decided and not carried out.
    pub(crate) fn prepared(&self) -> Vec<Arc<str>> {
        let prepared = self
            .by_id
            .iter()
            .filter(|(_, entry)| matches!(entry.state, State::Prepared(_)));
        prepared.map(|(id, _)| id.clone()).collect()
    }

    /// What is to be carried out for an id.
    pub(crate) fn prepared_of(&self, id: &str) -> Option<Prepared> {
        let (id, entry) = self.by_id.get_key_value(id)?;
        match entry.state {
            State::Prepared(ending) => Some(Prepared {
                id: id.clone(),
                producer: entry.producer,
                ending,
                parts: entry.parts.clone(),
            }),
            State::Empty | State::Ongoing | State::Completed(_) => None,
        }
    }

    /// Whether a producer's open transaction, or one that is not carried out, has that partition.
    pub(crate) fn has_open(&self, producer_id: i64, topic: &str, partition: i32) -> bool {
        self.by_id.values().any(|entry| {
            entry.producer.id == producer_id
                && matches!(entry.state, State::Ongoing | State::Prepared(_))
                && entry.parts.has(topic, partition)
        })
    }
}

impl Entry {
    /// Aborts an open transaction at a higher epoch, so that its producer writes no more.
    fn abort_and_fence(&self, id: &Arc<str>) -> Change {
        Change::Prepared {
            id: id.clone(),
            epoch: self.producer.epoch.saturating_add(1),
            ending: Ending::Abort,
        }
    }
}

/// Transactional ids that are remembered; the one that was not used for longest is forgotten first, unless it is in use.
pub(crate) const IDS_MAX: usize = 10_000;

/// Bytes of a transactional id, and of a group's name within a transaction.
pub(crate) const NAME_BYTES_MAX: usize = 1_024;

/// Partitions and groups of one transaction.
pub(crate) const TRANSACTION_PARTS_MAX: usize = 10_000;

/// Partitions and groups of all open transactions.
pub(crate) const PARTS_MAX: usize = 100_000;

/// Kafka's `transaction.max.timeout.ms`.
pub(crate) const TIMEOUT_MS_MAX: i32 = 900_000;
