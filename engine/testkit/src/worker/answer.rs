//! A worker's answer as a record.

use sagaline_core::{WorkflowId, event::RejectReason};
use sagaline_journal::{
    NewRecord,
    wire::{ce_type, header},
};

use super::{How, Task};
use crate::{
    inputs::{Asks, Input, Reported, What, draft, identify},
    world::World,
};

impl World {
    pub(super) fn answer(&mut self, task: Task, what: What, how: How) {
        self.workers.answers += 1;
        let id = self.workers.answers.to_string();
        if matches!(what, What::Completed(_)) {
            let of = (task.run_id, task.activity_id);
            let counters = &mut self.workers.counters;
            counters.did(of, &task.activity, &task.input);
        }
        let identified = self.rng.percent(60);
        let mut record = self.answer_record(&task, &what, how);
        if identified {
            identify(&mut record, "worker", &id);
        }
        let reported = Asks::Report(Reported {
            run_id: task.run_id,
            activity_id: task.activity_id,
            attempt: task.attempt,
            what,
        });
        let asks = match how {
            How::Well | How::Misrouted => reported,
            How::Forged => Asks::Bad(RejectReason::Forged),
            How::WithoutToken => Asks::Bad(RejectReason::MissingHeader),
            How::ToInbox => Asks::Bad(RejectReason::WrongTopic),
        };
        let input = Input {
            workflow_id: WorkflowId::new(&task.workflow_id).ok(),
            identity: identified.then(|| ("worker".into(), id)),
            asks,
        };
        self.inputs.add(&mut record, input);
        self.produce(&record);
    }

    fn answer_record(&mut self, task: &Task, what: &What, how: How) -> NewRecord {
        let ce_type = match what {
            What::Started => ce_type::ACTIVITY_STARTED,
            What::Heartbeat(_) => ce_type::ACTIVITY_HEARTBEAT,
            What::Completed(_) => ce_type::ACTIVITY_COMPLETED,
            What::Failed { .. } => ce_type::ACTIVITY_FAILED,
            What::Canceled => ce_type::ACTIVITY_CANCELED,
        };
        let topic = match how {
            How::ToInbox => &self.topics.inbox,
            How::Well | How::Forged | How::WithoutToken | How::Misrouted => &self.topics.results,
        };
        let partition = match how {
            How::Misrouted => (task.partition + 1) % self.partitions,
            How::Well | How::Forged | How::WithoutToken | How::ToInbox => task.partition,
        };
        let mut record = draft(topic, partition, &task.workflow_id, ce_type);
        match how {
            How::WithoutToken => {}
            How::Forged => record.push_header(header::TOKEN, self.forged(&task.token)),
            How::Well | How::Misrouted | How::ToInbox => {
                record.push_header(header::TOKEN, task.token.clone());
            }
        }
        match what {
            What::Completed(result) => record.value = Some(result.clone()),
            What::Failed {
                error_type,
                non_retryable,
            } => {
                record.push_header(header::ERROR_TYPE, error_type.clone());
                record.push_header(header::ERROR_MESSAGE, "simulated");
                if *non_retryable {
                    record.push_header(header::NON_RETRYABLE, "true");
                } else if self.rng.percent(20) {
                    let after = self.rng.below(3_000);
                    record.push_header(header::RETRY_AFTER_MS, after.to_string());
                }
            }
            What::Heartbeat(progress) => record.value = progress.clone(),
            What::Started | What::Canceled => {}
        }
        record
    }

    /// Another attempt's token, or one with a character changed.
    fn forged(&mut self, token: &str) -> String {
        let mut bytes = token.to_owned().into_bytes();
        let at = usize::try_from(self.rng.below(bytes.len() as u64)).unwrap_or_default();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap_or_default()
    }
}
