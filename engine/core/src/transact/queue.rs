//! Inputs and events of limited queues, which stand beside the runs' histories.
//!
//! What a batch changes of a queue shows after the batch: a task is released by a later one than that which offered it.

use super::Work;
use crate::{
    Cause, Effects, Event, Overlay, Position, QueueCommand, QueueTask, Run, Timestamp, Transition,
    WorkflowId,
    decide::{Ignored, queue as decide},
    effect::{self, effect_without_run},
    state::Happened,
};

impl Work<'_, '_> {
    /// Decides and applies what a command asks of a queue.
    pub(super) fn queue(&mut self, command: &QueueCommand) -> Result<(), Ignored> {
        let (overlay, now) = (&*self.overlay, self.env.now);
        let events = match command {
            QueueCommand::Change(change) => decide::change(overlay, now, self.cause, change)?,
            QueueCommand::Adopt(changed) => decide::adopt(overlay, changed)?,
            QueueCommand::Offer(queue, task) => decide::offer(overlay, queue, task)?,
            QueueCommand::Send(queue, task) => decide::send(overlay, queue, task)?,
            QueueCommand::End(queue, task) => decide::end(overlay, queue, task)?,
            QueueCommand::Release(queue) => decide::release(overlay, queue, now)?,
        };
        // What a queue's home journals of it is found by its name.
        let workflow_id = match command {
            QueueCommand::Send(_, task) => Some(task.workflow_id.clone()),
            QueueCommand::Change(_)
            | QueueCommand::Adopt(_)
            | QueueCommand::Offer(..)
            | QueueCommand::End(..)
            | QueueCommand::Release(_) => WorkflowId::new(command.queue().as_str()).ok(),
        };
        let transition = Transition {
            run_id: None,
            workflow_id,
            first_seq: 0,
            at: now,
            cause: self.cause.clone(),
            events,
        };
        fold(self.overlay, &transition, &mut self.done.effects);
        let of_event =
            |event| effect_without_run(transition.workflow_id.as_ref(), self.cause, event);
        let effects = transition.events.iter().filter_map(of_event);
        self.done.effects.extend(effects);
        self.done.transitions.push(transition);
        Ok(())
    }
}

/// Applies what a record says of queues, and adds its effects; the same live and as a reader of the journal.
pub(super) fn fold(overlay: &mut Overlay<'_>, record: &Transition, effects: &mut Effects) {
    for event in &record.events {
        apply(overlay, (&record.cause, record.at), event, effects);
        effect::of_queue(overlay.state(), &record.cause, event, effects);
    }
}

fn apply(
    overlay: &mut Overlay<'_>,
    (cause, at): (&Cause, Timestamp),
    event: &Event,
    effects: &mut Effects,
) {
    if let Some((queue, happened)) = Happened::of(cause, at, event) {
        overlay.happened(queue, happened);
    } else if let Event::QueueTaskReleased(released) = event {
        send(overlay, &released.task, at, effects);
    }
}

/// In the partition of the run: the task goes to its queue.
fn send(overlay: &mut Overlay<'_>, task: &QueueTask, at: Timestamp, effects: &mut Effects) {
    let key = overlay.key(&task.workflow_id);
    let Some(mut open) = overlay.take(key) else {
        return;
    };
    if open.run.run_id == task.run_id {
        open.run.task_released(task, at);
        effects.extend(effect::released(
            &task.workflow_id,
            &open.run,
            task.activity_id,
        ));
    }
    overlay.put(key, open);
}

/// Gives what a record changed its place in the journal.
pub(super) fn settle(overlay: &mut Overlay<'_>, events: &[Event], position: Position) {
    overlay.settle_queues(position);
    for event in events {
        if let Event::QueueTaskReleased(released) = event
            && !released.at_home
        {
            let task = &released.task;
            overlay.settle(overlay.key(&task.workflow_id), task.run_id, position);
        }
    }
}

/// Whoever schedules an attempt does not know its queue: what is limited waits for the queue's home.
pub(super) fn hold_back(overlay: &Overlay<'_>, run: &Run, event: &mut Event) {
    let Event::ActivityAttemptScheduled(scheduled) = event else {
        return;
    };
    let activity = run.activity(scheduled.activity_id);
    let limited = activity.is_some_and(|one| overlay.is_limited(&one.scheduled.task_queue));
    scheduled.held = limited.then_some(true);
}
