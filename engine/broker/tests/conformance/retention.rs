//! Retention and compaction, as a client sees them. Ours looks every 5 s; Apache Kafka has to be started with
//! `log.retention.check.interval.ms=1000` and `log.cleaner.backoff.ms=500`, as `tools/test-wire` does, or it is late.

use std::time::{Duration, Instant};

use crate::{
    ask::{append, fetch, list_offset},
    batch::{Batch, records},
    client::Client,
    world::{Topic, World, eventually, now_ms},
};

const HOUR_MS: i64 = 3_600_000;

/// The smallest segment that Kafka allows.
const SEGMENT_BYTES: &str = "1048576";

/// A record that fills more than half of such a segment.
const LARGE: usize = 600_000;

fn start(client: &mut Client, topic: &Topic) -> i64 {
    list_offset(client, &topic.name, 0, -2).offset
}

/// Offset, key and value of everything that is left.
fn left(client: &mut Client, topic: &Topic) -> Vec<(i64, String, Option<String>)> {
    let mut at = start(client, topic);
    let mut left = Vec::new();
    loop {
        let read = fetch(client, topic, at);
        assert_eq!(read.error_code, 0, "{at}");
        let bytes = read.records.unwrap();
        if bytes.is_empty() {
            return left;
        }
        for record in records(&bytes).into_iter().filter(|one| one.offset >= at) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let key = record.key.as_deref().map(text).unwrap_or_default();
            left.push((record.offset, key, record.value.as_deref().map(text)));
        }
        let last = crate::batch::batches(bytes).last().unwrap().clone();
        at = last.next_offset();
    }
}

fn put(client: &mut Client, topic: &Topic, key: &str, value: Option<&str>) -> i64 {
    append(client, topic, &Batch::keyed(&[(Some(key), value)]))
}

/// Begins the segment of that number: `segment.ms` counts by the times of records, and this one is some seconds later.
fn roll(client: &mut Client, topic: &Topic, number: i64) -> i64 {
    let key = format!("roll-{number}");
    let later = Batch::keyed(&[(Some(&*key), Some("roll"))]).at(&[now_ms() + number * 5_000]);
    append(client, topic, &later)
}

#[test]
fn segments_beyond_the_size_go() {
    let world = World::start();
    let configs = [
        ("segment.bytes", SEGMENT_BYTES),
        ("retention.bytes", "1000000"),
    ];
    let topic = world.topic_with(1, &configs);
    let client = &mut world.connect();

    for _ in 0..6 {
        append(client, &topic, &Batch::sized(LARGE));
    }

    eventually("the end of the oldest", || {
        (start(client, &topic) == 4).then_some(())
    });
    assert_eq!(fetch(client, &topic, 3).error_code, 1);
    assert_eq!(fetch(client, &topic, 4).high_watermark, 6);
}

#[test]
fn segments_beyond_the_time_go_even_the_last() {
    let world = World::start();
    let topic = world.topic_with(
        1,
        &[
            ("retention.ms", "3600000"),
            ("segment.bytes", SEGMENT_BYTES),
        ],
    );
    let client = &mut world.connect();
    let old = now_ms() - 2 * HOUR_MS;

    append(client, &topic, &Batch::sized(LARGE).at(&[old]));
    append(client, &topic, &Batch::sized(LARGE).at(&[old]));
    append(client, &topic, &Batch::of(&["new"]));
    let all_old = world.topic_with(1, &[("retention.ms", "3600000")]);
    append(client, &all_old, &Batch::of(&["old"]).at(&[old]));

    eventually("the end of the old", || {
        (start(client, &topic) == 1 && start(client, &all_old) == 1).then_some(())
    });
    assert_eq!(fetch(client, &all_old, 1).high_watermark, 1);
    assert_eq!(append(client, &all_old, &Batch::of(&["next"])), 1);
    assert_eq!(start(client, &topic), 1, "the new one keeps its segment");
}

#[test]
fn nothing_goes_where_retention_has_no_limit_or_no_policy() {
    let world = World::start();
    let configs = [("cleanup.policy", ""), ("retention.ms", "1000")];
    let without_policy = world.topic_with(1, &configs);
    let kept = world.topic_with(
        1,
        &[("retention.ms", "-1"), ("segment.bytes", SEGMENT_BYTES)],
    );
    let gone = world.topic_with(
        1,
        &[("retention.ms", "1000"), ("segment.bytes", SEGMENT_BYTES)],
    );
    let client = &mut world.connect();

    for topic in [&kept, &gone, &without_policy] {
        append(client, topic, &Batch::of(&["x"]).at(&[1]));
    }

    eventually("the end of the other", || {
        (start(client, &gone) == 1).then_some(())
    });
    assert_eq!(
        (start(client, &kept), start(client, &without_policy)),
        (0, 0)
    );
}

/// A topic that is compacted as soon as anything can be.
fn compacted(world: &World, more: &[(&str, &str)]) -> Topic {
    let mut configs = vec![
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("segment.ms", "1000"),
        ("delete.retention.ms", "0"),
    ];
    configs.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
    configs.extend_from_slice(more);
    world.topic_with(1, &configs)
}

#[test]
fn of_each_key_the_last_stays_and_offsets_do() {
    let world = World::start();
    let topic = compacted(&world, &[]);
    let client = &mut world.connect();
    for (key, value) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", "2")] {
        put(client, &topic, key, Some(value));
    }
    roll(client, &topic, 1);

    let expected = [
        (2, "a", "2"),
        (3, "c", "1"),
        (4, "b", "2"),
        (5, "roll-1", "roll"),
    ];
    eventually("compaction", || {
        let left = left(client, &topic);
        let left = left
            .iter()
            .map(|(offset, key, value)| (*offset, &**key, value.as_deref().unwrap()));
        (left.collect::<Vec<_>>() == expected).then_some(())
    });

    assert_eq!(
        start(client, &topic),
        0,
        "compaction does not move the start"
    );
    assert_eq!(left(client, &topic).len(), expected.len());
    let at_gap = records(&fetch(client, &topic, 0).records.unwrap());
    assert_eq!(
        at_gap[0].offset, 2,
        "a fetch from a gap gives what comes next"
    );
}

#[test]
fn a_tombstone_removes_its_key_and_then_itself() {
    let world = World::start();
    let (short, long) = (
        compacted(&world, &[]),
        compacted(&world, &[("delete.retention.ms", "3600000")]),
    );
    let client = &mut world.connect();
    for topic in [&short, &long] {
        put(client, topic, "a", Some("1"));
        put(client, topic, "b", Some("1"));
        put(client, topic, "a", None);
        roll(client, topic, 1);
    }

    let keys = |client: &mut Client, topic: &Topic| {
        let left = left(client, topic).into_iter().map(|(offset, _, _)| offset);
        left.collect::<Vec<_>>()
    };
    eventually("the end of the value", || {
        (keys(client, &long) == [1, 2, 3]).then_some(())
    });
    // A round that sees a tombstone notes when it may go, a later one removes it: something new has to make that due.
    let (mut number, mut rolled) = (1, Instant::now());
    eventually("the end of the tombstone", || {
        let left = keys(client, &short);
        if rolled.elapsed() > Duration::from_millis(300) {
            (number, rolled) = (number + 1, Instant::now());
            roll(client, &short, number);
        }
        (left.first() == Some(&1) && !left.contains(&2)).then_some(())
    });
    assert!(keys(client, &long).contains(&2), "it is kept for an hour");
}

#[test]
fn a_log_is_compacted_only_once_enough_of_it_is_new_or_it_is_old() {
    let world = World::start();
    let lag = [
        ("max.compaction.lag.ms", "1000"),
        ("min.cleanable.dirty.ratio", "1.0"),
    ];
    let ratio = [("min.cleanable.dirty.ratio", "1.0")];
    let all_new = compacted(&world, &ratio);
    let (old, never) = (
        compacted(&world, &lag),
        compacted(&world, &[("min.compaction.lag.ms", "3600000")]),
    );
    let client = &mut world.connect();
    for topic in [&old, &never, &all_new] {
        put(client, topic, "a", Some("1"));
        put(client, topic, "a", Some("2"));
        roll(client, topic, 1);
    }

    eventually("compaction of what is old", || {
        (left(client, &old).len() == 2).then_some(())
    });

    assert_eq!(left(client, &never).len(), 3, "too young");
    assert_eq!(
        left(client, &all_new).len(),
        3,
        "more than all would have to be new"
    );
}

#[test]
fn a_topic_may_be_compacted_and_deleted_from() {
    let world = World::start();
    let configs = [
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "3600000"),
    ];
    let (old, new) = (compacted(&world, &configs), compacted(&world, &configs));
    let client = &mut world.connect();
    let then = now_ms() - 2 * HOUR_MS;
    let gone = Batch::keyed(&[(Some("gone"), Some("1"))]).at(&[then]);
    append(client, &old, &gone);
    put(client, &new, "a", Some("1"));
    put(client, &new, "a", Some("2"));
    roll(client, &new, 1);

    eventually("retention and compaction", || {
        (start(client, &old) == 1 && left(client, &new).len() == 2).then_some(())
    });
    assert_eq!(start(client, &new), 0, "nothing of it is old");
}
