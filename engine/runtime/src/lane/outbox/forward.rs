//! Forwards on their way: inputs that were acknowledged in a partition that is not theirs. None is ever given up; nor is
//! what partitions tell each other of queues, children and signals, which goes the same way.

use sagaline_core::{Effect, Millis};
use sagaline_journal::{SendError, SendErrorKind};

use super::{Entry, Outbox, RESEND_AFTER};
use crate::lane::{LaneShared, ReadBack};

/// Longest pause before a forward that the log refuses is sent again: somebody must change something there.
const REFUSED_RESEND_AFTER_MAX: Millis = Millis::from_secs(30);

/// Most records to be forwarded that a lane reads again at once: a new owner may have many, and the queue of reads is
/// shared with other lanes, which take over by reading.
pub(super) const READS_MAX: usize = 32;

/// Whether another partition's lane reads it, and there is nothing that it could become instead.
pub(super) const fn goes_to_an_inbox(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Forward { .. } | Effect::Queue(_) | Effect::Child(_) | Effect::External(_)
    )
}

impl Outbox {
    /// The log will take it once somebody has changed something there. Tells people once what.
    pub(super) fn forward_was_refused(&mut self, mut entry: Entry, error: &SendError, now: Millis) {
        let reason = &error.reason;
        if self.forwards_refused.as_ref() != Some(reason) {
            match error.kind {
                SendErrorKind::TooLarge => tracing::error!(
                    reason,
                    "an input cannot be sent to its partition: the inbox's max.message.bytes must be at least 8388608 (8 MB); trying again"
                ),
                SendErrorKind::Unavailable | SendErrorKind::Missing | SendErrorKind::Refused => {
                    tracing::warn!(
                        reason,
                        "an input cannot be sent to its partition: allow the engine's principal to write the inbox, or mend the policy; trying again"
                    )
                }
            }
            self.forwards_refused = Some(reason.clone());
        }
        let doubled = RESEND_AFTER
            .0
            .saturating_mul(2_u64.saturating_pow(entry.refusals));
        let pause = doubled.min(REFUSED_RESEND_AFTER_MAX.0);
        entry.refusals += 1;
        self.later.push((Millis(now.0 + pause), entry));
    }

    /// Forwards that wait for room among the reads are looked at again, as many as there is room for.
    pub(super) fn read_more(&mut self) {
        let room = READS_MAX.saturating_sub(self.reading.len());
        let entries = self.unread.drain(..room.min(self.unread.len()));
        self.waiting.extend(entries);
    }

    /// A record that is to be forwarded was read again. Says whether the read was one of these.
    pub(in crate::lane) fn forward_was_read(
        &mut self,
        read: &ReadBack,
        shared: &LaneShared,
        now: Millis,
    ) -> bool {
        let Some(entry) = self.reading.remove(&read.tag) else {
            return false;
        };
        let Effect::Forward {
            target_partition,
            cause,
        } = &entry.effect
        else {
            return true;
        };
        let found = read
            .records
            .iter()
            .find(|record| record.offset == cause.offset);
        let reading = &shared.reading;
        match found.and_then(|record| reading.forward_again(record, cause, *target_partition)) {
            Some(record) => {
                self.forwards
                    .insert((cause.topic.to_string(), cause.offset), record);
                self.waiting.push_back(entry);
            }
            None if read.error.is_some() => {
                self.later.push((Millis(now.0 + RESEND_AFTER.0), entry));
            }
            None if !read.done => drop(self.reading.insert(read.tag, entry)),
            None => {
                tracing::error!(topic = %cause.topic, offset = cause.offset, "a record to be forwarded is no longer there");
                self.finish(&entry);
            }
        }
        true
    }
}
