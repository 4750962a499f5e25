//! What a program's commands mean: events, and what follows from them at once.

mod child;
mod compensation;
mod external;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use super::{activity::too_large, chain, undo, update};
use crate::{
    ActivityId, Attempt, Event, Failure, Fields, Name, Payload, RetryPolicy, Run, Timestamp,
    WaitFor, error_type,
    event::{
        ActivityAttemptScheduled, ActivityCancelRequested, ActivityFailed, ActivityScheduled,
        AttributesUpserted, CarriedChild, IncidentKind, IncidentRaised, IncidentResolved,
        MarkerRecorded, Outcome, TimerCanceled, TimerStarted, WaitRecorded, WorkflowCompleted,
    },
    program::{
        COMMAND_BYTES_MAX, COMMANDS_MAX, ERROR_TYPES_NAMED_MAX, ProgramCommand, SPAN_MS_MAX,
        ScheduleActivity,
    },
    run::{HISTORY_BYTES_MAX, HISTORY_EVENTS_MAX, HistorySize},
    wait,
};

/// What an activation's commands come to, beside their own events.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Activities that fail at once.
    pub(crate) refused: Vec<ActivityFailed>,
    /// How the run ends, if it does.
    pub(crate) end: Option<undo::End>,
    /// The run that goes on in this one's place, if it is to.
    pub(crate) next: Option<chain::Next>,
    /// Bytes of payloads asked for so far in the transition.
    pub(crate) bytes: usize,
}

/// What was asked for earlier in the same input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Bytes of payloads, by earlier activations of the run.
    pub(crate) bytes: usize,
    /// Runs that went on in another's place.
    pub(crate) continuations: usize,
}

/// Translates an activation's commands, whose own events are added to `events`; the text says why the program is broken.
/// `before` is what was asked for earlier in the same input.
pub(crate) fn wanted(
    run: &Run,
    commands: Vec<ProgramCommand>,
    before: Before,
    events: &mut Vec<Event>,
) -> Result<Wanted, String> {
    // What it waits for is told of by itself.
    let is_told = |command: &&ProgramCommand| matches!(command, ProgramCommand::RecordWaits(_));
    let wanted = commands
        .len()
        .saturating_sub(commands.iter().filter(is_told).count());
    if wanted > COMMANDS_MAX {
        return Err(format!(
            "{wanted} commands in one activation; {COMMANDS_MAX} are allowed"
        ));
    }
    let bytes = commands
        .iter()
        .map(size)
        .fold(before.bytes, usize::saturating_add);
    if bytes > COMMAND_BYTES_MAX {
        return Err(format!(
            "{bytes} bytes of payloads without waiting; {COMMAND_BYTES_MAX} are allowed"
        ));
    }
    let cancels = |command| {
        matches!(
            command,
            &ProgramCommand::CancelActivity { .. }
                | &ProgramCommand::CancelTimer { .. }
                | &ProgramCommand::CancelChild { .. }
        )
    };
    let mut translation = Translation {
        run,
        first: events.len(),
        events,
        next_id: run.next_activity_id,
        wanted: Wanted {
            bytes,
            ..Wanted::default()
        },
        scheduled: commands.iter().any(cancels).then(BTreeMap::new),
        started: BTreeSet::new(),
        canceled: BTreeSet::new(),
        ended: BTreeSet::new(),
        completed: false,
        continuations: before.continuations,
        about: None,
    };
    for command in commands {
        let ended = run.undo.is_some() || translation.wanted.end.is_some();
        let registers = matches!(command, ProgramCommand::RegisterCompensation(_));
        if translation.completed || (ended && !registers) {
            return Err(String::from("a command after the end of the run"));
        }
        translation.command(command)?;
    }
    Ok(translation.wanted)
}

/// What follows at once from commands that have been applied: activities that nobody has end when they are asked to.
///
/// These events come last, so that a reader of the events can tell this activation from the next.
pub(crate) fn following(run: &Run, refused: Vec<ActivityFailed>) -> Vec<Event> {
    let mut events: Vec<Event> = refused.into_iter().map(Event::from).collect();
    for activity in run.activities.iter().filter(|one| one.cancel_requested) {
        events.extend(undo::stop_now(run, activity));
    }
    events
}

struct Translation<'a> {
    run: &'a Run,
    next_id: ActivityId,
    events: &'a mut Vec<Event>,
    /// Where the events of this activation begin.
    first: usize,
    wanted: Wanted,
    /// Activities that this activation schedules, if it asks any to stop.
    scheduled: Option<BTreeMap<ActivityId, Name>>,
    /// Timers that it starts.
    started: BTreeSet<ActivityId>,
    /// Activities that it asks to stop, and timers that it forgets.
    canceled: BTreeSet<ActivityId>,
    /// Updates that it ends.
    ended: BTreeSet<Name>,
    completed: bool,
    continuations: usize,
    /// Attributes and memo, once they are changed.
    about: Option<[Option<Fields>; 2]>,
}

impl Translation<'_> {
    fn command(&mut self, command: ProgramCommand) -> Result<(), String> {
        match command {
            ProgramCommand::ScheduleActivity(command) => self.schedule_activity(command)?,
            ProgramCommand::CancelActivity { activity_id } => {
                let asked = self.cancel_activity(activity_id);
                self.events.extend(asked);
            }
            ProgramCommand::StartTimer { timer_id, due_at } => {
                self.take_id(timer_id)?;
                self.started.insert(timer_id);
                let due_at = due_at.min(Timestamp::LATEST);
                self.events.push(TimerStarted { timer_id, due_at }.into());
            }
            ProgramCommand::CancelTimer { timer_id } => {
                if self.is_pending_timer(timer_id) && self.canceled.insert(timer_id) {
                    self.events.push(TimerCanceled { timer_id }.into());
                }
            }
            ProgramCommand::RegisterCompensation(command) => self.register_compensation(command)?,
            ProgramCommand::StartChild(command) => self.start_child(*command)?,
            ProgramCommand::CancelChild { child_id, how } => {
                let asked = self.stop_child(child_id, how);
                self.events.extend(asked);
            }
            ProgramCommand::SignalExternal(command) => self.signal_external(*command)?,
            ProgramCommand::UpsertAttributes { attributes, memo } => {
                self.upsert(AttributesUpserted { attributes, memo })?;
            }
            ProgramCommand::CompleteUpdate { update_id, outcome } => {
                let ended = update::completed(self.run, update_id, outcome)?;
                if !self.ended.insert(ended.update_id.clone()) {
                    return Err(format!("update {} ends twice", ended.update_id));
                }
                self.events.push(ended.into());
            }
            ProgramCommand::RecordWaits(waits) => {
                let waits = wait::bounded(waits);
                self.events.push(WaitRecorded { waits }.into());
            }
            ProgramCommand::RecordMarker { kind, name, value } => {
                if value.is_too_large() {
                    return Err(format!(
                        "marker {name}: {}",
                        too_large(&name, &value).message
                    ));
                }
                self.events
                    .push(MarkerRecorded { kind, name, value }.into());
            }
            ProgramCommand::Complete { result } => self.complete(result),
            ProgramCommand::Fail { mut failure } => {
                failure.details = failure.details.filter(|details| !details.is_too_large());
                self.fail(failure);
            }
            ProgramCommand::ContinueAsNew {
                input,
                signals,
                children,
            } => {
                self.continue_as_new(chain::Next {
                    input,
                    signals,
                    children,
                })?;
            }
            ProgramCommand::Cancel { reason } => self.cancel(reason),
        }
        Ok(())
    }

    fn upsert(&mut self, upserted: AttributesUpserted) -> Result<(), String> {
        let started = &self.run.started;
        let [attributes, memo] = match self.about.take() {
            Some(about) => about,
            None => [started.attributes.clone(), started.memo.clone()],
        };
        let merged = |what, old: Option<Fields>, new: &Option<Fields>| {
            Fields::merged(old.as_ref(), new.as_ref())
                .map_err(|over| format!("the {what} of the run would be over a limit: {over:?}"))
        };
        self.about = Some([
            merged("attributes", attributes, &upserted.attributes)?,
            merged("memo", memo, &upserted.memo)?,
        ]);
        self.events.push(upserted.into());
        Ok(())
    }

    fn complete(&mut self, result: Payload) {
        if result.is_too_large() {
            return self.fail(too_large(&self.run.started.workflow, &result));
        }
        if let Some(over) = self.hands_over_too_much(&result) {
            return self.fail(over);
        }
        self.completed = true;
        self.events.push(WorkflowCompleted { result }.into());
    }

    fn fail(&mut self, failure: Failure) {
        self.wanted.end = Some(undo::End {
            outcome: Outcome::Failed,
            failure: Some(failure),
            reason: None,
            forced: false,
        });
    }

    fn cancel(&mut self, reason: Option<Box<str>>) {
        let asked = || self.run.cancel.as_ref()?.reason.clone();
        self.wanted.end = Some(undo::End {
            outcome: Outcome::Canceled,
            failure: None,
            reason: reason.or_else(asked),
            forced: false,
        });
    }

    fn continue_as_new(&mut self, next: chain::Next) -> Result<(), String> {
        if next.input.is_too_large() {
            let failure = too_large(&self.run.started.workflow, &next.input);
            self.fail(failure);
            return Ok(());
        }
        let scheduled = self.events.get(self.first..).unwrap_or_default();
        if let Some(why) = chain::refused(self.run, &next, scheduled, self.continuations) {
            return Err(why);
        }
        self.completed = true;
        self.wanted.next = Some(next);
        Ok(())
    }

    /// Asks an activity to stop that is pending, or scheduled by this very activation, once; all others need not stop.
    fn cancel_activity(&mut self, activity_id: ActivityId) -> Option<Event> {
        let pending = self
            .run
            .activity(activity_id)
            .filter(|one| !one.cancel_requested)
            .map(|one| &one.scheduled.activity);
        let scheduled = || self.scheduled.as_ref()?.get(&activity_id);
        let activity = pending.or_else(scheduled)?.clone();
        let event = ActivityCancelRequested {
            activity_id,
            activity,
        };
        self.canceled
            .insert(activity_id)
            .then(|| Event::from(event))
    }

    /// Whether it is started and not due yet; of others there is nothing to forget.
    fn is_pending_timer(&self, timer_id: ActivityId) -> bool {
        self.started.contains(&timer_id)
            || self.run.timers.iter().any(|one| one.timer_id == timer_id)
    }

    fn take_id(&mut self, activity_id: ActivityId) -> Result<(), String> {
        if activity_id != self.next_id {
            return Err(format!(
                "number {activity_id} where {} is next",
                self.next_id
            ));
        }
        self.next_id = self.next_id.next();
        Ok(())
    }

    fn schedule_activity(&mut self, command: ScheduleActivity) -> Result<(), String> {
        self.take_id(command.activity_id)?;
        let refused = command
            .input
            .is_too_large()
            .then(|| too_large(&command.activity, &command.input));
        let (activity_id, activity) = (command.activity_id, command.activity.clone());
        let timeouts = command.timeouts.bounded();
        if let Some(scheduled) = &mut self.scheduled {
            scheduled.insert(activity_id, activity.clone());
        }
        self.events.push(
            ActivityScheduled {
                activity_id,
                activity: command.activity,
                task_queue: command.task_queue,
                input: if refused.is_some() {
                    Payload::empty()
                } else {
                    command.input
                },
                retry: bounded(command.retry),
                start_to_close_ms: timeouts.start_to_close_ms,
                compensable: command.compensable,
                compensates: None,
                schedule_to_start_ms: timeouts.schedule_to_start_ms,
                schedule_to_close_ms: timeouts.schedule_to_close_ms,
                heartbeat_ms: timeouts.heartbeat_ms,
            }
            .into(),
        );
        match refused {
            Some(failure) => self.wanted.refused.push(ActivityFailed {
                activity_id,
                activity,
                failure: failure.non_retryable(),
            }),
            None => self.events.push(
                ActivityAttemptScheduled {
                    activity_id,
                    activity,
                    attempt: Attempt::FIRST,
                    held: None,
                }
                .into(),
            ),
        }
        Ok(())
    }
}

/// Payload bytes of a command.
fn size(command: &ProgramCommand) -> usize {
    match command {
        ProgramCommand::ScheduleActivity(command) => command.input.data().len(),
        ProgramCommand::StartChild(command) => command.input.data().len(),
        ProgramCommand::SignalExternal(command) => command.input.data().len(),
        ProgramCommand::RegisterCompensation(command) => command.input.data().len(),
        ProgramCommand::RecordMarker { value, .. } => value.data().len(),
        ProgramCommand::Complete { result }
        | ProgramCommand::CompleteUpdate {
            outcome: Ok(result),
            ..
        } => result.data().len(),
        ProgramCommand::CompleteUpdate {
            outcome: Err(failure),
            ..
        }
        | ProgramCommand::Fail { failure } => {
            failure.details.as_ref().map_or(0, |one| one.data().len())
        }
        ProgramCommand::ContinueAsNew {
            input,
            signals,
            children,
        } => {
            let left = signals.iter().map(|one| one.input.data().len());
            let left = left.chain(children.iter().map(CarriedChild::bytes));
            left.fold(input.data().len(), usize::saturating_add)
        }
        ProgramCommand::RecordWaits(_)
        | ProgramCommand::UpsertAttributes { .. }
        | ProgramCommand::CancelActivity { .. }
        | ProgramCommand::Cancel { .. }
        | ProgramCommand::StartTimer { .. }
        | ProgramCommand::CancelChild { .. }
        | ProgramCommand::CancelTimer { .. } => 0,
    }
}

/// A policy whose numbers the journal can hold.
fn bounded(mut retry: RetryPolicy) -> RetryPolicy {
    retry.initial_interval_ms = retry.initial_interval_ms.min(SPAN_MS_MAX);
    retry.maximum_interval_ms = retry.maximum_interval_ms.min(SPAN_MS_MAX);
    retry
        .non_retryable_error_types
        .truncate(ERROR_TYPES_NAMED_MAX);
    retry
}

/// The run waits for a person: its program is not to be had, or broke.
pub(crate) fn incident(
    kind: IncidentKind,
    error_type: &'static str,
    message: impl Into<String>,
) -> Event {
    IncidentRaised {
        kind,
        activity_id: None,
        activity: None,
        failure: Failure::new(Name::from(error_type), message),
    }
    .into()
}

/// A run whose history is at its limit is given nothing more, but what it needs for its end.
pub(crate) fn full(run: &Run) -> Option<Event> {
    let wants_to_go_on = run.may_activate() && !run.unseen.is_empty() && run.undo.is_none();
    (wants_to_go_on && run.history.is_full()).then(|| {
        let HistorySize { events, bytes } = run.history;
        let message = format!(
            "the history has {events} events and {bytes} bytes; {HISTORY_EVENTS_MAX} and {HISTORY_BYTES_MAX} are allowed: \
             a workflow continues as new before, when `cx.is_continue_as_new_suggested()` says so; this run can be cancelled or terminated"
        );
        incident(IncidentKind::Limit, error_type::HISTORY_FULL, message)
    })
}

/// A program that waits for nothing that could come.
pub(crate) fn deadlock(run: &Run) -> Option<Event> {
    let waits_for_nothing = run.activities.is_empty()
        && run.timers.is_empty()
        && run.signals_sent.is_empty()
        && run.waits.iter().all(|one| one.kind == WaitFor::Children)
        && run.open_children().next().is_none()
        && run.undo.is_none()
        && run.closed.is_none()
        && run.unseen.is_empty();
    (waits_for_nothing && !run.is_blocked()).then(|| {
        let message = "the workflow waits, but for nothing that Sagaline could bring: it may await a future of its own, or one that only a clock or a thread can wake";
        incident(IncidentKind::Deadlock, error_type::DEADLOCK, message)
    })
}

/// What waited for the program goes on.
pub(crate) fn recovered(run: &Run) -> Vec<Event> {
    let missing = run
        .incidents
        .iter()
        .filter(|incident| incident.kind == IncidentKind::DefinitionMissing);
    let act = |incident_seq| IncidentResolved {
        incident_seq,
        act: Name::from("recovered"),
        actor: Name::from("sagaline.engine"),
        reason: None::<String>.map(String::into_boxed_str),
    };
    missing.map(|incident| act(incident.seq).into()).collect()
}
