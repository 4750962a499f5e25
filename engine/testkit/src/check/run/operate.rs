//! What people do by hand: I7, each act once, what was asked and nothing else; nothing begins while it is held up.

use std::sync::Arc;

use sagaline_core::{
    Event, Millis, NO_TIMEOUT, OnExhausted, OptionsChange, Timestamp, Transition,
    event::{
        ActivityAttemptFailed, ActivityOptionsUpdated, ActivityScheduled, AnswerOutcome,
        IncidentKind,
    },
};

use super::{
    Place, Run,
    activity::{Activity, State},
};
use crate::{
    Violation,
    clients::{ACTOR, GAVE_UP, Seen},
    inputs::{Asks, ByHand, Input, OnActivity, OnIncident, OperateAsked},
};

/// What a person decides about an activity, be it by its number or by its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand<'a> {
    Retry(Option<&'a [u8]>),
    Complete(&'a [u8]),
    Fail,
    GiveUp,
    Resume,
    Update(Option<&'a OptionsChange>),
}

impl<'a> Place<'a> {
    /// What a person asked, if one caused it.
    pub(super) const fn operated(&self) -> Option<&'a OperateAsked> {
        match self.by {
            Some(Input {
                asks: Asks::Operate(asked),
                ..
            }) => Some(asked),
            _ => None,
        }
    }
}

impl Run {
    pub(in crate::check) fn seen_from_outside(&self) -> Seen {
        let pending = self.activities.iter().filter(|(_, one)| !one.is_over());
        Seen {
            run_id: self.run_id,
            pending: pending.map(|(id, _)| *id).collect(),
            incidents: self.incidents.seqs().collect(),
            resettable: self.may_be_reset().then_some(self.seq),
        }
    }

    /// Whether somebody would look at it: it waits for an attempt or a person.
    pub(in crate::check) fn is_needy(&self) -> bool {
        let waits = |one: &Activity| matches!(one.state, State::Backoff(_) | State::Parked);
        let needy = self.incidents.are_open() || self.activities.values().any(waits);
        self.closed.is_none() && needy
    }

    /// What is held up: the run, or activities by their numbers.
    pub(in crate::check) fn held(&self) -> impl Iterator<Item = Option<u32>> {
        let run = self.paused.then_some(None);
        let activities = self.activities.iter();
        let held = activities.filter(|(_, one)| one.paused && !one.is_over());
        let all = run.into_iter().chain(held.map(|(id, _)| Some(*id)));
        all.filter(|_| self.closed.is_none())
    }

    /// Whether no attempt of an activity may begin.
    pub(in crate::check) fn is_held(&self, id: u32) -> bool {
        self.paused || self.activities.get(&id).is_some_and(|one| one.paused)
    }

    /// What a person does about this activity by the input.
    pub(super) fn by_hand<'a>(&self, place: Place<'a>, id: u32) -> Option<Hand<'a>> {
        match &place.operated()?.act {
            ByHand::Activity { id: on, act, .. } if *on == id => Some(match act {
                OnActivity::Pause => return None,
                OnActivity::Resume => Hand::Resume,
                OnActivity::Retry(input) => Hand::Retry(input.as_deref()),
                OnActivity::Complete(result) => Hand::Complete(result),
                OnActivity::Fail => Hand::Fail,
                OnActivity::Update(change) => Hand::Update(change.as_ref()),
            }),
            ByHand::Incident { seq, act } if self.incidents.was_solved(*seq, id) => {
                Some(match act {
                    OnIncident::Retry(input) => Hand::Retry(input.as_deref()),
                    OnIncident::Skip(result) => Hand::Complete(result),
                    OnIncident::Fail => Hand::GiveUp,
                })
            }
            ByHand::Resume => Some(Hand::Resume),
            ByHand::Pause
            | ByHand::Delete
            | ByHand::Reset(_)
            | ByHand::Activity { .. }
            | ByHand::Incident { .. } => None,
        }
    }

    /// Somebody holds up the run or an activity, or lets it go on.
    pub(super) fn hold(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let asked = place.operated().map(|asked| &asked.act);
        let (actor, id, paused) = match event {
            Event::WorkflowPaused(event) => (&event.actor, None, true),
            Event::WorkflowResumed(event) => (&event.actor, None, false),
            Event::ActivityPaused(event) => (&event.actor, Some(event.activity_id.get()), true),
            Event::ActivityResumed(event) => (&event.actor, Some(event.activity_id.get()), false),
            _ => return Ok(()),
        };
        let fits = match (asked, id, paused) {
            (Some(ByHand::Pause), None, true) | (Some(ByHand::Resume), None, false) => true,
            (Some(ByHand::Reset(_)), _, false) => true,
            (Some(ByHand::Activity { id: on, act, .. }), Some(id), paused) => {
                let meant = match paused {
                    true => OnActivity::Pause,
                    false => OnActivity::Resume,
                };
                *on == id && *act == meant
            }
            _ => false,
        };
        let held = match id {
            None => Some(&mut self.paused),
            Some(id) => self.activities.get_mut(&id).map(|one| &mut one.paused),
        };
        match held {
            Some(held) if fits && *held != paused && actor.as_str() == ACTOR => {
                *held = paused;
                if paused {
                    self.give_up_turns(id, place.at);
                }
                Ok(())
            }
            _ => Err(self.violates("I7", format!("{event:?} by {asked:?}"))),
        }
    }

    /// What is held up waits for no turn in a limited queue: the attempt is over, and does not count.
    fn give_up_turns(&mut self, paused: Option<u32>, at: Timestamp) {
        let meant = |id: &u32| paused.is_none_or(|paused| paused == *id);
        for (_, activity) in self.activities.iter_mut().filter(|(id, _)| meant(id)) {
            if activity.state == State::Held {
                activity.state = State::Backoff(at);
                activity.uncounted += 1;
                activity.gave_up_turn = true;
            }
        }
    }

    /// Somebody changed what further attempts are made with, or only says who made one.
    pub(super) fn options_updated(
        &mut self,
        place: Place<'_>,
        event: &ActivityOptionsUpdated,
    ) -> Result<(), Violation> {
        let id = event.activity_id.get();
        let hand = self.by_hand(place, id);
        let input = event.input.as_ref().map(sagaline_core::Payload::data);
        let fits = match hand {
            Some(Hand::Retry(asked)) => input == asked,
            Some(Hand::Fail) => input.is_none(),
            Some(Hand::Update(Some(asked))) => {
                event.retry.clone().unwrap_or_default() == asked.retry
                    && event.timeouts_ms.unwrap_or_default() == asked.timeouts
                    && input.is_none()
            }
            _ => false,
        };
        let changes = event.retry.is_some() || event.timeouts_ms.is_some();
        let fits = fits && changes == matches!(hand, Some(Hand::Update(_)));
        let pending = self.activities.get_mut(&id).filter(|one| !one.is_over());
        match pending {
            Some(activity) if fits => activity.update(place.at, event),
            _ => Err(format!("{event:?} by {hand:?}")),
        }
        .map_err(|what| self.violates("I7", what))
    }

    /// Whether an act is to change something; none: only the program knows.
    pub(in crate::check) fn is_changed_by(&self, asked: &OperateAsked) -> Option<bool> {
        Some(match &asked.act {
            ByHand::Pause => !self.paused,
            ByHand::Resume => self.paused,
            ByHand::Delete => false,
            // What its program says to it is not known here.
            ByHand::Reset(_) => return None,
            ByHand::Incident { seq, act } => {
                let Some((kind, about)) = self.incidents.open(*seq) else {
                    return Some(false);
                };
                return self.is_solved_by(kind, about, act);
            }
            ByHand::Activity {
                id,
                act,
                even_if_running,
            } => {
                let pending = self.activities.get(id).filter(|one| !one.is_over());
                let Some(activity) = pending else {
                    return Some(false);
                };
                let parked = activity.state == State::Parked;
                let left = activity.is_in_flight() && !even_if_running;
                match act {
                    OnActivity::Pause => !activity.paused,
                    OnActivity::Resume => activity.paused,
                    OnActivity::Retry(_) if parked => !self.is_held(*id),
                    OnActivity::Retry(_) => {
                        let waits = activity.state == State::Held;
                        !self.is_held(*id) && !activity.cancel_requested && !left && !waits
                    }
                    OnActivity::Complete(_) | OnActivity::Fail => !left,
                    OnActivity::Update(change) => change
                        .as_ref()
                        .is_some_and(|change| activity.is_changed_by(change)),
                }
            }
        })
    }

    fn is_solved_by(
        &self,
        kind: IncidentKind,
        about: Option<u32>,
        act: &OnIncident,
    ) -> Option<bool> {
        let pending = about.filter(|id| self.activities.get(id).is_some_and(|one| !one.is_over()));
        Some(match (act, pending) {
            (OnIncident::Retry(_), Some(id)) => !self.is_held(id),
            (OnIncident::Skip(_) | OnIncident::Fail, Some(_)) => true,
            (OnIncident::Retry(Some(_)), None) => false,
            (OnIncident::Retry(None), None) if kind == IncidentKind::Deadlock => return None,
            (OnIncident::Retry(None), None) => {
                let mut registered = self.registrations.iter();
                let of_step = |step| registered.any(|one| one.compensates == step);
                kind.blocks_program() || about.is_none_or(of_step)
            }
            (OnIncident::Skip(_), None) => !kind.blocks_program() && about.is_some(),
            (OnIncident::Fail, None) => !kind.blocks_program() || self.undo.is_none(),
        })
    }

    /// I7: what a person is told is so: what was accepted is done, or was so already; what is refused changes nothing.
    pub(in crate::check) fn check_answered(
        &self,
        transition: &Transition,
        wanted: Option<bool>,
    ) -> Result<(), Violation> {
        let answered = transition.events.iter().find_map(|event| match event {
            Event::ReplyRequested(event) if !event.follow => Some(event.answer.outcome),
            _ => None,
        });
        let is_answer = |event: &Event| matches!(event, Event::ReplyRequested(_));
        let changed = !transition.events.iter().all(is_answer);
        let told = match (wanted, changed) {
            (Some(wanted), changed) if wanted != changed => false,
            (_, true) => answered != Some(AnswerOutcome::Rejected),
            (_, false) => true,
        };
        if told {
            return Ok(());
        }
        let what = format!(
            "wanted {wanted:?}, changed {changed}: {:?}",
            transition.events
        );
        Err(self.violates("I7", what))
    }

    /// I7: what happens to an activity by an act is what was asked, and by whom.
    pub(super) fn check_by_hand(
        &self,
        place: Place<'_>,
        event: &Event,
        before: State,
    ) -> Result<(), Violation> {
        let Some(asked) = place.operated() else {
            return Ok(());
        };
        let fits = match event {
            Event::ActivityCompleted(event) => {
                let hand = self.by_hand(place, event.activity_id.get());
                let by = event.worker.as_ref().map(sagaline_core::Name::as_str);
                let of_incident = by.is_none() && before == State::Parked;
                hand == Some(Hand::Complete(event.result.data()))
                    && (by == Some(ACTOR) || of_incident)
            }
            Event::ActivityFailed(event) => {
                match (self.by_hand(place, event.activity_id.get()), before) {
                    (Some(Hand::Fail), _) => event.failure.error_type.as_str() == GAVE_UP,
                    (Some(Hand::GiveUp), State::Parked) => true,
                    (Some(Hand::Update(_)), State::Backoff(_)) => true,
                    // Refused for its size when its program scheduled it.
                    (_, before) => before == State::Scheduled,
                }
            }
            Event::ActivityTimedOut(event) => {
                match (self.by_hand(place, event.activity_id.get()), before) {
                    (Some(Hand::GiveUp), State::Parked) => true,
                    (Some(Hand::Update(_)), before) => matches!(before, State::Backoff(_)),
                    _ => false,
                }
            }
            Event::ActivityStarted(_)
            | Event::ActivityHeartbeatRecorded(_)
            | Event::ActivityAttemptFailed(_) => false,
            _ => true,
        };
        if fits {
            return Ok(());
        }
        Err(self.violates("I7", format!("{event:?} in {before:?} by {asked:?}")))
    }

    /// I11: as many attempts as the policy of the day allows, of its set and of those that count.
    pub(super) fn check_attempts(
        &self,
        id: u32,
        failed: &ActivityAttemptFailed,
    ) -> Result<(), Violation> {
        let activity = &self.activities[&id];
        let may_follow = activity.has_attempts_left() || failed.uncounted;
        let follows = failed.next_attempt_at.is_some();
        let ends_by_itself = failed.failure.non_retryable
            || activity.cancel_requested
            || activity.scheduled.schedule_to_close_ms.is_some();
        if follows == may_follow || (!follows && ends_by_itself) {
            return Ok(());
        }
        let what = format!("activity {id} goes on: {follows}, may: {may_follow}: {failed:?}");
        Err(self.violates("I11", what))
    }
}

impl Activity {
    fn is_changed_by(&self, change: &OptionsChange) -> bool {
        changed(&self.scheduled, change) != *self.scheduled
    }

    fn update(&mut self, at: Timestamp, event: &ActivityOptionsUpdated) -> Result<(), String> {
        let change = OptionsChange {
            retry: event.retry.clone().unwrap_or_default(),
            timeouts: event.timeouts_ms.unwrap_or_default(),
        };
        let mut scheduled = changed(&self.scheduled, &change);
        if let Some(input) = &event.input {
            scheduled.input = input.clone();
        }
        self.scheduled = Arc::new(scheduled);
        if change.timeouts.heartbeat.is_some() {
            self.silent_from = at;
        }
        match (event.next_attempt_at, self.state) {
            (None, _) => Ok(()),
            (Some(due), State::Backoff(before)) if due < before && due >= at => {
                self.state = State::Backoff(due);
                self.hastened.push((due, self.attempt + 1));
                Ok(())
            }
            (Some(_), state) => Err(format!("{event:?} in {state:?}")),
        }
    }

    /// Whether its policy of now lets it have another attempt, besides those that do not count.
    pub(super) fn has_attempts_left(&self) -> bool {
        let maximum = self.scheduled.retry.maximum_attempts;
        maximum == 0 || self.attempts_of_set - self.uncounted < maximum
    }

    /// Whether a policy of now lets no attempt follow but a person.
    pub(super) fn parks(&self) -> bool {
        self.scheduled.retry.on_exhausted == OnExhausted::Park
    }

    /// Since when its worker has been silent.
    pub(super) fn silent_since(&self) -> Timestamp {
        self.heard_at.max(self.silent_from)
    }
}

/// The knobs that clients turn.
fn changed(scheduled: &ActivityScheduled, change: &OptionsChange) -> ActivityScheduled {
    let mut changed = scheduled.clone();
    let OptionsChange { retry, timeouts } = change;
    let policy = &mut changed.retry;
    policy.initial_interval_ms = retry
        .initial_interval_ms
        .unwrap_or(policy.initial_interval_ms);
    policy.maximum_attempts = retry.maximum_attempts.unwrap_or(policy.maximum_attempts);
    policy.on_exhausted = retry.on_exhausted.unwrap_or(policy.on_exhausted);
    let start_to_close = timeouts.start_to_close;
    changed.start_to_close_ms = start_to_close.unwrap_or(changed.start_to_close_ms);
    for (span, changed) in [
        (
            timeouts.schedule_to_close,
            &mut changed.schedule_to_close_ms,
        ),
        (timeouts.heartbeat, &mut changed.heartbeat_ms),
    ] {
        match span {
            None => {}
            Some(NO_TIMEOUT) => *changed = None,
            Some(span) => *changed = Some(span),
        }
    }
    changed
}

/// Whether an attempt may come before its time: a person made it, or let the waits be shorter.
pub(super) fn hastens(hand: Option<Hand<'_>>) -> bool {
    match hand {
        Some(Hand::Retry(_)) => true,
        Some(Hand::Update(Some(change))) => change.retry.initial_interval_ms.is_some(),
        _ => false,
    }
}

/// A time-out of a heartbeat that was journaled: the next may be dropped half of it after that.
pub(super) fn with_slack(span: u64, has_beaten: bool) -> Millis {
    Millis(match has_beaten {
        true => span + span / 2,
        false => span,
    })
}
