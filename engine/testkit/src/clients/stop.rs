//! Cancellations, terminations and questions.

use sagaline_core::WorkflowId;
use sagaline_journal::wire::{ce_type, header};

use crate::{
    inputs::{Asks, Input, StopAsked, draft, identify},
    world::World,
};

impl World {
    pub(super) fn cancel(&mut self, id: &str) {
        self.stop(id, true);
    }

    pub(super) fn terminate(&mut self, id: &str) {
        self.stop(id, false);
    }

    fn stop(&mut self, id: &str, cancels: bool) {
        let ce_type = if cancels {
            ce_type::WORKFLOW_CANCEL
        } else {
            ce_type::WORKFLOW_TERMINATE
        };
        let mut record = draft(&self.topics.inbox, self.home(id), id, ce_type);
        let compensate = self.rng.percent(if cancels { 80 } else { 40 });
        if compensate != cancels || self.rng.percent(50) {
            record.push_header(header::COMPENSATE, compensate.to_string());
        }
        if self.rng.percent(50) {
            record.push_header(header::REASON, "because");
        }
        let identity = self
            .rng
            .percent(70)
            .then(|| ("client".to_owned(), format!("x-{}", self.number())));
        if let Some((source, id)) = &identity {
            identify(&mut record, source, id);
        }
        let asked = StopAsked {
            compensate,
            wants_reply: self.ask_for_reply(&mut record),
        };
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity,
            asks: if cancels {
                Asks::Cancel(asked)
            } else {
                Asks::Terminate(asked)
            },
        };
        self.submit(record, input);
    }

    pub(super) fn describe(&mut self, id: &str) {
        let mut record = draft(
            &self.topics.inbox,
            self.home(id),
            id,
            ce_type::WORKFLOW_DESCRIBE,
        );
        self.push_reply_headers(&mut record);
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity: None,
            asks: Asks::Describe,
        };
        self.submit(record, input);
    }

    /// Ends the open run of a workflow, whatever it waits for.
    pub(crate) fn end_for_good(&mut self, workflow_id: &WorkflowId) {
        let id = workflow_id.as_str();
        let mut record = draft(
            &self.topics.inbox,
            self.home(id),
            id,
            ce_type::WORKFLOW_TERMINATE,
        );
        let input = Input {
            workflow_id: Some(workflow_id.clone()),
            identity: None,
            asks: Asks::Terminate(StopAsked {
                compensate: false,
                wants_reply: false,
            }),
        };
        self.inputs.add(&mut record, input);
        self.produce(&record);
    }
}
