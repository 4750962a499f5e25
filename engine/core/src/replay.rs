//! Rebuilding a program from what its run remembers, and telling when it is no longer the same program.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use crate::{
    ActivityId, Name, Run, WorkflowId,
    program::{Activation, CommandKind, Job, Program, ProgramCommand, Recorded},
    run::ActivationRecord,
};

/// Gives `program` all activations of `run`; returns the commands of the last.
///
/// All but the last must give the recorded commands again, in kind, name, number and order; inputs and options may differ.
/// To stop an activity that is over is no command: it changes nothing, live or on replay.
///
/// # Errors
/// The first difference, both sides in words.
pub fn replay(
    program: &mut dyn Program,
    workflow_id: &WorkflowId,
    run: &Run,
) -> Result<Vec<ProgramCommand>, String> {
    let activations = run.activations.to_vec();
    let Some((last, earlier)) = activations.split_last() else {
        return Ok(Vec::new());
    };
    let mut history = History::default();
    for activation in earlier {
        history.check(program, workflow_id, run, activation)?;
    }
    match run.resumes() {
        true => history.finish(program, workflow_id, run, last),
        false => Ok(activate(program, workflow_id, run, last, Given::Live)),
    }
}

/// Gives `program` every activation of `run`, the last one too, and checks each.
///
/// # Errors
/// The first difference, both sides in words.
pub fn verify(
    program: &mut dyn Program,
    workflow_id: &WorkflowId,
    run: &Run,
) -> Result<(), String> {
    let mut history = History::default();
    run.activations
        .to_vec()
        .into_iter()
        .try_for_each(|activation| history.check(program, workflow_id, run, activation))
}

/// Gives `program` the last activation of `run`, live.
pub fn activate_last(
    program: &mut dyn Program,
    workflow_id: &WorkflowId,
    run: &Run,
) -> Vec<ProgramCommand> {
    run.activations
        .last()
        .map(|last| activate(program, workflow_id, run, last, Given::Live))
        .unwrap_or_default()
}

/// History as far as it was replayed.
#[derive(Default)]
struct History {
    /// Activities that could still be asked to stop, and timers that could be forgotten.
    pending: BTreeSet<ActivityId>,
}

impl History {
    fn check(
        &mut self,
        program: &mut dyn Program,
        workflow_id: &WorkflowId,
        run: &Run,
        activation: &ActivationRecord,
    ) -> Result<(), String> {
        let recorded = Given::All(&activation.commands);
        let commands = activate(program, workflow_id, run, activation, recorded);
        let left = self.compare((activation, is_last_of(run, activation)), &commands)?;
        match self.next(&mut left.iter(), None) {
            None => Ok(()),
            Some(extra) => {
                let after = activation.commands.last().map_or(0, |last| last.seq);
                Err(format!(
                    "after event {after} the history has nothing, the program now wants {}",
                    extra.in_words()
                ))
            }
        }
    }

    /// An activation of which the history has the first commands alone: gives those that are left.
    fn finish(
        &mut self,
        program: &mut dyn Program,
        workflow_id: &WorkflowId,
        run: &Run,
        activation: &ActivationRecord,
    ) -> Result<Vec<ProgramCommand>, String> {
        let recorded = Given::First(&activation.commands);
        let mut commands = activate(program, workflow_id, run, activation, recorded);
        let left = self.compare((activation, false), &commands)?.len();
        Ok(commands.split_off(commands.len().saturating_sub(left)))
    }

    /// Whether the commands begin with those that are recorded; gives the others. `is_last`: the run was ended from outside
    /// behind this activation.
    fn compare<'a>(
        &mut self,
        (activation, is_last): (&ActivationRecord, bool),
        commands: &'a [ProgramCommand],
    ) -> Result<&'a [ProgramCommand], String> {
        activation.jobs.iter().for_each(|job| self.job(job));
        let recorded = &activation.commands;
        let mut wanted = commands.iter();
        for (index, recorded) in recorded.iter().enumerate() {
            let expected = Asked::from(recorded);
            let mut ahead = wanted.clone();
            match self.next(&mut ahead, Some(&expected)) {
                Some(have) if have == expected => {
                    wanted = ahead;
                    self.command(recorded);
                }
                _ if stops_at_end(
                    recorded,
                    activation.commands.iter().skip(index.saturating_add(1)),
                ) => {}
                _ if is_last && stops_all(activation.commands.iter().skip(index)) => {}
                _ if recorded.kind == CommandKind::RecordVersion => {}
                have => {
                    let have = have.map_or_else(|| String::from("nothing"), |have| have.in_words());
                    return Err(format!(
                        "event {} is {}, the program now wants {have}",
                        recorded.seq,
                        expected.in_words()
                    ));
                }
            }
        }
        Ok(wanted.as_slice())
    }

    /// The next command; to stop what need not stop is none, and left no event.
    fn next<'a>(
        &self,
        wanted: &mut impl Iterator<Item = &'a ProgramCommand>,
        expected: Option<&Asked<'_>>,
    ) -> Option<Asked<'a>> {
        wanted.filter_map(Asked::of).find(|asked| {
            let stops = matches!(
                asked.kind,
                CommandKind::CancelActivity | CommandKind::CancelTimer | CommandKind::CancelChild
            );
            let is_pending = asked.id.is_some_and(|id| self.pending.contains(&id));
            !stops || is_pending || expected == Some(asked)
        })
    }

    fn job(&mut self, job: &Job) {
        match job {
            Job::ActivityCompleted { activity_id, .. }
            | Job::ActivityFailed { activity_id, .. }
            | Job::ActivityCanceled { activity_id }
            | Job::ChildCompleted {
                child_id: activity_id,
                ..
            }
            | Job::ChildFailed {
                child_id: activity_id,
                ..
            }
            | Job::ChildCanceled {
                child_id: activity_id,
            }
            | Job::TimerFired {
                timer_id: activity_id,
            } => {
                self.pending.remove(activity_id);
            }
            Job::Started { .. }
            | Job::SignalReceived { .. }
            | Job::UpdateAccepted { .. }
            | Job::CancelRequested { .. }
            | Job::SignalDelivered { .. }
            | Job::SignalFailed { .. }
            | Job::Ended => {}
        }
    }

    fn command(&mut self, recorded: &Recorded) {
        match recorded.kind {
            CommandKind::ScheduleActivity | CommandKind::StartTimer | CommandKind::StartChild => {
                self.pending.extend(recorded.id);
            }
            CommandKind::CancelActivity | CommandKind::CancelTimer | CommandKind::CancelChild => {
                self.pending.retain(|id| Some(*id) != recorded.id);
            }
            CommandKind::RegisterCompensation
            | CommandKind::RecordMarker
            | CommandKind::RecordVersion
            | CommandKind::UpsertAttributes
            | CommandKind::CompleteUpdate
            | CommandKind::SignalExternal
            | CommandKind::Complete
            | CommandKind::Fail
            | CommandKind::Cancel
            | CommandKind::ContinueAsNew => {}
        }
    }
}

/// Whether the engine asked the activity to stop because the program, which left it under way, ended; `behind` are the
/// commands behind it.
fn stops_at_end<'a>(recorded: &Recorded, mut behind: impl Iterator<Item = &'a Recorded>) -> bool {
    let stops = |one: &Recorded| one.kind == CommandKind::CancelActivity;
    let next = behind.find(|one| !stops(one));
    stops(recorded) && next.is_some_and(|one| one.kind.is_end())
}

/// What is recorded of an activation's commands.
enum Given<'a> {
    /// Nothing: it happens now.
    Live,
    /// Each.
    All(&'a [Recorded]),
    /// The first ones; the others happen now.
    First(&'a [Recorded]),
}

/// Whether all that is left are stops: of a run that was ended from outside the engine asked for them.
fn stops_all<'a>(mut left: impl Iterator<Item = &'a Recorded>) -> bool {
    left.all(|one| one.kind == CommandKind::CancelActivity)
}

/// Whether a run was ended without its program, by a person or because its time ran out, and that activation was its last.
fn is_last_of(run: &Run, activation: &ActivationRecord) -> bool {
    let by_program = activation.commands.iter().any(|one| one.kind.is_end());
    let last = run.activations.last();
    let is_last = last.is_some_and(|last| core::ptr::eq(last, activation));
    run.closed.is_some() && is_last && !by_program
}

fn activate(
    program: &mut dyn Program,
    workflow_id: &WorkflowId,
    run: &Run,
    activation: &ActivationRecord,
    given: Given<'_>,
) -> Vec<ProgramCommand> {
    let (recorded, is_cut) = match given {
        Given::Live => (None, false),
        Given::All(recorded) => (Some(recorded), false),
        Given::First(recorded) => (Some(recorded), true),
    };
    program.activate(Activation {
        run_id: run.run_id,
        workflow_id,
        chain: run.started.chain.as_deref(),
        at: activation.at,
        jobs: &activation.jobs,
        reset: run.reset(),
        recorded,
        is_cut,
        history: activation.history,
        suggests_continuing: activation.history.suggests_continuing(run.carried),
    })
}

/// What replay compares of a command.
#[derive(PartialEq, Eq)]
struct Asked<'a> {
    kind: CommandKind,
    name: Option<&'a Name>,
    id: Option<ActivityId>,
}

impl Asked<'_> {
    fn in_words(&self) -> String {
        let kind = match self.kind {
            CommandKind::ScheduleActivity => "to schedule activity",
            CommandKind::CancelActivity => "to cancel activity",
            CommandKind::RegisterCompensation => "to register compensation",
            CommandKind::RecordMarker => "to record marker",
            CommandKind::UpsertAttributes => "to change its attributes or memo",
            CommandKind::RecordVersion => "to record the version of change",
            CommandKind::Complete => "to complete",
            CommandKind::Fail => "to fail",
            CommandKind::Cancel => "to end as cancelled",
            CommandKind::StartTimer => "to start timer",
            CommandKind::CancelTimer => "to cancel timer",
            CommandKind::StartChild => "to start child",
            CommandKind::CancelChild => "to cancel child",
            CommandKind::ContinueAsNew => "to continue as new",
            CommandKind::CompleteUpdate => "to complete update",
            CommandKind::SignalExternal => "to send signal",
        };
        let mut words = String::from(kind);
        if let Some(name) = self.name {
            words.push(' ');
            words.push_str(name.as_str());
        }
        if let Some(id) = self.id {
            words.push_str(&format!(" (number {id})"));
        }
        words
    }
}

impl<'a> From<&'a Recorded> for Asked<'a> {
    fn from(recorded: &'a Recorded) -> Self {
        // The name of a cancelled activity, or child, is for people; its number is what the program said.
        let is_of_number = matches!(
            recorded.kind,
            CommandKind::CancelActivity | CommandKind::CancelChild
        );
        let name = recorded.name.as_ref().filter(|_| !is_of_number);
        Self {
            kind: recorded.kind,
            name,
            id: recorded.id,
        }
    }
}

impl<'a> Asked<'a> {
    /// What waits say is for people: replay does not compare it.
    fn of(command: &'a ProgramCommand) -> Option<Self> {
        let (kind, name, id) = match command {
            ProgramCommand::RecordWaits(_) => return None,
            ProgramCommand::ScheduleActivity(command) => (
                CommandKind::ScheduleActivity,
                Some(&command.activity),
                Some(command.activity_id),
            ),
            ProgramCommand::CancelActivity { activity_id } => {
                (CommandKind::CancelActivity, None, Some(*activity_id))
            }
            ProgramCommand::StartChild(command) => (
                CommandKind::StartChild,
                Some(&command.workflow),
                Some(command.child_id),
            ),
            ProgramCommand::CancelChild { child_id, .. } => {
                (CommandKind::CancelChild, None, Some(*child_id))
            }
            ProgramCommand::RegisterCompensation(command) => (
                CommandKind::RegisterCompensation,
                Some(&command.activity),
                Some(command.activity_id),
            ),
            ProgramCommand::RecordMarker { kind, name, .. } => {
                (CommandKind::of_marker(kind), Some(name), None)
            }
            ProgramCommand::UpsertAttributes { .. } => (CommandKind::UpsertAttributes, None, None),
            ProgramCommand::Complete { .. } => (CommandKind::Complete, None, None),
            ProgramCommand::Fail { .. } => (CommandKind::Fail, None, None),
            ProgramCommand::Cancel { .. } => (CommandKind::Cancel, None, None),
            ProgramCommand::ContinueAsNew { .. } => (CommandKind::ContinueAsNew, None, None),
            ProgramCommand::StartTimer { timer_id, .. } => {
                (CommandKind::StartTimer, None, Some(*timer_id))
            }
            ProgramCommand::SignalExternal(command) => (
                CommandKind::SignalExternal,
                Some(&command.signal),
                Some(command.signal_id),
            ),
            ProgramCommand::CancelTimer { timer_id } => {
                (CommandKind::CancelTimer, None, Some(*timer_id))
            }
            ProgramCommand::CompleteUpdate { update_id, .. } => {
                (CommandKind::CompleteUpdate, Some(update_id), None)
            }
        };
        Some(Self { kind, name, id })
    }
}
