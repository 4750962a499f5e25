//! What idempotent producers have sent to one partition, so that a repeat is answered and not appended.
//!
//! ```text
//!   epoch below the last                      ─▶ INVALID_PRODUCER_EPOCH
//!   one of the last five batches again        ─▶ its offset
//!   the sequence after the last               ─▶ appended
//!   first of a higher epoch, from 0           ─▶ appended
//!   a producer that is not known              ─▶ appended: what was known of it may have expired
//!   anything else                             ─▶ OUT_OF_ORDER_SEQUENCE_NUMBER
//! ```
//! Source: `org.apache.kafka.storage.internals.log.ProducerAppendInfo` and `ProducerStateEntry`.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
};

use serde::{Deserialize, Serialize};

use crate::{
    code::ErrorCode,
    limits::{PRODUCERS_MAX, PRODUCERS_OF_ALL_MAX},
    log::BatchHeader,
};

mod snapshot;

/// Batches of a producer that are remembered; Kafka's number, which is what a client may have in flight.
const BATCHES_MAX: usize = 5;

/// All producers of a partition.
#[derive(Debug, Default)]
pub(crate) struct Producers(HashMap<i64, Producer>);

#[derive(Debug, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Sent>,
    /// Offset of its last batch: the smaller, the longer it has been silent.
    last_offset: i64,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    first: i32,
    last: i32,
    pub(crate) base_offset: i64,
    /// The broker's time of append, or -1.
    pub(crate) append_time: i64,
}

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    Repeat(Sent),
}

impl Producers {
    fn of(known: HashMap<i64, Producer>) -> Self {
        ALL.set(ALL.get() + known.len());
        Self(known)
    }

    /// Judges a batch that a client sent.
    pub(crate) fn judge(&self, batch: &BatchHeader) -> Result<Verdict, ErrorCode> {
        if batch.producer_id < 0 {
            return Ok(Verdict::Append);
        }
        let Some(producer) = self.0.get(&batch.producer_id) else {
            return Ok(Verdict::Append);
        };
        if batch.producer_epoch < producer.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if batch.producer_epoch > producer.epoch {
            return match batch.base_sequence {
                0 => Ok(Verdict::Append),
                _ => Err(ErrorCode::OutOfOrderSequenceNumber),
            };
        }
        let (first, last) = (batch.base_sequence, last_sequence(batch));
        let repeat = |sent: &&Sent| (sent.first, sent.last) == (first, last);
        if let Some(sent) = producer.batches.iter().find(repeat) {
            return Ok(Verdict::Repeat(*sent));
        }
        match producer.batches.back() {
            Some(sent) if first != after(sent.last, 1) => Err(ErrorCode::OutOfOrderSequenceNumber),
            _ => Ok(Verdict::Append),
        }
    }

    /// Takes note of a batch that is in the log.
    pub(crate) fn appended(&mut self, batch: &BatchHeader, base_offset: i64, append_time: i64) {
        if batch.producer_id < 0 || batch.is_control() {
            return;
        }
        if !self.0.contains_key(&batch.producer_id) {
            if self.0.len() >= PRODUCERS_MAX || ALL.get() >= PRODUCERS_OF_ALL_MAX {
                self.forget_one();
            }
            ALL.set(ALL.get() + 1);
        }
        let producer = self.0.entry(batch.producer_id).or_insert_with(|| Producer {
            epoch: batch.producer_epoch,
            batches: VecDeque::with_capacity(BATCHES_MAX),
            last_offset: base_offset,
        });
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.last_offset = base_offset + i64::from(batch.last_offset_delta);
        producer.batches.push_back(Sent {
            first: batch.base_sequence,
            last: last_sequence(batch),
            base_offset,
            append_time,
        });
    }

    /// Takes note of a batch that was found in the log, unless it is known already.
    pub(crate) fn found(&mut self, batch: &BatchHeader, append_time: i64) {
        let known = self.0.get(&batch.producer_id);
        if known.is_none_or(|producer| batch.last_offset() > producer.last_offset) {
            self.appended(batch, batch.base_offset, append_time);
        }
    }

    /// The last offset of each, for the cleaner: those batches stay.
    pub(crate) fn last_offsets(&self) -> HashMap<i64, i64> {
        self.0
            .iter()
            .map(|(id, producer)| (*id, producer.last_offset))
            .collect()
    }

    fn forget_one(&mut self) {
        let silent = self
            .0
            .iter()
            .min_by_key(|(_, producer)| producer.last_offset);
        if let Some(id) = silent.map(|(id, _)| *id) {
            self.0.remove(&id);
            ALL.set(ALL.get() - 1);
        }
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        // While a thread ends its count may be gone before its partitions.
        let _gone = ALL.try_with(|all| all.set(all.get() - self.0.len()));
    }
}

thread_local! {
    /// Producers of all partitions: a broker's live on one thread.
    static ALL: Cell<usize> = const { Cell::new(0) };
}

fn last_sequence(batch: &BatchHeader) -> i32 {
    after(batch.base_sequence, batch.last_offset_delta)
}

/// Sequences go from 0 to `i32::MAX` and begin again.
const fn after(sequence: i32, by: i32) -> i32 {
    sequence.wrapping_add(by) & i32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn batch(epoch: i16, first: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: 0,
            leader_epoch: 0,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: first,
            count,
        }
    }

    pub(super) fn sent(batches: &[(i16, i32, i32)]) -> Producers {
        let mut producers = Producers::default();
        let mut offset = 0;
        for &(epoch, first, count) in batches {
            producers.appended(&batch(epoch, first, count), offset, -1);
            offset += i64::from(count);
        }
        producers
    }

    pub(super) fn repeat_of(producers: &Producers, batch: &BatchHeader) -> Option<i64> {
        match producers.judge(batch).unwrap() {
            Verdict::Repeat(sent) => Some(sent.base_offset),
            Verdict::Append => None,
        }
    }

    #[test]
    fn a_repeat_of_one_of_the_last_five_batches_is_answered_with_its_offset() {
        let producers = sent(&[
            (0, 0, 2),
            (0, 2, 1),
            (0, 3, 1),
            (0, 4, 1),
            (0, 5, 1),
            (0, 6, 1),
        ]);

        assert_eq!(repeat_of(&producers, &batch(0, 2, 1)), Some(2));
        assert_eq!(repeat_of(&producers, &batch(0, 6, 1)), Some(6));
        assert_eq!(
            producers.judge(&batch(0, 0, 2)),
            Err(ErrorCode::OutOfOrderSequenceNumber),
            "the sixth is forgotten"
        );
    }

    #[test]
    fn only_the_next_sequence_is_appended() {
        let producers = sent(&[(0, 0, 3)]);

        assert_eq!(producers.judge(&batch(0, 3, 1)), Ok(Verdict::Append));
        for first in [1, 4, 100] {
            let refused = producers.judge(&batch(0, first, 1));
            assert_eq!(refused, Err(ErrorCode::OutOfOrderSequenceNumber), "{first}");
        }
    }

    #[test]
    fn a_higher_epoch_begins_at_zero_and_fences_the_lower() {
        let mut producers = sent(&[(0, 0, 3)]);

        let refused = producers.judge(&batch(1, 3, 1));
        assert_eq!(refused, Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(producers.judge(&batch(1, 0, 1)), Ok(Verdict::Append));
        producers.appended(&batch(1, 0, 1), 3, -1);

        let fenced = producers.judge(&batch(0, 3, 1));
        assert_eq!(fenced, Err(ErrorCode::InvalidProducerEpoch));
    }

    #[test]
    fn sequences_begin_again_behind_the_largest() {
        let producers = sent(&[(0, i32::MAX - 1, 2)]);

        assert_eq!(producers.judge(&batch(0, 0, 1)), Ok(Verdict::Append));
    }
}
