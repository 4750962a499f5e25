//! What idempotent producers have sent to one partition, so that a repeat is answered and not appended.
//!
//! ```text
//!   epoch below the last                      ─▶ INVALID_PRODUCER_EPOCH
//!   one of the last five batches again        ─▶ its offset
//!   the sequence after the last               ─▶ appended
//!   first of a higher epoch, from 0           ─▶ appended
//!   a producer that is not known              ─▶ appended: what was known of it may have expired
//!   anything else                             ─▶ OUT_OF_ORDER_SEQUENCE_NUMBER
//!   no transaction, while it has one open     ─▶ INVALID_TXN_STATE
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
    log::{AbortedTransaction, BatchHeader, Ending},
};

mod snapshot;
mod stability;

use stability::Stability;

/// Batches of a producer that are remembered; Kafka's number, which is what a client may have in flight.
const BATCHES_MAX: usize = 5;

/// All producers of a partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    by_id: HashMap<i64, Producer>,
    stability: Stability,
}

#[derive(Debug, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Sent>,
    /// Offset of its last batch, or of the marker that raised its epoch: the smaller, the longer it has been silent.
    last_offset: i64,
    /// First offset of the transaction that it has open.
    transaction: Option<i64>,
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
    fn of(known: HashMap<i64, Producer>, stability: Stability) -> Self {
        ALL.set(ALL.get() + known.len());
        Self {
            by_id: known,
            stability,
        }
    }

    /// Judges a batch that a client sent.
    pub(crate) fn judge(&self, batch: &BatchHeader) -> Result<Verdict, ErrorCode> {
        if batch.producer_id < 0 {
            return Ok(Verdict::Append);
        }
        let Some(producer) = self.by_id.get(&batch.producer_id) else {
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
        // One of which only a marker is known begins at 0.
        let next = producer
            .batches
            .back()
            .map_or(0, |sent| after(sent.last, 1));
        if first != next {
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        match producer.transaction {
            Some(_) if !batch.is_transactional() => Err(ErrorCode::InvalidTxnState),
            _ => Ok(Verdict::Append),
        }
    }

    /// Takes note of a batch of records that is in the log.
    pub(crate) fn appended(&mut self, batch: &BatchHeader, base_offset: i64, append_time: i64) {
        if batch.producer_id < 0 || batch.is_control() {
            return;
        }
        let producer = self.producer(batch, base_offset);
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
        if batch.is_transactional() && producer.transaction.is_none() {
            producer.transaction = Some(base_offset);
            self.stability.begin(base_offset, batch.producer_id);
        }
    }

    /// Takes note of a control batch that is in the log: it ends the producer's transaction and may raise its epoch.
    pub(crate) fn ended(&mut self, batch: &BatchHeader, offset: i64, ending: Ending) {
        let producer = self.producer(batch, offset);
        if let Some(first) = producer.transaction.take() {
            self.stability.end(first, offset, ending);
        }
    }

    /// The producer of a batch, from now on at the batch's epoch.
    fn producer(&mut self, batch: &BatchHeader, offset: i64) -> &mut Producer {
        if !self.by_id.contains_key(&batch.producer_id) {
            if self.by_id.len() >= PRODUCERS_MAX || ALL.get() >= PRODUCERS_OF_ALL_MAX {
                self.forget_one();
            }
            ALL.set(ALL.get() + 1);
        }
        let producer = self
            .by_id
            .entry(batch.producer_id)
            .or_insert_with(|| Producer {
                epoch: batch.producer_epoch,
                batches: VecDeque::with_capacity(BATCHES_MAX),
                last_offset: offset,
                transaction: None,
            });
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
            producer.last_offset = offset;
        }
        producer
    }

    /// The first record that belongs to an open transaction.
    pub(crate) fn first_unstable(&self) -> Option<i64> {
        self.stability.first_unstable()
    }

    /// Who has a transaction open, and at what epoch.
    pub(crate) fn open(&self) -> impl Iterator<Item = (i64, i16)> {
        self.stability
            .open()
            .filter_map(|id| Some((id, self.by_id.get(&id)?.epoch)))
    }

    /// Whether a marker of that epoch would end something or raise the producer's epoch.
    pub(crate) fn awaits(&self, producer_id: i64, epoch: i16) -> bool {
        self.by_id
            .get(&producer_id)
            .is_some_and(|producer| producer.transaction.is_some() || producer.epoch < epoch)
    }

    /// Whether anything that ended at or behind `from` was aborted.
    pub(crate) fn has_aborted(&self, from: i64) -> bool {
        self.stability.has_aborted(from)
    }

    /// Aborted transactions with records in a range that begins at `from` and ends below `below`.
    pub(crate) fn aborted(&self, from: i64, below: i64) -> Vec<AbortedTransaction> {
        self.stability.aborted(from, below)
    }

    /// Nobody reads below this offset any more.
    pub(crate) fn trim(&mut self, start_offset: i64) {
        self.stability.trim(start_offset);
    }

    /// Takes note of a batch that was found in the log. One that the producer is known to have sent tells of its transaction
    /// alone.
    pub(crate) fn found(&mut self, batch: &BatchHeader, append_time: i64, ending: Option<Ending>) {
        let known = self
            .by_id
            .get_mut(&batch.producer_id)
            .filter(|producer| batch.last_offset() <= producer.last_offset);
        match (known, ending) {
            (None, None) => self.appended(batch, batch.base_offset, append_time),
            (None, Some(ending)) => self.ended(batch, batch.base_offset, ending),
            (Some(producer), Some(ending)) => {
                if let Some(first) = producer.transaction.take() {
                    self.stability.end(first, batch.base_offset, ending);
                }
            }
            (Some(producer), None) => {
                let is_part = batch.is_transactional() && !batch.is_control();
                if is_part && producer.transaction.is_none() {
                    producer.transaction = Some(batch.base_offset);
                    self.stability.begin(batch.base_offset, batch.producer_id);
                }
            }
        }
    }

    /// The last offset of each, for the cleaner: those batches stay.
    pub(crate) fn last_offsets(&self) -> HashMap<i64, i64> {
        self.by_id
            .iter()
            .map(|(id, producer)| (*id, producer.last_offset))
            .collect()
    }

    /// Forgets who has been silent for longest and has no transaction open.
    fn forget_one(&mut self) {
        let idle = self
            .by_id
            .iter()
            .filter(|(_, producer)| producer.transaction.is_none());
        let silent = idle.min_by_key(|(_, producer)| producer.last_offset);
        if let Some(id) = silent.map(|(id, _)| *id) {
            self.by_id.remove(&id);
            ALL.set(ALL.get() - 1);
        }
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        // While a thread ends its count may be gone before its partitions.
        let _gone = ALL.try_with(|all| all.set(all.get() - self.by_id.len()));
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

    fn transactional(epoch: i16, first: i32, count: i32) -> BatchHeader {
        BatchHeader {
            attributes: 0x10,
            ..batch(epoch, first, count)
        }
    }

    #[test]
    fn a_producer_with_an_open_transaction_sends_nothing_else() {
        let mut producers = Producers::default();
        producers.appended(&transactional(0, 0, 2), 5, -1);

        assert_eq!(
            producers.judge(&batch(0, 2, 1)),
            Err(ErrorCode::InvalidTxnState)
        );
        assert_eq!(
            producers.judge(&transactional(0, 2, 1)),
            Ok(Verdict::Append)
        );
        assert_eq!(producers.first_unstable(), Some(5));
        producers.ended(&transactional(0, -1, 1), 7, Ending::Commit);

        assert_eq!(producers.judge(&batch(0, 2, 1)), Ok(Verdict::Append));
        assert_eq!(producers.first_unstable(), None);
    }

    #[test]
    fn a_marker_of_a_higher_epoch_fences_the_lower_and_the_next_begins_at_zero() {
        let mut producers = Producers::default();
        producers.appended(&transactional(0, 0, 2), 5, -1);

        producers.ended(&transactional(1, -1, 1), 7, Ending::Abort);

        assert_eq!(
            producers.judge(&transactional(0, 2, 1)),
            Err(ErrorCode::InvalidProducerEpoch)
        );
        assert_eq!(
            producers.judge(&transactional(1, 2, 1)),
            Err(ErrorCode::OutOfOrderSequenceNumber)
        );
        assert_eq!(
            producers.judge(&transactional(1, 0, 1)),
            Ok(Verdict::Append)
        );
        assert_eq!(producers.last_offsets()[&7], 7, "the marker has its epoch");
    }

    #[test]
    fn a_producer_with_an_open_transaction_is_not_forgotten() {
        let mut producers = Producers::default();
        producers.appended(&transactional(0, 0, 1), 0, -1);
        for offset in 1..=PRODUCERS_MAX as i64 {
            let other = BatchHeader {
                producer_id: 100 + offset,
                ..batch(0, 0, 1)
            };
            producers.appended(&other, offset, -1);
        }

        assert_eq!(producers.by_id.len(), PRODUCERS_MAX);
        assert!(producers.by_id.contains_key(&7));
        assert!(!producers.by_id.contains_key(&101));
    }

    #[test]
    fn sequences_begin_again_behind_the_largest() {
        let producers = sent(&[(0, i32::MAX - 1, 2)]);

        assert_eq!(producers.judge(&batch(0, 0, 1)), Ok(Verdict::Append));
    }
}
