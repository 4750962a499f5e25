//! Events and journal records as JSON: what `history` and `journal tail` print.

use alloc::vec::Vec;

use serde::Serialize;

use crate::{Cause, Event, RunId, Seq, Timestamp, Transition, WorkflowId, show::Shown};

/// One event of a run's history, as `GET /workflows/{id}/history` has it.
#[derive(Debug, Serialize)]
pub struct HistoryEvent<'a> {
    seq: Seq,
    at: Shown<'a, Timestamp>,
    r#type: &'static str,
    attributes: Shown<'a, Event>,
    cause: &'a Cause,
    partition: i32,
    offset: i64,
}

impl<'a> HistoryEvent<'a> {
    /// The events of the record of the journal at `partition` and `offset`, in order.
    pub fn of(
        transition: &'a Transition,
        partition: i32,
        offset: i64,
    ) -> impl Iterator<Item = Self> {
        (transition.first_seq..)
            .zip(&transition.events)
            .map(move |(seq, event)| Self {
                seq,
                at: Shown(&transition.at),
                r#type: event.name(),
                attributes: Shown(event),
                cause: &transition.cause,
                partition,
                offset,
            })
    }
}

/// A run's history: what `GET /workflows/{id}/history` answers, and which run it is.
#[derive(Debug, Serialize)]
pub struct HistoryPage<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    events: Vec<HistoryEvent<'a>>,
    next_page_token: Option<()>,
}

impl<'a> HistoryPage<'a> {
    /// All events of a run.
    #[must_use]
    pub const fn new(
        workflow_id: &'a WorkflowId,
        run_id: RunId,
        events: Vec<HistoryEvent<'a>>,
    ) -> Self {
        Self {
            workflow_id,
            run_id,
            events,
            next_page_token: None,
        }
    }
}

/// One event on a line of its own, which says of which run.
#[derive(Debug, Serialize)]
pub struct HistoryLine<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    #[serde(flatten)]
    event: HistoryEvent<'a>,
}

impl<'a> HistoryLine<'a> {
    /// The line of an event of that run.
    #[must_use]
    pub const fn new(workflow_id: &'a WorkflowId, run_id: RunId, event: HistoryEvent<'a>) -> Self {
        Self {
            workflow_id,
            run_id,
            event,
        }
    }
}

/// One valid record of the journal, as a line of `journal tail`.
#[derive(Debug, Serialize)]
pub struct JournalLine<'a> {
    partition: i32,
    offset: i64,
    epoch: u64,
    batch: u64,
    run_id: Option<RunId>,
    workflow_id: Option<&'a WorkflowId>,
    at: Shown<'a, Timestamp>,
    cause: &'a Cause,
    events: Vec<EventOfTransition<'a>>,
}

/// An event within a line of the journal. Without a run it has no place in a history: its `seq` is 0.
#[derive(Debug, Serialize)]
pub struct EventOfTransition<'a> {
    seq: Seq,
    r#type: &'static str,
    attributes: Shown<'a, Event>,
}

impl<'a> JournalLine<'a> {
    /// The line of a record that lies at `partition` and `offset` and belongs to that batch of that epoch.
    #[must_use]
    pub fn of(
        transition: &'a Transition,
        (partition, offset): (i32, i64),
        (epoch, batch): (u64, u64),
    ) -> Self {
        let step = usize::from(transition.run_id.is_some());
        let events = transition
            .events
            .iter()
            .zip((transition.first_seq..).step_by(step.max(1)));
        Self {
            partition,
            offset,
            epoch,
            batch,
            run_id: transition.run_id,
            workflow_id: transition.workflow_id.as_ref(),
            at: Shown(&transition.at),
            cause: &transition.cause,
            events: events
                .map(|(event, seq)| EventOfTransition {
                    seq: if step == 0 { 0 } else { seq },
                    r#type: event.name(),
                    attributes: Shown(event),
                })
                .collect(),
        }
    }
}
