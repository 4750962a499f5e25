//! The workflows of a simulated node, and what their programs can do to it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use sagaline_core::{Name, RunId, program::Program};
use sagaline_runtime::Workflows;

use crate::scripted::Scripted;

/// The workflow that every node has.
pub(crate) const SAGA: &str = "saga";

/// A workflow that some nodes lack.
pub(crate) const RARE: &str = "rare";

/// What becomes of a process by what its programs do.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    dead: AtomicBool,
    hung: AtomicBool,
    by: Mutex<Option<RunId>>,
    drawn: AtomicU64,
}

impl Fate {
    /// The process dies here: nothing that it does from now on leaves it.
    pub(crate) fn kill(&self, run_id: RunId) {
        self.dead.store(true, Ordering::Relaxed);
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = Some(run_id);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// The thread is silent from here on, for long.
    pub(crate) fn hang(&self, run_id: RunId) {
        self.hung.store(true, Ordering::Relaxed);
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = Some(run_id);
    }

    pub(crate) fn is_hung(&self) -> bool {
        self.hung.load(Ordering::Relaxed)
    }

    /// Whether the thread fell silent since the last call.
    pub(crate) fn take_hang(&self) -> bool {
        self.hung.swap(false, Ordering::Relaxed)
    }

    /// The run that did it.
    pub(crate) fn by(&self) -> Option<RunId> {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value that no rebuilt program would get again.
    pub(crate) fn draw(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed)
    }
}

/// What one process has.
#[derive(Debug)]
pub(crate) struct SimWorkflows {
    /// 1 or 2; build 2 has version 2 of every workflow, too.
    pub(crate) build: u32,
    pub(crate) has_rare: bool,
    pub(crate) fate: Arc<Fate>,
}

impl SimWorkflows {
    fn has(&self, workflow: &Name, version: &str) -> bool {
        let name = workflow.as_str();
        (name == SAGA || name == RARE && self.has_rare)
            && (version == "1" || version == "2" && self.build >= 2)
    }
}

impl Workflows for SimWorkflows {
    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        match version {
            Some(version) => self.has(workflow, version).then(|| version.into()),
            None => ["2", "1"]
                .into_iter()
                .find(|version| self.has(workflow, version))
                .map(Box::from),
        }
    }

    fn program(&self, workflow: &Name, version: &str) -> Option<Box<dyn Program>> {
        self.has(workflow, version)
            .then(|| Box::new(Scripted::new(self.build, self.fate.clone())) as Box<dyn Program>)
    }

    fn names(&self) -> Vec<Name> {
        let rare = self.has_rare.then(|| Name::from(RARE));
        rare.into_iter().chain([Name::from(SAGA)]).collect()
    }

    fn task_queues(&self) -> Vec<Name> {
        Vec::new()
    }
}
