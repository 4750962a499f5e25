//! A batch that is being made: inputs decided one after the other on an overlay, each transition given its place.
//!
//! Deliberately absent: sending it, which is `batch.rs`.

use std::collections::HashMap;

use sagaline_core::{
    Cause, Command, Delta, Effect, Env, Event, Ignored, Overlay, Position, RunId, Timestamp,
    Transacted, Transition, WorkflowId, effect_without_run,
    event::{InputForwarded, ReplyRequested},
    settle, transact,
};
use sagaline_journal::{EncodedTransition, NewRecord, Record};
use sagaline_schemas::Trying;

use super::{Lane, Taken, answer::Asked};
use crate::input::{Input, Refusal, rejected};

/// A batch that is being made.
pub(super) struct Making {
    pub(super) now: Timestamp,
    pub(super) delta: Delta,
    pub(super) records: Vec<EncodedTransition>,
    pub(super) bytes: usize,
    pub(super) effects: Vec<Effect>,
    pub(super) forwards: HashMap<(String, i64), NewRecord>,
    pub(super) answers: Vec<Asked>,
    pub(super) closed: Vec<RunId>,
    pub(super) trying: Option<Trying>,
}

impl Making {
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            now,
            delta: Delta::default(),
            records: Vec::new(),
            bytes: 0,
            effects: Vec::new(),
            forwards: HashMap::new(),
            answers: Vec::new(),
            closed: Vec::new(),
            trying: None,
        }
    }
}

impl Lane {
    pub(super) fn take(&mut self, making: &mut Making, taken: Taken) {
        let Taken { record, input } = taken;
        self.passed(&record);
        let waited = making.now.since(record.timestamp);
        self.shared.figures.input(waited);
        match input {
            Input::Command { cause, command } => {
                self.decide(making, &cause, &command, Some(&record))
            }
            Input::Ask { cause, question } => making.answers.push(Asked {
                by: cause.identity(),
                question,
            }),
            Input::Forward {
                cause,
                target_partition,
                record: forwarded,
            } => {
                making
                    .forwards
                    .insert((cause.topic.to_string(), cause.offset), *forwarded);
                making.effects.push(Effect::Forward {
                    target_partition,
                    cause: cause.clone(),
                });
                self.counts.forwarded += 1;
                let workflow_id = record
                    .key()
                    .and_then(|key| std::str::from_utf8(key).ok())
                    .and_then(|key| WorkflowId::new(key).ok());
                let events = vec![InputForwarded { target_partition }.into()];
                self.journal(
                    making,
                    Transition {
                        run_id: None,
                        workflow_id,
                        first_seq: 0,
                        at: making.now,
                        cause,
                        events,
                    },
                );
            }
            Input::Refused { cause, refusal } => {
                let invalid = sagaline_core::error_type::INVALID_INPUT;
                let answer = refusal
                    .reply
                    .as_ref()
                    .map(|to| sagaline_core::refusal(to, invalid, &*refusal.message));
                self.reject(making, &record, (&cause, refusal), answer);
            }
        }
    }

    fn passed(&mut self, record: &Record) {
        let position = if record.topic == self.shared.reading.inbox {
            &mut self.positions.inbox
        } else {
            &mut self.positions.results
        };
        *position = record.offset + 1;
        let is_inbox = record.topic == self.shared.reading.inbox;
        self.proof.passed(
            is_inbox,
            record.timestamp,
            (self.positions.inbox, self.positions.results),
        );
    }

    pub(super) fn decide(
        &mut self,
        making: &mut Making,
        cause: &Cause,
        command: &Command,
        record: Option<&Record>,
    ) {
        let mut overlay = Overlay::new(&self.fold.state, &mut making.delta);
        let env = Env {
            namespace: &self.shared.namespace,
            now: making.now,
        };
        let Transacted {
            transitions,
            effects,
            ignored,
            rejected,
        } = transact(&mut overlay, env, cause, command, &mut self.programs);
        match ignored {
            Some(Ignored::Repeat) => self.counts.repeats += 1,
            Some(Ignored::Stale) => self.counts.stale += 1,
            Some(Ignored::Early(due)) => {
                if let Command::RetryDue(retry) = command {
                    self.early.keep(due, retry);
                }
            }
            Some(Ignored::Already) | None => {}
        }
        making.effects.extend(effects);
        for transition in transitions {
            self.journal(making, transition);
        }
        if let (Some(rejection), Some(record)) = (rejected, record) {
            let refusal = Refusal::new(rejection.reason, rejection.message.into_string());
            self.reject(
                making,
                record,
                (cause, refusal),
                rejection.reply.map(|reply| *reply),
            );
        }
    }

    /// Journals a refused record, and the answer to whoever wants one.
    fn reject(
        &mut self,
        making: &mut Making,
        record: &Record,
        (cause, refusal): (&Cause, Refusal),
        answer: Option<ReplyRequested>,
    ) {
        self.counts.rejected += 1;
        tracing::info!(
            partition = self.partition,
            workflow_id = record.key().map(|key| String::from_utf8_lossy(key)).as_deref(),
            topic = %record.topic,
            offset = record.offset,
            reason = refusal.reason.as_str(),
            message = refusal.message,
            "input rejected"
        );
        let mut transition = rejected(record, cause, refusal, making.now);
        if let Some(answer) = answer {
            let event = answer.into();
            let workflow_id = transition.workflow_id.as_ref();
            // An answer is about a workflow: who names none gets none.
            if let Some(effect) = effect_without_run(workflow_id, cause, &event) {
                making.effects.push(effect);
                transition.events.push(event);
            }
        }
        self.journal(making, transition);
    }

    /// Encodes a transition and gives it its place.
    fn journal(&mut self, making: &mut Making, transition: Transition) {
        let before = making.records.len();
        if let Err(error) = EncodedTransition::append(&transition, &mut making.records) {
            // Core bounds every payload below the schemas' limits.
            return self.fail(error);
        }
        making.bytes += making.records[before..]
            .iter()
            .map(EncodedTransition::size)
            .sum::<usize>();
        let index = u32::try_from(making.records.len() - 1).unwrap_or(u32::MAX);
        let batch = self.fold.footing().batch_no + 1;
        self.measuring
            .transition(&self.shared.figures, &transition, &self.fold.state);
        let mut overlay = Overlay::new(&self.fold.state, &mut making.delta);
        settle(&mut overlay, &transition, Position { batch, index });
        if let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id)
            && overlay
                .run(workflow_id)
                .is_none_or(|run| run.run_id != run_id)
        {
            making.closed.push(run_id);
        }
        self.counts.events += transition.events.len() as u64;
        tell(self.partition, &transition);
    }
}

/// Tells the log what people look for there: that a run needs one of them, and how runs end.
fn tell(partition: i32, transition: &Transition) {
    let (Some(workflow_id), Some(run_id)) = (&transition.workflow_id, transition.run_id) else {
        return;
    };
    for event in &transition.events {
        match event {
            Event::IncidentRaised(incident) => tracing::info!(
                partition,
                %workflow_id,
                %run_id,
                kind = incident.kind.as_str(),
                activity = incident.activity.as_ref().map(|activity| activity.as_str()),
                error_type = incident.failure.error_type.as_str(),
                "a run waits for a person"
            ),
            Event::WorkflowCompleted(_)
            | Event::WorkflowFailed(_)
            | Event::WorkflowCanceled(_)
            | Event::WorkflowTerminated(_)
            | Event::WorkflowTimedOut(_)
            | Event::WorkflowContinuedAsNew(_) => {
                tracing::debug!(partition, %workflow_id, %run_id, event = event.name(), "a run ended");
            }
            _ => {}
        }
    }
}
