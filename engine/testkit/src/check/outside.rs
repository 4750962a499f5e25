//! What happened outside the engine: answers of workers, refusals of the broker.

use std::collections::{BTreeMap, BTreeSet};

use sagaline_core::{Millis, RunId, Timestamp};
use sagaline_journal::{
    Record,
    wire::{header, partition_of},
};

use super::{children::Children, external::Signals};
use crate::inputs::{Asks, Inputs};

/// Run, activity, attempt.
pub(in crate::check) type AttemptKey = (RunId, u32, u32);

/// What the checks know of the world outside.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// When each attempt was first answered for good, in the right place.
    answered: BTreeMap<AttemptKey, Timestamp>,
    /// When each attempt was heard of, in the right place.
    heard: BTreeMap<AttemptKey, Vec<Timestamp>>,
    /// Tasks that the broker refused for good.
    refused: BTreeSet<AttemptKey>,
    /// Attempts whose records have come back.
    came: BTreeSet<AttemptKey>,
    /// What journals say of children.
    pub(super) children: Children,
    /// What journals say of signals between runs.
    pub(super) signals: Signals,
    /// Lanes' clocks are ahead by up to this.
    pub(crate) skew: Millis,
    /// Engines die, also in the middle of an innocent run.
    pub(crate) engines_die: bool,
}

impl Outside {
    /// A client or worker produced a record.
    pub(super) fn produced(&mut self, record: &Record, inputs: &Inputs, partitions: i32) {
        let Some(input) = inputs.of(record) else {
            return;
        };
        let (Asks::Report(reported), Some(workflow_id)) = (&input.asks, &input.workflow_id) else {
            return;
        };
        let at_home = partition_of(workflow_id.as_str().as_bytes(), partitions) == record.partition;
        if !at_home {
            return;
        }
        let key = (reported.run_id, reported.activity_id, reported.attempt);
        if reported.what.is_final() {
            self.answered.entry(key).or_insert(record.timestamp);
        } else {
            self.heard.entry(key).or_default().push(record.timestamp);
        }
    }

    /// A record is in the inbox: perhaps a retry that came back.
    pub(super) fn came(&mut self, record: &Record, inputs: &Inputs) {
        if let Some(Asks::RetryDue(run_id, activity_id, attempt)) =
            inputs.of(record).map(|input| &input.asks)
        {
            self.came.insert((*run_id, *activity_id, *attempt));
        }
    }

    pub(super) fn has_come(&self, key: &AttemptKey) -> bool {
        self.came.contains(key)
    }

    /// The broker refused a task.
    pub(super) fn refused(&mut self, record: &sagaline_journal::NewRecord) {
        self.refused
            .extend(attempt_of(|name| record.headers.get(name)));
    }

    pub(super) fn was_refused(&self, key: &AttemptKey) -> bool {
        self.refused.contains(key)
    }

    /// When an attempt was last heard of before an instant, by more than clocks may differ.
    pub(super) fn heard_before(&self, key: &AttemptKey, at: Timestamp) -> Option<Timestamp> {
        let slack = self.slack();
        let heard = self.heard.get(key)?.iter().copied();
        heard.filter(|one| one.plus(slack) < at).max()
    }

    /// By so much may a lane's time and the broker's, which has whole milliseconds, differ.
    pub(super) fn slack(&self) -> Millis {
        Millis(self.skew.0 + 1)
    }

    /// A worker's final word that was in the log before a deadline, by more than clocks may differ.
    pub(super) fn answered_before(&self, key: &AttemptKey, due: Timestamp) -> Option<Timestamp> {
        let slack = self.slack();
        self.answered
            .get(key)
            .copied()
            .filter(|at| at.plus(slack) < due)
    }
}

/// The attempt that a task is for.
pub(super) fn attempt_of<'a>(header_of: impl Fn(&str) -> Option<&'a [u8]>) -> Option<AttemptKey> {
    let text = |name: &str| std::str::from_utf8(header_of(name)?).ok();
    Some((
        text(header::RUN_ID)?.parse().ok()?,
        text(header::ACTIVITY_ID)?.parse().ok()?,
        text(header::ATTEMPT)?.parse().ok()?,
    ))
}
