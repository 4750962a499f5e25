//! One range of offsets that is being read.
//!
//! Offsets may be missing: control records, aborted transactions, compaction. When they are missing at the end, only
//! the broker's word "nothing more" tells that all was seen. A broker that has just become leader may say so too early,
//! so the word counts only when it comes once more after that broker was asked where the log ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{Message, error::KafkaError};

use super::Job;
use crate::{
    Error, ErrorKind, Record,
    kafka::{
        clock::Deadline,
        ends::{self, Edge},
        fault, record,
        splits::{Split, Splits},
    },
};

#[derive(Debug)]
pub(super) struct Range {
    job: Job,
    /// Where the next record would be.
    next: i64,
    /// Where the range ends, exclusive.
    to: i64,
    split: Split,
    /// The broker was asked where the log ends after it had said "nothing more".
    end_checked: bool,
    cancelled: Arc<AtomicBool>,
    late: Deadline,
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing has arrived.
    Idle,
    /// These records, and more will follow.
    Chunk(Vec<Record>),
    /// The last records.
    Done(Vec<Record>),
    /// The last records, and why there are no more.
    Failed(Vec<Record>, Error),
}

impl Range {
    pub(super) fn open(
        job: Job,
        to: i64,
        cancelled: Arc<AtomicBool>,
        splits: &Splits,
    ) -> Result<Self, Error> {
        let next = job.from;
        let split = assign(&job, next, splits)?;
        let late = Deadline::after(SILENCE_MAX);
        Ok(Self {
            job,
            next,
            to,
            split,
            end_checked: false,
            cancelled,
            late,
        })
    }

    pub(super) fn close(self, splits: &Splits) {
        splits.unassign(&[self.split]);
    }

    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    pub(super) fn topic(&self) -> &str {
        &self.job.topic
    }

    pub(super) fn is_at(&self, topic: &str, partition: i32) -> bool {
        self.topic() == topic && self.job.partition == partition
    }

    pub(super) fn next(&self) -> i64 {
        self.next
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// The log is not to blame for the time that has passed.
    pub(super) fn touch(&mut self) {
        self.late = Deadline::after(SILENCE_MAX);
    }

    /// How long nothing will happen here unless the thread is woken.
    pub(super) fn pause(&self, lane_is_full: bool) -> Duration {
        if self.split.is_filled() && !lane_is_full {
            Duration::ZERO
        } else {
            self.late.remaining()
        }
    }

    /// Takes what has arrived, up to a chunk.
    pub(super) fn step(&mut self, splits: &Splits) -> Step {
        self.split.begin();
        let (mut records, mut bytes) = (Vec::new(), 0);
        while self.next < self.to {
            if records.len() >= CHUNK_RECORDS_MAX || bytes >= CHUNK_BYTES_MAX {
                self.split.stop_early();
                return Step::Chunk(records);
            }
            match self.split.pop() {
                Some(Ok(message)) if message.offset() < self.to => {
                    let record = record::taken(&message, &self.job.topic);
                    self.next = record.offset + 1;
                    bytes += record.size();
                    records.push(record);
                    self.end_checked = false;
                }
                Some(Ok(_)) => self.next = self.to,
                Some(Err(KafkaError::PartitionEOF(_))) => match self.check_end(splits) {
                    Ok(true) => self.next = self.to,
                    Ok(false) => {}
                    Err(error) => return Step::Failed(records, error),
                },
                Some(Err(error)) => {
                    let reason = splits.last_error();
                    let error = fault::error_because(&self.doing(), &error, &reason);
                    return Step::Failed(records, error);
                }
                None if records.is_empty() => return self.silent(),
                None => {
                    self.touch();
                    return Step::Chunk(records);
                }
            }
        }
        Step::Done(records)
    }

    fn silent(&self) -> Step {
        if !self.late.passed() {
            return Step::Idle;
        }
        let error = format!(
            "{}: nothing came for {} s",
            self.doing(),
            SILENCE_MAX.as_secs()
        );
        let error = Error::new(ErrorKind::Unavailable, "kafka-timeout", error);
        Step::Failed(Vec::new(), error)
    }

    /// After "nothing more": whether the rest of the range is a gap. If that is not known yet, reads on.
    fn check_end(&mut self, splits: &Splits) -> Result<bool, Error> {
        if self.end_checked {
            return Ok(true);
        }
        let place = (&*self.job.topic, self.job.partition);
        let end = ends::ask_one(splits.consumer(), place, Edge::End)?;
        if end < self.to {
            return Err(ends_early(&self.job, end, self.to));
        }
        splits.unassign(std::slice::from_ref(&self.split));
        self.split = assign(&self.job, self.next, splits)?;
        self.split.begin();
        self.end_checked = true;
        self.touch();
        Ok(false)
    }

    fn doing(&self) -> String {
        format!("read {:?} from offset {}", self.split, self.next)
    }
}

/// The error of a range that begins or ends where there is no log.
pub(super) fn ends_early(job: &Job, end: i64, wanted: i64) -> Error {
    let (topic, partition) = (&job.topic, job.partition);
    let message = format!("read {topic}/{partition}: the log ends at {end}, before {wanted}");
    Error::new(ErrorKind::NotFound, "kafka-offset-missing", message)
}

fn assign(job: &Job, from: i64, splits: &Splits) -> Result<Split, Error> {
    let mut assigned = splits.assign(&[(job.topic.clone(), job.partition, from)])?;
    Ok(assigned.pop().expect("one split for one place"))
}

/// A chunk holds about this much.
const CHUNK_RECORDS_MAX: usize = 1_000;
const CHUNK_BYTES_MAX: usize = 1_000_000;

/// A read to which nothing comes for this long has failed: the brokers are away.
const SILENCE_MAX: Duration = Duration::from_secs(10);
