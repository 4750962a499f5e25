//! What must leave the partition once an event is durable. A pure function of the state after the event, and the event.

mod child;
mod external;
mod queue;
pub(crate) mod update;

use alloc::{boxed::Box, sync::Arc};

use smallvec::SmallVec;

use crate::{
    Activity, ActivityId, Attempt, Cause, ChildMessage, Event, ExternalMessage, Name, Payload,
    ReplyTo, RetryDue, Run, RunId, Seq, State, Timestamp, Transition, WorkflowId, error_type,
    event::{
        ActivityAttemptScheduled, ActivityScheduled, Answer, AnswerOutcome, Outcome,
        ReplyRequested, WorkflowStarted,
    },
    run::{ActivityState, ClosedBy},
};

pub(crate) use queue::of_queue;
pub use queue::{QueueMessage, QueueWord};

/// Something to send, after the footer of its batch is known valid and not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An attempt's task for a worker.
    Task(Task),
    /// A record that waits until an activity's next attempt is due.
    Retry(Box<Retry>),
    /// Tells whoever has, or will have, an attempt's task that it shall stop.
    Cancel(Box<CancelAttempt>),
    /// An answer for whoever asked.
    Reply(Box<Reply>),
    /// Something about a limited queue for another partition.
    Queue(Box<QueueMessage>),
    /// Something for a child, or for a parent.
    Child(Box<ChildMessage>),
    /// A signal for another run, or what became of one.
    External(Box<ExternalMessage>),
    /// A record of another partition's workflow, to be read again and sent there.
    Forward {
        /// The partition it belongs to.
        target_partition: i32,
        /// Where it lies.
        cause: Cause,
    },
}

/// The effects of one input: mostly one task.
pub type Effects = SmallVec<[Effect; 1]>;

/// An attempt's task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The workflow's id.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The run in which it was scheduled: this one, or one that was reset since.
    pub scheduled_by: RunId,
    /// The run's start: its workflow and the caller's trace.
    pub started: Arc<WorkflowStarted>,
    /// The activity: its name, queue, input, and how long an attempt may run.
    pub scheduled: Arc<ActivityScheduled>,
    /// The attempt.
    pub attempt: Attempt,
    /// After it no worker shall begin with it.
    pub expires_at: Option<Timestamp>,
    /// How far an earlier attempt was.
    pub progress: Option<Payload>,
}

/// The next attempt of an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// What comes back when it is due.
    pub due: RetryDue,
    /// When that is.
    pub next_attempt_at: Timestamp,
}

/// An attempt that shall stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelAttempt {
    /// The workflow's id.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The activity.
    pub activity_id: ActivityId,
    /// The attempt.
    pub attempt: Attempt,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Where to.
    pub to: ReplyTo,
    /// The workflow that was asked about.
    pub workflow_id: WorkflowId,
    /// Its run, if there is one.
    pub run_id: Option<RunId>,
    /// Position in the run's history of the event that it is sent for: what was asked for stands beside it, or it is the end.
    pub event_seq: Option<Seq>,
    /// Stable over repeats of the same answer.
    pub id: Arc<str>,
    /// The answer.
    pub answer: Answer,
}

impl Task {
    /// The activity's number.
    #[must_use]
    pub fn activity_id(&self) -> ActivityId {
        self.scheduled.activity_id
    }
}

impl Effect {
    /// Whether it is still worth sending, when a new owner finds it not yet sent.
    #[must_use]
    pub fn is_wanted(&self, state: &State) -> bool {
        match self {
            Self::Task(task) => task.is_wanted(state),
            Self::Retry(retry) => state
                .run(&retry.due.workflow_id)
                .filter(|run| run.run_id == retry.due.run_id)
                .and_then(|run| run.activity(retry.due.activity_id))
                .is_some_and(|activity| {
                    let next_attempt_at = retry.next_attempt_at;
                    activity.state == ActivityState::Backoff { next_attempt_at }
                        && activity.attempt.next() == retry.due.attempt
                }),
            Self::Queue(message) => message.is_wanted(state),
            Self::Child(message) => message.is_wanted(state),
            Self::External(message) => message.is_wanted(state),
            Self::Cancel(_) | Self::Reply(_) | Self::Forward { .. } => true,
        }
    }
}

/// Adds what an event of a run ends to `effects`; `run` is the state before it.
pub(crate) fn ends(
    workflow_id: &WorkflowId,
    run: &Run,
    (cause, event): (&Cause, &Event),
    effects: &mut Effects,
) {
    queue::ends(workflow_id, run, (cause, event), effects);
    child::ends(run, event, effects);
}

/// Adds the effects of an event of a run to `effects`; `run` is the state after it.
pub(crate) fn effects_of_run(
    workflow_id: &WorkflowId,
    run: &Run,
    (cause, event): (&Cause, &Event),
    effects: &mut Effects,
) {
    match event {
        Event::ActivityAttemptScheduled(scheduled) => {
            effects.extend(attempt((workflow_id, run), cause, scheduled));
        }
        Event::ActivityAttemptFailed(_) | Event::ActivityOptionsUpdated(_) => {
            effects.extend(retry(workflow_id, run, event));
        }
        Event::ActivityCancelRequested(requested) => {
            effects.extend(cancel(workflow_id, run, requested.activity_id));
        }
        Event::ReplyRequested(asked) => effects.push(answered(workflow_id, run, cause, asked)),
        Event::WorkflowCompleted(_)
        | Event::WorkflowFailed(_)
        | Event::WorkflowCanceled(_)
        | Event::WorkflowTerminated(_)
        | Event::WorkflowTimedOut(_)
        | Event::WorkflowContinuedAsNew(_) => {
            closed(workflow_id, run, effects);
        }
        Event::ChildStarted(_)
        | Event::ChildCancelRequested(_)
        | Event::ExternalSignalSent(_)
        | Event::SignalReceived(_) => {
            effects.extend(of_another(workflow_id, run, event));
        }
        Event::WorkflowDelayEnded(_)
        | Event::WorkflowDeleted(_)
        | Event::AttributesUpserted(_)
        | Event::WorkflowStarted(_)
        | Event::WorkflowCancelRequested(_)
        | Event::ActivityScheduled(_)
        | Event::ActivityStarted(_)
        | Event::ActivityCompleted(_)
        | Event::ActivityFailed(_)
        | Event::ActivityTimedOut(_)
        | Event::ActivityCanceled(_)
        | Event::CompensationRegistered(_)
        | Event::CompensationStarted(_)
        | Event::CompensationCompleted(_)
        | Event::CompensationFailed(_)
        | Event::MarkerRecorded(_)
        | Event::IncidentRaised(_)
        | Event::IncidentResolved(_)
        | Event::InputForwarded(_)
        | Event::InputRejected(_)
        | Event::ExternalSignalDelivered(_)
        | Event::ExternalSignalFailed(_)
        | Event::ChildCompleted(_)
        | Event::ChildFailed(_)
        | Event::ChildCanceled(_)
        | Event::WaitRecorded(_)
        | Event::UpdateAccepted(_)
        | Event::UpdateCompleted(_)
        | Event::UpdateRejected(_)
        | Event::TimerStarted(_)
        | Event::TimerFired(_)
        | Event::TimerCanceled(_)
        | Event::ActivityHeartbeatRecorded(_)
        | Event::WorkflowPaused(_)
        | Event::WorkflowResumed(_)
        | Event::ActivityPaused(_)
        | Event::ActivityResumed(_)
        | Event::QueueChanged(_)
        | Event::QueueTaskOffered(_)
        | Event::QueueTaskReleased(_)
        | Event::QueueTaskEnded(_) => {}
    }
}

/// What an event asks of another run.
fn of_another(workflow_id: &WorkflowId, run: &Run, event: &Event) -> Option<Effect> {
    let of_child = child::asked(workflow_id, run, event);
    of_child.or_else(|| external::asked(workflow_id, run, event))
}

/// What makes an attempt: its task, or the offer of it where its queue is limited.
fn attempt(
    (workflow_id, run): (&WorkflowId, &Run),
    cause: &Cause,
    scheduled: &ActivityAttemptScheduled,
) -> Option<Effect> {
    let activity = run.activity(scheduled.activity_id)?;
    Some(match scheduled.held {
        Some(true) => queue::offered((workflow_id, run), cause, activity),
        Some(false) | None => Effect::Task(task(workflow_id, run, activity)),
    })
}

/// The task of an attempt that its queue released.
pub(crate) fn released(
    workflow_id: &WorkflowId,
    run: &Run,
    activity_id: ActivityId,
) -> Option<Effect> {
    let activity = run.activity(activity_id)?;
    Some(Effect::Task(task(workflow_id, run, activity)))
}

/// The task of the attempt that an activity is at.
pub(crate) fn task(workflow_id: &WorkflowId, run: &Run, activity: &Activity) -> Task {
    let heartbeat = activity.heartbeat.as_ref();
    Task {
        workflow_id: workflow_id.clone(),
        run_id: run.run_id,
        scheduled_by: activity.scheduled_by,
        started: Arc::clone(&run.started),
        scheduled: Arc::clone(&activity.scheduled),
        attempt: activity.attempt,
        expires_at: activity.expires_at(),
        progress: heartbeat.and_then(|heartbeat| heartbeat.progress.clone()),
    }
}

/// What waits for an activity's next attempt, if an event says when that is due. Of one that is brought forward the record
/// that waits already comes too late, and is dropped as a repeat.
fn retry(workflow_id: &WorkflowId, run: &Run, event: &Event) -> Option<Effect> {
    let (activity_id, next_attempt_at) = if let Event::ActivityAttemptFailed(failed) = event {
        (failed.activity_id, failed.next_attempt_at?)
    } else if let Event::ActivityOptionsUpdated(updated) = event {
        (updated.activity_id, updated.next_attempt_at?)
    } else {
        return None;
    };
    let due = RetryDue {
        workflow_id: workflow_id.clone(),
        run_id: run.run_id,
        activity_id,
        attempt: run.activity(activity_id)?.attempt.next(),
    };
    Some(Effect::Retry(Box::new(Retry {
        due,
        next_attempt_at,
    })))
}

/// Tells the worker of the attempt that an activity is at, if there may be one.
fn cancel(workflow_id: &WorkflowId, run: &Run, activity_id: ActivityId) -> Option<Effect> {
    let activity = run.activity(activity_id).filter(|one| one.is_in_flight())?;
    Some(Effect::Cancel(Box::new(CancelAttempt {
        workflow_id: workflow_id.clone(),
        run_id: run.run_id,
        activity_id,
        attempt: activity.attempt,
    })))
}

/// The effect of an event that belongs to no run and no queue.
#[must_use]
pub fn effect_without_run(
    workflow_id: Option<&WorkflowId>,
    cause: &Cause,
    event: &Event,
) -> Option<Effect> {
    if let Event::InputForwarded(forwarded) = event {
        return Some(Effect::Forward {
            target_partition: forwarded.target_partition,
            cause: cause.clone(),
        });
    }
    let Event::ReplyRequested(requested) = event else {
        return None;
    };
    if requested.parent.is_some() {
        return child::refused(workflow_id?, requested);
    }
    if requested.sender.is_some() {
        return external::refused(workflow_id?, requested);
    }
    Some(reply(
        (workflow_id?, None),
        &requested.reply,
        Which::To(cause),
        requested.answer.clone(),
    ))
}

/// What an answer answers: two of a run differ in it, and it is the same whenever it is sent.
enum Which<'a> {
    /// This request.
    To(&'a Cause),
    /// Everyone who waits for the end of the run.
    Closed,
    /// Everyone who waits for the end of this update.
    Update(&'a Name),
}

fn reply(
    (workflow_id, run): (&WorkflowId, Option<(RunId, Seq)>),
    to: &ReplyTo,
    which: Which<'_>,
    answer: Answer,
) -> Effect {
    let correlation = &to.correlation;
    let run_id = run.map(|(run_id, _)| run_id);
    let id = match (run_id, which) {
        (Some(run_id), Which::To(cause)) => {
            alloc::format!("{run_id}/{}/{correlation}", cause.identity())
        }
        (None, Which::To(cause)) => alloc::format!("{}/{correlation}", cause.identity()),
        (Some(run_id), Which::Closed) => alloc::format!("{run_id}/closed/{correlation}"),
        (Some(run_id), Which::Update(update_id)) => {
            alloc::format!("{run_id}/update/{update_id}/{correlation}")
        }
        (None, Which::Update(update_id)) => alloc::format!("update/{update_id}/{correlation}"),
        (None, Which::Closed) => alloc::format!("closed/{correlation}"),
    };
    Effect::Reply(Box::new(Reply {
        to: to.clone(),
        workflow_id: workflow_id.clone(),
        run_id,
        event_seq: run.map(|(_, seq)| seq),
        id: id.into(),
        answer,
    }))
}

/// Has answers name the first event that their input brought about, whatever stands before it: that they are wanted is an event
/// of its own. An input that was there before brings about nothing else.
pub(crate) fn place_answers(effects: &mut [Effect], records: &[&Transition]) {
    let Some(run_id) = records.first().and_then(|record| record.run_id) else {
        return;
    };
    let events = || {
        let of = |record: &&Transition| record.first_seq;
        records
            .iter()
            .flat_map(move |record| (of(record)..).zip(&record.events))
    };
    let is_asked = |event: &Event| matches!(event, Event::ReplyRequested(_));
    // Whoever ends a run is answered first, and attempts that are under way are asked to stop before it ends.
    let ends = |(_, event): &(Seq, &Event)| matches!(event, Event::WorkflowTerminated(_));
    let is_first = events().next().is_some_and(|(_, event)| is_asked(event));
    let ended = events().find(ends).filter(|_| is_first);
    let brought = ended.or_else(|| events().find(|(_, event)| !is_asked(event)));
    let Some((brought, _)) = brought else { return };
    for effect in effects {
        let Effect::Reply(reply) = effect else {
            continue;
        };
        let is_of_run = reply.run_id == Some(run_id);
        let is_to_asker =
            |(seq, event): (Seq, &Event)| reply.event_seq == Some(seq) && is_asked(event);
        if is_of_run && events().any(is_to_asker) {
            reply.event_seq = Some(brought);
        }
    }
}

/// The answer to one who asked something of a run.
fn answered(workflow_id: &WorkflowId, run: &Run, cause: &Cause, asked: &ReplyRequested) -> Effect {
    let about = (workflow_id, Some((run.run_id, run.seq)));
    reply(about, &asked.reply, Which::To(cause), asked.answer.clone())
}

/// Who is told of the end of a run: those who wait for it, or for an update that was under way, and its parent.
fn closed(workflow_id: &WorkflowId, run: &Run, effects: &mut Effects) {
    update::cut_off(workflow_id, run, effects);
    let by = run.closed.as_ref();
    // Who waits for the end is told by the last run of the chain.
    if by.is_none_or(|by| by.new_run_id.is_none()) {
        effects.extend(final_answers(workflow_id, run));
        effects.extend(child::ended(workflow_id, run));
    }
}

/// What everyone is told who waits for the end of the run.
fn final_answers(workflow_id: &WorkflowId, run: &Run) -> impl Iterator<Item = Effect> {
    let answer = run.closed.as_deref().map(final_answer);
    let replies = answer.into_iter().flat_map(|answer| {
        let told = move |to| (to, answer.clone());
        run.replies.iter().map(told)
    });
    let about = (workflow_id, Some((run.run_id, run.seq)));
    replies.map(move |(to, answer)| reply(about, to, Which::Closed, answer))
}

fn final_answer(closed: &ClosedBy) -> Answer {
    let reason = || closed.reason.clone().unwrap_or_default();
    match closed.outcome {
        Outcome::Completed | Outcome::ContinuedAsNew => Answer {
            outcome: AnswerOutcome::Completed,
            error_type: None,
            error_message: None,
            result: closed.result.clone(),
        },
        Outcome::Failed => with_failure(AnswerOutcome::Failed, closed),
        Outcome::TimedOut => with_failure(AnswerOutcome::TimedOut, closed),
        Outcome::Canceled => with_error(
            AnswerOutcome::Canceled,
            Name::from(error_type::CANCELED),
            reason(),
        ),
        Outcome::Terminated => with_error(
            AnswerOutcome::Terminated,
            Name::from(error_type::TERMINATED),
            reason(),
        ),
    }
}

fn with_failure(outcome: AnswerOutcome, closed: &ClosedBy) -> Answer {
    match &closed.failure {
        Some(failure) => Answer {
            result: failure.details.clone(),
            ..with_error(outcome, failure.error_type.clone(), failure.message.clone())
        },
        None => with_error(outcome, Name::from(closed.outcome.status()), Box::default()),
    }
}

fn with_error(outcome: AnswerOutcome, error_type: Name, message: Box<str>) -> Answer {
    Answer {
        outcome,
        error_type: Some(error_type),
        error_message: Some(message),
        result: None,
    }
}
