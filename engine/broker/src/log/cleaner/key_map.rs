//! The latest offset of each key in the part that was not cleaned yet, in bounded memory.
//!
//! Keys are kept as 128-bit hashes, as Apache Kafka does. When the map is full, the cleaning covers what was collected and
//! the rest waits for the next one.

use std::collections::HashMap;

use twox_hash::XxHash3_128;

use super::{Judge, Member};
use crate::log::{
    BatchHeader, HEADER_BYTES, LogError,
    codec::Unreadable,
    records::{Records, plain},
    scanner::{Scanner, SegmentFile, Step},
};

/// Which offset is the latest for a key.
#[derive(Debug)]
pub(super) struct KeyMap {
    latest: HashMap<[u64; 2], i64>,
    end: i64,
}

/// Whether there is room for another batch.
enum Room {
    Left,
    Full,
}

impl KeyMap {
    /// Reads the dirty segments. Batches that cannot be read are left out: they supersede nothing.
    pub(super) fn collect<'a>(
        judge: &Judge<'_>,
        members: impl Iterator<Item = &'a Member>,
    ) -> Result<Self, LogError> {
        let mut map = Self {
            latest: HashMap::new(),
            end: judge.plan.dirty_from,
        };
        for member in members {
            if member.source.bound <= judge.plan.dirty_from {
                continue;
            }
            if let Room::Full = map.add_segment(judge, &member.source)? {
                return Ok(map);
            }
            map.end = member.source.bound;
        }
        map.end = judge.plan.until;
        Ok(map)
    }

    /// Records from here on are not in the map, and stay.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Whether a later record has the key.
    pub(super) fn supersedes(&self, key: &[u8], offset: i64) -> bool {
        self.latest
            .get(&hash(key))
            .is_some_and(|latest| offset < *latest)
    }

    fn add_segment(&mut self, judge: &Judge<'_>, source: &SegmentFile) -> Result<Room, LogError> {
        let mut scanner = Scanner::new(source, 0);
        while let Step::Batch(found) = scanner.step()? {
            judge.check_stop()?;
            let header = found.header;
            if header.next_offset() <= judge.plan.dirty_from {
                continue;
            }
            let counts = !header.is_control() && !judge.is_aborted(&header);
            if counts && scanner.is_intact(&found)? {
                let records = &scanner.batch(&found)?[HEADER_BYTES..];
                let has_progressed = !self.latest.is_empty();
                // An unreadable batch has added the keys before the bad record, all of which are really there.
                let room = self.add_batch(&header, records).unwrap_or(Room::Left);
                if matches!(room, Room::Full) && has_progressed {
                    self.end = header.base_offset;
                    return Ok(Room::Full);
                }
            }
            self.end = header.next_offset();
        }
        Ok(Room::Left)
    }

    fn add_batch(&mut self, header: &BatchHeader, records: &[u8]) -> Result<Room, Unreadable> {
        for record in Records::new(header, &plain(header, records)?) {
            let record = record?;
            let Some(key) = record.key else { continue };
            let hash = hash(key);
            if self.latest.len() >= KEYS_MAX && !self.latest.contains_key(&hash) {
                return Ok(Room::Full);
            }
            self.latest.insert(hash, record.offset(header));
        }
        Ok(Room::Left)
    }
}

fn hash(key: &[u8]) -> [u64; 2] {
    let hash = XxHash3_128::oneshot(key);
    [hash as u64, (hash >> 64) as u64]
}

/// Keys of one cleaning: what a table of 2^19 slots (13 MiB) holds.
#[cfg(not(test))]
const KEYS_MAX: usize = 7 << 16;
/// Few, so that tests see a full map.
#[cfg(test)]
const KEYS_MAX: usize = 12;
