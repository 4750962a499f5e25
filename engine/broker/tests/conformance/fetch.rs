//! Fetch: how much comes, when it comes, and what is said about the partition.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::{
    FetchRequest,
    fetch_request::{FetchPartition, FetchTopic},
};
use uuid::Uuid;

use crate::{
    ask::{
        append, delete_records, delete_topic, fetch, fetch_partition, fetch_request, fetched,
        produce_request, topic_name,
    },
    batch::{Batch, batches, records},
    client::Client,
    world::{Topic, World, name},
};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// How late a waiting fetch may be answered once there is something.
const WAKE_MAX: Duration = Duration::from_millis(50);

/// How long a fetch is willing to wait for what comes long before; and the same in the protocol's unit.
const LONG: Duration = Duration::from_millis(LONG_MS as u64);
const LONG_MS: i32 = 20_000;

/// A topic with three batches of 1,000 bytes or a little more, and the bytes of one of them.
fn three_batches(world: &World) -> (Topic, usize) {
    let topic = world.topic(1);
    let client = &mut world.connect();
    for _ in 0..3 {
        append(client, &topic, &Batch::sized(1_000));
    }
    (topic, Batch::sized(1_000).encode().len())
}

fn one(partition: FetchPartition) -> Vec<FetchPartition> {
    vec![partition]
}

/// How many whole batches an answer has.
fn count(records: Option<Bytes>) -> usize {
    batches(records.unwrap()).len()
}

#[test]
fn offsets_outside_of_the_log_are_out_of_range() {
    let world = World::start();
    let (topic, _) = three_batches(&world);
    let client = &mut world.connect();
    delete_records(client, &topic, 1);

    for offset in [0, 4, 1_000, -1] {
        let refused = fetch(client, &topic, offset);

        assert_eq!(refused.error_code, OFFSET_OUT_OF_RANGE, "{offset}");
        assert_eq!((refused.high_watermark, refused.log_start_offset), (-1, -1));
        assert_eq!(refused.records.unwrap_or_default(), Bytes::new());
    }
    let at_start = fetch(client, &topic, 1);
    assert_eq!((at_start.high_watermark, at_start.log_start_offset), (3, 1));
    let at_end = fetch(client, &topic, 3);
    assert_eq!((at_end.error_code, at_end.last_stable_offset), (0, 3));
    assert_eq!(at_end.records, Some(Bytes::new()));
}

#[test]
fn an_offset_within_a_batch_gives_the_whole_batch() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["a", "b", "c"]));

    let read = fetch(client, &topic, 1);

    assert_eq!(records(&read.records.unwrap())[0].offset, 0);
}

#[test]
fn the_first_batch_comes_whole_and_further_ones_if_they_fit() {
    let world = World::start();
    let (topic, size) = three_batches(&world);
    let client = &mut world.connect();
    let mut of_partition = |bytes: usize| {
        let bytes = i32::try_from(bytes).unwrap();
        let partition = fetch_partition(0, 0).with_partition_max_bytes(bytes);
        count(fetched(client.call(16, &fetch_request(&topic, one(partition)))).records)
    };

    assert_eq!(of_partition(1), 1, "larger than the bound");
    assert_eq!(of_partition(2 * size), 2);
    assert_eq!(of_partition(3 * size - 1), 2);
    assert_eq!(of_partition(3 * size), 3);
}

#[test]
fn the_bound_of_the_whole_answer_holds_over_partitions() {
    let world = World::start();
    let topic = world.topic(2);
    let client = &mut world.connect();
    let batch = Batch::sized(1_000).encode();
    let data = [(0, batch.clone()), (1, batch.clone())];
    client.call(12, &produce_request(&topic.name, -1, &data));
    let partitions = vec![fetch_partition(0, 0), fetch_partition(1, 0)];
    let mut of_answer = |bytes: usize| {
        let request = fetch_request(&topic, partitions.clone());
        let request = request.with_max_bytes(i32::try_from(bytes).unwrap());
        let mut answer = client.call(16, &request);
        let parts = answer.responses.remove(0).partitions.into_iter();
        parts.map(|part| count(part.records)).collect::<Vec<_>>()
    };

    assert_eq!(of_answer(1), [1, 0], "one has to come");
    assert_eq!(of_answer(batch.len()), [1, 0]);
    assert_eq!(of_answer(2 * batch.len()), [1, 1]);
}

#[test]
fn a_fetch_waits_for_its_bytes_no_longer_than_it_is_willing_to() {
    let world = World::start();
    let (topic, _) = three_batches(&world);
    let client = &mut world.connect();
    let wait = Duration::from_millis(1_000);
    let mut took = |offset: i64, min_bytes: i32| {
        let request = fetch_request(&topic, one(fetch_partition(0, offset)))
            .with_min_bytes(min_bytes)
            .with_max_wait_ms(1_000);
        let begun = Instant::now();
        let read = fetched(client.call(16, &request));
        (begun.elapsed(), count(read.records))
    };

    let (at_once, batches) = took(0, 1);
    assert!(at_once < wait && batches == 3, "{at_once:?} {batches}");
    let (at_once, batches) = took(3, 0);
    assert!(at_once < wait && batches == 0, "{at_once:?} {batches}");
    let (waited, batches) = took(0, 100_000);
    assert!(waited >= wait && batches == 3, "{waited:?} {batches}");
    let (waited, batches) = took(3, 1);
    assert!(waited >= wait && batches == 0, "{waited:?} {batches}");
}

#[test]
fn a_waiting_fetch_is_woken_by_a_produce() {
    let world = World::start();
    let topic = world.topic(1);
    let (waiting, producing) = (&mut world.connect(), &mut world.connect());
    let mut took = Vec::new();
    for offset in 0..5 {
        let request = fetch_request(&topic, one(fetch_partition(0, offset)))
            .with_min_bytes(1)
            .with_max_wait_ms(LONG_MS);
        waiting.send(16, &request);

        append(producing, &topic, &Batch::of(&["x"]));
        let begun = Instant::now();
        let read = fetched(waiting.receive::<FetchRequest>(16));

        took.push(begun.elapsed());
        assert_eq!(records(&read.records.unwrap())[0].offset, offset);
    }
    // One may be unlucky on a busy machine.
    took.sort();
    assert!(took[2] < WAKE_MAX, "{took:?}");
}

#[test]
fn several_batches_add_up_to_what_a_fetch_waits_for() {
    let world = World::start();
    let topic = world.topic(1);
    let (waiting, producing) = (&mut world.connect(), &mut world.connect());
    let size = i32::try_from(Batch::sized(1_000).encode().len()).unwrap();
    let request = fetch_request(&topic, one(fetch_partition(0, 0)))
        .with_min_bytes(2 * size)
        .with_max_wait_ms(LONG_MS);

    waiting.send(16, &request);
    append(producing, &topic, &Batch::sized(1_000));
    append(producing, &topic, &Batch::sized(1_000));
    let read = fetched(waiting.receive::<FetchRequest>(16));

    assert_eq!(count(read.records), 2);
}

#[test]
fn an_error_is_not_waited_with_and_neither_is_nothing() {
    let world = World::start();
    let topic = world.topic(2);
    let client = &mut world.connect();
    let mut codes = |partitions: &[(i32, i64)], wait_ms: i32| {
        let partitions = partitions
            .iter()
            .map(|(index, offset)| fetch_partition(*index, *offset));
        let request = fetch_request(&topic, partitions.collect())
            .with_min_bytes(1)
            .with_max_wait_ms(wait_ms);
        let begun = Instant::now();
        let mut parts = client.call(16, &request).responses.remove(0).partitions;
        parts.sort_by_key(|part| part.partition_index);
        let codes: Vec<_> = parts.iter().map(|part| part.error_code).collect();
        (codes, begun.elapsed())
    };
    let wait = Duration::from_millis(300);

    let (out_of_range, took) = codes(&[(0, 0), (1, 7)], LONG_MS);
    assert_eq!(out_of_range, [0, OFFSET_OUT_OF_RANGE]);
    assert!(took < LONG / 2, "{took:?}");
    let (nothing_there, took) = codes(&[(7, 0)], LONG_MS);
    assert_eq!(nothing_there, [UNKNOWN_TOPIC_OR_PARTITION]);
    assert!(took < LONG / 2, "{took:?}");
    let (one_unknown, took) = codes(&[(0, 0), (7, 0)], 300);
    assert_eq!(one_unknown, [0, UNKNOWN_TOPIC_OR_PARTITION]);
    assert!(took >= wait, "the other may get something: {took:?}");
}

#[test]
fn the_end_of_a_topic_ends_a_fetch_that_waits_on_it() {
    let world = World::start();
    let topic = world.topic(1);
    let (waiting, deleting) = (&mut world.connect(), &mut world.connect());
    let request = fetch_request(&topic, one(fetch_partition(0, 0)))
        .with_min_bytes(1)
        .with_max_wait_ms(LONG_MS);

    waiting.send(16, &request);
    let begun = Instant::now();
    assert_eq!(delete_topic(deleting, &topic), 0);
    let ended = fetched(waiting.receive::<FetchRequest>(16));

    assert!(begun.elapsed() < LONG / 2);
    assert!(
        [UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID].contains(&ended.error_code),
        "{ended:?}"
    );
}

#[test]
fn topics_that_are_not_there_are_unknown_by_id_and_by_name() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let mut by_id = |id: Uuid| {
        let topic = Topic {
            name: String::new(),
            id,
        };
        fetched(client.call(16, &fetch_request(&topic, one(fetch_partition(0, 0))))).error_code
    };

    assert_eq!(by_id(topic.id), 0);
    assert_eq!(by_id(Uuid::from_u128(7 << 100)), UNKNOWN_TOPIC_ID);
    assert_eq!(by_id(Uuid::nil()), UNKNOWN_TOPIC_ID);
    assert_eq!(by_name(client, &topic.name, 0), 0);
    assert_eq!(by_name(client, &topic.name, 7), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(
        by_name(client, &name("nowhere"), 0),
        UNKNOWN_TOPIC_OR_PARTITION
    );
}

/// As clients ask that know no ids of topics.
fn by_name(client: &mut Client, topic: &str, partition: i32) -> i16 {
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(one(fetch_partition(partition, 0)));
    let request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_bytes(i32::MAX)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    fetched(client.call(12, &request)).error_code
}

#[test]
fn a_leader_epoch_that_is_yet_to_come_is_unknown() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let mut with_epoch = |epoch: i32| {
        let partition = fetch_partition(0, 0).with_current_leader_epoch(epoch);
        fetched(client.call(16, &fetch_request(&topic, one(partition)))).error_code
    };

    assert_eq!(with_epoch(-1), 0);
    assert_eq!(with_epoch(0), 0);
    assert_eq!(with_epoch(1), UNKNOWN_LEADER_EPOCH);
}

#[test]
fn a_session_that_does_not_exist_is_not_found_and_may_be_begun_anew_or_closed() {
    let world = World::start();
    let (topic, _) = three_batches(&world);
    let client = &mut world.connect();
    let mut with = |id: i32, epoch: i32| {
        let request = fetch_request(&topic, one(fetch_partition(0, 0)))
            .with_session_id(id)
            .with_session_epoch(epoch);
        client.call(16, &request)
    };

    for (id, epoch) in [(1_234, 1), (0, 1), (1_234, 77)] {
        let refused = with(id, epoch);
        assert_eq!(
            refused.error_code, FETCH_SESSION_ID_NOT_FOUND,
            "{id} {epoch}"
        );
        assert_eq!((refused.session_id, refused.responses.len()), (0, 0));
    }
    for epoch in [0, -1] {
        assert_eq!(count(fetched(with(1_234, epoch)).records), 3, "{epoch}");
    }
}

#[test]
fn aborted_transactions_are_listed_for_those_who_read_what_is_committed() {
    let world = World::start();
    let (topic, _) = three_batches(&world);
    let client = &mut world.connect();
    let mut aborted = |offset: i64, isolation: i8| {
        let request = fetch_request(&topic, one(fetch_partition(0, offset)));
        let read = fetched(client.call(16, &request.with_isolation_level(isolation)));
        assert_eq!(read.last_stable_offset, 3);
        read.aborted_transactions.map(|all| all.len())
    };

    assert_eq!((aborted(0, 0), aborted(3, 0)), (None, None));
    assert_eq!((aborted(0, 1), aborted(3, 1)), (Some(0), Some(0)));
}

#[test]
fn a_batch_that_begins_before_the_log_does_is_given_whole() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["a", "b", "c"]));
    delete_records(client, &topic, 2);

    let read = fetch(client, &topic, 2);

    assert_eq!(read.log_start_offset, 2);
    assert_eq!(records(&read.records.unwrap())[0].offset, 0);
}

#[test]
fn a_fetch_of_several_partitions_is_woken_by_any_of_them() {
    let world = World::start();
    let topic = world.topic(3);
    let (waiting, producing) = (&mut world.connect(), &mut world.connect());
    let partitions = (0..3).map(|index| fetch_partition(index, 0)).collect();
    let request = fetch_request(&topic, partitions)
        .with_min_bytes(1)
        .with_max_wait_ms(LONG_MS);

    waiting.send(16, &request);
    let batch = Batch::of(&["x"]).encode();
    producing.call(12, &produce_request(&topic.name, 1, &[(2, batch)]));
    let mut parts = waiting
        .receive::<FetchRequest>(16)
        .responses
        .remove(0)
        .partitions;

    parts.sort_by_key(|part| part.partition_index);
    let counts = parts.into_iter().map(|part| count(part.records));
    assert_eq!(counts.collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn a_client_that_goes_away_while_it_waits_disturbs_nobody() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    for _ in 0..20 {
        let mut gone = world.connect();
        let request = fetch_request(&topic, one(fetch_partition(0, 0)))
            .with_min_bytes(1)
            .with_max_wait_ms(LONG_MS);
        gone.send(16, &request);
    }

    assert_eq!(append(client, &topic, &Batch::of(&["x"])), 0);
    assert_eq!(fetch(client, &topic, 0).high_watermark, 1);
}

/// On the embedded broker alone: nobody restarts a shared one.
#[test]
fn what_was_written_is_there_after_a_restart() {
    let world = World::embedded();
    let (topic, size) = three_batches(&world);
    delete_records(&mut world.connect(), &topic, 1);

    let world = world.restart();
    let client = &mut world.connect();

    let read = fetch(client, &topic, 1);
    assert_eq!((read.log_start_offset, read.high_watermark), (1, 3));
    assert_eq!(read.records.unwrap().len(), 2 * size);
    assert_eq!(fetch(client, &topic, 0).error_code, OFFSET_OUT_OF_RANGE);
    assert_eq!(append(client, &topic, &Batch::of(&["next"])), 3);
}
