//! A full disk for tests: the number of bytes that may still be written on this thread.

use std::{
    cell::Cell,
    fs::File,
    io::{self, IoSlice, Write},
    sync::Arc,
};

thread_local! {
    static BYTES_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Lets `bytes` more be written, or any number.
pub(super) fn set_bytes_left(bytes: Option<usize>) {
    BYTES_LEFT.set(bytes);
}

/// A file that may be full.
pub(super) struct Limited<'a>(pub(super) &'a Arc<File>);

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = BYTES_LEFT.get() else {
            return (&**self.0).write(bytes);
        };
        if left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = (&**self.0).write(&bytes[..bytes.len().min(left)])?;
        BYTES_LEFT.set(Some(left - written));
        Ok(written)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if BYTES_LEFT.get().is_none() {
            return (&**self.0).write_vectored(parts);
        }
        let first = parts.iter().find(|part| !part.is_empty());
        first.map_or(Ok(0), |part| self.write(part))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
