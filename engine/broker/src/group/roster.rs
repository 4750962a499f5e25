//! One group: who belongs to it, who leads, who waits. Transitions between its states are in
//! `rebalance.rs`, what members agree on in `agreement.rs`.
//!
//! ```text
//!            join                     all joined, or time is up              leader syncs
//!   Empty ---------> PreparingRebalance ---------------> CompletingRebalance -----------> Stable
//!     ^                |   ^                                   |                            |
//!     +-- nobody left -+   +----- join, leave, session end ----+----------------------------+
//! ```
//!
//! Dead is no state of a group here: a group that is gone is not in the map, and is described as Dead.
//!
//! Invariants: the leader is a member; `statics` names members only; some protocol is supported by every member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answer::Outbox;
use super::member::Member;
use super::offsets::Offsets;
use super::timer::JoinTimer;
use super::{GroupError, GroupSettings, Ticket};

/// What a group is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It has no members; perhaps offsets.
    Empty,
    /// Members are to join again.
    PreparingRebalance,
    /// Members are to sync; the leader assigns.
    CompletingRebalance,
    /// Everyone may fetch what is assigned.
    Stable,
    /// It does not exist.
    Dead,
}

impl State {
    /// The name in Kafka's answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// What a group needs of the world to take a step.
pub(super) struct Cx<'a> {
    pub(super) now: u64,
    pub(super) settings: &'a GroupSettings,
    pub(super) outbox: &'a mut Outbox,
    pub(super) unique: &'a mut dyn FnMut() -> String,
}

/// One group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) state: State,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    /// What the current generation agreed on.
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that were handed out, and until when they may be joined with.
    pub(super) pending: BTreeMap<String, u64>,
    /// Member ids by instance id.
    pub(super) statics: BTreeMap<String, String>,
    /// Members that have not synced in this generation.
    pub(super) pending_sync: BTreeSet<String>,
    /// Topics of this generation; nothing if they could not be read.
    pub(super) subscribed: Option<BTreeSet<String>>,
    pub(super) join_timer: Option<JoinTimer>,
    pub(super) sync_until: Option<u64>,
    /// Since when the group has been in its state.
    pub(super) since: u64,
    pub(super) offsets: Offsets,
}

impl Group {
    /// A group without anything.
    pub(super) fn new(name: Arc<str>, now: u64) -> Self {
        Self {
            name,
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending_sync: BTreeSet::new(),
            subscribed: None,
            join_timer: None,
            sync_until: None,
            since: now,
            offsets: Offsets::default(),
        }
    }

    /// Nothing would be lost without this group.
    pub(super) fn is_vacant(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty() && self.offsets.is_empty()
    }

    /// Goes over to another state.
    pub(super) fn enter(&mut self, state: State, now: u64) {
        self.state = state;
        self.since = now;
    }

    /// Adds a member that has its id; its join waits.
    pub(super) fn add(&mut self, id: String, mut member: Member, ticket: Ticket, cx: &mut Cx<'_>) {
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending.remove(&id);
        member.joining = Some(ticket);
        cx.outbox.park(ticket);
        self.members.insert(id, member);
    }

    /// Removes a member or a pending id; whoever waits for it is told to start anew.
    pub(super) fn remove(&mut self, id: &str, outbox: &mut Outbox) {
        self.pending.remove(id);
        self.pending_sync.remove(id);
        let Some(member) = self.members.remove(id) else {
            return;
        };
        if let Some(instance) = &member.instance {
            self.statics.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        if let Some(ticket) = member.joining {
            outbox.refuse_join(ticket, GroupError::UnknownMemberId, "");
        }
        if let Some(ticket) = member.syncing {
            outbox.refuse_sync(ticket, GroupError::UnknownMemberId);
        }
    }

    /// Gives a static member a new id. Whoever uses the old one is fenced from now on, at once if it waits.
    pub(super) fn replace_static(
        &mut self,
        instance: &str,
        old: &str,
        new: &str,
        outbox: &mut Outbox,
    ) {
        let Some(mut member) = self.members.remove(old) else {
            return;
        };
        if let Some(ticket) = member.joining.take() {
            outbox.refuse_join(ticket, GroupError::FencedInstanceId, old);
        }
        if let Some(ticket) = member.syncing.take() {
            outbox.refuse_sync(ticket, GroupError::FencedInstanceId);
        }
        if self.is_leader(old) {
            self.leader = Some(new.to_owned());
        }
        if self.pending_sync.remove(old) {
            self.pending_sync.insert(new.to_owned());
        }
        self.statics.insert(instance.to_owned(), new.to_owned());
        member.is_new = false;
        self.members.insert(new.to_owned(), member);
    }

    /// Whether a member leads.
    pub(super) fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Checks that a member belongs to the group and that its instance id has not gone to another.
    ///
    /// # Errors
    /// [`GroupError::UnknownMemberId`]: join anew. [`GroupError::FencedInstanceId`]: give up, another one has taken over.
    pub(super) fn validate(&self, id: &str, instance: Option<&str>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(known) if known != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) {
            Ok(())
        } else {
            Err(GroupError::UnknownMemberId)
        }
    }

    /// Whether everyone has joined again and no id is outstanding.
    pub(super) fn has_everyone_joined(&self) -> bool {
        self.pending.is_empty() && self.joining() == self.members.len()
    }

    /// How many joins wait.
    pub(super) fn joining(&self) -> usize {
        self.members
            .values()
            .filter(|member| member.joining.is_some())
            .count()
    }

    /// The longest time that a member asks for to join again. Never zero: a timer that is due at once would never be done.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        self.members
            .values()
            .map(|member| member.rebalance_timeout_ms)
            .max()
            .unwrap_or(0)
            .max(1)
    }

    /// Bytes held, about.
    pub(super) fn footprint(&self) -> usize {
        let members: usize = self
            .members
            .iter()
            .map(|(id, member)| id.len() + member.footprint())
            .sum();
        let pending: usize = self.pending.keys().map(|id| PENDING_BYTES + id.len()).sum();
        let topics = TOPIC_BYTES * self.subscribed.as_ref().map_or(0, BTreeSet::len);
        GROUP_BYTES + self.name.len() + members + pending + topics + self.offsets.bytes()
    }
}

/// What a group costs beside what it holds.
const GROUP_BYTES: usize = 512;

/// What an id that was handed out costs beside its bytes.
const PENDING_BYTES: usize = 64;

/// What a topic that is subscribed to costs beside its name, which the members' metadata counts.
const TOPIC_BYTES: usize = 64;
