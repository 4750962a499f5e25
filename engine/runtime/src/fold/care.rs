//! Whether the owners of a partition die of what they do, as the journal shows it.
//!
//! An owner that may die of the next activation announces it by a mark. A claim behind such a mark is a death; a
//! transition of the run is proof that it can be survived. What other runs do in between changes neither.

use std::collections::{BTreeMap, VecDeque};

use sagaline_core::{Millis, RunId, Timestamp, WorkflowId};
use sagaline_schemas::Trying;

use crate::owner;

/// How many owners may die of a run before it is parked.
pub(super) const DEATHS_MAX: u32 = 3;

/// Most runs whose deaths are counted; of more, those with the fewest are forgotten.
const RUNS_MAX: usize = 64;

/// So many claims within [`CROWD_WITHIN`] are too many: owners die of something, whatever they get done before.
const CROWD: usize = 4;

/// Rolling deploys move a partition less often than [`CROWD`] times in this.
const CROWD_WITHIN: Millis = Millis::from_secs(60);

/// What is known of the deaths in a partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Care {
    /// Who made the last claim.
    owner: String,
    /// When the last claims were appended.
    claims: VecDeque<Timestamp>,
    transition_since_claim: bool,
    /// No transition was journaled between the last two valid claims.
    quiet: bool,
    /// The last batch announced this; nothing has followed.
    trying: Option<Trying>,
    /// The owner before the last claim died while it tried a run.
    died_trying: bool,
    deaths: BTreeMap<RunId, (WorkflowId, u32)>,
}

impl Care {
    /// Behind a claim of `owner` of which no death is known.
    pub(super) fn after(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            ..Self::default()
        }
    }

    /// A valid batch; `changes` says whether it changed a workflow.
    pub(super) fn batch(
        &mut self,
        trying: Option<&Trying>,
        has_transitions: bool,
        changes: impl Fn(&WorkflowId) -> bool,
    ) {
        self.transition_since_claim |= has_transitions;
        self.trying = trying.cloned();
        self.deaths
            .retain(|_, (workflow_id, _)| !changes(workflow_id));
    }

    /// A valid claim of `owner`, appended at that time.
    pub(super) fn claimed(&mut self, at: Timestamp, owner: &str) {
        let trying = self.trying.take();
        let lives = owner::same_process(&self.owner, owner);
        self.owner = owner.to_owned();
        if lives {
            // It claims again, since it does not know what became of a batch, and has not died.
            return;
        }
        self.quiet = !self.claims.is_empty() && !self.transition_since_claim;
        if self.claims.len() == CROWD {
            self.claims.pop_front();
        }
        self.claims.push_back(at);
        self.transition_since_claim = false;
        self.died_trying = trying.is_some();
        if let Some(trying) = trying {
            self.died_of(trying);
        }
    }

    fn died_of(&mut self, trying: Trying) {
        let fewest = self.deaths.iter().min_by_key(|(_, (_, times))| *times);
        if let Some((&run_id, _)) = fewest.filter(|_| self.deaths.len() >= RUNS_MAX) {
            self.deaths.remove(&run_id);
        }
        let death = self.deaths.entry(trying.run_id);
        death.or_insert((trying.workflow_id, 0)).1 += 1;
    }

    /// Whether the next owner must announce what it tries.
    pub(super) fn is_needed(&self) -> bool {
        self.quiet || self.died_trying || self.is_crowded()
    }

    fn is_crowded(&self) -> bool {
        match (self.claims.front(), self.claims.back()) {
            (Some(first), Some(last)) => {
                self.claims.len() == CROWD && last.since(*first) <= CROWD_WITHIN
            }
            _ => false,
        }
    }

    /// Runs that are not to be activated any more.
    pub(super) fn quarantined(&self) -> impl Iterator<Item = RunId> {
        let fatal = self
            .deaths
            .iter()
            .filter(|(_, (_, times))| *times >= DEATHS_MAX);
        fatal.map(|(run_id, _)| *run_id)
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::Cause;

    use super::*;

    fn trying(id: &str) -> Trying {
        let workflow_id = WorkflowId::new(id).unwrap();
        Trying {
            run_id: RunId::derive("test", &workflow_id, b"start"),
            workflow_id,
            cause: Cause::lane(0, id),
        }
    }

    /// An hour after the claim before.
    fn claimed(care: &mut Care) {
        let last = care.claims.back().copied().unwrap_or_default();
        care.claimed(last.plus(Millis::from_secs(3_600)), "another");
    }

    /// An owner that first does `others`, then announces `last` and dies.
    fn dies(care: &mut Care, others: &[&str], last: &str) {
        claimed(care);
        for id in others {
            care.batch(Some(&trying(id)), false, |_| false);
            care.batch(None, true, |changed| changed.as_str() == *id);
        }
        care.batch(Some(&trying(last)), false, |_| false);
    }

    #[test]
    fn owners_that_did_nothing_ask_for_care() {
        let mut care = Care::default();

        claimed(&mut care);
        assert!(!care.is_needed());
        claimed(&mut care);
        assert!(care.is_needed());
        care.batch(None, true, |_| true);
        claimed(&mut care);
        assert!(!care.is_needed());
    }

    #[test]
    fn owners_that_follow_each_other_fast_ask_for_care_whatever_they_did() {
        let mut care = Care::default();
        let mut needed = Vec::new();

        for second in [0, 10, 20, 30, 200] {
            care.claimed(Timestamp::from_millis(second * 1_000), "another");
            needed.push(care.is_needed());
            care.batch(None, true, |_| true);
        }

        assert_eq!(needed, [false, false, false, true, false]);
    }

    #[test]
    fn a_run_that_three_owners_died_of_is_quarantined_whatever_they_did_before() {
        let mut care = Care::default();

        for owner in ["a", "b", "c"] {
            assert_eq!(care.quarantined().count(), 0);
            dies(&mut care, &[owner], "poison");
        }
        claimed(&mut care);

        assert!(care.is_needed());
        let poison = trying("poison").run_id;
        assert_eq!(care.quarantined().collect::<Vec<_>>(), [poison]);
    }

    #[test]
    fn a_claim_without_an_announcement_before_it_is_no_death() {
        let mut care = Care::default();

        dies(&mut care, &[], "innocent");
        for _ in 0..10 {
            claimed(&mut care);
        }

        assert_eq!(care.quarantined().count(), 0);
    }

    #[test]
    fn a_process_that_claims_again_has_not_died() {
        let mut care = Care::default();
        let at = |hour: u64| Timestamp::default().plus(Millis::from_secs(3_600 * hour));

        for hour in 0..9 {
            let owner = owner::name("one", &hour.to_string()).to_string();
            care.claimed(at(hour), &owner);
            care.batch(Some(&trying("innocent")), false, |_| false);
            assert!(!care.is_needed());
        }
        care.claimed(at(9), &owner::name("two", "9").to_string());

        assert!(care.is_needed());
        assert_eq!(care.deaths.len(), 1);
    }

    #[test]
    fn a_transition_of_the_run_ends_its_count() {
        let mut care = Care::default();

        for _ in 0..3 {
            dies(&mut care, &[], "poison");
        }
        claimed(&mut care);
        care.batch(None, true, |changed| changed.as_str() == "poison");

        assert_eq!(care.quarantined().count(), 0);
    }
}
