//! Local activities: those of a queue that no topic serves. Whoever owns the partition of a run runs them in its process.
//!
//! To everything here they are activities like all others; only how their tasks reach who runs them differs, and that a new
//! owner offers those in flight again, since nobody can tell what became of them.

use alloc::vec::Vec;

use crate::{Effect, Name, State, Task, effect};

/// The task queue of local activities. No queue of a user may have this name.
pub const LOCAL_QUEUE: &str = "sagaline.local";

/// Whether a task queue is that of local activities.
#[must_use]
pub fn is_local(queue: &Name) -> bool {
    queue.as_str() == LOCAL_QUEUE
}

/// The tasks of all local attempts in flight: what a new owner cannot know to be done. Oldest first.
#[must_use]
pub fn local_tasks(state: &State) -> Vec<Task> {
    let mut found = Vec::new();
    for (workflow_id, run) in state.runs() {
        let in_flight = run
            .activities
            .iter()
            .filter(|one| one.is_in_flight() && is_local(&one.scheduled.task_queue));
        found.extend(
            in_flight.map(|activity| (activity.sent_at, effect::task(workflow_id, run, activity))),
        );
    }
    found.sort_by_key(|(sent_at, _)| *sent_at);
    found.into_iter().map(|(_, task)| task).collect()
}

impl Effect {
    /// The task that it is, if it is one of a local activity.
    #[must_use]
    pub fn local_task(&self) -> Option<&Task> {
        if let Self::Task(task) = self
            && is_local(&task.scheduled.task_queue)
        {
            return Some(task);
        }
        None
    }
}

impl Task {
    /// Whether it is still worth sending, or doing.
    #[must_use]
    pub fn is_wanted(&self, state: &State) -> bool {
        let run = state.run(&self.workflow_id);
        run.filter(|run| run.run_id == self.run_id)
            .and_then(|run| run.activity(self.activity_id()))
            .is_some_and(|activity| activity.attempt == self.attempt && activity.is_in_flight())
    }
}
