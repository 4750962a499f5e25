//! Signals of a program, which come and which it sends, and updates.

use std::collections::VecDeque;

use sagaline_core::{
    Failure, Fields, Name, Payload, SignalExternal, WorkflowId, program::ProgramCommand,
};

use super::{Scripted, Word, name, number, word_on};
use crate::plan::{Sends, signal_name};

impl Scripted {
    /// Takes the next signal of a name, if one is kept.
    pub(super) fn take(&mut self, signal: &Name) -> bool {
        let kept = self.kept.get_mut(signal);
        let Some(text) = kept.and_then(VecDeque::pop_front) else {
            return false;
        };
        self.results.push((0, text));
        true
    }

    /// Takes the signal that it waits for; its nap is over then.
    pub(super) fn take_awaited(&mut self, commands: &mut Vec<ProgramCommand>) {
        let awaited = self.waiting.as_ref().map(|wait| wait.name.clone());
        if awaited.is_some_and(|name| self.take(&name)) {
            self.forget_nap(commands);
        }
    }

    /// Sends a signal to another run; its number makes its input one of a kind.
    pub(super) fn send(&mut self, sends: &Sends, commands: &mut Vec<ProgramCommand>) {
        let Ok(workflow_id) = WorkflowId::new(&sends.to) else {
            return;
        };
        let signal_id = self.next_id();
        let awaited = sends.awaited;
        commands.push(ProgramCommand::SignalExternal(Box::new(SignalExternal {
            signal_id,
            workflow_id,
            run_id: None,
            child_id: None,
            signal: name(signal_name(sends.signal)),
            input: Payload::json(format!("\"of-{}\"", self.key_of(signal_id)).into_bytes()),
            awaited,
        })));
        if awaited {
            self.sent.insert(signal_id);
        }
    }

    /// Takes an update: counts it, and ends it now or later.
    pub(super) fn update(
        &mut self,
        update_id: &Name,
        input: &Payload,
        commands: &mut Vec<ProgramCommand>,
    ) {
        if self.ended {
            return;
        }
        self.updates += 1;
        let number = number(input);
        let outcome = match word_on(number, self.updates) {
            Word::Answers(count) => Ok(Payload::json(count.to_string().into_bytes())),
            _ => Err(Failure::new(Name::from("Unlucky"), "as planned")),
        };
        let command = ProgramCommand::CompleteUpdate {
            update_id: update_id.clone(),
            outcome,
        };
        match number % 3 {
            0 => self.late.push(command),
            _ => commands.push(command),
        }
    }
}

/// Says something as an attribute; 0 takes it away.
pub(super) fn upsert(value: u8) -> Option<ProgramCommand> {
    let json = match value {
        0 => "null".to_owned(),
        value => value.to_string(),
    };
    let field = (name(format!("a{}", value % 2)), json.into_boxed_str());
    let attributes = Fields::new([field].into()).ok()?;
    Some(ProgramCommand::UpsertAttributes {
        attributes,
        memo: None,
    })
}
