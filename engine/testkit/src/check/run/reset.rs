//! Reset: the new run's history begins with that of the old one, and its state there is what the old one's was, but that
//! what was in flight begins again: I1, I7, I11.

use std::collections::BTreeSet;

use sagaline_core::{
    Event, Millis, RunId, Timestamp, Transition,
    event::{Reset as Happened, WorkflowStarted},
};

use super::{Identity, Run, activity::State};
use crate::Violation;

/// What a reset made of a run, or made it of.
#[derive(Clone, Debug, Default)]
pub(super) struct Reset {
    /// Up to which event it begins with copies.
    copied_to: u64,
    /// Where transitions begin that are copies, or that came again.
    aside: BTreeSet<u64>,
    /// Inputs that come again, once more.
    again: BTreeSet<Identity>,
    /// It was reset, or began so.
    happened: bool,
}

impl Run {
    /// Whether simulated people reset it: what other runs, its next attempt or the end of an engine make of it is not looked
    /// into.
    pub(in crate::check) fn may_be_reset(&self) -> bool {
        let is_simple = self.plan.as_ref().is_some_and(|plan| {
            let mut stages = plan.stages.iter();
            plan.again == 0
                && plan.trick.is_none()
                && stages.all(|stage| stage.children.is_empty() && stage.sends.is_empty())
        });
        is_simple
            && self.retry.is_none()
            && self.family.parent.is_none()
            && self.reset.copied_to == 0
    }

    /// Whether the transition that begins there is a copy.
    pub(in crate::check) const fn copies(&self, first_seq: u64) -> bool {
        first_seq <= self.reset.copied_to
    }

    /// Whether the transition that begins there is caused by no input of its batch.
    pub(in crate::check) fn is_aside(&self, first_seq: u64) -> bool {
        self.reset.aside.contains(&first_seq)
    }

    /// Whether it was reset, or began so.
    pub(in crate::check) const fn is_of_reset(&self) -> bool {
        self.reset.happened
    }

    pub(in crate::check) const fn was_reset(&mut self) {
        self.reset.happened = true;
    }

    /// Takes note of a transition of an input that came before.
    pub(in crate::check) fn take_aside(&mut self, transition: &Transition, identity: &Identity) {
        let comes_again = !self.copies(transition.first_seq) && self.reset.again.remove(identity);
        if comes_again {
            // It is new to this run, although the one before has seen it.
            self.seen.remove(identity);
        }
        if comes_again || (self.copies(transition.first_seq) && transition.first_seq > 1) {
            self.reset.aside.insert(transition.first_seq);
        }
    }

    /// The run that begins with a copy of the history of the one that is `self` at its end. `before` was the newest.
    pub(in crate::check) fn reset(
        &self,
        run_id: RunId,
        before: &Self,
        (event, happened): (&WorkflowStarted, &Happened),
        again: BTreeSet<Identity>,
    ) -> Self {
        let mut run = self.clone();
        run.run_id = run_id;
        run.seq = 0;
        run.reset = Reset {
            copied_to: happened.event_seq,
            aside: BTreeSet::new(),
            again,
            happened: true,
        };
        run.followers = match before.next_run == Some(run_id) {
            true => before.followers.clone(),
            false => Vec::new(),
        };
        if before.next_run == Some(run_id) {
            run.seen.extend(before.seen.iter().cloned());
        }
        run.updates.forget_followers();
        run.registrations.append(&mut run.never_sent);
        run.registrations.sort_by_key(|one| one.activity_id);
        let at = happened.started_at;
        let began = event.start_at.map_or(at, |start_at| start_at.max(at));
        let ends = |from: Timestamp, span: Option<u64>| Some(from.plus(Millis(span?)));
        let of_run = ends(began, event.run_timeout_ms);
        let of_execution = ends(self.execution_began, event.execution_timeout_ms);
        run.time_limit = of_run.into_iter().chain(of_execution).min();
        for activity in run.activities.values_mut().filter(|one| !one.is_over()) {
            activity.outcome_unknown = true;
            activity.attempt = 0;
            activity.attempts_of_set = 0;
            activity.uncounted = 0;
            activity.sent.clear();
            activity.hastened.clear();
            activity.gave_up_turn = false;
            activity.set_at = at;
            activity.silent_from = at;
            activity.state = State::Backoff(at);
        }
        run
    }

    /// Takes a copy of the event at that place of the other history.
    pub(in crate::check) fn copy(
        &mut self,
        seq: u64,
        (event, original): (&Event, Option<&Event>),
    ) -> Result<(), Violation> {
        let is_same = seq == 1 || original == Some(event);
        if seq == self.seq + 1 && is_same {
            self.seq = seq;
            return Ok(());
        }
        Err(self.violates(
            "I1",
            format!("event {seq} is {event:?}, a copy of {original:?}"),
        ))
    }

    /// I12: what counts as done in a run that begins with a copy was not undone since.
    pub(in crate::check) fn check_not_undone<'a>(
        &self,
        later: impl Iterator<Item = &'a Event>,
    ) -> Result<(), Violation> {
        let undone = later.filter_map(|event| match event {
            Event::ActivityScheduled(scheduled) => scheduled.compensates,
            _ => None,
        });
        for step in undone {
            if self.activities.contains_key(&step.get()) {
                let what = format!("step {step} counts as done, and was undone");
                return Err(self.violates("I12", what));
            }
        }
        Ok(())
    }
}
