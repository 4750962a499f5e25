//! All that one partition knows: open runs, ids of closed ones, deadlines. State is memory: fold(journal).
//!
//! Invariant: what a reader of the same batches in any process holds is equal, whatever its hash seed: nothing here is
//! iterated in hash order without being sorted.

mod deadlines;
mod open;
mod overlay;
mod queue;
mod snapshot;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use deadlines::Deadlines;
use open::OpenRuns;
pub(crate) use open::{Key, Open};
use overlay::{After, Change};
pub use overlay::{Delta, Overlay};
pub use queue::Queue;
use queue::QueueDelta;
pub(crate) use queue::{Happened, is_limited};
pub use snapshot::{Restored, Snapshot};

use crate::{IdentityRing, Millis, Name, Outcome, Run, RunId, Timestamp, WorkflowId};

/// Most workflow names of earlier claims that are remembered.
pub(crate) const WORKFLOWS_MAX: usize = 10_000;

/// Shortest time for which closed ids are remembered: none is forgotten in the batch that closed it.
const CLOSED_RETENTION_MIN: Millis = Millis::from_secs(1);

/// A hash map whose seed is given, never drawn.
pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

/// Where a keyed piece of state last changed: batch and index of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The batch's number.
    pub batch: u64,
    /// The record's index in it.
    pub index: u32,
}

/// What is remembered of an id whose last run is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The last run.
    pub run_id: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub closed_at: Timestamp,
    /// The starts of this id, whose repeats start nothing.
    pub starts: IdentityRing,
    pub(crate) changed: Position,
}

/// The state of one partition.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) open: OpenRuns,
    /// By [`WorkflowId::hash128`]: an id costs the same however long it is.
    pub(crate) closed: Map<u128, Closed>,
    /// Closed ids in the order of their closing; entries of ids that were used again are stale and skipped.
    forget_order: VecDeque<(Timestamp, u128)>,
    deadlines: Deadlines,
    /// Open incidents of open runs.
    incidents: u64,
    /// Queues that somebody limited.
    queues: BTreeMap<Name, Queue>,
    /// Workflows that any valid claim named.
    workflows: BTreeSet<Name>,
    /// How many partitions there are, as the claims have it.
    partitions: i32,
    closed_retention: Millis,
    digest: u64,
    now: Timestamp,
}

/// Deadlines and the number of incidents follow from the runs, but for deadlines that are held.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.open == other.open
            && self.closed == other.closed
            && self.forget_order == other.forget_order
            && self.queues == other.queues
            && self.workflows == other.workflows
            && self.partitions == other.partitions
            && self.closed_retention == other.closed_retention
            && self.digest == other.digest
            && self.now == other.now
    }
}

impl State {
    /// The state before the first record. `seed` only spreads hashes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            open: OpenRuns::new(seed),
            closed: Map::with_hasher(FixedState::with_seed(seed)),
            forget_order: VecDeque::new(),
            deadlines: Deadlines::default(),
            incidents: 0,
            queues: BTreeMap::new(),
            partitions: 1,
            workflows: BTreeSet::new(),
            closed_retention: Millis::from_secs(7 * 24 * 3600),
            digest: 0,
            now: Timestamp::default(),
        }
    }

    /// The open run of an id.
    #[must_use]
    pub fn run(&self, workflow_id: &WorkflowId) -> Option<&Run> {
        self.open
            .get(self.open.key(workflow_id))
            .map(|open| &open.run)
    }

    /// What is remembered of a closed id.
    #[must_use]
    pub fn closed(&self, workflow_id: &WorkflowId) -> Option<&Closed> {
        self.closed.get(&workflow_id.hash128())
    }

    /// How many runs are open.
    #[must_use]
    pub fn open_runs(&self) -> u64 {
        self.open.len() as u64
    }

    /// How many ids of closed runs are remembered.
    #[must_use]
    pub fn closed_ids(&self) -> u64 {
        self.closed.len() as u64
    }

    /// How many open runs have a deadline: a timer, a time-out, a retry.
    #[must_use]
    pub const fn runs_with_deadline(&self) -> u64 {
        self.deadlines.len()
    }

    /// How many incidents are open.
    #[must_use]
    pub const fn open_incidents(&self) -> u64 {
        self.incidents
    }

    /// XOR over all keyed state of XXH3-64 of kind, key and last change.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The time of the last valid batch.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Queues that somebody limited, by name.
    #[must_use]
    pub const fn queues(&self) -> &BTreeMap<Name, Queue> {
        &self.queues
    }

    pub(crate) fn queue(&self, name: &Name) -> Option<&Queue> {
        self.queues.get(name)
    }

    /// How many partitions there are.
    pub(crate) const fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Queues of which tasks may be released at `now`.
    #[must_use]
    pub fn releasable(&self, now: Timestamp) -> Vec<Name> {
        let may = |queue: &Queue| queue.next_release().is_some_and(|at| at <= now);
        let queues = self.queues.iter().filter(|(_, queue)| may(queue));
        queues.map(|(name, _)| name.clone()).collect()
    }

    /// When the next task of a limited queue may be released; at once if that is past.
    #[must_use]
    pub fn next_release(&self) -> Option<Timestamp> {
        self.queues.values().filter_map(Queue::next_release).min()
    }

    /// Workflows that any valid claim named.
    #[must_use]
    pub const fn workflows(&self) -> &BTreeSet<Name> {
        &self.workflows
    }

    /// Whether a valid claim ever named this workflow.
    #[must_use]
    pub fn was_named(&self, workflow: &Name) -> bool {
        self.workflows.contains(workflow)
    }

    /// The earliest deadline of any run.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first()
    }

    /// Runs whose deadline is at or before `until`, earliest first, at most `max`.
    pub fn due(
        &self,
        until: Timestamp,
        max: usize,
    ) -> impl Iterator<Item = (Timestamp, &WorkflowId)> {
        self.deadlines
            .iter()
            .take_while(move |(due, _)| *due <= until)
            .take(max)
    }

    /// Puts off a run's deadline: what is due of it cannot be before `until`. Not part of what is journaled, and forgotten
    /// with the run's next change.
    pub fn hold(&mut self, workflow_id: &WorkflowId, until: Timestamp) {
        let key = self.open.key(workflow_id);
        let Some(open) = self.open.get_mut(key) else {
            return;
        };
        let Some(due) = open.deadline.replace(until) else {
            open.deadline = None;
            return;
        };
        self.deadlines.remove(due, open.changed);
        self.deadlines
            .insert(until, open.changed, workflow_id.clone());
    }

    /// All open runs in order of their ids. For take-over and pages, not for the hot path.
    #[must_use]
    pub fn runs(&self) -> Vec<(&WorkflowId, &Run)> {
        let mut runs: Vec<_> = self
            .open
            .iter()
            .map(|open| (&open.workflow_id, &open.run))
            .collect();
        runs.sort_unstable_by_key(|(id, _)| *id);
        runs
    }

    /// Takes over what a valid claim says.
    pub fn claimed<'a>(
        &mut self,
        workflows: impl Iterator<Item = &'a str>,
        (closed_retention, partitions): (Millis, i32),
    ) {
        self.partitions = partitions;
        self.closed_retention = closed_retention.max(CLOSED_RETENTION_MIN);
        for name in workflows.filter_map(|name| Name::new(name).ok()) {
            if self.workflows.len() < WORKFLOWS_MAX {
                self.workflows.insert(name);
            }
        }
    }

    /// Makes the changes of a batch that is known valid, and forgets what is out of its time at `now`.
    pub fn merge(&mut self, delta: Delta, now: Timestamp) {
        for change in delta.changes {
            self.replace_open(change);
        }
        // In the order of their hashes, so that equal states forget in the same order.
        let mut closed: Vec<_> = delta.closed.into_iter().collect();
        closed.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, closed) in closed {
            self.replace_closed(hash, closed);
        }
        for change in delta.queues {
            self.change_queue(change);
        }
        self.now = self.now.max(now);
        self.forget_closed();
    }

    /// The number of open runs and the digest as they will be after [`Self::merge`]: what the batch's footer says.
    #[must_use]
    pub fn preview(&self, delta: &Delta, now: Timestamp) -> (u64, u64) {
        let (mut open_runs, mut digest) = (self.open_runs(), self.digest);
        for change in &delta.changes {
            if let Some(old) = self.open.get(change.key()) {
                open_runs = open_runs.saturating_sub(1);
                digest ^= old.digest();
            }
            match &change.after {
                After::Open(new) => {
                    open_runs = open_runs.saturating_add(1);
                    digest ^= new.digest();
                }
                After::Closed(_) => {}
            }
        }
        digest ^= self.preview_queues(&delta.queues);
        let now = self.now.max(now);
        let is_remembered = |at: Timestamp| at.plus(self.closed_retention) > now;
        for (hash, new) in &delta.closed {
            let of =
                |closed: &Closed| entry_digest(KIND_CLOSED, &hash.to_be_bytes(), closed.changed);
            let new = new
                .as_ref()
                .filter(|closed| is_remembered(closed.closed_at));
            digest ^= self.closed.get(hash).map_or(0, of) ^ new.map_or(0, of);
        }
        let mut expired: Vec<_> = self
            .forget_order
            .iter()
            .take_while(|(closed_at, _)| !is_remembered(*closed_at))
            .filter(|(_, hash)| !delta.closed.contains_key(hash))
            .collect();
        // An id that closed twice at the same instant stands there twice, and is forgotten once.
        expired.sort_unstable();
        expired.dedup();
        for (closed_at, hash) in expired {
            if let Some(closed) = self
                .closed
                .get(hash)
                .filter(|closed| closed.closed_at == *closed_at)
            {
                digest ^= entry_digest(KIND_CLOSED, &hash.to_be_bytes(), closed.changed);
            }
        }
        (open_runs, digest)
    }

    fn replace_open(&mut self, change: Change) {
        let old = match change.after {
            After::Open(new) => {
                self.digest ^= new.digest();
                self.incidents = self.incidents.saturating_add(new.incidents());
                if let Some(due) = new.deadline {
                    self.deadlines
                        .insert(due, new.changed, new.workflow_id.clone());
                }
                self.open.replace(change.hash, new)
            }
            After::Closed(_) => self.open.remove(change.key()),
        };
        if let Some(old) = old {
            self.digest ^= old.digest();
            self.incidents = self.incidents.saturating_sub(old.incidents());
            if let Some(due) = old.deadline {
                self.deadlines.remove(due, old.changed);
            }
        }
    }

    fn change_queue(&mut self, change: QueueDelta) {
        let digest = |queue: &Queue| {
            entry_digest(KIND_QUEUE, change.queue.as_str().as_bytes(), queue.changed)
        };
        if let Some(old) = self.queues.get(&change.queue) {
            self.digest ^= digest(old);
        }
        let queue = self.queues.entry(change.queue.clone()).or_default();
        queue.apply(&change.happened);
        queue.changed = change.position.unwrap_or_default();
        self.digest ^= digest(queue);
    }

    /// What changes of queues will change of the digest.
    fn preview_queues(&self, changes: &[QueueDelta]) -> u64 {
        let last: BTreeMap<&Name, Position> = changes
            .iter()
            .map(|one| (&one.queue, one.position.unwrap_or_default()))
            .collect();
        let digest = |(name, new): (&Name, Position)| {
            let of = |changed| entry_digest(KIND_QUEUE, name.as_str().as_bytes(), changed);
            of(new) ^ self.queues.get(name).map_or(0, |old| of(old.changed))
        };
        last.into_iter().map(digest).fold(0, |all, one| all ^ one)
    }

    fn replace_closed(&mut self, hash: u128, closed: Option<Closed>) {
        let old = self.closed.remove(&hash);
        if let Some(old) = &old {
            self.digest ^= entry_digest(KIND_CLOSED, &hash.to_be_bytes(), old.changed);
        }
        if let Some(new) = closed {
            self.digest ^= entry_digest(KIND_CLOSED, &hash.to_be_bytes(), new.changed);
            // What is remembered of the same run beside has its place.
            if old.is_none_or(|old| old.closed_at != new.closed_at) {
                self.forget_order.push_back((new.closed_at, hash));
            }
            self.closed.insert(hash, new);
        }
    }

    fn forget_closed(&mut self) {
        while let Some(&(closed_at, hash)) = self.forget_order.front() {
            if closed_at.plus(self.closed_retention) > self.now {
                break;
            }
            self.forget_order.pop_front();
            let is_this = self
                .closed
                .get(&hash)
                .is_some_and(|closed| closed.closed_at == closed_at);
            if is_this {
                self.replace_closed(hash, None);
            }
        }
    }
}

impl Open {
    fn incidents(&self) -> u64 {
        self.run.incidents.len() as u64
    }

    fn digest(&self) -> u64 {
        entry_digest(
            KIND_OPEN,
            self.workflow_id.as_str().as_bytes(),
            self.changed,
        )
    }
}

const KIND_OPEN: u8 = 1;
const KIND_CLOSED: u8 = 2;
const KIND_QUEUE: u8 = 3;

fn entry_digest(kind: u8, key: &[u8], changed: Position) -> u64 {
    let seed = XxHash3_64::oneshot_with_seed(
        changed.batch.rotate_left(20) ^ u64::from(changed.index),
        &[kind],
    );
    XxHash3_64::oneshot_with_seed(seed, key)
}
