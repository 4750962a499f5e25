//! One input from command to events: decide, apply on the overlay, activate the program until it waits.
//!
//! ```text
//! command ─▶ decide ─▶ events ─▶ apply ─▶ can the program see any? ─▶ activate ─▶ its commands' events ─▶ apply ─┐
//!                                                      ▲                                                      │
//!                                                      └──────────────────────────────────────────────────────┘
//! ```
//! Live and fold share everything from `apply` on: [`fold()`] is the same path without decisions and programs.

mod begin;
mod child;
mod external;
mod operate;
mod queue;
mod reset;
mod start;
mod update;
mod with_start;
mod without_run;

use alloc::{boxed::Box, format, string::String, vec::Vec};

use smallvec::SmallVec;

use crate::{
    Cause, Command, Effects, Event, Outcome, Overlay, Place, Position, Rejection, ReplyTo, Run,
    RunId, Seq, Signal, Timestamp, Transition, WorkflowId,
    decide::{self, Ignored, chain::Next, program::Before},
    effect::{self, effect_without_run, effects_of_run},
    error_type,
    event::IncidentKind,
    program::{Activated, Programs},
    run::{ActivationRecord, Copied},
    state::{Key, Open},
};

/// What holds for all inputs of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// The namespace, part of run ids.
    pub namespace: &'a str,
    /// The batch's time.
    pub now: Timestamp,
}

/// What one input came to.
#[derive(Debug, Default)]
pub struct Transacted {
    /// To be journaled, one per run that it touched; their [`Position`]s are set by [`settle`].
    pub transitions: SmallVec<[Transition; 1]>,
    /// To be sent once the batch is known valid.
    pub effects: Effects,
    /// Nothing is wrong, and nothing changes.
    pub ignored: Option<Ignored>,
    /// The input is refused; nothing has changed.
    pub rejected: Option<Rejection>,
}

/// Decides and applies one input on the overlay.
///
/// The caller must give each transition its place by [`settle`] before the next input, or drop the overlay.
pub fn transact(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    cause: &Cause,
    command: &Command,
    programs: &mut dyn Programs,
) -> Transacted {
    let mut done = Transacted::default();
    let mut work = Work {
        overlay,
        env,
        cause,
        programs,
        done: &mut done,
        continuations: 0,
    };
    done.ignored = work.command(command).err();
    for transition in &done.transitions {
        let records = core::slice::from_ref(&transition);
        effect::place_answers(&mut done.effects, records);
    }
    done
}

/// Gives a transition's changes their place in the journal: what the digest and every reader will see.
pub fn settle(overlay: &mut Overlay<'_>, transition: &Transition, position: Position) {
    match (&transition.workflow_id, transition.run_id) {
        (Some(workflow_id), Some(run_id)) => {
            overlay.settle(overlay.key(workflow_id), run_id, position);
        }
        _ => without_run::settle(overlay, transition, position),
    }
}

/// Applies one input's transition as a reader of the journal: no decision, no program. Returns its effects.
///
/// `records` are the consecutive records with the same cause and run, the last of which lies at `position`.
pub fn fold(overlay: &mut Overlay<'_>, records: &[&Transition], position: Position) -> Effects {
    let mut effects = Effects::new();
    let Some(last) = records.last() else {
        return effects;
    };
    let (Some(run_id), Some(workflow_id)) = (last.run_id, &last.workflow_id) else {
        for record in records {
            queue::fold(overlay, record, &mut effects);
            without_run::settle(overlay, record, position);
            let of_event =
                |event| effect_without_run(record.workflow_id.as_ref(), &record.cause, event);
            effects.extend(record.events.iter().filter_map(of_event));
        }
        return effects;
    };
    let key = overlay.key(workflow_id);
    let mut open = overlay.take(key);
    for record in records {
        for (seq, event) in (record.first_seq..).zip(&record.events) {
            let place = Place {
                seq,
                at: record.at,
                cause: &record.cause,
            };
            if let Event::WorkflowStarted(started) = event {
                open = Some(begin::open(overlay, workflow_id, (run_id, place), started));
            }
            if let Some(open) = &mut open {
                apply(workflow_id, &mut open.run, place, event, &mut effects);
            }
        }
    }
    if let Some(mut open) = open {
        open.run.end_transition(last.at);
        overlay.put(key, open);
        overlay.settle(key, run_id, position);
    }
    effect::place_answers(&mut effects, records);
    effects
}

fn apply(
    workflow_id: &WorkflowId,
    run: &mut Run,
    place: Place<'_>,
    event: &Event,
    effects: &mut Effects,
) {
    if run.is_copy(place.seq) {
        return run.apply(place, event);
    }
    effect::ends(workflow_id, run, (place.cause, event), effects);
    effect::update::ended(workflow_id, run, event, effects);
    run.apply(place, event);
    effects_of_run(workflow_id, run, (place.cause, event), effects);
}

struct Work<'a, 's> {
    overlay: &'a mut Overlay<'s>,
    env: Env<'a>,
    cause: &'a Cause,
    programs: &'a mut dyn Programs,
    done: &'a mut Transacted,
    /// Runs that went on in another's place.
    continuations: usize,
}

impl Work<'_, '_> {
    fn command(&mut self, command: &Command) -> Result<(), Ignored> {
        match (command, command.workflow_id()) {
            (Command::Queue(command), _) => self.queue(command),
            (command, Some(workflow_id)) => self.of_workflow(workflow_id, command),
            (_, None) => Ok(()),
        }
    }

    fn of_workflow(&mut self, workflow_id: &WorkflowId, command: &Command) -> Result<(), Ignored> {
        let now = self.env.now;
        let key = self.overlay.key(workflow_id);
        match command {
            Command::Queue(_) => {}
            Command::StopChild(stop) => return self.stop_child(key, stop),
            Command::ChildClosed(closed) => return self.child_closed(key, closed),
            Command::ExternalSignal(signal) => return self.external_signal(key, signal),
            Command::SignalTold(told) => return self.signal_told(key, told),
            Command::Start(start) => return self.start(key, start, None),
            Command::StartWith(with) => return self.start_with(key, with),
            Command::Cancel(cancel) => {
                let run_id = self.of_chain(key, cancel.run_id);
                let asked = (&cancel.workflow_id, run_id, cancel.reply.as_ref());
                let cause = self.cause;
                self.on_open_run(key, asked, |run| decide::cancel::cancel(run, cause, cancel))?;
            }
            Command::Terminate(terminate) => {
                let reply = terminate.reply.as_ref();
                let run_id = self.of_chain(key, terminate.run_id);
                let asked = (&terminate.workflow_id, run_id, reply);
                let cause = self.cause;
                let terminate = |run: &_| decide::cancel::terminate(run, cause, terminate);
                self.on_open_run(key, asked, terminate)?;
            }
            Command::Signal(signal) => self.signal(key, signal)?,
            Command::Update(update) => return self.update(key, update),
            Command::Operate(operate) => self.operate(key, operate)?,
            Command::ReportAttempt(report) => {
                let run = self.open(key, report.run_id)?;
                let events = decide::activity::report(run, now, report)?;
                self.transition(key, events);
            }
            Command::RetryDue(retry) => {
                let run = self.open(key, retry.run_id)?;
                let events = decide::activity::retry_due(run, now, retry)?;
                self.transition(key, events);
            }
            Command::Undeliverable {
                run_id,
                activity_id,
                attempt,
                reason,
                ..
            } => {
                let run = self.open(key, *run_id)?;
                let events = decide::activity::undeliverable(
                    run,
                    now,
                    *activity_id,
                    *attempt,
                    reason.clone(),
                )?;
                self.transition(key, events);
            }
            Command::Fire { due, queued, .. } => {
                let run = self.overlay.run_of(key).ok_or(Ignored::Stale)?;
                let events = decide::fire::fire(run, now, *due, queued);
                self.transition(key, events);
            }
            Command::ProgramAvailable { .. } => {
                let run = self.overlay.run_of(key).ok_or(Ignored::Stale)?;
                let events = decide::program::recovered(run);
                self.transition(key, events);
            }
        }
        Ok(())
    }

    fn signal(&mut self, key: Key<'_>, signal: &Signal) -> Result<(), Ignored> {
        let run_id = self.of_chain(key, signal.run_id);
        let asked = (&signal.workflow_id, run_id, signal.reply.as_ref());
        let cause = self.cause;
        let open = self.overlay.run_of(key);
        let named = open.filter(|run| run_id.is_none_or(|run_id| run_id == run.run_id));
        self.done.rejected = named.and_then(|run| decide::signal::refused(run, cause, signal));
        if self.done.rejected.is_some() {
            return Ok(());
        }
        self.on_open_run(key, asked, |run| decide::signal::signal(run, cause, signal))
    }

    /// Whoever names the first run of a chain means the chain: its open run.
    fn of_chain(&self, key: Key<'_>, run_id: Option<RunId>) -> Option<RunId> {
        let open = self.overlay.run_of(key);
        let named = open.filter(|run| run_id == Some(run.first_run_id()));
        named.map(|run| run.run_id).or(run_id)
    }

    /// What somebody asks of a run; without it the input is rejected.
    fn on_open_run(
        &mut self,
        key: Key<'_>,
        (workflow_id, run_id, reply): (&WorkflowId, Option<RunId>, Option<&ReplyTo>),
        decide: impl FnOnce(&Run) -> Result<Vec<Event>, Ignored>,
    ) -> Result<(), Ignored> {
        match decide::cancel::open_run(self.overlay, workflow_id, run_id, reply) {
            Ok(run) => {
                let events = decide(run)?;
                self.transition(key, events);
            }
            Err(rejection) => self.done.rejected = Some(rejection),
        }
        Ok(())
    }

    fn open(&self, key: Key<'_>, run_id: RunId) -> Result<&Run, Ignored> {
        self.overlay
            .run_of(key)
            .filter(|run| run.run_id == run_id)
            .ok_or(Ignored::Stale)
    }

    /// Applies events of the open run and whatever follows from them.
    fn transition(&mut self, key: Key<'_>, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Some(open) = self.overlay.take(key) {
            let first_seq = open.run.seq.saturating_add(1);
            self.extend(key, open, first_seq, events);
        }
    }

    /// Applies events from `first_seq` on, and whatever follows from them until the run waits or ends.
    fn extend(&mut self, key: Key<'_>, open: Box<Open>, first_seq: Seq, events: Vec<Event>) {
        let mut history = History::new(key, open, first_seq);
        self.emit(&mut history, events);
        self.journal(key, first_seq, history);
    }

    /// Has the run go on until it waits or ends, and journals what came of it.
    fn journal(&mut self, key: Key<'_>, first_seq: Seq, mut history: History<'_>) {
        self.run_until_it_waits(&mut history);
        history.open.run.copied = Copied::No;
        let History {
            open, events, next, ..
        } = history;
        self.done.transitions.push(Transition {
            run_id: Some(open.run.run_id),
            workflow_id: Some(key.workflow_id.clone()),
            first_seq,
            at: self.env.now,
            cause: self.cause.clone(),
            events,
        });
        let closed = open.run.closed.as_ref();
        // What goes on in the place of one that was reset is begun by whoever resets it.
        let goes_on = closed.is_some_and(|closed| {
            closed.new_run_id.is_some() && closed.outcome != Outcome::Terminated
        });
        self.overlay.put(key, open);
        if goes_on {
            self.go_on(key, next);
        }
    }

    fn emit(&mut self, history: &mut History<'_>, mut events: Vec<Event>) {
        let from = history.events.len();
        if history.events.is_empty() {
            history.events = events;
        } else {
            history.events.append(&mut events);
        }
        self.apply_from(history, from);
    }

    /// Applies the events from that one on, which stand in the list already.
    fn apply_from(&mut self, history: &mut History<'_>, from: usize) {
        for event in history.events.iter_mut().skip(from) {
            queue::hold_back(self.overlay, &history.open.run, event);
            let (at, of) = (
                (history.next_seq, self.env.now),
                (self.env.namespace, history.workflow_id),
            );
            decide::retry::follow(&history.open.run, at, of, event);
            let place = Place {
                seq: history.next_seq,
                at: self.env.now,
                cause: self.cause,
            };
            let run = &mut history.open.run;
            apply(
                history.workflow_id,
                run,
                place,
                event,
                &mut self.done.effects,
            );
            history.next_seq = history.next_seq.saturating_add(1);
        }
    }

    fn run_until_it_waits(&mut self, history: &mut History<'_>) {
        loop {
            let run = &mut history.open.run;
            if run.closed.is_some() {
                return;
            }
            if let Some(incident) = decide::program::full(run) {
                self.emit(history, Vec::from([incident]));
                continue;
            }
            if run.may_activate() && run.open_activation(self.env.now) {
                let events = self.activate(history);
                self.emit(history, events);
                continue;
            }
            let events = decide::undo::advance(run);
            if events.is_empty() {
                return;
            }
            self.emit(history, events);
        }
    }

    /// Activates the program with the activation that was opened; what is returned has not been applied yet.
    fn activate(&mut self, history: &mut History<'_>) -> Vec<Event> {
        let (run, from) = (&history.open.run, history.events.len());
        let (kind, error_type, message) = match self.programs.activate(history.workflow_id, run) {
            Activated::Commands(commands) => {
                let before = Before {
                    bytes: history.bytes,
                    continuations: self.continuations,
                };
                let events = &mut history.events;
                match decide::program::wanted(run, commands, before, events) {
                    Ok(wanted) => {
                        history.bytes = wanted.bytes;
                        self.apply_from(history, from);
                        return self.want(history, wanted);
                    }
                    Err(message) => {
                        history.events.truncate(from);
                        (IncidentKind::Limit, error_type::LIMIT, message)
                    }
                }
            }
            Activated::Missing => {
                let message = format!(
                    "no engine that is running has workflow {} {}",
                    run.started.workflow, run.started.version
                );
                (
                    IncidentKind::DefinitionMissing,
                    error_type::DEFINITION_MISSING,
                    message,
                )
            }
            Activated::Quarantined => {
                let message =
                    String::from("activating this run stopped its engine three times in a row");
                (IncidentKind::Quarantined, error_type::QUARANTINED, message)
            }
            Activated::Panicked(message) => (IncidentKind::Panic, error_type::PANIC, message),
            Activated::Nondeterministic(message) => (
                IncidentKind::Nondeterminism,
                error_type::NONDETERMINISM,
                message,
            ),
        };
        history.open.run.revoke_activation();
        Vec::from([decide::program::incident(kind, error_type, message)])
    }

    /// What follows from an activation whose commands' own events have been applied; returned are those that have not.
    fn want(&mut self, history: &mut History<'_>, wanted: decide::program::Wanted) -> Vec<Event> {
        if let Some(end) = wanted.end {
            let run = &history.open.run;
            let no_compensation = end.outcome == Outcome::Canceled
                && run.cancel.as_ref().is_some_and(|asked| !asked.compensate);
            let events = decide::undo::end(run, end, !no_compensation);
            self.emit(history, events);
        }
        if let Some(next) = wanted.next {
            let of = (self.env.namespace, history.workflow_id);
            let events = decide::chain::end(&history.open.run, history.next_seq, of);
            self.emit(history, events);
            history.next = Some(next);
        }
        let run = &mut history.open.run;
        if run.closed.is_some() {
            return Vec::new();
        }
        let mut events = decide::program::following(run, wanted.refused);
        if events.is_empty()
            && let Some(deadlock) = decide::program::deadlock(run)
        {
            // A reader sees an activation by its commands: one without, whose run is blocked, has not happened.
            // One that a reset cut is in the copies.
            let is_empty = |last: &ActivationRecord| last.commands.is_empty();
            if run.activations.last().is_some_and(is_empty) && !run.resumes() {
                run.revoke_activation();
            }
            events.push(deadlock);
        }
        events
    }
}

/// The history of one run as this input extends it.
struct History<'a> {
    workflow_id: &'a WorkflowId,
    open: Box<Open>,
    next_seq: Seq,
    events: Vec<Event>,
    /// Bytes of payloads that the program has asked for: what it asks for without waiting has an end.
    bytes: usize,
    /// What the run that goes on in its place is to do.
    next: Option<Next>,
}

impl<'a> History<'a> {
    const fn new(key: Key<'a>, open: Box<Open>, next_seq: Seq) -> Self {
        Self {
            workflow_id: key.workflow_id,
            open,
            next_seq,
            events: Vec::new(),
            bytes: 0,
            next: None,
        }
    }
}
