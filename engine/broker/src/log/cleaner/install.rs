//! Puts cleaned files in the place of the segments that they replace, so that a crash in between can be finished.
//!
//! ```text
//! write A-C.cleaned, sync ── rename to A-C.swap ── remove B.log ── rename to A.log
//! crash:  removed again          └────────────── finished at the next opening ──────┘
//! ```
//!
//! The steps rely on the file system to keep the order of its own renames and removals, as journalling ones do.

use std::{
    fs,
    path::{Path, PathBuf},
};

#[cfg(any(test, feature = "fuzzing"))]
use super::{AtomicBool, Cleaning, ProducerView, Progress};
use super::{CleanedGroup, Extent, SWAP_EXTENSION};
use crate::log::{
    Log, LogError,
    checkpoint::Checkpoint,
    open::segment_bases,
    segment::{INDEX_EXTENSION, Segment, log_path, remove_if_present},
};

impl Log {
    /// Takes over a file that a cleaning has written. Segments that were deleted in the meantime stay deleted.
    ///
    /// # Errors
    /// `Storage`: it is not installed, or is at the next opening.
    pub(crate) fn install(&mut self, group: CleanedGroup) -> Result<(), LogError> {
        self.move_checkpoint(Checkpoint {
            gapless_from: self.checkpoint.gapless_from.max(group.extent.below),
            flushed: self.checkpoint.flushed.max(group.extent.synced_below),
            ..self.checkpoint
        })?;
        self.tail.clear();
        match self.place_of(&group) {
            Some(at) => self.swap_in(at, group),
            None => Ok(()),
        }
    }

    /// Takes note that a cleaning is done.
    ///
    /// # Errors
    /// `Storage`: it will be done again.
    pub(crate) fn cleaned(&mut self, extent: Extent) -> Result<(), LogError> {
        self.move_checkpoint(Checkpoint {
            cleaned: extent.below,
            flushed: self.checkpoint.flushed.max(extent.synced_below),
            ..self.checkpoint
        })
    }

    fn move_checkpoint(&mut self, moved: Checkpoint) -> Result<(), LogError> {
        if moved != self.checkpoint {
            moved.store(&self.dir)?;
            self.checkpoint = moved;
        }
        Ok(())
    }

    /// Where the segments of the group are, if all are there.
    fn place_of(&self, group: &CleanedGroup) -> Option<usize> {
        let first = group.replaces.first()?;
        let at = self.closed.iter().position(|found| found.id == *first)?;
        let ids = self.closed.iter().skip(at).map(|found| found.id);
        let are_all_there = ids
            .take(group.replaces.len())
            .eq(group.replaces.iter().copied());
        are_all_there.then_some(at)
    }

    fn swap_in(&mut self, at: usize, group: CleanedGroup) -> Result<(), LogError> {
        let written = &group.file.0;
        let swap = written.with_extension(SWAP_EXTENSION);
        fs::rename(written, &swap).map_err(LogError::storage("rename", written))?;
        let base_offset = self.closed[at].base_offset;
        let mut bound = self.closed[at].bound;
        for _ in 1..group.replaces.len() {
            let Some(replaced) = self.closed.get(at + 1) else {
                break;
            };
            replaced.remove()?;
            bound = replaced.bound;
            self.closed.remove(at + 1);
            self.closed[at].bound = bound;
        }
        finish(&self.dir, &swap, base_offset)?;
        let id = self.next_segment_id();
        let mut segment = Segment::existing(&self.dir, base_offset, id)?;
        segment.bound = bound;
        segment.set_index(group.index);
        segment.store_index();
        self.closed[at] = segment;
        self.trim_memory(at);
        Ok(())
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Log {
    /// Does a cleaning on this thread; after so many files it is given up, as by a crash.
    pub(crate) fn clean_here(
        &mut self,
        mut cleaning: Cleaning,
        producers: &ProducerView,
        files_max: usize,
    ) -> Result<(), LogError> {
        let stop = AtomicBool::new(false);
        for _ in 0..files_max {
            match cleaning.go_on(producers, &stop)? {
                Progress::Group(group) => self.install(group)?,
                Progress::Done(extent) => return self.cleaned(extent),
            }
        }
        Ok(())
    }
}

/// Finishes what a crash interrupted.
pub(in crate::log) fn finish_swaps(dir: &Path, swaps: &[(i64, i64)]) -> Result<(), LogError> {
    for (base_offset, bound) in swaps {
        for replaced in segment_bases(dir)? {
            if replaced > *base_offset && replaced < *bound {
                let path = log_path(dir, replaced);
                remove_if_present(&path.with_extension(INDEX_EXTENSION))?;
                remove_if_present(&path)?;
            }
        }
        finish(dir, &swap_path(dir, *base_offset, *bound), *base_offset)?;
    }
    Ok(())
}

/// The last step. The old index goes first: it must never be taken for the new file's.
fn finish(dir: &Path, swap: &Path, base_offset: i64) -> Result<(), LogError> {
    let log = log_path(dir, base_offset);
    remove_if_present(&log.with_extension(INDEX_EXTENSION))?;
    fs::rename(swap, &log).map_err(LogError::storage("rename", swap))
}

fn swap_path(dir: &Path, base_offset: i64, bound: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}-{bound:020}.{SWAP_EXTENSION}"))
}
