//! One segment of a log: the file `<base offset>.log` and its sparse index.
//!
//! Files of closed segments are opened and their indexes loaded when somebody reads them. Absent: which segment is active,
//! and when segments close or go; that is the log's.

mod write;

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    BatchHeader, LogError,
    files::OpenFile,
    index::{Index, Summary},
    scanner::{Damage, SegmentFile},
    window::{ReadBounds, Selection, select},
};
use crate::store;

/// A segment, open or closed.
#[derive(Debug)]
pub(super) struct Segment {
    /// Differs between two segments of one log that had the same base offset one after the other.
    pub(super) id: u64,
    /// The first offset that belongs here.
    pub(super) base_offset: i64,
    /// The first offset that does not: the next segment's base offset.
    pub(super) bound: i64,
    /// Bytes of whole batches.
    pub(super) size: u64,
    path: Arc<Path>,
    file: Option<OpenFile>,
    index: Option<Index>,
    /// Of the index that was forgotten; an index in memory knows better.
    summary: Option<Summary>,
}

impl Segment {
    /// Makes an empty segment, in place of any file of that name.
    pub(super) fn create(dir: &Path, base_offset: i64, id: u64) -> Result<Self, LogError> {
        let path = log_path(dir, base_offset);
        remove_if_present(&path.with_extension(INDEX_EXTENSION))?;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|file| file.set_len(0).map(|()| file))
            .map_err(LogError::storage("create", &path))?;
        Ok(Self {
            id,
            base_offset,
            bound: base_offset.saturating_add(OFFSETS_MAX),
            size: 0,
            path: path.into(),
            file: Some(OpenFile::keep(Arc::new(file))),
            index: Some(Index::new(base_offset)),
            summary: None,
        })
    }

    /// Takes over a file of an earlier run.
    pub(super) fn existing(dir: &Path, base_offset: i64, id: u64) -> Result<Self, LogError> {
        let path = log_path(dir, base_offset);
        let size = fs::metadata(&path)
            .map_err(LogError::storage("read the size of", &path))?
            .len();
        Ok(Self {
            id,
            base_offset,
            bound: base_offset.saturating_add(OFFSETS_MAX),
            size: size.min(u64::from(u32::MAX)),
            path: path.into(),
            file: None,
            index: None,
            summary: None,
        })
    }

    /// Where the records are.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file for reading, as it is now.
    pub(super) fn source(&mut self) -> Result<SegmentFile, LogError> {
        let file = match self.file.as_ref().and_then(OpenFile::get) {
            Some(file) => file,
            None => {
                let file = OpenOptions::new()
                    .read(true)
                    .append(true)
                    .open(&self.path)
                    .map_err(LogError::storage("open", &self.path))?;
                let file = Arc::new(file);
                self.file = Some(OpenFile::keep(Arc::clone(&file)));
                file
            }
        };
        Ok(SegmentFile {
            base_offset: self.base_offset,
            bound: self.bound,
            size: self.size,
            path: Arc::clone(&self.path),
            file,
        })
    }

    /// What is known about the segment as a whole.
    pub(super) fn summary(&mut self, interval_bytes: u32) -> Result<Summary, LogError> {
        match (&self.index, self.summary) {
            (Some(index), _) => Ok(index.summary()),
            (None, Some(summary)) => Ok(summary),
            (None, None) => Ok(self.index(interval_bytes)?.summary()),
        }
    }

    /// The index, from memory, from its file, or made by a scan.
    pub(super) fn index(&mut self, interval_bytes: u32) -> Result<&Index, LogError> {
        if self.index.is_none() && !self.load_index()? {
            let (index, _) = Index::build(&self.source()?, interval_bytes)?;
            self.set_index(index);
            self.store_index();
        }
        let empty = || Index::new(self.base_offset);
        Ok(self.index.get_or_insert_with(empty))
    }

    /// Loads the index's file, if there is a good one.
    pub(super) fn load_index(&mut self) -> Result<bool, LogError> {
        let source = self.source()?;
        let Some(index) = self.stored_index(&source) else {
            return Ok(false);
        };
        self.set_index(index);
        Ok(true)
    }

    /// Takes an index that a scan has made.
    pub(super) fn set_index(&mut self, index: Index) {
        self.index = Some(index);
    }

    /// Whether it has an open file or an index in memory.
    pub(super) fn is_loaded(&self) -> bool {
        self.index.is_some() || self.file.is_some()
    }

    /// Closes the file and gives the index's memory back; both come again when needed.
    pub(super) fn unload(&mut self) {
        if let Some(index) = self.index.take() {
            self.summary = Some(index.summary());
        }
        self.file = None;
    }

    /// Writes the index's file. A failure costs a scan later, nothing else.
    pub(super) fn store_index(&self) {
        let Some(index) = &self.index else { return };
        let path = self.path.with_extension(INDEX_EXTENSION);
        if let Err(error) = fs::write(&path, index.encode(self.size)) {
            tracing::warn!(path = %path.display(), %error, "cannot write a segment's index");
        }
    }

    /// Takes note of a batch that was appended at `position`.
    pub(super) fn note(&mut self, position: u64, header: &BatchHeader, interval_bytes: u32) {
        if let Some(index) = &mut self.index {
            index.note(position, header, interval_bytes);
        }
    }

    /// Cuts the file to `size` bytes.
    pub(super) fn cut(&mut self, size: u64) -> Result<(), LogError> {
        remove_if_present(&self.path.with_extension(INDEX_EXTENSION))?;
        let source = self.source()?;
        source
            .file
            .set_len(size)
            .map_err(LogError::storage("truncate", &self.path))?;
        self.size = size;
        Ok(())
    }

    /// Whole batches from the one that has `offset`, or the first after it; `None` when the segment has neither.
    pub(super) fn read(
        &mut self,
        offset: i64,
        bounds: &ReadBounds,
        interval_bytes: u32,
    ) -> Result<Option<Bytes>, LogError> {
        let mut position = self.index(interval_bytes)?.position_of(offset);
        let source = self.source()?;
        let slack = 2 * interval_bytes as usize;
        let mut want = bounds.bytes_max.saturating_add(slack).min(READ_BYTES_MAX);
        loop {
            let left = source.size.saturating_sub(position);
            if left == 0 {
                return Ok(None);
            }
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(want);
            let bytes = source.read(len, position)?;
            let from = position;
            let corrupt = |skip: usize, reason| {
                source.corrupt(Damage {
                    position: from + skip as u64,
                    reason,
                })
            };
            match select(&bytes, offset, bounds) {
                Selection::Batches(range) => return Ok(Some(Bytes::from(bytes).slice(range))),
                Selection::Partial { start, size } if (start + size) as u64 > left => {
                    return Err(corrupt(start, "a batch is cut short"));
                }
                Selection::Partial { start, size } => {
                    position += start as u64;
                    want = size.max(bounds.bytes_max).min(READ_BYTES_MAX.max(size));
                }
                Selection::Before(0) => return Err(corrupt(0, "a header is cut short")),
                Selection::Before(skip) => {
                    position += skip as u64;
                    if position > source.size {
                        return Err(corrupt(skip, "a batch is cut short"));
                    }
                }
                Selection::Damaged(skip) => return Err(corrupt(skip, "no batch stands here")),
            }
        }
    }

    /// Removes the files.
    pub(super) fn remove(&self) -> Result<(), LogError> {
        remove_if_present(&self.path.with_extension(INDEX_EXTENSION))?;
        remove_if_present(&self.path)
    }

    fn stored_index(&self, source: &SegmentFile) -> Option<Index> {
        let path = self.path.with_extension(INDEX_EXTENSION);
        let size = fs::metadata(&path).ok()?.len();
        if size > Index::file_bytes_max(source.size) {
            return None;
        }
        Index::decode(&fs::read(&path).ok()?, source)
    }
}

/// The file of the segment that begins at `base_offset`.
pub(super) fn log_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}.log"))
}

/// Removes a file that may not exist.
pub(super) fn remove_if_present(path: &Path) -> Result<(), LogError> {
    store::remove_if_present(path).map_err(LogError::storage("remove", path))
}

/// Offsets of one segment, so that an index entry's fits 32 bits.
pub(super) const OFFSETS_MAX: i64 = i32::MAX as i64;
/// Extension of an index file.
pub(super) const INDEX_EXTENSION: &str = "index";
/// Bytes that one read takes from the file at once, unless one batch is larger.
const READ_BYTES_MAX: usize = 64 << 20;
