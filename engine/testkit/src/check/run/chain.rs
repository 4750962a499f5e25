//! Continue-as-new: a run goes on in another's place, and nothing of what it must keep is lost.

use std::collections::BTreeMap;

use sagaline_core::{
    Event, Outcome, RunId, Timestamp, Transition, WorkflowId, event::WorkflowStarted,
};

use super::{Run, signal::by_name};
use crate::Violation;

impl Run {
    /// The run that goes on in the place of `before`, which has closed for it.
    pub(in crate::check) fn follow(
        before: &Self,
        (workflow_id, run_id): (&WorkflowId, RunId),
        event: &WorkflowStarted,
        at: Timestamp,
    ) -> Self {
        let chain = event.chain.as_ref();
        if chain.is_some_and(|chain| chain.attempt.is_some()) {
            return Self::next_attempt(before, (workflow_id, run_id), event, at);
        }
        let mut run = Self::start(workflow_id, run_id, event);
        let kept = before.activities.iter();
        let kept = kept.filter(|(_, one)| one.compensable && one.result.is_some());
        run.activities = kept.map(|(id, one)| (*id, one.clone())).collect();
        run.inherited = run.activities.keys().copied().collect();
        run.registrations.clone_from(&before.registrations);
        run.settled.clone_from(&before.settled);
        run.by_hand.clone_from(&before.by_hand);
        run.seen.clone_from(&before.seen);
        run.followers.clone_from(&before.followers);
        run.signals.clone_from(&before.signals);
        run.signals_of_input.clone_from(&before.signals);
        run.updates = before.updates.left();
        run.cancel = before.cancel;
        run.next_id = run.behind_inherited();
        run.execution_began = before.execution_began;
        run.begins(event, at);
        run
    }

    fn behind_inherited(&self) -> u32 {
        let registered = self.registrations.iter();
        let registered = registered.flat_map(|one| [one.activity_id, one.compensates]);
        let highest = registered.chain(self.inherited.iter().copied()).max();
        highest.unwrap_or(0) + 1
    }

    /// Whether it is not the first of its chain.
    pub(in crate::check) const fn goes_on_for_another(&self) -> bool {
        self.copies > 0
    }

    /// The run ended for another to go on: nothing was in flight that is to be compensated.
    pub(super) fn continued(&mut self, at: Timestamp, new_run_id: RunId) -> Result<(), Violation> {
        self.closed = Some((Outcome::ContinuedAsNew, at));
        self.next_run = Some(new_run_id);
        let mut pending = self.activities.values().filter(|one| !one.is_over());
        if self.undo.is_none() && !pending.any(|one| one.compensable) {
            return Ok(());
        }
        Err(self.violates("I12", "continues as new with steps under way".into()))
    }

    /// I1: the first transition of the run that goes on in this one's place.
    pub(in crate::check) fn check_follower(
        &self,
        transition: &Transition,
        event: &WorkflowStarted,
    ) -> Result<(), Violation> {
        let broken = |what: &str| {
            let what = format!("is followed by {:?}: {what}", transition.events);
            Err(self.violates("I1", what))
        };
        let Some(chain) = &event.chain else {
            return broken("it is in no chain");
        };
        let is_next = self.next_run.is_some() && self.next_run == transition.run_id;
        let cause = (transition.cause.topic.clone(), transition.cause.offset);
        if !is_next || self.last_cause != Some(cause) {
            return broken("it did not end for it");
        }
        if super::attributes(event.attributes.as_ref()) != self.attributes {
            return broken("it does not begin with its attributes");
        }
        if chain.attempt.is_some() {
            return self.check_next_attempt(transition, event);
        }
        if self.closed != Some((Outcome::ContinuedAsNew, transition.at)) {
            return broken("it did not end for it, here and now");
        }
        let copies = usize::try_from(chain.carried_events).unwrap_or(usize::MAX);
        let copies = transition.events.iter().skip(1).take(copies);
        let mut asked_to_stop = None;
        let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for copy in copies {
            match copy {
                Event::WorkflowCancelRequested(event) => asked_to_stop = Some(event.compensate),
                Event::SignalReceived(event) => {
                    let text = String::from_utf8_lossy(event.input.data()).into_owned();
                    let name = event.signal.to_string();
                    left.entry(name).or_default().push(text);
                }
                _ => return broken("not everything that is carried can be"),
            }
        }
        if asked_to_stop != self.cancel {
            return broken("a request to stop was lost or made up");
        }
        let given: Vec<&str> = self.signals.iter().map(String::as_str).collect();
        let given = by_name(&given);
        let are_last = left.iter().all(|(name, left)| {
            let left: Vec<&str> = left.iter().map(String::as_str).collect();
            let given = given.get(name.as_str());
            given.is_some_and(|given| given.ends_with(&left))
        });
        match are_last {
            true => Ok(()),
            false => broken("the signals that were left are not the last"),
        }
    }
}
