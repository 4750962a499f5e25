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
    pub(crate) control: Arc<str>,
}

impl Topics {
    pub(crate) fn new() -> Self {
        Self {
            inbox: topic::inbox(NAMESPACE).into(),
            results: topic::results(NAMESPACE).into(),
            journal: topic::journal(NAMESPACE).into(),
            replies: topic::replies(NAMESPACE).into(),
            control: topic::control(NAMESPACE).into(),
        }
    }

    /// Whether it is a retry topic.
    pub(crate) fn is_retry(name: &str) -> bool {
        name.strip_prefix(NAMESPACE)
            .is_some_and(|rest| rest.starts_with(".retry."))
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
    topics: BTreeMap<Arc<str>, Vec<Vec<Entry>>>,
}

/// What lies at an offset.
#[derive(Debug)]
enum Entry {
    Record(Record),
    /// The end of a transaction, or a record of one that was aborted: no reader is given it.
    Mark,
}

impl Log {
    pub(crate) fn create(&mut self, topic: Arc<str>, partitions: i32) {
        let partitions = usize::try_from(partitions).unwrap_or_default();
        let empty = || (0..partitions).map(|_| Vec::new()).collect();
        self.topics.entry(topic).or_insert_with(empty);
    }

    /// Deletes a topic.
    pub(crate) fn remove(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// Deletes the records before an offset.
    pub(crate) fn trim(&mut self, topic: &str, partition: i32, before: i64) {
        let before = usize::try_from(before).unwrap_or(0);
        let entries = self.entries_mut(topic, partition);
        for entry in entries.into_iter().flatten().take(before) {
            *entry = Entry::Mark;
        }
    }

    /// Appends a record; `None` when its topic or partition is not there.
    pub(crate) fn append(&mut self, record: &NewRecord, at: Timestamp) -> Option<Record> {
        let entries = self.entries_mut(&record.topic, record.partition)?;
        let offset = i64::try_from(entries.len()).ok()?;
        let record = record.placed(offset, at);
        entries.push(Entry::Record(record.clone()));
        Some(record)
    }

    /// Takes an offset that no reader is given.
    pub(crate) fn mark(&mut self, topic: &str, partition: i32) {
        if let Some(entries) = self.entries_mut(topic, partition) {
            entries.push(Entry::Mark);
        }
    }

    pub(crate) fn has(&self, topic: &str, partition: i32) -> bool {
        let partitions = self.topics.get(topic).map_or(0, Vec::len);
        usize::try_from(partition).is_ok_and(|partition| partition < partitions)
    }

    fn entries_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Vec<Entry>> {
        let partition = usize::try_from(partition).ok()?;
        self.topics.get_mut(topic)?.get_mut(partition)
    }

    fn entries(&self, topic: &str, partition: i32) -> &[Entry] {
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        self.topics
            .get(topic)
            .and_then(|partitions| partitions.get(partition))
            .map_or(&[], Vec::as_slice)
    }

    /// Offset of the next record.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        i64::try_from(self.entries(topic, partition).len()).unwrap_or(i64::MAX)
    }

    /// The offset behind the last record that readers are given.
    pub(crate) fn last(&self, topic: &str, partition: i32) -> i64 {
        let end = self.end(topic, partition);
        let mut records = self.range(topic, partition, 0, end);
        records.next_back().map_or(0, |record| record.offset + 1)
    }

    /// The records from `from` to before `to`, as far as they are there.
    pub(crate) fn range(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
    ) -> impl DoubleEndedIterator<Item = &Record> {
        let entries = self.entries(topic, partition);
        let at = |offset: i64| usize::try_from(offset).unwrap_or(0).min(entries.len());
        let (from, to) = (at(from), at(to));
        entries[from..to.max(from)]
            .iter()
            .filter_map(|entry| match entry {
                Entry::Record(record) => Some(record),
                Entry::Mark => None,
            })
    }

    /// The record at an offset.
    pub(crate) fn record(&self, topic: &str, partition: i32, offset: i64) -> Option<&Record> {
        self.range(topic, partition, offset, offset + 1).next()
    }
}
