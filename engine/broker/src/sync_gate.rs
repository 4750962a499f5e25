//! A gate that a failed sync closes for good: after it nobody knows what of a file is on the disk.
//!
//! A system that could not write a page may take it for written, so that the next sync succeeds without it. Invariant: after a
//! sync that failed none succeeds, and nothing is appended, until the broker starts again and reads what is there.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Shared by all that append to some files or sync them, on any thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncGate {
    is_closed: Arc<AtomicBool>,
}

impl SyncGate {
    /// Whether what was appended can still become durable.
    ///
    /// # Errors
    /// A sync has failed.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self.is_closed.load(Ordering::SeqCst) {
            true => Err(io::Error::other(
                "a sync has failed, so that nothing is appended until the next start",
            )),
            false => Ok(()),
        }
    }

    /// Syncs, unless that has failed before.
    ///
    /// # Errors
    /// It has failed, now or before: the gate is closed.
    pub(crate) fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.check()?;
        #[cfg(test)]
        let sync = || crate::disk::faults::sync().and_then(|()| sync());
        sync().inspect_err(|_| self.is_closed.store(true, Ordering::SeqCst))?;
        // Another thread may have been told of the failure instead.
        self.check()
    }
}
