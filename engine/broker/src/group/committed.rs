//! Calls about committed offsets, which are all that outlives the broker.

use super::{Change, Commit, CommittedOffset, GroupError, Groups, check_name};

/// What became of the parts of a request that changes offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// One for each part, in order.
    pub(crate) outcomes: Vec<Result<(), GroupError>>,
    /// For [`Groups::apply`], once they are written.
    pub(crate) changes: Vec<Change>,
}

impl Groups {
    /// OffsetCommit. Without generation it makes the group if need be.
    ///
    /// # Errors
    /// The whole request is refused; nothing has changed.
    pub(crate) fn commit(&mut self, commit: Commit, now: u64) -> Result<Done, GroupError> {
        self.check_commit(&commit)?;
        if commit.identity.generation < 0 {
            self.ensure(&commit.group, now)?;
        }
        let mut changes = Vec::new();
        let outcomes = self.on(&commit.group, now, |group, cx| {
            group.validate_commit(&commit.identity)?;
            Ok(group.commit(&commit.identity, commit.offsets, cx.now, &mut changes))
        });
        self.forget_if_new(&commit.group);
        let outcomes = outcomes.unwrap_or(Err(GroupError::GroupIdNotFound))?;
        Ok(Done { outcomes, changes })
    }

    /// OffsetFetch of one partition.
    pub(crate) fn fetch_offset(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> Option<&CommittedOffset> {
        self.by_name.get(group)?.group.offsets.get(topic, partition)
    }

    /// OffsetFetch of everything that a group has committed, by topic and partition.
    pub(crate) fn fetch_offsets(
        &self,
        group: &str,
    ) -> impl Iterator<Item = (&str, i32, &CommittedOffset)> {
        let slot = self.by_name.get(group);
        slot.into_iter().flat_map(|slot| slot.group.offsets.iter())
    }

    /// OffsetDelete: one outcome for each partition.
    ///
    /// # Errors
    /// The whole request is refused; nothing has changed.
    pub(crate) fn delete_offsets(
        &mut self,
        group: &str,
        partitions: &[(String, i32)],
        now: u64,
    ) -> Result<Done, GroupError> {
        check_name(group)?;
        let mut changes = Vec::new();
        let outcomes = self.on(group, now, |group, _| {
            group.validate_offset_deletion()?;
            Ok(group.delete_offsets(partitions, &mut changes))
        });
        let outcomes = outcomes.unwrap_or(Err(GroupError::GroupIdNotFound))?;
        Ok(Done { outcomes, changes })
    }

    /// What removes every offset of topics that were deleted.
    pub(crate) fn topics_deleted(&self, are_deleted: impl Fn(&str) -> bool) -> Vec<Change> {
        let groups = self.by_name.values();
        let removals = groups.flat_map(|slot| slot.group.removals(&are_deleted));
        removals.collect()
    }

    /// Makes changes, in the order that they were written in: those that a call has given, or all that there are at the start.
    /// Limits do not count: what was acknowledged is kept.
    ///
    /// Offsets count as committed at `now`, since no clock but the caller's knows how long the broker was down: a restart gives
    /// them their whole retention again.
    pub(crate) fn apply(&mut self, changes: impl IntoIterator<Item = Change>, now: u64) {
        for change in changes {
            match change {
                Change::OffsetCommitted {
                    group,
                    topic,
                    partition,
                    offset,
                } => {
                    self.insert(&group, now);
                    self.on(&group, now, |group, _| {
                        group.offsets.put(&topic, partition, offset, now)
                    });
                }
                Change::OffsetRemoved {
                    group,
                    topic,
                    partition,
                } => {
                    self.on(&group, now, |group, _| {
                        group.offsets.remove(&topic, partition)
                    });
                }
                Change::OffsetPending {
                    group,
                    producer_id,
                    topic,
                    partition,
                    offset,
                } => {
                    self.insert(&group, now);
                    self.on(&group, now, |group, _| {
                        let place = (topic, partition);
                        group.offsets.pending.put(producer_id, place, offset)
                    });
                }
                Change::TransactionEnded {
                    group,
                    producer_id,
                    ending,
                } => {
                    self.on(&group, now, |group, _| {
                        group.end_transaction(producer_id, ending, now)
                    });
                }
                Change::GroupRemoved { group } => drop(self.take(&group)),
            }
        }
    }
}
