//! Tasks that may still wait in their queue: queued work is not timed as running.
//!
//! Workers take tasks straight from Kafka, so nobody tells when an attempt begins, unless its worker says so. Where a task
//! lies is known from its delivery; how far its queue's workers are, from what their group committed. What is proved to
//! have waited until an instant began after it, and its start-to-close time-out counts from there.

use std::collections::HashMap;

use sagaline_core::{
    Activity, ActivityId, Attempt, QueuedUntil, Run, RunId, State, Task, Timestamp, WorkflowId,
    is_local, run::ActivityState,
};
use sagaline_journal::wire::partition_of;
use smallvec::SmallVec;

use super::{Lane, QueueTopic};
use crate::output::task_id;

/// A task whose start-to-close time-out has come by when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTask {
    /// Partition of its queue's topic.
    pub partition: i32,
    /// Where it lies.
    pub place: TaskPlace,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// Where a task lies in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPlace {
    /// At this offset.
    At(i64),
    /// An earlier owner sent it: before where the partition ended at the take-over.
    BeforeEndOf {
        /// When the take-over was.
        taken_over_at: Timestamp,
    },
}

/// Where the tasks of open runs lie, as far as this process sent them.
#[derive(Debug, Default)]
pub(super) struct Placed(HashMap<RunId, SmallVec<[PlacedTask; 1]>>);

#[derive(Clone, Copy, Debug)]
struct PlacedTask {
    activity_id: ActivityId,
    attempt: Attempt,
    at: PlacedAt,
}

#[derive(Clone, Copy, Debug)]
enum PlacedAt {
    Topic {
        /// How many partitions its queue had when it was sent: by that it has its own.
        partitions: Option<i32>,
        offset: i64,
    },
    /// This process took it, then.
    Here(Timestamp),
}

/// A run with so many tasks on record forgets those that are over first.
const PLACES_SWEPT_AT: usize = 32;

impl Placed {
    /// A task was delivered.
    pub(super) fn put(
        &mut self,
        task: &Task,
        (partitions, offset): (Option<i32>, i64),
        state: &State,
    ) {
        self.place(task, PlacedAt::Topic { partitions, offset }, state);
    }

    /// A local task was taken.
    pub(super) fn took(&mut self, task: &Task, at: Timestamp, state: &State) {
        self.place(task, PlacedAt::Here(at), state);
    }

    fn place(&mut self, task: &Task, at: PlacedAt, state: &State) {
        let of_id = state.run(&task.workflow_id);
        // Its run may be over before the log says that it has the task: nobody would forget it.
        let Some(run) = of_id.filter(|run| run.run_id == task.run_id) else {
            return;
        };
        let tasks = self.0.entry(task.run_id).or_default();
        let activity_id = task.activity_id();
        tasks.retain(|one| one.activity_id != activity_id);
        if tasks.len() >= PLACES_SWEPT_AT && tasks.len().is_power_of_two() {
            tasks.retain(|one| {
                run.activity(one.activity_id)
                    .is_some_and(|activity| activity.attempt == one.attempt)
            });
        }
        tasks.push(PlacedTask {
            activity_id,
            attempt: task.attempt,
            at,
        });
    }

    /// Whether this lane gave a local task to its process.
    pub(super) fn is_here(&self, task: &Task) -> bool {
        let placed = self.get(task.run_id, task.activity_id(), task.attempt);
        placed.is_some_and(|one| matches!(one.at, PlacedAt::Here(_)))
    }

    pub(super) fn closed(&mut self, run_id: RunId) {
        self.0.remove(&run_id);
    }

    /// Forgets runs that closed while another owned them.
    pub(super) fn after_take_over(&mut self, state: &State) {
        let open: std::collections::HashSet<RunId> =
            state.runs().iter().map(|(_, run)| run.run_id).collect();
        self.0.retain(|run_id, _| open.contains(run_id));
    }

    fn get(&self, run_id: RunId, activity_id: ActivityId, attempt: Attempt) -> Option<&PlacedTask> {
        let tasks = self.0.get(&run_id)?;
        let is_it = |one: &&PlacedTask| (one.activity_id, one.attempt) == (activity_id, attempt);
        tasks.iter().find(is_it)
    }
}

impl Lane {
    /// What is known of the run's tasks that nobody said to have begun with, and one of whose time-outs has come by `now`.
    pub(super) fn queued(&self, run: &Run, now: Timestamp) -> Vec<QueuedUntil> {
        let waits = run
            .activities
            .iter()
            .filter(|one| one.state == ActivityState::Queued);
        let overdue = waits.filter(|one| {
            one.sent_at.plus(one.start_to_close()) <= now
                || one.start_by().is_some_and(|by| by <= now)
        });
        let known = overdue.filter_map(|activity| self.waited(run.run_id, activity, now));
        known.collect()
    }

    /// How long the task of its last attempt waited at least; none: its queue has no topic.
    fn waited(&self, run_id: RunId, activity: &Activity, now: Timestamp) -> Option<QueuedUntil> {
        let (activity_id, attempt) = (activity.activity_id, activity.attempt);
        let known = |until: Option<Timestamp>| {
            Some(QueuedUntil {
                activity_id,
                attempt,
                until: until.unwrap_or(now),
                is_proved: until.is_some(),
            })
        };
        if self.outbox.has_task(run_id, activity_id, attempt) {
            // What has not arrived did not begin.
            return known(Some(now));
        }
        let placed = self
            .placed
            .get(run_id, activity_id, attempt)
            .map(|one| one.at);
        let queue = &activity.scheduled.task_queue;
        if is_local(queue) {
            return match placed {
                Some(PlacedAt::Here(at)) => known(Some(at)),
                Some(PlacedAt::Topic { .. }) | None => None,
            };
        }
        let topic = self.shared.writing.queue_topic(queue);
        let partitions = match self.shared.topics.topic(&topic) {
            QueueTopic::There(partitions) => partitions,
            // A new owner has not heard of it yet: that proves nothing.
            QueueTopic::Coming => return known(None),
            QueueTopic::Refused(_) => return None,
        };
        let id = task_id(run_id, activity_id, attempt);
        let (known_partitions, place) = match placed {
            Some(PlacedAt::Topic { partitions, offset }) => (partitions, TaskPlace::At(offset)),
            Some(PlacedAt::Here(_)) | None => {
                let taken_over_at = self.careful.since();
                (None, TaskPlace::BeforeEndOf { taken_over_at })
            }
        };
        let partitions = known_partitions.unwrap_or(partitions);
        let task = SentTask {
            partition: partition_of(id.as_bytes(), partitions),
            place,
            sent_at: activity.sent_at,
        };
        known(self.shared.topics.queued_until(&topic, task, now))
    }

    /// Puts off a run's deadline, which was `due`, if it was set by tasks that are proved to have waited; otherwise what is
    /// proved. One that is put off to an instant that has come is due at once, and not before.
    pub(super) fn hold_queued(
        &mut self,
        workflow_id: &WorkflowId,
        due: Timestamp,
        now: Timestamp,
    ) -> Option<Vec<QueuedUntil>> {
        let run = self.fold.state.run(workflow_id)?;
        let queued = self.queued(run, now);
        if queued.is_empty() {
            return Some(queued);
        }
        match run.deadline_of(&queued) {
            Some(later) if later > due => {
                if queued.iter().any(|one| !one.is_proved) {
                    self.careful.was_put_off(due, later);
                }
                self.fold.state.hold(workflow_id, later);
                None
            }
            _ => Some(queued),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
