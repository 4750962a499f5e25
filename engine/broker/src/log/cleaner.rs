//! Compaction: of the records with one key only the latest stays. Runs on another thread over closed segments.
//!
//! ```text
//! Log::cleaning (decides) ──> Cleaning::go_on (another thread: map keys, write *.cleaned, sync) ──> Log::install (renames)
//!                                   ^ for each group of segments, so that little space is needed ────────┘
//! ```
//!
//! What stays: the latest record of each key; a tombstone until the delete horizon that its first cleaning sets; the marker
//! of a transaction for as long as it has records, and then as tombstones do; and an empty batch for the last sequence of a
//! producer. Records without a key, and those of aborted transactions, go. Offsets never change. Invariant: a crash at any point leaves a readable log.

mod install;
mod key_map;
mod rewrite;

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use self::{
    key_map::KeyMap,
    rewrite::{Rewrite, Unended},
};
use super::{BatchHeader, Log, LogConfig, LogError, index::Index, scanner::SegmentFile};
use crate::{store, sync_gate::SyncGate};

pub(super) use self::install::finish_swaps;

/// What of a log has been cleaned and what has not: enough to decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dirtiness {
    /// Bytes of segments that earlier cleanings have seen.
    pub(crate) clean_bytes: u64,
    /// Bytes of segments that may be cleaned and have not been.
    pub(crate) dirty_bytes: u64,
    /// The timestamp of the oldest of these.
    pub(crate) oldest_dirty: Option<i64>,
}

/// One cleaning, which any thread can go on with.
#[derive(Debug)]
pub(crate) struct Cleaning {
    plan: Plan,
    /// Segments that become one, in order: those that are not done.
    groups: VecDeque<Vec<Member>>,
    keys: Option<KeyMap>,
    unended: Unended,
}

/// What a cleaning covers, and how.
#[derive(Debug)]
struct Plan {
    dir: PathBuf,
    /// From here on keys are collected.
    dirty_from: i64,
    /// The end of the last group.
    until: i64,
    /// Up to here everything was on the disk before.
    flushed: i64,
    now: i64,
    delete_retention_ms: i64,
    index_interval_bytes: u32,
    gate: SyncGate,
}

/// What the cleaner must know of producers and transactions.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerView {
    /// The last offset of each producer that may still send: its batch stays, if only empty, so that a restart knows its
    /// sequence.
    pub(crate) last_offsets: HashMap<i64, i64>,
    /// Transactions whose records do not count.
    pub(crate) aborted: Vec<AbortedTransaction>,
}

/// The records of one transaction that was rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AbortedTransaction {
    /// Who wrote it.
    pub(crate) producer_id: i64,
    /// Its first record.
    pub(crate) first_offset: i64,
    /// Its control batch.
    pub(crate) last_offset: i64,
}

/// How far a cleaning has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It has written a file, for [`Log::install`]: that frees space for the next one.
    Group(CleanedGroup),
    /// There is nothing more to write: for [`Log::cleaned`].
    Done(Extent),
}

/// What a cleaning covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Everything below is cleaned.
    below: i64,
    /// Everything below was on the disk before.
    synced_below: i64,
}

/// One file that replaces some segments.
#[derive(Debug)]
pub(crate) struct CleanedGroup {
    replaces: Vec<u64>,
    file: CleanedFile,
    index: Index,
    extent: Extent,
}

/// A file that is gone with this unless it was renamed.
#[derive(Debug)]
struct CleanedFile(PathBuf);

impl Drop for CleanedFile {
    fn drop(&mut self) {
        if let Err(error) = store::remove_if_present(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a file stays until the log is opened again");
        }
    }
}

#[derive(Debug)]
struct Member {
    id: u64,
    source: SegmentFile,
}

impl Dirtiness {
    /// Whether a cleaning is worth its while, or records have waited too long for one.
    pub(crate) fn is_due(&self, config: &LogConfig, now: i64) -> bool {
        if self.dirty_bytes == 0 {
            return false;
        }
        let ratio = self.dirty_bytes as f64 / (self.clean_bytes + self.dirty_bytes) as f64;
        let has_waited = self
            .oldest_dirty
            .is_some_and(|oldest| now.saturating_sub(oldest) > config.max_compaction_lag_ms);
        ratio > config.min_cleanable_dirty_ratio || has_waited
    }
}

impl Log {
    /// How much a cleaning would have to do. Records from `stable_offset` on, which belong to open transactions, and those
    /// younger than `min.compaction.lag.ms` are left alone.
    ///
    /// # Errors
    /// `Storage`: a segment cannot be read.
    pub(crate) fn dirtiness(
        &mut self,
        stable_offset: i64,
        now: i64,
    ) -> Result<Dirtiness, LogError> {
        let until = self.cleanable_count(stable_offset, now)?;
        let cleaned = self.checkpoint.cleaned;
        let interval = self.config.index_interval_bytes;
        let mut dirtiness = Dirtiness::default();
        for segment in self.closed.iter_mut().take(until) {
            if segment.bound <= cleaned {
                dirtiness.clean_bytes += segment.size;
                continue;
            }
            dirtiness.dirty_bytes += segment.size;
            let first = segment.summary(interval)?.first_timestamp;
            if first >= 0 {
                let oldest = dirtiness
                    .oldest_dirty
                    .map_or(first, |other| other.min(first));
                dirtiness.oldest_dirty = Some(oldest);
            }
        }
        self.trim_memory(self.closed.len());
        Ok(dirtiness)
    }

    /// The cleaning that is due, if one is. The caller runs one at a time for each log.
    ///
    /// # Errors
    /// `Storage`: a segment cannot be read.
    pub(crate) fn cleaning(
        &mut self,
        stable_offset: i64,
        now: i64,
    ) -> Result<Option<Cleaning>, LogError> {
        if !self.config.cleanup.compacts()
            || !self
                .dirtiness(stable_offset, now)?
                .is_due(&self.config, now)
        {
            return Ok(None);
        }
        let count = self.cleanable_count(stable_offset, now)?;
        let mut groups: VecDeque<Vec<Member>> = VecDeque::new();
        let mut until = self.checkpoint.cleaned;
        let bytes_max = u64::from(self.config.segment_bytes);
        for segment in self.closed.iter_mut().take(count) {
            let member = Member {
                id: segment.id,
                source: segment.source()?,
            };
            until = until.max(segment.bound);
            match groups.back_mut() {
                Some(group) if fits(group, &member, bytes_max) => group.push(member),
                _ => groups.push_back(vec![member]),
            }
        }
        self.trim_memory(self.closed.len());
        let plan = Plan {
            dir: self.dir.clone(),
            dirty_from: self.checkpoint.cleaned,
            until,
            flushed: self.checkpoint.flushed,
            now,
            delete_retention_ms: self.config.delete_retention_ms,
            index_interval_bytes: self.config.index_interval_bytes,
            gate: self.gate.clone(),
        };
        Ok(Some(Cleaning {
            plan,
            groups,
            keys: None,
            unended: Unended::default(),
        }))
    }

    /// How many of the closed segments, from the oldest, may be cleaned.
    fn cleanable_count(&mut self, stable_offset: i64, now: i64) -> Result<usize, LogError> {
        let lag = self.config.min_compaction_lag_ms;
        let interval = self.config.index_interval_bytes;
        for (at, segment) in self.closed.iter_mut().enumerate() {
            let is_young =
                lag > 0 && segment.summary(interval)?.max_timestamp > now.saturating_sub(lag);
            if is_young || segment.bound > stable_offset {
                return Ok(at);
            }
        }
        Ok(self.closed.len())
    }
}

impl Cleaning {
    /// Reads, decides and writes the next file; takes as long as the segments are large. Nothing of the log changes yet. After
    /// an error it is over, and what was installed stays.
    ///
    /// # Errors
    /// `Storage`, and `Stopped` when `stop` was set meanwhile: nothing of the file stays.
    pub(crate) fn go_on(
        &mut self,
        producers: &ProducerView,
        stop: &AtomicBool,
    ) -> Result<Progress, LogError> {
        let judge = Judge {
            plan: &self.plan,
            producers,
            stop,
        };
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => {
                self.sync_sources()?;
                KeyMap::collect(&judge, self.groups.iter().flatten())?
            }
        };
        let keys = self.keys.insert(keys);
        let extent = Extent {
            below: keys.end(),
            synced_below: self.plan.until,
        };
        // A group's files are closed with it: the space of those that are replaced is free then.
        while let Some(group) = self.groups.pop_front() {
            if group
                .first()
                .is_some_and(|first| first.source.base_offset < keys.end())
                && let Some((file, index)) =
                    Rewrite::new(&judge, keys, &group)?.run(&mut self.unended)?
            {
                return Ok(Progress::Group(CleanedGroup {
                    replaces: group.iter().map(|member| member.id).collect(),
                    file,
                    index,
                    extent,
                }));
            }
        }
        Ok(Progress::Done(extent))
    }

    /// A cleaned file is synced, so what supersedes its records must be, too: a power failure must not take both.
    fn sync_sources(&self) -> Result<(), LogError> {
        let members = self.groups.iter().flatten();
        for member in members.filter(|member| member.source.bound > self.plan.flushed) {
            let source = &member.source;
            let synced = self.plan.gate.sync(|| source.file.sync_data());
            synced.map_err(LogError::storage("sync", &source.path))?;
        }
        Ok(())
    }
}

/// Decides about batches; both passes ask the same one.
#[derive(Clone, Copy, Debug)]
struct Judge<'a> {
    plan: &'a Plan,
    producers: &'a ProducerView,
    stop: &'a AtomicBool,
}

impl Judge<'_> {
    /// Whether the batch's records were rolled back.
    fn is_aborted(&self, header: &BatchHeader) -> bool {
        header.is_transactional()
            && self.producers.aborted.iter().any(|aborted| {
                aborted.producer_id == header.producer_id
                    && (aborted.first_offset..=aborted.last_offset).contains(&header.base_offset)
            })
    }

    /// Whether the batch has a producer's last sequence.
    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        header.producer_id >= 0
            && self.producers.last_offsets.get(&header.producer_id) == Some(&header.last_offset())
    }

    /// To be called now and then, so that a shutdown need not wait.
    fn check_stop(&self) -> Result<(), LogError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(LogError::Stopped);
        }
        Ok(())
    }
}

fn fits(group: &[Member], member: &Member, bytes_max: u64) -> bool {
    let size: u64 = group.iter().map(|other| other.source.size).sum();
    let base = group.first().map_or(0, |first| first.source.base_offset);
    size + member.source.size <= bytes_max
        && member.source.bound - base <= super::segment::OFFSETS_MAX
}

/// The two offsets in the name of a cleaned file: what it replaces.
pub(super) fn parse_name(path: &Path) -> Option<(i64, i64)> {
    let (base, bound) = path.file_stem()?.to_str()?.split_once('-')?;
    let range = (parse_offset(base)?, parse_offset(bound)?);
    (range.0 < range.1).then_some(range)
}

/// An offset as it stands in file names.
pub(super) fn parse_offset(digits: &str) -> Option<i64> {
    let is_canonical = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let offset: i64 = digits.parse().ok().filter(|_| is_canonical)?;
    (offset <= i64::MAX / 2).then_some(offset)
}

/// Extension of a file that may not be whole.
pub(super) const CLEANED_EXTENSION: &str = "cleaned";
/// Extension of a whole file that has to replace segments.
pub(super) const SWAP_EXTENSION: &str = "swap";

#[cfg(test)]
mod tests;
