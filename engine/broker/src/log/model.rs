//! A log against a list of records: whatever happens, nothing acknowledged is lost but by deletion, retention, compaction, or a
//! crash that destroys what was not synced; offsets are stable; and the log opens again.

use std::{
    collections::HashMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use proptest::{collection::vec, prelude::*};

use super::{
    build::{NewRecord, Seen, batch_like, checked, consume, plain_header, small_config},
    *,
};

/// What happens to a log.
#[derive(Clone, Debug)]
enum Step {
    Append {
        batches: Vec<Vec<(u8, bool)>>,
        codec: i16,
    },
    Read {
        offset: usize,
        bytes_max: usize,
    },
    Sync,
    Crash(Damage),
    Reopen,
    DeleteRecords(usize),
    Retain {
        kept_bytes: u16,
    },
    Clean {
        hours: u8,
        files_max: usize,
    },
}

/// What a crash does to the files.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Cut(usize),
    Flip(usize, u8),
    Garbage(Vec<u8>),
    LoseIndexes,
    LeaveFiles,
}

fn step() -> impl Strategy<Value = Step> {
    let batches = vec(vec((0u8..12, prop::bool::weighted(0.8)), 1..4), 1..4);
    prop_oneof![
        12 => (batches, 0i16..5).prop_map(|(batches, codec)| Step::Append { batches, codec }),
        4 => (0usize..500, 0usize..700)
            .prop_map(|(offset, bytes_max)| Step::Read { offset, bytes_max }),
        2 => Just(Step::Sync),
        3 => damage().prop_map(Step::Crash),
        1 => Just(Step::Reopen),
        1 => (0usize..500).prop_map(Step::DeleteRecords),
        1 => (500u16..3000).prop_map(|kept_bytes| Step::Retain { kept_bytes }),
        2 => (0u8..48, prop_oneof![0usize..3, Just(usize::MAX)])
            .prop_map(|(hours, files_max)| Step::Clean { hours, files_max }),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::None),
        (0usize..2000).prop_map(Damage::Cut),
        (0usize..2000, 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        vec(any::<u8>(), 0..200).prop_map(Damage::Garbage),
        Just(Damage::LoseIndexes),
        Just(Damage::LeaveFiles),
    ]
}

/// What the log must hold.
#[derive(Debug, Default)]
struct Model {
    /// All that was acknowledged and not destroyed since, by offset; cleaning may have removed some.
    records: Vec<Seen>,
    start: i64,
    end: i64,
    /// Below this a crash destroys nothing.
    safe: i64,
    /// Below this, superseded records and tombstones may be gone.
    cleaned: i64,
    now: i64,
}

impl Model {
    fn check(&self, log: &mut Log) {
        assert_eq!(
            (log.start_offset(), log.end_offset()),
            (self.start, self.end)
        );
        let seen = consume(log, 300);
        let mut expected = self.records.iter().filter(|one| one.offset >= self.start);
        for one in &seen {
            let found = expected.by_ref().find(|other| other.offset == one.offset);
            assert_eq!(found, Some(one), "a record changed or came from nowhere");
        }
        let present: HashMap<i64, &Seen> = seen.iter().map(|one| (one.offset, one)).collect();
        let mut latest: HashMap<&Option<Vec<u8>>, i64> = HashMap::new();
        for one in &self.records {
            latest.insert(&one.key, one.offset);
        }
        for one in self.records.iter().filter(|one| one.offset >= self.start) {
            let may_be_gone =
                one.offset < self.cleaned && (latest[&one.key] > one.offset || one.value.is_none());
            assert!(
                may_be_gone || present.contains_key(&one.offset),
                "record {} of {:?} is lost",
                one.offset,
                one.key
            );
        }
    }

    fn check_times(&self, log: &mut Log) {
        let seen = consume(log, 1 << 20);
        let times = seen.iter().map(|one| one.timestamp);
        for timestamp in times.flat_map(|at| [at - 1, at, at + 1]) {
            let first = seen.iter().find(|one| one.timestamp >= timestamp);
            let expected = first.map(|one| (one.offset, one.timestamp));
            assert_eq!(
                log.offset_for_time(timestamp).unwrap(),
                expected,
                "time {timestamp}"
            );
        }
    }

    fn append(&mut self, log: &mut Log, batches: &[Vec<(u8, bool)>], codec: i16) {
        let header = BatchHeader {
            attributes: codec,
            ..plain_header()
        };
        let mut made = Vec::new();
        let mut offset = self.end;
        for keys in batches {
            let records: Vec<_> = keys
                .iter()
                .map(|(key, has_value)| {
                    self.now += 1;
                    // Not in order, so that searches by time have to look.
                    let timestamp = self.now - i64::from(key % 4) * 5 + 20;
                    let value = has_value.then(|| self.now.to_string().into_bytes());
                    NewRecord {
                        timestamp,
                        key: Some(vec![*key]),
                        value,
                    }
                })
                .collect();
            for record in &records {
                self.records.push(Seen {
                    offset,
                    timestamp: record.timestamp,
                    key: record.key.clone(),
                    value: record.value.clone(),
                });
                offset += 1;
            }
            made.push(checked(batch_like(header, &records)));
        }
        let appended = log.append(&made, self.now).unwrap();
        assert_eq!(
            (appended.base_offset, appended.next_offset),
            (self.end, offset)
        );
        self.end = offset;
    }

    fn read(&self, log: &mut Log, offset: usize, bytes_max: usize) {
        let offset = self.start + offset as i64 % (self.end - self.start + 1);
        let bytes = log.read(offset, &build::bounds(bytes_max)).unwrap();
        let seen = build::decode(&bytes);
        for one in &seen {
            assert!(self.records.contains(one));
        }
        if let Some(last) = build::last_header(&bytes) {
            assert!(last.last_offset() >= offset);
        }
    }

    /// Destroys what the damage may destroy, then opens the log.
    fn crash(&mut self, dir: &Path, log: Log, damage: &Damage) -> Log {
        let active = log.active.path().to_owned();
        let unsynced = self.unsynced(&log);
        drop(log);
        let count: usize = unsynced.iter().map(|(_, range)| range.len()).sum();
        let mut may_lose = false;
        match damage {
            Damage::Cut(at) if count > 0 => {
                let (path, position) = pick(&unsynced, at % count);
                let bytes = fs::read(path).unwrap();
                fs::write(path, &bytes[..position]).unwrap();
                may_lose = true;
            }
            Damage::Flip(at, bits) if count > 0 => {
                let (path, position) = pick(&unsynced, at % count);
                let mut bytes = fs::read(path).unwrap();
                bytes[position] ^= bits;
                fs::write(path, &bytes).unwrap();
                may_lose = true;
            }
            Damage::Garbage(garbage) => {
                let mut bytes = fs::read(&active).unwrap();
                bytes.extend_from_slice(garbage);
                fs::write(&active, &bytes).unwrap();
            }
            Damage::LoseIndexes => lose_indexes(dir),
            Damage::LeaveFiles => {
                let name = "00000000000000000000-00000000000000000009.cleaned";
                fs::write(dir.join(name), b"?").unwrap();
                fs::write(dir.join("checkpoint.new"), b"?").unwrap();
                fs::write(dir.join("unrelated.txt"), b"?").unwrap();
            }
            _ => {}
        }
        let (log, _) = Log::open(dir, config(), self.now).unwrap();
        if may_lose {
            assert!(log.end_offset() >= self.safe.max(self.start));
            self.end = log.end_offset();
            let end = self.end;
            self.records.retain(|one| one.offset < end);
            self.cleaned = self.cleaned.min(end);
        }
        log
    }

    /// The bytes of each segment that were not synced.
    fn unsynced(&self, log: &Log) -> Vec<(PathBuf, Range<usize>)> {
        let segments = log.closed.iter().chain([&log.active]);
        segments
            .map(|segment| {
                let bytes = fs::read(segment.path()).unwrap();
                let mut at = 0;
                while let Ok(header) = BatchHeader::parse(&bytes[at..]) {
                    if header.last_offset() >= self.safe {
                        break;
                    }
                    at += header.size();
                }
                (segment.path().to_owned(), at..bytes.len())
            })
            .collect()
    }

    fn clean(&mut self, log: &mut Log, hours: u8, files_max: usize) {
        self.now += i64::from(hours) * 3_600_000;
        let Some(cleaning) = log.cleaning(i64::MAX, self.now).unwrap() else {
            return;
        };
        let gapless_from = log.checkpoint.gapless_from;
        log.clean_here(cleaning, &ProducerView::default(), files_max)
            .unwrap();
        if log.checkpoint.gapless_from > gapless_from {
            self.cleaned = self.cleaned.max(log.checkpoint.gapless_from);
        }
        self.cleaned = self.cleaned.max(log.checkpoint.cleaned);
        self.safe = self.safe.max(log.checkpoint.flushed);
    }
}

/// The file and position of one of the bytes.
fn pick(stretches: &[(PathBuf, Range<usize>)], mut at: usize) -> (&Path, usize) {
    for (path, range) in stretches {
        if at < range.len() {
            return (path, range.start + at);
        }
        at -= range.len();
    }
    panic!("there are fewer bytes");
}

fn lose_indexes(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "index")
        {
            fs::remove_file(path).unwrap();
        }
    }
}

fn config() -> LogConfig {
    LogConfig {
        cleanup: Cleanup::CompactAndDelete,
        min_cleanable_dirty_ratio: 0.2,
        retention_ms: -1,
        segment_bytes: 1000,
        ..small_config()
    }
}

fn run(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = Log::open(dir, config(), 0).unwrap().0;
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append { batches, codec } => model.append(&mut log, batches, *codec),
            Step::Read { offset, bytes_max } => model.read(&mut log, *offset, *bytes_max),
            Step::Sync => {
                let done = log.sync().unwrap().run().unwrap();
                log.synced(done).unwrap();
                model.safe = model.end;
            }
            Step::Crash(damage) => log = model.crash(dir, log, damage),
            Step::Reopen => {
                log.close().unwrap();
                let (opened, recovery) = Log::open(dir, config(), model.now).unwrap();
                assert!(recovery.was_clean);
                model.safe = model.end;
                log = opened;
            }
            Step::DeleteRecords(count) => {
                let before = model.start + *count as i64 % (model.end - model.start + 1);
                model.start = log.delete_records(before).unwrap();
                assert_eq!(model.start, before);
            }
            Step::Retain { kept_bytes } => {
                let retention_bytes = i64::from(*kept_bytes);
                log.set_config(LogConfig {
                    retention_bytes,
                    ..config()
                });
                log.retain(model.now).unwrap();
                log.set_config(config());
                assert!(log.start_offset() >= model.start);
                model.start = log.start_offset();
            }
            Step::Clean { hours, files_max } => model.clean(&mut log, *hours, *files_max),
        }
        model.check(&mut log);
    }
    model.check_times(&mut log);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_log_holds_what_the_model_holds(steps in vec(step(), 1..60)) {
        run(&steps);
    }

    #[test]
    fn arbitrary_bytes_as_segments_open_and_read_without_a_panic(
        files in vec((0i64..50, vec(any::<u8>(), 0..300)), 0..4),
        offset in 0i64..60,
    ) {
        let dir = tempfile::tempdir().unwrap();
        for (base, bytes) in &files {
            fs::write(segment::log_path(dir.path(), *base), bytes).unwrap();
        }
        let mut log = Log::open(dir.path(), config(), 0).unwrap().0;
        let _ = log.read(offset, &build::generous());
        let _ = log.offset_for_time(5);
        consume(&mut log, 1000);
    }

    /// The checksums fit, so that everything behind them sees the bytes.
    #[test]
    fn hostile_batches_are_read_searched_and_cleaned_without_a_panic(
        batches in vec((hostile_header(), vec(any::<u8>(), 0..100)), 1..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        let mut base_offset = 0;
        for (like, records) in &batches {
            let header = BatchHeader {
                base_offset,
                batch_length: (HEADER_BYTES - batch::LENGTH_END + records.len()) as i32,
                ..*like
            };
            base_offset = header.next_offset();
            bytes.extend_from_slice(&header.with_crc(records).to_raw());
            bytes.extend_from_slice(records);
        }
        fs::write(segment::log_path(dir.path(), 0), bytes).unwrap();
        let mut log = Log::open(dir.path(), config(), 0).unwrap().0;
        prop_assert_eq!(log.end_offset(), base_offset);
        let _ = log.offset_for_time(5);
        let _ = log.offset_of_max_timestamp();
        log.roll(0).unwrap();
        if let Some(cleaning) = log.cleaning(i64::MAX, 0).unwrap() {
            let view = ProducerView::default();
            log.clean_here(cleaning, &view, usize::MAX).unwrap();
        }
        log.read(0, &build::generous()).unwrap();
    }
}

fn hostile_header() -> impl Strategy<Value = BatchHeader> {
    let times = (any::<i64>(), any::<i64>());
    (any::<i16>(), 0i32..100, times, any::<i64>(), 0i32..100).prop_map(
        |(attributes, last_offset_delta, (base_timestamp, max_timestamp), producer_id, count)| {
            BatchHeader {
                attributes,
                last_offset_delta,
                base_timestamp,
                max_timestamp,
                producer_id,
                count: count.min(last_offset_delta + 1),
                ..plain_header()
            }
        },
    )
}
