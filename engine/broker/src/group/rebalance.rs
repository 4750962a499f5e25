//! A rebalance: everyone joins again, the next generation begins, its leader assigns.

use std::collections::HashMap;

use bytes::Bytes;

use super::GroupError;
use super::answer::{Joined, JoinedMember, Outcome, Synced};
use super::member::{Member, owned};
use super::roster::{Cx, Group, State};
use super::timer::JoinTimer;

impl Group {
    /// Begins a rebalance, or ends the joining phase of the one that is on.
    pub(super) fn rebalance_or_complete_join(&mut self, cx: &mut Cx<'_>) {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(cx),
            State::PreparingRebalance => self.complete_join_if_ready(cx),
            State::Dead => {}
        }
    }

    /// Begins a rebalance: members learn of it from their heartbeats, and have to join again.
    pub(super) fn prepare_rebalance(&mut self, cx: &mut Cx<'_>) {
        if self.state == State::CompletingRebalance {
            self.refuse_syncs(cx);
        }
        self.pending_sync.clear();
        self.sync_until = None;
        let was_empty = self.state == State::Empty;
        self.enter(State::PreparingRebalance, cx.now);
        let delay_ms = cx.settings.initial_rebalance_delay_ms;
        if was_empty && delay_ms > 0 {
            self.join_timer = Some(JoinTimer::Initial {
                at: cx.now.saturating_add(delay_ms),
                delay_ms,
                remaining_ms: self.rebalance_timeout_ms().saturating_sub(delay_ms),
                has_grown: false,
            });
        } else if was_empty || self.members.is_empty() || self.has_everyone_joined() {
            self.complete_join(cx);
        } else {
            self.wait_for_rejoins(cx.now);
        }
    }

    /// Ends the joining phase if everyone has joined; the initial delay is waited for all the same.
    pub(super) fn complete_join_if_ready(&mut self, cx: &mut Cx<'_>) {
        let is_initial = matches!(self.join_timer, Some(JoinTimer::Initial { .. }));
        if self.state == State::PreparingRebalance && !is_initial && self.has_everyone_joined() {
            self.complete_join(cx);
        }
    }

    /// Ends the joining phase: dynamic members that did not join again are out, the others form the next generation. Static
    /// members may be restarting, and have until the end of their session.
    pub(super) fn complete_join(&mut self, cx: &mut Cx<'_>) {
        self.join_timer = None;
        let absent: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.joining.is_none() && member.instance.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in absent {
            self.remove(&id, cx.outbox);
        }
        if !self.members.is_empty() && !self.elect_leader() {
            // Only static members are left and none of them is here: there is nobody to lead a generation.
            self.wait_for_rejoins(cx.now);
            return;
        }
        self.begin_generation(cx.now);
        if self.state == State::CompletingRebalance {
            self.answer_joins(cx);
            self.sync_until = Some(cx.now.saturating_add(self.rebalance_timeout_ms()));
        }
    }

    fn wait_for_rejoins(&mut self, now: u64) {
        let at = now.saturating_add(self.rebalance_timeout_ms());
        self.join_timer = Some(JoinTimer::Rejoin { at });
    }

    fn begin_generation(&mut self, now: u64) {
        // Members tell generations apart, no more: after the last one they begin anew.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.protocol = self.elect_protocol();
        self.subscribed = self.read_subscriptions();
        self.pending_sync.clear();
        let is_empty = self.members.is_empty();
        self.enter(
            if is_empty {
                State::Empty
            } else {
                State::CompletingRebalance
            },
            now,
        );
    }

    fn answer_joins(&mut self, cx: &mut Cx<'_>) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let joined = self.joined(&id);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
                member.renew(cx.now);
                if let Some(ticket) = member.joining.take() {
                    cx.outbox.answer(ticket, Outcome::Join(Ok(joined)));
                }
            }
            self.pending_sync.insert(id);
        }
    }

    /// What a member of the current generation is told about it.
    pub(super) fn joined(&self, id: &str) -> Joined {
        let members = if self.is_leader(id) {
            self.everyone()
        } else {
            Vec::new()
        };
        Joined {
            member: id.to_owned(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members,
        }
    }

    fn everyone(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        self.members
            .iter()
            .map(|(id, member)| JoinedMember {
                member: id.clone(),
                instance: member.instance.clone(),
                metadata: member.metadata(protocol),
            })
            .collect()
    }

    /// The leader has spoken: everyone who waits is told its share, and later syncs find theirs kept.
    pub(super) fn assign(&mut self, assignments: &[(String, Bytes)], cx: &mut Cx<'_>) {
        self.enter(State::Stable, cx.now);
        let by_member: HashMap<_, _> = assignments.iter().map(|(id, share)| (id, share)).collect();
        for (id, member) in &mut self.members {
            member.assignment = by_member
                .get(id)
                .map(|share| owned(share))
                .unwrap_or_default();
            if let Some(ticket) = member.syncing.take() {
                let synced = synced(&self.protocol_type, &self.protocol, member);
                cx.outbox.answer(ticket, Outcome::Sync(Ok(synced)));
                // The session may have ended while the member waited, which was overlooked.
                member.renew(cx.now);
            }
        }
    }

    fn refuse_syncs(&mut self, cx: &mut Cx<'_>) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(ticket) = member.syncing.take() {
                cx.outbox
                    .refuse_sync(ticket, GroupError::RebalanceInProgress);
                member.renew(cx.now);
            }
        }
    }
}

/// What a member of a stable group is told.
pub(super) fn synced(
    protocol_type: &Option<String>,
    protocol: &Option<String>,
    member: &Member,
) -> Synced {
    Synced {
        protocol_type: protocol_type.clone().unwrap_or_default(),
        protocol: protocol.clone().unwrap_or_default(),
        assignment: member.assignment.clone(),
    }
}
