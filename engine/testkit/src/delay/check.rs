//! Delayed records: none early, none lost.

use std::collections::BTreeMap;

use sagaline_core::Timestamp;
use sagaline_journal::{
    Record,
    wire::{ce_type, header},
};

use super::MAIL;
use crate::{Violation, inputs::MARK};

/// Strangers' delayed records that are on their way, by their numbers, and when they are due.
#[derive(Debug, Default)]
pub(crate) struct Delayed {
    pending: BTreeMap<String, Timestamp>,
}

impl Delayed {
    /// A stranger asked for a delivery.
    pub(super) fn asked(&mut self, mark: String, at: Timestamp) {
        self.pending.insert(mark, at);
    }

    /// A retry topic is gone, and who knows what was in it.
    pub(super) fn may_be_lost(&mut self) {
        self.pending.clear();
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// What is on its way.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// A delay service forwarded a record.
    pub(super) fn landed(&mut self, record: &Record, inbox: &str) -> Result<(), Violation> {
        let has = |name, value: &str| record.header(name) == Some(value.as_bytes());
        let is_refused = has(header::FORWARDED, ce_type::REFUSED);
        let is_delivered = &*record.topic == MAIL || has(header::CE_TYPE, ce_type::RETRY_DUE);
        let is_hop = &*record.topic != inbox && &*record.topic != MAIL;
        if is_hop || !(is_refused || is_delivered) {
            return Ok(());
        }
        let text = |name| String::from_utf8_lossy(record.header(name).unwrap_or_default());
        // Both are written alike: the earlier text is the earlier instant.
        let (due, came) = (text(header::DELIVER_AT), record.timestamp.to_rfc3339());
        if !is_refused && *came < *due {
            let what = format!("{record:?} is due at {due} and came at {came}");
            return Err(Violation::new("I10", what));
        }
        self.pending.remove(&*text(MARK));
        Ok(())
    }
}
