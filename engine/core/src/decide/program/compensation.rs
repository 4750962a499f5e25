//! Registrations of compensations.

use alloc::{format, string::String};

use super::{Translation, bounded, too_large};
use crate::{Event, event::CompensationRegistered, program::RegisterCompensation};

impl Translation<'_> {
    pub(super) fn register_compensation(
        &mut self,
        command: RegisterCompensation,
    ) -> Result<(), String> {
        self.take_id(command.activity_id)?;
        let scheduled = self.events.iter().skip(self.first).any(|event| {
            matches!(event, Event::ActivityScheduled(one) if one.activity_id == command.compensates)
        });
        let known = scheduled
            || self.run.activity(command.compensates).is_some()
            || self
                .run
                .steps
                .iter()
                .any(|step| step.activity_id == command.compensates);
        if !known {
            return Err(format!(
                "a compensation of activity {}, which is no step of this run",
                command.compensates
            ));
        }
        if command.input.is_too_large() {
            return Err(format!(
                "compensation {}",
                too_large(&command.activity, &command.input).message
            ));
        }
        let timeouts = command.timeouts.bounded();
        self.events.push(
            CompensationRegistered {
                activity_id: command.activity_id,
                activity: command.activity,
                task_queue: command.task_queue,
                input: command.input,
                retry: bounded(command.retry),
                start_to_close_ms: timeouts.start_to_close_ms,
                compensates: command.compensates,
                group: command.group,
                schedule_to_start_ms: timeouts.schedule_to_start_ms,
                schedule_to_close_ms: timeouts.schedule_to_close_ms,
                heartbeat_ms: timeouts.heartbeat_ms,
                child_workflow_id: None,
                child_step: None,
            }
            .into(),
        );
        Ok(())
    }
}
