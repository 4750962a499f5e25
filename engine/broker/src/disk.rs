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

/// Keeps the reserve of this thread at a path.
///
/// # Errors
/// As [`refill_reserve`].
pub(crate) fn keep_reserve(path: PathBuf) -> io::Result<()> {
    RESERVE.set(Some(path));
    refill_reserve()
}

/// Makes the reserve as large as it is to be; to be called when space is free that others may take.
///
/// # Errors
/// It is as large as there is room; or nothing can be written.
pub(crate) fn refill_reserve() -> io::Result<()> {
    let Some(path) = RESERVE.with_borrow(Clone::clone) else {
        return Ok(());
    };
    let file = File::options().append(true).create(true).open(path)?;
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(RESERVE_BYTES);
    // Not zeros: some file systems keep no room for them.
    Output(&file).write_all(&vec![0xa5; RESERVE_BYTES.saturating_sub(size)])
}

/// Writes down what frees space; if the disk is full, again without the reserve, which then gets what is left of it.
pub(crate) fn with_reserve<T, E>(
    is_full: fn(&E) -> bool,
    mut write: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    match write() {
        Err(error) if is_full(&error) && release_reserve() => {
            let done = write();
            // It is smaller now.
            drop(refill_reserve());
            done
        }
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
    #[cfg(test)]
    let size = fs::metadata(&path).map_or(0, |file| file.len());
    let is_released = fs::remove_file(&path).is_ok();
    #[cfg(test)]
    faults::free(usize::try_from(size).unwrap());
    if is_released {
        tracing::warn!("the disk is full: the reserve is used to free space");
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
    fn what_frees_space_is_written_on_a_full_disk_and_takes_no_more_of_the_reserve_than_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = dir.path().join("reserve");
        let size = || fs::metadata(&reserve).unwrap().len();
        let file = File::create(dir.path().join("file")).unwrap();
        keep_reserve(reserve.clone()).unwrap();
        assert_eq!(size(), RESERVE_BYTES as u64);

        faults::set_bytes_left(Some(0));
        for round in 1..=3 {
            with_reserve(is_full, || Output(&file).write_all(b"deleted")).unwrap();
            assert_eq!(size(), RESERVE_BYTES as u64 - 7 * round);
        }
        faults::set_bytes_left(None);

        refill_reserve().unwrap();
        assert_eq!(size(), RESERVE_BYTES as u64);
    }
}
