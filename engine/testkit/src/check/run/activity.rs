//! I10, I11: attempts one after the other, each with at most one outcome, none before its time.

use std::sync::Arc;

use sagaline_core::{
    Event, LOCAL_QUEUE, Millis, PAYLOAD_BYTES_MAX, RETRY_TAKEN_OVER_AFTER, Timestamp, error_type,
    event::{ActivityAttemptScheduled, ActivityScheduled},
};

use super::{
    super::outside::AttemptKey,
    Place, Run,
    operate::{Hand, hastens, with_slack},
};
use crate::{Violation, inputs::What, local::is_feared};

/// An activity, also one that is over.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) task_queue: String,
    /// What each attempt was sent with.
    pub(super) sent: Vec<Arc<ActivityScheduled>>,
    pub(super) compensable: bool,
    pub(super) compensates: Option<u32>,
    pub(super) scheduled: Arc<ActivityScheduled>,
    /// When it was scheduled, or given a fresh set.
    pub(super) set_at: Timestamp,
    /// Attempts of its set, and those of them that do not count.
    pub(super) attempts_of_set: u32,
    pub(super) uncounted: u32,
    pub(super) paused: bool,
    /// Its attempt was paused before it was made, or does not count: another takes its place.
    pub(super) gave_up_turn: bool,
    /// When a person let an attempt come sooner, and which.
    pub(super) hastened: Vec<(Timestamp, u32)>,
    /// When its heartbeat time-out was last changed.
    pub(super) silent_from: Timestamp,
    pub(super) attempt: u32,
    /// When the attempt was scheduled, and whether it goes through the home of its queue.
    attempt_at: Timestamp,
    limited: bool,
    /// When the attempt's clock began.
    since: Timestamp,
    /// When its last heartbeat was journaled.
    pub(super) heard_at: Timestamp,
    /// A worker said that it began.
    started: bool,
    /// … and that it goes on.
    has_beaten: bool,
    pub(super) state: State,
    /// An attempt ended by its time: nobody knows what it did.
    pub(super) outcome_unknown: bool,
    /// What it returned.
    pub(super) result: Option<Vec<u8>>,
    pub(super) cancel_requested: bool,
    /// The attempt that was in flight then.
    pub(super) canceled_attempt: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Announced; its first task follows.
    Scheduled,
    /// It waits for the home of its queue.
    Held,
    Queued,
    Running,
    Backoff(Timestamp),
    /// No attempt follows; what becomes of it is the next event.
    Exhausted,
    Parked,
    Completed,
    Ended,
}

impl Activity {
    pub(super) const fn is_in_flight(&self) -> bool {
        matches!(self.state, State::Queued | State::Running)
    }

    /// Whether its attempt has a place at the home of its queue, or waits for one.
    pub(super) fn has_place(&self) -> bool {
        self.limited && (self.is_in_flight() || self.state == State::Held)
    }

    /// Its next attempt is made.
    fn begin(&mut self, at: Timestamp, event: &ActivityAttemptScheduled) {
        self.outcome_unknown |= self.is_in_flight();
        self.attempt = event.attempt.get();
        self.attempts_of_set += 1;
        self.sent.push(Arc::clone(&self.scheduled));
        self.since = at;
        self.attempt_at = at;
        self.gave_up_turn = false;
        self.limited = event.held == Some(true);
        self.started = false;
        self.has_beaten = false;
        self.state = match self.limited {
            true => State::Held,
            false => State::Queued,
        };
    }

    /// Its queue let its task go.
    pub(super) const fn release(&mut self, at: Timestamp) {
        self.since = at;
        self.state = State::Queued;
    }

    pub(super) fn is_queued(&self) -> bool {
        self.state == State::Queued
    }

    /// When its next attempt is due, while it waits for it.
    pub(super) const fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Backoff(due) => Some(due),
            _ => None,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Completed | State::Ended)
    }
}

impl Activity {
    /// What an attempt was sent with.
    pub(super) fn sent_with(&self, attempt: u32) -> Option<&[u8]> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        self.sent.get(index).map(|one| one.input.data())
    }

    /// Whether all its attempts had to be over while it waited for the next.
    pub(super) fn is_cut_off(&self, at: Timestamp) -> bool {
        matches!(self.state, State::Backoff(_))
            && self.times_out_at(error_type::SCHEDULE_TO_CLOSE) <= at
    }

    /// When a time-out of an attempt may come.
    fn times_out_at(&self, error_type: &str) -> Timestamp {
        let never = Timestamp::from_millis(i64::MAX);
        let after = |since: Timestamp, span: Option<u64>| {
            span.map_or(never, |span| since.plus(Millis(span)))
        };
        let scheduled = &self.scheduled;
        match (error_type, self.started) {
            (error_type::START_TO_CLOSE, _) if self.state == State::Held => never,
            (error_type::START_TO_CLOSE, _) => after(self.since, Some(scheduled.start_to_close_ms)),
            (error_type::SCHEDULE_TO_CLOSE, _) => {
                after(self.set_at, scheduled.schedule_to_close_ms)
            }
            (error_type::SCHEDULE_TO_START, false) => {
                after(self.attempt_at, scheduled.schedule_to_start_ms)
            }
            (error_type::HEARTBEAT, true) => {
                // A heartbeat that comes soon after another is not journaled.
                let slack = |span| with_slack(span, self.has_beaten).0;
                after(self.silent_since(), scheduled.heartbeat_ms.map(slack))
            }
            _ => never,
        }
    }
}

impl Run {
    pub(super) fn activity(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        if let Event::ActivityScheduled(_) = event {
            return self.scheduled(place, event);
        }
        let id = activity_id(event).unwrap_or_default();
        let (hand, is_held) = (self.by_hand(place, id), self.is_held(id));
        let Some(activity) = self.activities.get_mut(&id).filter(|one| !one.is_over()) else {
            return Err(self.violates(
                "I11",
                format!("{} of activity {id}, which is not pending", event.name()),
            ));
        };
        let before = activity.state;
        let next = (self.run_id, id, activity.attempt + 1);
        if let (Event::ActivityAttemptScheduled(_), State::Backoff(due), None) =
            (event, before, place.by)
            && place.at < due.plus(RETRY_TAKEN_OVER_AFTER)
            && !place.outside.has_come(&next)
        {
            let what = format!("activity {id}: the lane did not wait for the record of {next:?}");
            return Err(self.violates("I10", what));
        }
        if is_held && matches!(event, Event::ActivityAttemptScheduled(_)) {
            let what = format!("activity {id}: an attempt begins while it is held up");
            return Err(self.violates("I11", what));
        }
        match step(activity, (place, hand), event) {
            Ok(()) => {}
            Err(what) => {
                let what = format!("{} of activity {id} in {before:?}: {what}", event.name());
                return Err(self.violates("I11", what));
            }
        }
        let may_run = matches!(before, State::Queued | State::Running);
        if let Event::ActivityFailed(_) = event
            && !self.activities[&id].outcome_unknown
            && !may_run
        {
            let forgotten = self
                .registrations
                .extract_if(.., |one| one.compensates == id);
            let forgotten = forgotten.collect::<Vec<_>>();
            if before == State::Held {
                self.never_sent.extend(forgotten);
            }
        }
        if let Event::ActivityAttemptFailed(event) = event {
            self.check_attempts(id, event)?;
        }
        if place.operated().is_some() {
            return self.check_by_hand(place, event, before);
        }
        self.check_report(place, event)?;
        self.check_time_out(place, event)
    }

    fn scheduled(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let Event::ActivityScheduled(scheduled) = event else {
            return Ok(());
        };
        let id = scheduled.activity_id.get();
        match scheduled.compensates {
            _ if self.paused => {
                let what = format!("activity {id} is scheduled while the run is paused");
                return Err(self.violates("I11", what));
            }
            Some(step) => self.check_order(id, step.get())?,
            None if self.undo.is_some() || id != self.next_id => {
                let what = format!(
                    "activity {id} is scheduled, {} is next, undo {:?}",
                    self.next_id, self.undo
                );
                return Err(self.violates("I12", what));
            }
            None => self.next_id += 1,
        }
        let activity = Activity {
            task_queue: scheduled.task_queue.to_string(),
            sent: Vec::new(),
            compensable: scheduled.compensable,
            compensates: scheduled.compensates.map(sagaline_core::ActivityId::get),
            scheduled: Arc::clone(scheduled),
            set_at: place.at,
            attempts_of_set: 0,
            uncounted: 0,
            paused: false,
            gave_up_turn: false,
            hastened: Vec::new(),
            silent_from: place.at,
            attempt: 0,
            attempt_at: place.at,
            limited: false,
            since: place.at,
            heard_at: place.at,
            started: false,
            has_beaten: false,
            state: State::Scheduled,
            outcome_unknown: false,
            result: None,
            cancel_requested: false,
            canceled_attempt: None,
        };
        if self.activities.insert(id, activity).is_some() {
            return Err(self.violates("I12", format!("activity {id} is scheduled twice")));
        }
        Ok(())
    }

    /// What a worker said is what was journaled, of the attempt that it was given.
    fn check_report(&self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let Some(reported) = place.reported() else {
            let needs_one = matches!(
                event,
                Event::ActivityCompleted(_)
                    | Event::ActivityStarted(_)
                    | Event::ActivityHeartbeatRecorded(_)
            );
            return if needs_one {
                Err(self.violates("I11", format!("{} without a worker's word", event.name())))
            } else {
                Ok(())
            };
        };
        let (attempt, fits) = match event {
            Event::ActivityCompleted(event) => {
                let result = event.result.data();
                let undoes = self.activities[&event.activity_id.get()]
                    .compensates
                    .is_some();
                let fits = match &reported.what {
                    What::Completed(given) if undoes && is_too_large(given) => result.is_empty(),
                    What::Completed(given) => given == result,
                    What::Started | What::Heartbeat(_) | What::Canceled | What::Failed { .. } => {
                        false
                    }
                };
                (event.attempt.get(), fits)
            }
            Event::ActivityStarted(event) => (event.attempt.get(), !reported.what.is_final()),
            Event::ActivityHeartbeatRecorded(event) => {
                let progress = event.progress.as_ref().map(|one| one.data().to_vec());
                let fits = reported.what == What::Heartbeat(progress);
                (event.attempt.get(), fits)
            }
            Event::ActivityAttemptFailed(event) => {
                let error_type = event.failure.error_type.as_str();
                let fits = match &reported.what {
                    What::Failed {
                        error_type: given, ..
                    } => given == error_type,
                    What::Canceled => error_type == error_type::CANCELED,
                    What::Completed(given) => {
                        is_too_large(given) && error_type == error_type::PAYLOAD_TOO_LARGE
                    }
                    What::Started | What::Heartbeat(_) => false,
                };
                (event.attempt.get(), fits)
            }
            _ => return Ok(()),
        };
        let id = activity_id(event).unwrap_or_default();
        let same =
            (reported.run_id, reported.activity_id, reported.attempt) == (self.run_id, id, attempt);
        if same && fits {
            return Ok(());
        }
        Err(self.violates("I11", format!("{event:?} by {reported:?}")))
    }

    /// I10: a time-out never comes early, and never overtakes a result that was appended before it.
    fn check_time_out(&self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let Event::ActivityAttemptFailed(failed) = event else {
            return Ok(());
        };
        if place.by.is_some() {
            return Ok(());
        }
        let id = failed.activity_id.get();
        let key = (self.run_id, id, failed.attempt.get());
        if failed.failure.error_type.as_str() == error_type::UNDELIVERABLE {
            let no_topic = self.activities[&id].task_queue.contains('/');
            let message = &failed.failure.message;
            let feared = self.activities[&id].task_queue == LOCAL_QUEUE
                && is_feared(error_type::UNDELIVERABLE, message);
            return if no_topic || feared || place.outside.was_refused(&key) {
                Ok(())
            } else {
                Err(self.violates("I8", format!("task {key:?} was never refused")))
            };
        }
        let error_type = failed.failure.error_type.as_str();
        let due = self.activities[&id].times_out_at(error_type);
        if error_type == error_type::HEARTBEAT {
            self.check_silence(place, &key, due)?;
        }
        if place.at < due {
            return Err(self.violates(
                "I10",
                format!("activity {id} times out at {:?}, due {due:?}", place.at),
            ));
        }
        match place.outside.answered_before(&key, due) {
            None => Ok(()),
            Some(at) => Err(self.violates(
                "I10",
                format!("activity {id} times out, due {due:?}, answered at {at:?}"),
            )),
        }
    }

    /// I10: no heartbeat that was in the log before the time-out came within its span.
    fn check_silence(
        &self,
        place: Place<'_>,
        key: &AttemptKey,
        due: Timestamp,
    ) -> Result<(), Violation> {
        let span = self.activities[&key.1].scheduled.heartbeat_ms;
        let silent_since = place.outside.heard_before(key, due);
        let heard_by = silent_since.map(|heard| heard.plus(Millis(span.unwrap_or_default())));
        // What was heard is dated by the broker, what is due by lanes.
        let slack = place.outside.slack();
        match heard_by.filter(|by| *by > due.plus(slack)) {
            None => Ok(()),
            Some(by) => Err(self.violates(
                "I10",
                format!("attempt {key:?} is called silent at {due:?}, and was not before {by:?}"),
            )),
        }
    }
}

fn is_too_large(result: &[u8]) -> bool {
    result.len() > PAYLOAD_BYTES_MAX
}

fn step(
    activity: &mut Activity,
    (place, hand): (Place<'_>, Option<Hand<'_>>),
    event: &Event,
) -> Result<(), String> {
    let from = activity.state;
    match event {
        Event::ActivityAttemptScheduled(event) => {
            let early = matches!(from, State::Backoff(due) if place.at < due) && !hastens(hand);
            let by_hand = matches!(hand, Some(Hand::Retry(_))) && !activity.is_over();
            let follows = (by_hand || matches!(from, State::Scheduled | State::Backoff(_)))
                && event.attempt.get() == activity.attempt + 1;
            let is_left = by_hand || activity.gave_up_turn || activity.has_attempts_left();
            if early || !follows || !is_left {
                return Err(format!(
                    "attempt {} at {:?}, early {early}, follows {follows}, left {is_left}",
                    event.attempt, place.at
                ));
            }
            activity.begin(place.at, event);
        }
        Event::ActivityStarted(_) if from == State::Queued => {
            activity.since = place.at;
            activity.heard_at = place.at;
            activity.started = true;
            activity.state = State::Running;
        }
        Event::ActivityHeartbeatRecorded(event) if from == State::Running => {
            if event.attempt.get() != activity.attempt {
                return Err("of another attempt".into());
            }
            activity.heard_at = place.at;
            activity.has_beaten = true;
        }
        Event::ActivityAttemptFailed(event)
            if activity.is_in_flight() || (from == State::Held && place.by.is_none()) =>
        {
            let error_type = event.failure.error_type.as_str();
            let timed_out = error_type.starts_with("sagaline.Timeout.");
            activity.uncounted += u32::from(event.uncounted);
            activity.gave_up_turn |= event.uncounted;
            let of_local =
                error_type == error_type::UNDELIVERABLE && activity.task_queue == LOCAL_QUEUE;
            activity.outcome_unknown |= (timed_out && from != State::Held)
                || error_type == error_type::PAYLOAD_TOO_LARGE
                || of_local;
            let closes_by = activity.times_out_at(error_type::SCHEDULE_TO_CLOSE);
            if event.next_attempt_at.is_some_and(|next| next >= closes_by) {
                return Err("the next attempt comes after all must be over".into());
            }
            activity.state = event
                .next_attempt_at
                .map_or(State::Exhausted, State::Backoff);
        }
        Event::ActivityCompleted(event)
            if activity.is_in_flight() || matches!(hand, Some(Hand::Complete(_))) =>
        {
            activity.result = Some(event.result.data().to_vec());
            activity.state = State::Completed;
        }
        Event::ActivityCancelRequested(_) if !activity.cancel_requested => {
            activity.cancel_requested = true;
            activity.canceled_attempt = activity.is_in_flight().then_some(activity.attempt);
        }
        Event::ActivityFailed(_) | Event::ActivityTimedOut(_) => activity.state = State::Ended,
        Event::ActivityCanceled(_) if activity.cancel_requested => activity.state = State::Ended,
        _ => return Err("does not follow".into()),
    }
    Ok(())
}

fn activity_id(event: &Event) -> Option<u32> {
    let id = match event {
        Event::ActivityScheduled(event) => event.activity_id,
        Event::ActivityAttemptScheduled(event) => event.activity_id,
        Event::ActivityStarted(event) => event.activity_id,
        Event::ActivityHeartbeatRecorded(event) => event.activity_id,
        Event::ActivityCancelRequested(event) => event.activity_id,
        Event::ActivityCompleted(event) => event.activity_id,
        Event::ActivityAttemptFailed(event) => event.activity_id,
        Event::ActivityFailed(event) => event.activity_id,
        Event::ActivityTimedOut(event) => event.activity_id,
        Event::ActivityCanceled(event) => event.activity_id,
        _ => return None,
    };
    Some(id.get())
}
