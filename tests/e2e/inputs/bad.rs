//! Bad records, each with the reason for which it is refused.

use sagaline_core::event::RejectReason;
use sagaline_journal::wire::ce_type;

use crate::harness::{
    records::{Draft, order},
    world::World,
};

/// A record's name, the reason for which it is refused, and the record.
pub(crate) type Bad<'w> = Vec<(&'static str, RejectReason, Draft<'w>)>;

/// All of them.
pub(crate) fn records(world: &World) -> Bad<'_> {
    let kinds = [
        without_a_key,
        of_no_known_type,
        with_bad_starts,
        with_bad_requests,
        bad_as_a_whole,
        forged,
    ];
    kinds.into_iter().flat_map(|kind| kind(world)).collect()
}

fn start<'w>(world: &'w World, id: &str) -> Draft<'w> {
    world.start_order(id, &order(id, "visa", "ok"))
}

fn without_a_key(world: &World) -> Bad<'_> {
    vec![
        ("no key", RejectReason::NoKey, start(world, "a").key(None)),
        (
            "an empty key",
            RejectReason::BadKey,
            start(world, "a").key(Some(b"")),
        ),
        (
            "a long key",
            RejectReason::BadKey,
            start(world, "a").key(Some("k".repeat(256).as_bytes())),
        ),
        (
            "a key that is no text",
            RejectReason::BadKey,
            start(world, "a").key(Some(&[0xff, 0xfe, 0xfd])),
        ),
        (
            "another subject",
            RejectReason::KeyMismatch,
            start(world, "a").header("ce_subject", "b"),
        ),
    ]
}

fn of_no_known_type(world: &World) -> Bad<'_> {
    let results = format!("{}.results", world.namespace);
    vec![
        (
            "no type",
            RejectReason::UnknownType,
            start(world, "a").without_header("ce_type"),
        ),
        (
            "an unknown type",
            RejectReason::UnknownType,
            world.request("sagaline.workflow.dance.v1", "a"),
        ),
        (
            "somebody else's type",
            RejectReason::UnknownType,
            world.request("com.example.order.placed", "a"),
        ),
        (
            "an unknown report",
            RejectReason::UnknownType,
            world
                .request("sagaline.activity.danced.v1", "a")
                .topic(results.clone()),
        ),
        (
            "a start on results",
            RejectReason::WrongTopic,
            start(world, "a").topic(results),
        ),
        (
            "a result on the inbox",
            RejectReason::WrongTopic,
            world.request(ce_type::ACTIVITY_COMPLETED, "a"),
        ),
    ]
}

fn with_bad_starts(world: &World) -> Bad<'_> {
    vec![
        (
            "no workflow",
            RejectReason::MissingHeader,
            start(world, "a").without_header("sl-workflow"),
        ),
        (
            "an unknown workflow",
            RejectReason::UnknownWorkflow,
            start(world, "a").header("sl-workflow", "ordr"),
        ),
        (
            "an unknown version",
            RejectReason::UnknownWorkflow,
            start(world, "a").header("sl-version", "99.0.0"),
        ),
        (
            "a bad id rule",
            RejectReason::BadHeader,
            start(world, "a").header("sl-id-conflict", "maybe"),
        ),
        (
            "another bad id rule",
            RejectReason::BadHeader,
            start(world, "a").header("sl-id-reuse", ""),
        ),
        (
            "terminate-existing without id",
            RejectReason::MissingHeader,
            start(world, "a").header("sl-id-conflict", "terminate-existing"),
        ),
        (
            "a header that is no text",
            RejectReason::BadHeader,
            start(world, "a").header("sl-version", [0xc3, 0x28]),
        ),
        (
            "a source that is no text",
            RejectReason::BadHeader,
            start(world, "a").header("ce_source", [0xc3, 0x28]),
        ),
        (
            "somebody's reply topic",
            RejectReason::BadReplyTopic,
            start(world, "a").header("sl-reply-topic", "payments"),
        ),
        (
            "a bad reply partition",
            RejectReason::BadHeader,
            start(world, "a")
                .answered_as("x")
                .header("sl-reply-partition", "first"),
        ),
    ]
}

fn with_bad_requests(world: &World) -> Bad<'_> {
    let cancel = || world.request(ce_type::WORKFLOW_CANCEL, "a");
    vec![
        (
            "a bad run id",
            RejectReason::BadHeader,
            cancel().header("sl-run-id", "the last one"),
        ),
        (
            "neither true nor false",
            RejectReason::BadHeader,
            cancel().header("sl-compensate", "perhaps"),
        ),
        ("no open run", RejectReason::NoOpenRun, cancel()),
        (
            "no open run either",
            RejectReason::NoOpenRun,
            world.request(ce_type::WORKFLOW_TERMINATE, "a"),
        ),
        (
            "nobody to answer",
            RejectReason::MissingHeader,
            world.request(ce_type::WORKFLOW_DESCRIBE, "a"),
        ),
    ]
}

fn bad_as_a_whole(world: &World) -> Bad<'_> {
    let structured = |value: &str| {
        start(world, "a")
            .without_header("ce_type")
            .header("content-type", "application/cloudevents+json")
            .value(value)
    };
    let garbage: Vec<u8> = (0..5_000_000_u32)
        .map(|number| number.to_le_bytes()[1] ^ 0xa5)
        .collect();
    vec![
        (
            "half an event",
            RejectReason::BadEnvelope,
            structured("{\"type\": \"saga"),
        ),
        (
            "no object",
            RejectReason::BadEnvelope,
            structured("[1, 2, 3]"),
        ),
        ("no value", RejectReason::BadEnvelope, structured("")),
        (
            "base64 that is none",
            RejectReason::BadEnvelope,
            structured("{\"type\":\"x\",\"data_base64\":\"%\"}"),
        ),
        (
            "huge headers",
            RejectReason::TooLarge,
            start(world, "a").header("x", vec![b'x'; 33_000]),
        ),
        (
            "5 MB of garbage",
            RejectReason::UnknownType,
            start(world, "a")
                .without_header("ce_type")
                .value(garbage.clone()),
        ),
        (
            "an input of 5 MB",
            RejectReason::TooLarge,
            start(world, "a").value(garbage),
        ),
    ]
}

fn forged(world: &World) -> Bad<'_> {
    start(world, "victim").send();
    let task = world.task("victim", "reserve-stock", 1);
    let token = task.header("sl-token").to_owned();
    let another = token.replacen(".1.1.", ".2.1.", 1);
    assert_ne!(token, another, "the token names activity and attempt");
    let answer = |token: &str| {
        world
            .answer(&task, "completed")
            .without_header("sl-token")
            .header("sl-token", token)
    };
    let forward = || {
        start(world, "a")
            .without_header("ce_type")
            .header("ce_type", ce_type::FORWARD)
            .header("sl-forwarded", ce_type::WORKFLOW_START)
    };
    vec![
        (
            "no token",
            RejectReason::MissingHeader,
            answer("").without_header("sl-token"),
        ),
        (
            "another activity's token",
            RejectReason::Forged,
            answer(&another),
        ),
        (
            "a cut token",
            RejectReason::Forged,
            answer(&token[..token.len() - 1]),
        ),
        (
            "a token of nobody's",
            RejectReason::Forged,
            answer("v1.development.x.1.1.orders.AAAA"),
        ),
        (
            "a long token",
            RejectReason::Forged,
            answer(&"x".repeat(2_000)),
        ),
        (
            "a failure without a type",
            RejectReason::MissingHeader,
            world.answer(&task, "failed"),
        ),
        ("a forward without a MAC", RejectReason::Forged, forward()),
        (
            "a forward with another's MAC",
            RejectReason::Forged,
            forward().header("sl-mac", "development:AAAA"),
        ),
        (
            "a retry of nobody's",
            RejectReason::Forged,
            world
                .request(ce_type::RETRY_DUE, "victim")
                .header("sl-run-id", task.header("sl-run-id"))
                .header("sl-activity-id", "1")
                .header("sl-attempt", "2"),
        ),
    ]
}
