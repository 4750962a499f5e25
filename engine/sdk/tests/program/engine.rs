//! Workflows under the engine's own rules: core decides, every program is rebuilt from its history at every step.

use std::collections::BTreeMap;

use sagaline_core::{
    Cancel, Cause, Command, Delta, Effect, Env, Event, Failure, IdConflict, IdReuse, Name, Outcome,
    Overlay, Position, Report, ReportAttempt, Run, Start, State, Task, Timestamp, WorkflowId,
    program::{Activated, Programs},
    replay, transact,
};
use sagaline_sdk::{ActivityCall, call_activity, prelude::*};
use serde::Serialize;

use crate::drive::json;

/// A lane without a log.
struct Engine {
    state: State,
    programs: Rebuilding,
    inputs: i64,
    /// Sent and not answered, by the activity's number.
    tasks: BTreeMap<u32, Task>,
    /// All that were ever sent, in order.
    sent: Vec<String>,
    events: Vec<Event>,
}

struct Rebuilding(Workflows);

impl Programs for Rebuilding {
    fn activate(&mut self, workflow_id: &WorkflowId, run: &Run) -> Activated {
        let Some(mut program) = self
            .0
            .program(run.started.workflow.as_str(), &run.started.version)
        else {
            return Activated::Missing;
        };
        match replay(&mut *program, workflow_id, run) {
            Ok(commands) => Activated::Commands(commands),
            Err(difference) => Activated::Nondeterministic(difference),
        }
    }

    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        self.0.resolve(workflow.as_str(), version).map(Box::from)
    }

    fn names(&self) -> Vec<Name> {
        self.0.names().map(Name::from).collect()
    }
}

impl Engine {
    fn start(workflows: Workflows, workflow: &'static str, input: impl Serialize) -> Self {
        let mut engine = Self {
            state: State::new(1),
            programs: Rebuilding(workflows),
            inputs: 0,
            tasks: BTreeMap::new(),
            sent: Vec::new(),
            events: Vec::new(),
        };
        engine.input(&Command::Start(Start {
            workflow_id: workflow_id(),
            workflow: Name::from(workflow),
            version: None,
            input: json(input),
            id_conflict: IdConflict::Fail,
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
            appended_at: Timestamp::from_millis(1),
        }));
        engine
    }

    fn input(&mut self, command: &Command) {
        self.inputs += 1;
        let cause = Cause {
            source: "test".into(),
            id: self.inputs.to_string().into(),
            topic: "inbox".into(),
            partition: 0,
            offset: self.inputs,
        };
        let now = Timestamp::from_millis(1_000 * self.inputs);
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.state, &mut delta);
        let done = transact(
            &mut overlay,
            Env {
                namespace: "test",
                now,
            },
            &cause,
            command,
            &mut self.programs,
        );
        assert!(done.rejected.is_none(), "{:?}", done.rejected);
        for (index, transition) in (0..).zip(&done.transitions) {
            let position = Position {
                batch: self.inputs.unsigned_abs(),
                index,
            };
            sagaline_core::settle(&mut overlay, transition, position);
        }
        self.state.merge(delta, now);
        self.events.extend(
            done.transitions
                .into_iter()
                .flat_map(|transition| transition.events),
        );
        for effect in done.effects {
            if let Effect::Task(task) = effect {
                let input = String::from_utf8_lossy(task.scheduled.input.data()).into_owned();
                self.sent
                    .push(format!("{} {input}", task.scheduled.activity));
                self.tasks.insert(task.activity_id().get(), task);
            }
        }
    }

    fn report(&mut self, activity_id: u32, report: Report) {
        let task = self.tasks.remove(&activity_id).unwrap();
        self.input(&Command::ReportAttempt(ReportAttempt {
            workflow_id: workflow_id(),
            run_id: task.run_id,
            activity_id: task.activity_id(),
            attempt: task.attempt,
            report,
            worker: None,
        }));
    }

    fn complete(&mut self, activity_id: u32, result: impl Serialize) {
        self.report(
            activity_id,
            Report::Completed {
                result: json(result),
            },
        );
    }

    fn fail(&mut self, activity_id: u32) {
        let failure = Failure::new(Name::from("Broken"), "it broke").non_retryable();
        self.report(
            activity_id,
            Report::Failed {
                failure,
                retry_after: None,
                on_exhausted: None,
            },
        );
    }

    fn cancel(&mut self) {
        self.input(&Command::Cancel(Cancel {
            workflow_id: workflow_id(),
            run_id: None,
            reason: Some("changed my mind".into()),
            compensate: true,
            reply: None,
        }));
    }

    /// Completes whatever is open, until nothing is.
    fn finish(&mut self) {
        while let Some(&activity_id) = self.tasks.keys().next() {
            self.complete(activity_id, 0);
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        self.state
            .closed(&workflow_id())
            .map(|closed| closed.outcome)
    }

    /// What the engine could not go on with.
    fn incidents(&self) -> Vec<String> {
        let incidents = self.events.iter().filter_map(|event| match event {
            Event::IncidentRaised(raised) => {
                Some(format!("{:?}: {}", raised.kind, raised.failure.message))
            }
            _ => None,
        });
        incidents.collect()
    }
}

fn workflow_id() -> WorkflowId {
    WorkflowId::new("w-1").unwrap()
}

fn step(name: &str, input: u32) -> ActivityCall<u32> {
    call_activity(name, &input)
}

#[workflow]
async fn saga(cx: Context) -> Result<u32> {
    let a = cx
        .run(step("a", 1))
        .compensate_with(|a| step("undo-a", *a))
        .await?;
    let b = cx
        .run(step("b", a))
        .compensate_with(|b| step("undo-b", *b))
        .await?;
    cx.run(step("c", b)).await
}

#[test]
fn a_failed_saga_is_undone_in_reverse_with_what_its_steps_returned() {
    let mut engine = Engine::start(workflows![saga], "saga", ());
    engine.complete(1, 10);
    engine.complete(3, 30);
    engine.fail(5);
    engine.finish();

    assert_eq!(
        engine.sent,
        ["a 1", "b 10", "c 30", "undo-b 30", "undo-a 10"]
    );
    assert_eq!(engine.outcome(), Some(Outcome::Failed));
}

#[test]
fn a_cancelled_saga_is_undone_once_its_running_step_has_stopped() {
    let mut engine = Engine::start(workflows![saga], "saga", ());
    engine.complete(1, 10);
    engine.cancel();
    engine.report(3, Report::Canceled { details: json(()) });
    engine.finish();

    assert_eq!(engine.sent, ["a 1", "b 10", "undo-a 10"]);
    assert_eq!(engine.outcome(), Some(Outcome::Canceled));
}

#[workflow]
async fn race(cx: Context) -> Result<u32> {
    let winner = select! {
        near = cx.run(step("near", 1)).compensate_with(|n| step("undo-near", *n)) => near?,
        far = cx.run(step("far", 2)).compensate_with(|n| step("undo-far", *n)) => far?,
    };
    Err(Error::new("Unhappy", format!("{winner} is too little")))
}

#[test]
fn the_loser_of_a_race_is_undone_too_although_nobody_waited_for_it() {
    let mut engine = Engine::start(workflows![race], "race", ());
    engine.complete(2, 20);
    engine.complete(1, 10);
    engine.finish();

    assert_eq!(
        engine.sent,
        ["near 1", "far 2", "undo-near 10", "undo-far 20"]
    );
    assert_eq!(engine.outcome(), Some(Outcome::Failed));
    assert_eq!(engine.incidents(), Vec::<String>::new());
}

#[workflow(name = "saga")]
async fn saga_changed(cx: Context) -> Result<u32> {
    let a = cx
        .run(step("a", 1))
        .compensate_with(|a| step("undo-a", *a))
        .await?;
    let d = cx
        .run(step("d", a))
        .compensate_with(|d| step("undo-d", *d))
        .await?;
    cx.run(step("c", d)).await
}

#[test]
fn changed_code_is_told_with_the_first_event_that_differs() {
    let mut engine = Engine::start(workflows![saga], "saga", ());
    engine.complete(1, 10);

    engine.programs = Rebuilding(workflows![saga_changed]);
    engine.complete(3, 30);

    let place = engine.events.iter().position(|event| {
        matches!(event, Event::ActivityScheduled(scheduled) if scheduled.activity.as_str() == "b")
    });
    let expected = format!(
        "Nondeterminism: event {} is to schedule activity b (number 3), the program now wants to schedule activity d (number 3)",
        place.unwrap() + 1
    );
    assert_eq!(engine.incidents(), [expected]);
    assert_eq!(engine.outcome(), None);
}

#[workflow]
async fn waits_for_itself(_cx: Context) -> Result<()> {
    std::future::pending().await
}

#[test]
fn a_workflow_that_waits_for_nothing_of_the_engines_is_a_deadlock() {
    let engine = Engine::start(workflows![waits_for_itself], "waits-for-itself", ());

    assert!(
        engine.incidents()[0].starts_with("Deadlock: the workflow waits, but for nothing"),
        "{:?}",
        engine.incidents()
    );
}

/// Whatever happens, in whatever order: a run comes to its end, and replay never differs.
#[test]
fn no_order_of_events_makes_a_run_differ_from_its_history() {
    for seed in 0..300 {
        let mut dice = crate::replay::Dice(seed);
        let mut engine = Engine::start(workflows![crate::replay::busy], "busy", seed % 4);
        while engine.outcome().is_none() {
            let open: Vec<u32> = engine.tasks.keys().copied().collect();
            assert!(
                !open.is_empty(),
                "seed {seed}: it waits for nothing: {:?}",
                engine.events
            );
            let activity_id = open[dice.below(open.len())];
            let is_undo = engine.tasks[&activity_id]
                .scheduled
                .activity
                .as_str()
                .starts_with("undo-");
            match dice.below(12) {
                0 if !is_undo => engine.cancel(),
                1 | 2 if !is_undo => engine.fail(activity_id),
                _ => engine.complete(activity_id, dice.below(100)),
            }
        }
        assert_eq!(engine.incidents(), Vec::<String>::new(), "seed {seed}");
    }
}
