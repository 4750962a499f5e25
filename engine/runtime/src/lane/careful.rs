//! A poison run cannot take the fleet down: after owners that did nothing, one activation at a time, each announced.
//!
//! A run that owners died of again and again, each having announced it, is not activated any more: it waits as an
//! incident. A run in which a lane of this very process fell silent is parked at once.

use std::collections::BTreeSet;

use sagaline_core::{RunId, Timestamp};

use crate::fold::Fold;

/// How many activations a careful lane survives before it trusts its partition again.
const SURVIVED_MAX: u32 = 1_000;

/// Whether, and of what, a lane is careful.
#[derive(Debug, Default)]
pub(super) struct Careful {
    on: bool,
    /// When the partition was taken over: what waits since before may be what the earlier owners died of.
    since: Timestamp,
    /// What fell due until then may be so too: a deadline of before that was put off for want of proof.
    until: Timestamp,
    announced: Option<RunId>,
    quarantined: BTreeSet<RunId>,
    survived: u32,
}

impl Careful {
    pub(super) fn after_take_over(fold: &Fold, suspect: Option<RunId>, now: Timestamp) -> Self {
        let quarantined: BTreeSet<RunId> = fold.quarantined().chain(suspect).collect();
        Self {
            on: fold.needs_care() || !quarantined.is_empty(),
            since: now,
            until: now,
            announced: None,
            quarantined,
            survived: 0,
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.on
    }

    /// What was there before this instant is to be dealt with first.
    pub(super) const fn since(&self) -> Timestamp {
        self.since
    }

    /// The last deadline that is to be dealt with first.
    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }

    /// A deadline was put off for want of proof: if it is one of those to be dealt with, it still is.
    pub(super) fn was_put_off(&mut self, due: Timestamp, later: Timestamp) {
        if self.on && due <= self.until {
            self.until = self.until.max(later);
        }
    }

    /// The runs that must not be activated.
    pub(super) const fn quarantined(&self) -> &BTreeSet<RunId> {
        &self.quarantined
    }

    /// Whether this run may be activated now: it was announced, or will not be activated at all.
    pub(super) fn may_activate(&mut self, run_id: RunId) -> bool {
        self.quarantined.contains(&run_id) || self.announced == Some(run_id)
    }

    /// A batch goes out: with a mark that announces a run, or with what an announced run came to.
    pub(super) fn announced(&mut self, run_id: Option<RunId>) {
        if run_id.is_none() && self.announced.is_some() {
            self.survived += 1;
            self.on &= self.survived < SURVIVED_MAX;
        }
        self.announced = run_id;
    }

    /// All that waited at the take-over is dealt with: whatever the earlier owners died of, it was not here.
    pub(super) fn is_over(&mut self) {
        self.on = false;
        self.quarantined.clear();
    }
}
