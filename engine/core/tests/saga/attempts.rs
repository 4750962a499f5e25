//! Workflows that are tried again as a whole: a run that fails is followed by another, after a wait.

use sagaline_core::{
    Act, ActivityId, Attempt, Command, Event, Failure, IdConflict, IdReuse, IncidentAct, Millis,
    Name, Parent, Payload, ReplyTo, Report, RetryPolicy, RunId, Start, WorkflowId,
    event::{AnswerOutcome, ParentClosePolicy},
    view::{View, WaitKind},
};
use serde_json::json;

use crate::{World, cancel, id, operate, start, terminate};

fn policy() -> RetryPolicy {
    RetryPolicy {
        initial_interval_ms: 2_000,
        maximum_attempts: 3,
        jitter_permille: 0,
        non_retryable_error_types: vec![Name::from("Fraud")],
        ..RetryPolicy::default()
    }
}

fn reply() -> ReplyTo {
    ReplyTo {
        topic: "ns.replies".into(),
        partition: 0,
        correlation: "c".into(),
    }
}

/// A workflow of two steps that is tried three times; a step is tried once.
fn retried(change: impl FnOnce(&mut Start)) -> World {
    let mut world = World::new(&["a", "b"]);
    world.programs.timeouts.start_to_close_ms = 600_000;
    world.programs.retry.maximum_attempts = 1;
    let mut start = Start {
        retry: Some(Box::new(policy())),
        reply: Some(reply()),
        ..start("w")
    };
    change(&mut start);
    world.input("1", Command::Start(start));
    world
}

/// A step that fails for good, as that error.
fn refuse(world: &mut World, error_type: &'static str, non_retryable: bool) {
    let failure = Failure::new(Name::from(error_type), "no");
    let failure = match non_retryable {
        true => failure.non_retryable(),
        false => failure,
    };
    world.report(Report::Failed {
        failure,
        retry_after: None,
        on_exhausted: None,
    });
}

fn fail(world: &mut World) {
    refuse(world, "Broken", false);
}

/// A worker has stopped as it was asked to.
fn stop(world: &mut World) {
    let details = Payload::empty();
    world.report(Report::Canceled { details });
}

fn run_id(world: &World) -> RunId {
    world.state.run(&id()).expect("a run is open").run_id
}

fn outcomes(world: &World) -> Vec<AnswerOutcome> {
    world.replies.iter().map(|one| one.answer.outcome).collect()
}

#[test]
fn what_was_done_is_undone_and_then_the_workflow_begins_anew_with_the_same_input() {
    let mut world = retried(|_| {});
    let first = run_id(&world);
    world.complete();

    fail(&mut world);
    assert_eq!(run_id(&world), first, "a is to be undone first");
    world.complete();

    let second = world.state.run(&id()).unwrap();
    let failed = world.events().into_iter().find_map(|event| match event {
        Event::WorkflowFailed(failed) => failed.new_run_id,
        _ => None,
    });
    assert_eq!(failed, Some(second.run_id));
    let chain = second.started.chain.as_ref().unwrap();
    assert_eq!((chain.continued_from, chain.first_run_id), (first, first));
    assert_eq!(chain.attempt, Attempt::new(2));
    assert_eq!(second.started.start_at, Some(world.now.plus(Millis(2_000))));
    assert!(second.registrations.is_empty() && second.steps.is_empty());
    assert_eq!(world.activities_sent(), ["a", "b", "undo-a"]);
    world.fire();
    assert_eq!(world.activities_sent(), ["a", "b", "undo-a", "a"]);
    assert_eq!(world.tasks[3].activity_id(), ActivityId::FIRST);
    world.complete();
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn whoever_waits_hears_of_the_last_run_alone() {
    let mut world = retried(|_| {});
    for _ in 0..2 {
        fail(&mut world);
        assert_eq!(outcomes(&world), [AnswerOutcome::Accepted]);
        world.fire();
    }

    fail(&mut world);

    let expected = [AnswerOutcome::Accepted, AnswerOutcome::Failed];
    assert_eq!(outcomes(&world), expected);
    assert_eq!(world.state.open_runs(), 0);
    assert_eq!(world.activities_sent(), ["a", "a", "a"]);
}

#[test]
fn a_parent_hears_of_the_last_run_alone() {
    let mut world = retried(|start| {
        start.reply = None;
        start.parent = Some(Box::new(Parent {
            workflow_id: WorkflowId::new("p").unwrap(),
            run_id: RunId::derive("ns", &WorkflowId::new("p").unwrap(), b"1"),
            child_id: ActivityId::FIRST,
            close_policy: ParentClosePolicy::Terminate,
            root: WorkflowId::new("p").unwrap(),
            depth: 1,
        }));
    });
    for _ in 0..2 {
        fail(&mut world);
        world.fire();
        assert!(world.between.is_empty());
    }

    fail(&mut world);

    assert_eq!(world.between.len(), 1);
}

#[test]
fn waits_grow_from_attempt_to_attempt() {
    let mut world = retried(|_| {});
    let mut waits = Vec::new();
    for _ in 0..2 {
        fail(&mut world);
        let due = world.state.next_deadline().unwrap();
        waits.push(due.since(world.now).0);
        world.fire();
    }

    assert_eq!(waits, [2_000, 4_000]);
}

#[test]
fn some_failures_are_never_tried_again() {
    for (error_type, non_retryable, runs) in [
        ("Broken", false, 2),
        ("Broken", true, 1),
        ("Fraud", false, 1),
    ] {
        let mut world = retried(|_| {});

        refuse(&mut world, error_type, non_retryable);

        let starts = world.names();
        let starts = starts.iter().filter(|name| **name == "WorkflowStarted");
        assert_eq!(starts.count(), runs, "{error_type} {non_retryable}");
    }
}

#[test]
fn a_run_whose_time_is_up_is_tried_again_and_an_execution_is_not() {
    let mut world = retried(|start| start.run_timeout = Some(Millis(700)));
    world.fire();
    stop(&mut world);
    let timed_out = world.events().into_iter().find_map(|event| match event {
        Event::WorkflowTimedOut(timed_out) => Some(timed_out.new_run_id),
        _ => None,
    });
    assert_eq!(timed_out, Some(Some(run_id(&world))));

    let mut world = retried(|start| start.execution_timeout = Some(Millis(700)));
    world.fire();
    stop(&mut world);
    assert_eq!(world.names().last(), Some(&"WorkflowTimedOut"));
    assert_eq!(world.state.open_runs(), 0);
}

#[test]
fn no_attempt_follows_that_could_not_begin_before_the_execution_is_over() {
    for (limit, open) in [(2_000, 0), (2_001, 1)] {
        let limit = Some(Millis(limit));
        let mut world = retried(|start| start.execution_timeout = limit);

        fail(&mut world);

        assert_eq!(world.state.open_runs(), open, "{limit:?}");
    }
}

#[test]
fn the_execution_may_end_while_the_next_attempt_waits() {
    let mut world = retried(|start| {
        start.execution_timeout = Some(Millis(5_000));
    });
    world.now = world.now.plus(Millis(2_500));
    fail(&mut world);
    operate::act(&mut world, "p", Act::Pause);

    world.fire();

    assert_eq!(world.names().last(), Some(&"WorkflowTimedOut"));
    assert_eq!(outcomes(&world).last(), Some(&AnswerOutcome::TimedOut));
}

#[test]
fn asked_to_stop_while_it_waits_it_ends_and_is_not_tried_again() {
    for (command, end) in [
        (cancel(true), AnswerOutcome::Canceled),
        (terminate(false), AnswerOutcome::Terminated),
    ] {
        let mut world = retried(|_| {});
        fail(&mut world);

        world.input("2", command);

        assert_eq!(outcomes(&world).last(), Some(&end));
        assert_eq!(world.state.open_runs(), 0);
    }
}

#[test]
fn a_run_that_was_asked_to_stop_is_not_tried_again_when_its_time_is_up() {
    let mut world = retried(|start| start.run_timeout = Some(Millis(700)));
    world.input("2", cancel(true));

    world.fire();
    stop(&mut world);

    assert_eq!(world.names().last(), Some(&"WorkflowTimedOut"));
    assert_eq!(world.state.open_runs(), 0);
}

#[test]
fn while_it_waits_its_id_is_taken_and_a_repeat_of_its_start_does_nothing() {
    let mut world = retried(|_| {});
    let waiting = {
        fail(&mut world);
        run_id(&world)
    };

    let again = |id_conflict| {
        Command::Start(Start {
            id_conflict,
            id_reuse: IdReuse::AllowDuplicate,
            ..start("w")
        })
    };
    world.input("1", again(IdConflict::TerminateExisting));
    world.input("2", again(IdConflict::Fail));
    world.input("3", again(IdConflict::UseExisting));

    assert_eq!(run_id(&world), waiting);
    world.input("4", again(IdConflict::TerminateExisting));
    assert_ne!(run_id(&world), waiting);
}

#[test]
fn people_see_which_attempt_it_is_and_when_the_next_begins() {
    let mut world = retried(|_| {});
    fail(&mut world);
    let (id, run) = world.state.runs()[0];
    let view = View::new(id, run, 0, world.now);

    let waiting_for = view.waiting_for();
    let described = serde_json::to_value(view.describe()).unwrap();

    assert_eq!(waiting_for.text, "Attempt 2 of 3 starts in 0:02.");
    assert_eq!(waiting_for.kind, WaitKind::Timer);
    let at = json!("1970-01-01T00:16:42.000Z");
    assert_eq!(described["retry"]["attempt"], json!(2));
    assert_eq!(described["retry"]["maximum_attempts"], json!(3));
    assert_eq!(described["retry"]["next_attempt_at"], at);
    assert_eq!(
        (&described["attempt"], &described["next_attempt_at"]),
        (&json!(2), &at)
    );
}

#[test]
fn what_a_person_gives_up_is_not_tried_again() {
    let mut world = retried(|_| {});
    *world.programs.missing.borrow_mut() = true;
    world.complete();

    operate::solve(&mut world, "i", IncidentAct::Fail);

    world.complete();
    let starts = world.names();
    let starts = starts.iter().filter(|name| **name == "WorkflowStarted");
    assert_eq!(starts.count(), 1);
}
