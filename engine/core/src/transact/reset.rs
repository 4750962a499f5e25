//! A run is reset: it ends, if it is open, and another goes on in its place from a copy of its history.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use super::{History, Work, apply, begin};
use crate::{
    ActivityId, Event, IdentityRing, Operate, Place, Position, ResetTo, Run, Seq, Transition,
    decide::{
        self, Ignored,
        program::{Before, Wanted},
        reset::{Later, Of, Plan, Refused},
    },
    error_type,
    event::ReplyRequested,
    program::Activated,
    run::Carried,
    state::{Key, Open},
};

/// What the cut left of an activation: its commands' own events, and what they come to beside.
type Rest = (Vec<Event>, Wanted);

impl Work<'_, '_> {
    pub(super) fn reset(
        &mut self,
        key: Key<'_>,
        command: &Operate,
        to: &ResetTo,
    ) -> Result<(), Ignored> {
        let reply = command.reply.as_ref();
        if self.is_repeat(key) {
            let answer = reply.map(|reply| decide::accepted(reply, false));
            let answer = answer.ok_or(Ignored::Repeat)?;
            self.tell(key, answer);
            return Ok(());
        }
        let of = Of {
            namespace: self.env.namespace,
            now: self.env.now,
            cause: self.cause,
        };
        let planned = decide::reset::plan(self.overlay, of, command, to);
        let ready = planned.and_then(|plan| Ok((self.rest(key, &plan)?, plan)));
        match ready {
            Ok((rest, plan)) => self.go_back(key, command, plan, rest),
            Err(Refused(error_type, message)) => {
                let answer = reply.map(|reply| decide::refusal(reply, error_type, message));
                let answer = answer.ok_or(Ignored::Already)?;
                self.tell(key, answer);
            }
        }
        Ok(())
    }

    /// Answers where nothing else happens: in the history of the open run, if there is one.
    fn tell(&mut self, key: Key<'_>, answer: ReplyRequested) {
        let events = Vec::from([answer.into()]);
        match self.overlay.run_of(key).is_some() {
            true => self.transition(key, events),
            false => self.without_run(key.workflow_id, events),
        }
    }

    fn is_repeat(&self, key: Key<'_>) -> bool {
        let identity = self.cause.identity();
        let closed = self.overlay.closed(key.workflow_id);
        match self.overlay.run_of(key) {
            Some(run) => run.seen.contains(identity) || run.starts.contains(identity),
            None => closed.is_some_and(|closed| closed.starts.contains(identity)),
        }
    }

    /// What the program wants more of what it was given last before the cut: asked before anything is changed.
    fn rest(&mut self, key: Key<'_>, plan: &Plan) -> Result<Option<Rest>, Refused> {
        let ahead = ahead(plan).filter(Run::resumes);
        let Some(run) = ahead else {
            return Ok(None);
        };
        let why = match self.programs.activate(key.workflow_id, &run) {
            Activated::Commands(commands) => {
                let mut events = Vec::new();
                let before = Before {
                    bytes: 0,
                    continuations: self.continuations,
                };
                match decide::program::wanted(&run, commands, before, &mut events) {
                    Ok(wanted) => return Ok(Some((events, wanted))),
                    Err(message) => message,
                }
            }
            Activated::Missing => format!(
                "no engine that is running has workflow {} {}",
                run.started.workflow, run.started.version
            ),
            Activated::Quarantined => String::from("activating it stopped its engine"),
            Activated::Panicked(message) => format!("its program panics: {message}"),
            Activated::Nondeterministic(message) => message,
        };
        let message = format!("the program cannot go on from there: {why}");
        Err(Refused(error_type::CANNOT_RESET, message))
    }

    fn go_back(&mut self, key: Key<'_>, command: &Operate, plan: Plan, rest: Option<Rest>) {
        let old = self.overlay.run_of(key).map(|run| run.run_id);
        if let Some(old) = old {
            self.transition(key, plan.ends);
            // The new run must find the old one closed.
            self.overlay.settle(key, old, Position::default());
        }
        let mut copied = None;
        for copy in plan.copies {
            self.copy(key, &mut copied, &copy);
            self.done.transitions.push(copy);
        }
        let Some(open) = copied else {
            return;
        };
        self.follow(key, command, open, rest);
        for later in plan.later {
            self.comes_again(key, &later);
        }
    }

    /// Applies one input of the history that is copied, as every reader does.
    fn copy(&mut self, key: Key<'_>, open: &mut Option<Box<Open>>, copy: &Transition) {
        let Some(run_id) = copy.run_id else {
            return;
        };
        for (seq, event) in (copy.first_seq..).zip(&copy.events) {
            let place = place(copy, seq);
            if let Event::WorkflowStarted(started) = event {
                let begun = begin::open(self.overlay, key.workflow_id, (run_id, place), started);
                *open = Some(begun);
            }
            if let Some(open) = open {
                let effects = &mut self.done.effects;
                apply(key.workflow_id, &mut open.run, place, event, effects);
            }
        }
        if let Some(open) = open {
            open.run.end_transition(copy.at);
        }
    }

    /// What follows from the cut, in one transition.
    fn follow(&mut self, key: Key<'_>, command: &Operate, open: Box<Open>, rest: Option<Rest>) {
        let in_flight: Vec<ActivityId> = open
            .run
            .activities
            .iter()
            .map(|one| one.activity_id)
            .collect();
        let first_seq = open.run.seq.saturating_add(1);
        let mut history = History::new(key, open, first_seq);
        let reply = command.reply.as_ref();
        let accepted = reply.map(|reply| Event::from(decide::accepted(reply, false)));
        self.emit(&mut history, accepted.into_iter().collect());
        if let Some((events, wanted)) = rest {
            history.bytes = wanted.bytes;
            self.emit(&mut history, events);
            let events = self.want(&mut history, wanted);
            self.emit(&mut history, events);
        }
        if history.open.run.closed.is_none() {
            let events = decide::reset::released(&history.open.run, command);
            self.emit(&mut history, events);
            let events = decide::reset::again(&history.open.run, &in_flight);
            self.emit(&mut history, events);
        }
        self.journal(key, first_seq, history);
    }

    /// A signal, or the end of a child, comes to the new run as it came to the old one.
    fn comes_again(&mut self, key: Key<'_>, later: &Later) {
        // Until the transition has its place one that has ended looks as if it were open.
        let open = self.overlay.run_of(key);
        if open.is_none_or(|run| run.closed.is_some()) {
            return;
        }
        let mut work = Work {
            overlay: &mut *self.overlay,
            env: self.env,
            cause: &later.cause,
            programs: &mut *self.programs,
            done: &mut *self.done,
            continuations: self.continuations,
        };
        let mut events = later.events.clone();
        if let Some(closed) = &later.ended {
            let run = work.overlay.run_of(key);
            let ended = run.map(|run| decide::child::closed(run, closed));
            events.extend(ended.and_then(Result::ok).unwrap_or_default());
        }
        work.transition(key, events);
    }
}

/// The new run as the copies leave it, apart from what it takes over from the id.
fn ahead(plan: &Plan) -> Option<Run> {
    let mut ahead: Option<Run> = None;
    for copy in &plan.copies {
        for (seq, event) in (copy.first_seq..).zip(&copy.events) {
            let place = place(copy, seq);
            if let Event::WorkflowStarted(started) = event {
                let started = Arc::clone(started);
                let starts = IdentityRing::default();
                let run = Run::start(plan.run_id, place, &started, starts, Carried::default());
                ahead = Some(run);
            }
            if let Some(run) = &mut ahead {
                run.apply(place, event);
            }
        }
        if let Some(run) = &mut ahead {
            run.end_transition(copy.at);
        }
    }
    ahead
}

const fn place(copy: &Transition, seq: Seq) -> Place<'_> {
    Place {
        seq,
        at: copy.at,
        cause: &copy.cause,
    }
}
