//! An input that a broker calls missing. One that has not heard of the topic yet says the same: so it is asked for again,
//! for a while, before the lane is told that it is lost. Meanwhile librdkafka goes on reading as soon as it can.
//!
//! Invariant: who asks never blocks the lane thread, and a verdict about an input that was released reaches nobody.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use crate::{
    Error, ErrorKind,
    kafka::{
        clock::Deadline,
        context::Quiet,
        ends::{self, Edge},
        fault,
        wake::lock,
    },
};

/// One input in doubt.
#[derive(Debug)]
pub(super) struct Doubt {
    topic: Arc<str>,
    partition: i32,
    /// What the lane takes next: a topic that ends before it is another one.
    position: i64,
    /// What is missing then is lost.
    late: Deadline,
    verdict: Mutex<Verdict>,
}

/// What is known of an input in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Open,
    /// It is there, and reading goes on.
    There,
    /// It is missing, or ends before what was read; why.
    Lost(String),
}

impl Doubt {
    pub(super) fn new(topic: &Arc<str>, partition: i32, position: i64) -> Self {
        Self {
            topic: topic.clone(),
            partition,
            position,
            late: Deadline::after(LOST_AFTER),
            verdict: Mutex::new(Verdict::Open),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        lock(&self.verdict).clone()
    }

    /// Brokers that do not answer prove nothing, however late it is.
    fn judge(&self, end: &Result<i64, Error>, is_late: bool) -> Verdict {
        match end {
            Ok(end) if *end >= self.position => Verdict::There,
            Ok(end) if is_late => Verdict::Lost(format!("it ends at {end}")),
            Err(error) if is_late && error.kind() == ErrorKind::NotFound => {
                Verdict::Lost(error.message().to_owned())
            }
            Ok(_) | Err(_) => Verdict::Open,
        }
    }
}

/// The inputs in doubt of one lane thread. Those that nobody holds any more are forgotten.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<Vec<Weak<Doubt>>>);

impl Doubts {
    pub(super) fn add(&self, doubt: &Arc<Doubt>) {
        lock(&self.0).push(Arc::downgrade(doubt));
    }

    /// Those without a verdict.
    pub(super) fn open(&self) -> Vec<Arc<Doubt>> {
        let mut doubts = lock(&self.0);
        let open: Vec<_> = doubts
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|doubt| doubt.verdict() == Verdict::Open)
            .collect();
        *doubts = open.iter().map(Arc::downgrade).collect();
        open
    }

    /// Asks once for each of them; says whether there is a loss to be told.
    pub(super) fn look(&self, consumer: &BaseConsumer<Quiet>) -> bool {
        let mut topics: BTreeMap<Arc<str>, Vec<Arc<Doubt>>> = BTreeMap::new();
        for doubt in self.open() {
            topics.entry(doubt.topic.clone()).or_default().push(doubt);
        }
        let mut lost = false;
        for (topic, doubts) in topics {
            let ends = ends_of(consumer, &topic, &doubts);
            for (doubt, end) in doubts.iter().zip(ends) {
                let verdict = doubt.judge(&end, doubt.late.passed());
                tracing::debug!(?doubt, ?end, ?verdict, "asked for an input in doubt");
                lost |= matches!(verdict, Verdict::Lost(_));
                *lock(&doubt.verdict) = verdict;
            }
        }
        lost
    }
}

/// Where the partitions end. Whether the topic is there is asked first: where what is missing ends, nobody answers.
fn ends_of(
    consumer: &BaseConsumer<Quiet>,
    topic: &str,
    doubts: &[Arc<Doubt>],
) -> Vec<Result<i64, Error>> {
    let same = |error: &Error| doubts.iter().map(|_| Err(error.clone())).collect();
    let partitions = match partitions(consumer, topic) {
        Ok(partitions) => partitions,
        Err(error) => return same(&error),
    };
    let places: Vec<_> = doubts
        .iter()
        .map(|doubt| (topic, doubt.partition))
        .filter(|(_, partition)| *partition < partitions)
        .collect();
    let mut known = match ends::ask(consumer, &places, Edge::End) {
        Ok(known) => known,
        Err(error) => return same(&error),
    };
    let end = |doubt: &Arc<Doubt>| {
        let missing = || {
            let message = format!("{topic} has {partitions} partitions");
            Err(Error::new(
                ErrorKind::NotFound,
                "kafka-topic-missing",
                message,
            ))
        };
        known
            .remove(&(topic, doubt.partition))
            .unwrap_or_else(missing)
    };
    doubts.iter().map(end).collect()
}

fn partitions(consumer: &BaseConsumer<Quiet>, topic: &str) -> Result<i32, Error> {
    let failed = |error: KafkaError| fault::error(&format!("look for {topic}"), &error);
    let metadata = consumer
        .fetch_metadata(Some(topic), ANSWER_WAIT)
        .map_err(failed)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|found| (found.error(), found.partitions().len())) {
        Some((None, partitions)) => Ok(i32::try_from(partitions).unwrap_or(i32::MAX)),
        Some((Some(error), _)) => Err(failed(KafkaError::MetadataFetch(error.into()))),
        None => Err(failed(KafkaError::MetadataFetch(
            rdkafka::error::RDKafkaErrorCode::UnknownTopicOrPartition,
        ))),
    }
}

/// How often an input in doubt is asked for.
pub(super) const ASK_PAUSE: Duration = Duration::from_secs(1);

/// What the brokers call missing for this long is: a new broker has heard of every topic within a second or two.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// A broker that does not answer for this long does not count as an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: bool = false;
    const LATE: bool = true;

    fn check(end: Result<i64, ErrorKind>, expected: [Verdict; 2]) {
        let end = end.map_err(|kind| Error::new(kind, "code", "gone".to_owned()));
        let doubt = Doubt::new(&"ns.inbox".into(), 3, 7);

        let verdicts = [EARLY, LATE].map(|late| doubt.judge(&end, late));

        assert_eq!(verdicts, expected, "{end:?}");
    }

    #[test]
    fn an_input_is_lost_only_when_it_is_still_missing_after_a_while() {
        let lost = |why: &str| Verdict::Lost(why.to_owned());

        check(Err(ErrorKind::NotFound), [Verdict::Open, lost("gone")]);
        check(Ok(6), [Verdict::Open, lost("it ends at 6")]);
        check(Ok(7), [Verdict::There, Verdict::There]);
        check(Err(ErrorKind::Unavailable), [Verdict::Open, Verdict::Open]);
    }

    #[test]
    fn what_was_released_is_not_asked_for_any_more() {
        let doubts = Doubts::default();
        let held = Arc::new(Doubt::new(&"ns.inbox".into(), 0, 7));
        let released = Arc::new(Doubt::new(&"ns.inbox".into(), 1, 7));
        doubts.add(&held);
        doubts.add(&released);
        assert_eq!(doubts.open().len(), 2);

        drop(released);
        assert_eq!(doubts.open().len(), 1);
        *lock(&held.verdict) = Verdict::There;

        assert!(doubts.open().is_empty());
    }
}
