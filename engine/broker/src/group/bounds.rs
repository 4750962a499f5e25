//! What is refused before a group is asked, so that no client can make the broker hold more than its settings allow; and how
//! groups come and go.

use std::sync::Arc;

use super::offsets;
use super::roster::Group;
use super::settings::{
    INSTANCE_ID_BYTES_MAX, MEMBER_METADATA_BYTES_MAX, PROTOCOL_NAMES_BYTES_MAX, PROTOCOLS_MAX,
};
use super::{Change, Commit, CommitOffset, GroupError, Groups, Join, Slot, Sync, check_name};

impl Groups {
    /// Whether a join is within bounds.
    pub(super) fn admit(&self, join: &Join) -> Result<(), GroupError> {
        check_name(&join.group)?;
        let bounds = self.settings.session_timeout_ms_min..=self.settings.session_timeout_ms_max;
        if !u64::try_from(join.session_timeout_ms).is_ok_and(|session| bounds.contains(&session)) {
            return Err(GroupError::InvalidSessionTimeout);
        }
        let metadata: usize = join
            .protocols
            .iter()
            .map(|(name, metadata)| name.len() + metadata.len())
            .sum();
        let names: usize = join.protocols.iter().map(|(name, _)| name.len()).sum();
        let instance = join.instance.as_ref().map_or(0, String::len);
        if join.protocols.len() > PROTOCOLS_MAX
            || names > PROTOCOL_NAMES_BYTES_MAX
            || metadata > MEMBER_METADATA_BYTES_MAX
            || instance > INSTANCE_ID_BYTES_MAX
        {
            return Err(GroupError::InvalidRequest);
        }
        self.check_bytes(metadata)
    }

    /// Whether a sync is within bounds.
    pub(super) fn check_sync(&self, sync: &Sync) -> Result<(), GroupError> {
        check_name(&sync.group)?;
        self.check_bytes(
            sync.assignments
                .iter()
                .map(|(_, assignment)| assignment.len())
                .sum(),
        )
    }

    /// Whether a commit is within bounds.
    pub(super) fn check_commit(&self, commit: &Commit) -> Result<(), GroupError> {
        let group = self.by_name.get(commit.group.as_str());
        // What replaces an offset takes its place: a consumer goes on however much others hold.
        let before = |one: &CommitOffset| {
            let before = group?.group.offsets.get(&one.topic, one.partition)?;
            Some(offsets::footprint(&one.topic, before))
        };
        let more = commit.offsets.iter().map(|one| {
            let now = offsets::footprint(&one.topic, &one.offset);
            now.saturating_sub(before(one).unwrap_or(0))
        });
        match more.sum() {
            0 => Ok(()),
            more => self.check_bytes(more),
        }
    }

    fn check_bytes(&self, more: usize) -> Result<(), GroupError> {
        if self.bytes.saturating_add(more) > self.settings.bytes_max {
            Err(GroupError::LimitReached)
        } else {
            Ok(())
        }
    }

    /// Makes a group unless it is there.
    pub(super) fn ensure(&mut self, name: &str, now: u64) -> Result<(), GroupError> {
        if self.by_name.contains_key(name) {
            return Ok(());
        }
        if self.by_name.len() >= self.settings.groups_max {
            return Err(GroupError::LimitReached);
        }
        self.insert(name, now);
        Ok(())
    }

    /// Makes a group unless it is there, whatever the limit.
    pub(super) fn insert(&mut self, name: &str, now: u64) {
        if self.by_name.contains_key(name) {
            return;
        }
        let name: Arc<str> = name.into();
        let group = Group::new(name.clone(), now);
        let slot = Slot {
            group,
            deadline: None,
            bytes: 0,
        };
        self.by_name.insert(name, slot);
        let interval_ms = self.settings.offsets_retention_check_ms.max(1);
        self.sweep_at.get_or_insert(now.saturating_add(interval_ms));
    }

    /// Drops a group that was made for a request which was refused then: nobody can have seen it.
    pub(super) fn forget_if_new(&mut self, name: &str) {
        let is_unused = |slot: &Slot| slot.group.generation == 0 && slot.group.is_vacant();
        if self.by_name.get(name).is_some_and(is_unused) {
            self.take(name);
        }
    }

    /// Removes what has expired, and groups that nothing is left of.
    pub(super) fn sweep(&mut self, now: u64, changes: &mut Vec<Change>) {
        let retention_ms = self.settings.offsets_retention_ms;
        for name in self.names() {
            let expired = self.on(&name, now, |group, _| group.expiries(now, retention_ms));
            let expired = expired.unwrap_or_default();
            self.apply(expired.iter().cloned(), now);
            changes.extend(expired);
            let slot = self.by_name.get(&name);
            if slot.is_some_and(|slot| slot.group.is_vacant()) {
                self.take(&name);
                changes.push(Change::GroupRemoved { group: name });
            }
        }
        let interval_ms = self.settings.offsets_retention_check_ms.max(1);
        self.sweep_at = (!self.by_name.is_empty()).then(|| now.saturating_add(interval_ms));
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Slot> {
        let slot = self.by_name.remove(name)?;
        if let Some(at) = slot.deadline {
            self.deadlines.remove(&(at, slot.group.name.clone()));
        }
        self.bytes -= slot.bytes;
        if self.by_name.is_empty() {
            self.sweep_at = None;
        }
        Some(slot)
    }
}
