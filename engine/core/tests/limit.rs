//! What a program asks for without ever waiting has an end, and a reader of the journal sees the same.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sagaline_core::{
    ActivityId, Attempt, Cause, Command, Delta, Effect, Env, Event, Failure, IdConflict, IdReuse,
    Name, Overlay, PAYLOAD_BYTES_MAX, Payload, Position, Report, ReportAttempt, RetryPolicy, Run,
    Start, State, Timestamp, WorkflowId, error_type, fold,
    program::{
        Activated, ProgramCommand, Programs, RegisterCompensation, ScheduleActivity, Timeouts,
    },
    settle, transact,
};

/// Asks again and again for an activity whose input is too large.
struct Stubborn {
    input: Payload,
    activations: u32,
}

impl Programs for Stubborn {
    fn activate(&mut self, _: &WorkflowId, run: &Run) -> Activated {
        self.activations += 1;
        assert!(self.activations < 1_000, "the run never waits");
        assert_eq!(
            ActivityId::new(self.activations),
            Some(run.next_activity_id)
        );
        Activated::Commands(vec![ProgramCommand::ScheduleActivity(ScheduleActivity {
            activity_id: run.next_activity_id,
            activity: Name::from("upload"),
            task_queue: Name::from("q"),
            input: self.input.clone(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::start_to_close(1_000),
            compensable: false,
        })])
    }

    fn resolve(&self, _: &Name, _: Option<&str>) -> Option<Box<str>> {
        Some("1".into())
    }

    fn names(&self) -> Vec<Name> {
        Vec::new()
    }
}

/// One step that is undone by `undo`, registered with it; the run fails when the step does.
struct Covered;

impl Programs for Covered {
    fn activate(&mut self, _: &WorkflowId, run: &Run) -> Activated {
        let failed = run.activations.len() > 1;
        if failed {
            let failure = Failure::new(Name::from("Broken"), "");
            return Activated::Commands(vec![ProgramCommand::Fail { failure }]);
        }
        let undo = RegisterCompensation {
            activity_id: ActivityId::FIRST.next(),
            activity: Name::from("undo"),
            task_queue: Name::from("q"),
            input: Payload::empty(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::start_to_close(1_000),
            compensates: ActivityId::FIRST,
            group: None,
        };
        Activated::Commands(vec![
            ProgramCommand::ScheduleActivity(ScheduleActivity {
                activity_id: ActivityId::FIRST,
                activity: Name::from("upload"),
                task_queue: Name::from("q"),
                input: Payload::empty(),
                retry: RetryPolicy::default(),
                timeouts: Timeouts::start_to_close(1_000),
                compensable: true,
            }),
            ProgramCommand::RegisterCompensation(undo),
        ])
    }

    fn resolve(&self, _: &Name, _: Option<&str>) -> Option<Box<str>> {
        Some("1".into())
    }

    fn names(&self) -> Vec<Name> {
        Vec::new()
    }
}

#[test]
fn a_step_whose_result_is_too_large_was_done_and_is_undone() {
    let mut world = World::default();
    world.input(&start(), &mut Covered);
    let large = || Report::Completed {
        result: Payload::json(vec![b'x'; PAYLOAD_BYTES_MAX + 1]),
    };

    world.report(1, large());
    let sent = world.sent.last().unwrap().clone();
    world.report(2, large());

    assert_eq!(sent.as_str(), "undo");
    assert!(matches!(
        world.events.last(),
        Some(Event::WorkflowFailed(_))
    ));
}

#[test]
fn a_program_that_repeats_what_is_refused_becomes_an_incident() {
    let mut programs = Stubborn {
        input: Payload::json(vec![b'x'; PAYLOAD_BYTES_MAX + 1]),
        activations: 0,
    };
    let mut world = World::default();

    world.input(&start(), &mut programs);

    let Some(Event::IncidentRaised(incident)) = world.events.last() else {
        panic!("{:?}", world.events.last())
    };
    assert_eq!(incident.failure.error_type.as_str(), error_type::LIMIT);
    assert!(world.live.run(&id()).unwrap().is_blocked());
}

/// One run, live and as a reader of the journal sees it.
struct World {
    live: State,
    folded: State,
    inputs: u64,
    events: Vec<Event>,
    sent: Vec<Name>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            live: State::new(1),
            folded: State::new(2),
            inputs: 0,
            events: Vec::new(),
            sent: Vec::new(),
        }
    }
}

impl World {
    fn input(&mut self, command: &Command, programs: &mut dyn Programs) {
        self.inputs += 1;
        let env = Env {
            namespace: "test",
            now: Timestamp::from_millis(1),
        };
        let position = Position {
            batch: self.inputs,
            index: 0,
        };
        let cause = Cause::lane(0, &self.inputs.to_string());

        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.live, &mut delta);
        let done = transact(&mut overlay, env, &cause, command, programs);
        let [transition] = done.transitions.as_slice() else {
            panic!("{done:?}")
        };
        settle(&mut overlay, transition, position);
        self.live.merge(delta, env.now);
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.folded, &mut delta);
        fold(&mut overlay, &[transition], position);
        self.folded.merge(delta, env.now);

        assert_eq!(self.live, self.folded);
        self.events.extend(transition.events.iter().cloned());
        for effect in &done.effects {
            if let Effect::Task(task) = effect {
                self.sent.push(task.scheduled.activity.clone());
            }
        }
    }

    fn report(&mut self, activity: u32, report: Report) {
        let command = Command::ReportAttempt(ReportAttempt {
            workflow_id: id(),
            run_id: self.live.run(&id()).unwrap().run_id,
            activity_id: ActivityId::new(activity).unwrap(),
            attempt: Attempt::FIRST,
            report,
            worker: None,
        });
        self.input(&command, &mut Covered);
    }
}

fn id() -> WorkflowId {
    WorkflowId::new("w").unwrap()
}

fn start() -> Command {
    Command::Start(Start {
        workflow_id: id(),
        workflow: Name::from("program"),
        version: None,
        input: Payload::empty(),
        id_conflict: IdConflict::UseExisting,
        id_reuse: IdReuse::RejectDuplicate,
        reply: None,
        trace: None,
        attributes: None,
        memo: None,
        run_timeout: None,
        execution_timeout: None,
        start_at: None,
        retry: None,
        parent: None,
        appended_at: Timestamp::default(),
    })
}
