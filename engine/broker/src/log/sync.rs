//! Syncing to the disk on another thread, and the clean shutdown.
//!
//! Invariant: the checkpoint's `flushed` is never ahead of what was synced, so that an opening verifies all that was not.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Log, LogError, checkpoint::CleanEnd};
use crate::sync_gate::SyncGate;

/// Makes what was appended before it survive a power failure. Runs on any thread.
#[derive(Debug)]
pub(crate) struct SyncTask {
    files: Vec<(Arc<Path>, Arc<File>)>,
    /// Where files were created since the last sync.
    dirs: Vec<(PathBuf, File)>,
    gate: SyncGate,
    done: Synced,
}

/// What a [`SyncTask`] has achieved, for [`Log::synced`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Synced {
    /// All records below are on the disk.
    pub(crate) below: i64,
    segment_id: u64,
}

impl SyncTask {
    /// Syncs; takes as long as the disk does.
    ///
    /// # Errors
    /// `Storage`: whether the records are on the disk is unknown. Trying again is no help, for systems forget what failed: the
    /// log takes no appends any more.
    pub(crate) fn run(&self) -> Result<Synced, LogError> {
        for (path, file) in &self.files {
            let synced = self.gate.sync(|| file.sync_data());
            synced.map_err(LogError::storage("sync", path))?;
        }
        for (path, dir) in &self.dirs {
            let synced = self.gate.sync(|| dir.sync_all());
            synced.map_err(LogError::storage("sync", path))?;
        }
        Ok(self.done)
    }
}

impl Log {
    /// Gives what has to be synced so that everything appended so far is on the disk.
    ///
    /// # Errors
    /// `Storage`: a segment or its folder could not be opened, or a sync has failed before.
    pub(crate) fn sync(&mut self) -> Result<SyncTask, LogError> {
        self.check()?;
        let flushed = self.checkpoint.flushed;
        let closed = self
            .closed
            .iter_mut()
            .filter(|segment| segment.bound > flushed);
        let mut files = Vec::new();
        for segment in closed {
            let source = segment.source()?;
            files.push((source.path, source.file));
        }
        let source = self.active.source()?;
        files.push((source.path, source.file));
        self.trim_memory(self.closed.len());
        let mut dirs = Vec::new();
        if self.synced_segment_id < self.last_segment_id {
            for path in self.dir.ancestors().take(2) {
                let dir = File::open(path).map_err(LogError::storage("open", path))?;
                dirs.push((path.to_owned(), dir));
            }
        }
        Ok(SyncTask {
            files,
            dirs,
            gate: self.gate.clone(),
            done: Synced {
                below: self.end_offset,
                segment_id: self.last_segment_id,
            },
        })
    }

    /// Whether a closed segment is not on the disk yet: then a [`SyncTask`] should run even where appends do not wait for
    /// one, as each segment that is not synced is verified when the log is opened after a crash.
    pub(crate) fn wants_sync(&self) -> bool {
        self.closed
            .back()
            .is_some_and(|last| last.bound > self.checkpoint.flushed)
    }

    /// Takes note that a task has run.
    ///
    /// # Errors
    /// `Storage`: the checkpoint could not be written, which costs time at the next opening only.
    pub(crate) fn synced(&mut self, done: Synced) -> Result<(), LogError> {
        self.synced_segment_id = self.synced_segment_id.max(done.segment_id);
        let flushed = done.below.min(self.active.base_offset);
        if flushed > self.checkpoint.flushed {
            self.checkpoint.flushed = flushed;
            self.checkpoint.store(&self.dir)?;
        }
        Ok(())
    }

    /// Syncs everything and marks the shutdown as clean: the next opening verifies nothing.
    ///
    /// # Errors
    /// `Storage`: the next opening will verify.
    pub(crate) fn close(mut self) -> Result<(), LogError> {
        self.check()?;
        self.repair()?;
        // Thousands of partitions that nobody has used would take long to sync.
        if self.active.size > 0 || self.wants_sync() {
            let done = self.sync()?.run()?;
            self.synced(done)?;
        }
        self.active.store_index();
        CleanEnd {
            base_offset: self.active.base_offset,
            size: self.active.size,
        }
        .store(&self.dir)
    }
}
