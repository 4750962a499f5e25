//! The main path: any producer starts a saga, any worker works on it.

use std::{fs, time::Duration};

use sagaline_core::Outcome;
use sagaline_journal::{Record, wire::topic};
use serde_json::{Value, json};

use crate::harness::{
    check::duplicates,
    records::{Draft, order},
    wait::{Watch, until, until_true},
    world::World,
};

/// The history of an order that no courier took.
const UNDONE: [&str; 24] = [
    "WorkflowStarted",
    "ReplyRequested",
    "ActivityScheduled",
    "ActivityAttemptScheduled",
    "ActivityCompleted",
    "CompensationRegistered",
    "ActivityScheduled",
    "ActivityAttemptScheduled",
    "ActivityCompleted",
    "CompensationRegistered",
    "ActivityScheduled",
    "ActivityAttemptScheduled",
    "ActivityAttemptFailed",
    "ActivityFailed",
    "CompensationStarted",
    "ActivityScheduled",
    "ActivityAttemptScheduled",
    "ActivityCompleted",
    "CompensationCompleted",
    "ActivityScheduled",
    "ActivityAttemptScheduled",
    "ActivityCompleted",
    "CompensationCompleted",
    "WorkflowFailed",
];

#[test]
fn a_record_of_kcat_starts_a_saga_that_a_worker_in_python_serves() {
    let world = World::new(4);
    let _engine = world.engine(&[]);
    let _worker = world.python_worker();
    let mut journal = world.journal();

    for (id, courier) in [("good", "ok"), ("bad", "refuses")] {
        let headers = [
            "ce_type=sagaline.workflow.start.v1",
            "sl-workflow=order",
            &format!("sl-reply-topic={}.replies", world.namespace),
            &format!("sl-correlation={id}"),
        ];
        let mut arguments = vec!["-k", id];
        arguments.extend(headers.iter().flat_map(|header| ["-H", header]));
        world.kcat(
            &format!("{}.inbox", world.namespace),
            &arguments,
            &order(id, "visa", courier).to_string(),
        );
    }

    assert_eq!(journal.until_ended("good"), Outcome::Completed);
    assert_eq!(journal.until_ended("bad"), Outcome::Failed);
    assert_eq!(
        tasks_of(&world, "good"),
        ["reserve-stock", "charge-card", "ship"]
    );
    assert_eq!(
        tasks_of(&world, "bad"),
        [
            "reserve-stock",
            "charge-card",
            "ship",
            "refund-card",
            "release-stock"
        ]
    );
    assert_eq!(journal.names("bad"), UNDONE);
    assert_eq!(answers(&world, "good"), ["accepted", "completed"]);
    assert_eq!(
        answers(&world, "bad"),
        ["accepted", "failed CourierRefused"]
    );
    let receipt: Value = serde_json::from_slice(world.replies("good")[1].value().unwrap()).unwrap();
    assert_eq!(
        receipt,
        json!({"stock": {"reservation": "stock-good"}, "charge": {"payment": "card-good", "amount": 49.9}})
    );
    journal.audit();
}

#[test]
fn a_worker_in_python_goes_on_behind_records_that_are_no_tasks() {
    let world = World::new(1);
    let _engine = world.engine(&[]);
    let queue = topic::tasks(&world.namespace, "orders");
    let replies = topic::replies(&world.namespace);
    let odd = |name: &str| {
        Draft::new(&world, queue.clone(), name)
            .header("sl-token", name)
            .header("sl-reply-topic", &replies)
            .header("sl-reply-partition", "0")
    };
    until("the queue has a topic", || world.partitions_of(&queue));

    Draft::new(&world, queue.clone(), "no-headers").send();
    world.kcat(&queue, &["-k", "null", "-H", "sl-token"], "null");
    for header in ["sl-token", "sl-reply-topic", "sl-reply-partition"] {
        odd("lacks-one").without_header(header).send();
    }
    odd("no-number").header("sl-reply-partition", "one").send();
    odd("no-activity").header("sl-workflow-id", b"\xff").send();
    odd("no-order")
        .header("sl-activity", "ship")
        .value("{")
        .send();
    odd("unknown")
        .header("sl-activity", "€".repeat(3_000))
        .send();
    world.start_order("a", &order("a", "visa", "ok")).send();
    let mut worker = world.python_worker();

    let mut journal = world.journal();
    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    assert!(!worker.has_ended(), "{}", worker.log());
    let answered = |record: &Record| {
        let header = |name| String::from_utf8(record.header(name)?.to_vec()).ok();
        let message = header("sl-error-message").filter(|message| message.len() <= 4_096);
        message.expect("a message of 4 KB at most");
        Some([
            header("sl-token")?,
            header("sl-error-type")?,
            header("sl-non-retryable")?,
        ])
    };
    let answers: Vec<_> = world.read(&replies).iter().filter_map(answered).collect();
    assert_eq!(
        answers,
        [
            ["no-activity", "Undecodable", "true"],
            ["no-order", "Undecodable", "true"],
            ["unknown", "sagaline.UnknownActivity", "false"],
        ]
    );
}

#[test]
fn workers_in_rust_and_python_share_a_queue() {
    let world = World::new(4);
    let _engine = world.engine(&[]);
    let _rust = world.worker(&["--max-in-flight", "2"]);
    let _python = world.python_worker();
    let mut journal = world.journal();
    let ids: Vec<String> = (0..12).map(|number| format!("order-{number}")).collect();

    for id in &ids {
        let courier = if id.ends_with('5') { "refuses" } else { "ok" };
        world.start_order(id, &order(id, "visa", courier)).send();
    }

    for id in &ids {
        let expected = if id.ends_with('5') {
            Outcome::Failed
        } else {
            Outcome::Completed
        };
        assert_eq!(journal.until_ended(id), expected, "{id}");
    }
    let mut workers: Vec<_> = journal.workers().into_iter().collect();
    workers.sort_by_key(|worker| !worker.starts_with("worker-"));
    assert_eq!(workers.len(), 2, "{workers:?}");
    assert!(workers[0].starts_with("worker-"), "{workers:?}");
    assert_eq!(duplicates(&world.tasks()), [""; 0]);
    journal.audit();
}

#[test]
fn workers_may_be_older_than_the_engine_and_a_step_that_fails_is_tried_again() {
    let world = World::new(2);
    let down = world.file("gateway-down");
    fs::write(&down, "").unwrap();
    let mut worker = world.command("order-saga", &["worker"]);
    let worker = world.spawn("worker", worker.env("ORDER_SAGA_GATEWAY_DOWN", &down));
    let mut python = world.python();
    let python = world.spawn("worker.py", python.env("ORDER_SAGA_GATEWAY_DOWN", &down));
    let _engine = world.engine(&[]);
    let mut journal = world.journal();

    for id in ["a", "b", "c", "d"] {
        world.start_order(id, &order(id, "gateway", "ok")).send();
    }
    for id in ["a", "b", "c", "d"] {
        journal.until_event(id, "ActivityAttemptFailed");
    }
    fs::remove_file(&down).unwrap();

    for id in ["a", "b", "c", "d"] {
        assert_eq!(journal.until_ended(id), Outcome::Completed);
        let run = journal.newest(id).unwrap();
        let tasks = run.count("ActivityAttemptScheduled") - run.count("ActivityAttemptFailed");
        assert_eq!(tasks, 3, "one attempt of each step succeeded");
    }
    drop((worker, python));
    journal.audit();
}

#[test]
fn workers_in_rust_and_python_decide_alike_what_is_tried_again_and_what_waits_for_a_person() {
    for language in ["rust", "python"] {
        let world = World::new(2);
        let _engine = world.engine(&[]);
        let _worker = match language {
            "rust" => world.worker(&[]),
            _ => world.python_worker(),
        };
        let mut journal = world.journal();
        let mut lost = order("lost", "visa", "ok");
        lost["address"] = "Mian Street 1".into();

        world.start_order("lost", &lost).send();
        for (id, card, courier) in [("busy", "busy", "refuses"), ("poor", "declined", "ok")] {
            world.start_order(id, &order(id, card, courier)).send();
        }

        assert_eq!(journal.until_ended("busy"), Outcome::Failed, "{language}");
        assert_eq!(journal.until_ended("poor"), Outcome::Failed, "{language}");
        journal.until_event("lost", "IncidentRaised");
        for (id, failed, incidents) in [("busy", 2, 0), ("poor", 1, 0), ("lost", 3, 1)] {
            let run = journal.newest(id).unwrap();
            let counts = ["ActivityAttemptFailed", "IncidentRaised"].map(|name| run.count(name));
            assert_eq!(counts, [failed, incidents], "{language}: {id}");
        }
        journal.audit();
    }
}

#[test]
fn an_idle_engine_writes_nothing() {
    let world = World::new(2);
    let _engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    let mut journal = world.journal();
    world.start_order("a", &order("a", "visa", "ok")).send();
    assert_eq!(journal.until_ended("a"), Outcome::Completed);

    // A last mark says that everything was sent, once nothing has come for a second.
    let topic = format!("{}.journal", world.namespace);
    let mut ends = world.ends(&topic);
    let mut watch = Watch::begin();
    until_true("nothing is written for 5 s", || {
        let now = world.ends(&topic);
        if now != ends {
            (ends, watch) = (now, Watch::begin());
        }
        watch.elapsed() > Duration::from_secs(5)
    });
    journal.audit();
}

#[test]
fn a_start_counts_when_its_transaction_is_committed_and_time_goes_on_behind_it() {
    let world = World::new(1);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();

    world.in_transaction("aborted", "abort");
    world.in_transaction("committed", "commit");

    journal.until_event("committed", "WorkflowStarted");
    assert!(journal.newest("aborted").is_none());
    // What ends the transaction lies behind the last record: no deadline may wait for somebody to read it.
    let first = world.task("committed", "reserve-stock", 1);
    let failed = world
        .answer(&first, "failed")
        .header("sl-error-type", "Busy");
    failed.send();
    world.complete(
        &world.task("committed", "reserve-stock", 2),
        "{\"reservation\":\"r\"}",
    );
    journal.until_event("committed", "ActivityCompleted");
    journal.audit();
}

/// The activities whose tasks were sent for a workflow, in the order of their sending.
fn tasks_of(world: &World, workflow_id: &str) -> Vec<String> {
    let mut tasks = world.tasks();
    tasks.retain(|task| task.workflow_id() == workflow_id);
    tasks.sort_by_key(|task| task.sent_at());
    tasks
        .iter()
        .map(|task| task.activity().to_owned())
        .collect()
}

/// The two answers that a caller gets, each with its error type.
fn answers(world: &World, correlation: &str) -> Vec<String> {
    let replies = until(&format!("two answers for {correlation}"), || {
        Some(world.replies(correlation)).filter(|replies| replies.len() >= 2)
    });
    let text =
        |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let answer = |reply: &Record| {
        let words = [reply.header("sl-outcome"), reply.header("sl-error-type")];
        words.map(text).join(" ").trim_end().to_owned()
    };
    replies.iter().map(answer).collect()
}
