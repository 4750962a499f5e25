//! The small files beside the segments: how far records were deleted, synced and cleaned, and that a shutdown was clean.
//!
//! They are replaced by a rename but not synced: after a power failure an older state is nearly as good, as the positions
//! save work or hide records. A checkpoint that is gone or cannot be read says nothing, so that batches may be missing anywhere.

use std::{fs, path::Path};

use super::{LogError, segment::remove_if_present};
use crate::store;

/// Positions that outlive a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Records below are deleted.
    pub(super) start_offset: i64,
    /// Segments that end at or below are on the disk.
    pub(super) flushed: i64,
    /// Records below have been cleaned.
    pub(super) cleaned: i64,
    /// From here on no cleaning has removed a batch: each begins where the one before ends. Written before a cleaning is
    /// installed, for else a gap would look like damage.
    pub(super) gapless_from: i64,
}

/// Where the active segment ended at a clean shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CleanEnd {
    pub(super) base_offset: i64,
    pub(super) size: u64,
}

impl Checkpoint {
    /// Reads the file, if it is there and whole.
    pub(super) fn load(dir: &Path) -> Option<Self> {
        let [start_offset, flushed, cleaned, gapless_from] = read(&dir.join(CHECKPOINT))?;
        Some(Self {
            start_offset: start_offset.clamp(0, i64::MAX / 2),
            flushed: flushed.max(0),
            cleaned: cleaned.max(0),
            gapless_from: gapless_from.max(0),
        })
    }

    /// Of a log with segments whose checkpoint is lost: they may have been cleaned.
    pub(super) fn lost() -> Self {
        Self {
            gapless_from: i64::MAX,
            ..Self::default()
        }
    }

    /// Replaces the file.
    pub(super) fn store(&self, dir: &Path) -> Result<(), LogError> {
        let content = format!(
            "{} {} {} {}",
            self.start_offset, self.flushed, self.cleaned, self.gapless_from
        );
        replace(&dir.join(CHECKPOINT), &content)
    }
}

impl CleanEnd {
    /// Takes the marker away: from now on a crash would not be a clean shutdown.
    pub(super) fn take(dir: &Path) -> Result<Option<Self>, LogError> {
        let path = dir.join(CLEAN);
        let marker = read(&path);
        remove_if_present(&path)?;
        Ok(marker.and_then(|[base_offset, size]: [i64; 2]| {
            let size = u64::try_from(size).ok()?;
            Some(Self { base_offset, size })
        }))
    }

    /// Writes the marker.
    pub(super) fn store(&self, dir: &Path) -> Result<(), LogError> {
        replace(
            &dir.join(CLEAN),
            &format!("{} {}", self.base_offset, self.size),
        )
    }
}

/// `N` numbers, with a checksum over their text.
fn read<const N: usize>(path: &Path) -> Option<[i64; N]> {
    if fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let (crc, content) = text.split_once(' ')?;
    if crc != format!("{:08x}", crc32c::crc32c(content.as_bytes())) {
        return None;
    }
    let numbers: Vec<i64> = content
        .split(' ')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn replace(path: &Path, content: &str) -> Result<(), LogError> {
    let crc = crc32c::crc32c(content.as_bytes());
    let written = store::replace_soon(path, format!("{crc:08x} {content}").as_bytes());
    written.map_err(LogError::storage("write", path))
}

/// Extension of a file that is not whole yet.
pub(super) const TEMPORARY_EXTENSION: &str = "new";
const CHECKPOINT: &str = "checkpoint";
const CLEAN: &str = "clean-shutdown";
const FILE_BYTES_MAX: u64 = 256;
