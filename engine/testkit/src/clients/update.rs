//! Requests to change, each perhaps asked for again with something else in it; and questions.

use sagaline_core::WorkflowId;
use sagaline_journal::wire::{ce_type, header};

use crate::{
    inputs::{Asks, Input, UpdateAsked, draft, identify},
    scripted::{COUNT, UPDATE},
    world::World,
};

/// So many ids of updates there are for one workflow.
const UPDATE_IDS: u64 = 8;

impl World {
    pub(super) fn update(&mut self, id: &str) {
        let home = self.home(id);
        let mut record = draft(&self.topics.inbox, home, id, ce_type::WORKFLOW_UPDATE);
        let asked = UpdateAsked {
            update_id: format!("u-{}", self.rng.below(UPDATE_IDS)),
            number: self.rng.below(1_000),
        };
        record.push_header(header::UPDATE, UPDATE);
        record.value = Some(asked.input());
        let identity = match self.rng.percent(30) {
            // The record's own id is the update's.
            true => Some(("client".to_owned(), asked.update_id.clone())),
            false => {
                record.push_header(header::UPDATE_ID, &asked.update_id);
                let number = self.number();
                let is_named = self.rng.percent(80);
                is_named.then(|| ("client".to_owned(), format!("u-{number}-of-many")))
            }
        };
        if let Some((source, id)) = &identity {
            identify(&mut record, source, id);
        }
        self.push_reply_headers(&mut record);
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity,
            asks: Asks::Update(asked),
        };
        self.submit(record, input);
    }

    pub(super) fn query(&mut self, id: &str) {
        let home = self.home(id);
        let mut record = draft(&self.topics.inbox, home, id, ce_type::WORKFLOW_QUERY);
        record.push_header(header::QUERY, COUNT);
        self.push_reply_headers(&mut record);
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity: None,
            asks: Asks::Describe,
        };
        self.submit(record, input);
    }
}
