//! The main path: any producer starts a saga, any worker works on it.

use sagaline_core::Outcome;
use serde_json::{Value, json};

use crate::harness::{check::duplicates, records::order, wait::until, world::World};

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
    let answer = |reply: &sagaline_journal::Record| {
        let words = [reply.header("sl-outcome"), reply.header("sl-error-type")];
        words.map(text).join(" ").trim_end().to_owned()
    };
    replies.iter().map(answer).collect()
}
