//! Strangers that use the delay service for records of their own, and some that misuse it.

use sagaline_core::{Millis, event::RejectReason};
use sagaline_journal::{
    Headers, NewRecord,
    wire::{ce_type, header, topic},
};
use sagaline_runtime::delay::Tier;

use super::MAIL;
use crate::{
    inputs::{Asks, Input, identify},
    log::NAMESPACE,
    world::World,
};

impl World {
    /// A record that is to go to a topic of theirs after a while, or one that is to be refused.
    pub(crate) fn send_delayed(&mut self) {
        let tier = match self.rng.percent(70) {
            true => Tier::Soon,
            false => *self.rng.pick(&[Tier::M1, Tier::Soon, Tier::M5]),
        };
        let after = *self.rng.pick(&[0, 500, 5_000, 58_000, 90_000, 400_000]);
        let at = self.now.wall(0).plus(Millis(self.rng.below(after + 1_000)));
        let mut record = NewRecord {
            topic: topic::retry(NAMESPACE, tier.name()).into(),
            partition: i32::try_from(self.rng.below(self.partitions.unsigned_abs().into()))
                .unwrap_or(0),
            key: Some(b"key".to_vec()),
            value: Some(b"hello".to_vec()),
            headers: Headers::new(),
        };
        let reason = match self.rng.below(8) {
            0 => Some(RejectReason::Forged),
            1 => Some(RejectReason::BadHeader),
            2 => Some(RejectReason::MissingHeader),
            _ => None,
        };
        let (deliver_at, target) = match reason {
            Some(RejectReason::BadHeader) => ("tomorrow".to_owned(), MAIL.to_owned()),
            Some(RejectReason::Forged) => (at.to_rfc3339(), self.topics.inbox.to_string()),
            _ => (at.to_rfc3339(), MAIL.to_owned()),
        };
        if reason != Some(RejectReason::MissingHeader) {
            record.push_header(header::DELIVER_AT, deliver_at);
        }
        record.push_header(header::TARGET_TOPIC, target);
        // Refused or not, it is never taken for this.
        record.push_header(header::CE_TYPE, ce_type::WORKFLOW_START);
        record.push_header(header::WORKFLOW, "saga");
        let mark = self.inputs.len().to_string();
        identify(&mut record, "stranger", &mark);
        let input = Input {
            workflow_id: None,
            identity: Some(("stranger".into(), mark.clone())),
            asks: reason.map_or(Asks::Delayed, Asks::Bad),
        };
        self.inputs.add(&mut record, input);
        if self.produce(&record).is_some() {
            // As the record says it: in whole milliseconds.
            self.delays.check.asked(mark, at);
        }
    }
}
