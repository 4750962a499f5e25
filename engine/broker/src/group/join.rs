//! JoinGroup: a member comes, comes back, or takes the place of its former self.

use super::member::Member;
use super::request::{Join, NewMember, SkipAssignment};
use super::roster::{Cx, Group, State};
use super::settings::{MEMBER_ID_PREFIX_BYTES_MAX, PENDING_MAX};
use super::timer::JoinTimer;
use super::{GroupError, Outcome, Ticket};

impl Group {
    /// Takes a join; the answer comes now or at the end of the joining phase.
    pub(super) fn join(&mut self, ticket: Ticket, join: Join, cx: &mut Cx<'_>) {
        if !self.has_room(&join.member, cx) {
            self.remove(&join.member, cx.outbox);
            cx.outbox
                .refuse_join(ticket, GroupError::GroupMaxSizeReached, "");
        } else if !self.supports(&join.protocol_type, &join.protocols) {
            cx.outbox
                .refuse_join(ticket, GroupError::InconsistentGroupProtocol, &join.member);
        } else if join.member.is_empty() {
            self.join_anew(ticket, join, cx);
        } else if self.pending.contains_key(&join.member) && join.instance.is_none() {
            let id = join.member.clone();
            self.add_and_rebalance(id, ticket, join, cx);
        } else if let Err(error) = self.validate(&join.member, join.instance.as_deref()) {
            cx.outbox.refuse_join(ticket, error, &join.member);
        } else {
            self.rejoin(ticket, &join, cx);
        }
    }

    /// Whether a member may join. While members join again those count that have: the last to come back are left out.
    fn has_room(&self, id: &str, cx: &Cx<'_>) -> bool {
        let max = cx.settings.group_size_max;
        match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => {
                let is_here = self
                    .members
                    .get(id)
                    .is_some_and(|member| member.joining.is_some());
                is_here || self.joining() < max
            }
            State::CompletingRebalance | State::Stable => {
                self.members.contains_key(id) || self.members.len() < max
            }
        }
    }

    fn join_anew(&mut self, ticket: Ticket, join: Join, cx: &mut Cx<'_>) {
        let prefix = join.instance.as_deref().unwrap_or(&join.client_id);
        let id = format!("{}-{}", beginning(prefix), (cx.unique)());
        if let Some(instance) = &join.instance {
            if let Some(old) = self.statics.get(instance).cloned() {
                self.take_over(ticket, &join, &old, &id, cx);
            } else {
                self.add_and_rebalance(id, ticket, join, cx);
            }
        } else if join.new_member == NewMember::JoinsAtOnce {
            self.add_and_rebalance(id, ticket, join, cx);
        } else if self.pending.len() >= PENDING_MAX {
            cx.outbox
                .refuse_join(ticket, GroupError::GroupMaxSizeReached, "");
        } else {
            let session_ms = u64::try_from(join.session_timeout_ms).unwrap_or(0);
            self.pending
                .insert(id.clone(), cx.now.saturating_add(session_ms));
            cx.outbox
                .refuse_join(ticket, GroupError::MemberIdRequired, &id);
        }
    }

    fn add_and_rebalance(&mut self, id: String, ticket: Ticket, join: Join, cx: &mut Cx<'_>) {
        let mut member = Member::new(&join);
        member.expires_at = Some(
            cx.now
                .saturating_add(cx.settings.new_member_join_timeout_ms),
        );
        if let Some(JoinTimer::Initial { has_grown, .. }) = &mut self.join_timer {
            *has_grown = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        self.add(id, member, ticket, cx);
        self.rebalance_or_complete_join(cx);
    }

    /// A member of this group joins again.
    fn rejoin(&mut self, ticket: Ticket, join: &Join, cx: &mut Cx<'_>) {
        let is_unchanged = self
            .members
            .get(&join.member)
            .is_some_and(|member| member.protocols == join.protocols);
        let is_answered_at_once = match self.state {
            // It may have missed the answer to its join.
            State::CompletingRebalance => is_unchanged,
            // The leader may have seen topics or partitions change, which its metadata does not show.
            State::Stable => is_unchanged && !self.is_leader(&join.member),
            State::Empty | State::PreparingRebalance | State::Dead => false,
        };
        if is_answered_at_once {
            let joined = self.joined(&join.member);
            cx.outbox.answer(ticket, Outcome::Join(Ok(joined)));
        } else {
            self.wait_joined(&join.member, ticket, join, cx);
            self.rebalance_or_complete_join(cx);
        }
    }

    /// A static member is back under a new id.
    fn take_over(&mut self, ticket: Ticket, join: &Join, old: &str, id: &str, cx: &mut Cx<'_>) {
        let former_leader = self.leader.clone().unwrap_or_default();
        let instance = join.instance.as_deref().unwrap_or_default();
        self.replace_static(instance, old, id, cx.outbox);
        if let Some(member) = self.members.get_mut(id) {
            member.renew(cx.now);
        }
        self.wait_joined(id, ticket, join, cx);
        match self.state {
            State::Stable if self.elect_protocol() == self.protocol => {
                self.answer_without_rebalance(id, join.skip_assignment, former_leader, cx);
            }
            // The leader may be assigning to the old id: it has to learn of the new one.
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx),
            State::PreparingRebalance => self.complete_join_if_ready(cx),
            State::Empty | State::Dead => {}
        }
    }

    /// Nothing has changed for the others. Clients that cannot be told to skip the assignment are told that the leader is who it
    /// was before: not they, so that they fetch their share and no more.
    fn answer_without_rebalance(
        &mut self,
        id: &str,
        skip: SkipAssignment,
        former_leader: String,
        cx: &mut Cx<'_>,
    ) {
        let mut joined = self.joined(id);
        match skip {
            SkipAssignment::Supported => joined.skip_assignment = self.is_leader(id),
            SkipAssignment::Unsupported => {
                joined.leader = former_leader;
                joined.members.clear();
            }
        }
        if let Some(ticket) = self
            .members
            .get_mut(id)
            .and_then(|member| member.joining.take())
        {
            cx.outbox.answer(ticket, Outcome::Join(Ok(joined)));
        }
    }

    /// Takes over what the member says now; its join waits. One that waited before is of a connection that was given up.
    fn wait_joined(&mut self, id: &str, ticket: Ticket, join: &Join, cx: &mut Cx<'_>) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.update(join);
        cx.outbox.park(ticket);
        if let Some(before) = member.joining.replace(ticket) {
            cx.outbox
                .refuse_join(before, GroupError::RebalanceInProgress, id);
        }
    }
}

/// The beginning of a client or instance id, short enough for a member id.
fn beginning(id: &str) -> &str {
    &id[..id.floor_char_boundary(MEMBER_ID_PREFIX_BYTES_MAX)]
}
