//! Commands about other runs.

use alloc::{format, string::String};

use super::{Translation, too_large};
use crate::{SignalExternal, event::ExternalSignalSent};

impl Translation<'_> {
    pub(super) fn signal_external(&mut self, command: SignalExternal) -> Result<(), String> {
        self.take_id(command.signal_id)?;
        if command.input.is_too_large() {
            let message = too_large(&command.signal, &command.input).message;
            return Err(format!("signal to {}: {message}", command.workflow_id));
        }
        self.events.push(
            ExternalSignalSent {
                signal_id: command.signal_id,
                workflow_id: command.workflow_id,
                run_id: command.run_id,
                child_id: command.child_id,
                signal: command.signal,
                input: command.input,
                awaited: command.awaited,
            }
            .into(),
        );
        Ok(())
    }
}
