//! What a person does to a run: to an open one, or to one that is closed and shall be shown to nobody any more.

use super::Work;
use crate::{
    Act, Operate, RunId,
    decide::{self, Ignored},
    state::Key,
};

impl Work<'_, '_> {
    pub(super) fn operate(&mut self, key: Key<'_>, command: &Operate) -> Result<(), Ignored> {
        if command.act == Act::Delete && !self.is_open(key, command.run_id) {
            match decide::operate::delete::delete(self.overlay, command) {
                Ok(events) => self.without_run(&command.workflow_id, events),
                Err(rejection) => self.done.rejected = Some(rejection),
            }
            return Ok(());
        }
        if let Act::Reset(to) = &command.act {
            return self.reset(key, command, to);
        }
        let reply = command.reply.as_ref();
        let asked = (&command.workflow_id, command.run_id, reply);
        let (cause, now) = (self.cause, self.env.now);
        let operate = |run: &_| decide::operate::operate(run, now, cause, command);
        self.on_open_run(key, asked, operate)
    }

    /// Whether that run of the id is open; none: any.
    fn is_open(&self, key: Key<'_>, run_id: Option<RunId>) -> bool {
        let open = self.overlay.run_of(key);
        open.is_some_and(|run| run_id.is_none_or(|run_id| run_id == run.run_id))
    }
}
