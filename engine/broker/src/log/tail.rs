//! The last appended bytes in memory, so that a consumer that keeps up costs no system call.
//!
//! Nothing is kept while nobody reads at the end: a read there asks for the next appends to be kept, and without another
//! such read the memory is given back. Invariant: what is kept is one unbroken stretch that ends at the log's end.

use std::{cell::Cell, collections::VecDeque};

use bytes::{Bytes, BytesMut};

use crate::limits::TAILS_BYTES_MAX;

use super::window::{FirstBatch, ReadBounds, Selection, select};

/// The appends that a consumer may want next.
#[derive(Debug, Default)]
pub(super) struct Tail {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// Appends to keep until another read.
    wanted: u32,
}

/// One append.
#[derive(Debug)]
struct Chunk {
    base_offset: i64,
    bytes: Bytes,
}

impl Tail {
    /// A consumer is at the end.
    pub(super) fn want(&mut self) {
        self.wanted = APPENDS_KEPT_MAX;
    }

    /// Takes note of an append, given by its parts.
    pub(super) fn push<'a>(
        &mut self,
        base_offset: i64,
        size: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) {
        self.wanted = self.wanted.saturating_sub(1);
        if self.wanted == 0 || size > TAIL_BYTES_MAX {
            self.clear();
            return;
        }
        if ALL.get() + size > TAILS_BYTES_MAX {
            self.clear();
            return;
        }
        let mut bytes = BytesMut::with_capacity(size);
        parts.for_each(|part| bytes.extend_from_slice(part));
        self.count(self.bytes + size);
        self.chunks.push_back(Chunk {
            base_offset,
            bytes: bytes.freeze(),
        });
        while self.bytes > TAIL_BYTES_MAX {
            let dropped = self.chunks.pop_front();
            self.count(self.bytes - dropped.map_or(self.bytes, |chunk| chunk.bytes.len()));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.chunks = VecDeque::new();
        self.count(0);
    }

    /// Takes note of how many bytes are kept here now.
    fn count(&mut self, bytes: usize) {
        // While a thread ends its count may be gone before its logs.
        let _gone = ALL.try_with(|all| all.set(all.get() + bytes - self.bytes));
        self.bytes = bytes;
    }

    /// The batches from `offset` on, if they are here. One append is given without a copy.
    pub(super) fn read(&mut self, offset: i64, bounds: &ReadBounds) -> Option<Bytes> {
        let past = self
            .chunks
            .partition_point(|chunk| chunk.base_offset <= offset);
        let at = past.checked_sub(1)?;
        let chunk = self.chunks.get(at)?;
        self.wanted = APPENDS_KEPT_MAX;
        let Selection::Batches(range) = select(&chunk.bytes, offset, bounds) else {
            return None;
        };
        let first = chunk.bytes.slice(range.clone());
        let is_all = range.end < chunk.bytes.len() || range.is_empty() || past == self.chunks.len();
        if is_all {
            return Some(first);
        }
        Some(self.join(first, past, bounds))
    }

    /// Adds the appends from `past` on to `first`.
    fn join(&self, first: Bytes, past: usize, bounds: &ReadBounds) -> Bytes {
        let mut joined = BytesMut::new();
        for chunk in self.chunks.range(past..) {
            let taken = first.len().max(joined.len());
            let rest = ReadBounds {
                bytes_max: bounds.bytes_max.saturating_sub(taken),
                first_batch: FirstBatch::IfItFits,
                below: bounds.below,
            };
            let Selection::Batches(range) = select(&chunk.bytes, chunk.base_offset, &rest) else {
                break;
            };
            if range.is_empty() {
                break;
            }
            if joined.is_empty() {
                joined.reserve(bounds.bytes_max.min(self.bytes));
                joined.extend_from_slice(&first);
            }
            let is_whole = range.end == chunk.bytes.len();
            joined.extend_from_slice(&chunk.bytes[range]);
            if !is_whole {
                break;
            }
        }
        if joined.is_empty() {
            first
        } else {
            joined.freeze()
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.clear();
    }
}

thread_local! {
    /// Bytes kept for all partitions: a broker's logs live on one thread.
    static ALL: Cell<usize> = const { Cell::new(0) };
}

/// Bytes kept for one partition.
const TAIL_BYTES_MAX: usize = 256 << 10;
/// Appends that are kept for a reader that does not come back.
const APPENDS_KEPT_MAX: u32 = 256;
