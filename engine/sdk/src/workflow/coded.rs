//! A program whose payloads are encoded outside of it.

use sagaline_core::{
    Failure, Name, Payload,
    error_type::BLOCKED,
    event::{CarriedChild, Chain},
    program::{
        Activation, CommandKind, Inquired, Inquiry, Job, Program, ProgramCommand, Question,
        Recorded, SignalLeft, VERSION_MARKER,
    },
};

use crate::{Error, codec::Coding};

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
        // Its children are looked at when the run begins, and then no more.
        let begins = matches!(activation.jobs, [Job::Started { .. }, ..]);
        let chain = activation.chain.filter(|_| begins);
        let chain = chain.map(|chain| self.taken_over(chain.clone()));
        let commands = self.program.activate(Activation {
            chain: chain.as_ref().or(activation.chain),
            jobs: &jobs,
            recorded: markers.as_deref(),
            ..activation
        });
        // What is replayed is compared by kind, name and number, and goes nowhere.
        if activation.recorded.is_some() && !activation.is_cut {
            return commands;
        }
        commands
            .into_iter()
            .map(|command| self.wanted(command))
            .collect()
    }

    /// A codec that fails says nothing about the question: another engine may have the key.
    fn inquire(&mut self, inquiry: Inquiry<'_>) -> Inquired {
        let (Question::Query { input, .. } | Question::Validate { input, .. }) = inquiry.question;
        let input = match self.coding.decode(input.clone()) {
            Ok(input) => input,
            Err(error) => return blocked(&error),
        };
        let question = match inquiry.question {
            Question::Query { query, .. } => Question::Query {
                query,
                input: &input,
            },
            Question::Validate { update, .. } => Question::Validate {
                update,
                input: &input,
            },
        };
        match self.program.inquire(Inquiry {
            question,
            ..inquiry
        }) {
            Inquired::Answered(answer) => match self.coding.encode(answer) {
                Ok(answer) => Inquired::Answered(answer),
                Err(error) => blocked(&error),
            },
            Inquired::Refused(failure) => Inquired::Refused(self.coding.encode_details(failure)),
            Inquired::Changed => Inquired::Changed,
        }
    }
}

fn blocked(error: &Error) -> Inquired {
    Inquired::Refused(Failure::new(Name::from(BLOCKED), error.message()))
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
            Job::UpdateAccepted {
                update_id,
                update,
                input,
            } => Job::UpdateAccepted {
                update_id,
                update,
                input: self.decode(input),
            },
            other @ (Job::ActivityCanceled { .. }
            | Job::SignalDelivered { .. }
            | Job::SignalFailed { .. }
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
            ProgramCommand::SignalExternal(mut signal) => {
                signal.input = self.encode(signal.input);
                ProgramCommand::SignalExternal(signal)
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
            ProgramCommand::CompleteUpdate { update_id, outcome } => {
                let outcome = match outcome {
                    Ok(answer) => Ok(self.encode(answer)),
                    Err(failure) => Err(self.coding.encode_details(failure)),
                };
                ProgramCommand::CompleteUpdate { update_id, outcome }
            }
            ProgramCommand::ContinueAsNew {
                input,
                signals,
                children,
            } => ProgramCommand::ContinueAsNew {
                input: self.encode(input),
                signals: signals.into_iter().map(|left| self.left(left)).collect(),
                children: children
                    .into_iter()
                    .map(|one| self.handed_on(one))
                    .collect(),
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

    fn handed_on(&self, child: CarriedChild) -> CarriedChild {
        let encoded = |failure| self.coding.encode_details(failure);
        CarriedChild {
            result: child.result.map(|result| self.encode(result)),
            failure: child.failure.map(encoded),
            ..child
        }
    }

    fn taken_over(&self, chain: Chain) -> Chain {
        let decoded = |failure| self.coding.decode_details(failure);
        let children = chain.children.into_iter().map(|child| CarriedChild {
            result: child.result.map(|result| self.decode(result)),
            failure: child.failure.map(decoded),
            ..child
        });
        Chain {
            children: children.collect(),
            ..chain
        }
    }
}
