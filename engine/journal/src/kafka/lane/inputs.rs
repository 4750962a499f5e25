//! Both inputs of one partition, read in turns.
//!
//! A topic that a broker calls missing may only be unknown to it: that is looked into ([`Doubt`]) while reading goes on.

use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{
    asker::Asker,
    doubt::{Doubt, Verdict},
};
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
    /// The offset that comes next in each, or an earlier one.
    next: [i64; 2],
    /// Those that a broker called missing.
    doubts: [Option<Arc<Doubt>>; 2],
    /// Which goes first in the next take.
    first: usize,
    /// The lane was told that there is something to take, and has not taken since.
    announced: bool,
}

impl Inputs {
    /// The inbox and the results, and where each begins.
    pub(super) fn new(splits: [Split; 2], next: [i64; 2]) -> Self {
        Self {
            splits,
            next,
            doubts: [None, None],
            first: 0,
            announced: false,
        }
    }

    pub(super) fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// Whether none is in doubt.
    #[cfg(test)]
    pub(super) fn is_sure(&self) -> bool {
        self.doubts.iter().all(Option::is_none)
    }

    /// Whether the lane has to be told of something to take: once, until it takes.
    pub(super) fn announce(&mut self) -> bool {
        let news = !self.announced && self.splits.iter().any(Split::is_filled);
        self.announced |= news;
        news
    }

    /// Moves records to `into`, one of each topic in turn: at most `records_max`, and none after `bytes_max` is
    /// reached. Errors that end the reading go to `lost`, at once or with [`Self::settle`].
    pub(super) fn take(
        &mut self,
        (source, asker): (&Splits, &Asker),
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
                    self.next[turn] = record.offset + 1;
                    into.push(record);
                }
                Some(Err(error)) => match meaning(&error) {
                    Meaning::Lost => lost.push(loss(split, source.last_error())),
                    Meaning::Missing => {
                        let reason = source.last_error();
                        tracing::warn!(?split, %error, reason, "an input may be missing; looking for it");
                        let doubt = Doubt::new(split.topic(), split.partition(), self.next[turn]);
                        self.doubts[turn].get_or_insert_with(|| asker.doubt(doubt));
                    }
                    Meaning::Passing => {
                        let reason = source.last_error();
                        tracing::warn!(?split, %error, reason, "reading goes on after an error");
                    }
                },
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

    /// Moves inputs that turned out to be lost to `lost`.
    pub(super) fn settle(&mut self, lost: &mut Vec<PortEvent>) {
        for (split, doubt) in self.splits.iter().zip(&mut self.doubts) {
            match doubt.as_ref().map(|doubt| doubt.verdict()) {
                None | Some(Verdict::Open) => continue,
                Some(Verdict::There) => tracing::info!(?split, "the input is there after all"),
                Some(Verdict::Lost(reason)) => lost.push(loss(split, reason)),
            }
            *doubt = None;
        }
    }
}

/// What an error in a partition's queue means to the lane.
enum Meaning {
    /// What was to be read next is gone.
    Lost,
    /// A broker does not know the topic.
    Missing,
    /// Nothing: librdkafka tries again by itself.
    Passing,
}

fn meaning(error: &KafkaError) -> Meaning {
    use RDKafkaErrorCode as Code;

    match error.rdkafka_error_code() {
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation) => Meaning::Lost,
        Some(
            Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopicId,
        ) => Meaning::Missing,
        _ => Meaning::Passing,
    }
}

fn loss(split: &Split, reason: String) -> PortEvent {
    PortEvent::InputLost {
        partition: split.partition(),
        topic: split.topic().clone(),
        reason,
    }
}
