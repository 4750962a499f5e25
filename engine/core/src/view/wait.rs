//! The wait sentence: what an open run waits for, how long already, and what happens next.
//!
//! The most urgent cause is told and the others are counted. Order: incident, compensation, a queue that nobody reads,
//! a failing activity, any other.

use alloc::{borrow::ToOwned, format, string::String};

use serde::{Serialize, Serializer};

use super::{
    AttemptView, ChildrenView, View,
    activity::{attempt_of, cause_of, is_unread},
    compensation, incident, queue, span,
};
use crate::{
    Activity, Attempt, Run, Timestamp, Wait, WaitFor, is_local,
    run::{ActivityState, Paused, Undo},
    show::Shown,
};

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingFor {
    /// A sentence for people.
    pub text: String,
    /// A word for code.
    pub kind: WaitKind,
    /// When the wait is over, or given up.
    #[serde(serialize_with = "shown")]
    pub until: Option<Timestamp>,
}

/// The kinds of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitKind {
    /// An attempt is on its way or runs.
    Activity,
    /// The next attempt.
    Retry,
    /// A worker for the queue.
    Queue,
    /// An instant.
    Timer,
    /// A message.
    Signal,
    /// Something in its own state.
    Condition,
    /// A request that may change it.
    Update,
    /// Children.
    Children,
    /// What was done is being undone.
    Compensation,
    /// A person.
    Incident,
    /// A person holds it up.
    Paused,
    /// Nothing any more.
    Closed,
}

impl WaitKind {
    /// The word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Retry => "retry",
            Self::Queue => "queue",
            Self::Timer => "timer",
            Self::Signal => "signal",
            Self::Condition => "condition",
            Self::Update => "update",
            Self::Children => "children",
            Self::Compensation => "compensation",
            Self::Incident => "incident",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

impl Serialize for WaitKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The sentence of an open run.
pub(super) fn sentence(view: &View<'_>) -> WaitingFor {
    let run = view.run;
    let activity = most_urgent(view);
    if let Some(paused) = run.paused.as_ref().filter(|_| run.incidents.is_empty()) {
        return of_pause("Paused", paused);
    }
    if let Some(delayed) = delayed(view).filter(|_| run.incidents.is_empty()) {
        return delayed;
    }
    let (mut waiting_for, others) = match (run.incidents.first(), &run.undo, activity) {
        (Some(incident), _, _) => {
            let pending = run
                .activities
                .iter()
                .filter(|one| one.state != ActivityState::Parked)
                .count();
            (
                incident::sentence(view, incident),
                run.incidents
                    .len()
                    .saturating_sub(1)
                    .saturating_add(pending),
            )
        }
        (None, Some(undo), activity) => (of_compensation(view, undo, activity), 0),
        (None, None, Some(activity)) => (
            of_activity(view, activity),
            run.activities
                .len()
                .saturating_sub(1)
                .saturating_add(run.timers.len()),
        ),
        (None, None, None) if let Some(wait) = waits(run).next() => {
            let others = waits(run).count().saturating_sub(1);
            (of_wait(view, wait), others)
        }
        (None, None, None) if let Some(children) = open_children(run) => {
            (of_children(&children), run.timers.len())
        }
        (None, None, None) if !run.timers.is_empty() => {
            (of_timers(view), run.timers.len().saturating_sub(1))
        }
        (None, None, None) => {
            let text = String::from("Started; the first step is on its way.");
            (
                WaitingFor {
                    text,
                    kind: WaitKind::Activity,
                    until: None,
                },
                0,
            )
        }
    };
    if others > 0 {
        waiting_for.text.push_str(&format!(" And {others} more."));
    }
    waiting_for
}

/// The pending activity that a person would ask about first.
pub(crate) fn most_urgent<'a>(view: &View<'a>) -> Option<&'a Activity> {
    let of_incident = view
        .run
        .incidents
        .first()
        .and_then(|incident| incident.activity_id);
    let urgency = |activity: &Activity| {
        if of_incident == Some(activity.activity_id) {
            0
        } else if is_unread(view, activity) {
            1
        } else if activity.last_failure.is_some() {
            2
        } else {
            3
        }
    };
    let rank = |activity: &&Activity| {
        (
            urgency(activity),
            activity.expected_at(),
            activity.activity_id,
        )
    };
    view.run.activities.iter().min_by_key(rank)
}

fn of_activity(view: &View<'_>, activity: &Activity) -> WaitingFor {
    let (name, now) = (&activity.scheduled.activity, view.server_time);
    let failed = failed(activity);
    let attempt = attempt_of(activity, activity.attempt);
    let (text, kind) = match &activity.state {
        ActivityState::Queued if is_unread(view, activity) => {
            let waited = span::age(now.since(activity.attempt_at));
            (
                format!(
                    "{name} has waited {waited} in queue {}: no worker reads it.",
                    activity.scheduled.task_queue
                ),
                WaitKind::Queue,
            )
        }
        ActivityState::Held => return of_turn(view, activity),
        ActivityState::Queued | ActivityState::Running { .. } if activity.cancel_requested => (
            format!("{name} was asked to stop; {attempt} may still be running."),
            WaitKind::Activity,
        ),
        ActivityState::Queued => {
            let since = span::age(now.since(activity.attempt_at));
            let text = match failed {
                Some(failed) => format!("{failed} {} was sent {since} ago.", capitalized(&attempt)),
                None if is_local(&activity.scheduled.task_queue) => {
                    format!("{name} was sent {since} ago, {attempt}, to run in its engine.")
                }
                None => format!(
                    "{name} was sent to queue {} {since} ago, {attempt}.",
                    activity.scheduled.task_queue
                ),
            };
            (text, WaitKind::Activity)
        }
        ActivityState::Running { started_at, .. } => {
            let since = span::age(now.since(*started_at));
            let text = match failed {
                Some(failed) => format!(
                    "{failed} {} has been running for {since}.",
                    capitalized(&attempt)
                ),
                None => format!("{name} has been running for {since}, {attempt}."),
            };
            (text, WaitKind::Activity)
        }
        ActivityState::Backoff { .. } if let Some(paused) = &activity.paused => {
            return of_pause(&format!("{name} is paused"), paused);
        }
        ActivityState::Backoff { next_attempt_at } => {
            let next = capitalized(&attempt_of(activity, activity.attempt.next()));
            let failed = failed.unwrap_or_default();
            (
                format!("{failed} {next} {}.", span::starts(*next_attempt_at, now)),
                WaitKind::Retry,
            )
        }
        ActivityState::Parked => (format!("{name} waits for a person."), WaitKind::Incident),
    };
    WaitingFor {
        text,
        kind,
        until: activity.expected_at(),
    }
}

/// `charge has waited 3 s for its turn in queue payments, which is limited to 10 at once.`
fn of_turn(view: &View<'_>, activity: &Activity) -> WaitingFor {
    let (name, queue) = (&activity.scheduled.activity, &activity.scheduled.task_queue);
    let waited = span::age(view.server_time.since(activity.attempt_at));
    let known = view.queues.and_then(|queues| queues.get(queue));
    let paused = known.and_then(|known| known.pause_of(name));
    if let Some(paused) = paused {
        let by = queue::paused_by(paused);
        let what = format!("{name} has waited {waited} in queue {queue}, which is paused {by}");
        return WaitingFor {
            text: format!("{what}. Resume it to go on."),
            kind: WaitKind::Queue,
            until: activity.expected_at(),
        };
    }
    let limits = known.and_then(queue::limits);
    let limits = limits.map_or_else(
        || "limited".to_owned(),
        |limits| format!("limited to {limits}"),
    );
    WaitingFor {
        text: format!(
            "{name} has waited {waited} for its turn in queue {queue}, which is {limits}."
        ),
        kind: WaitKind::Queue,
        until: activity.expected_at(),
    }
}

/// `Starts at 1 March 2027, 00:00 UTC (97 days).`, `Attempt 2 of 5 starts in 0:41.`
fn delayed(view: &View<'_>) -> Option<WaitingFor> {
    let (run, now) = (view.run, view.server_time);
    let at = run.delayed_until?;
    let text = match AttemptView::next(run) {
        Some(attempt) => format!("{attempt} {}.", span::starts(at, now)),
        None => format!("Starts {}.", span::at(at, now)),
    };
    Some(WaitingFor {
        text,
        kind: WaitKind::Timer,
        until: Some(at),
    })
}

/// `Paused by ada: "the bank migrates".`
fn of_pause(what: &str, paused: &Paused) -> WaitingFor {
    WaitingFor {
        text: format!("{what} {}. Resume it to go on.", by(paused)),
        kind: WaitKind::Paused,
        until: None,
    }
}

/// `by ada: "the bank migrates"`
fn by(paused: &Paused) -> String {
    queue::by(&paused.actor, paused.reason.as_deref())
}

/// What it waits for but children, who are told of in another sentence.
fn waits(run: &Run) -> impl Iterator<Item = &Wait> {
    run.waits.iter().filter(|one| one.kind != WaitFor::Children)
}

/// Its children, if any is open.
fn open_children(run: &Run) -> Option<ChildrenView> {
    ChildrenView::of(run).filter(|children| children.running > 0)
}

/// `Waiting for 600 children: 412 completed, 3 failed, 4 running, 181 not started.`
fn of_children(children: &ChildrenView) -> WaitingFor {
    WaitingFor {
        text: format!("Waiting for {}.", children.in_words()),
        kind: WaitKind::Children,
        until: None,
    }
}

/// `Waiting for signal approve for 14 min; gives up in 46 min.`
fn of_wait(view: &View<'_>, wait: &Wait) -> WaitingFor {
    let now = view.server_time;
    let (what, kind) = match wait.kind {
        WaitFor::Signal => ("signal ", WaitKind::Signal),
        WaitFor::Condition => ("", WaitKind::Condition),
        WaitFor::Update => ("update ", WaitKind::Update),
        WaitFor::Children => ("children ", WaitKind::Children),
    };
    let waited = span::age(now.since(wait.since));
    let ends = wait.deadline.map_or_else(String::new, |at| match at > now {
        true => format!("; gives up in {}", span::age(at.since(now))),
        false => String::from("; gives up now"),
    });
    WaitingFor {
        text: format!("Waiting for {what}{} for {waited}{ends}.", wait.name),
        kind,
        until: wait.deadline,
    }
}

/// `Sleeping until 1 March 2027, 00:00 UTC (97 days).`
fn of_timers(view: &View<'_>) -> WaitingFor {
    let due = view.run.timers.first().map(|timer| timer.due_at);
    let text = due.map(|due| format!("Sleeping {}.", span::until(due, view.server_time)));
    WaitingFor {
        text: text.unwrap_or_default(),
        kind: WaitKind::Timer,
        until: due,
    }
}

/// `charge-card failed 8 times (GatewayDown: connection refused).`
fn failed(activity: &Activity) -> Option<String> {
    let last = activity.last_failure.as_ref()?;
    let times = match last.attempt {
        Attempt::FIRST => String::from("once"),
        attempt => format!("{attempt} times"),
    };
    Some(format!(
        "{} failed {times} ({}).",
        activity.scheduled.activity,
        cause_of(&last.failure)
    ))
}

fn of_compensation(view: &View<'_>, undo: &Undo, activity: Option<&Activity>) -> WaitingFor {
    let (run, now) = (view.run, view.server_time);
    let in_flight = run
        .activities
        .iter()
        .find(|one| one.scheduled.compensates.is_none());
    let next = match (in_flight, activity) {
        (Some(in_flight), _) => format!(
            "; {} is asked to stop and awaited",
            in_flight.scheduled.activity
        ),
        (None, Some(activity)) => {
            let name = &activity.scheduled.activity;
            match &activity.state {
                ActivityState::Held => format!(
                    "; {name}, attempt {}, waits for its turn in queue {}",
                    activity.attempt, activity.scheduled.task_queue
                ),
                ActivityState::Queued => {
                    format!(
                        "; {name}, attempt {}, was sent {} ago",
                        activity.attempt,
                        span::age(now.since(activity.attempt_at))
                    )
                }
                ActivityState::Running { started_at, .. } => {
                    format!(
                        "; {name}, attempt {}, has been running for {}",
                        activity.attempt,
                        span::age(now.since(*started_at))
                    )
                }
                ActivityState::Backoff { .. } if let Some(paused) = &activity.paused => {
                    format!("; {name} is paused {}", by(paused))
                }
                ActivityState::Backoff { next_attempt_at } => {
                    format!(
                        "; {name}, attempt {}, {}",
                        activity.attempt.next(),
                        span::starts(*next_attempt_at, now)
                    )
                }
                ActivityState::Parked => format!("; {name} waits for a person"),
            }
        }
        (None, None) => match run.open_children().filter(|one| one.is_awaited()).count() {
            0 => String::new(),
            1 => String::from("; 1 child is asked to stop and awaited"),
            children => format!("; {children} children are asked to stop and awaited"),
        },
    };
    let (reason, done, total) = (
        compensation::reason(run, undo),
        compensation::done(run),
        compensation::total(run),
    );
    let text = format!("Compensating because {reason}: {done} of {total} done{next}.");
    WaitingFor {
        text,
        kind: WaitKind::Compensation,
        until: activity.and_then(Activity::expected_at),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

fn shown<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    Shown(at).serialize(serializer)
}
