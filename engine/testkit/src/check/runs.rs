//! Runs as the journal tells them.

use std::collections::BTreeMap;

use sagaline_core::{Event, RunId, Transition, WorkflowId, event::IncidentKind};
use sagaline_journal::wire::partition_of;

use crate::Violation;

/// The runs of one partition.
#[derive(Debug)]
pub(super) struct Runs {
    partition: i32,
    partitions: i32,
    runs: BTreeMap<RunId, Run>,
}

#[derive(Debug, Default)]
struct Run {
    workflow_id: Option<WorkflowId>,
    seq: u64,
    closed: bool,
    /// Open incidents, by the position of their first event.
    incidents: BTreeMap<u64, IncidentKind>,
}

impl Runs {
    pub(super) fn new(partition: i32, partitions: i32) -> Self {
        Self {
            partition,
            partitions,
            runs: BTreeMap::new(),
        }
    }

    pub(super) fn started(&self) -> u64 {
        self.runs.len() as u64
    }

    pub(super) fn transition(&mut self, transition: &Transition) -> Result<(), Violation> {
        let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id) else {
            return Ok(());
        };
        if partition_of(workflow_id.as_str().as_bytes(), self.partitions) != self.partition {
            return Err(Violation::new(
                "I19",
                format!("{workflow_id} is journaled in partition {}", self.partition),
            ));
        }
        let run = self.runs.entry(run_id).or_default();
        run.workflow_id = Some(workflow_id.clone());
        for (seq, event) in (transition.first_seq..).zip(&transition.events) {
            let is_start = matches!(event, Event::WorkflowStarted(_));
            if seq != run.seq + 1 || is_start != (seq == 1) || run.closed {
                let what = format!(
                    "run {run_id}: {} is event {seq} after {}, closed {}",
                    event.name(),
                    run.seq,
                    run.closed
                );
                return Err(Violation::new("I1", what));
            }
            run.seq = seq;
            run.closed = is_terminal(event);
            run.apply(seq, event);
        }
        Ok(())
    }

    /// Open runs that wait for a person.
    pub(super) fn parked(&self) -> impl Iterator<Item = &WorkflowId> {
        let parked = self
            .runs
            .values()
            .filter(|run| !run.closed && !run.incidents.is_empty());
        parked.filter_map(|run| run.workflow_id.as_ref())
    }

    pub(super) fn finish(&self) -> Result<(), Violation> {
        let open: Vec<&RunId> = self
            .runs
            .iter()
            .filter(|(_, run)| !run.closed)
            .map(|(id, _)| id)
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(Violation::new(
            "I17",
            format!("runs that never end: {open:?}"),
        ))
    }
}

impl Run {
    fn apply(&mut self, seq: u64, event: &Event) {
        match event {
            Event::IncidentRaised(raised) => {
                self.incidents.insert(seq, raised.kind);
            }
            Event::IncidentResolved(resolved) => {
                self.incidents.remove(&resolved.incident_seq);
            }
            _ => {}
        }
    }
}

/// Whether nothing may follow.
pub(super) const fn is_terminal(event: &Event) -> bool {
    matches!(
        event,
        Event::WorkflowCompleted(_)
            | Event::WorkflowFailed(_)
            | Event::WorkflowCanceled(_)
            | Event::WorkflowTerminated(_)
    )
}
