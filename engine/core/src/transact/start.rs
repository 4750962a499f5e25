//! Starts: by the id rules, a new run, or an answer about the one that there is.

use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

use super::{Work, begin};
use crate::{
    Event, Message, Place, Position, RunId, Start, Transition, WorkflowId,
    decide::{self, Ignored, start::Decision},
    effect::effect_without_run,
    error_type,
    event::{IncidentKind, WorkflowStarted},
    state::Key,
};

impl Work<'_, '_> {
    /// `message` is what the run is sent with its start.
    pub(super) fn start(
        &mut self,
        key: Key<'_>,
        start: &Start,
        message: Option<&Message>,
    ) -> Result<(), Ignored> {
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
                self.begin(key, (start, run_id), (event, message), program_missing);
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
        (event, message): (WorkflowStarted, Option<&Message>),
        program_missing: bool,
    ) {
        let place = Place {
            seq: 1,
            at: self.env.now,
            cause: self.cause,
        };
        let event = Arc::new(event);
        let open = begin::open(self.overlay, &start.workflow_id, (run_id, place), &event);
        let told = self.told_at_start(&open.run, (start, message), program_missing);
        let mut events = decide::first(Event::WorkflowStarted(event));
        events.extend(told);
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
}
