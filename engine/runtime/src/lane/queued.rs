//! Tasks that may still wait in their queue: queued work is not timed as running.
//!
//! Workers take tasks straight from Kafka, so nobody tells when an attempt begins, unless its worker says so. Where a task
//! lies is known from its delivery; how far its queue's workers are, from what their group committed. What is proved to
//! have waited until an instant began after it, and its start-to-close time-out counts from there.

use std::collections::HashMap;

use sagaline_core::{
    ActivityId, Attempt, Effect, QueuedUntil, Run, RunId, State, Timestamp, WorkflowId,
    run::ActivityState,
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
    offset: i64,
}

/// A run with so many tasks on record forgets those that are over first.
const PLACES_SWEPT_AT: usize = 32;

impl Placed {
    /// A task was delivered.
    pub(super) fn put(&mut self, effect: &Effect, offset: i64, state: &State) {
        let Effect::Task(task) = effect else { return };
        let tasks = self.0.entry(task.run_id).or_default();
        let activity_id = task.activity_id();
        tasks.retain(|one| one.activity_id != activity_id);
        if tasks.len() >= PLACES_SWEPT_AT && tasks.len().is_power_of_two() {
            let run = state.run(&task.workflow_id);
            tasks.retain(|one| {
                run.and_then(|run| run.activity(one.activity_id))
                    .is_some_and(|activity| activity.attempt == one.attempt)
            });
        }
        tasks.push(PlacedTask {
            activity_id,
            attempt: task.attempt,
            offset,
        });
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

    fn offset(&self, run_id: RunId, activity_id: ActivityId, attempt: Attempt) -> Option<i64> {
        let tasks = self.0.get(&run_id)?;
        let known = tasks
            .iter()
            .find(|one| (one.activity_id, one.attempt) == (activity_id, attempt));
        known.map(|one| one.offset)
    }
}

impl Lane {
    /// What is proved of the run's tasks whose start-to-close time-out has come by `now`, if nobody said that they began.
    pub(super) fn queued(&self, run: &Run, now: Timestamp) -> Vec<QueuedUntil> {
        let overdue = run.activities.iter().filter(|one| {
            one.state == ActivityState::Queued && one.attempt_at.plus(one.start_to_close()) <= now
        });
        let proved = overdue.filter_map(|activity| {
            let (activity_id, attempt) = (activity.activity_id, activity.attempt);
            let queue = &activity.scheduled.task_queue;
            let topic = self.shared.writing.queue_topic(queue);
            let QueueTopic::There(partitions) = self.shared.topics.topic(&topic) else {
                return None;
            };
            let id = task_id(run.run_id, activity_id, attempt);
            let place = match self.placed.offset(run.run_id, activity_id, attempt) {
                Some(offset) => TaskPlace::At(offset),
                None => TaskPlace::BeforeEndOf {
                    taken_over_at: self.careful.since(),
                },
            };
            let task = SentTask {
                partition: partition_of(id.as_bytes(), partitions),
                place,
                sent_at: activity.attempt_at,
            };
            let until = self.shared.topics.queued_until(&topic, task, now);
            (until > activity.attempt_at).then_some(QueuedUntil {
                activity_id,
                attempt,
                until,
            })
        });
        proved.collect()
    }

    /// Puts a run's deadline off if it was set by tasks that are proved to wait; otherwise what is proved.
    pub(super) fn hold_queued(
        &mut self,
        workflow_id: &WorkflowId,
        now: Timestamp,
    ) -> Option<Vec<QueuedUntil>> {
        let run = self.fold.state.run(workflow_id)?;
        let queued = self.queued(run, now);
        if queued.is_empty() {
            return Some(queued);
        }
        match run.deadline_of(&queued) {
            Some(later) if later > now => {
                self.fold.state.hold(workflow_id, later);
                None
            }
            _ => Some(queued),
        }
    }
}
