//! Reset: a run ends, open or not, and another goes on in its place from one of its events.
//!
//! ```text
//! newest run: … ─▶ in flight: asked to stop ─▶ WorkflowTerminated {new_run_id}          one input, one batch
//! new run:    WorkflowStarted {reset_of, reset} · copies of 2 … n ─▶ what the cut left of its last activation
//!             ─▶ incidents and pauses end, in flight: attempt 1 ─▶ SignalReceived, ends of children … ─▶ its program
//! ```
//! Refused is what would make the new run's history untrue: steps that were undone since count as done in it, the end of a
//! child cannot be known, what was handed over by a run before is not in the journal of this one.

mod later;

use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};

pub(crate) use later::Later;

use super::{activity::too_large, chain, undo};
use crate::{
    ActivityId, Attempt, Cause, Event, Millis, Name, Operate, Overlay, ResetTo, Run, RunId, Seq,
    Timestamp, Transition, WorkflowId, error_type,
    event::{
        ActivityAttemptScheduled, ActivityFailed, ActivityResumed, IncidentResolved, Origin, Reset,
        WorkflowResumed, WorkflowStarted, WorkflowTerminated,
    },
    workflow_of_id,
};

/// Most runs of which a history that was reset again and again may hold copies.
const ORIGINS_MAX: usize = 64;

/// The act, as it stands in what it resolves.
const RESET: &str = "reset";

/// Why a run cannot be reset so.
pub(crate) struct Refused(pub(crate) &'static str, pub(crate) String);

/// What a reset comes to.
pub(crate) struct Plan {
    pub(crate) run_id: RunId,
    /// The last events of the open run.
    pub(crate) ends: Vec<Event>,
    /// The new run's history as far as it is another's, input by input.
    pub(crate) copies: Vec<Transition>,
    /// What came behind it and holds.
    pub(crate) later: Vec<Later>,
}

/// What holds for all of an input.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) cause: &'a Cause,
}

/// The run that is reset, as its journal has it.
struct Base<'a> {
    run_id: RunId,
    started: &'a WorkflowStarted,
    started_at: Timestamp,
    inputs: Vec<&'a Transition>,
}

impl<'a> Base<'a> {
    fn events(&self) -> impl Iterator<Item = (Seq, &'a Event)> {
        let of = |input: &&'a Transition| (input.first_seq..).zip(&input.events);
        self.inputs.iter().flat_map(of)
    }
}

pub(crate) fn plan(
    overlay: &Overlay<'_>,
    of: Of<'_>,
    command: &Operate,
    to: &ResetTo,
) -> Result<Plan, Refused> {
    let id = &command.workflow_id;
    if let Some(ours) = workflow_of_id(id.as_str()) {
        let message = format!("workflow {id} is one of {ours}: it is changed by its own commands");
        return Err(Refused(error_type::INVALID_INPUT, message));
    }
    let base = base(id, command.run_id, to)?;
    check_position(&base, to.event_seq)?;
    check_undone(&base, to.event_seq)?;
    let open = overlay.run(id);
    let later = later::of(&base, to, open)?;
    let newest = match (open, overlay.closed(id)) {
        (Some(run), _) => run.run_id,
        (None, Some(closed)) => closed.run_id,
        // It was closed for so long that its id is forgotten.
        (None, None) => base.run_id,
    };
    let reset = Box::new(reset(&base, (command, to.event_seq), (newest, of.now))?);
    check_time(&base, &reset, of.now)?;
    let is_same_chain = open.is_some_and(|run| run.first_run_id() == reset.first_run_id);
    let below = (newest == base.run_id).then(|| next_id(&base, to.event_seq));
    let (run_id, ends) = ends(open, (of, id, newest), command, below);
    let ends = match is_same_chain {
        true => ends,
        false => without_next(ends),
    };
    Ok(Plan {
        run_id,
        ends,
        copies: copies(&base, run_id, of.cause, reset),
        later,
    })
}

fn unknown(id: &WorkflowId, run_id: Option<RunId>) -> Refused {
    let message = match run_id {
        Some(run_id) => format!("workflow {id} has no run {run_id}"),
        None => format!("workflow {id} is not known"),
    };
    Refused(error_type::NOT_FOUND, message)
}

/// What the journal has of the run, all of it.
fn base<'a>(id: &WorkflowId, run_id: Option<RunId>, to: &'a ResetTo) -> Result<Base<'a>, Refused> {
    let inputs: Vec<&Transition> = to
        .history
        .iter()
        .filter(|one| one.run_id.is_some())
        .collect();
    let first = inputs.first().and_then(|one| Some((one.run_id?, one)));
    let Some((base_id, first)) = first else {
        return Err(unknown(id, run_id));
    };
    if inputs.len() < to.history.len() {
        let message = format!("run {base_id} of workflow {id} was deleted");
        return Err(Refused(error_type::NOT_FOUND, message));
    }
    let whole = inputs.iter().try_fold(1, |next: Seq, one| {
        (one.first_seq == next).then(|| next.saturating_add(one.events.len() as Seq))
    });
    let (Some(_), Some(Event::WorkflowStarted(started))) = (whole, first.events.first()) else {
        let message = format!("the journal no longer has all of run {base_id} of workflow {id}");
        return Err(Refused(error_type::CANNOT_RESET, message));
    };
    Ok(Base {
        run_id: base_id,
        started,
        started_at: first.at,
        inputs,
    })
}

/// Whether the program can go on from behind that event.
fn check_position(base: &Base<'_>, event_seq: Seq) -> Result<(), Refused> {
    let ends = |(_, event): &(Seq, &Event)| {
        event.closes() || matches!(event, Event::CompensationStarted(_))
    };
    let end = base.events().find(ends);
    let last = match end {
        Some((seq, _)) => seq.saturating_sub(1),
        None => base.events().last().map_or(0, |(seq, _)| seq),
    };
    if event_seq == 0 || event_seq > last {
        let why = match end {
            Some((seq, event)) => format!(": its end is fixed by event {seq}, {}", event.name()),
            None => String::new(),
        };
        let message = format!(
            "run {} can be reset to events 1 to {last}, not to {event_seq}{why}",
            base.run_id
        );
        return Err(Refused(error_type::INVALID_INPUT, message));
    }
    check_together(base, event_seq)?;
    let chain = base.started.chain.as_ref();
    match chain.filter(|chain| chain.first_activity_id > ActivityId::FIRST) {
        Some(chain) => Err(Refused(
            error_type::CANNOT_RESET,
            format!(
                "run {} goes on with children or compensations of run {}, which its own history does not have: reset that run, or one that was started",
                base.run_id, chain.continued_from
            ),
        )),
        None => Ok(()),
    }
}

/// Whether the event is cut off from those that came with it and that nobody else tells of.
fn check_together(base: &Base<'_>, event_seq: Seq) -> Result<(), Refused> {
    let with = base.events().find_map(|(seq, event)| {
        let others = if let Event::WorkflowStarted(started) = event {
            started.chain.as_ref()?.carried_events
        } else if let Event::ChildCompleted(ended) = event {
            ended.compensations
        } else {
            return None;
        };
        let last = seq.saturating_add(Seq::from(others));
        (seq..last).contains(&event_seq).then_some((seq, last))
    });
    match with {
        Some((first, last)) => Err(Refused(
            error_type::INVALID_INPUT,
            format!(
                "events {first} to {last} of run {} belong together: reset to event {last}",
                base.run_id
            ),
        )),
        None => Ok(()),
    }
}

/// What began up to the event and was undone since counts as done in the new run: that would be untrue.
fn check_undone(base: &Base<'_>, event_seq: Seq) -> Result<(), Refused> {
    let begun = base.events().filter_map(|(seq, event)| {
        let (id, name) = began(event)?;
        Some((id, (seq, name)))
    });
    let begun: BTreeMap<ActivityId, (Seq, &Name)> = begun.collect();
    let undone = base.events().filter_map(|(seq, event)| {
        let Event::ActivityScheduled(scheduled) = event else {
            return None;
        };
        Some((seq, scheduled.compensates?))
    });
    let steps = undone.filter_map(|(undone_at, step)| {
        let (seq, name) = *begun.get(&step)?;
        (seq <= event_seq).then_some((seq, name, undone_at))
    });
    match steps.min_by_key(|(seq, ..)| *seq) {
        Some((seq, name, undone_at)) => Err(Refused(
            error_type::CANNOT_RESET,
            format!(
                "{name}, which began with event {seq}, was undone by event {undone_at}: reset to event {} or before, so that it is done again",
                seq.saturating_sub(1)
            ),
        )),
        None => Ok(()),
    }
}

/// The step that begins with an event: its number and its name.
fn began(event: &Event) -> Option<(ActivityId, &Name)> {
    if let Event::ActivityScheduled(one) = event {
        Some((one.activity_id, &one.activity))
    } else if let Event::ChildStarted(one) = event {
        Some((one.child_id, &one.workflow))
    } else {
        None
    }
}

fn check_time(base: &Base<'_>, reset: &Reset, now: Timestamp) -> Result<(), Refused> {
    let limit = base.started.execution_timeout_ms.map(Millis);
    let ends_by = limit.map(|limit| reset.first_started_at.plus(limit));
    match ends_by.filter(|end| *end <= now) {
        Some(end) => Err(Refused(
            error_type::CANNOT_RESET,
            format!(
                "the execution time-out of run {} passed at {}",
                base.run_id,
                end.to_rfc3339()
            ),
        )),
        None => Ok(()),
    }
}

/// How the new run comes to be.
fn reset(
    base: &Base<'_>,
    (command, event_seq): (&Operate, Seq),
    (newest, now): (RunId, Timestamp),
) -> Result<Reset, Refused> {
    let before = base.started.reset.as_deref();
    let (first_run_id, first_started_at) = match (before, &base.started.chain) {
        (Some(reset), _) => (reset.first_run_id, reset.first_started_at),
        (None, Some(chain)) => (chain.first_run_id, chain.first_started_at),
        (None, None) => (base.run_id, base.started_at),
    };
    let origins = origins(base, event_seq);
    if origins.len() > ORIGINS_MAX {
        let message = format!(
            "run {} holds copies of {ORIGINS_MAX} runs: reset one of those",
            base.run_id
        );
        return Err(Refused(error_type::LIMIT, message));
    }
    Ok(Reset {
        event_seq,
        started_at: now,
        continued_from: newest,
        first_run_id,
        first_started_at,
        origins,
        actor: command.actor.clone(),
        reason: command.reason.clone(),
    })
}

/// In which runs the events up to that one happened.
fn origins(base: &Base<'_>, event_seq: Seq) -> Vec<Origin> {
    let before = base.started.reset.as_deref();
    let before = before.map_or(&[][..], |reset| &reset.origins);
    let own = Origin {
        run_id: base.run_id,
        event_seq,
    };
    let mut origins: Vec<Origin> = Vec::new();
    for origin in before.iter().chain([&own]) {
        if origins
            .last()
            .is_some_and(|last| last.event_seq >= event_seq)
        {
            break;
        }
        origins.push(Origin {
            run_id: origin.run_id,
            event_seq: origin.event_seq.min(event_seq),
        });
    }
    origins
}

/// The number that the program's next command gets behind that event.
fn next_id(base: &Base<'_>, event_seq: Seq) -> ActivityId {
    let ids = base.events().take_while(|(seq, _)| *seq <= event_seq);
    let ids = ids.filter_map(|(_, event)| {
        if let Event::TimerStarted(one) = event {
            Some(one.timer_id)
        } else if let Event::CompensationRegistered(one) = event {
            Some(one.activity_id)
        } else if let Event::ExternalSignalSent(one) = event {
            Some(one.signal_id)
        } else {
            began(event).map(|(id, _)| id)
        }
    });
    ids.max().map_or(ActivityId::FIRST, ActivityId::next)
}

/// The last events of the open run, and the id of the one that goes on.
fn ends(
    open: Option<&Run>,
    (of, id, newest): (Of<'_>, &WorkflowId, RunId),
    command: &Operate,
    hands_over_below: Option<ActivityId>,
) -> (RunId, Vec<Event>) {
    let Some(run) = open else {
        let identity = of.cause.identity().to_bytes();
        let of_act = [&newest.as_bytes()[..], &identity[..]].concat();
        return (RunId::derive(of.namespace, id, &of_act), Vec::new());
    };
    let mut events = undo::stop_unawaited(run);
    let seq = run
        .seq
        .saturating_add(events.len() as Seq)
        .saturating_add(1);
    let new_run_id = chain::run_id(of.namespace, id, run.run_id, seq);
    events.push(
        WorkflowTerminated {
            reason: command.reason.clone(),
            new_run_id: Some(new_run_id),
            hands_over_below: Some(hands_over_below.unwrap_or(ActivityId::FIRST)),
        }
        .into(),
    );
    (new_run_id, events)
}

/// Of a run of another chain nothing goes on.
fn without_next(mut events: Vec<Event>) -> Vec<Event> {
    if let Some(Event::WorkflowTerminated(terminated)) = events.last_mut() {
        terminated.new_run_id = None;
    }
    events
}

/// The history up to the event, input by input, as that of the new run.
fn copies(base: &Base<'_>, run_id: RunId, cause: &Cause, reset: Box<Reset>) -> Vec<Transition> {
    let event_seq = reset.event_seq;
    let began = base
        .inputs
        .iter()
        .take_while(|one| one.first_seq <= event_seq);
    let mut copies: Vec<Transition> = began
        .map(|one| {
            let left = event_seq.saturating_sub(one.first_seq).saturating_add(1);
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            Transition {
                run_id: Some(run_id),
                events: one.events.iter().take(left).cloned().collect(),
                workflow_id: one.workflow_id.clone(),
                first_seq: one.first_seq,
                at: one.at,
                cause: one.cause.clone(),
            }
        })
        .collect();
    if let Some(first) = copies.first_mut() {
        first.cause = cause.clone();
        if let Some(event) = first.events.first_mut() {
            let started = WorkflowStarted {
                reset_of: Some(base.run_id),
                reset: Some(reset),
                ..base.started.clone()
            };
            *event = started.into();
        }
    }
    copies
}

/// What waited for a person, or was held up by one, waits no more.
pub(crate) fn released(run: &Run, command: &Operate) -> Vec<Event> {
    let actor = || command.actor.clone();
    let reason = || command.reason.clone();
    let resolved = run.incidents.iter().map(|incident| {
        Event::from(IncidentResolved {
            incident_seq: incident.seq,
            act: Name::from(RESET),
            actor: actor(),
            reason: reason(),
        })
    });
    let mut events: Vec<Event> = resolved.collect();
    if run.paused.is_some() {
        let (actor, reason) = (actor(), reason());
        events.push(WorkflowResumed { actor, reason }.into());
    }
    let paused = run.activities.iter().filter(|one| one.paused.is_some());
    events.extend(paused.map(|activity| {
        Event::from(ActivityResumed {
            activity_id: activity.activity_id,
            activity: activity.scheduled.activity.clone(),
            actor: actor(),
            reason: reason(),
        })
    }));
    events
}

/// What was in flight at the event begins again; what was asked to stop has.
pub(crate) fn again(run: &Run, in_flight: &[ActivityId]) -> Vec<Event> {
    let activities = run.activities.iter();
    let left = activities.filter(|one| in_flight.contains(&one.activity_id));
    let events = left.flat_map(|activity| {
        let name = &activity.scheduled.activity;
        if activity.cancel_requested {
            return undo::stop_now(run, activity);
        }
        Vec::from([match activity.scheduled.input.is_too_large() {
            true => ActivityFailed {
                activity_id: activity.activity_id,
                activity: name.clone(),
                failure: too_large(name, &activity.scheduled.input),
            }
            .into(),
            false => ActivityAttemptScheduled {
                activity_id: activity.activity_id,
                activity: name.clone(),
                attempt: Attempt::FIRST,
                held: None,
            }
            .into(),
        }])
    });
    events.collect()
}
