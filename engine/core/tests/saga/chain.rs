//! Continue-as-new: a run goes on in another's place, with a history of its own.

use sagaline_core::{
    Command, Event, IncidentAct, Millis, Name, PAYLOAD_BYTES_MAX, Payload, ReplyTo, RunId, Signal,
    Start, Transacted,
    event::{AnswerOutcome, IncidentKind, RejectReason},
    program::Job,
    run::{HISTORY_BYTES_MAX, HISTORY_EVENTS_SUGGESTED, HistorySize},
};

use crate::{World, cancel, id, start, terminate};

fn started(world: &mut World, input: &str) {
    let input = Payload::json(format!("\"{input}\"").into_bytes());
    let start = Start {
        input,
        ..start("w")
    };
    world.input("1", Command::Start(start));
}

fn signal(input: &str) -> Command {
    Command::Signal(Signal {
        workflow_id: id(),
        run_id: None,
        signal: Name::from("go"),
        input: Payload::json(input.as_bytes()),
        reply: None,
    })
}

fn run(world: &World) -> &sagaline_core::Run {
    world.state.run(&id()).expect("a run is open")
}

#[test]
fn the_next_run_begins_with_the_same_input_that_ends_the_last() {
    let mut world = World::new(&["a"]);
    started(&mut world, "again 1");
    let first = run(&world).run_id;

    let done = world.complete();

    let second = run(&world);
    let chain = second.started.chain.as_ref().unwrap();
    let runs: Vec<_> = done.transitions.iter().map(|one| one.run_id).collect();
    assert_eq!(runs, [Some(first), Some(second.run_id)]);
    assert_eq!(done.transitions[0].cause, done.transitions[1].cause);
    assert_eq!((chain.continued_from, chain.first_run_id), (first, first));
    let Some(Event::WorkflowContinuedAsNew(end)) = done.transitions[0].events.last() else {
        panic!("{:?}", world.names());
    };
    assert_eq!(end.new_run_id, second.run_id);
    assert_eq!((second.seq, world.state.open_runs()), (3, 1));
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
    assert_eq!(world.state.closed(&id()).unwrap().run_id, second_id(&done));
}

fn second_id(done: &Transacted) -> RunId {
    done.transitions.last().unwrap().run_id.unwrap()
}

#[test]
fn what_earlier_runs_have_done_is_undone_when_a_later_one_fails() {
    let mut world = World::new(&["a"]);
    started(&mut world, "again 2");
    world.complete();
    world.complete();

    world.fail_for_good();
    world.complete();
    world.complete();

    let registered = |id| {
        world
            .tasks
            .iter()
            .find(|task| task.activity_id().get() == id)
    };
    assert_eq!(
        world.activities_sent(),
        ["a", "a", "a", "undo-a", "undo-a"],
        "{:?}",
        world.names()
    );
    let of_undo: Vec<u32> = world.tasks[3..]
        .iter()
        .map(|task| task.activity_id().get())
        .collect();
    assert_eq!(
        of_undo,
        [4, 2],
        "last registered first, under their numbers"
    );
    assert!(
        registered(5).is_some(),
        "the third run counts on behind them"
    );
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn signals_that_were_left_come_to_the_next_run_first_and_in_order() {
    let mut world = World::new(&["a"]);
    started(&mut world, "again 1");
    world.input("s1", signal("1"));
    world.input("s2", signal("2"));

    world.complete();
    world.input("s3", signal("3"));
    let repeated = world.input("s1", signal("1"));

    let records = run(&world).activations.to_vec();
    let jobs = records.iter().flat_map(|record| &record.jobs);
    let given: Vec<_> = jobs
        .filter_map(|job| match job {
            Job::SignalReceived { input, .. } => Some(input.data()),
            _ => None,
        })
        .collect();
    assert_eq!(given, [b"1", b"2", b"3"]);
    assert_eq!(records[0].jobs.len(), 3, "with the start itself");
    assert!(repeated.transitions.is_empty());
    assert_eq!(run(&world).carried.events, 3);
}

#[test]
fn who_waits_for_the_end_is_told_by_the_last_run_alone() {
    let mut world = World::new(&["a"]);
    let reply = ReplyTo {
        topic: "replies".into(),
        partition: 0,
        correlation: "x".into(),
    };
    let start = Start {
        input: Payload::json(*b"\"again 1\""),
        reply: Some(reply),
        ..start("w")
    };
    world.input("1", Command::Start(start));

    world.complete();
    let before = world.replies.len();
    world.complete();

    let outcomes: Vec<_> = world.replies.iter().map(|one| one.answer.outcome).collect();
    assert_eq!(before, 1);
    assert_eq!(
        outcomes,
        [AnswerOutcome::Accepted, AnswerOutcome::Completed]
    );
}

#[test]
fn a_repeat_of_the_start_finds_the_chain() {
    let mut world = World::new(&["a"]);
    started(&mut world, "again 1");
    world.complete();

    let while_open = world.start("1");
    world.complete();
    let after = world.start("1");

    assert!(while_open.transitions.is_empty() && after.transitions.is_empty());
}

#[test]
fn a_request_to_stop_is_not_outrun() {
    let mut world = World::new(&["a"]);
    started(&mut world, "again 1");

    world.input("c", cancel(true));
    world.complete();
    let names = world.names();
    let asked_again = world.input("c", cancel(true));

    let of_second = names.iter().rposition(|name| *name == "WorkflowStarted");
    assert_eq!(names[of_second.unwrap() + 1], "WorkflowCancelRequested");
    assert!(run(&world).cancel.is_some());
    assert!(asked_again.transitions.is_empty());
    let jobs = &run(&world).activations.to_vec()[0].jobs;
    assert!(matches!(jobs[1], Job::CancelRequested { .. }), "{jobs:?}");
}

#[test]
fn the_time_of_a_run_begins_anew_and_that_of_the_execution_goes_on() {
    let mut world = World::new(&["a"]);
    let start = Start {
        input: Payload::json(*b"\"again 1\""),
        run_timeout: Some(Millis(700)),
        execution_timeout: Some(Millis(900)),
        ..start("w")
    };
    world.programs.timeouts.start_to_close_ms = 60_000;
    let begun = world.now;
    world.input("1", Command::Start(start));
    world.now = begun.plus(Millis(600));
    world.complete();

    assert_eq!(world.state.next_deadline(), Some(begun.plus(Millis(900))));
    world.fire();

    assert!(world.names().contains(&"CompensationStarted"));
    let failure = run(&world).undo.as_ref().unwrap().failure.as_ref().unwrap();
    assert_eq!(failure.error_type.as_str(), "sagaline.Timeout.Execution");
}

#[test]
fn a_step_under_way_that_is_to_be_compensated_must_be_awaited_first() {
    let mut world = World::new(&["a"]);

    started(&mut world, "hasty");

    let incident = &run(&world).incidents[0];
    assert_eq!(incident.kind, IncidentKind::Limit);
    assert!(incident.failure.message.contains("while a is under way"));
    assert_eq!(world.names(), ["WorkflowStarted", "IncidentRaised"]);
}

#[test]
fn a_workflow_that_only_continues_is_stopped() {
    let mut world = World::new(&["a"]);

    started(&mut world, "for ever");

    let incident = &run(&world).incidents[0];
    assert_eq!(incident.kind, IncidentKind::Limit);
    let starts = world.names();
    let starts = starts.iter().filter(|name| **name == "WorkflowStarted");
    assert_eq!(starts.count(), 17);
    world.input("t", terminate(false));
    assert_eq!(world.state.open_runs(), 0);
}

#[test]
fn a_run_whose_history_is_full_goes_on_no_further_and_takes_no_signals() {
    let mut world = World::new(&["a"]);
    started(&mut world, "again 0");
    let large = "1".repeat(PAYLOAD_BYTES_MAX);
    let mut sent = 0;
    while run(&world).history.bytes < HISTORY_BYTES_MAX {
        sent += 1;
        world.input(&format!("s{sent}"), signal(&large));
    }

    let refused = world.input("s0", signal("1"));
    let repeated = world.input("s1", signal("1"));
    world.complete();

    assert_eq!(refused.rejected.unwrap().reason, RejectReason::HistoryFull);
    assert!(repeated.rejected.is_none());
    let open = run(&world);
    assert_eq!(open.incidents[0].kind, IncidentKind::Limit);
    assert_eq!(open.steps.len(), 1, "an outcome in flight still counts");
    crate::operate::solve(&mut world, "i", IncidentAct::Retry { input: None });
    assert_eq!(run(&world).incidents[0].times, 2, "it is full still");
    world.input("t", terminate(false));
    assert_eq!(world.state.open_runs(), 0);
}

#[test]
fn what_was_carried_over_does_not_ask_for_another_run() {
    let of = |events| HistorySize { events, bytes: 0 };

    assert!(of(HISTORY_EVENTS_SUGGESTED).suggests_continuing(of(0)));
    assert!(!of(HISTORY_EVENTS_SUGGESTED - 1).suggests_continuing(of(0)));
    assert!(!of(HISTORY_EVENTS_SUGGESTED + 10).suggests_continuing(of(11)));
}
