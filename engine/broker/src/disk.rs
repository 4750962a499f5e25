//! A disk that may be full: the reserve that makes room for what frees space, and how tests make a disk refuse.
//!
//! On a full disk nothing could be deleted either, as what is deleted has to be written down first. So a file is kept that is
//! of no use but to be removed then. All of a broker that deletes lives on one thread, so the reserve is the thread's.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, IoSlice, Write},
    path::{Path, PathBuf},
};

/// Bytes that are kept for when the disk is full: room for a list of thousands of topics.
const RESERVE_BYTES: usize = 1024 * 1024;

thread_local! {
    static RESERVE: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// Keeps the reserve of this thread at a path; to be called again now and then, for it may have been used.
///
/// # Errors
/// There is no room for it, or nothing can be written.
pub(crate) fn keep_reserve(path: &Path) -> io::Result<()> {
    RESERVE.set(Some(path.to_owned()));
    if fs::metadata(path).is_ok_and(|file| file.len() == RESERVE_BYTES as u64) {
        return Ok(());
    }
    // Not zeros: some file systems keep no room for them.
    let written = Output(File::create(path)?).write_all(&vec![0xa5; RESERVE_BYTES]);
    // Part of it would take the room of others.
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

/// Writes down what frees space; if the disk is full, again without the reserve.
pub(crate) fn with_reserve<T, E>(
    is_full: fn(&E) -> bool,
    mut write: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    match write() {
        Err(error) if is_full(&error) && release_reserve() => write(),
        done => done,
    }
}

/// Whether that is what a full disk says.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Makes the names in a folder outlast a power failure.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    #[cfg(test)]
    faults::folder_synced(path);
    Ok(())
}

fn release_reserve() -> bool {
    let Some(path) = RESERVE.with_borrow(Clone::clone) else {
        return false;
    };
    let is_released = fs::remove_file(&path).is_ok();
    if is_released {
        tracing::warn!("the disk is full: the reserve is used to free space");
        #[cfg(test)]
        faults::free(RESERVE_BYTES);
    }
    is_released
}

/// Where bytes go to a file. In tests the disk may be full.
#[derive(Debug)]
pub(crate) struct Output<W>(pub(crate) W);

#[cfg(not(test))]
impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        faults::write(&mut self.0, bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if !faults::is_limited() {
            return self.0.write_vectored(parts);
        }
        let first = parts.iter().find(|part| !part.is_empty());
        first.map_or(Ok(0), |part| self.write(part))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// How tests make this thread's disk refuse.
#[cfg(test)]
pub(crate) mod faults {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static BYTES_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        static FAILS_SYNC: Cell<bool> = const { Cell::new(false) };
        static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    /// Lets `bytes` more be written, or any number.
    pub(crate) fn set_bytes_left(bytes: Option<usize>) {
        BYTES_LEFT.set(bytes);
    }

    /// Lets the next sync fail; as systems do it, those after it succeed.
    pub(crate) fn fail_next_sync() {
        FAILS_SYNC.set(true);
    }

    pub(crate) fn sync() -> io::Result<()> {
        match FAILS_SYNC.take() {
            true => Err(io::Error::other("the disk has failed")),
            false => Ok(()),
        }
    }

    /// The folders whose names were synced, since this was asked last.
    pub(crate) fn take_synced_folders() -> Vec<PathBuf> {
        SYNCED.take()
    }

    pub(super) fn folder_synced(path: &Path) {
        SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    }

    pub(super) fn is_limited() -> bool {
        BYTES_LEFT.get().is_some()
    }

    pub(super) fn free(bytes: usize) {
        BYTES_LEFT.set(BYTES_LEFT.get().map(|left| left + bytes));
    }

    pub(super) fn write(file: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = BYTES_LEFT.get() else {
            return file.write(bytes);
        };
        if left == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = file.write(&bytes[..bytes.len().min(left)])?;
        BYTES_LEFT.set(Some(left - written));
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frees_space_is_written_on_a_full_disk_once_the_reserve_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = dir.path().join("reserve");
        let file = File::create(dir.path().join("file")).unwrap();
        keep_reserve(&reserve).unwrap();
        assert_eq!(fs::metadata(&reserve).unwrap().len(), RESERVE_BYTES as u64);

        faults::set_bytes_left(Some(0));
        let written = with_reserve(is_full, || Output(&file).write_all(b"deleted"));
        let kept = keep_reserve(&reserve);
        faults::set_bytes_left(None);

        assert!(written.is_ok());
        assert!(
            kept.is_err() && !reserve.exists(),
            "half of it helps nobody"
        );
        keep_reserve(&reserve).unwrap();
        assert!(reserve.exists());
    }
}
