//! InitProducerId: a transactional id gets a producer that may begin, and the one before is fenced.

use std::sync::Arc;

use super::{
    Change, Entry, IDS_MAX, NAME_BYTES_MAX, Producer, State, TIMEOUT_MS_MAX, Transactions,
};
use crate::code::ErrorCode;

/// Who asks for a producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Init<'a> {
    pub(crate) id: &'a str,
    pub(crate) timeout_ms: i32,
    /// What the asker was given before, if it goes on after an error.
    pub(crate) current: Option<Producer>,
}

/// What is to be done for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Initialized {
    /// This is the producer, once the changes are made.
    Ready(Producer, Vec<Change>),
    /// The transaction that is open is aborted first, its producer fenced: ask again when that is done.
    Aborts(Change),
}

impl Transactions {
    /// InitProducerId. `fresh` gives an id that no producer has had.
    ///
    /// # Errors
    /// `InvalidRequest`, `InvalidTransactionTimeout`. `ProducerFenced`: the asker is not the last one that was given the id.
    /// `ConcurrentTransactions`: try again. `PolicyViolation`: the limit on ids is reached, all of them in use.
    pub(crate) fn init(
        &self,
        init: &Init<'_>,
        fresh: impl FnOnce() -> Result<i64, ErrorCode>,
    ) -> Result<Initialized, ErrorCode> {
        if init.id.is_empty() || init.id.len() > NAME_BYTES_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        if !(1..=TIMEOUT_MS_MAX).contains(&init.timeout_ms) {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        let Some((id, entry)) = self.by_id.get_key_value(init.id) else {
            return self.make(init, fresh()?);
        };
        if !init.current.is_none_or(|current| entry.may_be(current)) {
            return Err(ErrorCode::ProducerFenced);
        }
        match entry.state {
            State::Prepared(_) => Err(ErrorCode::ConcurrentTransactions),
            State::Ongoing => Ok(Initialized::Aborts(entry.abort_and_fence(id))),
            State::Empty | State::Completed(_) if entry.producer.epoch >= EPOCH_MAX => {
                Ok(entry.rotate(id, init, fresh()?))
            }
            State::Empty | State::Completed(_) => entry.raise(id, init),
        }
    }

    fn make(&self, init: &Init<'_>, producer_id: i64) -> Result<Initialized, ErrorCode> {
        let mut changes = Vec::new();
        if self.by_id.len() >= IDS_MAX {
            let idle = self
                .by_id
                .iter()
                .filter(|(_, entry)| matches!(entry.state, State::Empty | State::Completed(_)));
            let oldest = idle.min_by_key(|(_, entry)| entry.used);
            let (id, _) = oldest.ok_or(ErrorCode::PolicyViolation)?;
            changes.push(Change::Forgotten { id: id.clone() });
        }
        let producer = Producer {
            id: producer_id,
            epoch: 0,
        };
        changes.push(Change::Initialized {
            id: init.id.into(),
            producer,
            last_epoch: NO_EPOCH,
            previous_id: NO_ID,
            timeout_ms: init.timeout_ms(),
        });
        Ok(Initialized::Ready(producer, changes))
    }
}

impl Entry {
    /// Whether that may be the producer that goes on: it has the id, or asks again after its id was used up.
    fn may_be(&self, current: Producer) -> bool {
        current.id == self.producer.id
            || (current.id == self.previous_id && current.epoch >= EPOCH_MAX)
    }

    /// The next epoch; the same one for a producer that has not heard of it and asks again.
    fn raise(&self, id: &Arc<str>, init: &Init<'_>) -> Result<Initialized, ErrorCode> {
        let mut producer = self.producer;
        let last_epoch = match init.current {
            None => NO_EPOCH,
            // It asks again for an id in place of the one that was used up.
            Some(current) if current.id != self.producer.id => {
                return Ok(Initialized::Ready(producer, Vec::new()));
            }
            Some(current) if current.epoch == self.producer.epoch => current.epoch,
            Some(current) if current.epoch == self.last_epoch => {
                return Ok(Initialized::Ready(producer, Vec::new()));
            }
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        producer.epoch += 1;
        let change = Change::Initialized {
            id: id.clone(),
            producer,
            last_epoch,
            previous_id: self.previous_id,
            timeout_ms: init.timeout_ms(),
        };
        Ok(Initialized::Ready(producer, vec![change]))
    }

    /// Another id, for the epochs of this one are used up.
    fn rotate(&self, id: &Arc<str>, init: &Init<'_>, producer_id: i64) -> Initialized {
        let producer = Producer {
            id: producer_id,
            epoch: 0,
        };
        let change = Change::Initialized {
            id: id.clone(),
            producer,
            last_epoch: NO_EPOCH,
            previous_id: self.producer.id,
            timeout_ms: init.timeout_ms(),
        };
        Initialized::Ready(producer, vec![change])
    }
}

impl Init<'_> {
    fn timeout_ms(&self) -> u64 {
        u64::try_from(self.timeout_ms).unwrap_or(1)
    }
}

/// The last epoch that a producer is given: one more is left, to fence it.
pub(super) const EPOCH_MAX: i16 = i16::MAX - 1;
/// No epoch.
pub(super) const NO_EPOCH: i16 = -1;
/// No producer's id.
const NO_ID: i64 = -1;
