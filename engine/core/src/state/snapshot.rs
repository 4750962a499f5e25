//! A partition's state as it is kept outside of the journal, and taken back.
//!
//! Invariant: what is read equals what was written, and its digest is made anew from what was read. Equal states are written
//! alike: nothing stands in hash order. Deliberately absent: bytes; they are written by name, so that a later build may know more.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    Change, Closed, KIND_CLOSED, KIND_QUEUE, Open, Position, Queue, State, entry_digest,
    overlay::After,
};
use crate::{
    IdentityRing, Millis, Name, ReplyTo, Run, Timestamp, WorkflowId,
    program::Job,
    run::{Activations, Copied},
};

/// A state, to be written.
#[derive(Debug, Serialize)]
pub struct Snapshot<'a> {
    open: Vec<OpenWritten<'a>>,
    closed: Vec<([u8; 16], &'a Closed)>,
    forget_order: Vec<(Timestamp, [u8; 16])>,
    queues: &'a BTreeMap<Name, Queue>,
    workflows: &'a BTreeSet<Name>,
    partitions: i32,
    closed_retention: Millis,
    now: Timestamp,
}

/// A run, and what [`Run`]'s own form leaves out.
#[derive(Debug, Serialize)]
struct OpenWritten<'a> {
    workflow_id: &'a WorkflowId,
    changed: Position,
    run: &'a Run,
    activations: &'a Activations,
    copied: Copied,
    unseen: &'a [Job],
    replies: &'a [ReplyTo],
    seen: &'a IdentityRing,
    starts: &'a IdentityRing,
}

/// A state that was read.
#[derive(Debug, Deserialize)]
pub struct Restored {
    open: Vec<OpenRead>,
    closed: Vec<([u8; 16], Closed)>,
    forget_order: Vec<(Timestamp, [u8; 16])>,
    queues: BTreeMap<Name, Queue>,
    workflows: BTreeSet<Name>,
    partitions: i32,
    closed_retention: Millis,
    now: Timestamp,
}

#[derive(Debug, Deserialize)]
struct OpenRead {
    workflow_id: WorkflowId,
    changed: Position,
    run: Run,
    activations: Activations,
    copied: Copied,
    unseen: Vec<Job>,
    replies: Vec<ReplyTo>,
    seen: IdentityRing,
    starts: IdentityRing,
}

impl State {
    /// All that a later reader needs to go on from here.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<'_> {
        let mut open: Vec<&Open> = self.open.iter().collect();
        open.sort_unstable_by_key(|one| &one.workflow_id);
        let mut closed: Vec<_> = self.closed.iter().collect();
        closed.sort_unstable_by_key(|(hash, _)| **hash);
        Snapshot {
            open: open.into_iter().map(OpenWritten::of).collect(),
            closed: closed
                .into_iter()
                .map(|(hash, closed)| (hash.to_be_bytes(), closed))
                .collect(),
            forget_order: self
                .forget_order
                .iter()
                .map(|(at, hash)| (*at, hash.to_be_bytes()))
                .collect(),
            queues: &self.queues,
            workflows: &self.workflows,
            partitions: self.partitions,
            closed_retention: self.closed_retention,
            now: self.now,
        }
    }
}

impl<'a> OpenWritten<'a> {
    fn of(open: &'a Open) -> Self {
        let run = &open.run;
        Self {
            workflow_id: &open.workflow_id,
            changed: open.changed,
            run,
            activations: &run.activations,
            copied: run.copied,
            unseen: &run.unseen,
            replies: &run.replies,
            seen: &run.seen,
            starts: &run.starts,
        }
    }
}

impl Restored {
    /// The state. `seed` only spreads hashes.
    #[must_use]
    pub fn state(self, seed: u64) -> State {
        let mut state = State::new(seed);
        for one in self.open {
            let open = one.open();
            let hash = state.open.key(&open.workflow_id).hash;
            state.replace_open(Change {
                hash,
                after: After::Open(open),
            });
        }
        for (hash, closed) in self.closed {
            state.digest ^= entry_digest(KIND_CLOSED, &hash, closed.changed);
            state.closed.insert(u128::from_be_bytes(hash), closed);
        }
        for (name, queue) in &self.queues {
            state.digest ^= entry_digest(KIND_QUEUE, name.as_str().as_bytes(), queue.changed);
        }
        let forget_order = self.forget_order.into_iter();
        state.forget_order = forget_order
            .map(|(at, hash)| (at, u128::from_be_bytes(hash)))
            .collect::<VecDeque<_>>();
        state.queues = self.queues;
        state.workflows = self.workflows;
        state.partitions = self.partitions;
        state.closed_retention = self.closed_retention;
        state.now = self.now;
        state
    }
}

impl OpenRead {
    fn open(self) -> alloc::boxed::Box<Open> {
        let run = Run {
            activations: self.activations,
            copied: self.copied,
            unseen: SmallVec::from_vec(self.unseen),
            replies: self.replies,
            seen: self.seen,
            starts: self.starts,
            ..self.run
        };
        let mut open = Open::new(self.workflow_id, run);
        open.changed = self.changed;
        open.deadline = open.run.deadline();
        open
    }
}
