//! Messages for runs: to those that wait for them, to those that do not, and to none.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::WorkflowId;
use sagaline_journal::{
    NewRecord,
    wire::{ce_type, header},
};

use crate::{
    inputs::{Asks, Input, SignalAsked, draft, identify},
    plan::{SIGNALS, signal_name},
    world::World,
};

impl World {
    /// Adds a signal to a start.
    pub(super) fn signal_of_start(&mut self, record: &mut NewRecord) -> SignalAsked {
        let number = u8::try_from(self.rng.below(SIGNALS)).unwrap_or_default();
        let signal = signal_name(number);
        let input = self.number().to_string().into_bytes();
        record.push_header(header::SIGNAL, &signal);
        record.push_header(header::SIGNAL_INPUT, STANDARD.encode(&input));
        SignalAsked {
            signal,
            input,
            wants_reply: false,
        }
    }

    pub(super) fn signal(&mut self, id: &str) {
        let home = self.home(id);
        let mut record = draft(&self.topics.inbox, home, id, ce_type::WORKFLOW_SIGNAL);
        let number = u8::try_from(self.rng.below(SIGNALS)).unwrap_or_default();
        let signal = signal_name(number);
        record.push_header(header::SIGNAL, &signal);
        let number = self.number();
        let input = number.to_string().into_bytes();
        record.value = Some(input.clone());
        let is_named = self.rng.percent(80);
        let identity = is_named.then(|| ("client".to_owned(), format!("m-{number}")));
        if let Some((source, id)) = &identity {
            identify(&mut record, source, id);
        }
        let asked = SignalAsked {
            signal,
            input,
            wants_reply: self.ask_for_reply(&mut record),
        };
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity,
            asks: Asks::Signal(asked),
        };
        self.submit(record, input);
    }
}
