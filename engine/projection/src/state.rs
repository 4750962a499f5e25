//! A run as its row has it: core's own state of it, and what only the journal around it tells.
//!
//! Invariant: what is written is a function of the journal up to a batch, so that a rebuild writes the same bytes.

use std::collections::BTreeMap;

use sagaline_core::{
    Name, Queue, Run, RunId, Seq, Timestamp, WorkflowId,
    view::{Deleted, View},
};
use sagaline_journal::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::key;

/// The form of all rows that come from the journal. Those of another form are dropped when the projection is opened, and made anew.
pub(crate) const STATE_VERSION: i64 = 2;

/// Most places of events that the row of a run has; older ones go to rows of their own, [`PLACES_KEPT`] stay.
pub(crate) const PLACES_MAX: usize = 256;

/// Places that stay in the row of a run when older ones go.
pub(crate) const PLACES_KEPT: usize = 64;

/// Where events of a run lie: those from `first_seq` up to the next place's, in one record of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Position of the first of them.
    pub first_seq: Seq,
    /// Offset of the record.
    pub offset: i64,
}

/// A run as the projection has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// Where its history lies.
    pub partition: i32,
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// The run: without what only its owner needs to decide, replay and answer.
    pub run: Run,
    /// `ce_source` of the input that closed it.
    pub closed_by: Option<Box<str>>,
    /// The run that goes on in its place although it had ended, since it was reset then.
    pub reset_as: Option<RunId>,
    /// That somebody deleted it.
    pub deleted: Option<Deleted>,
    /// Where its first record lies.
    pub first_offset: i64,
    /// Its newest places, oldest first.
    pub(crate) places: Vec<Place>,
    /// The time of its partition's last batch, as far as it was projected when this was read.
    pub as_of: Timestamp,
}

/// What `runs.state` holds, by position: no name costs a byte.
#[derive(Serialize)]
struct Written<'a>(
    &'a Run,
    &'a Option<Box<str>>,
    &'a Option<RunId>,
    &'a Option<Deleted>,
    &'a [Place],
);

#[derive(Deserialize)]
struct Read(
    Run,
    Option<Box<str>>,
    Option<RunId>,
    Option<Deleted>,
    Vec<Place>,
);

impl StoredRun {
    /// How it is seen at `now`; `unread` are queues that no worker reads.
    #[must_use]
    pub fn view<'a>(&'a self, now: Timestamp, unread: &'a [Name]) -> View<'a> {
        View {
            server_time: now,
            closed_by: self.closed_by.as_deref(),
            deleted: self.deleted.as_ref(),
            unread_queues: unread,
            ..View::new(&self.workflow_id, &self.run, self.partition, self.as_of)
        }
    }

    /// The same, by a fold of its partition that knows limited queues.
    #[must_use]
    pub fn view_with<'a>(
        &'a self,
        now: Timestamp,
        unread: &'a [Name],
        queues: &'a BTreeMap<Name, Queue>,
    ) -> View<'a> {
        View {
            queues: Some(queues),
            ..self.view(now, unread)
        }
    }

    /// The run that goes on in its place.
    #[must_use]
    pub fn next_run_id(&self) -> Option<RunId> {
        let closed = self.run.closed.as_ref();
        closed
            .and_then(|closed| closed.new_run_id)
            .or(self.reset_as)
    }

    /// The bytes of `runs.state`.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let written = Written(
            &self.run,
            &self.closed_by,
            &self.reset_as,
            &self.deleted,
            &self.places,
        );
        rmp_serde::to_vec(&written).map_err(|error| {
            let text = format!("run {} cannot be written: {error}", self.run.run_id);
            Error::new(ErrorKind::Internal, "projection-corrupt", text)
        })
    }

    /// The run of a row.
    pub(crate) fn decode(row: &RunRow<'_>, as_of: Timestamp) -> Result<Self, Error> {
        let corrupt = |why: String| {
            let text = format!(
                "the row of a run of {} cannot be read: {why}",
                row.workflow_id
            );
            Error::new(ErrorKind::Corrupt, "projection-corrupt", text)
        };
        let Read(run, closed_by, reset_as, deleted, places) =
            rmp_serde::from_slice(row.state).map_err(|error| corrupt(error.to_string()))?;
        let workflow_id = WorkflowId::new(&key::text_of(row.workflow_id))
            .map_err(|error| corrupt(error.to_string()))?;
        Ok(Self {
            partition: i32::try_from(row.partition).map_err(|error| corrupt(error.to_string()))?,
            workflow_id,
            run,
            closed_by,
            reset_as,
            deleted,
            first_offset: row.first_offset,
            places,
            as_of,
        })
    }
}

/// The columns that a run is read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunRow<'a> {
    pub(crate) partition: i64,
    pub(crate) workflow_id: &'a str,
    pub(crate) first_offset: i64,
    pub(crate) state: &'a [u8],
}
