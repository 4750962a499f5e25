//! Transactions: what readers see of them at which moment, who may write, and what is refused with which code.

use std::{fs, path::Path};

use bytes::Bytes;
use kafka_protocol::messages::{
    OffsetFetchRequest,
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
};
use kafka_protocol::records::RecordBatchDecoder;

use crate::{
    ask::{
        append, fetch_partition, fetch_request, fetched, group_id, list_offset_in, produce_request,
        produced, topic_name,
    },
    batch::{Batch, TRANSACTIONAL},
    client::Client,
    transactional::{PRODUCE, Producer},
    world::{Topic, World, eventually, name},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_REQUEST: i16 = 42;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const INVALID_TXN_STATE: i16 = 48;
const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
const INVALID_TRANSACTION_TIMEOUT: i16 = 50;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
const UNSTABLE_OFFSET_COMMIT: i16 = 88;
const PRODUCER_FENCED: i16 = 90;
const TRANSACTION_ABORTABLE: i16 = 120;

/// What a reader of committed records sees.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    values: Vec<String>,
    stable: i64,
    /// Producer and first offset of each transaction that the reader is told was aborted.
    aborted: Vec<(i64, i64)>,
}

/// Reads as a consumer does: without what was aborted, and without markers.
fn read_committed(client: &mut Client, topic: &Topic) -> Seen {
    let request = fetch_request(topic, vec![fetch_partition(0, 0)]).with_isolation_level(1);
    let data = fetched(client.call(16, &request));
    assert_eq!(data.error_code, 0);
    let aborted = data.aborted_transactions.unwrap();
    let aborted: Vec<_> = aborted
        .iter()
        .map(|one| (one.producer_id.0, one.first_offset))
        .collect();
    Seen {
        values: committed_values(data.records.unwrap_or_default(), &aborted),
        stable: data.last_stable_offset,
        aborted,
    }
}

fn committed_values(mut records: Bytes, aborted: &[(i64, i64)]) -> Vec<String> {
    let mut pending = aborted.to_vec();
    let mut within = Vec::new();
    let mut values = Vec::new();
    for set in RecordBatchDecoder::decode_all(&mut records).unwrap() {
        for record in set.records {
            pending.retain(|(producer, first)| {
                let begins = *first <= record.offset;
                if begins {
                    within.push(*producer);
                }
                !begins
            });
            if record.control {
                within.retain(|producer| *producer != record.producer_id);
            } else if !record.transactional || !within.contains(&record.producer_id) {
                values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
    }
    values
}

/// Waits until the reader sees that the partition is stable up to there: markers may come after the answer.
fn stable_at(client: &mut Client, topic: &Topic, stable: i64) -> Seen {
    eventually("the last stable offset", || {
        let seen = read_committed(client, topic);
        (seen.stable == stable).then_some(seen)
    })
}

#[test]
fn a_reader_of_committed_records_waits_for_the_end_and_skips_what_was_aborted() {
    let world = World::start();
    let topic = world.topic(1);
    let reader = &mut world.connect();
    append(reader, &topic, &Batch::of(&["before"]));
    let (mut first, mut second) = (Producer::start(&world), Producer::start(&world));

    assert_eq!(first.write(&topic, &["a1"]), 1);
    assert_eq!(second.write(&topic, &["b1", "b2"]), 2);
    append(reader, &topic, &Batch::of(&["between"]));
    assert_eq!(first.send(&topic, &["a2"]), Ok(5));
    let seen = read_committed(reader, &topic);
    assert_eq!((seen.values, seen.stable), (vec!["before".to_owned()], 1));

    assert_eq!(second.end(true), 0);
    let seen = read_committed(reader, &topic);
    assert_eq!((seen.values, seen.stable), (vec!["before".to_owned()], 1));

    assert_eq!(first.end(false), 0);
    let seen = stable_at(reader, &topic, 8);
    assert_eq!(seen.values, ["before", "b1", "b2", "between"]);
    assert_eq!(seen.aborted, [(first.id, 1)]);

    first.write(&topic, &["a3"]);
    assert_eq!(stable_at(reader, &topic, 8).values.len(), 4);
    assert_eq!(first.end(true), 0);
    let seen = stable_at(reader, &topic, 10);
    assert_eq!(seen.values, ["before", "b1", "b2", "between", "a3"]);
}

#[test]
fn the_latest_offset_for_a_reader_of_committed_records_is_the_stable_one() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["before"]));
    let mut producer = Producer::start(&world);
    producer.write(&topic, &["a"]);

    let latest = |client: &mut Client, isolation| {
        list_offset_in(client, (&topic.name, 0), -1, isolation).offset
    };

    assert_eq!((latest(client, 0), latest(client, 1)), (2, 1));
    let newest = list_offset_in(client, (&topic.name, 0), -3, 1);
    assert_ne!(newest.offset, 1, "what is not stable is not found");
    assert_eq!(producer.end(true), 0);
    eventually("the marker", || (latest(client, 1) == 3).then_some(()));
}

#[test]
fn a_marker_has_the_bytes_that_clients_expect() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let mut producer = Producer::start(&world);
    for committed in [true, false] {
        producer.write(&topic, &["x"]);
        assert_eq!(producer.end(committed), 0);
    }
    stable_at(client, &topic, 4);

    let request = fetch_request(&topic, vec![fetch_partition(0, 0)]);
    let mut records = fetched(client.call(16, &request)).records.unwrap();

    let sets = RecordBatchDecoder::decode_all(&mut records).unwrap();
    let all: Vec<_> = sets.into_iter().flat_map(|set| set.records).collect();
    for (marker, kind) in [(&all[1], 1), (&all[3], 0)] {
        assert!(marker.control && marker.transactional);
        assert_eq!(marker.key.as_deref(), Some(&[0, 0, 0, kind][..]));
        assert_eq!(marker.value.as_ref().map(Bytes::len), Some(6));
        assert_eq!((marker.producer_id, marker.sequence), (producer.id, -1));
    }
}

#[test]
fn a_partition_that_was_not_written_to_gets_a_marker_all_the_same() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);

    assert_eq!(producer.add(&topic.name, 0), 0);
    assert_eq!(producer.end(true), 0);

    stable_at(&mut world.connect(), &topic, 1);
}

#[test]
fn offsets_count_once_their_transaction_is_committed() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let group = world.group();
    let mut producer = Producer::start(&world);
    let mut read = |stable| offset_of(client, &group, &topic, stable);

    assert_eq!(producer.add_offsets(&group), 0);
    assert_eq!(producer.commit_offset(&group, &topic.name, 5), 0);
    assert_eq!(read(true), (UNSTABLE_OFFSET_COMMIT, -1));
    assert_eq!(read(false), (0, -1));
    assert_eq!(producer.end(true), 0);
    eventually("the offset", || (read(true) == (0, 5)).then_some(()));

    assert_eq!(producer.add_offsets(&group), 0);
    assert_eq!(producer.commit_offset(&group, &topic.name, 9), 0);
    assert_eq!(read(false), (0, 5));
    assert_eq!(producer.end(false), 0);
    eventually("the end", || (read(true) == (0, 5)).then_some(()));
}

/// What a group has committed of a topic's first partition: code and offset.
fn offset_of(client: &mut Client, group: &str, topic: &Topic, stable: bool) -> (i16, i64) {
    let topic = OffsetFetchRequestTopics::default()
        .with_name(topic_name(&topic.name))
        .with_partition_indexes(vec![0]);
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_member_id(None)
        .with_member_epoch(-1)
        .with_topics(Some(vec![topic]));
    let request = OffsetFetchRequest::default()
        .with_groups(vec![group])
        .with_require_stable(stable);
    let answer = client.call(9, &request);
    let found = &answer.groups[0].topics[0].partitions[0];
    (found.error_code, found.committed_offset)
}

#[test]
fn the_next_producer_of_an_id_fences_the_one_before_and_aborts_what_it_left_open() {
    let world = World::start();
    let topic = world.topic(1);
    let reader = &mut world.connect();
    let mut old = Producer::start(&world);
    old.write(&topic, &["left"]);

    let mut new = Producer::start_as(&world, &old.transactional_id.clone());

    assert_eq!(new.id, old.id);
    assert!(new.epoch > old.epoch);
    assert_eq!(old.send(&topic, &["zombie"]), Err(INVALID_PRODUCER_EPOCH));
    assert_eq!(old.add(&topic.name, 0), PRODUCER_FENCED);
    assert_eq!(old.add_in(1, &topic.name, 0), INVALID_PRODUCER_EPOCH);
    assert_eq!(old.end(true), PRODUCER_FENCED);
    assert_eq!(old.end_in(1, true), INVALID_PRODUCER_EPOCH);
    assert_eq!(old.init_again(), PRODUCER_FENCED);
    new.write(&topic, &["new"]);
    assert_eq!(new.end(true), 0);
    assert_eq!(stable_at(reader, &topic, 4).values, ["new"]);
}

#[test]
fn a_producer_that_goes_on_after_an_error_gets_the_next_epoch() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);
    let before = producer.epoch;

    assert_eq!(producer.init_again(), 0);

    assert_eq!(producer.epoch, before + 1);
    producer.epoch = before;
    assert_eq!(producer.init_again(), 0, "it may not have heard of it");
    assert_eq!(producer.epoch, before + 1);
    producer.write(&topic, &["x"]);
    assert_eq!(producer.end(true), 0);
}

#[test]
fn an_end_may_be_repeated_and_not_changed() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);
    assert_eq!(producer.end(true), INVALID_TXN_STATE, "nothing has begun");

    for committed in [true, false] {
        producer.write(&topic, &["x"]);
        assert_eq!(producer.end(committed), 0);
        assert_eq!(producer.end(committed), 0);
        assert_eq!(producer.end(!committed), INVALID_TXN_STATE);
    }
}

#[test]
fn only_what_is_part_of_the_transaction_may_be_written() {
    let world = World::start();
    let topic = world.topic(1);
    let group = world.group();
    let mut producer = Producer::start(&world);

    assert_eq!(producer.send(&topic, &["x"]), Err(TRANSACTION_ABORTABLE));
    assert_eq!(producer.send_in(9, &topic, &["x"]), Err(INVALID_TXN_STATE));
    let refused = producer.commit_offset(&group, &topic.name, 1);
    assert_eq!(refused, TRANSACTION_ABORTABLE);
    assert_eq!(
        producer.send_in(12, &topic, &["x"]),
        Ok(0),
        "it is made part"
    );
    assert_eq!(producer.end(true), 0);
    stable_at(&mut world.connect(), &topic, 2);
    assert_eq!(producer.send(&topic, &["x"]), Err(TRANSACTION_ABORTABLE));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);

    for timeout_ms in [0, -1, 900_001] {
        assert_eq!(producer.init(timeout_ms), INVALID_TRANSACTION_TIMEOUT);
    }
    let unknown = producer.add(&name("nowhere"), 0);
    assert_eq!(unknown, UNKNOWN_TOPIC_OR_PARTITION);
    producer.id += 1_000_000;
    assert_eq!(producer.add(&topic.name, 0), INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(producer.end(true), INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(producer.init_again(), PRODUCER_FENCED);
    producer.transactional_id = name("stranger");
    assert_eq!(producer.add(&topic.name, 0), INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(producer.end(true), INVALID_PRODUCER_ID_MAPPING);
    producer.transactional_id = String::new();
    assert_eq!(producer.end(true), INVALID_REQUEST);
    assert_eq!(producer.add(&topic.name, 0), INVALID_REQUEST);
}

#[test]
fn what_is_sent_outside_of_a_transaction_by_who_has_one_open_is_refused() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);
    producer.write(&topic, &["x"]);

    let plain = Batch::of(&["y"]).with_producer(producer.id, producer.epoch, 1);
    let request = produce_request(&topic.name, -1, &[(0, plain.encode())]);
    let refused = produced(producer.client.call(PRODUCE, &request)).error_code;
    assert_eq!(refused, INVALID_TXN_STATE);

    let stray = Batch::of(&["y"])
        .with_producer(producer.id, producer.epoch, 1)
        .with_attributes(TRANSACTIONAL);
    let request = produce_request(&topic.name, -1, &[(0, stray.encode())]);
    let refused = produced(producer.client.call(PRODUCE, &request)).error_code;
    assert_eq!(refused, TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let world = World::start();
    let topic = world.topic(1);
    let reader = &mut world.connect();
    let mut producer = Producer::start(&world);
    assert_eq!(producer.init(500), 0);

    producer.write(&topic, &["late"]);

    assert_eq!(stable_at(reader, &topic, 2).values, [""; 0]);
    assert_eq!(producer.send(&topic, &["x"]), Err(INVALID_PRODUCER_EPOCH));
    assert_eq!(producer.end(true), PRODUCER_FENCED);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_transaction_survives_a_crash_of_the_broker_wherever_it_stands() {
    for crash_at in 0..5 {
        let mut world = World::embedded();
        let topic = world.topic(1);
        let group = world.group();
        let mut producer = Producer::start(&world);
        let steps: [&dyn Fn(&mut Producer); 5] = [
            &|producer| assert_eq!(producer.write(&topic, &["a"]), 0),
            &|producer| assert_eq!(producer.add_offsets(&group), 0),
            &|producer| assert_eq!(producer.commit_offset(&group, &topic.name, 7), 0),
            &|producer| assert_eq!(producer.send(&topic, &["b"]), Ok(1)),
            &|producer| assert_eq!(producer.end(true), 0),
        ];

        for (number, step) in steps.iter().enumerate() {
            step(&mut producer);
            if number == crash_at {
                world = world.crash(copy);
                producer.client = world.connect();
            }
        }

        let reader = &mut world.connect();
        let seen = stable_at(reader, &topic, 3);
        assert_eq!(seen.values, ["a", "b"], "crash after step {crash_at}");
        assert_eq!(offset_of(reader, &group, &topic, true), (0, 7));
        producer.write(&topic, &["c"]);
        assert_eq!(producer.end(false), 0);
        world = world.crash(copy);
        let seen = stable_at(&mut world.connect(), &topic, 5);
        assert_eq!((seen.values.len(), seen.aborted.len()), (2, 1));
    }
}

#[test]
fn what_was_decided_before_a_crash_is_carried_out_after_it() {
    let world = World::embedded();
    let topic = world.topic(1);
    let group = world.group();
    let mut producer = Producer::start(&world);
    producer.write(&topic, &["a"]);
    assert_eq!(producer.add_offsets(&group), 0);
    assert_eq!(producer.commit_offset(&group, &topic.name, 7), 0);
    let open = world.snapshot(copy);
    assert_eq!(producer.end(true), 0);
    let ended = world.snapshot(copy);

    // The decision is in the file and nothing else came to be: neither that it is done, nor marker, nor offset.
    let lines = fs::read_to_string(ended.path().join("transactions.jsonl")).unwrap();
    let kept: Vec<_> = lines.lines().collect();
    assert!(kept.last().unwrap().contains("completed"));
    let decided = kept[..kept.len() - 1].join("\n") + "\n";
    fs::write(open.path().join("transactions.jsonl"), decided).unwrap();
    let world = World::on(open);

    let reader = &mut world.connect();
    assert_eq!(stable_at(reader, &topic, 2).values, ["a"]);
    eventually("the offset", || {
        (offset_of(reader, &group, &topic, true) == (0, 7)).then_some(())
    });
    producer.client = world.connect();
    assert_eq!(producer.end(true), 0);
}

#[test]
fn markers_that_are_there_are_not_written_again_after_a_crash() {
    let world = World::embedded();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);
    producer.write(&topic, &["a"]);
    assert_eq!(producer.end(true), 0);
    let ended = world.snapshot(copy);
    let path = ended.path().join("transactions.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    let kept: Vec<_> = lines.lines().collect();
    fs::write(&path, kept[..kept.len() - 1].join("\n") + "\n").unwrap();

    let world = World::on(ended);

    producer.client = world.connect();
    producer.write(&topic, &["b"]);
    assert_eq!(producer.end(true), 0);
    let seen = stable_at(&mut world.connect(), &topic, 4);
    assert_eq!(seen.values, ["a", "b"]);
}

#[test]
fn records_of_a_transaction_that_nobody_knows_are_aborted_at_the_start() {
    let world = World::embedded();
    let topic = world.topic(1);
    let mut producer = Producer::start(&world);
    producer.write(&topic, &["a"]);
    let lost = world.snapshot(copy);
    fs::remove_file(lost.path().join("transactions.jsonl")).unwrap();

    let world = World::on(lost);

    let seen = read_committed(&mut world.connect(), &topic);
    assert_eq!((seen.stable, seen.values.len()), (2, 0));
}
