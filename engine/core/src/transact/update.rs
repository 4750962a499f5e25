//! Updates, whose program is asked first: between activations, as it is on the overlay.

use super::Work;
use crate::{
    Run, Update,
    decide::{Ignored, cancel::open_run, update},
    program::Question,
    state::Key,
};

impl Work<'_, '_> {
    /// Without an open run the input is rejected.
    pub(super) fn update(&mut self, key: Key<'_>, command: &Update) -> Result<(), Ignored> {
        let workflow_id = &command.workflow_id;
        let reply = command.reply.as_ref();
        let run_id = self.of_chain(key, command.run_id);
        let run = match open_run(self.overlay, workflow_id, run_id, reply) {
            Ok(run) => run,
            Err(rejection) => {
                self.done.rejected = Some(rejection);
                return Ok(());
            }
        };
        let programs = &mut *self.programs;
        let question = Question::Validate {
            update: &command.update,
            input: &command.input,
        };
        let ask = |run: &Run| programs.inquire(workflow_id, run, question).map(drop);
        let events = update::update(run, command, ask)?;
        self.transition(key, events);
        Ok(())
    }
}
