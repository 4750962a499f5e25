//! The children of a run: those that are open, and how many ended how.
//!
//! A run is copied with every batch that touches it, so open children lie in shared blocks: of ten thousand a copy costs
//! some hundred counters, and a change one block.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, Name, RunId, Timestamp, WorkflowId,
    event::{ChildStarted, ParentClosePolicy},
};

/// Children of a block.
const BLOCK: u32 = 64;

/// All children of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Children {
    /// By number over [`BLOCK`]; in a block by number. No block is empty.
    open: BTreeMap<u32, Arc<Vec<Child>>>,
    /// How many are open.
    pub running: u64,
    /// How many completed.
    pub completed: u64,
    /// How many failed, ran out of time, were terminated or never started.
    pub failed: u64,
    /// How many were cancelled.
    pub canceled: u64,
}

/// A child that has not ended, as far as its parent knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// Its number.
    pub child_id: ActivityId,
    /// The run that started it: this one, or one before it in the chain.
    pub started_by: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// What the end of the parent means for it.
    pub close_policy: ParentClosePolicy,
    /// When it was started.
    pub started_at: Timestamp,
    /// It was asked to stop.
    pub cancel_requested: bool,
    /// It was told to end at once.
    pub terminate_requested: bool,
}

impl Child {
    pub(crate) fn of(event: &ChildStarted, (started_by, started_at): (RunId, Timestamp)) -> Self {
        Self {
            child_id: event.child_id,
            started_by,
            workflow: event.workflow.clone(),
            workflow_id: event.workflow_id.clone(),
            close_policy: event.parent_close_policy,
            started_at,
            cancel_requested: false,
            terminate_requested: false,
        }
    }

    /// Whether the end of the parent waits for it.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.close_policy != ParentClosePolicy::Abandon
    }
}

impl Children {
    /// An open child.
    #[must_use]
    pub fn get(&self, child_id: ActivityId) -> Option<&Child> {
        let block = self.open.get(&block_of(child_id))?;
        let at = place(block, child_id)?;
        block.get(at)
    }

    /// Open children, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Child> {
        self.open.values().flat_map(|block| block.iter())
    }

    /// The highest number of an open child.
    pub(crate) fn highest(&self) -> Option<ActivityId> {
        let last = self.open.values().next_back()?;
        last.last().map(|child| child.child_id)
    }

    /// How many there were, ended or not.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let ended = self.completed.saturating_add(self.failed);
        ended
            .saturating_add(self.canceled)
            .saturating_add(self.running)
    }

    pub(crate) fn insert(&mut self, child: Child) {
        let block = self.open.entry(block_of(child.child_id)).or_default();
        let block = Arc::make_mut(block);
        let at = block.partition_point(|one| one.child_id < child.child_id);
        block.insert(at, child);
        self.running = self.running.saturating_add(1);
    }

    pub(crate) fn get_mut(&mut self, child_id: ActivityId) -> Option<&mut Child> {
        let block = self.open.get_mut(&block_of(child_id))?;
        let at = place(block, child_id)?;
        Arc::make_mut(block).get_mut(at)
    }

    pub(crate) fn remove(&mut self, child_id: ActivityId) -> Option<Child> {
        let number = block_of(child_id);
        let block = self.open.get_mut(&number)?;
        let at = place(block, child_id)?;
        let block = Arc::make_mut(block);
        let child = block.remove(at);
        if block.is_empty() {
            self.open.remove(&number);
        }
        self.running = self.running.saturating_sub(1);
        Some(child)
    }

    /// Nothing is open any more: the run has ended.
    pub(crate) fn forget_open(&mut self) {
        self.open.clear();
    }
}

const fn block_of(child_id: ActivityId) -> u32 {
    child_id.get() / BLOCK
}

fn place(block: &[Child], child_id: ActivityId) -> Option<usize> {
    block
        .binary_search_by_key(&child_id, |one| one.child_id)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(number: u32) -> Child {
        Child {
            child_id: ActivityId::new(number).unwrap(),
            started_by: RunId::derive("test", &WorkflowId::new("p").unwrap(), b"1"),
            workflow: Name::from("mail"),
            workflow_id: WorkflowId::new(&alloc::format!("mail/{number}")).unwrap(),
            close_policy: ParentClosePolicy::Terminate,
            started_at: Timestamp::default(),
            cancel_requested: false,
            terminate_requested: false,
        }
    }

    #[test]
    fn a_copy_keeps_the_children_that_the_other_loses() {
        let mut children = Children::default();
        for number in 1..=200 {
            children.insert(child(number));
        }
        let before = children.clone();

        for number in (1..=200).filter(|number| number % 3 != 0) {
            let id = ActivityId::new(number).unwrap();
            assert_eq!(children.remove(id).map(|one| one.child_id), Some(id));
            assert_eq!(children.remove(id), None);
        }

        let numbers: Vec<u32> = children.iter().map(|one| one.child_id.get()).collect();
        let left: Vec<u32> = (1..=200).filter(|number| number % 3 == 0).collect();
        assert_eq!((numbers, children.running), (left, 66));
        assert_eq!((before.iter().count(), before.running), (200, 200));
        assert!(before.get(ActivityId::new(1).unwrap()).is_some());
    }
}
