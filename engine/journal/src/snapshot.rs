//! Snapshots on the topic `state`: what was folded of a partition up to a footer, for whoever reads a journal whose beginning
//! is gone.
//!
//! ```text
//! 4711/0 · 4711/1 · 4711/2     parts, keyed by the footer's offset and their number
//! 4711                         says which footer, how many parts, and their checksum
//! ```
//! Deliberately absent: decisions on what is kept. Invariant: a snapshot counts from its last record on, in whatever order several were
//! written; a journal goes on from the oldest that reaches its first record; parts that nobody tells of are nothing.

mod folded;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

pub use folded::Folded;

use crate::{Error, ErrorKind, Footing, Headers, NewRecord, Record};

/// The form of [`Told`].
const FORM: u32 = 1;

/// Bytes of a part.
const PART_BYTES: usize = 900_000;

/// Most bytes of a snapshot: what a reader keeps in memory of it.
pub const SNAPSHOT_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// What was folded of a partition up to a footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The footer. Whoever goes on from here reads the record behind it first.
    pub footing: Footing,
    /// What was folded, in a form that is the writer's.
    pub bytes: Vec<u8>,
}

/// The value of the record that makes a snapshot count: JSON, so that a reader in any language finds the footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    form: u32,
    /// The journal's record with the footer.
    offset: i64,
    epoch: u64,
    batch_no: u64,
    parts: u64,
    bytes: u64,
    /// XXH3-64 of all bytes: in hexadecimal digits, since not every language has numbers of 64 bits.
    #[serde(with = "hexadecimal")]
    checksum: u64,
}

mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let digits = String::deserialize(from)?;
        u64::from_str_radix(&digits, 16).map_err(D::Error::custom)
    }
}

impl Told {
    const fn footing(&self) -> Footing {
        Footing {
            offset: self.offset,
            epoch: self.epoch,
            batch_no: self.batch_no,
        }
    }
}

impl Snapshot {
    /// The records to be written, in this order; the last makes it count, once all before it are acknowledged.
    #[must_use]
    pub fn records(&self, topic: &Arc<str>, partition: i32) -> Vec<NewRecord> {
        let record = |key: Vec<u8>, value: Vec<u8>| NewRecord {
            topic: topic.clone(),
            partition,
            key: Some(key),
            value: Some(value),
            headers: Headers::new(),
        };
        let parts = self.bytes.chunks(PART_BYTES).zip(0..);
        let mut records: Vec<NewRecord> = parts
            .map(|(part, number)| record(part_key(self.footing.offset, number), part.to_vec()))
            .collect();
        let told = Told {
            form: FORM,
            offset: self.footing.offset,
            epoch: self.footing.epoch,
            batch_no: self.footing.batch_no,
            parts: records.len() as u64,
            bytes: self.bytes.len() as u64,
            checksum: XxHash3_64::oneshot(&self.bytes),
        };
        let told = serde_json::json!(told).to_string().into_bytes();
        records.push(record(self.footing.offset.to_string().into_bytes(), told));
        records
    }
}

/// Whose record it is: a footer's offset, and the number of a part; none: the record that tells of the parts.
type Key = (i64, Option<u64>);

fn key_of(key: &[u8]) -> Option<Key> {
    let key = std::str::from_utf8(key).ok()?;
    match key.split_once('/') {
        Some((offset, number)) => Some((offset.parse().ok()?, Some(number.parse().ok()?))),
        None => Some((key.parse().ok()?, None)),
    }
}

fn part_key(offset: i64, number: u64) -> Vec<u8> {
    format!("{offset}/{number}").into_bytes()
}

/// Puts together what the records of one partition of `state` hold, from the first to the last.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// By the footer's offset.
    told: BTreeMap<i64, Told>,
    /// By the footer's offset and the part's number.
    parts: BTreeMap<(i64, u64), Vec<u8>>,
    /// Every record that is there.
    keys: BTreeSet<Key>,
    footings_only: bool,
}

impl Snapshots {
    /// One that looks for the footer alone and keeps no part.
    #[must_use]
    pub fn of_footings() -> Self {
        Self {
            footings_only: true,
            ..Self::default()
        }
    }

    /// Takes the next record. One with a key that no build of ours writes is a stranger's, and left out.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], code `snapshot-corrupt`: a newer build wrote it.
    pub fn record(&mut self, record: &Record) -> Result<(), Error> {
        let Some(key) = record.key().and_then(key_of) else {
            return Ok(());
        };
        let Some(value) = record.value() else {
            self.forget(key);
            return Ok(());
        };
        match key {
            (offset, None) => {
                let told = told_of(record, offset, value)?;
                self.told.insert(offset, told);
            }
            (offset, Some(number)) if !self.footings_only => {
                self.parts.insert((offset, number), value.to_vec());
            }
            (_, Some(_)) => {}
        }
        self.keys.insert(key);
        Ok(())
    }

    fn forget(&mut self, key: Key) {
        self.keys.remove(&key);
        match key {
            (offset, None) => {
                self.told.remove(&offset);
            }
            (offset, Some(number)) => {
                self.parts.remove(&(offset, number));
            }
        }
    }

    /// The footer of the snapshot that a journal goes on from whose first record is there: of the oldest behind that, so that as
    /// little as can be is left out.
    #[must_use]
    pub fn footing(&self, first: i64) -> Option<Footing> {
        self.told_from(first).map(|told| told.footing()).next()
    }

    /// That snapshot; none: there is none, or the journal does not need one.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], code `snapshot-corrupt`: of all that it could go on from a part is lacking, or is another than was
    /// written.
    pub fn fitting(&self, first: i64) -> Result<Option<Snapshot>, Error> {
        let mut failed = None;
        for told in self.told_from(first) {
            match self.whole(told) {
                Ok(snapshot) => return Ok(Some(snapshot)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The newest snapshot that is whole.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], code `snapshot-corrupt`: there are some, and none is.
    pub fn newest(&self) -> Result<Option<Snapshot>, Error> {
        let mut failed = None;
        for told in self.told.values().rev() {
            match self.whole(told) {
                Ok(snapshot) => return Ok(Some(snapshot)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    fn told_from(&self, first: i64) -> impl Iterator<Item = &Told> {
        self.told
            .range(first.saturating_sub(1)..)
            .map(|(_, told)| told)
    }

    /// Records that make those go that are older than the snapshot at this offset. What is newer somebody may be writing.
    #[must_use]
    pub fn clearing(&self, current: i64, topic: &Arc<str>, partition: i32) -> Vec<NewRecord> {
        let others = self.keys.iter().filter(|(offset, _)| *offset < current);
        let key = |(offset, number): &Key| match number {
            Some(number) => part_key(*offset, *number),
            None => offset.to_string().into_bytes(),
        };
        others
            .map(|other| NewRecord {
                topic: topic.clone(),
                partition,
                key: Some(key(other)),
                value: None,
                headers: Headers::new(),
            })
            .collect()
    }

    fn whole(&self, told: &Told) -> Result<Snapshot, Error> {
        let lacks = |text: String| {
            let text = format!("the snapshot at offset {}: {text}", told.offset);
            Error::new(ErrorKind::Corrupt, "snapshot-corrupt", text)
        };
        let mut bytes = Vec::new();
        for number in 0..told.parts {
            let part = self.parts.get(&(told.offset, number));
            bytes.extend(part.ok_or_else(|| lacks(format!("part {number} is lacking")))?);
        }
        if bytes.len() as u64 != told.bytes || XxHash3_64::oneshot(&bytes) != told.checksum {
            return Err(lacks(
                "its parts are not those that were written".to_owned(),
            ));
        }
        Ok(Snapshot {
            footing: told.footing(),
            bytes,
        })
    }
}

fn told_of(record: &Record, offset: i64, value: &[u8]) -> Result<Told, Error> {
    let told: Told = serde_json::from_slice(value)
        .map_err(|error| corrupt(record, &format!("it cannot be read: {error}")))?;
    if told.form != FORM || told.offset != offset || told.bytes > SNAPSHOT_BYTES_MAX {
        let text = format!(
            "form {}, offset {}, {} bytes",
            told.form, told.offset, told.bytes
        );
        return Err(corrupt(record, &text));
    }
    Ok(told)
}

fn corrupt(record: &Record, text: &str) -> Error {
    let place = format!("{}/{}@{}", record.topic, record.partition, record.offset);
    Error::new(
        ErrorKind::Corrupt,
        "snapshot-corrupt",
        format!("{place}: {text}"),
    )
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;

    fn snapshot(offset: i64, bytes: usize) -> Snapshot {
        Snapshot {
            footing: Footing {
                offset,
                epoch: 3,
                batch_no: 9,
            },
            bytes: (0..bytes).map(|byte| (byte % 251) as u8).collect(),
        }
    }

    fn log(snapshots: &[Snapshot]) -> Vec<Record> {
        let topic: Arc<str> = "ns.state".into();
        let records = snapshots.iter().flat_map(|one| one.records(&topic, 2));
        let placed = records.zip(0..);
        placed
            .map(|(record, at)| record.placed(at, Timestamp::default()))
            .collect()
    }

    fn read<'a>(records: impl IntoIterator<Item = &'a Record>) -> Snapshots {
        let mut snapshots = Snapshots::default();
        for record in records {
            snapshots.record(record).unwrap();
        }
        snapshots
    }

    #[test]
    fn the_newest_that_was_written_whole_counts() {
        let (old, new) = (snapshot(7, 10), snapshot(70, 2 * PART_BYTES + 1));
        let records = log(&[old.clone(), new.clone()]);
        assert_eq!(records.len(), 2 + 4);

        for written in 0..=records.len() {
            let expect = match written {
                0 | 1 => None,
                2..=5 => Some(old.clone()),
                _ => Some(new.clone()),
            };
            let read = read(&records[..written]);
            assert_eq!(read.newest().unwrap(), expect, "{written} records");
            let footing = read.told.values().next_back().map(Told::footing);
            assert_eq!(footing, expect.map(|one| one.footing));
        }
    }

    #[test]
    fn a_snapshot_of_the_same_footer_may_be_written_again() {
        let one = snapshot(7, PART_BYTES + 5);
        let records = log(&[one.clone(), one.clone()]);

        assert_eq!(read(&records).newest().unwrap(), Some(one));
    }

    #[test]
    fn what_compaction_leaves_is_enough() {
        let (old, new) = (snapshot(7, 10), snapshot(70, 10));
        let records = log(&[old, new.clone()]);
        let left = read([&records[0], &records[2], &records[3]]);

        assert_eq!(left.newest().unwrap(), Some(new));
    }

    #[test]
    fn that_of_the_last_footer_counts_whoever_wrote_last() {
        let (old, new) = (snapshot(7, 10), snapshot(70, 10));
        let records = log(&[new.clone(), old]);

        assert_eq!(read(&records).newest().unwrap(), Some(new));
    }

    #[test]
    fn what_is_older_is_cleared_and_what_is_newer_may_be_in_the_making() {
        let (old, new) = (snapshot(7, PART_BYTES + 1), snapshot(70, 10));
        let mut records = log(&[old, new.clone(), snapshot(700, 10)]);
        records.pop();
        let topic = records[0].topic.clone();
        let clearing = read(&records).clearing(70, &topic, 2);
        let keys: Vec<_> = clearing
            .iter()
            .map(|one| one.key.clone().unwrap())
            .collect();
        assert_eq!(keys, [&b"7"[..], b"7/0", b"7/1"]);

        let cleared = clearing
            .iter()
            .map(|one| one.placed(99, Timestamp::default()));
        records.extend(cleared);
        let left = read(&records);
        assert_eq!(left.newest().unwrap(), Some(new));
        assert!(left.clearing(70, &topic, 2).is_empty());
    }

    #[test]
    fn a_journal_goes_on_from_the_oldest_that_fits_and_is_whole() {
        let (old, new) = (snapshot(7, 10), snapshot(70, 10));
        let records = log(&[old.clone(), new.clone()]);
        let all = read(&records);
        for (first, expect) in [(0, &old), (8, &old), (9, &new), (71, &new)] {
            assert_eq!(
                all.fitting(first).unwrap().as_ref(),
                Some(expect),
                "{first}"
            );
            assert_eq!(all.footing(first), Some(expect.footing), "{first}");
        }
        assert_eq!(all.fitting(72).unwrap(), None);

        let without_a_part = read(&records[1..]);
        assert_eq!(without_a_part.fitting(0).unwrap(), Some(new));
        let old_alone = read([&records[0], &records[1], &records[3]]);
        assert_eq!(old_alone.newest().unwrap(), Some(old));
    }

    #[test]
    fn a_snapshot_that_lacks_a_part_or_has_another_is_an_error() {
        let records = log(&[snapshot(7, PART_BYTES + 5)]);
        let lacking = read([&records[0], &records[2]]);
        assert_eq!(lacking.newest().unwrap_err().code(), "snapshot-corrupt");

        let other = log(&[snapshot(7, PART_BYTES + 6)]);
        let other = read([&records[0], &other[1], &records[2]]);
        assert_eq!(other.newest().unwrap_err().code(), "snapshot-corrupt");
    }

    #[test]
    fn what_strangers_write_is_an_error_or_nothing() {
        let record = |key: &[u8], value: &[u8]| {
            Record::new("ns.state".into(), 0, 1, Timestamp::default(), 64)
                .with_key(Some(key))
                .with_value(Some(value))
        };
        let mut snapshots = Snapshots::default();
        for key in [&b""[..], b"x", b"1/2/3", b"-/0", b"1/-1", b"\xff/1"] {
            snapshots.record(&record(key, b"x")).unwrap();
        }
        assert_eq!(snapshots.newest().unwrap(), None);
        for value in [
            &b""[..],
            b"{}",
            br#"{"form":1,"offset":2,"epoch":1,"batch_no":1,"parts":0,"bytes":0,"checksum":"0"}"#,
            br#"{"form":2,"offset":1,"epoch":1,"batch_no":1,"parts":0,"bytes":0,"checksum":"0"}"#,
        ] {
            let refused = snapshots.record(&record(b"1", value));
            assert_eq!(refused.unwrap_err().code(), "snapshot-corrupt");
        }
    }
}
