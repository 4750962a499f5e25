//! Clients: they start sagas.

use sagaline_core::{IdConflict, IdReuse, WorkflowId};
use sagaline_journal::wire::{ce_type, header, partition_of};

use crate::{
    Violation,
    event::Event,
    inputs::{Asks, Input, StartAsked, StopAsked, draft, identify},
    plan::Plan,
    programs::SAGA,
    time::Span,
    world::World,
};

/// What clients remember.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    pub(crate) started: u32,
}

/// Something that a client does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Starts a saga.
    Start(u32),
}

impl World {
    /// Spreads the sagas' starts over the time in which things go wrong.
    pub(crate) fn schedule_clients(&mut self) {
        let active = self.settings.active_for();
        for saga in 0..self.settings.sagas {
            let at = Span(self.rng.below(active.0));
            self.push(at, Event::Client(Act::Start(saga)));
        }
    }

    pub(crate) fn client(&mut self, act: Act) -> Result<(), Violation> {
        match act {
            Act::Start(saga) => self.start_saga(saga),
        }
        Ok(())
    }

    /// Ends the open run of a workflow, whatever it waits for.
    pub(crate) fn terminate(&mut self, workflow_id: &WorkflowId) {
        let id = workflow_id.as_str();
        let partition = partition_of(id.as_bytes(), self.partitions);
        let mut record = draft(
            &self.topics.inbox,
            partition,
            id,
            ce_type::WORKFLOW_TERMINATE,
        );
        let input = Input {
            workflow_id: Some(workflow_id.clone()),
            identity: None,
            asks: Asks::Terminate(StopAsked {
                run_id: None,
                compensate: false,
                wants_reply: false,
            }),
        };
        self.inputs.add(&mut record, input);
        self.produce(&record);
    }

    fn start_saga(&mut self, saga: u32) {
        let plan = Plan::draw(&mut self.rng, self.faults.mischief);
        let id = format!("w-{saga}");
        let partition = partition_of(id.as_bytes(), self.partitions);
        let mut record = draft(&self.topics.inbox, partition, &id, ce_type::WORKFLOW_START);
        record.value = serde_json::to_vec(&plan).ok();
        record.push_header(header::WORKFLOW, SAGA);
        identify(&mut record, "client", &id);
        let input = Input {
            workflow_id: WorkflowId::new(&id).ok(),
            identity: Some(("client".into(), id)),
            asks: Asks::Start(StartAsked {
                id_conflict: IdConflict::UseExisting,
                id_reuse: IdReuse::RejectDuplicate,
                wants_reply: false,
                may_be_unknown: false,
            }),
        };
        self.inputs.add(&mut record, input);
        self.produce(&record);
        self.clients.started += 1;
    }
}
