//! Open runs by workflow id. An id is hashed once per input: whoever looks it up again brings its [`Key`].

use alloc::boxed::Box;
use core::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};

use crate::{Position, Run, Timestamp, WorkflowId};

/// An open run with the place of its last change.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) workflow_id: WorkflowId,
    pub(crate) run: Run,
    pub(crate) changed: Position,
    /// The run's next deadline as the lane's heap holds it: follows from the run, unless it is held.
    pub(crate) deadline: Option<Timestamp>,
}

/// Whatever is held.
impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.workflow_id == other.workflow_id
            && self.run == other.run
            && self.changed == other.changed
    }
}

impl Open {
    /// A run that has just started; [`Overlay::settle`](crate::Overlay::settle) says where.
    pub(crate) fn new(workflow_id: WorkflowId, run: Run) -> Box<Self> {
        Box::new(Self {
            workflow_id,
            run,
            changed: Position::default(),
            deadline: None,
        })
    }
}

/// A workflow id and its hash in all tables of one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) workflow_id: &'a WorkflowId,
    pub(crate) hash: u64,
}

/// Open runs by workflow id.
#[derive(Clone, Debug)]
pub(crate) struct OpenRuns {
    runs: HashTable<Box<Open>>,
    hasher: FixedState,
}

impl OpenRuns {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            runs: HashTable::new(),
            hasher: FixedState::with_seed(seed),
        }
    }

    pub(crate) fn key<'a>(&self, workflow_id: &'a WorkflowId) -> Key<'a> {
        Key {
            workflow_id,
            hash: self.hasher.hash_one(workflow_id),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.runs.iter().map(|open| &**open)
    }

    pub(crate) fn get(&self, key: Key<'_>) -> Option<&Open> {
        let found = self
            .runs
            .find(key.hash, |one| one.workflow_id == *key.workflow_id);
        found.map(|open| &**open)
    }

    pub(crate) fn get_mut(&mut self, key: Key<'_>) -> Option<&mut Open> {
        let found = self
            .runs
            .find_mut(key.hash, |one| one.workflow_id == *key.workflow_id);
        found.map(|open| &mut **open)
    }

    /// Takes in a run under the hash of its id; returns the one that was there.
    pub(crate) fn replace(&mut self, hash: u64, open: Box<Open>) -> Option<Box<Open>> {
        let hasher = &self.hasher;
        let entry = self.runs.entry(
            hash,
            |one| one.workflow_id == open.workflow_id,
            |one| hasher.hash_one(&one.workflow_id),
        );
        match entry {
            Entry::Occupied(mut old) => Some(core::mem::replace(old.get_mut(), open)),
            Entry::Vacant(place) => {
                place.insert(open);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: Key<'_>) -> Option<Box<Open>> {
        let found = self
            .runs
            .find_entry(key.hash, |one| one.workflow_id == *key.workflow_id);
        found.ok().map(|entry| entry.remove().0)
    }
}

/// Whatever spreads the hashes of either.
impl PartialEq for OpenRuns {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|open| other.get(other.key(&open.workflow_id)) == Some(open))
    }
}
