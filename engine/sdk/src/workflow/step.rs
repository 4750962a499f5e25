//! One activity, child, or signal to another run, from the command that schedules it to the poll that takes its outcome.

use std::{mem, task::Waker, time::Duration};

use sagaline_core::{
    ActivityId, Failure, Millis, Name, Payload, Stop, WorkflowId,
    bounds::{self, OutOfBounds},
    error_type,
    event::{CarriedChild, ParentClosePolicy},
    is_local,
    program::{ProgramCommand, RegisterCompensation, ScheduleActivity, Timeouts},
};

use super::reach::Reach;
use crate::{
    Error, Result,
    activity::{CallTimeouts, ErasedCall},
};

/// How long one attempt may run when nothing else is said.
const START_TO_CLOSE_DEFAULT: Millis = Millis::from_secs(60);

/// The same of a local activity, which is a short call.
const LOCAL_START_TO_CLOSE_DEFAULT: Millis = Millis::from_secs(10);

/// What becomes of a scheduled activity.
#[derive(Debug)]
pub(crate) struct Step {
    /// The activity, the child's workflow, or the signal.
    pub(crate) name: Name,
    pub(crate) kind: StepKind,
    pub(crate) progress: Progress,
    /// Makes the compensation from the result, at completion.
    pub(crate) compensate: Option<Compensate>,
    /// Which requests to stop reach it.
    pub(crate) reach: Reach,
    /// It was asked to stop.
    pub(crate) cancel_requested: bool,
    /// Nobody waits for it any more.
    pub(crate) abandoned: bool,
}

impl Step {
    /// A child that the run before has handed on.
    pub(crate) fn carried(child: &CarriedChild, reach: Reach) -> Self {
        let result = child.result.clone().map(StepOutcome::Completed);
        let failure = child.failure.clone().map(StepOutcome::Failed);
        let canceled = child.canceled.then_some(StepOutcome::Canceled);
        let ended = result.or(failure).or(canceled);
        Self {
            name: child.workflow.clone(),
            kind: StepKind::Child {
                close_policy: child.close_policy,
            },
            progress: ended.map_or(Progress::Pending(None), Progress::Ended),
            compensate: None,
            reach,
            cancel_requested: false,
            abandoned: false,
        }
    }

    /// The same child, for the run that goes on in this one's place.
    pub(crate) fn into_carried(
        self,
        child_id: ActivityId,
        workflow_id: WorkflowId,
    ) -> CarriedChild {
        let (mut result, mut failure, mut canceled) = (None, None, false);
        match self.progress {
            Progress::Pending(_) => {}
            Progress::Ended(StepOutcome::Completed(payload)) => result = Some(payload),
            Progress::Ended(StepOutcome::Failed(why)) => failure = Some(why),
            Progress::Ended(StepOutcome::Canceled) => canceled = true,
        }
        let close_policy = match self.kind {
            StepKind::Child { close_policy } => close_policy,
            StepKind::Activity | StepKind::Signal => ParentClosePolicy::default(),
        };
        CarriedChild {
            child_id,
            workflow: self.name,
            workflow_id,
            close_policy,
            result,
            failure,
            canceled,
        }
    }

    /// The run was asked to stop, and so is the step, once. Gives whom to wake: nobody waits any more for a child that was
    /// let go, and for a signal to arrive.
    pub(crate) fn cancel(
        &mut self,
        id: ActivityId,
        commands: &mut Vec<ProgramCommand>,
    ) -> Option<Waker> {
        if self.cancel_requested || !matches!(self.progress, Progress::Pending(_)) {
            return None;
        }
        self.cancel_requested = true;
        match self.kind {
            StepKind::Activity => commands.push(ProgramCommand::CancelActivity { activity_id: id }),
            StepKind::Child {
                close_policy: ParentClosePolicy::Terminate | ParentClosePolicy::Cancel,
            } => {
                let how = Stop::Cancel;
                commands.push(ProgramCommand::CancelChild { child_id: id, how });
            }
            StepKind::Signal
            | StepKind::Child {
                close_policy: ParentClosePolicy::Abandon,
            } => {
                let ended = Progress::Ended(StepOutcome::Canceled);
                if let Progress::Pending(waker) = mem::replace(&mut self.progress, ended) {
                    return waker;
                }
            }
        }
        None
    }
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    Activity,
    /// A signal to another run: it cannot be taken back, a run that is cancelled only waits no more.
    Signal,
    Child {
        /// One that was let go outlives its parent: a parent that is cancelled only waits no more.
        close_policy: ParentClosePolicy,
    },
}

/// Where a step is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Its outcome has not come; the waker is that of whoever waits.
    Pending(Option<Waker>),
    /// Its outcome waits to be taken.
    Ended(StepOutcome),
}

/// How an activity, or a child, ended, as the engine says.
#[derive(Debug)]
pub(crate) enum StepOutcome {
    Completed(Payload),
    Failed(Failure),
    Canceled,
}

/// How a step is undone, and from when on.
#[derive(Debug)]
pub(crate) enum Compensation {
    /// Made from the result, once there is one.
    AtCompletion(Compensate),
    /// Known before, and covers attempts of unknown outcome.
    AtScheduling(Box<ErasedCall>),
}

/// Makes the compensating call from a step's result.
pub(crate) struct Compensate(pub(crate) Box<MakeCall>);

type MakeCall = dyn FnOnce(&Payload) -> Result<ErasedCall> + Send;

impl std::fmt::Debug for Compensate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compensate")
    }
}

/// The command that schedules a step.
pub(crate) fn schedule(
    activity_id: ActivityId,
    call: ErasedCall,
    default_queue: &Name,
    compensable: bool,
) -> Result<ProgramCommand> {
    let refused = |why: OutOfBounds| invalid(&call.name, &why);
    let retry = call.retry.unwrap_or_default();
    let task_queue = call.queue.unwrap_or_else(|| default_queue.clone());
    Ok(ProgramCommand::ScheduleActivity(ScheduleActivity {
        retry: retry.into_step_policy().map_err(refused)?,
        timeouts: timeouts(&task_queue, call.timeouts).map_err(refused)?,
        activity_id,
        activity: call.name,
        task_queue,
        input: call.input?,
        compensable,
    }))
}

/// The command that registers how a step is undone.
pub(crate) fn register(
    activity_id: ActivityId,
    call: ErasedCall,
    default_queue: &Name,
    (compensates, reach): (ActivityId, &Reach),
) -> Result<ProgramCommand> {
    let refused = |why: OutOfBounds| invalid(&call.name, &why);
    let retry = call.retry.unwrap_or_default();
    let task_queue = call.queue.unwrap_or_else(|| default_queue.clone());
    Ok(ProgramCommand::RegisterCompensation(RegisterCompensation {
        retry: retry.into_compensation_policy().map_err(refused)?,
        timeouts: timeouts(&task_queue, call.timeouts).map_err(refused)?,
        activity_id,
        activity: call.name,
        task_queue,
        input: call.input?,
        compensates,
        group: reach.group().map(|group| group.of(activity_id)),
    }))
}

/// The error of a step that is run with options that make no sense.
fn invalid(activity: &Name, why: &OutOfBounds) -> Error {
    Error::new(error_type::INVALID_OPTIONS, why.of(activity)).non_retryable()
}

fn timeouts(queue: &Name, call: CallTimeouts) -> Result<Timeouts, OutOfBounds> {
    let default = match is_local(queue) {
        true => LOCAL_START_TO_CLOSE_DEFAULT,
        false => START_TO_CLOSE_DEFAULT,
    };
    let checked = |field, limit: Option<Duration>| {
        let limit = limit.map(|limit| bounds::span(field, limit));
        limit.transpose()
    };
    let start_to_close_ms = checked("start_to_close", call.start_to_close)?;
    Ok(Timeouts {
        schedule_to_start_ms: checked("schedule_to_start", call.schedule_to_start)?,
        start_to_close_ms: start_to_close_ms.unwrap_or(default.0),
        schedule_to_close_ms: checked("schedule_to_close", call.schedule_to_close)?,
        heartbeat_ms: checked("heartbeat", call.heartbeat)?,
    })
}

/// The outcome of a step that a cancelled run no longer does.
pub(crate) fn canceled(activity: &Name) -> Error {
    Error::canceled(format!("activity `{activity}` was cancelled"))
}
