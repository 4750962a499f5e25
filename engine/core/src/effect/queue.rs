//! What one partition tells another about the tasks of limited queues.

use alloc::{boxed::Box, sync::Arc};

use super::{Effect, Effects};
use crate::{
    Activity, ActivityId, Cause, Event, Name, QueueTask, Run, State, WorkflowId,
    event::QueueChanged, run::ActivityState,
};

/// Something about a queue, for another partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue.
    pub queue: Name,
    /// What it says.
    pub word: QueueWord,
}

/// What a [`QueueMessage`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueWord {
    /// To the queue's home: an attempt waits to be released.
    Offered(QueueTask),
    /// From there: its task may go.
    Released(QueueTask),
    /// To the home: it has ended, or is not wanted any more.
    Ended(QueueTask),
    /// From there to a partition: what limits the queue now.
    Changed(Arc<QueueChanged>, i32),
}

impl QueueMessage {
    fn effect(queue: &Name, word: QueueWord) -> Effect {
        let queue = queue.clone();
        Effect::Queue(Box::new(Self { queue, word }))
    }

    pub(super) fn is_wanted(&self, state: &State) -> bool {
        match &self.word {
            QueueWord::Offered(task) => state
                .run(&task.workflow_id)
                .filter(|run| run.run_id == task.run_id)
                .and_then(|run| run.activity(task.activity_id))
                .is_some_and(|one| one.attempt == task.attempt && one.state == ActivityState::Held),
            QueueWord::Released(task) => state
                .queue(&self.queue)
                .is_some_and(|queue| queue.is_outstanding(&task.key())),
            QueueWord::Ended(_) | QueueWord::Changed(..) => true,
        }
    }
}

/// An attempt that was scheduled and waits for the home of its queue.
pub(super) fn offered(of: (&WorkflowId, &Run), cause: &Cause, activity: &Activity) -> Effect {
    let (workflow_id, run) = of;
    let task = activity.task_of((workflow_id, run.run_id), cause.partition);
    let queue = &activity.scheduled.task_queue;
    QueueMessage::effect(queue, QueueWord::Offered(task))
}

/// Adds what the home of a limited queue is told about attempts that an event ends; `run` is the state before it.
pub(super) fn ends(
    workflow_id: &WorkflowId,
    run: &Run,
    (cause, event): (&Cause, &Event),
    effects: &mut Effects,
) {
    let Some(ended) = ended_by(event) else {
        return;
    };
    let waits = |one: &Activity| one.state == ActivityState::Held;
    let is_ended = |one: &&Activity| match ended {
        Whose::Activity(ended) => ended == one.activity_id,
        Whose::All => true,
        Whose::Waiting(ended) => ended.is_none_or(|ended| ended == one.activity_id) && waits(one),
    };
    for activity in run.activities.iter().filter(is_ended) {
        if activity.limited && activity.has_attempt() {
            let task = activity.task_of((workflow_id, run.run_id), cause.partition);
            let queue = &activity.scheduled.task_queue;
            effects.push(QueueMessage::effect(queue, QueueWord::Ended(task)));
        }
    }
}

/// Whose attempt an event may end.
enum Whose {
    Activity(ActivityId),
    /// The run's.
    All,
    /// Those that wait for their turn: one activity's, or the run's.
    Waiting(Option<ActivityId>),
}

fn ended_by(event: &Event) -> Option<Whose> {
    Some(Whose::Activity(match event {
        Event::ActivityCompleted(event) => event.activity_id,
        Event::ActivityAttemptFailed(event) => event.activity_id,
        Event::ActivityAttemptScheduled(event) => event.activity_id,
        Event::ActivityFailed(event) => event.activity_id,
        Event::ActivityTimedOut(event) => event.activity_id,
        Event::ActivityCanceled(event) => event.activity_id,
        Event::WorkflowCompleted(_)
        | Event::WorkflowFailed(_)
        | Event::WorkflowCanceled(_)
        | Event::WorkflowTerminated(_)
        | Event::WorkflowTimedOut(_)
        | Event::WorkflowContinuedAsNew(_) => return Some(Whose::All),
        Event::WorkflowPaused(_) => return Some(Whose::Waiting(None)),
        Event::ActivityPaused(event) => return Some(Whose::Waiting(Some(event.activity_id))),
        Event::WorkflowStarted(_)
        | Event::AttributesUpserted(_)
        | Event::WorkflowDelayEnded(_)
        | Event::WorkflowDeleted(_)
        | Event::WorkflowCancelRequested(_)
        | Event::WorkflowResumed(_)
        | Event::ActivityScheduled(_)
        | Event::ActivityStarted(_)
        | Event::ActivityHeartbeatRecorded(_)
        | Event::ActivityCancelRequested(_)
        | Event::ActivityOptionsUpdated(_)
        | Event::ActivityResumed(_)
        | Event::CompensationRegistered(_)
        | Event::CompensationStarted(_)
        | Event::CompensationCompleted(_)
        | Event::CompensationFailed(_)
        | Event::MarkerRecorded(_)
        | Event::SignalReceived(_)
        | Event::ExternalSignalSent(_)
        | Event::ExternalSignalDelivered(_)
        | Event::ExternalSignalFailed(_)
        | Event::WaitRecorded(_)
        | Event::ChildStarted(_)
        | Event::ChildCancelRequested(_)
        | Event::ChildCompleted(_)
        | Event::ChildFailed(_)
        | Event::ChildCanceled(_)
        | Event::UpdateAccepted(_)
        | Event::UpdateCompleted(_)
        | Event::UpdateRejected(_)
        | Event::TimerStarted(_)
        | Event::TimerFired(_)
        | Event::TimerCanceled(_)
        | Event::IncidentRaised(_)
        | Event::IncidentResolved(_)
        | Event::ReplyRequested(_)
        | Event::InputForwarded(_)
        | Event::InputRejected(_)
        | Event::QueueChanged(_)
        | Event::QueueTaskOffered(_)
        | Event::QueueTaskReleased(_)
        | Event::QueueTaskEnded(_) => return None,
    }))
}

/// The effects of what happened to a queue, in the partition that journals it.
pub(crate) fn of_queue(state: &State, cause: &Cause, event: &Event, effects: &mut Effects) {
    if let Event::QueueChanged(change) = event
        && cause.partition == change.home_partition
    {
        let others = (0..state.partitions()).filter(|one| *one != change.home_partition);
        effects.extend(others.map(|partition| {
            let word = QueueWord::Changed(Arc::clone(change), partition);
            QueueMessage::effect(&change.queue, word)
        }));
    } else if let Event::QueueTaskReleased(event) = event
        && event.at_home
    {
        let word = QueueWord::Released(event.task.clone());
        effects.push(QueueMessage::effect(&event.queue, word));
    } else if let Event::QueueTaskEnded(event) = event
        && !event.at_home
    {
        let word = QueueWord::Ended(event.task.clone());
        effects.push(QueueMessage::effect(&event.queue, word));
    }
}
