//! Which whole batches of a stretch of a log answer a read. The same for bytes from a file and from memory.

use std::ops::Range;

use super::{BatchHeader, HEADER_BYTES};

/// How much a read may give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadBounds {
    /// Bytes of the answer, unless the first batch alone is larger and `first_batch` allows it.
    pub(crate) bytes_max: usize,
    /// What to do with a first batch that is larger than `bytes_max`.
    pub(crate) first_batch: FirstBatch,
    /// Batches from this offset on are not given: the last stable offset, or the log's end.
    pub(crate) below: i64,
}

/// What to do with a first batch that is larger than the bytes allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBatch {
    /// Give it, so that the consumer makes progress.
    Whole,
    /// Give nothing.
    IfItFits,
}

/// What a stretch of bytes that begins with a batch has for a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Whole batches to give; an empty range when the bounds allow none.
    Batches(Range<usize>),
    /// The first batch to give ends outside of the stretch.
    Partial {
        /// Where it begins.
        start: usize,
        /// Its bytes.
        size: usize,
    },
    /// All batches end before the offset; the next would begin this many bytes on, perhaps outside of the stretch.
    Before(usize),
    /// No batch stands here.
    Damaged(usize),
}

/// Selects from `bytes`, which begin with a batch: from the batch that has `offset`, or else the first after it.
pub(super) fn select(bytes: &[u8], offset: i64, bounds: &ReadBounds) -> Selection {
    let mut start = 0;
    let first = loop {
        let Some(rest) = bytes.get(start..).filter(|rest| rest.len() >= HEADER_BYTES) else {
            return Selection::Before(start);
        };
        let Ok(header) = BatchHeader::parse(rest) else {
            return Selection::Damaged(start);
        };
        if header.last_offset() >= offset {
            break header;
        }
        start += header.size();
    };
    let size = first.size();
    let fits = size <= bounds.bytes_max || bounds.first_batch == FirstBatch::Whole;
    if first.base_offset >= bounds.below || !fits {
        return Selection::Batches(start..start);
    }
    if size > bytes.len() - start {
        return Selection::Partial { start, size };
    }
    let mut end = start + size;
    let mut next_offset = first.next_offset();
    while let Ok(header) = BatchHeader::parse(&bytes[end..]) {
        let grown = end - start + header.size();
        let in_order = header.base_offset >= next_offset && header.base_offset < bounds.below;
        if !in_order || grown > bounds.bytes_max || start + grown > bytes.len() {
            break;
        }
        end = start + grown;
        next_offset = header.next_offset();
    }
    Selection::Batches(start..end)
}
