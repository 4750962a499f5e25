//! Both inputs of one partition, read in turns.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{
    PortEvent, Record,
    kafka::{
        record,
        splits::{Split, Splits},
    },
};

#[derive(Debug)]
pub(super) struct Inputs {
    /// The inbox and the results.
    splits: [Split; 2],
    /// Which goes first in the next take.
    first: usize,
    /// The lane was told that there is something to take, and has not taken since.
    announced: bool,
}

impl Inputs {
    pub(super) fn new(inbox: Split, results: Split) -> Self {
        Self {
            splits: [inbox, results],
            first: 0,
            announced: false,
        }
    }

    pub(super) fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// Whether the lane has to be told of something to take: once, until it takes.
    pub(super) fn announce(&mut self) -> bool {
        let news = !self.announced && self.splits.iter().any(Split::is_filled);
        self.announced |= news;
        news
    }

    /// Moves records to `into`, one of each topic in turn: at most `records_max`, and none after `bytes_max` is
    /// reached. Errors that end the reading go to `lost`.
    pub(super) fn take(
        &mut self,
        source: &Splits,
        limits: (usize, usize),
        into: &mut Vec<Record>,
        lost: &mut Vec<PortEvent>,
    ) {
        let (records_max, bytes_max) = limits;
        self.announced = false;
        self.splits.iter().for_each(Split::begin);
        let mut open = [true; 2];
        let mut turn = self.first;
        let (mut records, mut bytes) = (0, 0);
        while open != [false; 2] && records < records_max && bytes < bytes_max {
            let split = &self.splits[turn];
            match open[turn].then(|| split.pop()).flatten() {
                None => open[turn] = false,
                Some(Ok(message)) => {
                    let record = record::taken(&message, split.topic());
                    records += 1;
                    bytes += record.size();
                    into.push(record);
                }
                Some(Err(error)) => lost.extend(loss(split, &error, source)),
            }
            turn = 1 - turn;
        }
        self.first = turn;
        for (split, open) in self.splits.iter().zip(open) {
            if open {
                split.stop_early();
            }
        }
    }
}

/// What an error in a partition's queue means to the lane: nothing, if librdkafka tries again by itself.
fn loss(split: &Split, error: &KafkaError, source: &Splits) -> Option<PortEvent> {
    use RDKafkaErrorCode as Code;

    let reason = source.last_error();
    match error.rdkafka_error_code() {
        Some(
            Code::AutoOffsetReset
            | Code::OffsetOutOfRange
            | Code::LogTruncation
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopicId,
        ) => Some(PortEvent::InputLost {
            partition: split.partition(),
            topic: split.topic().clone(),
            reason,
        }),
        _ => {
            tracing::warn!(?split, %error, reason, "reading goes on after an error");
            None
        }
    }
}
