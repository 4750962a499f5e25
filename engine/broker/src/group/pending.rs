//! Offsets that were committed within transactions still open: they count once their transaction is committed.
//!
//! An offset that was committed later and outside of the transaction stays, as Kafka orders them. Read `offsets.rs` first.

use std::collections::BTreeMap;

use super::offsets::{self, check_metadata};
use super::request::{Commit, CommitOffset, Identity};
use super::roster::{Group, State};
use super::{Change, CommittedOffset, Done, GroupError, Groups, check_name};
use crate::log::Ending;

/// The pending offsets of one group, by producer and partition.
#[derive(Debug, Default)]
pub(super) struct Pending {
    by_producer: BTreeMap<i64, BTreeMap<(String, i32), Waiting>>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    offset: CommittedOffset,
    /// Another offset was committed since.
    is_superseded: bool,
}

impl Pending {
    /// Keeps an offset until its transaction ends.
    pub(super) fn put(&mut self, producer_id: i64, place: (String, i32), offset: CommittedOffset) {
        self.bytes += offsets::footprint(&place.0, &offset);
        let topic_bytes = place.0.len();
        let waiting = Waiting {
            offset,
            is_superseded: false,
        };
        let of_producer = self.by_producer.entry(producer_id).or_default();
        if let Some(before) = of_producer.insert(place, waiting) {
            self.bytes -= offsets::footprint_of(topic_bytes, &before.offset);
        }
    }

    /// An offset was committed outside of transactions.
    pub(super) fn supersede(&mut self, topic: &str, partition: i32) {
        if self.by_producer.is_empty() {
            return;
        }
        let place = (topic.to_owned(), partition);
        for of_producer in self.by_producer.values_mut() {
            if let Some(waiting) = of_producer.get_mut(&place) {
                waiting.is_superseded = true;
            }
        }
    }

    /// Takes what a producer has pending.
    pub(super) fn take(&mut self, producer_id: i64) -> Vec<((String, i32), CommittedOffset)> {
        let taken = self.by_producer.remove(&producer_id).unwrap_or_default();
        let mut valid = Vec::new();
        for (place, waiting) in taken {
            self.bytes -= offsets::footprint(&place.0, &waiting.offset);
            if !waiting.is_superseded {
                valid.push((place, waiting.offset));
            }
        }
        valid
    }

    /// Removes what is pending for a partition.
    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        if self.by_producer.is_empty() {
            return;
        }
        let place = (topic.to_owned(), partition);
        self.by_producer.retain(|_, of_producer| {
            if let Some(waiting) = of_producer.remove(&place) {
                self.bytes -= offsets::footprint(topic, &waiting.offset);
            }
            !of_producer.is_empty()
        });
    }

    /// Whether something is pending for a partition.
    pub(super) fn has(&self, topic: &str, partition: i32) -> bool {
        if self.by_producer.is_empty() {
            return false;
        }
        let place = (topic.to_owned(), partition);
        let mut producers = self.by_producer.values();
        producers.any(|of_producer| of_producer.contains_key(&place))
    }

    /// The partitions with pending offsets; more than once where several producers have some.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, i32)> {
        let places = self.by_producer.values().flat_map(BTreeMap::keys);
        places.map(|(topic, partition)| (topic.as_str(), *partition))
    }

    /// Whether nothing is pending.
    pub(super) fn is_empty(&self) -> bool {
        self.by_producer.is_empty()
    }

    /// Bytes held, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was superseded, or what was not, as changes.
    fn changes(&self, group: &Group, is_superseded: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        for (producer_id, of_producer) in &self.by_producer {
            for ((topic, partition), waiting) in of_producer {
                if waiting.is_superseded == is_superseded {
                    changes.push(Change::OffsetPending {
                        group: group.name.clone(),
                        producer_id: *producer_id,
                        topic: topic.clone(),
                        partition: *partition,
                        offset: waiting.offset.clone(),
                    });
                }
            }
        }
        changes
    }
}

impl Group {
    /// Whether a commit within a transaction may be accepted. Old clients name no member: whoever may write within the
    /// transaction may commit offsets with it.
    fn validate_pending(&self, identity: &Identity) -> Result<(), GroupError> {
        let names_member =
            identity.generation >= 0 || !identity.member.is_empty() || identity.instance.is_some();
        match names_member {
            true if identity.generation < 0 && self.state == State::Empty => Ok(()),
            true => self.validate_generation(identity),
            false => Ok(()),
        }
    }

    fn commit_pending(
        &self,
        producer_id: i64,
        offsets: Vec<CommitOffset>,
        changes: &mut Vec<Change>,
    ) -> Vec<Result<(), GroupError>> {
        let outcomes = offsets.into_iter().map(|commit| {
            check_metadata(&commit.offset)?;
            changes.push(Change::OffsetPending {
                group: self.name.clone(),
                producer_id,
                topic: commit.topic,
                partition: commit.partition,
                offset: commit.offset,
            });
            Ok(())
        });
        outcomes.collect()
    }

    /// A producer's transaction has ended.
    pub(super) fn end_transaction(&mut self, producer_id: i64, ending: Ending, now: u64) {
        let taken = self.offsets.pending.take(producer_id);
        if ending == Ending::Commit {
            for ((topic, partition), offset) in taken {
                self.offsets.store(&topic, partition, offset, now);
            }
        }
    }

    /// The changes that restore this group's offsets.
    fn changes(&self) -> Vec<Change> {
        let committed = self.offsets.iter();
        let committed = committed.map(|(topic, partition, offset)| Change::OffsetCommitted {
            group: self.name.clone(),
            topic: topic.to_owned(),
            partition,
            offset: offset.clone(),
        });
        let pending = &self.offsets.pending;
        let mut changes = pending.changes(self, true);
        changes.extend(committed);
        changes.extend(pending.changes(self, false));
        changes
    }
}

impl Groups {
    /// TxnOffsetCommit. Without generation it makes the group if need be.
    ///
    /// # Errors
    /// The whole request is refused; nothing has changed.
    pub(crate) fn commit_pending(
        &mut self,
        commit: Commit,
        producer_id: i64,
        now: u64,
    ) -> Result<Done, GroupError> {
        check_name(&commit.group)?;
        self.check_commit(&commit)?;
        if commit.identity.generation < 0 {
            self.ensure(&commit.group, now)?;
        }
        let mut changes = Vec::new();
        let outcomes = self.on(&commit.group, now, |group, _| {
            group.validate_pending(&commit.identity)?;
            Ok(group.commit_pending(producer_id, commit.offsets, &mut changes))
        });
        self.forget_if_new(&commit.group);
        let outcomes = outcomes.unwrap_or(Err(GroupError::IllegalGeneration))?;
        Ok(Done { outcomes, changes })
    }

    /// A producer's transaction has ended: what it has pending in these groups counts, or goes. The changes are to be on disk
    /// before the transaction is taken for done.
    pub(crate) fn end_transaction<'a>(
        &self,
        groups: impl IntoIterator<Item = &'a str>,
        producer_id: i64,
        ending: Ending,
    ) -> Vec<Change> {
        let known = groups.into_iter().filter_map(|name| self.by_name.get(name));
        let changes = known.map(|slot| Change::TransactionEnded {
            group: slot.group.name.clone(),
            producer_id,
            ending,
        });
        changes.collect()
    }

    /// Whether a partition's offset may change by a transaction that is still open.
    pub(crate) fn has_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let slot = self.by_name.get(group);
        slot.is_some_and(|slot| slot.group.offsets.pending.has(topic, partition))
    }

    /// The fewest changes that restore the groups as they are.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let groups = self.by_name.values();
        groups.flat_map(|slot| slot.group.changes())
    }
}
