//! Tasks of local activities on their way: offered to this process instead of sent to a topic.
//!
//! ```text
//! batch valid ─▶ waiting ─offer─▶ taken, its answer comes by the results │ full: again │ nobody: its attempt has failed
//! take-over: all in flight ─▶ known ─inputs read up to the take-over, and no answer among them─▶ waiting
//! ```
//! Invariant: every local attempt in flight is known here, or was taken by this process since its lane last took over, or
//! waits to be journaled as failed. So their batches need not wait for them: a new owner finds them in its state.

use std::collections::{HashSet, VecDeque};

use sagaline_core::{
    ActivityId, Attempt, CancelAttempt, Effect, Millis, RunId, State, Task, local_tasks,
};
use sagaline_journal::LanePort;

use super::Entry;
use crate::{
    fold::Fold,
    lane::{Lane, LaneShared, Now, Offered},
    output::task_id,
};

/// How soon a task is offered again that found no room. An answer wakes the lane before that, and each makes room.
pub(super) const OFFERED_AGAIN_AFTER: Millis = Millis(20);

/// The only partition of a topic that is none.
const PARTITIONS: i32 = 1;

/// What became of attempts whose owners died while they ran, one after the other.
const PERHAPS_FATAL: &str = "the engine process that was to run it ended, as others did shortly before: it may be what they die of. \
     Its next attempt follows; an activity that can end its process belongs on a worker: leave out `.local()`";

/// Local tasks that nobody has taken.
#[derive(Debug, Default)]
pub(super) struct Local {
    waiting: VecDeque<Task>,
    /// In flight when the partition was taken over: perhaps their answers are among the inputs.
    known: Vec<Task>,
    /// The owners before may have died of those.
    are_suspect: bool,
    /// All of these: there may be tens of thousands.
    keys: HashSet<Key>,
}

type Key = (RunId, ActivityId, Attempt);

impl Local {
    /// What this lane, or an earlier owner, may have given to a process that is gone.
    pub(super) fn after_take_over(fold: &Fold) -> Self {
        let known = local_tasks(&fold.state);
        Self {
            waiting: VecDeque::new(),
            keys: known.iter().map(key).collect(),
            known,
            are_suspect: fold.needs_care(),
        }
    }

    pub(super) fn push(&mut self, task: Task) {
        self.keys.insert(key(&task));
        self.waiting.push_back(task);
    }

    pub(super) fn has(&self, run_id: RunId, activity_id: ActivityId, attempt: Attempt) -> bool {
        self.keys.contains(&(run_id, activity_id, attempt))
    }

    pub(super) fn next_turn(&self) -> Option<Millis> {
        (!self.waiting.is_empty()).then_some(OFFERED_AGAIN_AFTER)
    }

    /// There was no room for it.
    fn put_back(&mut self, task: Task) {
        self.keys.insert(key(&task));
        self.waiting.push_front(task);
    }

    #[cfg(test)]
    pub(super) const fn suspect(&mut self) {
        self.are_suspect = true;
    }

    /// The next task to offer that is still wanted.
    fn next(&mut self, state: &State) -> Option<Task> {
        while let Some(task) = self.waiting.pop_front() {
            self.keys.remove(&key(&task));
            if task.is_wanted(state) {
                return Some(task);
            }
        }
        None
    }
}

impl Lane {
    /// Offers what can be taken now.
    pub(in crate::lane) fn offer_local(&mut self, now: Now) {
        while let Some(task) = self.outbox.local.next(&self.fold.state) {
            match offer(&self.shared, &task, self.partition) {
                Offered::Taken => {
                    let taken_at = self.time(now);
                    self.placed.took(&task, taken_at, &self.fold.state);
                }
                Offered::Full => return self.outbox.local.put_back(task),
                Offered::Nobody(reason) => self.refuse_local(task, &reason),
            }
        }
    }

    /// Offers again what was in flight at the take-over, once every answer of before that is read: most have ended.
    pub(in crate::lane) fn offer_local_again(&mut self, now: Now, port: &mut dyn LanePort) {
        if self.outbox.local.known.is_empty() {
            return;
        }
        let since = self.careful.since();
        if !self.proof.covers(since) {
            return self.ask_for_ends(since, now, port);
        }
        for task in std::mem::take(&mut self.outbox.local.known) {
            // One that this process took runs here: nobody has died of it.
            if self.outbox.local.are_suspect && !self.placed.is_here(&task) {
                self.outbox.local.keys.remove(&key(&task));
                self.refuse_local(task, PERHAPS_FATAL);
            } else {
                self.outbox.local.push(task);
            }
        }
        self.offer_local(now);
    }

    fn refuse_local(&mut self, task: Task, reason: &str) {
        let entry = Entry::new(0, Effect::Task(task));
        self.outbox.refuse(entry, reason);
    }
}

fn key(task: &Task) -> Key {
    (task.run_id, task.activity_id(), task.attempt)
}

fn offer(shared: &LaneShared, task: &Task, partition: i32) -> Offered {
    let topic = shared.writing.queue_topic(&task.scheduled.task_queue);
    let record = shared.writing.task(task, topic, partition, PARTITIONS);
    shared.local.offer(record)
}

/// Tells the process, if the attempt may be one of its own.
pub(super) fn cancel(shared: &LaneShared, cancel: &CancelAttempt) {
    let id = task_id(cancel.run_id, cancel.activity_id, cancel.attempt);
    shared.local.cancel(&id);
}
