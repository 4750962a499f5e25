//! What came behind the event to which a run is reset, and holds: signals, the ends of children that began before, and what
//! became of signals that it sent before.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    sync::Arc,
    vec::Vec,
};

use super::{Base, Refused};
use crate::{
    ActivityId, Cause, ChildClosed, ChildEnd, Event, Reapply, ResetTo, Run, RunId, Seq, Transition,
    error_type, event::CompensationRegistered,
};

/// What one input brought.
pub(crate) struct Later {
    pub(crate) cause: Cause,
    /// Signals, and what became of those that it sent.
    pub(crate) events: Vec<Event>,
    pub(crate) ended: Option<ChildClosed>,
}

/// In order. A child that is open at the event must be open still, or have ended: else nobody would tell the new run.
pub(super) fn of(base: &Base<'_>, to: &ResetTo, open: Option<&Run>) -> Result<Vec<Later>, Refused> {
    let mut pending = pending(base, to.event_seq);
    let mut sent = sent(base, to.event_seq);
    let mut later = Vec::new();
    for input in &base.inputs {
        let behind = (input.first_seq..).zip(&input.events);
        let behind = behind.filter(|(seq, _)| *seq > to.event_seq);
        let mut one = Later {
            cause: input.cause.clone(),
            events: Vec::new(),
            ended: None,
        };
        for (_, event) in behind {
            if matches!(event, Event::SignalReceived(_)) {
                let comes_again = to.reapply == Reapply::Signals;
                one.events.extend(comes_again.then(|| event.clone()));
            } else if told(event).is_some_and(|signal_id| sent.remove(&signal_id)) {
                one.events.push(event.clone());
            } else if let Some(child_id) = ends(event)
                && let Some(by) = pending.remove(&child_id)
            {
                one.ended = closed(input, (event, child_id), by);
            }
        }
        if !one.events.is_empty() || one.ended.is_some() {
            later.push(one);
        }
    }
    if let Some(signal_id) = sent.first() {
        let message = format!(
            "signal {signal_id} was on its way to another run at event {}, and what became of it is not known: reset to an event before it was sent, or later",
            to.event_seq
        );
        return Err(Refused(error_type::CANNOT_RESET, message));
    }
    let is_newest = open.is_some_and(|run| run.run_id == base.run_id);
    match pending.into_keys().next() {
        Some(child_id) if !is_newest => Err(Refused(
            error_type::CANNOT_RESET,
            format!(
                "child {child_id} was open at event {}, and run {} ended before it did: nobody knows its end; reset to an event before its start",
                to.event_seq, base.run_id
            ),
        )),
        _ => Ok(later),
    }
}

/// Children that were open at the event, each with the run that started it.
fn pending(base: &Base<'_>, event_seq: Seq) -> BTreeMap<ActivityId, RunId> {
    let mut pending = BTreeMap::new();
    for (seq, event) in base.events().take_while(|(seq, _)| *seq <= event_seq) {
        if let Event::ChildStarted(started) = event {
            let reset = base.started.reset.as_deref();
            let origin = reset.and_then(|reset| reset.origin_of(seq));
            pending.insert(started.child_id, origin.unwrap_or(base.run_id));
        } else if let Some(child_id) = ends(event) {
            pending.remove(&child_id);
        }
    }
    pending
}

/// Signals to other runs that the program waited for at the event.
fn sent(base: &Base<'_>, event_seq: Seq) -> BTreeSet<ActivityId> {
    let mut sent = BTreeSet::new();
    for (_, event) in base.events().take_while(|(seq, _)| *seq <= event_seq) {
        if let Event::ExternalSignalSent(one) = event {
            sent.extend(one.awaited.then_some(one.signal_id));
        } else if let Some(signal_id) = told(event) {
            sent.remove(&signal_id);
        }
    }
    sent
}

/// Of which signal to another run an event says what became of it.
fn told(event: &Event) -> Option<ActivityId> {
    if let Event::ExternalSignalDelivered(told) = event {
        Some(told.signal_id)
    } else if let Event::ExternalSignalFailed(told) = event {
        Some(told.signal_id)
    } else {
        None
    }
}

fn ends(event: &Event) -> Option<ActivityId> {
    if let Event::ChildCompleted(ended) = event {
        Some(ended.child_id)
    } else if let Event::ChildFailed(ended) = event {
        Some(ended.child_id)
    } else if let Event::ChildCanceled(ended) = event {
        Some(ended.child_id)
    } else {
        None
    }
}

/// The end of a child as it was told: what it handed over gets numbers of the new run.
fn closed(
    input: &Transition,
    (event, child_id): (&Event, ActivityId),
    run_id: RunId,
) -> Option<ChildClosed> {
    let (child_run_id, end) = if let Event::ChildCompleted(ended) = event {
        let result = ended.result.clone();
        let end = ChildEnd::Completed {
            result,
            registrations: handed_over(input, child_id),
        };
        (ended.run_id, end)
    } else if let Event::ChildFailed(ended) = event {
        let failure = Box::new(ended.failure.clone());
        (ended.run_id, ChildEnd::Failed { failure })
    } else if let Event::ChildCanceled(ended) = event {
        let reason = ended.reason.clone();
        (ended.run_id, ChildEnd::Canceled { reason })
    } else {
        return None;
    };
    Some(ChildClosed {
        workflow_id: input.workflow_id.clone()?,
        run_id,
        child_id,
        child_run_id,
        end,
    })
}

/// How what a child has done is undone, as its end says.
fn handed_over(input: &Transition, child_id: ActivityId) -> Vec<Arc<CompensationRegistered>> {
    let registered = input.events.iter().filter_map(|event| {
        let Event::CompensationRegistered(one) = event else {
            return None;
        };
        (one.compensates == child_id).then(|| one.clone())
    });
    registered.collect()
}
