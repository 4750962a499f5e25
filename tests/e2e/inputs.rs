//! What strangers write onto the topics: every bad record is kept with its reason, and none holds up what follows.

mod bad;

use sagaline_core::{Event, Outcome};
use sagaline_journal::{
    Record,
    wire::{ce_type, partition_of},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{
    journal::Journal,
    records::{Place, order},
    wait::{until, until_true},
    world::World,
};

/// How much of a refused value the journal keeps.
const VALUE_BYTES_KEPT: usize = 64 * 1024;

#[test]
fn every_bad_record_is_kept_with_its_reason_and_nothing_waits_for_it() {
    let world = World::new(4);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();

    let expected: Vec<_> = bad::records(&world)
        .into_iter()
        .map(|(name, reason, draft)| {
            let record = draft.record().clone();
            (
                name,
                reason,
                record.key,
                record.value.unwrap_or_default(),
                draft.send(),
            )
        })
        .collect();
    for number in 0..20 {
        let id = format!("after-{number}");
        world.start_order(&id, &order(&id, "visa", "ok")).send();
    }

    for number in 0..20 {
        journal.until_event(&format!("after-{number}"), "WorkflowStarted");
    }
    journal.until_inputs_are_read();
    for (name, reason, key, value, place) in &expected {
        let rejected = journal
            .rejected(place)
            .unwrap_or_else(|| panic!("{name} was not rejected"));
        assert_eq!(rejected.reason, *reason, "{name}: {}", rejected.message);
        assert_eq!(
            rejected.value.data(),
            &value[..value.len().min(VALUE_BYTES_KEPT)],
            "{name}"
        );
        assert_eq!(rejected.value_bytes, value.len() as u64, "{name}");
        assert_eq!(*rejected.sha256, sha256(value), "{name}");
        let kept = rejected.key.as_ref().map(|key| key.data().to_vec());
        assert_eq!(kept, *key, "{name}");
    }
    let rejected = journal
        .apart
        .iter()
        .flat_map(|one| &one.events)
        .filter(|event| event.name() == "InputRejected");
    assert_eq!(rejected.count(), expected.len(), "nothing else is rejected");
    journal.audit();
}

#[test]
fn a_refusal_says_what_would_be_right_and_answers_whoever_asked() {
    let world = World::new(1);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();

    let unknown = world
        .start_order("a", &Value::Null)
        .without_header("sl-workflow")
        .header("sl-workflow", "ordr");
    let unknown = unknown.answered_as("unknown").send();
    let closed = world
        .request(ce_type::WORKFLOW_CANCEL, "nobody")
        .answered_as("closed")
        .send();

    let message = message(&mut journal, &unknown);
    assert!(
        message.contains("ordr") && message.contains("known are: order"),
        "{message}"
    );
    assert!(self::message(&mut journal, &closed).contains("nobody"));
    for correlation in ["unknown", "closed"] {
        let reply = until(correlation, || {
            world.replies(correlation).into_iter().next()
        });
        assert_eq!(reply.header("sl-outcome"), Some(&b"rejected"[..]));
        assert_eq!(
            reply.header("sl-error-type"),
            Some(&b"sagaline.NotFound"[..])
        );
    }
    journal.audit();
}

#[test]
fn an_answer_reaches_a_topic_of_the_callers_own_past_those_that_nobody_made() {
    let world = World::new(1);
    let _engine = world.engine(&[]);
    let own = format!("{}.reply.own", world.namespace);
    let ask = |topic: &str, correlation: &str| {
        world
            .request(ce_type::WORKFLOW_CANCEL, "nobody")
            .header("sl-reply-topic", topic)
            .header("sl-correlation", correlation)
            .send();
    };
    for number in 0..50 {
        ask(
            &format!("{}.reply.never-made-{number}", world.namespace),
            "none",
        );
    }

    // The engine hears of its name before it is there.
    ask(&own, "early");
    world.make(&own);
    ask(&own, "late");

    let answered = |correlation: &str| {
        let replies = world.read(&own);
        let of = |reply: &Record| reply.header("sl-correlation") == Some(correlation.as_bytes());
        replies.iter().any(of)
    };
    until_true("both are answered", || {
        answered("early") && answered("late")
    });
    world.delete(&own);
}

#[test]
fn headers_have_two_spellings_and_a_value_may_be_anything() {
    let world = World::new(4);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();
    let bytes = order("x", "visa", "ok").to_string();
    let long = "k".repeat(255);
    let start = |id: &str| world.request(ce_type::WORKFLOW_START, id);
    let named = |id: &str| start(id).header("sl-workflow", "order");

    named("plain").value(bytes.clone()).send();
    named(&long).value(bytes.clone()).send();
    named("both")
        .header("ce_slworkflow", "nonsense")
        .value(bytes.clone())
        .send();
    start("alias")
        .header("ce_slworkflow", "order")
        .value(bytes.clone())
        .send();
    let twice = start("twice").header("sl-workflow", "nonsense");
    twice
        .header("sl-workflow", "order")
        .value(bytes.clone())
        .send();
    let subject = named("subject").key(None).header("ce_subject", "subject");
    subject.value(bytes.clone()).send();
    named("null").send();
    let binary = named("binary").header("content-type", "application/octet-stream");
    binary.value([0, 159, 146, 150]).send();

    for id in ["plain", &long, "both", "alias", "twice", "subject"] {
        assert_eq!(started(&mut journal, id), bytes.as_bytes(), "{id}");
    }
    assert_eq!(started(&mut journal, "null"), b"");
    assert_eq!(started(&mut journal, "binary"), [0, 159, 146, 150]);
    journal.audit();
}

#[test]
fn structured_cloud_events_start_workflows_too() {
    let world = World::new(4);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();
    let input = order("x", "visa", "ok");
    let event = |id: &str, data: &str, value: &Value| {
        let event = json!({
            "specversion": "1.0", "type": ce_type::WORKFLOW_START, "source": "shop", "id": "1", "subject": id,
            "slworkflow": "order", "slreplytopic": format!("{}.replies", world.namespace), "slcorrelation": id, data: value
        });
        let draft = world.request("", id).without_header("ce_type").key(None);
        draft
            .header(
                "content-type",
                "application/cloudevents+json; charset=utf-8",
            )
            .json(&event)
    };
    let stray = partition_of(b"stray", world.partitions);

    event("data", "data", &input).send();
    event("base64", "data_base64", &json!("eyJhIjoxfQ==")).send();
    event("stray", "data", &input)
        .partition((stray + 1) % world.partitions)
        .send();

    for id in ["data", "stray"] {
        assert_eq!(
            started(&mut journal, id),
            input.to_string().as_bytes(),
            "{id}"
        );
        let run = journal.newest(id).unwrap();
        assert_eq!(
            (&*run.facts[0].cause.source, &*run.facts[0].cause.id),
            ("shop", "1")
        );
        until(&format!("{id} is answered"), || {
            world.replies(id).into_iter().next()
        });
    }
    assert_eq!(started(&mut journal, "base64"), b"{\"a\":1}");
    journal.audit();
}

#[test]
fn what_lies_in_the_wrong_partition_is_forwarded_once() {
    let world = World::new(4);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();
    let right = partition_of(b"stray", 4);
    let wrong = (right + 1) % 4;

    let place = world
        .start_order("stray", &order("stray", "visa", "ok"))
        .partition(wrong)
        .answered_as("stray")
        .send();
    let task = world.task("stray", "reserve-stock", 1);
    let result = world
        .answer(&task, "completed")
        .partition(wrong)
        .value("{\"reservation\":\"r\"}")
        .send();
    world.complete(
        &world.task("stray", "charge-card", 1),
        "{\"payment\":\"p\",\"amount\":1.0}",
    );
    world.complete(&world.task("stray", "ship", 1), "null");

    assert_eq!(journal.until_ended("stray"), Outcome::Completed);
    let run = journal.newest("stray").unwrap();
    assert_eq!(run.partition, right);
    let identity = format!("{}/{wrong}/{}", place.topic, place.offset);
    assert_eq!(
        &*run.facts[0].cause.id, identity,
        "the original identity is kept"
    );
    for place in [&place, &result] {
        let forwarded = journal
            .apart
            .iter()
            .filter(|one| (&*one.cause.topic, one.cause.offset) == (&place.topic, place.offset));
        let forwarded: Vec<_> = forwarded.flat_map(|one| &one.events).collect();
        assert!(
            matches!(forwarded[..], [Event::InputForwarded(to)] if to.target_partition == right),
            "{forwarded:?}"
        );
    }
    let inbox = world.read(&format!("{}.inbox", world.namespace));
    let forwards = inbox
        .iter()
        .filter(|record| record.header("ce_type") == Some(ce_type::FORWARD.as_bytes()));
    assert_eq!(forwards.count(), 2);
    journal.audit();
}

fn message(journal: &mut Journal<'_>, place: &Place) -> String {
    journal.until("the record is rejected", |journal| {
        Some(journal.rejected(place)?.message.to_string())
    })
}

/// The input with which a run was started.
fn started(journal: &mut Journal<'_>, id: &str) -> Vec<u8> {
    match journal.until_event(id, "WorkflowStarted") {
        Event::WorkflowStarted(started) => started.input.data().to_vec(),
        other => unreachable!("{}", other.name()),
    }
}

fn sha256(value: &[u8]) -> String {
    Sha256::digest(value)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
