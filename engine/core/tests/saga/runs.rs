//! Whole runs: to their result, undone, stopped, timed out, and with a program that is missing or differs.

use std::collections::BTreeMap;

use sagaline_core::{
    Command, Event, Ignored, Millis, Outcome, Payload, ReplyTo, Report, RunId, activate_last,
    program::Timeouts,
};

use crate::{Steps, World, cancel, id, start, terminate};

#[test]
fn a_run_goes_from_start_by_its_activities_to_its_result() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.complete();

    assert_eq!(world.activities_sent(), ["a", "b"]);
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
    assert_eq!(world.state.open_runs(), 0);
    assert_eq!(
        world.state.closed(&id()).unwrap().outcome,
        Outcome::Completed
    );
}

#[test]
fn what_was_done_is_undone_in_reverse_order() {
    let mut world = World::new(&["a", "b", "c"]);

    world.start("1");
    world.complete();
    world.complete();
    for _ in 0..2 {
        world.fail();
        world.fire();
    }
    world.fail();
    world.complete();
    world.complete();

    assert_eq!(
        world.activities_sent(),
        ["a", "b", "c", "c", "c", "undo-b", "undo-a"]
    );
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
    assert_eq!(world.state.closed(&id()).unwrap().outcome, Outcome::Failed);
}

#[test]
fn a_hanging_attempt_times_out_and_is_tried_again() {
    let mut world = World::new(&["a"]);

    world.start("1");
    world.fire();
    let late = world.tasks[0].clone();
    let ignored = world.report_on(
        &late,
        Report::Completed {
            result: Payload::empty(),
        },
    );
    world.fire();
    world.complete();

    assert_eq!(ignored.ignored, Some(Ignored::Stale));
    assert_eq!(world.tasks.len(), 2);
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn a_later_deadline_does_not_fire_in_the_place_of_one_that_has_moved() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    let due = world.state.next_deadline().unwrap();
    world.now = world.now.plus(Millis(10));
    world.complete();
    world.now = due.plus(Millis::from_secs(60));
    let fired = world.fire_at(due);

    assert!(fired.transitions.is_empty());
}

#[test]
fn a_deadline_does_not_fire_when_the_clock_has_gone_back_before_it() {
    let mut world = World::new(&["a"]);

    world.start("1");
    let due = world.state.next_deadline().unwrap();
    let fired = world.fire_at(due);

    assert!(fired.transitions.is_empty(), "{:?}", world.names());
    world.now = due;
    assert!(!world.fire_at(due).transitions.is_empty());
}

#[test]
fn a_compensation_that_is_used_up_parks_the_run() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.fail_for_good();
    world.fail();
    world.fire();
    world.fail();

    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn cancel_stops_what_is_in_flight_and_undoes_the_rest() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.input("c", cancel(true));
    world.report(Report::Canceled {
        details: Payload::empty(),
    });
    world.complete();

    assert_eq!(world.activities_sent(), ["a", "b", "undo-a"]);
    assert_eq!(world.names().last(), Some(&"WorkflowCanceled"));
}

#[test]
fn a_step_that_completes_after_cancel_is_undone_too() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.input("t", terminate(true));
    world.complete();
    world.complete();
    world.complete();

    assert_eq!(world.activities_sent(), ["a", "b", "undo-b", "undo-a"]);
    assert_eq!(world.names().last(), Some(&"WorkflowTerminated"));
}

#[test]
fn terminate_ends_at_once_and_undoes_nothing() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.input("t", terminate(false));

    assert_eq!(world.names().last(), Some(&"WorkflowTerminated"));
    assert_eq!(world.activities_sent(), ["a", "b"]);
}

#[test]
fn terminate_during_undo_parks_and_a_second_one_ends() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.fail_for_good();
    world.input("t1", terminate(false));
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    world.input("t2", terminate(false));

    assert_eq!(world.names().last(), Some(&"WorkflowTerminated"));
}

#[test]
fn a_repeated_termination_is_not_a_second_one() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.fail_for_good();
    world.input("t1", terminate(false));
    let repeat = world.input("t1", terminate(false));

    assert_eq!(repeat.ignored, Some(Ignored::Repeat));
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn whoever_asks_for_an_end_that_is_fixed_already_is_told() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.complete();
    world.fail_for_good();
    let Command::Terminate(mut terminate) = terminate(true) else {
        unreachable!()
    };
    terminate.reply = Some(ReplyTo {
        topic: "replies".into(),
        partition: 0,
        correlation: "x".into(),
    });
    world.input("t1", Command::Terminate(terminate));

    assert_eq!(world.names().last(), Some(&"ReplyRequested"));
    let asked = u64::try_from(world.names().len()).unwrap();
    let told: Vec<_> = world.replies.iter().map(|reply| reply.event_seq).collect();
    assert_eq!(told, [Some(asked)], "it says where it stands");
}

#[test]
fn an_answer_names_the_first_event_that_was_brought_about() {
    let reply = || {
        Some(ReplyTo {
            topic: "replies".into(),
            partition: 0,
            correlation: "x".into(),
        })
    };
    for (command, event) in [
        (cancel(true), "WorkflowCancelRequested"),
        (terminate(false), "WorkflowTerminated"),
    ] {
        let mut command = command;
        match &mut command {
            Command::Cancel(cancel) => cancel.reply = reply(),
            Command::Terminate(terminate) => terminate.reply = reply(),
            _ => unreachable!(),
        }
        let mut world = World::new(&["a", "b"]);

        world.start("1");
        world.input("2", command);

        let answer = world.replies.first().unwrap().event_seq.unwrap();
        let place = usize::try_from(answer - 1).unwrap();
        assert_eq!(world.names()[place], event);
    }
}

#[test]
fn a_missing_program_waits_and_recovers() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    *world.programs.missing.borrow_mut() = true;
    world.complete();
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    *world.programs.missing.borrow_mut() = false;
    world.input("p", Command::ProgramAvailable { workflow_id: id() });
    world.complete();

    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn cancel_of_a_run_without_its_program_still_undoes() {
    let mut world = World::new(&["a", "b", "c"]);

    world.start("1");
    world.complete();
    *world.programs.missing.borrow_mut() = true;
    world.complete();
    world.input("c", cancel(true));

    // b completed while the program was gone: nobody knows how to undo it, so a person is asked.
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn a_program_that_differs_from_its_history_is_told_with_both_sides() {
    let mut world = World::new(&["a", "b"]);

    world.start("1");
    world.programs.steps = &["x", "b"];
    world.complete();

    let Some(Event::IncidentRaised(incident)) = world.events().pop().cloned() else {
        panic!("no incident")
    };
    assert!(
        incident.failure.message.contains("activity a")
            && incident.failure.message.contains("activity x"),
        "{incident:?}"
    );
}

#[test]
fn to_stop_what_is_over_is_no_difference_from_history() {
    let mut world = World::new(&["a", "b"]);

    let mut start = start("w");
    start.input = Payload::json(*b"\"stops\"");
    world.input("1", Command::Start(start));
    world.complete();
    world.complete();

    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn seqs_of_a_run_have_no_gap() {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.complete();
    world.fail();
    world.fire();
    world.complete();

    let mut next: BTreeMap<RunId, u64> = BTreeMap::new();
    for transition in world
        .journal
        .iter()
        .flat_map(|(_, _, transitions)| transitions)
    {
        let expected = next.entry(transition.run_id.unwrap()).or_insert(1);
        assert_eq!(transition.first_seq, *expected);
        *expected += transition.events.len() as u64;
    }
}

#[test]
fn a_live_program_is_the_same_as_a_rebuilt_one() {
    let mut world = World::new(&["a", "b", "c"]);
    let mut live = Steps {
        steps: world.programs.steps,
        at: 0,
        next_id: 0,
        retry: world.programs.retry.clone(),
        timeouts: Timeouts::start_to_close(1_000),
        ended: false,
        group: None,
        stops: false,
        again: None,
        kept: Vec::new(),
    };
    world.start("1");
    for _ in 0..2 {
        let run = world.state.run(&id()).unwrap();
        let commands = activate_last(&mut live, &id(), run);
        assert_eq!(
            commands.len(),
            run.activations.last().unwrap().commands.len()
        );
        world.complete();
    }
}
