//! Records of any bytes: each comes to exactly one input, whatever strangers write, and what is refused is kept.
//!
//! Values of headers are genuine, or genuine ones with a few bytes changed, or nothing of the kind: pure noise would be
//! refused for its first wrong byte and never reach what lies behind it.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof, proptest},
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sagaline_core::{
    ActivityId, Attempt, Command, Event, Name, RunId, Timestamp, WorkflowId, effect_without_run,
};
use sagaline_journal::{
    EncodedTransition, Headers, NewRecord, Record,
    wire::{ce_type, header, partition_of},
};
use sha2::{Digest, Sha256};

use super::{Input, REFUSAL_BYTES_MAX, Reading, Refusal, reject::VALUE_BYTES_KEPT, rejected};
use crate::{Keys, TokenClaims};

const PARTITIONS: i32 = 3;

/// What a refusal adds to what it keeps of a record: its message, type, hash and place.
const REJECTED_BYTES_MAX: usize = VALUE_BYTES_KEPT + 64 * 1024;

/// A key that is often there, so that records meet their own partition.
const ID: &str = "w-1";

fn reading() -> Reading {
    Reading::new("ns", PARTITIONS, Keys::development())
}

fn token() -> String {
    Keys::development().token(&TokenClaims {
        run_id: RunId::derive("ns", &WorkflowId::new(ID).unwrap(), b"1"),
        activity_id: ActivityId::FIRST,
        attempt: Attempt::FIRST,
        task_queue: Name::from("orders"),
    })
}

/// Some text, mostly short, now and then very long.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..40),
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => (any::<u8>(), 0..100_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// `genuine` as it is, or with some bytes changed, cut or added.
fn mutated(genuine: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<u8>(), 0..3_u8);
    (
        Just(genuine),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(change, 1..4)],
    )
        .prop_map(|(mut bytes, changes)| {
            for (at, byte, what) in changes {
                match what {
                    0 if !bytes.is_empty() => {
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                    }
                    1 => bytes.truncate(at.index(bytes.len() + 1)),
                    _ => bytes.insert(at.index(bytes.len() + 1), byte),
                }
            }
            bytes
        })
}

fn ce_types() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        ce_type::WORKFLOW_START,
        ce_type::WORKFLOW_CANCEL,
        ce_type::WORKFLOW_TERMINATE,
        ce_type::WORKFLOW_DESCRIBE,
        ce_type::ACTIVITY_COMPLETED,
        ce_type::ACTIVITY_FAILED,
        ce_type::ACTIVITY_CANCELED,
        ce_type::ACTIVITY_STARTED,
        ce_type::FORWARD,
        ce_type::RETRY_DUE,
        ce_type::QUEUE_OFFER,
        ce_type::QUEUE_CHANGE,
    ])
    .prop_map(|name| name.as_bytes().to_vec())
}

/// A header of ours, in any of its spellings, with a value that is often one of those expected.
fn our_header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let words = vec![
        (header::CE_SOURCE, "shop"),
        (header::CE_ID, "1"),
        (header::CE_SUBJECT, ID),
        (header::CONTENT_TYPE, "application/cloudevents+json"),
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::TRACEPARENT, "00-1-2-01"),
        // Twice what a start needs.
        (header::WORKFLOW, "order"),
        (header::WORKFLOW, "order"),
        (header::VERSION, "1"),
        (header::ID_CONFLICT, "terminate-existing"),
        (header::ID_REUSE, "allow-duplicate"),
        (header::RUN_ID, "0d9f6b0e-6f6b-4f3e-9a39-5b1f8f2d7c11"),
        (header::ACTIVITY_ID, "1"),
        (header::ATTEMPT, "2"),
        (header::DELIVER_AT, "2026-01-01T00:00:00Z"),
        (header::DELIVER_AT, "2026-01-01T00:00:00Z"),
        (header::TARGET_TOPIC, "mail"),
        (header::TARGET_TOPIC, "ns.inbox"),
        (header::TARGET_PARTITION, "0"),
        (header::REASON, "late"),
        (header::COMPENSATE, "true"),
        (header::REPLY_TOPIC, "ns.replies"),
        (header::REPLY_PARTITION, "0"),
        (header::CORRELATION, "c"),
        (header::ERROR_TYPE, "Refused"),
        (header::ERROR_MESSAGE, "no"),
        (header::NON_RETRYABLE, "true"),
        (header::RETRY_AFTER_MS, "9"),
        (header::ON_EXHAUSTED, "fail"),
        (header::WORKER, "ann"),
        (header::ATTRIBUTES, r#"{"a":1}"#),
        ("sl-attr-total", "49.90"),
        ("sl-memo-note", "x"),
        ("sl-start-at", "2026-01-01T00:00:00Z"),
        ("sl-retry", r#"{"maximum_attempts":3}"#),
        ("sl-run-timeout-ms", "1"),
        (header::MAC, "development:AAAA"),
        (header::FORWARDED, ce_type::WORKFLOW_START),
    ];
    let value = |(name, value): (&'static str, &str)| {
        let values = prop_oneof![6 => mutated(value.as_bytes().to_vec()), 1 => noise()];
        (Just(name.to_owned()), values)
    };
    prop_oneof![
        8 => select(words).prop_flat_map(value),
        3 => (Just(header::CE_TYPE.to_owned()), ce_types().prop_flat_map(mutated)),
        2 => (Just(header::TOKEN.to_owned()), mutated(token().into_bytes())),
    ]
}

/// One of [`our_header`] in any of its spellings, or one of nobody's.
fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let spelled = (our_header(), 0..6_u8).prop_map(|((name, value), spelling)| {
        let name = match (name.strip_prefix("sl-"), spelling) {
            (Some(rest), 0) => format!("ce_sl{}", rest.replace('-', "")),
            _ => name,
        };
        (name, value)
    });
    let strange = ("(sl-|sl-attr-|sl-memo-|ce_|ce_sl)?\\PC{0,12}", noise());
    vec(prop_oneof![8 => spelled, 1 => strange], 0..12)
}

/// A CloudEvent in structured mode, or what looks like one.
fn structured() -> impl Strategy<Value = Vec<u8>> {
    let field = |(name, value): (String, Vec<u8>)| {
        let name = name
            .strip_prefix("ce_")
            .map_or_else(|| name.replace('-', ""), ToOwned::to_owned);
        (name, String::from_utf8_lossy(&value).into_owned())
    };
    let event = vec(our_header().prop_map(field), 0..10).prop_map(|fields| {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .chain([("data".to_owned(), serde_json::json!({"total": 49.9}))])
            .collect();
        serde_json::Value::Object(fields).to_string().into_bytes()
    });
    prop_oneof![
        4 => event.prop_flat_map(mutated),
        1 => noise().prop_map(|noise| {
            serde_json::Value::from(String::from_utf8_lossy(&noise)).to_string().into_bytes()
        }),
    ]
}

/// A record of any bytes, in a partition of inbox or results, now and then signed as one that was forwarded.
pub(crate) fn record() -> impl Strategy<Value = NewRecord> {
    let key = prop_oneof![
        6 => Just(Some(ID.as_bytes().to_vec())),
        2 => Just(None),
        2 => noise().prop_map(Some),
    ];
    // And whether its content type says that it is a whole event.
    let value = prop_oneof![
        1 => Just((None, false)),
        3 => noise().prop_map(|noise| (Some(noise), false)),
        3 => (structured().prop_map(Some), prop_oneof![3 => Just(true), 1 => Just(false)]),
    ];
    let typed = prop_oneof![3 => ce_types().prop_map(Some), 1 => Just(None)];
    let place = (any::<bool>(), 0..PARTITIONS);
    (place, key, value, typed, headers(), any::<bool>()).prop_map(
        |((is_inbox, partition), key, (value, is_event), typed, headers, signed)| {
            let reading = reading();
            let topic: &Arc<str> = if is_inbox {
                &reading.inbox
            } else {
                &reading.results
            };
            let mut record = NewRecord {
                topic: topic.clone(),
                partition,
                key,
                value,
                headers: Headers::new(),
            };
            for (name, value) in headers {
                record.push_header(name, value);
            }
            if let Some(typed) = typed {
                record.push_header(header::CE_TYPE, typed);
            }
            if is_event {
                record.push_header(header::CONTENT_TYPE, "application/cloudevents+json");
            }
            if signed {
                Keys::development().sign_record(&mut record);
            }
            record
        },
    )
}

fn home(id: &WorkflowId) -> i32 {
    partition_of(id.as_str().as_bytes(), PARTITIONS)
}

fn placed(record: &NewRecord) -> Record {
    record.placed(7, Timestamp::from_millis(1))
}

/// What a forward must be: of the same identity where it arrives, and never forwarded again.
fn check_forward(forwarded: &NewRecord, source: &str, id: &str) {
    assert_eq!(forwarded.topic, reading().inbox);
    let cause = match reading().input(&placed(forwarded), forwarded.partition) {
        Input::Command { cause, .. } => cause,
        // A question has no identity.
        Input::Ask { .. } => return,
        Input::Refused { cause, refusal } => {
            // One whose headers were nearly too many, or repeat each other.
            assert!(!refusal.message.is_empty());
            if &*cause.source != source {
                return;
            }
            cause
        }
        Input::Forward { .. } => panic!("forwarded twice"),
    };
    assert_eq!((&*cause.source, &*cause.id), (source, id));
}

/// What is refused is kept: the first 64 KB, how many there were, and their hash; and its answer is small.
fn check_refusal(record: &Record, cause: &sagaline_core::Cause, refusal: Refusal) {
    assert!(!refusal.message.is_empty());
    assert!(refusal.message.len() <= REFUSAL_BYTES_MAX);
    let answer = refusal.reply.as_ref().map(|to| {
        assert!(*to.topic == *"ns.replies" || to.topic.starts_with("ns.reply."));
        sagaline_core::refusal(
            to,
            sagaline_core::error_type::INVALID_INPUT,
            &*refusal.message,
        )
    });
    let mut transition = rejected(record, cause, refusal, Timestamp::default());
    let value = record.value().unwrap_or_default();
    match &transition.events[..] {
        [Event::InputRejected(kept)] => {
            assert_eq!(
                kept.value.data(),
                &value[..value.len().min(VALUE_BYTES_KEPT)]
            );
            assert_eq!(kept.value_bytes, value.len() as u64);
            let hash = Sha256::digest(value);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(*kept.sha256, *hash);
        }
        other => panic!("{other:?}"),
    }
    if let Some(answer) = answer {
        let event = answer.into();
        let effect = effect_without_run(transition.workflow_id.as_ref(), cause, &event);
        transition.events.extend(effect.map(|_| event));
    }
    let mut encoded = Vec::new();
    EncodedTransition::append(&transition, &mut encoded).expect("it can be journaled");
    let bytes: usize = encoded.iter().map(EncodedTransition::size).sum();
    assert!(bytes <= REJECTED_BYTES_MAX, "{bytes} bytes");
}

/// `PROPTEST_CASES` makes them more.
pub(crate) fn config() -> Config {
    let config = Config::default();
    Config {
        cases: config.cases.max(4_000),
        failure_persistence: None,
        ..config
    }
}

/// How many records it may take until each kind was among them: some are rare.
const RECORDS_MAX: u32 = 100_000;

#[test]
fn the_records_reach_every_kind_of_input_and_every_reason() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    let expected = [
        "start",
        "cancel",
        "terminate",
        "report",
        "describe",
        "forward",
        "no-key",
        "bad-key",
        "key-mismatch",
        "unknown-type",
        "wrong-topic",
        "missing-header",
        "bad-header",
        "bad-envelope",
        "forged",
        "misrouted",
        "too-large",
        "bad-reply-topic",
    ];
    for _ in 0..RECORDS_MAX {
        if expected.iter().all(|kind| reached.contains(kind)) {
            return;
        }
        let record = record().new_tree(&mut runner).unwrap().current();
        reached.insert(match reading().input(&placed(&record), record.partition) {
            Input::Command { command, .. } => match *command {
                Command::Start(_) => "start",
                Command::Cancel(_) => "cancel",
                Command::Terminate(_) => "terminate",
                Command::ReportAttempt(_) => "report",
                // It needs so much at once that it is rare.
                Command::RetryDue(_) => "retry",
                Command::Queue(_) => "queue",
                other => panic!("no record asks for {other:?}"),
            },
            Input::Ask { .. } => "describe",
            Input::Forward { .. } => "forward",
            Input::Refused { refusal, .. } => refusal.reason.as_str(),
        });
    }
    for kind in expected {
        assert!(reached.contains(kind), "{kind} is not among {reached:?}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_record_of_any_bytes_comes_to_one_input(record in record()) {
        let read = placed(&record);
        match reading().input(&read, record.partition) {
            Input::Command { cause, command } => {
                assert_eq!((&cause.topic, cause.offset), (&read.topic, 7));
                if let Some(workflow_id) = command.workflow_id() {
                    assert_eq!(home(workflow_id), record.partition);
                }
            }
            Input::Ask { question, .. } => {
                assert_eq!(home(&question.workflow_id), record.partition);
                assert!(question.reply.topic.starts_with("ns.repl"));
            }
            Input::Forward { cause, target_partition, record: forwarded } => {
                assert_ne!(target_partition, record.partition);
                assert_eq!(target_partition, forwarded.partition);
                check_forward(&forwarded, &cause.source, &cause.id);
            }
            Input::Refused { cause, refusal } => check_refusal(&read, &cause, refusal),
        }
    }

    #[test]
    fn a_record_of_any_bytes_in_a_partition_without_journal_goes_where_one_is(record in record()) {
        let mut stray = record;
        stray.topic = reading().inbox;
        stray.partition += PARTITIONS;

        let moved = reading().stray(&placed(&stray));

        assert!((0..PARTITIONS).contains(&moved.partition));
        assert_eq!((&moved.key, &moved.value), (&stray.key, &stray.value));
        if let Input::Forward { .. } = reading().input(&placed(&moved), moved.partition) {
            panic!("forwarded twice");
        }
    }

    #[test]
    fn a_token_that_was_changed_says_nothing_else(changed in mutated(token().into_bytes())) {
        if let Ok(changed) = String::from_utf8(changed) {
            let keys = Keys::development();
            let says = keys.verify_token(&changed);
            assert!(says.is_none() || says == keys.verify_token(&token()), "{changed}");
        }
    }
}
