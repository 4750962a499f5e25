//! What a run that sends a signal, and the run that it goes to, tell each other, as records of the inbox.

use sagaline_core::{ExternalMessage, ExternalSignal, Sender, SignalOutcome, SignalTold};
use sagaline_journal::{
    NewRecord,
    wire::{ce_type, header},
};

use super::Writing;

impl Writing {
    /// The record of a signal between runs, or of what became of one.
    pub(crate) fn external(&self, message: &ExternalMessage) -> NewRecord {
        let mut record = match message {
            ExternalMessage::Signal(signal) => self.external_signal(signal),
            ExternalMessage::Told(told) => self.signal_told(told),
        };
        self.keys.sign_record(&mut record);
        record
    }

    fn external_signal(&self, signal: &ExternalSignal) -> NewRecord {
        let sender = &signal.sender;
        let id = format!("{}/{}/signal", sender.run_id, sender.signal_id);
        let mut record = self.to_run(&signal.workflow_id, ce_type::SIGNAL_EXTERNAL, &id);
        record.value = Some(signal.input.data().to_vec());
        record.push_header(header::CONTENT_TYPE, signal.input.content_type());
        record.push_header(header::SIGNAL, signal.signal.as_str());
        record.push_header(header::WORKFLOW_ID, sender.workflow_id.as_str());
        if let Some(run_id) = signal.run_id {
            let headers = &mut record.headers;
            headers.write(header::RUN_ID, format_args!("{run_id}"));
        }
        if let Some((started_by, child_id)) = signal.child {
            let headers = &mut record.headers;
            headers.write(header::PARENT_RUN_ID, format_args!("{started_by}"));
            headers.write(header::CHILD_ID, format_args!("{child_id}"));
        }
        sent_by(&mut record, sender);
        record
    }

    fn signal_told(&self, told: &SignalTold) -> NewRecord {
        let sender = &told.sender;
        let (word, ce_type) = match &told.outcome {
            SignalOutcome::Delivered(_) => ("delivered", ce_type::SIGNAL_DELIVERED),
            SignalOutcome::Refused(_) => ("refused", ce_type::SIGNAL_REFUSED),
        };
        let id = format!("{}/{}/{word}", sender.run_id, sender.signal_id);
        let mut record = self.to_run(&sender.workflow_id, ce_type, &id);
        record.push_header(header::WORKFLOW_ID, told.target.as_str());
        match &told.outcome {
            SignalOutcome::Delivered(run_id) => {
                let headers = &mut record.headers;
                headers.write(header::RUN_ID, format_args!("{run_id}"));
            }
            SignalOutcome::Refused(failure) => {
                record.push_header(header::ERROR_TYPE, failure.error_type.as_str());
                record.push_header(header::ERROR_MESSAGE, failure.message.as_bytes());
            }
        }
        sent_by(&mut record, sender);
        record
    }
}

fn sent_by(record: &mut NewRecord, sender: &Sender) {
    let headers = &mut record.headers;
    headers.write(header::SENDER_RUN_ID, format_args!("{}", sender.run_id));
    headers.write(header::SIGNAL_ID, format_args!("{}", sender.signal_id));
    headers.write(header::AWAITED, format_args!("{}", sender.awaited));
}
