//! Who may do something within a transaction: the producer that its transactional id was given last.

use std::sync::Arc;

use super::{Entry, State, Transactions};
use crate::code::ErrorCode;

/// Who claims to write within a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) id: &'a str,
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

impl Transactions {
    /// The entry of a writer that is the current one.
    pub(super) fn of(&self, writer: &Writer<'_>) -> Result<(&Arc<str>, &Entry), ErrorCode> {
        if writer.id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let Some((id, entry)) = self.by_id.get_key_value(writer.id) else {
            return Err(ErrorCode::InvalidProducerIdMapping);
        };
        if entry.producer.id != writer.producer_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if entry.producer.epoch != writer.epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        Ok((id, entry))
    }

    /// Whether a writer may append to a partition: it is part of the writer's open transaction.
    ///
    /// # Errors
    /// `TransactionAbortable`: it is not. Others: the writer is not the current one, or its transaction is just ending.
    pub(crate) fn admit(
        &self,
        writer: &Writer<'_>,
        topic: &str,
        partition: i32,
    ) -> Result<(), ErrorCode> {
        self.admit_to(writer, |entry| entry.parts.has(topic, partition))
    }

    /// Whether a writer may commit offsets of a group.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub(crate) fn admit_group(&self, writer: &Writer<'_>, group: &str) -> Result<(), ErrorCode> {
        self.admit_to(writer, |entry| entry.parts.has_group(group))
    }

    fn admit_to(
        &self,
        writer: &Writer<'_>,
        is_part: impl FnOnce(&Entry) -> bool,
    ) -> Result<(), ErrorCode> {
        let (_, entry) = self.of(writer)?;
        match entry.state {
            State::Prepared(_) => Err(ErrorCode::ConcurrentTransactions),
            State::Ongoing if is_part(entry) => Ok(()),
            State::Empty | State::Ongoing | State::Completed(_) => {
                Err(ErrorCode::TransactionAbortable)
            }
        }
    }
}
