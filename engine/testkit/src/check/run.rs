//! One run as the journal tells it: what may follow what, by DESIGN alone. Nothing here comes from core but the events.

mod activity;
mod attempt;
mod chain;
mod child;
mod end;
mod external;
mod incident;
mod operate;
mod reset;
mod signal;
mod timer;
mod undo;
mod update;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sagaline_core::{
    Event, Fields, Outcome, RetryPolicy, RunId, Timestamp, WorkflowId,
    event::{AttributesUpserted, ReplyRequested, WorkflowStarted},
};

use self::{
    activity::{Activity, State},
    attempt::is_of_program,
    child::Family,
    incident::Incidents,
    reset::Reset,
    undo::Registration,
    update::Updates,
};
use super::{
    external::Told,
    outside::{AttemptKey, Outside},
};
use crate::{
    Violation,
    inputs::{Asks, Input, Reported},
    plan::Plan,
};

/// Source and id of an input.
pub(super) type Identity = (String, String);

/// A run between its first and its last event, and after.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) workflow_id: WorkflowId,
    pub(super) run_id: RunId,
    pub(super) seq: u64,
    /// How it ended, and when.
    pub(super) closed: Option<(Outcome, Timestamp)>,
    plan: Option<Plan>,
    workflow: String,
    version: String,
    /// The number that the next activity or registration must have.
    next_id: u32,
    activities: BTreeMap<u32, Activity>,
    /// Timers that may still fire, and when.
    timers: BTreeMap<u32, Timestamp>,
    /// Signals that its program is to be given, in order.
    signals: Vec<String>,
    /// Those of them that runs before it had taken: its input tells of them.
    signals_of_input: Vec<String>,
    /// Signals that it sent to other runs, and what other journals must agree with.
    sent: BTreeMap<u32, external::Sent>,
    signals_told: Vec<Told>,
    updates: Updates,
    registrations: Vec<Registration>,
    /// How steps would be undone that failed while their queue held them: whether it did no copy of the history says.
    never_sent: Vec<Registration>,
    family: Family,
    /// When its time runs out.
    time_limit: Option<Timestamp>,
    pub(super) undo: Option<Outcome>,
    /// Whether what was done shall be compensated, once somebody asked it to stop.
    pub(super) cancel: Option<bool>,
    pub(super) incidents: Incidents,
    /// Steps that a person undid, or leaves done.
    settled: BTreeSet<u32>,
    /// Activities whose result a person gave, or changed what they were given.
    by_hand: BTreeSet<u32>,
    /// A person holds it up.
    pub(super) paused: bool,
    /// Inputs that changed it.
    pub(super) seen: BTreeSet<Identity>,
    /// Where the input of the last transition lies: a long one comes in several records.
    pub(super) last_cause: Option<(Arc<str>, i64)>,
    /// Correlations of those who want to know how it ends.
    pub(super) followers: Vec<String>,
    /// Steps of earlier runs of its chain.
    inherited: BTreeSet<u32>,
    /// The last of its events that are copies of what had come to the run before.
    copies: u64,
    /// When the first run of its chain began.
    execution_began: Timestamp,
    /// The run that goes on in its place, or tries again.
    pub(super) next_run: Option<RunId>,
    /// Which attempt of its workflow it is, and how that is retried.
    attempt: u32,
    retry: Option<RetryPolicy>,
    execution_timeout_ms: Option<u64>,
    input: Vec<u8>,
    /// Its search attributes, as they are now.
    attributes: BTreeMap<String, String>,
    /// When it begins, while it waits for that.
    delayed_until: Option<Timestamp>,
    /// What a reset made of it, or made it of.
    reset: Reset,
    /// With a copy of whose history it begins.
    pub(super) reset_of: Option<RunId>,
}

/// What is around an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    /// The input; none when the lane's own clock caused it.
    pub(super) by: Option<&'a Input>,
    pub(super) outside: &'a Outside,
}

fn attributes(fields: Option<&Fields>) -> BTreeMap<String, String> {
    let fields = fields.into_iter().flat_map(Fields::iter);
    let fields = fields.map(|field| (field.name.to_string(), field.json.to_string()));
    fields.collect()
}

impl<'a> Place<'a> {
    /// What a worker said, if a worker caused it.
    const fn reported(&self) -> Option<&'a Reported> {
        match self.by {
            Some(Input {
                asks: Asks::Report(reported),
                ..
            }) => Some(reported),
            _ => None,
        }
    }
}

impl Run {
    pub(super) fn start(workflow_id: &WorkflowId, run_id: RunId, event: &WorkflowStarted) -> Self {
        Self {
            workflow_id: workflow_id.clone(),
            run_id,
            seq: 0,
            closed: None,
            plan: serde_json::from_slice(event.input.data()).ok(),
            workflow: event.workflow.to_string(),
            version: event.version.to_string(),
            next_id: 1,
            activities: BTreeMap::new(),
            timers: BTreeMap::new(),
            signals: Vec::new(),
            signals_of_input: Vec::new(),
            sent: BTreeMap::new(),
            signals_told: Vec::new(),
            updates: Updates::default(),
            registrations: Vec::new(),
            never_sent: Vec::new(),
            family: Family::of(event),
            time_limit: None,
            undo: None,
            cancel: None,
            incidents: Incidents::default(),
            settled: BTreeSet::new(),
            by_hand: BTreeSet::new(),
            paused: false,
            seen: BTreeSet::new(),
            last_cause: None,
            followers: Vec::new(),
            inherited: BTreeSet::new(),
            copies: event
                .chain
                .as_ref()
                .map_or(0, |chain| u64::from(chain.carried_events) + 1),
            execution_began: Timestamp::default(),
            next_run: None,
            attempt: 1,
            retry: event.retry.clone(),
            execution_timeout_ms: event.execution_timeout_ms,
            input: event.input.data().to_vec(),
            attributes: attributes(event.attributes.as_ref()),
            delayed_until: None,
            reset: Reset::default(),
            reset_of: None,
        }
    }

    /// Takes the run's next event.
    pub(super) fn event(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let is_start = matches!(event, Event::WorkflowStarted(_));
        if place.seq != self.seq + 1 || is_start != (place.seq == 1) || self.closed.is_some() {
            let (name, seq) = (event.name(), place.seq);
            let what = format!(
                "{name} is event {seq} after {}, closed {:?}",
                self.seq, self.closed
            );
            return Err(self.violates("I1", what));
        }
        self.seq = place.seq;
        self.check_family(place, event)?;
        self.note_hand(place, event);
        match event {
            Event::WorkflowStarted(started) if started.chain.is_some() => Ok(()),
            Event::WorkflowStarted(started) => {
                self.execution_began = place.at;
                self.begins(started, place.at);
                Ok(())
            }
            Event::WorkflowDelayEnded(event) => self.delay_ended(place, event.start_at),
            _ if self.delayed_until.is_some() && is_of_program(event) => {
                Err(self.violates("I10", format!("{} before it begins", event.name())))
            }
            Event::WorkflowPaused(_) if place.seq <= self.copies => {
                self.paused = true;
                Ok(())
            }
            Event::MarkerRecorded(_) => Ok(()),
            Event::AttributesUpserted(event) => self.upserted(event),
            Event::WorkflowCancelRequested(_) if place.seq <= self.copies => Ok(()),
            Event::WorkflowContinuedAsNew(event) => self.continued(place.at, event.new_run_id),
            Event::WorkflowCancelRequested(event) => self.asked_to_stop(place, event.compensate),
            Event::ReplyRequested(event) => {
                self.is_followed(event);
                self.answered_update(place, event)
            }
            Event::WorkflowFailed(_)
            | Event::WorkflowTimedOut(_)
            | Event::WorkflowCompleted(_)
            | Event::WorkflowCanceled(_)
            | Event::WorkflowTerminated(_) => self.closes(place, event),
            Event::CompensationRegistered(_)
            | Event::CompensationStarted(_)
            | Event::CompensationCompleted(_)
            | Event::CompensationFailed(_) => self.compensation(place, event),
            Event::IncidentRaised(_) | Event::IncidentResolved(_) => self.incident(place, event),
            Event::TimerStarted(_) | Event::TimerFired(_) | Event::TimerCanceled(_) => {
                self.timer(place, event)
            }
            Event::ChildStarted(_)
            | Event::ChildCancelRequested(_)
            | Event::ChildCompleted(_)
            | Event::ChildFailed(_)
            | Event::ChildCanceled(_) => self.child(place, event),
            Event::SignalReceived(event) => self.signal(place, event),
            Event::WaitRecorded(event) => self.waits(event),
            Event::UpdateAccepted(event) => self.update_accepted(place, event),
            Event::UpdateCompleted(event) => self.update_completed(event),
            Event::UpdateRejected(event) => self.update_rejected(place, event),
            Event::WorkflowPaused(_)
            | Event::WorkflowResumed(_)
            | Event::ActivityPaused(_)
            | Event::ActivityResumed(_) => self.hold(place, event),
            Event::ActivityOptionsUpdated(event) => self.options_updated(place, event),
            Event::InputForwarded(_) | Event::InputRejected(_) => {
                Err(self.violates("I1", format!("{} is of no run", event.name())))
            }
            _ if external::is_about(event) => self.external(place, event),
            _ => self.activity(place, event),
        }
    }

    /// It ended; another attempt follows where its retries say so.
    fn closes(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        self.ended(place, event)?;
        match event {
            Event::WorkflowTerminated(terminated) => {
                self.next_run = terminated.new_run_id;
                Ok(())
            }
            Event::WorkflowFailed(failed) => self.tried_again(&failed.failure, failed.new_run_id),
            Event::WorkflowTimedOut(timed_out) => {
                self.tried_again(&timed_out.failure, timed_out.new_run_id)
            }
            _ => Ok(()),
        }
    }

    /// Its program says something else about it.
    fn upserted(&mut self, event: &AttributesUpserted) -> Result<(), Violation> {
        if self.undo.is_some() || event.memo.is_some() {
            return Err(self.violates("I1", format!("{event:?}")));
        }
        for (name, json) in attributes(event.attributes.as_ref()) {
            match json.as_str() {
                "null" => drop(self.attributes.remove(&name)),
                _ => drop(self.attributes.insert(name, json)),
            }
        }
        Ok(())
    }

    /// Who asked wants to hear of the end.
    fn is_followed(&mut self, event: &ReplyRequested) {
        let correlation = event.reply.correlation.to_string();
        if event.follow && !self.followers.contains(&correlation) {
            self.followers.push(correlation);
        }
    }

    /// Somebody, or its parent, asked for it, and nobody before.
    fn asked_to_stop(&mut self, place: Place<'_>, compensate: bool) -> Result<(), Violation> {
        match place.by.map(|input| &input.asks) {
            Some(Asks::Cancel(asked)) if asked.compensate == compensate => {}
            Some(Asks::StopChild(asked)) if !asked.terminate && compensate => {}
            by => return Err(self.violates("I7", format!("cancelled by {by:?}"))),
        }
        if self.cancel.replace(compensate).is_some() {
            return Err(self.violates("I7", "cancelled twice".into()));
        }
        Ok(())
    }

    /// Whether an attempt's task is still wanted.
    pub(super) fn wants(&self, activity_id: u32, attempt: u32) -> bool {
        self.closed.is_none()
            && self
                .activities
                .get(&activity_id)
                .is_some_and(|activity| activity.attempt == attempt && activity.is_in_flight())
    }

    /// Whether an attempt is still to be made.
    pub(super) fn awaits(&self, activity_id: u32, attempt: u32) -> bool {
        let activity = self.activities.get(&activity_id);
        self.closed.is_none()
            && activity.is_some_and(|one| one.attempt + 1 == attempt && one.due().is_some())
    }

    /// When the next attempt of an activity is due, while it waits for it.
    pub(super) fn due(&self, activity_id: u32) -> Option<Timestamp> {
        self.activities.get(&activity_id)?.due()
    }

    /// The attempt that was in flight when the activity was asked to stop.
    pub(super) fn canceled_attempt(&self, activity_id: u32) -> Option<u32> {
        self.activities.get(&activity_id)?.canceled_attempt
    }

    /// Whether a worker's word on an attempt would change anything.
    pub(super) fn listens_to(&self, reported: &Reported) -> bool {
        if matches!(reported.what, crate::inputs::What::Heartbeat(_)) {
            // One that comes too soon after the last is dropped.
            return false;
        }
        let starts = reported.what == crate::inputs::What::Started;
        let waits = self
            .activities
            .get(&reported.activity_id)
            .is_some_and(|activity| activity.is_queued());
        self.wants(reported.activity_id, reported.attempt) && (!starts || waits)
    }

    /// The attempt of an activity that a person brought forward to an instant.
    pub(super) fn hastened(&self, activity_id: u32, due: Timestamp) -> Option<u32> {
        let hastened = &self.activities.get(&activity_id)?.hastened;
        let of_due = hastened.iter().rev().find(|(at, _)| *at == due);
        of_due.map(|(_, attempt)| *attempt)
    }

    /// Whether somebody said to have begun with an activity's attempt.
    pub(super) fn has_begun(&self, activity_id: u32) -> bool {
        let activity = self.activities.get(&activity_id);
        activity.is_some_and(|one| one.state == State::Running)
    }

    /// The queue of an activity's tasks.
    pub(super) fn task_queue(&self, activity_id: u32) -> Option<&str> {
        let activity = self.activities.get(&activity_id)?;
        Some(&activity.task_queue)
    }

    /// Attempts that have a place at the home of their queue, or wait for one.
    pub(super) fn places(&self) -> BTreeSet<AttemptKey> {
        let open = self.activities.iter().filter(|_| self.closed.is_none());
        let limited = open.filter(|(_, one)| one.has_place());
        let keys = limited.map(|(id, one)| (self.run_id, *id, one.attempt));
        keys.collect()
    }

    /// Whether an attempt waits for the home of its queue.
    pub(super) fn waits_for_turn(&self, activity_id: u32, attempt: u32) -> bool {
        let activity = self.activities.get(&activity_id);
        let waits = |one: &Activity| one.attempt == attempt && one.state == State::Held;
        self.closed.is_none() && activity.is_some_and(waits)
    }

    /// Its queue released an attempt.
    pub(super) fn released(&mut self, key: AttemptKey, at: Timestamp) -> Result<(), Violation> {
        if !self.waits_for_turn(key.1, key.2) {
            return Err(self.violates(
                "I8",
                format!("attempt {key:?} does not wait to be released"),
            ));
        }
        if let Some(activity) = self.activities.get_mut(&key.1) {
            activity.release(at);
        }
        Ok(())
    }

    /// Where the task of an attempt goes, and with what.
    pub(super) fn task(&self, activity_id: u32, attempt: u32) -> Option<(&str, &[u8])> {
        let activity = self.activities.get(&activity_id)?;
        Some((&activity.task_queue, activity.sent_with(attempt)?))
    }

    /// I10: its time has run out.
    fn check_timed_out(&self, place: Place<'_>) -> Result<(), Violation> {
        if place.by.is_none() && self.time_limit.is_some_and(|limit| limit <= place.at) {
            return Ok(());
        }
        let what = format!(
            "times out at {:?}, due {:?}, by {:?}",
            place.at, self.time_limit, place.by
        );
        Err(self.violates("I10", what))
    }

    pub(super) fn violates(&self, invariant: &'static str, what: String) -> Violation {
        let what = format!(
            "{} run {} after event {}: {what}",
            self.workflow_id, self.run_id, self.seq
        );
        Violation::new(invariant, what)
    }
}
