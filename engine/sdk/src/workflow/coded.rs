//! A program whose payloads are encoded outside of it.

use sagaline_core::{
    Payload,
    program::{
        Activation, CommandKind, Job, Program, ProgramCommand, Recorded, SignalLeft, VERSION_MARKER,
    },
};

use crate::codec::Coding;

/// Decodes what a program is given, and encodes what it wants.
pub(super) struct Coded {
    pub(super) program: Box<dyn Program>,
    pub(super) coding: Coding,
}

impl Program for Coded {
    /// # Panics
    /// The codec fails: the run waits as an incident until an engine has the right one.
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        let jobs = activation.jobs.iter().cloned().map(|job| self.given(job));
        let jobs: Vec<Job> = jobs.collect();
        let markers = activation.recorded.map(|recorded| {
            let kept = recorded.iter().cloned().map(|one| self.kept(one));
            kept.collect::<Vec<Recorded>>()
        });
        let commands = self.program.activate(Activation {
            jobs: &jobs,
            recorded: markers.as_deref(),
            ..activation
        });
        // What is replayed is compared by kind, name and number, and goes nowhere.
        if activation.recorded.is_some() {
            return commands;
        }
        commands
            .into_iter()
            .map(|command| self.wanted(command))
            .collect()
    }
}

impl Coded {
    fn decode(&self, payload: Payload) -> Payload {
        let decoded = self.coding.decode(payload);
        decoded.unwrap_or_else(|error| panic!("{error}"))
    }

    fn encode(&self, payload: Payload) -> Payload {
        let encoded = self.coding.encode(payload);
        encoded.unwrap_or_else(|error| panic!("{error}"))
    }

    fn given(&self, job: Job) -> Job {
        match job {
            Job::Started { input } => Job::Started {
                input: self.decode(input),
            },
            Job::ActivityCompleted {
                activity_id,
                result,
            } => Job::ActivityCompleted {
                activity_id,
                result: self.decode(result),
            },
            Job::ActivityFailed {
                activity_id,
                failure,
            } => Job::ActivityFailed {
                activity_id,
                failure: Box::new(self.coding.decode_details(*failure)),
            },
            Job::ChildCompleted {
                child_id,
                result,
                numbers,
            } => Job::ChildCompleted {
                child_id,
                result: self.decode(result),
                numbers,
            },
            Job::ChildFailed { child_id, failure } => Job::ChildFailed {
                child_id,
                failure: Box::new(self.coding.decode_details(*failure)),
            },
            // A stranger's mistake must not stop the run: what is not decoded is not understood, and passed over.
            Job::SignalReceived { signal, input } => Job::SignalReceived {
                signal,
                input: self.coding.decode(input.clone()).unwrap_or(input),
            },
            other @ (Job::ActivityCanceled { .. }
            | Job::ChildCanceled { .. }
            | Job::TimerFired { .. }
            | Job::CancelRequested { .. }
            | Job::Ended) => other,
        }
    }

    fn kept(&self, mut recorded: Recorded) -> Recorded {
        if recorded.kind == CommandKind::RecordMarker
            && let Some(value) = recorded.value.take()
        {
            recorded.value = Some(Box::new(self.decode(*value)));
        }
        recorded
    }

    fn wanted(&self, command: ProgramCommand) -> ProgramCommand {
        match command {
            ProgramCommand::ScheduleActivity(mut step) => {
                step.input = self.encode(step.input);
                ProgramCommand::ScheduleActivity(step)
            }
            ProgramCommand::RegisterCompensation(mut registered) => {
                registered.input = self.encode(registered.input);
                ProgramCommand::RegisterCompensation(registered)
            }
            ProgramCommand::StartChild(mut child) => {
                child.input = self.encode(child.input);
                ProgramCommand::StartChild(child)
            }
            // The engine reads them, too.
            ProgramCommand::RecordMarker { kind, name, value }
                if kind.as_str() == VERSION_MARKER =>
            {
                ProgramCommand::RecordMarker { kind, name, value }
            }
            ProgramCommand::RecordMarker { kind, name, value } => ProgramCommand::RecordMarker {
                kind,
                name,
                value: self.encode(value),
            },
            ProgramCommand::RecordWaits(mut waits) => {
                for choice in waits.iter_mut().flat_map(|wait| &mut wait.choices) {
                    choice.input = self.encode(choice.input.clone());
                }
                ProgramCommand::RecordWaits(waits)
            }
            ProgramCommand::Complete { result } => ProgramCommand::Complete {
                result: self.encode(result),
            },
            ProgramCommand::ContinueAsNew { input, signals } => ProgramCommand::ContinueAsNew {
                input: self.encode(input),
                signals: signals.into_iter().map(|left| self.left(left)).collect(),
            },
            ProgramCommand::Fail { failure } => ProgramCommand::Fail {
                failure: self.coding.encode_details(failure),
            },
            other @ (ProgramCommand::CancelActivity { .. }
            | ProgramCommand::CancelChild { .. }
            | ProgramCommand::StartTimer { .. }
            | ProgramCommand::CancelTimer { .. }
            | ProgramCommand::UpsertAttributes { .. }
            | ProgramCommand::Cancel { .. }) => other,
        }
    }

    fn left(&self, left: SignalLeft) -> SignalLeft {
        SignalLeft {
            input: self.encode(left.input),
            ..left
        }
    }
}
