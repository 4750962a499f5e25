//! What a batch changes, on top of a state that does not see it yet: a void batch takes its changes with it.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};

use hashbrown::{HashMap, HashTable};

use super::{Closed, Happened, Key, Map, Open, Position, Queue, QueueDelta, State, queue};
use crate::{
    Identity, IdentityRing, Name, QueueTask, Run, RunId, WorkflowId, event::QueueChanged,
    queue::TaskKey, run::Carried,
};

/// The changes of one batch, on top of a [`State`] that does not see them yet.
#[derive(Debug, Default)]
pub struct Delta {
    /// In the order in which the runs were first touched.
    pub(super) changes: Vec<Change>,
    /// Where in `changes` an id is.
    places: HashTable<usize>,
    pub(super) closed: Map<u128, Option<Closed>>,
    /// In the order in which it happened.
    pub(super) queues: Vec<QueueDelta>,
    /// What a run left that another goes on in the place of, until that one begins: with the next transition.
    carried: Option<(RunId, Carried)>,
}

/// What becomes of an id's open run, with the id's hash in the state.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) hash: u64,
    pub(super) after: After,
}

#[derive(Debug)]
pub(super) enum After {
    /// The run is new or has changed.
    Open(Box<Open>),
    /// No run is open, or it is taken.
    Closed(WorkflowId),
}

impl Change {
    pub(super) fn key(&self) -> Key<'_> {
        let workflow_id = match &self.after {
            After::Open(open) => &open.workflow_id,
            After::Closed(workflow_id) => workflow_id,
        };
        Key {
            workflow_id,
            hash: self.hash,
        }
    }

    fn is_of(&self, key: Key<'_>) -> bool {
        self.key().workflow_id == key.workflow_id
    }

    const fn run(&self) -> Option<&Run> {
        match &self.after {
            After::Open(open) => Some(&open.run),
            After::Closed(_) => None,
        }
    }
}

impl Delta {
    /// Whether it changes the open run of an id of `state`, or ends it.
    #[must_use]
    pub fn changes(&self, state: &State, workflow_id: &WorkflowId) -> bool {
        self.change(state.open.key(workflow_id)).is_some()
            || self.closed.contains_key(&workflow_id.hash128())
    }

    fn change(&self, key: Key<'_>) -> Option<&Change> {
        let is_of = |at: &usize| self.changes.get(*at).is_some_and(|one| one.is_of(key));
        let at = self.places.find(key.hash, is_of)?;
        self.changes.get(*at)
    }

    fn change_mut(&mut self, key: Key<'_>) -> Option<&mut Change> {
        let is_of = |at: &usize| self.changes.get(*at).is_some_and(|one| one.is_of(key));
        let at = *self.places.find(key.hash, is_of)?;
        self.changes.get_mut(at)
    }

    fn insert(&mut self, hash: u64, after: After) {
        let hash_of = |at: &usize| self.changes.get(*at).map_or(0, |one| one.hash);
        self.places.insert_unique(hash, self.changes.len(), hash_of);
        self.changes.push(Change { hash, after });
    }
}

/// A state with a batch's changes on top: what decisions see and events change.
#[derive(Debug)]
pub struct Overlay<'a> {
    /// What is durable.
    state: &'a State,
    /// What this batch adds.
    delta: &'a mut Delta,
}

impl<'a> Overlay<'a> {
    /// Sees `state` through `delta`.
    pub fn new(state: &'a State, delta: &'a mut Delta) -> Self {
        if delta.closed.is_empty() {
            // The seed that spreads the state's hashes spreads those of its changes.
            delta.closed = HashMap::with_hasher(state.closed.hasher().clone());
        }
        Self { state, delta }
    }

    /// The durable state beneath.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.state
    }

    /// The open run of an id.
    #[must_use]
    pub fn run(&self, workflow_id: &WorkflowId) -> Option<&Run> {
        self.run_of(self.key(workflow_id))
    }

    pub(crate) fn key<'k>(&self, workflow_id: &'k WorkflowId) -> Key<'k> {
        self.state.open.key(workflow_id)
    }

    pub(crate) fn run_of(&self, key: Key<'_>) -> Option<&Run> {
        match self.delta.change(key) {
            Some(change) => change.run(),
            None => self.state.open.get(key).map(|open| &open.run),
        }
    }

    /// Takes the open run of an id, to be changed and then [`put`](Self::put) back: copied from the durable state when it
    /// is touched first.
    pub(crate) fn take(&mut self, key: Key<'_>) -> Option<Box<Open>> {
        match self.delta.change_mut(key) {
            Some(change) => {
                let taken = After::Closed(key.workflow_id.clone());
                match core::mem::replace(&mut change.after, taken) {
                    After::Open(open) => Some(open),
                    After::Closed(_) => None,
                }
            }
            None => self.state.open.get(key).map(|open| Box::new(open.clone())),
        }
    }

    /// Puts back what was taken, or a new run.
    pub(crate) fn put(&mut self, key: Key<'_>, open: Box<Open>) {
        match self.delta.change_mut(key) {
            Some(change) => change.after = After::Open(open),
            None => self.delta.insert(key.hash, After::Open(open)),
        }
    }

    /// Forgets that an id is closed: a run of it starts. Returns the starts that its repeats are told by.
    pub(crate) fn reopen(&mut self, workflow_id: &WorkflowId) -> IdentityRing {
        let hash = workflow_id.hash128();
        let Some(closed) = self.closed_at(hash) else {
            return IdentityRing::default();
        };
        let starts = closed.starts.clone();
        self.delta.closed.insert(hash, None);
        starts
    }

    /// What the run left in whose place the next one goes on.
    pub(crate) fn take_carried(&mut self, run_id: RunId) -> Carried {
        let carried = self.delta.carried.take();
        let carried = carried.filter(|(left_by, _)| *left_by == run_id);
        carried.map(|(_, carried)| carried).unwrap_or_default()
    }

    /// What is remembered of a closed id.
    #[must_use]
    pub fn closed(&self, workflow_id: &WorkflowId) -> Option<&Closed> {
        self.closed_at(workflow_id.hash128())
    }

    fn closed_at(&self, hash: u128) -> Option<&Closed> {
        match self.delta.closed.get(&hash) {
            Some(changed) => changed.as_ref(),
            None => self.state.closed.get(&hash),
        }
    }

    /// What is durably known of a limited queue: what the batch has changed of it shows after the batch.
    pub(crate) fn queue(&self, name: &Name) -> Option<&Queue> {
        self.state.queue(name)
    }

    /// What limits a queue, in this batch too.
    pub(crate) fn settings(&self, name: &Name) -> Option<&QueueChanged> {
        let in_batch = self
            .delta
            .queues
            .iter()
            .rev()
            .find_map(|one| match &one.happened {
                Happened::Changed { change, .. } if one.queue == *name => Some(&**change),
                Happened::Changed { .. }
                | Happened::Offered { .. }
                | Happened::Released { .. }
                | Happened::Ended { .. } => None,
            });
        in_batch.or_else(|| self.queue(name).and_then(Queue::settings))
    }

    /// Whether this input changed the queue before, in this batch too.
    pub(crate) fn has_changed(&self, name: &Name, input: Identity) -> bool {
        let in_batch = self.delta.queues.iter().any(|one| {
            matches!(&one.happened, Happened::Changed { by, .. } if *by == Some(input))
                && one.queue == *name
        });
        in_batch
            || self
                .queue(name)
                .is_some_and(|queue| queue.seen.contains(input))
    }

    /// Whether this batch has changed what limits a queue.
    pub(crate) fn is_changing(&self, name: &Name) -> bool {
        let mut of_queue = self.delta.queues.iter().filter(|one| one.queue == *name);
        of_queue.any(|one| matches!(one.happened, Happened::Changed { .. }))
    }

    /// Whether an attempt was offered in this batch.
    pub(crate) fn is_offered(&self, name: &Name, task: &QueueTask) -> bool {
        let mut of_queue = self.delta.queues.iter().filter(|one| one.queue == *name);
        of_queue.any(|one| {
            matches!(&one.happened, Happened::Offered { task: offered, .. } if offered.key() == task.key())
        })
    }

    /// Attempts of a queue that end in this batch.
    pub(crate) fn ending(&self, name: &Name) -> BTreeSet<TaskKey> {
        let of_queue = self.delta.queues.iter().filter(|one| one.queue == *name);
        let ended = of_queue.filter_map(|one| match &one.happened {
            Happened::Ended { task } => Some(task.key()),
            Happened::Changed { .. } | Happened::Offered { .. } | Happened::Released { .. } => None,
        });
        ended.collect()
    }

    /// Whether a queue's attempts go through its home.
    pub(crate) fn is_limited(&self, name: &Name) -> bool {
        if self.state.queues.is_empty() && self.delta.queues.is_empty() {
            return false;
        }
        self.settings(name).is_some_and(queue::is_limited)
    }

    pub(crate) fn happened(&mut self, queue: &Name, happened: Happened) {
        self.delta.queues.push(QueueDelta {
            queue: queue.clone(),
            happened,
            position: None,
        });
    }

    /// Ends a transition of queues.
    pub(crate) fn settle_queues(&mut self, position: Position) {
        let new = self.delta.queues.iter_mut().rev();
        for change in new.take_while(|one| one.position.is_none()) {
            change.position = Some(position);
        }
    }

    /// Ends a transition that refuses a start which nobody repeats knowingly: what comes of it once is what comes of it.
    pub(crate) fn refused(&mut self, key: Key<'_>, start: Identity, position: Position) {
        if let Some(mut open) = self.take(key) {
            open.run.starts.insert(start);
            open.changed = position;
            self.put(key, open);
        } else if let Some(closed) = self.closed(key.workflow_id) {
            let mut closed = closed.clone();
            closed.starts.insert(start);
            closed.changed = position;
            let hash = key.workflow_id.hash128();
            self.delta.closed.insert(hash, Some(closed));
        }
    }

    /// Ends a further transition of a run that the input has closed: with the first that was settled it was moved.
    fn settle_again(&mut self, key: Key<'_>, run_id: RunId, position: Position) {
        let closed = self.delta.closed.get_mut(&key.workflow_id.hash128());
        if let Some(Some(closed)) = closed
            && closed.run_id == run_id
        {
            closed.changed = position;
        }
    }

    /// Ends a transition of a run: stamps what changed, and moves a run that closed to the closed ids.
    ///
    /// Nothing when another run of the id has begun since: that one has a transition of its own.
    pub(crate) fn settle(&mut self, key: Key<'_>, run_id: RunId, position: Position) {
        let Some(change) = self.delta.change_mut(key) else {
            return;
        };
        let After::Open(open) = &mut change.after else {
            return self.settle_again(key, run_id, position);
        };
        if open.run.run_id != run_id {
            return;
        }
        open.changed = position;
        open.deadline = open.run.deadline();
        let Some(by) = &open.run.closed else { return };
        let carried = by.new_run_id.map(|_| (run_id, open.run.carry()));
        let closed = Closed {
            run_id,
            outcome: by.outcome,
            closed_at: by.at,
            starts: core::mem::take(&mut open.run.starts),
            changed: position,
        };
        change.after = After::Closed(key.workflow_id.clone());
        self.delta.carried = carried;
        let hash = key.workflow_id.hash128();
        self.delta.closed.insert(hash, Some(closed));
    }
}
