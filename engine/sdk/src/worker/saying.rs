//! Answers on their way: sent again until they are acknowledged.
//!
//! Deliberately absent: waiting for them, which is the queue's.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use sagaline_journal::{Error as KafkaError, ErrorKind};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{answer::Answer, port::Answers};
use crate::completion::Address;

/// Waits between tries to send an answer.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Codes of errors that say more than their kind.
const TOO_LARGE: &str = "kafka-record-too-large";
const DENIED: &str = "kafka-denied";

/// What a worker says and nobody has acknowledged yet.
pub(crate) struct Saying {
    worker: String,
    next_mark: u64,
    open: HashMap<u64, Said>,
    /// Heartbeats on their way.
    beats: HashMap<u64, Arc<Address>>,
    /// Those that were not acknowledged, by when they are sent again.
    again: BTreeSet<(Instant, u64)>,
}

/// An attempt's last word; its permit is free when that has arrived.
pub(crate) struct Said {
    pub(crate) address: Arc<Address>,
    answer: Answer,
    _permit: OwnedSemaphorePermit,
    wait: Duration,
}

/// What became of something that was said.
pub(crate) enum Ended {
    /// An answer has arrived, or never can.
    Said(Said),
    /// A heartbeat of this task has arrived.
    Heard(Arc<Address>),
    /// A heartbeat of this task may not have arrived.
    Unheard(Arc<Address>),
}

impl Said {
    pub(crate) const fn new(
        address: Arc<Address>,
        answer: Answer,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            address,
            answer,
            _permit: permit,
            wait: BACKOFF_MIN,
        }
    }
}

impl Saying {
    pub(crate) fn new(worker: String) -> Self {
        Self {
            worker,
            next_mark: 0,
            open: HashMap::new(),
            beats: HashMap::new(),
            again: BTreeSet::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Puts an answer in line.
    pub(crate) fn say(&mut self, said: Said, answers: &mut impl Answers) {
        self.next_mark += 1;
        answers.send(
            self.next_mark,
            said.answer.record(&said.address, &self.worker),
        );
        self.open.insert(self.next_mark, said);
    }

    /// Puts something in line that is said once, and not waited for in the end.
    pub(crate) fn note(
        &mut self,
        address: Arc<Address>,
        note: &Answer,
        answers: &mut impl Answers,
    ) {
        self.next_mark += 1;
        answers.send(self.next_mark, note.record(&address, &self.worker));
        if matches!(note, Answer::Heartbeat { .. }) {
            self.beats.insert(self.next_mark, address);
        }
    }

    /// What became of it. An answer has ended once it is acknowledged, or when it can never be: then the attempt runs out
    /// of its time.
    pub(crate) fn ended(&mut self, mark: u64, outcome: Result<(), KafkaError>) -> Option<Ended> {
        if let Some(address) = self.beats.remove(&mark) {
            return Some(match outcome {
                Ok(()) => Ended::Heard(address),
                Err(error) => {
                    tracing::warn!(task_id = address.task_id, %error, "a heartbeat was not acknowledged");
                    Ended::Unheard(address)
                }
            });
        }
        self.answer_ended(mark, outcome).map(Ended::Said)
    }

    fn answer_ended(&mut self, mark: u64, outcome: Result<(), KafkaError>) -> Option<Said> {
        match outcome {
            Ok(()) => self.open.remove(&mark),
            Err(error) => {
                let Some(said) = self.open.get_mut(&mark) else {
                    tracing::debug!(%error, "the engine was not told that an attempt has begun");
                    return None;
                };
                if error.code() == TOO_LARGE && said.answer.shorten(&error) {
                    self.again.insert((Instant::now(), mark));
                    return None;
                }
                // What is denied may be allowed by the next try.
                if error.kind() == ErrorKind::Invalid && error.code() != DENIED {
                    let task_id = &said.address.task_id;
                    tracing::error!(task_id, %error, "an answer can go nowhere and is dropped");
                    return self.open.remove(&mark);
                }
                let (task_id, wait_ms) = (&said.address.task_id, said.wait.as_millis());
                tracing::warn!(task_id, %error, wait_ms, "an answer was not acknowledged");
                self.again.insert((Instant::now() + said.wait, mark));
                said.wait = (said.wait * 2).min(BACKOFF_MAX);
                None
            }
        }
    }

    /// When the next answer is to be sent again.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        self.again.first().map(|(at, _)| *at)
    }

    /// Sends again what is due.
    pub(crate) fn say_again(&mut self, answers: &mut impl Answers) {
        let now = Instant::now();
        while let Some((at, mark)) = self.again.first().copied()
            && at <= now
        {
            self.again.pop_first();
            if let Some(said) = self.open.get(&mark) {
                answers.send(mark, said.answer.record(&said.address, &self.worker));
            }
        }
    }
}
