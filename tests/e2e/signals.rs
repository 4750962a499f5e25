//! Signals, by the command line and by whoever writes to Kafka: each reaches its run once, in order, whatever crashes.

use sagaline_core::{Event, Outcome, event::RejectReason};
use serde_json::{Value, json};

use crate::harness::{journal::Journal, world::World};

/// Produces a signal as somebody would who has kcat and nothing else.
fn foreign(world: &World, id: &str, number: u32) {
    let event_id = format!("ce_id={id}");
    let arguments = [
        ["-k", "c-1"],
        ["-H", "ce_type=sagaline.workflow.signal.v1"],
        ["-H", "ce_source=till"],
        ["-H", &event_id],
        ["-H", "sl-signal=number"],
    ];
    let inbox = format!("{}.inbox", world.namespace);
    world.kcat(&inbox, arguments.as_flattened(), &number.to_string());
}

/// Reads on until so many signals of the run are journaled.
fn until_received(journal: &mut Journal<'_>, count: usize) {
    journal.until(&format!("{count} signals are there"), |journal| {
        let received = journal.newest("c-1")?.count("SignalReceived");
        (received == count).then_some(())
    });
}

/// How often the run has told that it waits for a signal.
fn waits(journal: &Journal<'_>) -> usize {
    let facts = journal.newest("c-1").map_or(&[][..], |run| &run.facts);
    let told = facts.iter().filter(|fact| {
        let Event::WaitRecorded(told) = &fact.event else {
            return false;
        };
        told.waits.len() == 1 && told.waits[0].name.as_str() == "number"
    });
    told.count()
}

#[test]
fn each_signal_reaches_its_run_once_and_in_order_whatever_crashes() {
    let world = World::new(1);
    let server = || world.engine_of(&mut world.server("victim", &[]));
    let mut engine = server();
    let mut journal = world.journal();
    world
        .request("sagaline.workflow.start.v1", "c-1")
        .header("sl-workflow", "collect")
        .json(&json!(5))
        .send();
    journal.until_event("c-1", "ActivityAttemptScheduled");

    // No worker is there: nothing takes them yet.
    let signal = ["workflow", "signal", "c-1", "--name", "number"];
    let signal = [&signal[..], &["--input", "1", "--idempotency-key", "k-1"]].concat();
    let sent = world.says("victim", 0, &signal);
    assert!(sent.starts_with("Sent number to c-1, run "), "{sent}");
    foreign(&world, "t-1", 2);
    until_received(&mut journal, 2);
    engine.kill();
    // While nobody is there a new one comes, and an old one again.
    foreign(&world, "t-1", 2);
    foreign(&world, "t-2", 3);
    let mut engine = server();
    world.says("victim", 0, &signal);
    until_received(&mut journal, 3);
    let _worker = world.spawn("victim", &mut world.command("victim", &["worker"]));
    journal.until("it has taken three", |journal| {
        (waits(journal) == 1).then_some(())
    });
    engine.kill();
    foreign(&world, "t-3", 4);
    let _engine = server();
    journal.until("it has taken the fourth", |journal| {
        (waits(journal) == 2).then_some(())
    });
    foreign(&world, "t-2", 3);
    foreign(&world, "t-4", 5);

    assert_eq!(journal.until_ended("c-1"), Outcome::Completed);
    let result = world.says("victim", 0, &["workflow", "result", "c-1"]);
    let result: Value = serde_json::from_str(&result).expect("it prints JSON");
    assert_eq!(result, json!([1, 2, 3, 4, 5]));
    assert_eq!(journal.newest("c-1").unwrap().count("SignalReceived"), 5);
    journal.audit();
}

#[test]
fn a_signal_for_no_open_run_without_a_name_or_too_large_is_refused_and_kept() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let mut journal = world.journal();

    let unknown = ["workflow", "signal", "c-1", "--name", "number"];
    let said = world.says("victim", 4, &unknown);
    let signal = || {
        world
            .request("sagaline.workflow.signal.v1", "c-1")
            .json(&json!(1))
    };
    let unknown = signal().header("sl-signal", "number").send();
    let nameless = signal().send();
    let large = signal().header("sl-signal", "number");
    let large = large.value("1".repeat(1_000_000)).send();
    journal.until_inputs_are_read();

    assert!(said.contains("workflow c-1 is not known"), "{said}");
    let unknown = journal.rejected(&unknown).expect("it is journaled");
    assert_eq!(unknown.reason, RejectReason::NoOpenRun);
    let nameless = journal.rejected(&nameless).expect("it is journaled");
    assert_eq!(nameless.reason, RejectReason::MissingHeader);
    assert!(
        nameless.message.contains("sl-signal"),
        "{}",
        nameless.message
    );
    let large = journal.rejected(&large).expect("it is journaled");
    assert_eq!(large.reason, RejectReason::TooLarge);
    journal.audit();
}

#[test]
fn an_order_is_picked_up_in_time_or_put_back_at_closing() {
    let world = World::new(2);
    let binary = "pickup-deadline";
    let _engine = world.engine_of(&mut world.server(binary, &["--with-worker"]));
    let mut journal = world.journal();
    let start = |id: &str, input: &str| {
        let start = ["workflow", "start", "--type", "pickup", "--id", id];
        world.says(binary, 0, &[&start[..], &["--input", input]].concat());
    };

    start("in-time", "{\"close_in_ms\": 600000}");
    start("late", "{\"close_in_ms\": 500}");
    journal.until_event("in-time", "WaitRecorded");
    let described = world.says(binary, 0, &["workflow", "describe", "in-time"]);
    assert!(
        described.contains("Waiting for signal picked-up for"),
        "{described}"
    );
    world.says(
        binary,
        0,
        &["workflow", "signal", "in-time", "--name", "picked-up"],
    );

    assert_eq!(journal.until_ended("in-time"), Outcome::Completed);
    assert_eq!(journal.until_ended("late"), Outcome::Canceled);
    let late = journal.newest("late").unwrap();
    assert_eq!(late.compensations(), ["release"]);
    let said = world.says(binary, 1, &["workflow", "result", "late"]);
    assert!(
        said.contains("not picked up before the shop closed"),
        "{said}"
    );
    journal.audit();
}

#[test]
fn signals_of_a_run_reach_another_in_another_partition_once_and_in_order_whatever_crashes() {
    let world = World::new(4);
    let server = || world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut engine = server();
    let mut journal = world.journal();
    let count = 40;
    let start = |workflow, id, input: Value| {
        let request = world.request("sagaline.workflow.start.v1", id);
        request.header("sl-workflow", workflow).json(&input).send();
    };
    start("collect", "c-1", json!(2 * count));
    journal.until_event("c-1", "ActivityAttemptScheduled");

    start("relay", "r-1", json!(["c-1", count, true]));
    for part in 1..=2 {
        journal.until("some are there", |journal| {
            let told = journal.newest("r-1")?.count("ExternalSignalDelivered");
            (told >= part * count / 4).then_some(())
        });
        engine.kill();
        engine = server();
    }
    assert_eq!(journal.until_ended("r-1"), Outcome::Completed);
    // Its sender ends at once.
    start("relay", "r-2", json!(["c-1", count, false]));
    journal.until_event("r-2", "WorkflowCompleted");
    engine.kill();
    let _engine = server();

    assert_eq!(journal.until_ended("c-1"), Outcome::Completed);
    let result = world.says("victim", 0, &["workflow", "result", "c-1"]);
    let result: Vec<usize> = serde_json::from_str(&result).expect("it prints JSON");
    let numbers: Vec<usize> = (1..=count).collect();
    assert_eq!(result, [numbers.clone(), numbers].concat());
    let told = world.says("victim", 0, &["workflow", "result", "r-1"]);
    assert_eq!(told.trim(), "[]");

    start("relay", "r-3", json!(["c-1", 1, true]));
    start("relay", "r-4", json!(["nobody", 1, true]));
    for (id, expected) in [("r-3", "sagaline.Closed"), ("r-4", "sagaline.NotFound")] {
        assert_eq!(journal.until_ended(id), Outcome::Completed);
        let refused = world.says("victim", 0, &["workflow", "result", id]);
        let refused: Vec<String> = serde_json::from_str(&refused).expect("it prints JSON");
        assert_eq!(refused, [expected]);
    }
    journal.audit();
}

#[test]
fn nobody_but_an_engine_signals_in_the_name_of_a_run() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut journal = world.journal();

    let mut forged = Vec::new();
    for ce_type in [
        "sagaline.signal.external.v1",
        "sagaline.signal.delivered.v1",
        "sagaline.signal.refused.v1",
    ] {
        let record = world
            .request(ce_type, "c-1")
            .header("sl-signal", "number")
            .header("sl-sender-run-id", "0d9f6b0e-6f6b-4f3e-9a39-5b1f8f2d7c11")
            .header("sl-signal-id", "1")
            .header("sl-awaited", "true")
            .json(&json!(7));
        forged.push(record.send());
    }
    journal.until_inputs_are_read();

    for place in forged {
        let rejected = journal.rejected(&place).expect("it is journaled");
        assert_eq!(rejected.reason, RejectReason::Forged);
    }
}
