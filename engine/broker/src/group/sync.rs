//! SyncGroup, Heartbeat and LeaveGroup: what members of a generation say.

use super::rebalance::synced;
use super::request::{Identity, Leaving, Sync};
use super::roster::{Cx, Group, State};
use super::{GroupError, Outcome, Ticket};

impl Group {
    /// Takes a sync; the answer comes now or when the leader has assigned.
    pub(super) fn sync(&mut self, ticket: Ticket, sync: Sync, cx: &mut Cx<'_>) {
        if let Err(error) = self.validate_sync(&sync) {
            cx.outbox.refuse_sync(ticket, error);
            return;
        }
        let id = &sync.identity.member;
        let Some(member) = self.members.get_mut(id) else {
            cx.outbox.refuse_sync(ticket, GroupError::UnknownMemberId);
            return;
        };
        self.pending_sync.remove(id);
        if self.pending_sync.is_empty() {
            self.sync_until = None;
        }
        if self.state == State::Stable {
            let synced = synced(&self.protocol_type, &self.protocol, member);
            cx.outbox.answer(ticket, Outcome::Sync(Ok(synced)));
            return;
        }
        cx.outbox.park(ticket);
        if let Some(before) = member.syncing.replace(ticket) {
            cx.outbox
                .refuse_sync(before, GroupError::RebalanceInProgress);
        }
        if self.is_leader(id) {
            self.assign(&sync.assignments, cx);
        }
    }

    fn validate_sync(&self, sync: &Sync) -> Result<(), GroupError> {
        self.validate_generation(&sync.identity)?;
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        if self.state == State::PreparingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Takes a sign of life.
    ///
    /// # Errors
    /// [`GroupError::RebalanceInProgress`]: join again; the session goes on all the same.
    pub(super) fn heartbeat(&mut self, identity: &Identity, now: u64) -> Result<(), GroupError> {
        self.validate_generation(identity)?;
        if let Some(member) = self.members.get_mut(&identity.member) {
            member.renew(now);
        }
        if self.state == State::PreparingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Checks that a member belongs to the current generation.
    pub(super) fn validate_generation(&self, identity: &Identity) -> Result<(), GroupError> {
        self.validate(&identity.member, identity.instance.as_deref())?;
        if identity.generation == self.generation {
            Ok(())
        } else {
            Err(GroupError::IllegalGeneration)
        }
    }

    /// Lets members go, and the rest rebalance; one error, or none, for each.
    pub(super) fn leave(
        &mut self,
        leaving: &[Leaving],
        cx: &mut Cx<'_>,
    ) -> Vec<Result<(), GroupError>> {
        let outcomes: Vec<_> = leaving
            .iter()
            .map(|leaving| {
                let id = self.leaving_id(leaving)?;
                self.remove(&id, cx.outbox);
                Ok(())
            })
            .collect();
        if outcomes.iter().any(Result::is_ok) {
            match self.state {
                State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx),
                State::PreparingRebalance => self.complete_join_if_ready(cx),
                State::Empty | State::Dead => {}
            }
        }
        outcomes
    }

    /// The id of a member that is to go; operators name static members by their instance id alone.
    fn leaving_id(&self, leaving: &Leaving) -> Result<String, GroupError> {
        let instance = leaving.instance.as_deref();
        if leaving.member.is_empty() {
            let id = instance.and_then(|instance| self.statics.get(instance));
            return id.cloned().ok_or(GroupError::UnknownMemberId);
        }
        if !self.pending.contains_key(&leaving.member) {
            self.validate(&leaving.member, instance)?;
        }
        Ok(leaving.member.clone())
    }
}
