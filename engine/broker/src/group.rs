//! Consumer groups: the classic protocol of Apache Kafka's group coordinator, as a state machine.
//!
//! [`Groups`] is all of it. Calls take `now`, in milliseconds of a monotonic clock. Joins and syncs may wait: they come with a
//! [`Ticket`], and [`Groups::poll_answer`] gives the answers, of every call and of [`Groups::tick`]. What must survive the broker
//! comes back as [`Change`]s, which the caller writes; then [`Groups::apply`] makes them, as it does with all of them at a start.
//!
//! Absent: any I/O, clock, randomness and task; wire formats; whether a topic exists; the `consumer`, `share` and `streams` group
//! types; which transactions are open.
//!
//! Invariant: whatever clients send, groups hold no more than [`GroupSettings`] allows. Read `group/roster.rs` next.

mod agreement;
mod answer;
mod bounds;
mod change;
mod committed;
mod describe;
mod error;
mod join;
mod member;
mod offsets;
mod pending;
mod rebalance;
mod request;
mod roster;
mod settings;
mod subscription;
mod sync;
mod timer;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub(crate) use answer::{Answer, JoinRefused, Joined, Outcome, Ticket};
pub(crate) use change::{Change, CommittedOffset};
pub(crate) use committed::Done;
pub(crate) use describe::{Description, Listed};
pub(crate) use error::GroupError;
pub(crate) use request::{
    Commit, CommitOffset, Identity, Join, Leaving, NewMember, SkipAssignment, Sync,
};
pub(crate) use roster::State;
pub(crate) use settings::GroupSettings;

use answer::Outbox;
use roster::{Cx, Group};

/// All groups of the broker.
pub(crate) struct Groups {
    settings: GroupSettings,
    /// Gives what no two member ids share, such as a UUID.
    unique: Box<dyn FnMut() -> String + Send>,
    by_name: BTreeMap<Arc<str>, Slot>,
    /// The next deadline of every group that has one.
    deadlines: BTreeSet<(u64, Arc<str>)>,
    /// When expired offsets and vacant groups are looked for next; nothing while there are no groups.
    sweep_at: Option<u64>,
    /// Bytes that all groups hold, about.
    bytes: usize,
    outbox: Outbox,
}

/// A group, and what the whole knows of it.
#[derive(Debug)]
struct Slot {
    group: Group,
    deadline: Option<u64>,
    bytes: usize,
}

impl Groups {
    /// No groups yet. `unique` gives the part of member ids that no two share, such as a UUID.
    pub(crate) fn new(
        settings: GroupSettings,
        unique: impl FnMut() -> String + Send + 'static,
    ) -> Self {
        Self {
            settings,
            unique: Box::new(unique),
            by_name: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            sweep_at: None,
            bytes: 0,
            outbox: Outbox::default(),
        }
    }

    /// JoinGroup. The answer is an [`Outcome::Join`].
    pub(crate) fn join(&mut self, ticket: Ticket, join: Join, now: u64) {
        if let Err(error) = self.admit(&join) {
            self.outbox.refuse_join(ticket, error, &join.member);
            return;
        }
        let name = join.group.clone();
        if join.member.is_empty()
            && let Err(error) = self.ensure(&name, now)
        {
            self.outbox.refuse_join(ticket, error, "");
            return;
        }
        if !self.by_name.contains_key(name.as_str()) {
            self.outbox
                .refuse_join(ticket, GroupError::UnknownMemberId, &join.member);
            return;
        }
        self.on(&name, now, |group, cx| group.join(ticket, join, cx));
        self.forget_if_new(&name);
    }

    /// SyncGroup. The answer is an [`Outcome::Sync`].
    pub(crate) fn sync(&mut self, ticket: Ticket, sync: Sync, now: u64) {
        let name = sync.group.clone();
        if let Err(error) = self.check_sync(&sync) {
            self.outbox.refuse_sync(ticket, error);
        } else if self.by_name.contains_key(name.as_str()) {
            self.on(&name, now, |group, cx| group.sync(ticket, sync, cx));
        } else {
            self.outbox.refuse_sync(ticket, GroupError::UnknownMemberId);
        }
    }

    /// Heartbeat.
    ///
    /// # Errors
    /// [`GroupError::RebalanceInProgress`]: the member is to join again; other kinds: it is no member of this generation.
    pub(crate) fn heartbeat(
        &mut self,
        group: &str,
        identity: &Identity,
        now: u64,
    ) -> Result<(), GroupError> {
        check_name(group)?;
        self.on(group, now, |group, cx| group.heartbeat(identity, cx.now))
            .unwrap_or(Err(GroupError::UnknownMemberId))
    }

    /// LeaveGroup: one outcome for each. Before v3 there is one member, and its outcome is that of the request.
    ///
    /// # Errors
    /// [`GroupError::InvalidGroupId`]: the whole request is refused.
    pub(crate) fn leave(
        &mut self,
        group: &str,
        leaving: &[Leaving],
        now: u64,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        check_name(group)?;
        let outcomes = self.on(group, now, |group, cx| group.leave(leaving, cx));
        Ok(outcomes.unwrap_or_else(|| vec![Err(GroupError::UnknownMemberId); leaving.len()]))
    }

    /// DescribeGroups.
    pub(crate) fn describe(&self, group: &str) -> Description {
        self.by_name
            .get(group)
            .map_or_else(Description::dead, |slot| slot.group.describe())
    }

    /// ListGroups, by name.
    pub(crate) fn list(&self) -> impl Iterator<Item = Listed> {
        self.by_name.values().map(|slot| slot.group.listed())
    }

    /// DeleteGroups, one group.
    ///
    /// # Errors
    /// [`GroupError::NonEmptyGroup`]: it has members. [`GroupError::GroupIdNotFound`]: there is none.
    pub(crate) fn delete(&self, group: &str) -> Result<Vec<Change>, GroupError> {
        let slot = self.by_name.get(group);
        let group = &slot.ok_or(GroupError::GroupIdNotFound)?.group;
        if group.state != State::Empty {
            return Err(GroupError::NonEmptyGroup);
        }
        let mut changes = group.removals(|_| true);
        changes.push(Change::GroupRemoved {
            group: group.name.clone(),
        });
        Ok(changes)
    }

    /// Does what is due. Call it at [`Self::next_deadline`], or later. The changes are made already, for they are no one's wish:
    /// what is not written expires again after the next start.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Change> {
        while let Some((at, name)) = self.deadlines.first().cloned()
            && at <= now
        {
            self.on(&name, now, |_, _| ());
        }
        let mut changes = Vec::new();
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now, &mut changes);
        }
        changes
    }

    /// When [`Self::tick`] next has something to do.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let first = self.deadlines.first().map(|(at, _)| *at);
        first.into_iter().chain(self.sweep_at).min()
    }

    /// The next answer to a join or sync.
    pub(crate) fn poll_answer(&mut self) -> Option<Answer> {
        self.outbox.poll()
    }

    /// The connection of a ticket is gone: there will be no answer. The member stays until its session ends.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        self.outbox.abandon(ticket);
    }

    /// Lets a group take a step, and what became due with it.
    fn on<T>(
        &mut self,
        name: &str,
        now: u64,
        step: impl FnOnce(&mut Group, &mut Cx<'_>) -> T,
    ) -> Option<T> {
        let slot = self.by_name.get_mut(name)?;
        let mut cx = Cx {
            now,
            settings: &self.settings,
            outbox: &mut self.outbox,
            unique: &mut *self.unique,
        };
        let outcome = step(&mut slot.group, &mut cx);
        slot.group.fire(&mut cx);
        let deadline = slot.group.next_deadline();
        if deadline != slot.deadline {
            if let Some(at) = slot.deadline {
                self.deadlines.remove(&(at, slot.group.name.clone()));
            }
            if let Some(at) = deadline {
                self.deadlines.insert((at, slot.group.name.clone()));
            }
            slot.deadline = deadline;
        }
        let bytes = slot.group.footprint();
        self.bytes = self.bytes + bytes - slot.bytes;
        slot.bytes = bytes;
        Some(outcome)
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.by_name.keys().cloned().collect()
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups")
            .field("settings", &self.settings)
            .field("groups", &self.by_name.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Groups with members have a name; the empty one is a simple consumer's, for compatibility with old clients.
fn check_name(group: &str) -> Result<(), GroupError> {
    if group.is_empty() {
        Err(GroupError::InvalidGroupId)
    } else {
        Ok(())
    }
}
