//! The broker's memory: topics, their partitions, and records with the broker's append time.
//!
//! Deliberately absent: delays and faults; they lie between the log and whoever uses it.

use std::{collections::BTreeMap, sync::Arc};

use sagaline_core::Timestamp;
use sagaline_journal::{NewRecord, Record, wire::topic};

/// The namespace of every simulation.
pub(crate) const NAMESPACE: &str = "sim";

/// Names of the topics that lanes read and write.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    pub(crate) inbox: Arc<str>,
    pub(crate) results: Arc<str>,
    pub(crate) journal: Arc<str>,
    pub(crate) replies: Arc<str>,
}

impl Topics {
    pub(crate) fn new() -> Self {
        Self {
            inbox: topic::inbox(NAMESPACE).into(),
            results: topic::results(NAMESPACE).into(),
            journal: topic::journal(NAMESPACE).into(),
            replies: topic::replies(NAMESPACE).into(),
        }
    }

    /// Whether tasks lie there.
    pub(crate) fn is_tasks(name: &str) -> bool {
        name.strip_prefix(NAMESPACE)
            .is_some_and(|rest| rest.starts_with(".tasks."))
    }
}

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Log {
    topics: BTreeMap<Arc<str>, Vec<Vec<Record>>>,
}

impl Log {
    pub(crate) fn create(&mut self, topic: Arc<str>, partitions: i32) {
        let partitions = usize::try_from(partitions).unwrap_or_default();
        self.topics
            .entry(topic)
            .or_insert_with(|| vec![Vec::new(); partitions]);
    }

    /// Appends a record; `None` when its topic or partition is not there.
    pub(crate) fn append(&mut self, record: &NewRecord, at: Timestamp) -> Option<&Record> {
        let partition = usize::try_from(record.partition).ok()?;
        let records = self.topics.get_mut(&record.topic)?.get_mut(partition)?;
        let offset = i64::try_from(records.len()).ok()?;
        records.push(record.placed(offset, at));
        records.last()
    }

    pub(crate) fn records(&self, topic: &str, partition: i32) -> &[Record] {
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        self.topics
            .get(topic)
            .and_then(|partitions| partitions.get(partition))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        i64::try_from(self.records(topic, partition).len()).unwrap_or(i64::MAX)
    }

    /// The records from `from` to before `to`, as far as they are there.
    pub(crate) fn range(&self, topic: &str, partition: i32, from: i64, to: i64) -> &[Record] {
        let records = self.records(topic, partition);
        let at = |offset: i64| usize::try_from(offset).unwrap_or(0).min(records.len());
        let (from, to) = (at(from), at(to));
        &records[from..to.max(from)]
    }

    pub(crate) fn partitions(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, Vec::len)
    }
}
