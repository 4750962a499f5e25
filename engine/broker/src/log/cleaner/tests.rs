use std::{fs, path::Path};

use super::*;
use crate::log::{
    CheckedBatch, Cleanup, Ending, Marker, Origin,
    build::{
        Seen, batch, batch_like, consume, decode, generous, last_header, plain_header, record,
        small_config, tombstone, values,
    },
};

mod disk;
mod interrupted;

fn config() -> LogConfig {
    LogConfig {
        cleanup: Cleanup::Compact,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 1000,
        ..small_config()
    }
}

fn open(dir: &Path) -> Log {
    Log::open(dir, config(), 0).unwrap().0
}

fn append(log: &mut Log, bytes: bytes::Bytes) {
    let batch = CheckedBatch::new(bytes, 1 << 20, Origin::Broker).unwrap();
    log.append(&[batch], 0).unwrap();
}

/// Closes the active segment, cleans and gives what a consumer sees.
fn clean(log: &mut Log, now: i64) -> Vec<Seen> {
    clean_with(log, now, &ProducerView::default());
    consume(log, 1 << 20)
}

fn clean_with(log: &mut Log, now: i64, producers: &ProducerView) {
    log.roll(now).unwrap();
    for _ in 0..100 {
        let Some(cleaning) = log.cleaning(i64::MAX, now).unwrap() else {
            return;
        };
        log.clean_here(cleaning, producers, usize::MAX).unwrap();
    }
    panic!("cleaning makes no progress");
}

#[test]
fn the_latest_record_of_each_key_stays_at_its_offset() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for at in 0..40 {
        append(
            &mut log,
            batch(&[record(at, &format!("k{}", at % 3), &at.to_string())]),
        );
    }

    let seen = clean(&mut log, 100);

    assert_eq!(values(&seen), ["37", "38", "39"]);
    assert!(seen.iter().map(|one| one.offset).eq(37..40));
    assert_eq!((log.start_offset(), log.end_offset()), (0, 40));
    drop(log);
    let mut log = open(dir.path());
    assert_eq!(values(&consume(&mut log, 100)), ["37", "38", "39"]);
    assert_eq!(log.end_offset(), 40);
}

#[test]
fn segments_that_became_small_become_one_at_the_next_cleaning() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for at in 0..40 {
        append(&mut log, batch(&[record(at, "k", &at.to_string())]));
    }
    clean(&mut log, 100);
    assert!(log.closed.len() > 5);
    append(&mut log, batch(&[record(1, "j", "more")]));

    let seen = clean(&mut log, 100);

    assert_eq!(values(&seen), ["39", "more"]);
    assert_eq!((log.closed.len(), log.start_offset()), (1, 0));
}

#[test]
fn a_batch_in_any_codec_keeps_the_records_that_stay_and_its_codec() {
    for codec in 0..=4 {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path());
        let header = BatchHeader {
            attributes: codec,
            ..plain_header()
        };
        let records = [
            record(9, "a", "old"),
            record(5, "b", "b"),
            record(7, "a", "new"),
        ];
        append(&mut log, batch_like(header, &records));

        let seen = clean(&mut log, 100);

        assert_eq!(values(&seen), ["b", "new"]);
        assert!(seen.iter().map(|one| one.timestamp).eq([5, 7]));
        let header = last_header(&log.read(0, &generous()).unwrap()).unwrap();
        assert_eq!(
            (header.codec(), header.count, header.last_offset_delta),
            (codec, 2, 2)
        );
        assert_eq!(header.max_timestamp, 7);
        assert_eq!(log.offset_of_max_timestamp().unwrap(), Some((2, 7)));
    }
}

#[test]
fn a_tombstone_stays_until_the_horizon_that_its_first_cleaning_sets() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, batch(&[record(1, "a", "1"), record(2, "b", "2")]));
    append(&mut log, batch(&[tombstone(3, "a"), record(4, "c", "3")]));

    let first = clean(&mut log, 10_000);
    append(&mut log, batch(&[record(5, "d", "4")]));
    let early = clean(&mut log, 10_999);
    append(&mut log, batch(&[record(6, "e", "5")]));
    let late = clean(&mut log, 11_000);

    assert_eq!(values(&first), ["2", "-", "3"]);
    assert!(first.iter().map(|one| one.timestamp).eq([2, 3, 4]));
    assert_eq!(values(&early), ["2", "-", "3", "4"]);
    assert_eq!(values(&late), ["2", "3", "4", "5"]);
    assert!(late.iter().map(|one| one.timestamp).eq([2, 4, 5, 6]));
}

#[test]
fn a_rewritten_batch_is_read_by_the_codec_crate_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(
        &mut log,
        batch(&[
            record(1, "a", "1"),
            tombstone(200, "b"),
            record(3, "a", "2"),
        ]),
    );

    clean(&mut log, 10_000);
    let mut bytes = log.read(0, &generous()).unwrap();
    let read = kafka_protocol::records::RecordBatchDecoder::decode(&mut bytes).unwrap();

    let seen: Vec<_> = read
        .records
        .iter()
        .map(|one| (one.offset, one.timestamp))
        .collect();
    assert_eq!(seen, [(1, 200), (2, 3)]);
}

#[test]
fn records_without_a_key_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let mut keyless = record(1, "", "gone");
    keyless.key = None;
    append(&mut log, batch(&[keyless, record(1, "k", "kept")]));

    assert_eq!(values(&clean(&mut log, 10)), ["kept"]);
}

#[test]
fn the_last_batch_of_a_producer_stays_if_only_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let of = |producer_id, base_sequence| BatchHeader {
        producer_id,
        producer_epoch: 0,
        base_sequence,
        ..plain_header()
    };
    append(
        &mut log,
        batch_like(of(7, 0), &[record(1, "k", "a"), record(1, "k", "b")]),
    );
    append(
        &mut log,
        batch_like(of(7, 2), &[record(1, "k", "c"), record(1, "k", "d")]),
    );
    append(&mut log, batch_like(of(8, 0), &[record(1, "k", "e")]));
    append(&mut log, batch(&[record(1, "k", "f")]));
    let producers = ProducerView {
        last_offsets: [(7, 3)].into(),
        aborted: Vec::new(),
    };

    clean_with(&mut log, 10, &producers);

    let mut headers = Vec::new();
    log.visit_batches(0, |header, _| headers.push(*header))
        .unwrap();
    assert_eq!(headers.len(), 2);
    let empty = headers[0];
    assert_eq!(
        (empty.base_offset, empty.last_offset(), empty.count),
        (2, 3, 0)
    );
    assert_eq!((empty.producer_id, empty.base_sequence), (7, 2));
    assert_eq!(values(&consume(&mut log, 1000)), ["f"]);
}

#[test]
fn records_of_aborted_transactions_go_and_supersede_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let transactional = |attributes| BatchHeader {
        attributes,
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: 0,
        ..plain_header()
    };
    append(&mut log, batch(&[record(1, "k", "committed")]));
    append(
        &mut log,
        batch_like(transactional(0x10), &[record(1, "k", "aborted")]),
    );
    append(
        &mut log,
        batch_like(transactional(0x30), &[record(1, "marker", "abort")]),
    );
    let aborted = AbortedTransaction {
        producer_id: 5,
        first_offset: 1,
        last_offset: 2,
    };
    let producers = ProducerView {
        aborted: vec![aborted],
        ..ProducerView::default()
    };

    clean_with(&mut log, 10, &producers);

    assert_eq!(values(&consume(&mut log, 1000)), ["committed", "abort"]);
}

#[test]
fn a_marker_stays_with_its_records_and_then_as_long_as_tombstones_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let data = BatchHeader {
        attributes: 0x10,
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: 0,
        ..plain_header()
    };
    let marker = Marker {
        producer_id: 5,
        producer_epoch: 0,
        ending: Ending::Commit,
    };
    append(&mut log, batch_like(data, &[record(1, "k", "first")]));
    log.append(&[marker.to_batch(1).unwrap()], 0).unwrap();
    let mut markers_after = |key, now| {
        append(&mut log, batch(&[record(now, key, "next")]));
        clean_with(&mut log, now, &ProducerView::default());
        let mut endings = Vec::new();
        log.visit_batches(0, |header, ending| {
            endings.extend(ending.map(|ending| (ending, header.delete_horizon())));
        })
        .unwrap();
        endings
    };

    assert_eq!(markers_after("other", 10), [(Ending::Commit, None)]);
    assert_eq!(
        markers_after("k", 20),
        [(Ending::Commit, None)],
        "the record went with this cleaning"
    );
    let idle = [(Ending::Commit, Some(1_030))];
    assert_eq!(markers_after("k", 30), idle);
    assert_eq!(markers_after("k", 1_029), idle);
    assert_eq!(markers_after("k", 1_030), []);
}

#[test]
fn the_marker_that_tells_a_producers_epoch_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let marker = Marker {
        producer_id: 5,
        producer_epoch: 1,
        ending: Ending::Abort,
    };
    log.append(&[marker.to_batch(1).unwrap()], 0).unwrap();
    let producers = ProducerView {
        last_offsets: [(5, 0)].into(),
        aborted: Vec::new(),
    };

    for now in [10, 2_000, 4_000] {
        append(&mut log, batch(&[record(now, "k", "next")]));
        clean_with(&mut log, now, &producers);
    }

    let mut epochs = Vec::new();
    log.visit_batches(0, |header, ending| {
        epochs.extend(ending.map(|_| header.producer_epoch));
    })
    .unwrap();
    assert_eq!(epochs, [1]);
}

#[test]
fn a_cleaning_is_due_by_ratio_or_by_age() {
    let config = LogConfig {
        min_cleanable_dirty_ratio: 0.5,
        max_compaction_lag_ms: 100,
        ..config()
    };
    let cases = [
        (0, 0, None, 0, false),
        (50, 50, Some(0), 100, false),
        (50, 51, Some(0), 100, true),
        (50, 50, Some(0), 101, true),
        (50, 1, None, i64::MAX, false),
        (0, 1, Some(0), 0, true),
    ];

    for (clean_bytes, dirty_bytes, oldest_dirty, now, is_due) in cases {
        let dirtiness = Dirtiness {
            clean_bytes,
            dirty_bytes,
            oldest_dirty,
        };
        assert_eq!(
            dirtiness.is_due(&config, now),
            is_due,
            "{dirtiness:?} at {now}"
        );
    }
}

#[test]
fn young_and_unstable_records_are_not_cleaned() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, batch(&[record(1000, "k", "a")]));
    log.roll(0).unwrap();
    append(&mut log, batch(&[record(2000, "k", "b")]));
    log.roll(0).unwrap();

    assert!(log.cleaning(0, 0).unwrap().is_none());
    assert_eq!(log.cleaning(1, 0).unwrap().unwrap().plan.until, 1);
    log.set_config(LogConfig {
        min_compaction_lag_ms: 100,
        ..config()
    });
    assert!(log.cleaning(9, 1099).unwrap().is_none());
    assert_eq!(log.cleaning(9, 1100).unwrap().unwrap().plan.until, 1);
    assert_eq!(log.cleaning(9, 2100).unwrap().unwrap().plan.until, 2);
}

#[test]
fn more_keys_than_the_map_holds_take_more_cleanings() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for round in 0..2 {
        for key in 0..60 {
            append(
                &mut log,
                batch(&[record(1, &key.to_string(), &round.to_string())]),
            );
        }
    }
    let wide: Vec<_> = (0..30)
        .map(|key| record(1, &key.to_string(), "2"))
        .collect();
    log.set_config(LogConfig {
        segment_bytes: 1000,
        ..config()
    });
    append(&mut log, batch(&wide));

    let seen = clean(&mut log, 10);

    assert_eq!(log.checkpoint.cleaned, log.end_offset());
    for key in 0..60 {
        let expected = if key < 30 { "2" } else { "1" };
        let last = seen
            .iter()
            .rfind(|one| one.key == Some(key.to_string().into_bytes()));
        assert_eq!(values(&[last.unwrap().clone()]), [expected]);
    }
    assert!(seen.len() < 110, "{}", seen.len());
}
