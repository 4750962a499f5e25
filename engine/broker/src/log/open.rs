//! Opening a log: after a clean shutdown its end is believed, otherwise what was not synced is verified batch by batch.
//!
//! The first bad batch of the unsynced part is where the log ends; what follows goes, as nothing after a torn write was
//! acknowledged. Segments that were synced are not touched.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::{
    BatchHeader, Ending, HEADER_BYTES, Log, LogConfig, LogError,
    checkpoint::{Checkpoint, CleanEnd, TEMPORARY_EXTENSION},
    cleaner,
    index::Index,
    scanner::{Damage, Scanner, Step},
    segment::{Segment, remove_if_present},
    tail::Tail,
};
use crate::sync_gate::SyncGate;

/// What an opening had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// The last shutdown was clean: nothing was verified.
    pub(crate) was_clean: bool,
    /// Bytes verified.
    pub(crate) verified_bytes: u64,
    /// Bytes cut off the end.
    pub(crate) truncated_bytes: u64,
}

impl Log {
    /// Opens the log in `dir`, which is made if it does not exist. The caller makes sure that nobody else has it open.
    ///
    /// # Errors
    /// `Storage`: the directory cannot be read or changed.
    pub(crate) fn open(
        dir: &Path,
        config: LogConfig,
        now: i64,
    ) -> Result<(Self, Recovery), LogError> {
        fs::create_dir_all(dir).map_err(LogError::storage("create", dir))?;
        let names = FileNames::list(dir)?;
        let stored = Checkpoint::load(dir);
        let mut checkpoint = match stored {
            Some(stored) => stored,
            None if names.has_segments => Checkpoint::lost(),
            None => Checkpoint::default(),
        };
        if let Some(bound) = names.swaps.iter().map(|(_, bound)| *bound).max() {
            checkpoint.gapless_from = checkpoint.gapless_from.max(bound);
            checkpoint.store(dir)?;
            cleaner::finish_swaps(dir, &names.swaps)?;
        }
        let mut segments = existing_segments(dir)?;
        let clean_end = CleanEnd::take(dir)?;
        let mut recovery = Recovery::default();
        if let Some(active) = segments.back_mut()
            && clean_end
                .is_some_and(|end| (end.base_offset, end.size) == (active.base_offset, active.size))
        {
            recovery.was_clean = active.load_index()?;
        }
        if !recovery.was_clean {
            let interval = config.index_interval_bytes;
            verify_unsynced(&mut segments, &checkpoint, interval, &mut recovery)?;
        }
        let mut last_segment_id = segments.iter().map(|segment| segment.id).max().unwrap_or(0);
        let (active, end_offset) =
            active_segment(dir, &mut segments, checkpoint.start_offset, || {
                last_segment_id += 1;
                last_segment_id
            })?;
        let first = segments.front().unwrap_or(&active).base_offset;
        checkpoint.start_offset = checkpoint.start_offset.max(first);
        checkpoint.flushed = checkpoint.flushed.min(active.base_offset);
        checkpoint.cleaned = checkpoint.cleaned.min(end_offset);
        checkpoint.gapless_from = checkpoint.gapless_from.min(end_offset);
        let mut log = Self {
            dir: dir.to_owned(),
            config,
            closed: segments,
            active,
            active_since: now,
            end_offset,
            checkpoint,
            tail: Tail::default(),
            is_torn: false,
            synced_segment_id: 0,
            last_segment_id,
            gate: SyncGate::default(),
        };
        if stored.is_none() {
            log.make_checkpoint(names.has_segments)?;
        }
        log.remove_below_start()?;
        log.trim_memory(log.closed.len());
        Ok((log, recovery))
    }

    /// Writes the first checkpoint: a log without one has lost it. An old log does without until the next one is due.
    fn make_checkpoint(&self, is_old: bool) -> Result<(), LogError> {
        match self.checkpoint.store(&self.dir) {
            Err(error) if is_old => {
                tracing::warn!(%error, "a log's checkpoint was lost and is not written");
                Ok(())
            }
            stored => stored,
        }
    }

    /// Shows every batch that has a record at `from` or later, in order: what a caller needs to rebuild the state of the
    /// producers, with how a control batch ends a transaction. Reads the files in large pieces; damaged parts of closed
    /// segments are left out.
    ///
    /// # Errors
    /// `Storage`: a segment cannot be read.
    pub(crate) fn visit_batches(
        &mut self,
        from: i64,
        mut visit: impl FnMut(&BatchHeader, Option<Ending>),
    ) -> Result<(), LogError> {
        let from = from.max(self.start_offset());
        let interval = self.config.index_interval_bytes;
        for at in self.segment_at(from)..=self.closed.len() {
            let segment = self.segment_mut(at);
            let position = segment.index(interval)?.position_of(from);
            let source = segment.source()?;
            let mut scanner = Scanner::new(&source, position);
            while let Step::Batch(found) = scanner.step()? {
                let header = found.header;
                if header.last_offset() < from {
                    continue;
                }
                let ending = match header.is_control() {
                    true => Ending::of(&header, &scanner.batch(&found)?[HEADER_BYTES..]),
                    false => None,
                };
                visit(&header, ending);
            }
            self.trim_memory(at);
        }
        Ok(())
    }
}

/// The files of a log's directory that mean something here.
struct FileNames {
    swaps: Vec<(i64, i64)>,
    has_segments: bool,
}

impl FileNames {
    /// Lists them and removes what an interrupted write left.
    fn list(dir: &Path) -> Result<Self, LogError> {
        let (mut swaps, mut has_segments) = (Vec::new(), false);
        for path in paths(dir)? {
            match path.extension().and_then(OsStr::to_str) {
                Some(TEMPORARY_EXTENSION | cleaner::CLEANED_EXTENSION) => {
                    remove_if_present(&path)?;
                }
                Some(cleaner::SWAP_EXTENSION) => swaps.extend(cleaner::parse_name(&path)),
                _ => has_segments |= parse_base(&path).is_some(),
            }
        }
        swaps.sort_unstable();
        Ok(Self {
            swaps,
            has_segments,
        })
    }
}

fn paths(dir: &Path) -> Result<Vec<PathBuf>, LogError> {
    fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(LogError::storage("list", dir))
}

/// The base offset in a segment's file name.
pub(super) fn parse_base(path: &Path) -> Option<i64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".log")?;
    cleaner::parse_offset(digits)
}

/// Base offsets of the segments in a directory, in order.
pub(super) fn segment_bases(dir: &Path) -> Result<Vec<i64>, LogError> {
    let mut bases: Vec<_> = paths(dir)?
        .iter()
        .filter_map(|path| parse_base(path))
        .collect();
    bases.sort_unstable();
    Ok(bases)
}

fn existing_segments(dir: &Path) -> Result<VecDeque<Segment>, LogError> {
    let bases = segment_bases(dir)?;
    let mut segments = VecDeque::with_capacity(bases.len());
    for (at, base_offset) in bases.iter().enumerate() {
        let mut segment = Segment::existing(dir, *base_offset, at as u64 + 1)?;
        if let Some(next) = bases.get(at + 1) {
            segment.bound = *next;
        }
        segments.push_back(segment);
    }
    Ok(segments)
}

/// Verifies from the first segment that is not wholly synced, and ends the log at the first bad batch.
fn verify_unsynced(
    segments: &mut VecDeque<Segment>,
    checkpoint: &Checkpoint,
    interval_bytes: u32,
    recovery: &mut Recovery,
) -> Result<(), LogError> {
    let count = segments.len();
    for at in 0..count {
        let is_active = at + 1 == count;
        let segment = &mut segments[at];
        if segment.bound <= checkpoint.flushed && !is_active {
            continue;
        }
        let gapless_from = checkpoint.gapless_from;
        let damage = match verify(segment, gapless_from, interval_bytes)? {
            None if !is_active => missing_end(segment, gapless_from, interval_bytes)?,
            damage => damage,
        };
        recovery.verified_bytes += segment.size;
        let Some(damage) = damage else { continue };
        tracing::warn!(
            path = %segment.path().display(), position = damage.position, reason = damage.reason,
            "a log ends earlier than its file: what follows was not synced and is cut off"
        );
        recovery.truncated_bytes += segment.size - damage.position;
        segment.cut(damage.position)?;
        for lost in segments.drain(at + 1..) {
            recovery.truncated_bytes += lost.size;
            lost.remove()?;
        }
        return Ok(());
    }
    Ok(())
}

/// A closed segment may have lost whole batches at its end, down to an empty file.
fn missing_end(
    segment: &mut Segment,
    gapless_from: i64,
    interval_bytes: u32,
) -> Result<Option<Damage>, LogError> {
    let end = segment.summary(interval_bytes)?.next_offset;
    let is_missing = end >= gapless_from && end < segment.bound;
    Ok(is_missing.then_some(Damage {
        position: segment.size,
        reason: "the next segment does not begin where this one ends",
    }))
}

/// Checks every batch's checksum, and its offset, which the checksum does not cover; makes the index on the way.
fn verify(
    segment: &mut Segment,
    gapless_from: i64,
    interval_bytes: u32,
) -> Result<Option<Damage>, LogError> {
    let source = segment.source()?;
    let mut index = Index::new(source.base_offset);
    let mut scanner = Scanner::new(&source, 0);
    let damage = loop {
        let found = match scanner.step()? {
            Step::Batch(found) => found,
            Step::Damaged(damage) => break Some(damage),
            Step::End => break None,
        };
        let position = found.position;
        let expected = index.summary().next_offset;
        if expected >= gapless_from && found.header.base_offset != expected {
            let reason = "the offsets have a gap";
            break Some(Damage { position, reason });
        }
        if !scanner.is_intact(&found)? {
            let reason = "the checksum does not fit";
            break Some(Damage { position, reason });
        }
        index.note(position, &found.header, interval_bytes);
    };
    segment.set_index(index);
    Ok(damage)
}

/// Takes the last segment as the active one, or makes one. A log whose tail was lost up to below its start begins anew at
/// the start, so that no offset is given twice.
fn active_segment(
    dir: &Path,
    segments: &mut VecDeque<Segment>,
    start_offset: i64,
    mut new_id: impl FnMut() -> u64,
) -> Result<(Segment, i64), LogError> {
    if let Some(mut active) = segments.pop_back() {
        let end = active.summary(u32::MAX)?.next_offset;
        if end >= start_offset {
            active.bound = active
                .base_offset
                .saturating_add(super::segment::OFFSETS_MAX);
            return Ok((active, end));
        }
        active.remove()?;
    }
    for lost in segments.drain(..) {
        lost.remove()?;
    }
    let active = Segment::create(dir, start_offset, new_id())?;
    Ok((active, start_offset))
}
