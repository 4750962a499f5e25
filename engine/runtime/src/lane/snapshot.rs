//! What a lane folds from: the journal's first record, or the snapshot that took its place when it was trimmed.
//!
//! Read before the journal whenever nothing was folded yet, and when the next record is gone: the journal cannot say why. A snapshot
//! of less than what was folded is of no use: then the journal has lost its end, and nobody may go on from it.

use sagaline_journal::{Error, ErrorKind, LanePort, Snapshots};

use super::{Lane, Now, Phase, ReadBack};
use crate::fold::Fold;

impl Lane {
    pub(super) fn read_snapshot(&mut self, port: &mut dyn LanePort) {
        let tag = self.tag();
        let snapshots = Snapshots::default();
        self.phase = Phase::ReadingSnapshot { tag, snapshots };
        port.read(self.shared.state.clone(), self.partition, tag, 0, None);
    }

    pub(super) fn snapshot_was_read(&mut self, read: ReadBack, now: Now, port: &mut dyn LanePort) {
        let Phase::ReadingSnapshot { snapshots, .. } = &mut self.phase else {
            return;
        };
        let mut failed = None;
        for record in &read.records {
            failed = failed.or(snapshots.record(record).err());
        }
        // Where the topic is missing, nothing was ever trimmed. Who may not read it needs it only where something was.
        let is_denied = |error: &Error| error.code() == "kafka-denied";
        if let Some(error) = read.error.as_ref().filter(|error| is_denied(error)) {
            tracing::error!(partition = self.partition, %error, code = error.code(), "snapshots cannot be read; the journal is read from its first record");
        }
        let is_fatal = |error: &Error| error.kind() != ErrorKind::NotFound && !is_denied(error);
        if let Some(error) = read.error.filter(is_fatal) {
            tracing::warn!(partition = self.partition, %error, "the snapshot could not be read; trying again");
            self.claiming.read_failed();
            return self.pause(now);
        }
        let newest = match failed {
            Some(error) => Err(error),
            None if !read.done => return,
            None => snapshots.newest(),
        };
        let seed = self.id;
        let restored = newest.and_then(|newest| {
            let newest = newest.map(|snapshot| Fold::restored(seed, &snapshot));
            newest.transpose()
        });
        match restored {
            Ok(Some(fold)) if fold.next_offset() > self.fold.next_offset() => {
                tracing::info!(
                    partition = self.partition,
                    offset = fold.next_offset(),
                    open_runs = fold.state.open_runs(),
                    "folding goes on from a snapshot"
                );
                self.fold = fold;
            }
            Ok(_) => {}
            // A whole journal is enough; where it was trimmed, reading it will say so.
            Err(error) => {
                tracing::error!(partition = self.partition, %error, code = error.code(), "the snapshot is of no use; the journal is read from its first record");
            }
        }
        self.read_journal(port);
    }
}
