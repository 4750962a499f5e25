//! Answers to the calls that may wait: joins and syncs.
//!
//! Invariant: a ticket is answered once, or never if its connection was abandoned. `Outbox::park` is the only way to wait, and
//! every parked ticket sits in exactly one member.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::GroupError;

/// The caller's name for one waiting request; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// The answer to a join or a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) ticket: Ticket,
    pub(crate) outcome: Outcome,
}

/// What became of a join or a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Join(Result<Joined, JoinRefused>),
    Sync(Result<Synced, GroupError>),
}

/// The member is part of the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) member: String,
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    /// The leader is to keep the assignment that the group has (v9 and later).
    pub(crate) skip_assignment: bool,
    /// For the leader alone: everyone.
    pub(crate) members: Vec<JoinedMember>,
}

/// One member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    /// What the member said for the chosen protocol.
    pub(crate) metadata: Bytes,
}

/// The join was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRefused {
    pub(crate) error: GroupError,
    /// The id to answer with; with [`GroupError::MemberIdRequired`] the new one.
    pub(crate) member: String,
}

/// The member's share of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

/// Answers to pull, and who waits.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    answers: VecDeque<Answer>,
    waiting: HashMap<Ticket, Connection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Open,
    Gone,
}

impl Outbox {
    /// Keeps a ticket until it is answered.
    pub(super) fn park(&mut self, ticket: Ticket) {
        self.waiting.insert(ticket, Connection::Open);
    }

    /// Answers a ticket, parked or not.
    pub(super) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        if self.waiting.remove(&ticket) != Some(Connection::Gone) {
            self.answers.push_back(Answer { ticket, outcome });
        }
    }

    /// Refuses a join.
    pub(super) fn refuse_join(&mut self, ticket: Ticket, error: GroupError, member: &str) {
        let member = member.to_owned();
        self.answer(ticket, Outcome::Join(Err(JoinRefused { error, member })));
    }

    /// Refuses a sync.
    pub(super) fn refuse_sync(&mut self, ticket: Ticket, error: GroupError) {
        self.answer(ticket, Outcome::Sync(Err(error)));
    }

    /// Nobody will read the answer to this ticket.
    pub(super) fn abandon(&mut self, ticket: Ticket) {
        if let Some(connection) = self.waiting.get_mut(&ticket) {
            *connection = Connection::Gone;
        } else {
            self.answers.retain(|answer| answer.ticket != ticket);
        }
    }

    /// The next answer.
    pub(super) fn poll(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// How many tickets wait, whether anyone listens or not.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
