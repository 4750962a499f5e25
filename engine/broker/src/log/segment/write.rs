//! Appending to a segment's file: all of it or nothing.

use std::io::{self, IoSlice, Write};

use super::{LogError, Segment};
use crate::disk::Output;

impl Segment {
    /// Appends bytes that are whole batches, in one write. On an error the file ends where it did; if even that fails,
    /// `Torn` says so.
    pub(in crate::log) fn write(
        &mut self,
        parts: &mut [IoSlice<'_>],
        size: u64,
    ) -> Result<(), WriteFailure> {
        let file = match self.source() {
            Ok(source) => source.file,
            Err(error) => return Err(WriteFailure::Undone(error)),
        };
        match write_all(&mut Output(&*file), parts) {
            Ok(()) => {
                self.size += size;
                Ok(())
            }
            Err(error) => {
                let error = LogError::storage("append to", &self.path)(error);
                Err(match file.set_len(self.size) {
                    Ok(()) => WriteFailure::Undone(error),
                    Err(_) => WriteFailure::Torn(error),
                })
            }
        }
    }
}

/// An append that failed.
#[derive(Debug)]
pub(in crate::log) enum WriteFailure {
    /// Nothing of it stayed.
    Undone(LogError),
    /// Part of it may have stayed after the segment's end.
    Torn(LogError),
}

impl WriteFailure {
    /// The error to answer with, and whether part of the append stayed.
    pub(in crate::log) fn into_parts(self) -> (LogError, bool) {
        match self {
            Self::Undone(error) => (error, false),
            Self::Torn(error) => (error, true),
        }
    }
}

/// One system call, unless the system takes less or there are more parts than it takes at once.
fn write_all(file: &mut impl Write, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
