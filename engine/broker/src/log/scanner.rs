//! Walks the batches of a segment's file from front to back, in large reads.
//!
//! Absent: opinions about damage. The scanner says where it is; who opened the log truncates, who reads gives an error.
//! Invariant: it asks for no more memory than the file has bytes, whatever the bytes say.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};

use rustix::{
    buffer::spare_capacity,
    io::{Errno, pread},
};

use super::{
    BatchHeader, LogError,
    batch::{CRC_FROM, HEADER_BYTES},
};

/// A segment's file as it was at some moment; later appends lie past `size`.
#[derive(Clone, Debug)]
pub(super) struct SegmentFile {
    /// The first offset that belongs here.
    pub(super) base_offset: i64,
    /// The first offset that does not.
    pub(super) bound: i64,
    /// Bytes to read.
    pub(super) size: u64,
    pub(super) path: Arc<Path>,
    pub(super) file: Arc<File>,
}

/// A position in a segment, moving.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    source: &'a SegmentFile,
    position: u64,
    expected_offset: i64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

/// What stands at a scanner's position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A batch with a plausible header that lies wholly in the file.
    Batch(Found),
    /// The end of the segment.
    End,
    /// Bytes that are no batch: nothing after them can be found.
    Damaged(Damage),
}

/// A batch and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) position: u64,
    pub(super) header: BatchHeader,
}

/// The first bad byte and why it is bad.
#[derive(Clone, Copy, Debug)]
pub(super) struct Damage {
    pub(super) position: u64,
    pub(super) reason: &'static str,
}

impl SegmentFile {
    /// The error for a reader that meets damage.
    pub(super) fn corrupt(&self, damage: Damage) -> LogError {
        LogError::CorruptSegment {
            segment: self.base_offset,
            position: damage.position,
            reason: damage.reason,
        }
    }

    /// So many bytes of the file, in memory that is not cleared first.
    pub(super) fn read(&self, len: usize, position: u64) -> Result<Vec<u8>, LogError> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = position + bytes.len() as u64;
            let error = match pread(&*self.file, spare_capacity(&mut bytes), at) {
                Ok(1..) | Err(Errno::INTR) => continue,
                Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                Err(error) => io::Error::from(error),
            };
            return Err(LogError::storage("read", &self.path)(error));
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Fills `into` from the file.
    pub(super) fn fill(&self, into: &mut [u8], position: u64) -> Result<(), LogError> {
        self.file
            .read_exact_at(into, position)
            .map_err(LogError::storage("read", &self.path))
    }
}

impl<'a> Scanner<'a> {
    /// Starts at a batch's first byte.
    pub(super) fn new(source: &'a SegmentFile, position: u64) -> Self {
        Self {
            source,
            position,
            expected_offset: source.base_offset,
            buffer: Vec::new(),
            buffer_at: 0,
        }
    }

    /// Gives the next batch by its header; its checksum is for `is_intact`.
    pub(super) fn step(&mut self) -> Result<Step, LogError> {
        let position = self.position;
        let left = self.source.size.saturating_sub(position);
        if left == 0 {
            return Ok(Step::End);
        }
        let damaged = |reason| Ok(Step::Damaged(Damage { position, reason }));
        if left < HEADER_BYTES as u64 {
            return damaged("a header is cut short");
        }
        let header = match BatchHeader::parse(self.window(position, HEADER_BYTES)?) {
            Ok(header) => header,
            Err(LogError::CorruptBatch(reason)) => return damaged(reason),
            Err(_) => return damaged("the message format is not 2"),
        };
        if header.size() as u64 > left {
            return damaged("a batch is cut short");
        }
        if header.base_offset < self.expected_offset || header.next_offset() > self.source.bound {
            return damaged("the offsets are out of order");
        }
        self.expected_offset = header.next_offset();
        self.position += header.size() as u64;
        Ok(Step::Batch(Found { position, header }))
    }

    /// Whether the batch's checksum fits.
    pub(super) fn is_intact(&mut self, found: &Found) -> Result<bool, LogError> {
        let end = found.position + found.header.size() as u64;
        let mut at = found.position + CRC_FROM as u64;
        let mut crc = 0;
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let bytes = self.some(at, left)?;
            crc = crc32c::crc32c_append(crc, bytes);
            at += bytes.len() as u64;
        }
        Ok(crc == found.header.crc)
    }

    /// The whole batch.
    pub(super) fn batch(&mut self, found: &Found) -> Result<&[u8], LogError> {
        self.window(found.position, found.header.size())
    }

    /// Bytes of the file, read anew when the buffer has not all of them. The caller has checked that the file does.
    fn window(&mut self, at: u64, len: usize) -> Result<&[u8], LogError> {
        let skip = match self.buffered(at) {
            Some(skip) if len <= self.buffer.len() - skip => skip,
            _ => self.read(at, len)?,
        };
        Ok(&self.buffer[skip..skip + len])
    }

    /// Up to `len_max` bytes of the file, at least one: what the buffer has of them is not read again.
    fn some(&mut self, at: u64, len_max: usize) -> Result<&[u8], LogError> {
        let skip = match self.buffered(at) {
            Some(skip) => skip,
            None => self.read(at, 1)?,
        };
        let end = self.buffer.len().min(skip.saturating_add(len_max));
        Ok(&self.buffer[skip..end])
    }

    /// Where in the buffer a byte is.
    fn buffered(&self, at: u64) -> Option<usize> {
        let skip = usize::try_from(at.checked_sub(self.buffer_at)?).ok()?;
        (skip < self.buffer.len()).then_some(skip)
    }

    /// Fills the buffer from `at` on with `len` bytes or more; they begin at its start.
    fn read(&mut self, at: u64, len: usize) -> Result<usize, LogError> {
        let left = usize::try_from(self.source.size - at).unwrap_or(usize::MAX);
        self.buffer.resize(left.min(len.max(CHUNK_BYTES)), 0);
        self.buffer_at = at;
        self.source.fill(&mut self.buffer, at)?;
        Ok(0)
    }
}

/// Bytes of one read: many batches of a few records, and little enough to stay in a processor's cache.
const CHUNK_BYTES: usize = 128 << 10;
