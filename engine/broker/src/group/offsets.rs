//! The committed offsets of one group, and who may change them when.

use std::collections::{BTreeMap, BTreeSet};

use super::pending::Pending;
use super::request::{CommitOffset, Identity};
use super::roster::{Group, State};
use super::settings::OFFSET_METADATA_MAX;
use super::{Change, CommittedOffset, GroupError};

/// Offsets by topic and partition.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    by_topic: BTreeMap<String, BTreeMap<i32, Stored>>,
    bytes: usize,
    /// Of transactions that are still open.
    pub(super) pending: Pending,
}

#[derive(Debug)]
struct Stored {
    offset: CommittedOffset,
    /// When it was committed, or restored, by the monotonic clock.
    at: u64,
}

impl Offsets {
    /// Stores an offset that was committed outside of transactions.
    pub(super) fn put(&mut self, topic: &str, partition: i32, offset: CommittedOffset, now: u64) {
        self.pending.supersede(topic, partition);
        self.store(topic, partition, offset, now);
    }

    /// Stores an offset in place of the one before.
    pub(super) fn store(&mut self, topic: &str, partition: i32, offset: CommittedOffset, now: u64) {
        self.bytes += footprint(topic, &offset);
        let stored = Stored { offset, at: now };
        let before = match self.by_topic.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, stored),
            None => {
                let partitions = BTreeMap::from([(partition, stored)]);
                self.by_topic.insert(topic.to_owned(), partitions);
                None
            }
        };
        if let Some(before) = before {
            self.bytes -= footprint(topic, &before.offset);
        }
    }

    /// Removes an offset, and what is pending for its partition.
    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        self.pending.remove(topic, partition);
        let Some(partitions) = self.by_topic.get_mut(topic) else {
            return;
        };
        if let Some(before) = partitions.remove(&partition) {
            self.bytes -= footprint(topic, &before.offset);
        }
        if partitions.is_empty() {
            self.by_topic.remove(topic);
        }
    }

    /// Whether a partition has an offset, pending or not.
    fn has(&self, topic: &str, partition: i32) -> bool {
        self.get(topic, partition).is_some() || self.pending.has(topic, partition)
    }

    /// The offset of a partition.
    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        Some(&self.by_topic.get(topic)?.get(&partition)?.offset)
    }

    /// All offsets, by topic and partition.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, i32, &CommittedOffset)> {
        self.by_topic.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(move |(partition, stored)| (topic.as_str(), *partition, &stored.offset))
        })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_topic.is_empty() && self.pending.is_empty()
    }

    /// Bytes held, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.pending.bytes()
    }

    /// The partitions whose offset a test of the topic and of the instant of its commit picks.
    fn pick(&self, mut is_picked: impl FnMut(&str, u64) -> bool) -> Vec<(String, i32)> {
        let mut picked = Vec::new();
        for (topic, partitions) in &self.by_topic {
            for (partition, stored) in partitions {
                if is_picked(topic, stored.at) {
                    picked.push((topic.clone(), *partition));
                }
            }
        }
        picked
    }
}

impl Group {
    /// Whether a commit may be accepted. One without a generation is a simple consumer's or an operator's, which a group
    /// accepts while it has no members.
    pub(super) fn validate_commit(&self, identity: &Identity) -> Result<(), GroupError> {
        if identity.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        self.validate_generation(identity)?;
        if self.state == State::CompletingRebalance {
            // The member has learnt of the new generation and not of its share: what it commits may be another's by now.
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// What commits offsets that passed `validate_commit`, which are taken as a sign of life; one outcome for each.
    pub(super) fn commit(
        &mut self,
        identity: &Identity,
        offsets: Vec<CommitOffset>,
        now: u64,
        changes: &mut Vec<Change>,
    ) -> Vec<Result<(), GroupError>> {
        if let Some(member) = self.members.get_mut(&identity.member) {
            member.renew(now);
        }
        offsets
            .into_iter()
            .map(|commit| {
                check_metadata(&commit.offset)?;
                changes.push(Change::OffsetCommitted {
                    group: self.name.clone(),
                    topic: commit.topic,
                    partition: commit.partition,
                    offset: commit.offset,
                });
                Ok(())
            })
            .collect()
    }

    /// Whether offsets may be deleted. Members of consumers may stay: it is told which topics they use.
    pub(super) fn validate_offset_deletion(&self) -> Result<(), GroupError> {
        if self.state == State::Empty || self.is_of_consumers() {
            Ok(())
        } else {
            Err(GroupError::NonEmptyGroup)
        }
    }

    /// What deletes offsets of topics that no member subscribes to; one outcome for each. An offset that is not there is deleted.
    pub(super) fn delete_offsets(
        &self,
        partitions: &[(String, i32)],
        changes: &mut Vec<Change>,
    ) -> Vec<Result<(), GroupError>> {
        partitions
            .iter()
            .map(|(topic, partition)| {
                if self.is_subscribed(topic) {
                    return Err(GroupError::GroupSubscribedToTopic);
                }
                if self.offsets.has(topic, *partition) {
                    changes.push(self.removal(topic.clone(), *partition));
                }
                Ok(())
            })
            .collect()
    }

    /// What removes the offsets of some topics, pending or not.
    pub(super) fn removals(&self, is_picked: impl Fn(&str) -> bool) -> Vec<Change> {
        let committed = self.offsets.pick(|topic, _| is_picked(topic));
        let pending = self.offsets.pending.places();
        let pending = pending.filter(|(topic, _)| is_picked(topic));
        let pending = pending.map(|(topic, partition)| (topic.to_owned(), partition));
        let places: BTreeSet<_> = committed.into_iter().chain(pending).collect();
        let removals = places
            .into_iter()
            .map(|(topic, partition)| self.removal(topic, partition));
        removals.collect()
    }

    /// What removes offsets that were kept long enough: of a group without members since it lost the last one, of a stable group
    /// of consumers those that no member subscribes to since they were committed.
    pub(super) fn expiries(&self, now: u64, retention_ms: u64) -> Vec<Change> {
        let kept_since = match self.state {
            State::Empty if self.protocol_type.is_some() => self.since,
            State::Empty => 0,
            State::Stable if self.is_of_consumers() && self.subscribed.is_some() => 0,
            State::Stable
            | State::PreparingRebalance
            | State::CompletingRebalance
            | State::Dead => return Vec::new(),
        };
        let has_expired = |at: u64| now.saturating_sub(at.max(kept_since)) >= retention_ms;
        let expired = self
            .offsets
            .pick(|topic, at| has_expired(at) && !self.is_subscribed(topic));
        let expired = expired
            .into_iter()
            .filter(|(topic, partition)| !self.offsets.pending.has(topic, *partition));
        let removals = expired.map(|(topic, partition)| self.removal(topic, partition));
        removals.collect()
    }

    fn removal(&self, topic: String, partition: i32) -> Change {
        Change::OffsetRemoved {
            group: self.name.clone(),
            topic,
            partition,
        }
    }
}

/// Bytes that an offset takes, about; its topic counts each time, so that the sum needs no look at the others.
pub(super) fn footprint(topic: &str, offset: &CommittedOffset) -> usize {
    footprint_of(topic.len(), offset)
}

/// As [`footprint`], by the length of the topic's name.
pub(super) fn footprint_of(topic_bytes: usize, offset: &CommittedOffset) -> usize {
    OFFSET_BYTES + topic_bytes + offset.metadata.len()
}

/// Whether the metadata of an offset is short enough.
pub(super) fn check_metadata(offset: &CommittedOffset) -> Result<(), GroupError> {
    match offset.metadata.encode_utf16().count() {
        ..=OFFSET_METADATA_MAX => Ok(()),
        _ => Err(GroupError::OffsetMetadataTooLarge),
    }
}

/// What an offset costs beside its strings.
const OFFSET_BYTES: usize = 96;
