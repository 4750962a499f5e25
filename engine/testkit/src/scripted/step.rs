//! Steps of a simulated saga: how each is made, and undone.

use sagaline_core::{
    ActivityId, OnExhausted, Payload, RetryPolicy,
    program::{ProgramCommand, RegisterCompensation, ScheduleActivity},
};

use super::{Scripted, name};
use crate::{
    counters::UNDO,
    plan::{Step, Undo},
};

impl Scripted {
    pub(super) fn register(&mut self, compensates: ActivityId, step: &Step) -> ProgramCommand {
        ProgramCommand::RegisterCompensation(RegisterCompensation {
            activity_id: self.next_id(),
            activity: name(format!("{UNDO}{compensates}")),
            task_queue: name(step.queue_name()),
            input: Payload::json(self.key_of(compensates).into_bytes()),
            retry: RetryPolicy {
                initial_interval_ms: 500,
                maximum_attempts: step.attempts.saturating_mul(2),
                on_exhausted: if step.park {
                    OnExhausted::Park
                } else {
                    OnExhausted::Fail
                },
                ..RetryPolicy::default()
            },
            timeouts: step.timeouts(),
            compensates,
            group: step
                .grouped
                .then_some(u32::try_from(self.stage).unwrap_or_default()),
        })
    }

    pub(super) fn schedule(
        &mut self,
        step: &Step,
        activity: String,
        commands: &mut Vec<ProgramCommand>,
    ) {
        let activity_id = self.next_id();
        commands.push(ProgramCommand::ScheduleActivity(ScheduleActivity {
            activity_id,
            activity: name(activity),
            task_queue: name(step.queue_name()),
            input: Payload::new("text/plain", vec![b'i'; step.bytes as usize]),
            retry: RetryPolicy {
                initial_interval_ms: 500,
                maximum_interval_ms: 5_000,
                maximum_attempts: step.attempts,
                on_exhausted: if step.park {
                    OnExhausted::Park
                } else {
                    OnExhausted::Fail
                },
                ..RetryPolicy::default()
            },
            timeouts: step.timeouts(),
            compensable: step.undo != Undo::None,
        }));
        if step.undo == Undo::OnScheduling {
            commands.push(self.register(activity_id, step));
        }
        self.pending.insert(activity_id, step.clone());
    }
}
