//! Drives a program by hand as an engine would: what happened goes in, what it wants comes out, and both are kept so that
//! the run can be rebuilt from history.

use sagaline_core::{
    ActivityId, Failure, Name, Payload, RunId, Seq, Timestamp, WorkflowId,
    program::{Activation, CommandKind, Job, Program, ProgramCommand, Recorded, VERSION_MARKER},
    run::HistorySize,
};
use sagaline_sdk::Workflows;
use serde::Serialize;

/// A run and its history.
pub(crate) struct Drive {
    workflows: Workflows,
    name: &'static str,
    program: Box<dyn Program>,
    pub(crate) history: Vec<Entry>,
}

/// One activation.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) jobs: Vec<Job>,
    pub(crate) commands: Vec<ProgramCommand>,
}

impl Drive {
    /// A run that has not begun.
    pub(crate) fn new(workflows: Workflows, name: &'static str) -> Self {
        let program = program(&workflows, name);
        Self {
            workflows,
            name,
            program,
            history: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self, input: impl Serialize) -> Vec<ProgramCommand> {
        self.give(vec![Job::Started { input: json(input) }])
    }

    pub(crate) fn complete(&mut self, id: u32, result: impl Serialize) -> Vec<ProgramCommand> {
        self.give(vec![completed(id, result)])
    }

    pub(crate) fn fail(&mut self, id: u32, error_type: &'static str) -> Vec<ProgramCommand> {
        self.give(vec![failed(id, error_type)])
    }

    pub(crate) fn cancel(&mut self, reason: &str) -> Vec<ProgramCommand> {
        self.give(vec![Job::CancelRequested {
            reason: Some(reason.into()),
        }])
    }

    pub(crate) fn canceled(&mut self, id: u32) -> Vec<ProgramCommand> {
        self.give(vec![Job::ActivityCanceled {
            activity_id: activity(id),
        }])
    }

    pub(crate) fn fire(&mut self, id: u32) -> Vec<ProgramCommand> {
        self.give(vec![Job::TimerFired {
            timer_id: activity(id),
        }])
    }

    /// One activation; each is a second after the one before.
    pub(crate) fn give(&mut self, jobs: Vec<Job>) -> Vec<ProgramCommand> {
        let at = Timestamp::from_millis(1_000 * (1 + self.history.len() as i64));
        let commands = activate(&mut *self.program, at, &jobs, None);
        self.history.push(Entry {
            at,
            jobs,
            commands: commands.clone(),
        });
        commands
    }

    /// Rebuilds the run from its first activations, as another engine would, and says where it differs from history.
    pub(crate) fn rebuild(&mut self, activations: usize) -> Result<(), String> {
        self.program = program(&self.workflows, self.name);
        for (number, entry) in self.history[..activations].iter().enumerate() {
            let recorded: Vec<Recorded> = entry.commands.iter().filter_map(recorded).collect();
            let commands = activate(&mut *self.program, entry.at, &entry.jobs, Some(&recorded));
            if commands != entry.commands {
                return Err(format!(
                    "activation {number}: {commands:?}\ninstead of {:?}",
                    entry.commands
                ));
            }
        }
        self.history.truncate(activations);
        Ok(())
    }
}

impl Drive {
    /// Rebuilds the run from its first activation, of whose commands history has so many.
    pub(crate) fn finish(&mut self, commands: usize) -> Vec<ProgramCommand> {
        self.program = program(&self.workflows, self.name);
        let entry = &self.history[0];
        let recorded: Vec<Recorded> = entry.commands.iter().filter_map(recorded).collect();
        let first = &recorded[..commands];
        give(
            &mut *self.program,
            (entry.at, &entry.jobs),
            (Some(first), true),
        )
    }
}

fn program(workflows: &Workflows, name: &str) -> Box<dyn Program> {
    let version = workflows.resolve(name, None).unwrap();
    workflows.program(name, version).unwrap()
}

pub(crate) fn activate(
    program: &mut dyn Program,
    at: Timestamp,
    jobs: &[Job],
    recorded: Option<&[Recorded]>,
) -> Vec<ProgramCommand> {
    give(program, (at, jobs), (recorded, false))
}

fn give(
    program: &mut dyn Program,
    (at, jobs): (Timestamp, &[Job]),
    (recorded, is_cut): (Option<&[Recorded]>, bool),
) -> Vec<ProgramCommand> {
    let workflow_id = WorkflowId::new("w-1").unwrap();
    let run_id = RunId::derive("test", &workflow_id, b"start");
    program.activate(Activation {
        run_id,
        workflow_id: &workflow_id,
        chain: None,
        reset: None,
        at,
        jobs,
        recorded,
        is_cut,
        history: HistorySize::default(),
        suggests_continuing: false,
    })
}

/// A command as history remembers it; what is for people alone it does not.
pub(crate) fn recorded(command: &ProgramCommand) -> Option<Recorded> {
    let (kind, name, id, value) = match command {
        ProgramCommand::RecordWaits(_) => return None,
        ProgramCommand::ScheduleActivity(it) => (
            CommandKind::ScheduleActivity,
            Some(it.activity.clone()),
            Some(it.activity_id),
            None,
        ),
        ProgramCommand::CancelActivity { activity_id } => {
            (CommandKind::CancelActivity, None, Some(*activity_id), None)
        }
        ProgramCommand::RegisterCompensation(it) => (
            CommandKind::RegisterCompensation,
            Some(it.activity.clone()),
            Some(it.activity_id),
            None,
        ),
        ProgramCommand::StartChild(it) => (
            CommandKind::StartChild,
            Some(it.workflow.clone()),
            Some(it.child_id),
            None,
        ),
        ProgramCommand::CancelChild { child_id, .. } => {
            (CommandKind::CancelChild, None, Some(*child_id), None)
        }
        ProgramCommand::RecordMarker { kind, name, value } => (
            match kind.as_str() {
                VERSION_MARKER => CommandKind::RecordVersion,
                _ => CommandKind::RecordMarker,
            },
            Some(name.clone()),
            None,
            Some(Box::new(value.clone())),
        ),
        ProgramCommand::CompleteUpdate { update_id, .. } => (
            CommandKind::CompleteUpdate,
            Some(update_id.clone()),
            None,
            None,
        ),
        ProgramCommand::Complete { .. } => (CommandKind::Complete, None, None, None),
        ProgramCommand::Fail { .. } => (CommandKind::Fail, None, None, None),
        ProgramCommand::Cancel { .. } => (CommandKind::Cancel, None, None, None),
        ProgramCommand::UpsertAttributes { .. } => {
            (CommandKind::UpsertAttributes, None, None, None)
        }
        ProgramCommand::ContinueAsNew { .. } => (CommandKind::ContinueAsNew, None, None, None),
        ProgramCommand::StartTimer { timer_id, .. } => {
            (CommandKind::StartTimer, None, Some(*timer_id), None)
        }
        ProgramCommand::CancelTimer { timer_id } => {
            (CommandKind::CancelTimer, None, Some(*timer_id), None)
        }
        ProgramCommand::SignalExternal(it) => (
            CommandKind::SignalExternal,
            Some(it.signal.clone()),
            Some(it.signal_id),
            None,
        ),
    };
    let seq: Seq = 1;
    Some(Recorded {
        seq,
        kind,
        name,
        id,
        value,
    })
}

pub(crate) fn json(value: impl Serialize) -> Payload {
    Payload::json(serde_json::to_vec(&value).unwrap())
}

pub(crate) fn activity(id: u32) -> ActivityId {
    ActivityId::new(id).unwrap()
}

pub(crate) fn completed(id: u32, result: impl Serialize) -> Job {
    Job::ActivityCompleted {
        activity_id: activity(id),
        result: json(result),
    }
}

pub(crate) fn failed(id: u32, error_type: &'static str) -> Job {
    Job::ActivityFailed {
        activity_id: activity(id),
        failure: Box::new(Failure::new(Name::from(error_type), "it failed")),
    }
}

/// Commands in one line each: `schedule 1 reserve-stock {"item":"tea"}`.
pub(crate) fn lines(commands: &[ProgramCommand]) -> Vec<String> {
    commands.iter().map(line).collect()
}

fn line(command: &ProgramCommand) -> String {
    let text = |payload: &Payload| String::from_utf8_lossy(payload.data()).into_owned();
    match command {
        ProgramCommand::ScheduleActivity(it) => {
            format!(
                "schedule {} {} {}",
                it.activity_id,
                it.activity,
                text(&it.input)
            )
        }
        ProgramCommand::CancelActivity { activity_id } => format!("cancel {activity_id}"),
        ProgramCommand::UpsertAttributes { .. } => "upsert".to_owned(),
        ProgramCommand::RegisterCompensation(it) => {
            format!(
                "register {} {} {} for {}",
                it.activity_id,
                it.activity,
                text(&it.input),
                it.compensates
            )
        }
        ProgramCommand::StartChild(it) => {
            let id = &it.workflow_id;
            format!(
                "child {} {} {id} {}",
                it.child_id,
                it.workflow,
                text(&it.input)
            )
        }
        ProgramCommand::CancelChild { child_id, .. } => format!("cancel child {child_id}"),
        ProgramCommand::RecordMarker { kind, name, value } => {
            format!("marker {kind} {name} {}", text(value))
        }
        ProgramCommand::RecordWaits(waits) => {
            let names: Vec<_> = waits.iter().map(|wait| wait.name.as_str()).collect();
            format!("waits for {}", names.join(", "))
        }
        ProgramCommand::CompleteUpdate { update_id, outcome } => match outcome {
            Ok(answer) => format!("answer {update_id} {}", text(answer)),
            Err(failure) => format!("answer {update_id} {}", failure.error_type),
        },
        ProgramCommand::Complete { result } => format!("complete {}", text(result)),
        ProgramCommand::ContinueAsNew { input, signals, .. } => {
            format!("continue {} with {} signals", text(input), signals.len())
        }
        ProgramCommand::Fail { failure } => {
            format!("fail {}: {}", failure.error_type, failure.message)
        }
        ProgramCommand::StartTimer { timer_id, due_at } => {
            format!("timer {timer_id} at {}", due_at.as_millis())
        }
        ProgramCommand::CancelTimer { timer_id } => format!("forget {timer_id}"),
        ProgramCommand::SignalExternal(it) => {
            let (id, to) = (it.signal_id, &it.workflow_id);
            format!("signal {id} {} to {to} {}", it.signal, text(&it.input))
        }
        ProgramCommand::Cancel { reason } => {
            format!("end canceled {}", reason.as_deref().unwrap_or("-"))
        }
    }
}
