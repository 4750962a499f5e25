//! Children: started, awaited, stopped, and what they leave to their parent to undo.

mod late;
mod refused;

use std::collections::BTreeSet;

use sagaline_core::{
    ActivityId, CHILD_DEPTH_MAX, ChildMessage, Command, Event, Failure, HANDED_OVER_BYTES_MAX,
    IdConflict, IdReuse, Name, Parent as ParentOf, Payload, Report, RetryPolicy, RunId, Start,
    StartChild, Stop, Transacted, WorkflowId,
    event::ParentClosePolicy,
    program::{
        Activation, Job, Program, ProgramCommand, RegisterCompensation, ScheduleActivity, Timeouts,
    },
    run::RegistrationState,
};

use crate::{World, cancel, start, terminate};

/// Starts as many children `c1`, `c2` … of workflow `steps` as its input says, and awaits them, or ends at once:
/// `"2 terminate"`, `"1 abandon leave"`. It fails with the first failure, or in the end: `"1 cancel fail"`. It may do something
/// itself beside: `"1 terminate work"`. What undoes steps is in group 3: `"1 terminate grouped"`.
#[derive(Default)]
pub(crate) struct Parent {
    next_id: u32,
    open: BTreeSet<ActivityId>,
    failure: Option<Failure>,
    canceled: bool,
    ended: bool,
    group: Option<u32>,
}

impl Parent {
    fn begin(&mut self, input: &Payload) -> Vec<ProgramCommand> {
        let text: String = serde_json::from_slice(input.data()).unwrap();
        let words: Vec<&str> = text.split(' ').collect();
        let policy = match words[1] {
            "terminate" => ParentClosePolicy::Terminate,
            "cancel" => ParentClosePolicy::Cancel,
            _ => ParentClosePolicy::Abandon,
        };
        let mut commands = Vec::new();
        self.group = words.contains(&"grouped").then_some(3);
        if words.contains(&"work") {
            commands.push(self.work());
        }
        for number in 1..=words[0].parse::<u32>().unwrap() {
            self.next_id += 1;
            let child_id = ActivityId::new(self.next_id).unwrap();
            self.open.insert(child_id);
            commands.push(ProgramCommand::StartChild(Box::new(StartChild {
                child_id,
                workflow: Name::from("steps"),
                version: None,
                workflow_id: child(number),
                input: match self.group {
                    Some(_) => Payload::json(*b"\"grouped\""),
                    None => Payload::json(*b"{}"),
                },
                close_policy: policy,
                id_reuse: IdReuse::RejectDuplicate,
                attributes: None,
                memo: None,
                run_timeout_ms: None,
                execution_timeout_ms: None,
                start_at: None,
                retry: None,
            })));
        }
        if words.contains(&"fail") {
            self.failure = Some(Failure::new(Name::from("Late"), "in the end"));
        }
        if words.contains(&"leave") {
            self.open.clear();
            commands.extend(self.end());
        }
        commands
    }

    fn work(&mut self) -> ProgramCommand {
        self.next_id += 1;
        ProgramCommand::ScheduleActivity(ScheduleActivity {
            activity_id: ActivityId::new(self.next_id).unwrap(),
            activity: Name::from("work"),
            task_queue: Name::from("q"),
            input: Payload::json(*b"{}"),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::start_to_close(1_000),
            compensable: true,
        })
    }

    fn undo_work(&mut self, compensates: ActivityId) -> ProgramCommand {
        self.next_id += 1;
        ProgramCommand::RegisterCompensation(RegisterCompensation {
            activity_id: ActivityId::new(self.next_id).unwrap(),
            activity: Name::from("undo-work"),
            task_queue: Name::from("q"),
            input: Payload::json(*b"{}"),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::start_to_close(1_000),
            compensates,
            group: self.group,
        })
    }

    fn end(&mut self) -> Option<ProgramCommand> {
        if !self.open.is_empty() || self.ended {
            return None;
        }
        self.ended = true;
        Some(match (self.failure.take(), self.canceled) {
            (Some(failure), _) => ProgramCommand::Fail { failure },
            (None, true) => ProgramCommand::Cancel { reason: None },
            (None, false) => ProgramCommand::Complete {
                result: Payload::json(*b"\"all\""),
            },
        })
    }
}

impl Program for Parent {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        let mut commands = Vec::new();
        for job in activation.jobs {
            match job {
                Job::Started { input } => commands.extend(self.begin(input)),
                Job::ChildCompleted {
                    child_id, numbers, ..
                } => {
                    self.next_id += numbers;
                    self.open.remove(child_id);
                    commands.extend(self.end());
                }
                Job::ActivityCompleted { activity_id, .. } => {
                    commands.push(self.undo_work(*activity_id));
                }
                Job::Ended => self.ended = true,
                Job::ChildFailed { child_id, failure } => {
                    self.open.remove(child_id);
                    self.failure.get_or_insert((**failure).clone());
                    self.open.clear();
                    commands.extend(self.end());
                }
                Job::ChildCanceled { child_id } => {
                    self.open.remove(child_id);
                    commands.extend(self.end());
                }
                Job::CancelRequested { .. } => {
                    self.canceled = true;
                    let open = self.open.iter();
                    commands.extend(open.map(|&child_id| ProgramCommand::CancelChild {
                        child_id,
                        how: Stop::Cancel,
                    }));
                }
                _ => {}
            }
        }
        commands
    }
}

pub(crate) fn child(number: u32) -> WorkflowId {
    WorkflowId::new(&format!("c{number}")).unwrap()
}

impl World {
    /// The run `w` of workflow `parent`; its messages wait.
    pub(crate) fn parent(&mut self, input: &str) -> Transacted {
        let mut start = start("w");
        start.workflow = Name::from("parent");
        start.input = Payload::json(serde_json::to_vec(input).unwrap());
        self.input("parent", Command::Start(start))
    }

    /// Brings what runs tell each other where it belongs, and what follows from it.
    pub(crate) fn deliver(&mut self) {
        while !self.between.is_empty() {
            for message in std::mem::take(&mut self.between) {
                self.bring(&message);
            }
        }
    }

    fn bring(&mut self, message: &ChildMessage) -> Transacted {
        let (id, command) = match message.clone() {
            ChildMessage::Start { child, parent, .. } => {
                let id = format!("{}/{}", parent.run_id, parent.child_id);
                let begun = Start {
                    workflow_id: child.workflow_id.clone(),
                    workflow: child.workflow.clone(),
                    input: child.input.clone(),
                    id_conflict: IdConflict::Fail,
                    id_reuse: child.id_reuse,
                    parent: Some(Box::new(parent)),
                    ..start("c")
                };
                (id, Command::Start(begun))
            }
            ChildMessage::Stop(stop) => {
                let id = format!("{}/{}/{:?}", stop.of.0, stop.of.1, stop.how);
                (id, Command::StopChild(Box::new(stop)))
            }
            ChildMessage::Closed { closed, .. } => {
                let id = format!("{}/{}/closed", closed.run_id, closed.child_id);
                (id, Command::ChildClosed(Box::new(closed)))
            }
        };
        self.input(&id, command)
    }

    /// Completes the last task of a workflow.
    pub(crate) fn complete_of(&mut self, id: &WorkflowId) {
        let tasks = self.tasks.iter().rev();
        let task = tasks.clone().find(|task| task.workflow_id == *id);
        let task = task.expect("it has a task").clone();
        let result = Payload::json(*b"1");
        self.report_on(&task, Report::Completed { result });
        self.deliver();
    }

    fn fail_of(&mut self, id: &WorkflowId) {
        let tasks = self.tasks.iter().rev();
        let task = tasks.clone().find(|task| task.workflow_id == *id);
        let task = task.expect("it has a task").clone();
        let failure = Failure::new(Name::from("NoSuchAddress"), "ann").non_retryable();
        self.report_on(
            &task,
            Report::Failed {
                failure,
                retry_after: None,
                on_exhausted: None,
            },
        );
        self.deliver();
    }

    pub(crate) fn status(&self, id: &WorkflowId) -> &'static str {
        let closed = self.state.closed(id).map(|closed| closed.outcome.status());
        match self.state.run(id) {
            Some(_) => "Running",
            None => closed.unwrap_or("Unknown"),
        }
    }

    pub(crate) fn children(&self) -> (u64, u64, u64, u64) {
        let run = self.state.run(&crate::id()).unwrap();
        let children = run.children.as_ref().unwrap();
        let ended = (children.completed, children.failed, children.canceled);
        (children.running, ended.0, ended.1, ended.2)
    }

    /// Names of the parent's events.
    fn of_parent(&self) -> Vec<&'static str> {
        let batches = self.journal.iter();
        let transitions = batches.flat_map(|(_, _, transitions)| transitions);
        let of_parent = transitions.filter(|one| one.workflow_id.as_ref() == Some(&crate::id()));
        of_parent
            .flat_map(|one| &one.events)
            .map(Event::name)
            .collect()
    }
}

#[test]
fn a_parent_goes_on_when_all_its_children_have_returned() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    world.deliver();

    world.complete_of(&child(1));
    assert_eq!(world.children(), (1, 1, 0, 0));
    world.complete_of(&child(2));

    assert_eq!(world.status(&crate::id()), "Completed");
    assert_eq!(
        world.of_parent(),
        [
            "WorkflowStarted",
            "ChildStarted",
            "ChildStarted",
            "ChildCompleted",
            "CompensationRegistered",
            "ChildCompleted",
            "CompensationRegistered",
            "WorkflowCompleted",
        ]
    );
}

#[test]
fn a_child_s_failure_reaches_its_parent_with_its_type_and_the_other_children_are_cancelled_first() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    world.deliver();

    world.fail_of(&child(1));

    assert_eq!(world.status(&child(1)), "Failed");
    let names = world.of_parent();
    let tail = ["ChildFailed", "CompensationStarted", "ChildCancelRequested"];
    assert_eq!(names[3..], tail);
    // The child waits for its worker to stop.
    assert_eq!(world.status(&child(2)), "Running");
    let details = Payload::empty();
    world.report(Report::Canceled { details });
    world.deliver();
    assert_eq!(world.status(&child(2)), "Canceled");
    assert_eq!(world.status(&crate::id()), "Failed");
    let Some(Event::WorkflowFailed(failed)) = world.events().into_iter().last() else {
        panic!("the parent's end is the last");
    };
    assert_eq!(failed.failure.error_type.as_str(), "NoSuchAddress");
}

#[test]
fn what_a_completed_child_has_done_is_undone_by_its_parent_last_first() {
    let mut world = World::new(&["send", "bill"]);
    world.parent("2 cancel fail");
    world.deliver();
    for number in [1, 1, 2, 2] {
        world.complete_of(&child(number));
    }

    assert_eq!(world.status(&child(1)), "Completed");
    let mut undone = Vec::new();
    while world.status(&crate::id()) == "Running" {
        let task = world.tasks.last().unwrap().clone();
        let run = world.state.run(&crate::id()).unwrap();
        let of = run
            .registrations
            .iter()
            .find(|one| one.state == RegistrationState::Running)
            .unwrap();
        undone.push((
            task.workflow_id.to_string(),
            of.registered.child_workflow_id.clone().unwrap().to_string(),
            task.scheduled.activity.to_string(),
            of.of.to_string(),
        ));
        world.complete();
    }
    let row = |child: &str, activity: &str, step: &str| {
        (
            "w".to_owned(),
            child.to_owned(),
            activity.to_owned(),
            step.to_owned(),
        )
    };
    assert_eq!(
        undone,
        [
            row("c2", "undo-bill", "bill"),
            row("c2", "undo-send", "send"),
            row("c1", "undo-bill", "bill"),
            row("c1", "undo-send", "send"),
        ]
    );
    assert_eq!(world.status(&crate::id()), "Failed");
}

#[test]
fn a_child_that_was_let_go_keeps_what_it_has_done_and_outlives_its_parent() {
    let mut world = World::new(&["send"]);
    world.parent("1 abandon leave");

    assert_eq!(world.status(&crate::id()), "Completed");
    world.deliver();
    assert_eq!(world.status(&child(1)), "Running");
    world.complete_of(&child(1));

    assert_eq!(world.status(&child(1)), "Completed");
    let none = !world.of_parent().contains(&"ChildCompleted");
    assert!(none, "a closed parent took the end of its child");
}

#[test]
fn the_end_of_a_parent_ends_its_children_by_their_policy() {
    for (policy, ended) in [("terminate", "Terminated"), ("cancel", "Canceled")] {
        let mut world = World::new(&["send"]);
        world.parent(&format!("1 {policy} leave"));
        world.deliver();
        if policy == "cancel" {
            assert_eq!(world.status(&child(1)), "Running");
            let details = Payload::empty();
            world.report(Report::Canceled { details });
        }

        assert_eq!(world.status(&child(1)), ended, "{policy}");
    }
}

#[test]
fn a_terminated_parent_leaves_no_child_behind() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    world.deliver();

    world.input("end", terminate(false));
    world.deliver();

    assert_eq!(world.status(&crate::id()), "Terminated");
    assert_eq!(world.status(&child(1)), "Terminated");
    assert_eq!(world.status(&child(2)), "Terminated");
}

#[test]
fn a_cancelled_parent_cancels_its_children_and_waits_for_them() {
    let mut world = World::new(&["send"]);
    world.parent("1 terminate");
    world.deliver();

    world.input("stop", cancel(true));
    world.deliver();

    let run = world.state.run(&child(1)).unwrap();
    let reason = run.cancel.as_ref().unwrap().reason.as_deref();
    assert_eq!(reason, Some("why"));
    let details = Payload::empty();
    world.report(Report::Canceled { details });
    world.deliver();
    assert_eq!(world.status(&child(1)), "Canceled");
    assert_eq!(world.status(&crate::id()), "Canceled");
}

#[test]
fn a_stranger_of_the_same_id_is_not_stopped_by_another_s_parent() {
    let mut world = World::new(&["send"]);
    world.input("taken", Command::Start(start("c1")));
    let stop = ChildMessage::Stop(sagaline_core::StopChild {
        workflow_id: child(1),
        of: (RunId::derive("test", &child(9), b"1"), ActivityId::FIRST),
        how: Stop::Terminate,
        reason: None,
    });

    let stopped = world.bring(&stop);

    assert!(stopped.transitions.is_empty() && stopped.rejected.is_none());
    assert_eq!(world.status(&child(1)), "Running");
}

fn child_of(depth: u32) -> Command {
    let parent = ParentOf {
        workflow_id: crate::id(),
        run_id: RunId::derive("test", &crate::id(), b"1"),
        child_id: ActivityId::FIRST,
        close_policy: ParentClosePolicy::Terminate,
        root: crate::id(),
        depth,
    };
    Command::Start(Start {
        parent: Some(Box::new(parent)),
        id_conflict: IdConflict::Fail,
        ..start("c1")
    })
}

#[test]
fn a_child_that_would_hand_over_too_much_fails_and_undoes_it_itself() {
    let mut world = World::new(&["send"]);
    world.parent("1 terminate");
    world.deliver();

    // What undoes the step is given its result.
    let result = Payload::json(vec![b'1'; HANDED_OVER_BYTES_MAX + 1]);
    world.report(Report::Completed { result });

    let started = world
        .events()
        .into_iter()
        .rev()
        .find_map(|event| match event {
            Event::CompensationStarted(started) => started.failure.clone(),
            _ => None,
        });
    let failure = started.unwrap();
    assert_eq!(failure.error_type.as_str(), "sagaline.PayloadTooLarge");
    assert!(
        failure.message.contains("1 compensations"),
        "{}",
        failure.message
    );
    assert_eq!(world.status(&child(1)), "Running");
}
