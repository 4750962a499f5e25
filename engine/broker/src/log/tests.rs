use std::{fs, path::Path};

use super::{
    build::{
        batch, batch_like, bounds, checked, consume, decode, generous, last_header, plain_header,
        record, small_config, values,
    },
    *,
};

mod disk;

fn open(dir: &Path) -> Log {
    Log::open(dir, small_config(), 0).unwrap().0
}

fn append(log: &mut Log, timestamp: i64, value: &str) -> Appended {
    let bytes = batch(&[record(timestamp, "k", value)]);
    log.append(&[checked(bytes)], timestamp).unwrap()
}

/// Values "0", "1", … with timestamps 1000, 1001, …: about five batches to a segment.
fn filled(dir: &Path, count: i64) -> Log {
    let mut log = open(dir);
    for at in 0..count {
        append(&mut log, 1000 + at, &at.to_string());
    }
    log
}

fn segment_files(dir: &Path) -> usize {
    open::segment_bases(dir).unwrap().len()
}

#[test]
fn what_was_appended_is_read_back_in_order_with_any_size_of_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 40);

    let expected: Vec<_> = (0..40).map(|at| at.to_string()).collect();
    for bytes_max in [0, 61, 100, 200, 1 << 20] {
        let seen = consume(&mut log, bytes_max);
        assert_eq!(values(&seen), expected, "{bytes_max}");
        assert!(seen.iter().map(|one| one.offset).eq(0..40));
    }
    assert!(segment_files(dir.path()) > 5);
}

#[test]
fn a_read_gives_whole_batches_from_the_one_that_has_the_offset() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let three = batch(&[
        record(1, "k", "0"),
        record(1, "k", "1"),
        record(1, "k", "2"),
    ]);
    log.append(&[checked(three.clone()), checked(three.clone())], 1)
        .unwrap();

    let one = log.read(4, &bounds(three.len())).unwrap();
    let both = log.read(1, &bounds(2 * three.len() + 10)).unwrap();
    let none = ReadBounds {
        first_batch: FirstBatch::IfItFits,
        ..bounds(three.len() - 1)
    };
    let below = ReadBounds {
        below: 3,
        ..generous()
    };

    assert_eq!(last_header(&one).unwrap().base_offset, 3);
    assert_eq!(one.len(), three.len());
    assert_eq!(both.len(), 2 * three.len());
    assert!(log.read(0, &none).unwrap().is_empty());
    assert_eq!(log.read(0, &below).unwrap().len(), three.len());
    assert!(log.read(3, &below).unwrap().is_empty());
}

#[test]
fn reads_outside_of_the_log_are_out_of_range_and_at_its_end_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 3);

    assert!(log.read(3, &generous()).unwrap().is_empty());
    assert_eq!(log.read(4, &generous()).unwrap_err().code(), 1);
    assert_eq!(log.read(-1, &generous()).unwrap_err().code(), 1);
}

#[test]
fn a_consumer_that_keeps_up_is_served_from_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 3);
    log.read(3, &generous()).unwrap();
    for at in 3..6 {
        append(&mut log, 1, &at.to_string());
    }

    for file in fs::read_dir(dir.path()).unwrap() {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(file.unwrap().path());
        file.unwrap().set_len(0).unwrap();
    }
    let all = log.read(3, &generous()).unwrap();
    let last = log.read(5, &generous()).unwrap();
    let limited = log.read(3, &bounds(all.len() - 1)).unwrap();

    assert_eq!(values(&decode(&all)), ["3", "4", "5"]);
    assert_eq!(values(&decode(&last)), ["5"]);
    assert_eq!(values(&decode(&limited)), ["3", "4"]);
}

#[test]
fn a_clean_shutdown_is_believed_and_a_crash_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 20).close().unwrap();

    let (log, clean) = Log::open(dir.path(), small_config(), 0).unwrap();
    drop(log);
    let (mut log, crashed) = Log::open(dir.path(), small_config(), 0).unwrap();

    assert!(clean.was_clean && clean.verified_bytes == 0);
    assert!(!crashed.was_clean && crashed.truncated_bytes == 0);
    assert!(
        crashed.verified_bytes < log.size(),
        "synced segments are believed"
    );
    assert_eq!(consume(&mut log, 1000).len(), 20);
}

#[test]
fn a_torn_tail_is_cut_off_at_every_length() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, 1, "kept");
    let kept = log.size();
    append(&mut log, 1, "torn");
    let path = log.active.path().to_owned();
    let whole = fs::read(&path).unwrap();
    drop(log);

    for len in kept as usize..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let (mut log, recovery) = Log::open(dir.path(), small_config(), 0).unwrap();
        assert_eq!(recovery.truncated_bytes, len as u64 - kept);
        assert_eq!(log.end_offset(), 1);
        assert_eq!(values(&consume(&mut log, 1000)), ["kept"]);
        assert_eq!(append(&mut log, 1, "next").base_offset, 1);
    }
}

#[test]
fn any_flipped_byte_in_the_unsynced_tail_ends_the_log_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, 1, "kept");
    let kept = log.size() as usize;
    append(&mut log, 1, "bad");
    let path = log.active.path().to_owned();
    let whole = fs::read(&path).unwrap();
    drop(log);

    // The leader epoch is neither checksummed nor used.
    for at in (kept..whole.len()).filter(|at| !(kept + 12..kept + 16).contains(at)) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x80;
        fs::write(&path, &flipped).unwrap();
        let (mut log, _) = Log::open(dir.path(), small_config(), 0).unwrap();
        assert_eq!(values(&consume(&mut log, 1000)), ["kept"], "byte {at}");
    }
}

#[test]
fn batches_missing_at_the_end_of_an_unsynced_segment_end_the_log_there() {
    for batches_left in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let log = filled(dir.path(), 20);
        let path = log.closed[1].path().to_owned();
        let base = log.closed[1].base_offset;
        drop(log);
        let bytes = fs::read(&path).unwrap();
        let size = BatchHeader::parse(&bytes).unwrap().size();
        fs::write(&path, &bytes[..batches_left * size]).unwrap();

        let (mut log, recovery) = Log::open(dir.path(), small_config(), 0).unwrap();

        let end = base + batches_left as i64;
        assert_eq!(log.end_offset(), end);
        assert!(recovery.truncated_bytes > 0);
        assert_eq!(append(&mut log, 1, "next").base_offset, end);
        assert_eq!(consume(&mut log, 1000).len() as i64, end + 1);
    }
}

#[test]
fn damage_in_a_closed_segment_is_an_error_for_its_readers_only() {
    let dir = tempfile::tempdir().unwrap();
    let log = filled(dir.path(), 20);
    let path = log.closed[1].path().to_owned();
    let (base, bound) = (log.closed[1].base_offset, log.closed[1].bound);
    log.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let second = BatchHeader::parse(&bytes).unwrap().size();
    bytes[second + 8] = 0x7f;
    fs::write(&path, &bytes).unwrap();

    let mut log = open(dir.path());

    assert_eq!(
        values(&decode(&log.read(base, &bounds(1)).unwrap())).len(),
        1
    );
    assert_eq!(log.read(base + 1, &generous()).unwrap_err().code(), 2);
    assert!(!log.read(bound, &generous()).unwrap().is_empty());
    assert_eq!(log.end_offset(), 20);
    assert!(log.offset_for_time(1000 + base + 1).is_err());
    assert_eq!(
        log.offset_for_time(1000 + bound).unwrap(),
        Some((bound, 1000 + bound))
    );
}

#[test]
fn an_append_larger_than_a_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());

    let large = checked(batch(&[record(1, "k", &"x".repeat(400))]));

    assert!(large.header().size() > log.config().segment_bytes as usize);
    assert_eq!(log.append(&[large], 1).unwrap_err().code(), 18);
    assert_eq!((log.end_offset(), log.size()), (0, 0));
}

#[test]
fn a_segment_is_closed_when_its_first_batch_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.set_config(LogConfig {
        segment_ms: 100,
        ..small_config()
    });

    append(&mut log, 1000, "a");
    append(&mut log, 1100, "b");
    append(&mut log, 1101, "c");

    assert_eq!((log.closed.len(), log.active.base_offset), (1, 2));
}

#[test]
fn indexes_are_made_again_when_missing_or_damaged() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 40).close().unwrap();
    for (at, file) in fs::read_dir(dir.path()).unwrap().enumerate() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "index")
        {
            match at % 3 {
                0 => fs::remove_file(&path).unwrap(),
                1 => fs::write(&path, b"short").unwrap(),
                _ => {
                    let mut bytes = fs::read(&path).unwrap();
                    bytes[30] ^= 1;
                    fs::write(&path, bytes).unwrap();
                }
            }
        }
    }

    let mut log = open(dir.path());

    assert_eq!(consume(&mut log, 100).len(), 40);
    assert_eq!(log.offset_for_time(1025).unwrap(), Some((25, 1025)));
}

#[test]
fn a_time_finds_the_first_record_that_is_not_older() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for codec in 0..=4 {
        let header = BatchHeader {
            attributes: codec,
            ..plain_header()
        };
        let base = i64::from(codec) * 100;
        let records = [30, 10, 20, 40].map(|at| record(base + at, "k", "v"));
        log.append(&[checked(batch_like(header, &records))], 1)
            .unwrap();
    }

    assert_eq!(log.offset_for_time(0).unwrap(), Some((0, 30)));
    assert_eq!(log.offset_for_time(31).unwrap(), Some((3, 40)));
    for codec in 0..=4 {
        let (offset, base) = (codec * 4, codec * 100);
        assert_eq!(
            log.offset_for_time(base + 11).unwrap(),
            Some((offset, base + 30))
        );
        assert_eq!(
            log.offset_for_time(base + 35).unwrap(),
            Some((offset + 3, base + 40))
        );
    }
    assert_eq!(log.offset_for_time(441).unwrap(), None);
    assert_eq!(log.offset_of_max_timestamp().unwrap(), Some((19, 440)));
    log.delete_records(2).unwrap();
    assert_eq!(log.offset_for_time(0).unwrap(), Some((2, 20)));
}

#[test]
fn the_latest_timestamp_need_not_be_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    assert_eq!(log.offset_of_max_timestamp().unwrap(), None);

    for timestamp in [1000, 9000, 3000, 9000, 2000] {
        append(&mut log, timestamp, "v");
    }

    assert_eq!(log.offset_of_max_timestamp().unwrap(), Some((1, 9000)));
}

#[test]
fn the_broker_dates_records_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let timestamp_type = TimestampType::LogAppendTime;
    log.set_config(LogConfig {
        timestamp_type,
        ..small_config()
    });

    let bytes = batch(&[record(5, "k", "a"), record(6, "k", "b")]);
    let appended = log.append(&[checked(bytes)], 700).unwrap();

    assert_eq!(appended.log_append_time, 700);
    assert!(
        consume(&mut log, 1000)
            .iter()
            .all(|one| one.timestamp == 700)
    );
    assert_eq!(log.offset_for_time(600).unwrap(), Some((0, 700)));
}

#[test]
fn deleted_records_stay_deleted_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 20);

    assert_eq!(log.delete_records(12).unwrap(), 12);
    assert_eq!(log.delete_records(3).unwrap(), 12);
    assert_eq!(log.delete_records(21).unwrap_err().code(), 1);
    drop(log);
    let mut log = open(dir.path());

    assert_eq!((log.start_offset(), log.end_offset()), (12, 20));
    assert!(log.closed.front().is_none_or(|first| first.bound > 12));
    assert_eq!(log.read(11, &generous()).unwrap_err().code(), 1);
    assert_eq!(consume(&mut log, 1000).len(), 8);
}

#[test]
fn a_tail_lost_below_the_start_does_not_give_offsets_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 4);
    log.delete_records(4).unwrap();
    let path = log.active.path().to_owned();
    drop(log);
    fs::write(&path, b"").unwrap();

    let mut log = open(dir.path());

    assert_eq!((log.start_offset(), log.end_offset()), (4, 4));
    assert_eq!(append(&mut log, 1, "next").base_offset, 4);
}

#[test]
fn retention_by_time_removes_expired_segments_and_at_last_the_active_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 20);
    log.set_config(LogConfig {
        retention_ms: 100,
        ..small_config()
    });
    let first = log.closed[0].bound;

    assert_eq!(log.retain(1000 + first - 1 + 100).unwrap(), 0);
    assert_eq!(log.retain(1000 + first + 100).unwrap(), 1);
    assert_eq!(log.start_offset(), first);
    log.retain(10_000).unwrap();

    assert_eq!(
        (log.start_offset(), log.end_offset(), log.size()),
        (20, 20, 0)
    );
    assert_eq!(log.retain(20_000).unwrap(), 0);
    drop(log);
    let mut log = open(dir.path());
    assert_eq!(append(&mut log, 1, "next").base_offset, 20);
}

#[test]
fn retention_by_size_keeps_at_least_that_much() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 40);
    log.set_config(LogConfig {
        retention_ms: -1,
        retention_bytes: 1000,
        ..small_config()
    });

    assert!(log.retain(0).unwrap() > 0);

    assert!((1000..1400).contains(&log.size()), "{}", log.size());
    assert_eq!(log.end_offset(), 40);
}

#[test]
fn every_retained_batch_is_shown_to_who_rebuilds_producers() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 20);
    log.delete_records(3).unwrap();

    let mut seen = Vec::new();
    log.visit_batches(0, |header, _| seen.push(header.base_offset))
        .unwrap();
    let mut late = Vec::new();
    log.visit_batches(17, |header, _| late.push(header.base_offset))
        .unwrap();

    assert!(seen.into_iter().eq(3..20));
    assert!(late.into_iter().eq(17..20));
}

#[test]
fn closed_segments_do_not_pile_up_open_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 60);

    consume(&mut log, 1000);
    log.sync().unwrap();
    log.dirtiness(i64::MAX, 0).unwrap();
    log.offset_of_max_timestamp().unwrap();

    let loaded = log.closed.iter().filter(|segment| segment.is_loaded());
    assert!(log.closed.len() > 2 * SEGMENTS_LOADED_MAX);
    assert!(loaded.count() <= SEGMENTS_LOADED_MAX);
}
