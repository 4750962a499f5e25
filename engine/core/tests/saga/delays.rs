//! Runs that begin later than they are started.

use sagaline_core::{
    Act, Command, IdConflict, Millis, Name, Payload, Signal, Start, Timestamp,
    event::Event,
    program::Job,
    view::{Situation, View, WaitKind},
};

use crate::{World, cancel, id, operate::act, start, terminate};

fn after(world: &World, ms: u64) -> Timestamp {
    world.now.plus(Millis(ms))
}

/// A run of one step that begins in ten seconds.
fn delayed() -> World {
    let mut world = World::new(&["a"]);
    let start_at = Some(after(&world, 10_000));
    let start = Start {
        start_at,
        ..start("w")
    };
    world.input("1", Command::Start(start));
    world
}

#[test]
fn a_run_begins_when_it_is_to_and_not_a_moment_before() {
    let mut world = delayed();
    let start_at = after(&world, 10_000);
    assert_eq!(world.names(), ["WorkflowStarted"]);
    assert_eq!(world.state.next_deadline(), Some(start_at));
    let run = world.state.run(&id()).unwrap();
    let view = View::new(world.state.runs()[0].0, run, 0, world.now);
    assert_eq!(view.situation(), Some(Situation::Waiting));
    let waiting_for = view.waiting_for();
    assert_eq!(waiting_for.kind, WaitKind::Timer);
    assert_eq!(waiting_for.until, Some(start_at));
    assert!(
        waiting_for.text.starts_with("Starts at 1 January 1970"),
        "{}",
        waiting_for.text
    );

    world.now = Timestamp::from_micros(start_at.as_micros() - 1);
    world.fire_at(start_at);
    assert_eq!(world.names(), ["WorkflowStarted"]);
    world.fire();

    assert_eq!(
        world.names(),
        [
            "WorkflowStarted",
            "WorkflowDelayEnded",
            "ActivityScheduled",
            "ActivityAttemptScheduled"
        ]
    );
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn an_instant_that_is_past_is_now() {
    for ms in [0, 1] {
        let mut world = World::new(&["a"]);
        let start_at = Some(Timestamp::from_millis(world.now.as_millis() - ms));
        let start = Start {
            start_at,
            ..start("w")
        };

        world.input("1", Command::Start(start));

        assert_eq!(world.activities_sent(), ["a"]);
    }
}

#[test]
fn what_comes_before_is_kept_and_given_to_the_program_when_it_begins() {
    let mut world = delayed();
    let signal = Command::Signal(Signal {
        workflow_id: id(),
        run_id: None,
        signal: Name::from("go"),
        input: Payload::json(*b"1"),
        reply: None,
    });

    world.input("2", signal);
    assert!(world.tasks.is_empty());
    world.fire();

    let run = world.state.run(&id()).unwrap();
    let first = &run.activations.to_vec()[0];
    assert!(
        matches!(
            first.jobs.as_slice(),
            [Job::Started { .. }, Job::SignalReceived { .. }]
        ),
        "{:?}",
        first.jobs
    );
}

#[test]
fn before_it_begins_a_run_ends_as_soon_as_it_is_asked_to() {
    for (command, end) in [
        (cancel(true), "WorkflowCanceled"),
        (terminate(true), "WorkflowTerminated"),
        (terminate(false), "WorkflowTerminated"),
    ] {
        let mut world = delayed();

        world.input("2", command);

        assert_eq!(world.names().last(), Some(&end));
        assert_eq!((world.state.open_runs(), world.tasks.len()), (0, 0));
        assert_eq!(world.state.next_deadline(), None);
    }
}

#[test]
fn a_paused_run_begins_when_it_is_resumed() {
    let mut world = delayed();
    let start_at = after(&world, 10_000);
    act(&mut world, "2", Act::Pause);
    assert_eq!(world.state.next_deadline(), None);
    world.now = start_at.plus(Millis(5));

    act(&mut world, "3", Act::Resume);

    assert_eq!(world.state.next_deadline(), Some(start_at));
    assert!(world.tasks.is_empty());
    world.fire_at(start_at);
    assert_eq!(world.activities_sent(), ["a"]);
}

#[test]
fn the_run_time_out_counts_from_its_begin_and_the_execution_time_out_from_its_start() {
    let begun = World::new(&["a"]).now;
    for (run, execution, ends_at) in [
        (Some(1_000), None, 11_000),
        (None, Some(12_000), 12_000),
        (Some(1_000), Some(12_000), 11_000),
        (None, Some(9_000), 9_000),
    ] {
        let mut world = World::new(&["a"]);
        world.programs.timeouts.start_to_close_ms = 60_000;
        let start = Start {
            start_at: Some(begun.plus(Millis(10_000))),
            run_timeout: run.map(Millis),
            execution_timeout: execution.map(Millis),
            ..start("w")
        };
        world.input("1", Command::Start(start));

        if ends_at > 10_000 {
            world.fire();
            assert_eq!(world.activities_sent(), ["a"]);
        }
        let last = world.state.next_deadline();
        world.fire();

        assert_eq!(last, Some(begun.plus(Millis(ends_at))));
        let ends = ["CompensationStarted", "WorkflowTimedOut"];
        let timed_out = world.names().iter().any(|name| ends.contains(name));
        assert!(timed_out, "{:?}", world.names());
    }
}

#[test]
fn a_run_that_waits_to_begin_has_its_id() {
    let mut world = delayed();

    let fail = Start {
        id_conflict: IdConflict::Fail,
        ..start("w")
    };
    world.input("2", Command::Start(fail));
    assert_eq!(world.names(), ["WorkflowStarted"]);
    let instead = Start {
        id_conflict: IdConflict::TerminateExisting,
        ..start("w")
    };
    world.input("3", Command::Start(instead));

    assert_eq!(world.names()[1], "WorkflowTerminated");
    assert_eq!(world.activities_sent(), ["a"]);
}

#[test]
fn whose_program_is_missing_when_it_begins_waits_for_it() {
    let mut world = delayed();
    *world.programs.missing.borrow_mut() = true;

    world.fire();
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    *world.programs.missing.borrow_mut() = false;
    world.input("p", Command::ProgramAvailable { workflow_id: id() });

    assert_eq!(world.activities_sent(), ["a"]);
    let begins = |event: &&&Event| matches!(event, Event::WorkflowDelayEnded(_));
    assert_eq!(world.events().iter().filter(begins).count(), 1);
}
