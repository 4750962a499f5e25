//! What waits at a queue's home, and whose turn it is: one task of each run, then the next of each.
//!
//! So a run that schedules ten thousand activities at once does not keep the others waiting. To find, add and remove costs
//! the logarithm of what waits.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use crate::{ActivityId, Attempt, PausedType, QueueTask, RunId, Timestamp, queue::TaskKey};

/// The tasks of a queue at its home.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Whose turn it is, the next first.
    turns: BTreeMap<u64, RunId>,
    last_turn: u64,
    runs: BTreeMap<RunId, OfRun>,
    waiting: usize,
    /// Tasks of activities that are paused.
    held_back: BTreeMap<TaskKey, Waiting>,
    /// Released, with when.
    outstanding: BTreeMap<TaskKey, Timestamp>,
}

/// What waits of one run, in the order of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfRun {
    turn: u64,
    tasks: BTreeMap<(ActivityId, Attempt), Waiting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    task: QueueTask,
    since: Timestamp,
}

impl Line {
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn held_back(&self) -> usize {
        self.held_back.len()
    }

    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let waiting = self.runs.values().flat_map(|run| run.tasks.values());
        let all = waiting.chain(self.held_back.values());
        all.map(|one| one.since).min()
    }

    pub(super) fn is_outstanding(&self, key: &TaskKey) -> bool {
        self.outstanding.contains_key(key)
    }

    pub(super) fn knows(&self, task: &QueueTask) -> bool {
        let key = task.key();
        self.is_outstanding(&key) || self.held_back.contains_key(&key) || self.waits(task)
    }

    /// The next `max` in the order of their turns, without those that end anyway.
    pub(super) fn next(&self, max: usize, ending: &BTreeSet<TaskKey>) -> Vec<QueueTask> {
        let goes_on = |one: &&Waiting| !ending.contains(&one.task.key());
        let runs = self.turns.values().filter_map(|run| self.runs.get(run));
        let runs = runs.map(|run| run.tasks.values().filter(goes_on).peekable());
        let runs = runs.filter_map(|mut tasks| tasks.peek().is_some().then_some(tasks));
        let mut runs: Vec<_> = runs.take(max).collect();
        let mut next = Vec::new();
        loop {
            let before = next.len();
            for run in &mut runs {
                if next.len() >= max {
                    return next;
                }
                next.extend(run.next().map(|one| one.task.clone()));
            }
            if next.len() == before {
                return next;
            }
        }
    }

    pub(super) fn offer(&mut self, task: &QueueTask, since: Timestamp, is_paused: bool) {
        if self.knows(task) {
            return;
        }
        let waiting = Waiting {
            task: task.clone(),
            since,
        };
        if is_paused {
            self.held_back.insert(task.key(), waiting);
        } else {
            self.push(waiting);
        }
    }

    /// Its turn has come; says whether it waited.
    pub(super) fn release(&mut self, task: &QueueTask, at: Timestamp) -> bool {
        if !self.remove(task) {
            return false;
        }
        self.outstanding.insert(task.key(), at);
        let Some(run) = self.runs.get_mut(&task.run_id) else {
            return true;
        };
        // Behind all others.
        self.turns.remove(&run.turn);
        self.last_turn = self.last_turn.saturating_add(1);
        run.turn = self.last_turn;
        self.turns.insert(run.turn, task.run_id);
        true
    }

    pub(super) fn end(&mut self, task: &QueueTask) {
        let key = task.key();
        if self.outstanding.remove(&key).is_none() && self.held_back.remove(&key).is_none() {
            self.remove(task);
        }
    }

    /// Holds back what is paused and lets go on what is not.
    pub(super) fn pause(&mut self, paused: &[PausedType]) {
        let is_paused = |one: &Waiting| paused.iter().any(|kind| kind.covers(&one.task.activity));
        let held_back = core::mem::take(&mut self.held_back);
        if paused.is_empty() && held_back.is_empty() {
            return;
        }
        // Run by run in the order of their turns, and then as they came.
        let turns = core::mem::take(&mut self.turns);
        let mut runs = core::mem::take(&mut self.runs);
        self.waiting = 0;
        let in_line = turns.values().filter_map(|run| runs.remove(run));
        let in_line: Vec<Waiting> = in_line.flat_map(|run| run.tasks.into_values()).collect();
        let mut back: Vec<Waiting> = held_back.into_values().collect();
        back.sort_by_key(|one| one.since);
        for one in in_line.into_iter().chain(back) {
            if is_paused(&one) {
                self.held_back.insert(one.task.key(), one);
            } else {
                self.push(one);
            }
        }
    }

    fn push(&mut self, waiting: Waiting) {
        let run_id = waiting.task.run_id;
        let last_turn = &mut self.last_turn;
        let run = self.runs.entry(run_id).or_default();
        if run.tasks.is_empty() {
            *last_turn = last_turn.saturating_add(1);
            run.turn = *last_turn;
            self.turns.insert(run.turn, run_id);
        }
        let key = (waiting.task.activity_id, waiting.task.attempt);
        run.tasks.insert(key, waiting);
        self.waiting = self.waiting.saturating_add(1);
    }

    fn waits(&self, task: &QueueTask) -> bool {
        let run = self.runs.get(&task.run_id);
        run.is_some_and(|run| run.tasks.contains_key(&(task.activity_id, task.attempt)))
    }

    /// Takes it out of the line; a run without any more loses its turn.
    fn remove(&mut self, task: &QueueTask) -> bool {
        let Some(run) = self.runs.get_mut(&task.run_id) else {
            return false;
        };
        if run
            .tasks
            .remove(&(task.activity_id, task.attempt))
            .is_none()
        {
            return false;
        }
        self.waiting = self.waiting.saturating_sub(1);
        if run.tasks.is_empty() {
            self.turns.remove(&run.turn);
            self.runs.remove(&task.run_id);
        }
        true
    }
}
