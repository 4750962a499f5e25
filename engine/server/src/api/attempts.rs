//! One activity with all its attempts, as the history tells them.

use axum::{extract::State, response::Response};
use sagaline_core::{
    ActivityId, Attempt, Event, Failure, Name, Payload, RetryPolicy, RunId, Timestamp, Transition,
    WorkflowId, event::ActivityScheduled, show::Shown, view::View,
};
use serde::{Serialize, Serializer};

use super::{
    Api, act::OF_RUN, answer, call::Call, history::refuse_deleted, journal::now, walk::Walk,
};
use crate::problem::Problem;

/// Most attempts that are kept: the first and the last of more.
const ATTEMPTS_MAX: usize = 1_000;

/// What has no outcome yet.
const PENDING: &str = "pending";

/// An activity.
#[derive(Debug, Serialize)]
struct Activity {
    workflow_id: WorkflowId,
    run_id: RunId,
    activity: Name,
    activity_id: ActivityId,
    task_queue: Name,
    #[serde(serialize_with = "shown")]
    input: Payload,
    #[serde(serialize_with = "shown")]
    retry: RetryPolicy,
    compensates: Option<ActivityId>,
    #[serde(serialize_with = "shown")]
    scheduled_at: Timestamp,
    #[serde(serialize_with = "shown")]
    closed_at: Option<Timestamp>,
    /// Of one without an outcome as among the run's pending activities, `queued`, `retrying` and so on, or `pending` when the
    /// run has ended; else `completed`, `failed`, `timed-out` or `canceled`.
    state: &'static str,
    #[serde(serialize_with = "shown")]
    result: Option<Payload>,
    #[serde(serialize_with = "shown")]
    failure: Option<Failure>,
    attempts: Vec<Tried>,
    /// How many of them are left out, behind the first half.
    attempts_left_out: u64,
}

/// One attempt.
#[derive(Debug, Serialize)]
struct Tried {
    attempt: Attempt,
    #[serde(serialize_with = "shown")]
    scheduled_at: Timestamp,
    #[serde(serialize_with = "shown")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "shown")]
    ended_at: Option<Timestamp>,
    /// `pending`, `completed`, `failed` or `canceled`.
    outcome: &'static str,
    #[serde(serialize_with = "shown")]
    failure: Option<Failure>,
    #[serde(serialize_with = "shown")]
    next_attempt_at: Option<Timestamp>,
    worker: Option<Name>,
    #[serde(serialize_with = "shown")]
    last_heartbeat_at: Option<Timestamp>,
}

fn shown<T, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    for<'a> Shown<'a, T>: Serialize,
{
    Shown(value).serialize(serializer)
}

pub(crate) async fn activity(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[&OF_RUN[..], &["consistency"]].concat())?;
    let (id, run_id, activity_id) = (call.workflow_id()?, call.run_id()?, call.activity_id()?);
    api.fresh(&id, call.consistency()?).await?;
    let run = api.found(&id, run_id).await?;
    refuse_deleted(&run)?;
    let (mut activity, mut walk) = (None, Walk::through(&api, &run));
    while let Some(window) = walk.next().await? {
        for (transition, event) in window.events() {
            take(&mut activity, (&id, activity_id), transition, event);
        }
    }
    match activity {
        Some(activity) => Ok(answer::json(&activity.seen_in(&run.view(now(), &[])))),
        None => {
            let run_id = run.run.run_id;
            let text = format!("run {run_id} of workflow {id} has no activity {activity_id}");
            Err(Problem::not_found("activity_not_found", text))
        }
    }
}

/// Takes an event in, if it is of that activity.
fn take(
    activity: &mut Option<Activity>,
    (id, wanted): (&WorkflowId, ActivityId),
    transition: &Transition,
    event: &Event,
) {
    let at = transition.at;
    if let Event::ActivityScheduled(scheduled) = event {
        if scheduled.activity_id == wanted
            && let Some(run_id) = transition.run_id
        {
            *activity = Some(Activity::new(id, run_id, at, scheduled));
        }
        return;
    }
    let Some(activity) = activity else { return };
    match event {
        Event::ActivityAttemptScheduled(of) if of.activity_id == wanted => {
            activity.tried(of.attempt, at).scheduled_at = at;
        }
        Event::ActivityStarted(of) if of.activity_id == wanted => {
            let tried = activity.tried(of.attempt, at);
            tried.started_at = Some(at);
            tried.worker.clone_from(&of.worker);
        }
        Event::ActivityHeartbeatRecorded(of) if of.activity_id == wanted => {
            activity.tried(of.attempt, at).last_heartbeat_at = Some(at);
        }
        Event::ActivityAttemptFailed(of) if of.activity_id == wanted => {
            let tried = activity.tried(of.attempt, at);
            tried.end(at, "failed", of.worker.as_ref());
            tried.failure = Some(of.failure.clone());
            tried.next_attempt_at = of.next_attempt_at;
        }
        Event::ActivityCompleted(of) if of.activity_id == wanted => {
            activity
                .tried(of.attempt, at)
                .end(at, "completed", of.worker.as_ref());
            activity.result = Some(of.result.clone());
            activity.close(at, "completed");
        }
        Event::ActivityFailed(of) if of.activity_id == wanted => {
            activity.failure = Some(of.failure.clone());
            activity.close(at, "failed");
        }
        Event::ActivityTimedOut(of) if of.activity_id == wanted => {
            activity.failure = Some(of.failure.clone());
            activity.close(at, "timed-out");
        }
        Event::ActivityCanceled(of) if of.activity_id == wanted => activity.close(at, "canceled"),
        Event::ActivityOptionsUpdated(of) if of.activity_id == wanted => {
            if let Some(retry) = &of.retry {
                retry.change(&mut activity.retry);
            }
            if let Some(input) = &of.input {
                activity.input = input.clone();
            }
        }
        _ => {}
    }
}

impl Activity {
    fn new(id: &WorkflowId, run_id: RunId, at: Timestamp, of: &ActivityScheduled) -> Self {
        Self {
            workflow_id: id.clone(),
            run_id,
            activity: of.activity.clone(),
            activity_id: of.activity_id,
            task_queue: of.task_queue.clone(),
            input: of.input.clone(),
            retry: of.retry.clone(),
            compensates: of.compensates,
            scheduled_at: at,
            closed_at: None,
            state: PENDING,
            result: None,
            failure: None,
            attempts: Vec::new(),
            attempts_left_out: 0,
        }
    }

    /// Where it is, if it has no outcome: what a person holds up or has asked to stop no event of its own says.
    fn seen_in(mut self, view: &View<'_>) -> Self {
        let mut pending = view.run.activities.iter();
        let pending = pending.find(|one| one.activity_id == self.activity_id);
        if let Some(pending) = pending.filter(|_| self.closed_at.is_none()) {
            self.state = view.activity_state(pending);
        }
        self
    }

    /// The attempt of that number. The first has no event of its own: it is sent with the activity.
    fn tried(&mut self, attempt: Attempt, at: Timestamp) -> &mut Tried {
        let known = self.attempts.iter().rposition(|one| one.attempt == attempt);
        let at_index = known.unwrap_or_else(|| {
            if self.attempts.len() >= ATTEMPTS_MAX {
                self.attempts.remove(ATTEMPTS_MAX / 2);
                self.attempts_left_out += 1;
            }
            let scheduled_at = match self.attempts.is_empty() {
                true => self.scheduled_at,
                false => at,
            };
            self.attempts.push(Tried {
                attempt,
                scheduled_at,
                started_at: None,
                ended_at: None,
                outcome: PENDING,
                failure: None,
                next_attempt_at: None,
                worker: None,
                last_heartbeat_at: None,
            });
            self.attempts.len() - 1
        });
        &mut self.attempts[at_index]
    }

    fn close(&mut self, at: Timestamp, state: &'static str) {
        self.closed_at = Some(at);
        self.state = state;
        if let Some(last) = self
            .attempts
            .last_mut()
            .filter(|one| one.ended_at.is_none())
        {
            let outcome = if state == "timed-out" {
                "failed"
            } else {
                state
            };
            last.end(at, outcome, None);
        }
    }
}

impl Tried {
    fn end(&mut self, at: Timestamp, outcome: &'static str, worker: Option<&Name>) {
        self.ended_at = Some(at);
        self.outcome = outcome;
        if let Some(worker) = worker {
            self.worker = Some(worker.clone());
        }
    }
}
