//! What of transactions outlives the broker: all of it, as facts in the order that they came about in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::log::Ending;

/// A fact that the caller writes to disk before it applies and answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// An id has a producer that may begin; the one before is fenced.
    Initialized {
        id: Arc<str>,
        producer: Producer,
        last_epoch: i16,
        previous_id: i64,
        timeout_ms: u64,
    },
    /// These are part of the id's transaction, which has begun if it had not.
    Added { id: Arc<str>, parts: Parts },
    /// How the transaction ends is decided. The epoch is that of its markers; where it is higher, the producer is fenced.
    Prepared {
        id: Arc<str>,
        epoch: i16,
        ending: Ending,
    },
    /// The decision was carried out everywhere.
    Completed { id: Arc<str> },
    /// The id is not known any more.
    Forgotten { id: Arc<str> },
}

/// An id of a producer, and which of its incarnations may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Producer {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// What a transaction has written to: partitions, and groups whose offsets it commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    topics: BTreeMap<String, BTreeSet<i32>>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<String>,
}

impl Parts {
    /// One group.
    pub(crate) fn of_group(group: &str) -> Self {
        let mut parts = Self::default();
        parts.groups.insert(group.to_owned());
        parts
    }

    /// Adds a partition.
    pub(crate) fn put(&mut self, topic: &str, partition: i32) {
        match self.topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition),
            None => {
                let partitions = BTreeSet::from([partition]);
                self.topics.insert(topic.to_owned(), partitions).is_none()
            }
        };
    }

    /// Adds what others have.
    pub(super) fn put_all(&mut self, others: Self) {
        for (topic, partitions) in others.topics {
            self.topics.entry(topic).or_default().extend(partitions);
        }
        self.groups.extend(others.groups);
    }

    pub(super) fn has(&self, topic: &str, partition: i32) -> bool {
        self.topics
            .get(topic)
            .is_some_and(|partitions| partitions.contains(&partition))
    }

    pub(super) fn has_group(&self, group: &str) -> bool {
        self.groups.contains(group)
    }

    pub(super) fn has_all(&self, others: &Self) -> bool {
        others.groups.is_subset(&self.groups)
            && others.topics.iter().all(|(topic, partitions)| {
                self.topics
                    .get(topic)
                    .is_some_and(|known| partitions.is_subset(known))
            })
    }

    /// The partitions, by topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeSet<i32>)> {
        let topics = self.topics.iter();
        topics.map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    /// The groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(String::as_str)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let partitions: usize = self.topics.values().map(BTreeSet::len).sum();
        partitions + self.groups.len()
    }
}
