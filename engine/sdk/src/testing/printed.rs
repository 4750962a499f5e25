//! Histories as the command line prints them, read back.
//!
//! Known are `workflow history -o json` (one object), `workflow history -o jsonl` (one event a line) and `journal tail` (one
//! record a line). Instants have milliseconds there.

use std::io::Read;

use sagaline_core::{Cause, Event, RunId, Timestamp, Transition, WorkflowId, show::Read as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::UNREADABLE;
use crate::{Error, Result, recorded::Runs};

/// What a line, or an event within one, may say.
#[derive(Deserialize)]
struct Line {
    kind: Option<String>,
    workflow_id: Option<WorkflowId>,
    run_id: Option<RunId>,
    seq: Option<u64>,
    at: Option<Box<RawValue>>,
    r#type: Option<String>,
    attributes: Option<Box<RawValue>>,
    cause: Option<Cause>,
    events: Option<Vec<Self>>,
}

/// Reads all runs.
pub(super) fn runs(mut printed: impl Read) -> Result<Runs> {
    let mut text = String::new();
    printed.read_to_string(&mut text)?;
    let mut transitions: Vec<Transition> = Vec::new();
    let lines = serde_json::Deserializer::from_str(&text).into_iter::<Line>();
    for (line, number) in lines.zip(1..) {
        let line = line.map_err(|wrong| unreadable(number, &wrong.to_string()))?;
        let records = line.transitions();
        let records = records.map_err(|wrong| unreadable(number, &wrong))?;
        records
            .into_iter()
            .for_each(|one| append(&mut transitions, one));
    }
    let mut runs = Runs::default();
    for transition in transitions {
        let taken = runs.take(transition);
        taken.map_err(|wrong| Error::new(UNREADABLE, wrong).non_retryable())?;
    }
    Ok(runs)
}

fn unreadable(number: u32, wrong: &str) -> Error {
    Error::new(
        UNREADABLE,
        format!("object {number} of the history: {wrong}"),
    )
    .non_retryable()
}

/// Adds a record; those of one run and input that follow each other are one transition.
fn append(transitions: &mut Vec<Transition>, next: Transition) {
    let goes_on = |last: &&mut Transition| {
        let next_seq = (last.first_seq..).nth(last.events.len());
        last.run_id == next.run_id && last.cause == next.cause && next_seq == Some(next.first_seq)
    };
    match transitions.last_mut().filter(goes_on) {
        Some(last) => last.events.extend(next.events),
        None => transitions.push(next),
    }
}

impl Line {
    fn transitions(self) -> Result<Vec<Transition>, String> {
        if self.kind.is_some() {
            return Ok(Vec::new());
        }
        let (workflow_id, run_id) = (self.workflow_id.clone(), self.run_id);
        let (at, cause) = (self.at.clone(), self.cause.clone());
        let events = match self.events {
            Some(events) => events,
            None => vec![self],
        };
        let records = events.into_iter().filter_map(|event| {
            let of_run = (workflow_id.clone(), run_id);
            let at = event.at.clone().or_else(|| at.clone());
            let cause = event.cause.clone().or_else(|| cause.clone());
            event.transition(of_run, at, cause).transpose()
        });
        records.collect()
    }

    /// The event as a transition of its own; none where it belongs to no run.
    fn transition(
        self,
        of_run: (Option<WorkflowId>, Option<RunId>),
        at: Option<Box<RawValue>>,
        cause: Option<Cause>,
    ) -> Result<Option<Transition>, String> {
        let event = match (self.r#type, self.attributes) {
            (Some(name), Some(attributes)) => Event::read(&name, &attributes)
                .map_err(|wrong| format!("event {}: {name}: {wrong}", self.seq.unwrap_or(0)))?,
            _ => return Err("it is no event and has none".to_owned()),
        };
        if self.seq == Some(0) {
            return Ok(None);
        }
        let (Some(workflow_id), Some(run_id)) = of_run else {
            return Err("`workflow_id` or `run_id` is missing".to_owned());
        };
        let missing = |key: &str| format!("`{key}` is missing");
        let at = at.ok_or_else(|| missing("at"))?;
        Ok(Some(Transition {
            run_id: Some(run_id),
            workflow_id: Some(workflow_id),
            first_seq: self.seq.ok_or_else(|| missing("seq"))?,
            at: Timestamp::read(&at).map_err(|wrong| format!("`at`: {wrong}"))?,
            cause: cause.ok_or_else(|| missing("cause"))?,
            events: vec![event],
        }))
    }
}
