//! A start and a message in one: the open run of the id is sent only the message.
//!
//! What begins is given both at once: a reader of the journal tells activations by their commands, and the first may have
//! none. An update needs its program's word before: it is asked on a copy of the run, whose first activation is forgotten.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::Work;
use crate::{
    Event, Failure, IdConflict, Message, Name, Payload, Run, Signal, Start, StartWith,
    decide::{self, Ignored, activity::too_large, start::Decision},
    error_type::{BLOCKED, PAYLOAD_TOO_LARGE},
    event::{AnswerOutcome, RejectReason, SignalReceived},
    program::{Activated, Question},
    state::Key,
};

impl Work<'_, '_> {
    pub(super) fn start_with(&mut self, key: Key<'_>, with: &StartWith) -> Result<(), Ignored> {
        let StartWith { start, message } = with;
        let (name, input) = match message {
            Message::Signal { signal, input } => (signal, input),
            Message::Update(update) => (&update.update, &update.input),
        };
        if input.is_too_large() {
            let message = too_large(name, input).message;
            let rejection = decide::Rejection::new(RejectReason::TooLarge, message.into_string());
            let rejection = rejection.answered(start.reply.as_ref(), PAYLOAD_TOO_LARGE);
            self.done.rejected = Some(rejection);
            return Ok(());
        }
        if let Some(Decision::Rejected(rejection)) = decide::start::reserved(start) {
            self.done.rejected = Some(rejection);
            return Ok(());
        }
        let identity = self.cause.identity();
        let run = self.overlay.run_of(key);
        let is_repeat = |run: &Run| run.seen.contains(identity) || run.starts.contains(identity);
        match (run.map(is_repeat), message) {
            (Some(is_repeat), message)
                if is_repeat || start.id_conflict == IdConflict::UseExisting =>
            {
                match message {
                    Message::Signal { signal, input } => {
                        self.done.rejected = self.refused(key, with, (signal, input));
                        if self.done.rejected.is_some() {
                            return Ok(());
                        }
                        let event = SignalReceived {
                            signal: signal.clone(),
                            input: input.clone(),
                            sender: None,
                        };
                        let event = (!is_repeat).then(|| Event::from(event));
                        self.signal_of_start(key, start, event)
                    }
                    Message::Update(update) => self.update(key, update),
                }
            }
            _ => self.start(key, start, Some(message)),
        }
    }

    /// Why the open run takes no more signals, if it does not.
    fn refused(
        &self,
        key: Key<'_>,
        with: &StartWith,
        (signal, input): (&Name, &Payload),
    ) -> Option<decide::Rejection> {
        let signal = Signal {
            workflow_id: with.start.workflow_id.clone(),
            run_id: None,
            signal: signal.clone(),
            input: input.clone(),
            reply: with.start.reply.clone(),
        };
        decide::signal::refused(self.overlay.run_of(key)?, self.cause, &signal)
    }

    /// The open run is sent the signal, unless it was before; the caller is answered as of any start.
    fn signal_of_start(
        &mut self,
        key: Key<'_>,
        start: &Start,
        signal: Option<Event>,
    ) -> Result<(), Ignored> {
        let identity = self.cause.identity();
        let reply = match decide::start::decide(self.overlay, identity, start, self.programs) {
            Decision::Existing(reply) => Some(reply),
            Decision::Ignored(Ignored::Already) => None,
            Decision::Ignored(ignored) => return Err(ignored),
            // The run is open, and the start takes it.
            Decision::Started { .. } | Decision::Refused(_) | Decision::Rejected(_) => None,
        };
        let is_refused = reply
            .as_ref()
            .is_some_and(|reply| reply.answer.outcome == AnswerOutcome::Rejected);
        let signal = signal.filter(|_| !is_refused);
        let events: Vec<Event> = signal.into_iter().chain(reply.map(Event::from)).collect();
        self.transition(key, events);
        Ok(())
    }

    /// What follows a run's first event: the answer to its start, and what it is sent with it.
    pub(super) fn told_at_start(
        &mut self,
        run: &Run,
        (start, message): (&Start, Option<&Message>),
        program_missing: bool,
    ) -> Vec<Event> {
        let reply = start.reply.as_ref();
        let accepted = reply.map(|reply| Event::from(decide::accepted(reply, true)));
        match message {
            None => accepted.into_iter().collect(),
            Some(Message::Signal { signal, input }) => {
                let event = SignalReceived {
                    signal: signal.clone(),
                    input: input.clone(),
                    sender: None,
                };
                [event.into()].into_iter().chain(accepted).collect()
            }
            Some(Message::Update(update)) => {
                let question = Question::Validate {
                    update: &update.update,
                    input: &update.input,
                };
                let ask = |run: &Run| match program_missing {
                    true => Err(blocked(String::from(
                        "no engine that is running has its workflow",
                    ))),
                    false => self.ask_ahead(start, run, question),
                };
                decide::update::update(run, update, ask).unwrap_or_default()
            }
        }
    }

    /// What the program would say after its first activation, which has not happened yet.
    fn ask_ahead(
        &mut self,
        start: &Start,
        run: &Run,
        question: Question<'_>,
    ) -> Result<(), Failure> {
        let mut ahead = Box::new(run.clone());
        ahead.open_activation(self.env.now);
        match self.programs.activate(&start.workflow_id, &ahead) {
            Activated::Commands(_) => {}
            Activated::Missing => {
                return Err(blocked(format!(
                    "no engine has workflow {}",
                    start.workflow
                )));
            }
            Activated::Panicked(message) | Activated::Nondeterministic(message) => {
                return Err(blocked(message));
            }
            Activated::Quarantined => return Err(blocked(String::from("it is quarantined"))),
        }
        let answer = self.programs.inquire(&start.workflow_id, &ahead, question);
        answer.map(drop)
    }
}

fn blocked(why: String) -> Failure {
    Failure::new(Name::from(BLOCKED), format!("the run cannot begin: {why}"))
}
