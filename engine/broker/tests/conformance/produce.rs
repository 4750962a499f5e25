//! Produce: what is appended, and what is refused with which code.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ProduceRequest, TopicName,
    produce_request::{PartitionProduceData, TopicProduceData},
};

use crate::{
    ask::{
        append, delete_records, fetch, produce, produce_bytes, produce_request, produced, text,
        topic_name,
    },
    batch::{APPEND_TIME, Batch, CODECS, CONTROL, batches, records},
    world::{Topic, World, eventually, name, now_ms},
};

const CORRUPT_MESSAGE: i16 = 2;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const MESSAGE_TOO_LARGE: i16 = 10;
const RECORD_LIST_TOO_LARGE: i16 = 18;
const INVALID_REQUIRED_ACKS: i16 = 21;
const INVALID_TIMESTAMP: i16 = 32;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
const INVALID_RECORD: i16 = 87;

const HOUR_MS: i64 = 3_600_000;

/// The code that a batch is refused with; nothing may be appended.
fn refusal(world: &World, topic: &Topic, bytes: Bytes) -> i16 {
    let client = &mut world.connect();
    let end = fetch(client, topic, 0).high_watermark;
    let refused = produce_bytes(client, topic, bytes);
    assert_ne!(refused.error_code, 0, "{refused:?}");
    assert_eq!(refused.base_offset, -1);
    assert_eq!(refused.log_append_time_ms, -1);
    assert_eq!(fetch(client, topic, 0).high_watermark, end, "{refused:?}");
    refused.error_code
}

#[test]
fn offsets_are_given_in_order_and_read_back() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    let first = produce(client, &topic, &Batch::of(&["a", "b"]));
    let second = produce(client, &topic, &Batch::of(&["c"]));

    assert_eq!((first.error_code, first.base_offset), (0, 0));
    assert_eq!((second.error_code, second.base_offset), (0, 2));
    assert_eq!(
        (second.log_start_offset, second.log_append_time_ms),
        (0, -1)
    );
    let read = fetch(client, &topic, 0);
    let values: Vec<_> = records(&read.records.unwrap())
        .into_iter()
        .map(|record| (record.offset, record.value.unwrap()))
        .collect();
    assert_eq!(values, [(0, "a".into()), (1, "b".into()), (2, "c".into())]);
}

#[test]
fn acks_may_be_0_1_or_all() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    for (offset, acks) in [(0, 1), (1, -1)] {
        let request = produce_request(&topic.name, acks, &[(0, Batch::of(&["x"]).encode())]);
        let answer = produced(client.call(12, &request));
        assert_eq!((answer.error_code, answer.base_offset), (0, offset));
    }
    let request = produce_request(&topic.name, 0, &[(0, Batch::of(&["x"]).encode())]);
    client.send(12, &request);
    client.expect_no_answer();

    eventually("the third record", || {
        (fetch(client, &topic, 0).high_watermark == 3).then_some(())
    });
}

#[test]
fn other_acks_are_refused() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    for acks in [-2, 2, 99] {
        let request = produce_request(&topic.name, acks, &[(0, Batch::of(&["x"]).encode())]);
        let answer = produced(client.call(12, &request));

        assert_eq!(answer.error_code, INVALID_REQUIRED_ACKS, "acks={acks}");
        assert_eq!(answer.base_offset, -1);
    }
    assert_eq!(fetch(client, &topic, 0).high_watermark, 0);
}

#[test]
fn a_refusal_that_nobody_wants_to_hear_ends_the_connection() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let request = produce_request(&topic.name, 0, &[(7, Batch::of(&["x"]).encode())]);

    client.send(12, &request);

    client.expect_close();
}

#[test]
fn what_is_not_there_is_unknown() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let nowhere = name("nowhere");

    for (topic, partition) in [(&nowhere, 0), (&topic.name, 1), (&topic.name, -1)] {
        let request = produce_request(topic, -1, &[(partition, Batch::of(&["x"]).encode())]);
        let answer = produced(client.call(12, &request));

        assert_eq!(
            answer.error_code, UNKNOWN_TOPIC_OR_PARTITION,
            "{topic} {partition}"
        );
    }
}

#[test]
fn a_damaged_batch_is_corrupt() {
    let world = World::start();
    let topic = world.topic(1);

    let mut damaged = Batch::of(&["x"]);
    damaged.crc = Some(7);
    let whole = Batch::of(&["x"]).encode();

    assert_eq!(refusal(&world, &topic, damaged.encode()), CORRUPT_MESSAGE);
    for cut in [1, 30] {
        let cut = whole.slice(..whole.len() - cut);
        assert_eq!(refusal(&world, &topic, cut), INVALID_RECORD);
    }
}

#[test]
fn a_batch_larger_than_the_topic_allows_is_too_large() {
    let world = World::start();
    let topic = world.topic_with(1, &[("max.message.bytes", "1000")]);
    let client = &mut world.connect();
    let overhead = Batch::sized(900).encode().len() - 900;

    let fits = Batch::sized(1_000 - overhead);
    assert_eq!(fits.encode().len(), 1_000);

    assert_eq!(append(client, &topic, &fits), 0);
    let refused = refusal(&world, &topic, Batch::sized(1_001 - overhead).encode());
    assert_eq!(refused, MESSAGE_TOO_LARGE);
}

#[test]
fn only_one_batch_of_format_2_may_come_for_a_partition() {
    let world = World::start();
    let topic = world.topic(1);
    let of_format = |magic| {
        let mut batch = Batch::of(&["x"]);
        batch.magic = magic;
        batch.encode()
    };
    let mut two = BytesMut::from(&Batch::of(&["x"]).encode()[..]);
    two.extend(Batch::of(&["y"]).encode());

    assert_eq!(refusal(&world, &topic, of_format(1)), INVALID_RECORD);
    assert_eq!(refusal(&world, &topic, of_format(0)), INVALID_RECORD);
    assert_eq!(refusal(&world, &topic, two.freeze()), INVALID_RECORD);
    assert_eq!(refusal(&world, &topic, Bytes::new()), INVALID_RECORD);
}

#[test]
fn a_header_that_does_not_fit_its_records_is_refused() {
    let world = World::start();
    let topic = world.topic(1);
    let with = |change: fn(&mut Batch)| {
        let mut batch = Batch::of(&["x", "y"]);
        change(&mut batch);
        batch.encode()
    };

    for (what, change) in [
        ("count", (|batch| batch.count = Some(1)) as fn(&mut Batch)),
        ("no record", |batch| batch.count = Some(0)),
        ("last offset", |batch| batch.last_offset_delta = Some(2)),
        ("fewer than said", |batch| {
            (batch.count, batch.last_offset_delta) = (Some(3), Some(2));
        }),
        ("more than said", |batch| {
            (batch.count, batch.last_offset_delta) = (Some(1), Some(0));
        }),
        ("base offset", |batch| batch.base_offset = 5),
        ("control", |batch| batch.attributes |= CONTROL),
    ] {
        assert_eq!(
            refusal(&world, &topic, with(change)),
            INVALID_RECORD,
            "{what}"
        );
    }
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let world = World::start();
    let topic = world.topic_with(1, &[("cleanup.policy", "compact")]);
    let client = &mut world.connect();
    let batch = Batch::keyed(&[
        (Some("k"), Some("v")),
        (None, Some("v")),
        (Some("k"), None),
        (None, None),
    ]);

    for (codec, called) in CODECS {
        let refused = produce(client, &topic, &batch.clone().with_attributes(codec));

        assert_eq!(refused.error_code, INVALID_RECORD, "{called}");
        let at: Vec<_> = refused
            .record_errors
            .iter()
            .map(|one| one.batch_index)
            .collect();
        assert_eq!(at, [1, 3], "{called}");
    }
    assert_eq!(
        append(client, &topic, &Batch::keyed(&[(Some("k"), None)])),
        0
    );
}

#[test]
fn timestamps_outside_of_what_the_topic_allows_are_refused() {
    let world = World::start();
    let topic = world.topic_with(
        1,
        &[
            ("message.timestamp.before.max.ms", "3600000"),
            ("message.timestamp.after.max.ms", "3600000"),
        ],
    );
    let client = &mut world.connect();
    let now = now_ms();

    for times in [
        [now - 2 * HOUR_MS, now],
        [now, now - 2 * HOUR_MS],
        [now, now + 2 * HOUR_MS],
    ] {
        let refused = produce(client, &topic, &Batch::of(&["x", "y"]).at(&times));
        assert_eq!(refused.error_code, INVALID_TIMESTAMP, "{times:?}");
        let late = times.iter().position(|time| *time != now).unwrap();
        let at: Vec<_> = refused
            .record_errors
            .iter()
            .map(|one| one.batch_index)
            .collect();
        assert_eq!(at, [i32::try_from(late).unwrap()]);
        assert!(refused.error_message.is_some());
    }
    append(
        client,
        &topic,
        &Batch::of(&["x", "y"]).at(&[now - HOUR_MS / 2, now + HOUR_MS / 2]),
    );
}

#[test]
fn by_default_the_past_is_allowed_and_more_than_an_hour_ahead_is_not() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    let ahead = Batch::of(&["x"]).at(&[now_ms() + 2 * HOUR_MS]).encode();

    assert_eq!(refusal(&world, &topic, ahead), INVALID_TIMESTAMP);
    assert_eq!(append(client, &topic, &Batch::of(&["x"]).at(&[1])), 0);
    assert_eq!(
        append(client, &topic, &Batch::of(&["x"]).at(&[-1])),
        1,
        "no time at all"
    );
}

#[test]
fn the_broker_dates_records_where_the_topic_says_so() {
    let world = World::start();
    let topic = world.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    let client = &mut world.connect();
    let before = now_ms();

    for (codec, called) in CODECS {
        let batch = Batch::of(&["x", "y"]).at(&[1, 5]).with_attributes(codec);
        let answer = produce(client, &topic, &batch);

        let after = now_ms();
        assert!(
            (before..=after).contains(&answer.log_append_time_ms),
            "{called}: {answer:?}"
        );
        let read = fetch(client, &topic, answer.base_offset);
        let read = &batches(read.records.unwrap())[0];
        assert_eq!(read.max_timestamp, answer.log_append_time_ms, "{called}");
        assert_eq!(read.attributes, codec | APPEND_TIME, "{called}");
    }
}

#[test]
fn a_producer_may_not_claim_the_brokers_time() {
    let world = World::start();
    let by_producer = world.topic(1);
    let by_broker = world.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    let claim = Batch::of(&["x"]).with_attributes(APPEND_TIME);

    let refused = refusal(&world, &by_broker, claim.encode());
    let client = &mut world.connect();
    append(client, &by_producer, &claim);

    assert_eq!(refused, INVALID_TIMESTAMP);
    let read = fetch(client, &by_producer, 0);
    assert_eq!(batches(read.records.unwrap())[0].attributes, 0);
}

#[test]
fn every_codec_is_kept_as_it_came() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    for (codec, called) in CODECS {
        let batch = Batch::of(&["some", "records", "records"]).with_attributes(codec);
        let offset = append(client, &topic, &batch);

        let read = fetch(client, &topic, offset);
        let read = &batches(read.records.unwrap())[0];
        assert_eq!(read.base_offset, offset, "{called}");
        assert_eq!(read.leader_epoch, 0, "{called}");
        assert_eq!(read.bytes[21..], batch.encode()[21..], "{called}");
    }
}

#[test]
fn zstandard_is_refused_from_clients_that_are_older_than_it() {
    let world = World::start();
    let topic = world.topic(1);
    let zstd = Batch::of(&["x"]).with_attributes(4).encode();

    let client = &mut world.connect();
    let request = produce_request(&topic.name, -1, &[(0, zstd)]);
    let before_zstd = produced(client.call(6, &request));

    assert_eq!(before_zstd.error_code, UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(produced(client.call(7, &request)).error_code, 0);
}

#[test]
fn partitions_are_answered_one_by_one() {
    let world = World::start();
    let (topic, other) = (world.topic(2), world.topic(1));
    let client = &mut world.connect();
    let good = Batch::of(&["x"]).encode();
    let mut bad = Batch::of(&["x"]);
    bad.crc = Some(7);
    let data = |name: &str, parts: Vec<(i32, Bytes)>| {
        let parts = parts.into_iter().map(|(index, records)| {
            PartitionProduceData::default()
                .with_index(index)
                .with_records(Some(records))
        });
        TopicProduceData::default()
            .with_name(TopicName(text(name)))
            .with_partition_data(parts.collect())
    };

    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![
            data(
                &topic.name,
                vec![(0, good.clone()), (1, bad.encode()), (2, good.clone())],
            ),
            data(&other.name, vec![(0, good)]),
        ]);
    let answer = client.call(12, &request);

    let code = |name: &str, index: i32| {
        let topic = answer
            .responses
            .iter()
            .find(|one| one.name == topic_name(name));
        let mut parts = topic.unwrap().partition_responses.iter();
        parts.find(|one| one.index == index).unwrap().error_code
    };
    assert_eq!(code(&topic.name, 0), 0);
    assert_eq!(code(&topic.name, 1), CORRUPT_MESSAGE);
    assert_eq!(code(&topic.name, 2), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(&other.name, 0), 0);
}

#[test]
fn a_batch_larger_than_a_segment_does_not_fit() {
    let world = World::start();
    let configs = [
        ("segment.bytes", "1048576"),
        ("max.message.bytes", "3000000"),
    ];
    let topic = world.topic_with(1, &configs);
    let client = &mut world.connect();

    let refused = refusal(&world, &topic, Batch::sized(2_000_000).encode());

    assert_eq!(refused, RECORD_LIST_TOO_LARGE);
    assert_eq!(append(client, &topic, &Batch::sized(1_000_000)), 0);
}

#[test]
fn a_refusal_says_where_the_log_begins_if_the_log_was_asked() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["a", "b"]));
    delete_records(client, &topic, 1);
    let mut corrupt = Batch::of(&["x"]);
    corrupt.crc = Some(7);
    let gap = Batch::of(&["x"]).with_producer(1 << 40, 0, 0);
    append(client, &topic, &gap);
    let gap = Batch::of(&["x"]).with_producer(1 << 40, 0, 9);
    let late = Batch::of(&["x"]).at(&[now_ms() + 2 * HOUR_MS]);

    for (batch, code, start) in [
        (&corrupt, CORRUPT_MESSAGE, -1),
        (&Batch::sized(2_000_000), MESSAGE_TOO_LARGE, -1),
        (&late, INVALID_TIMESTAMP, 1),
        (&gap, 45, 1),
    ] {
        let refused = produce(client, &topic, batch);
        assert_eq!(
            (refused.error_code, refused.log_start_offset),
            (code, start)
        );
        assert!(refused.error_message.is_some() || code != INVALID_TIMESTAMP);
    }
}
