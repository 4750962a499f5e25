//! Where the journal's partitions begin: at their first record, or, once trimmed, behind the footer that a snapshot tells of.

use std::ops::ControlFlow;

use super::{Kafka, Reader};
use crate::{Error, ErrorKind, Footing, Snapshot, Snapshots, wire::topic};

/// Looks where partitions of the journal begin.
#[derive(Debug)]
pub struct Beginnings {
    reader: Reader,
    journal: String,
    state: String,
}

impl Beginnings {
    /// Of this namespace.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties.
    pub fn open(kafka: &Kafka, namespace: &str) -> Result<Self, Error> {
        Ok(Self {
            reader: Reader::open(kafka)?,
            journal: topic::journal(namespace),
            state: topic::state(namespace),
        })
    }

    /// Behind which place a reader of the partition must begin.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition. [`ErrorKind::Unavailable`]: no answer.
    /// [`ErrorKind::Corrupt`], code `journal-truncated`: its beginning is gone, and no snapshot tells what was there.
    pub fn of(&self, partition: i32) -> Result<Footing, Error> {
        let first = self.first(partition)?;
        if first == 0 {
            return Ok(Footing::START);
        }
        let footing = self
            .read(partition, Snapshots::of_footings())?
            .footing(first);
        footing.ok_or_else(|| self.lost(partition, first))
    }

    /// The first record of a partition of the journal that is still there; the end, if none is.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition. [`ErrorKind::Unavailable`]: no answer.
    pub fn first(&self, partition: i32) -> Result<i64, Error> {
        self.reader.beginning(&self.journal, partition)
    }

    /// The same with what was folded up to there; none: it begins at its first record.
    ///
    /// # Errors
    /// As [`Self::of`], and [`ErrorKind::Corrupt`], code `snapshot-corrupt`.
    pub fn snapshot(&self, partition: i32) -> Result<Option<Snapshot>, Error> {
        let first = self.first(partition)?;
        if first == 0 {
            return Ok(None);
        }
        let snapshots = self.read(partition, Snapshots::default())?;
        let snapshot = snapshots.fitting(first)?;
        snapshot
            .map(Some)
            .ok_or_else(|| self.lost(partition, first))
    }

    /// All that a partition of `state` holds now.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer. [`ErrorKind::Corrupt`], code `snapshot-corrupt`.
    pub fn read(&self, partition: i32, mut snapshots: Snapshots) -> Result<Snapshots, Error> {
        let mut failed = None;
        let read = self.reader.read(&self.state, partition, 0, None, |record| {
            match snapshots.record(record) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        match (read, failed) {
            // Nobody made it yet.
            (Err(error), _) if error.kind() == ErrorKind::NotFound => Ok(Snapshots::default()),
            (Err(error), _) | (Ok(_), Some(error)) => Err(error),
            (Ok(_), None) => Ok(snapshots),
        }
    }

    fn lost(&self, partition: i32, first: i64) -> Error {
        let text = format!(
            "{}/{partition} begins at offset {first}, and no snapshot on {} tells what was before it",
            self.journal, self.state
        );
        Error::new(ErrorKind::Corrupt, "journal-truncated", text)
    }
}
