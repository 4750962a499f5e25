//! What threads tell each other: statuses of lanes, and whether a lane thread still moves.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sagaline_core::{
    Name, RunId,
    program::{Activation, Inquired, Inquiry, Program, ProgramCommand},
};

use crate::{Workflows, clock, lane::LaneStatus};

/// The statuses of all lanes of a process.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<BTreeMap<i32, LaneStatus>>);

impl Statuses {
    pub(super) fn all(&self) -> Vec<LaneStatus> {
        lock(&self.0).values().cloned().collect()
    }

    pub(super) fn put(&self, status: LaneStatus) {
        lock(&self.0).insert(status.partition, status);
    }

    pub(super) fn remove(&self, partition: i32) {
        lock(&self.0).remove(&partition);
    }
}

/// Whether one lane thread still moves, and which run it is in.
#[derive(Debug, Default)]
pub(super) struct ThreadWatch {
    beat: AtomicU64,
    ended: AtomicBool,
    run: Mutex<Option<RunId>>,
}

impl ThreadWatch {
    pub(super) fn beat(&self) {
        self.beat.store(clock::monotonic().0, Ordering::Relaxed);
    }

    /// The thread has returned.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether it has returned.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// For how long it has been silent.
    pub(super) fn silent_ms(&self) -> u64 {
        clock::monotonic()
            .0
            .saturating_sub(self.beat.load(Ordering::Relaxed))
    }

    /// The run whose program it is in.
    pub(super) fn run(&self) -> Option<RunId> {
        *lock(&self.run)
    }
}

/// The app's workflows as one lane thread sees them: each activation says that it is under way.
pub(super) struct WatchedWorkflows {
    pub(super) workflows: Arc<dyn Workflows>,
    pub(super) watch: Arc<ThreadWatch>,
}

impl Workflows for WatchedWorkflows {
    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        self.workflows.resolve(workflow, version)
    }

    fn program(&self, workflow: &Name, version: &str) -> Option<Box<dyn Program>> {
        let program = self.workflows.program(workflow, version)?;
        Some(Box::new(WatchedProgram {
            program,
            watch: self.watch.clone(),
        }))
    }

    fn names(&self) -> Vec<Name> {
        self.workflows.names()
    }

    fn task_queues(&self) -> Vec<Name> {
        self.workflows.task_queues()
    }
}

struct WatchedProgram {
    program: Box<dyn Program>,
    watch: Arc<ThreadWatch>,
}

impl Program for WatchedProgram {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        *lock(&self.watch.run) = Some(activation.run_id);
        let _left = Left(&self.watch);
        self.program.activate(activation)
    }

    fn inquire(&mut self, inquiry: Inquiry<'_>) -> Inquired {
        *lock(&self.watch.run) = Some(inquiry.run_id);
        let _left = Left(&self.watch);
        self.program.inquire(inquiry)
    }
}

/// The program was left, also by a panic.
struct Left<'a>(&'a ThreadWatch);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        *lock(&self.0.run) = None;
    }
}

impl fmt::Debug for WatchedWorkflows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedWorkflows")
            .field("names", &self.workflows.names())
            .finish_non_exhaustive()
    }
}

/// What these locks guard is whole between any two statements, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that no other process has: from the operating system's randomness.
pub(super) fn random_id() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let draw = || RandomState::new().build_hasher().finish();
    let high = u128::from(draw()) << 64;
    uuid::Builder::from_random_bytes((high | u128::from(draw())).to_be_bytes())
        .into_uuid()
        .to_string()
}
