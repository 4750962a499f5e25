//! What time does to a group: rebalances end, sessions expire.
//!
//! Every time-out is a plain instant in the group; the next one is found by looking, so that nothing can be forgotten to be
//! cancelled. Invariant: a timer that fires is gone or later than now, so `fire` ends.

use super::roster::{Cx, Group, State};

/// When the joining phase ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JoinTimer {
    /// An empty group waits a little for more members, and longer while they keep coming.
    Initial {
        at: u64,
        delay_ms: u64,
        /// How much longer the phase may be drawn out.
        remaining_ms: u64,
        /// A member has come since the delay began.
        has_grown: bool,
    },
    /// Members have until then to join again.
    Rejoin { at: u64 },
}

impl JoinTimer {
    fn at(self) -> u64 {
        match self {
            Self::Initial { at, .. } | Self::Rejoin { at } => at,
        }
    }
}

#[derive(Debug)]
enum Due {
    Join,
    Sync,
    Session(String),
    Pending(String),
}

impl Group {
    /// When time next does something to this group.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let sessions = self.members.values().filter_map(|member| member.expires_at);
        let join = self.join_timer.map(JoinTimer::at);
        let all = sessions
            .chain(self.pending.values().copied())
            .chain(join)
            .chain(self.sync_until);
        // What was clamped to the end of time never comes.
        all.min().filter(|at| *at < u64::MAX)
    }

    /// Does everything that is due, the earliest first.
    pub(super) fn fire(&mut self, cx: &mut Cx<'_>) {
        while let Some(due) = self.due(cx.now) {
            match due {
                Due::Join => self.end_join_phase(cx),
                Due::Sync => self.end_sync_phase(cx),
                Due::Session(id) => self.end_session(&id, cx),
                Due::Pending(id) => {
                    self.pending.remove(&id);
                    self.complete_join_if_everyone_joined(cx);
                }
            }
        }
    }

    fn due(&self, now: u64) -> Option<Due> {
        let at = self.next_deadline().filter(|at| *at <= now)?;
        if let Some((id, _)) = self
            .members
            .iter()
            .find(|(_, member)| member.expires_at == Some(at))
        {
            return Some(Due::Session(id.clone()));
        }
        if let Some((id, _)) = self.pending.iter().find(|(_, until)| **until == at) {
            return Some(Due::Pending(id.clone()));
        }
        if self.join_timer.map(JoinTimer::at) == Some(at) {
            return Some(Due::Join);
        }
        Some(Due::Sync)
    }

    fn end_join_phase(&mut self, cx: &mut Cx<'_>) {
        match self.join_timer.take() {
            Some(JoinTimer::Initial {
                delay_ms,
                remaining_ms,
                has_grown: true,
                ..
            }) if remaining_ms > 0 => {
                let next_ms = cx.settings.initial_rebalance_delay_ms.min(remaining_ms);
                self.join_timer = Some(JoinTimer::Initial {
                    at: cx.now.saturating_add(next_ms),
                    delay_ms: next_ms,
                    remaining_ms: remaining_ms.saturating_sub(delay_ms),
                    has_grown: false,
                });
            }
            Some(_) => self.complete_join(cx),
            None => {}
        }
    }

    /// Members that joined but do not sync hold up everyone: they go, static ones too.
    fn end_sync_phase(&mut self, cx: &mut Cx<'_>) {
        self.sync_until = None;
        let late = std::mem::take(&mut self.pending_sync);
        if late.is_empty() || !matches!(self.state, State::CompletingRebalance | State::Stable) {
            return;
        }
        for id in &late {
            self.remove(id, cx.outbox);
        }
        self.prepare_rebalance(cx);
    }

    fn end_session(&mut self, id: &str, cx: &mut Cx<'_>) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.expires_at = None;
        if member.is_spared() {
            return;
        }
        self.remove(id, cx.outbox);
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx),
            State::PreparingRebalance => self.complete_join_if_everyone_joined(cx),
            State::Empty | State::Dead => {}
        }
    }

    /// Ends the joining phase, the initial delay too, when nobody is left to wait for.
    fn complete_join_if_everyone_joined(&mut self, cx: &mut Cx<'_>) {
        if self.state == State::PreparingRebalance && self.has_everyone_joined() {
            self.complete_join(cx);
        }
    }
}
