//! How a run begins: by a start, or in the place of another.

use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

use super::Work;
use crate::{
    Event, Overlay, Place, Position, Run, RunId, Start, Transition, WorkflowId,
    decide::{
        self, Ignored,
        chain::{Beginning, Next},
        start::Decision,
    },
    effect::effect_without_run,
    error_type,
    event::{IncidentKind, WorkflowStarted},
    state::{Key, Open},
};

/// The run that begins with that event.
pub(super) fn open(
    overlay: &mut Overlay<'_>,
    workflow_id: &WorkflowId,
    (run_id, place): (RunId, Place<'_>),
    started: &Arc<WorkflowStarted>,
) -> Box<Open> {
    let starts = overlay.reopen(workflow_id);
    let chain = started.chain.as_ref();
    let carried = chain.map(|chain| overlay.take_carried(chain.continued_from));
    let run = Run::start(run_id, place, started, starts, carried.unwrap_or_default());
    Open::new(workflow_id.clone(), run)
}

impl Work<'_, '_> {
    pub(super) fn start(&mut self, key: Key<'_>, start: &Start) -> Result<(), Ignored> {
        let identity = self.cause.identity();
        match decide::start::decide(self.overlay, identity, start, self.programs) {
            Decision::Started {
                event,
                terminated,
                program_missing,
            } => {
                if let Some(old) = terminated {
                    let reason = Box::from("a start with terminate-existing took its id");
                    let end = |run| decide::cancel::terminated_at_once(run, Some(reason));
                    let events = self.overlay.run_of(key).map(end).unwrap_or_default();
                    self.transition(key, events);
                    // The new run must find the old one closed.
                    self.overlay.settle(key, old, Position::default());
                }
                let run_id = decide::start::run_id(self.env.namespace, identity, start);
                self.begin(key, (start, run_id), event, program_missing);
            }
            Decision::Existing(reply) => {
                self.transition(key, Vec::from([reply.into()]));
            }
            Decision::Refused(Some(reply)) => self.without_run(&start.workflow_id, reply.into()),
            Decision::Refused(None) => return Err(Ignored::Already),
            Decision::Ignored(ignored) => return Err(ignored),
            Decision::Rejected(rejection) => self.done.rejected = Some(rejection),
        }
        Ok(())
    }

    fn without_run(&mut self, workflow_id: &WorkflowId, event: Event) {
        self.done
            .effects
            .extend(effect_without_run(Some(workflow_id), self.cause, &event));
        self.done.transitions.push(Transition {
            run_id: None,
            workflow_id: Some(workflow_id.clone()),
            first_seq: 0,
            at: self.env.now,
            cause: self.cause.clone(),
            events: Vec::from([event]),
        });
    }

    /// Makes the run of a start.
    fn begin(
        &mut self,
        key: Key<'_>,
        (start, run_id): (&Start, RunId),
        event: WorkflowStarted,
        program_missing: bool,
    ) {
        let place = Place {
            seq: 1,
            at: self.env.now,
            cause: self.cause,
        };
        let event = Arc::new(event);
        let open = open(self.overlay, &start.workflow_id, (run_id, place), &event);
        let mut events = decide::first(Event::WorkflowStarted(event));
        events.extend(
            start
                .reply
                .as_ref()
                .map(|reply| Event::from(decide::accepted(reply, true))),
        );
        if program_missing {
            let message = format!("no engine that is running has workflow {}", start.workflow);
            events.push(decide::program::incident(
                IncidentKind::DefinitionMissing,
                error_type::DEFINITION_MISSING,
                message,
            ));
        }
        self.extend(key, open, 1, events);
    }

    /// Makes the run that goes on in the place of the one that has just closed.
    pub(super) fn go_on(&mut self, key: Key<'_>, next: Next) {
        let Some(old) = self.overlay.run_of(key) else {
            return;
        };
        let Some(new_run_id) = old.closed.as_ref().and_then(|closed| closed.new_run_id) else {
            return;
        };
        self.continuations = self.continuations.saturating_add(1);
        let old_run_id = old.run_id;
        let Beginning {
            run_id,
            started,
            copies,
        } = decide::chain::begin(old, new_run_id, next, self.programs);
        // The new run must find the old one closed.
        self.overlay.settle(key, old_run_id, Position::default());
        let place = Place {
            seq: 1,
            at: self.env.now,
            cause: self.cause,
        };
        let started = Arc::new(started);
        let open = open(self.overlay, key.workflow_id, (run_id, place), &started);
        let mut events = decide::first(Event::WorkflowStarted(started));
        events.extend(copies);
        self.extend(key, open, 1, events);
    }
}
