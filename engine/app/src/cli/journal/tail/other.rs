//! Lines of what is no transition: claims, marks and void records.

use sagaline_core::{Timestamp, show::Shown};
use sagaline_journal::{Batch, ClaimSeen, Record};
use serde::Serialize;

/// A claim, valid or not.
#[derive(Serialize)]
pub(super) struct ClaimLine<'a> {
    partition: i32,
    offset: i64,
    kind: &'static str,
    valid: bool,
    epoch: u64,
    owner: &'a str,
    app: &'a str,
    build: &'a str,
    partitions: u32,
    workflows: &'a [String],
    at: Shown<'a, Timestamp>,
}

impl<'a> ClaimLine<'a> {
    pub(super) fn of(partition: i32, seen: &'a ClaimSeen) -> Self {
        let claim = &seen.claim;
        Self {
            partition,
            offset: seen.offset,
            kind: "claim",
            valid: seen.valid,
            epoch: claim.epoch,
            owner: &claim.owner,
            app: &claim.app,
            build: &claim.build,
            partitions: claim.partitions,
            workflows: &claim.workflows,
            at: Shown(&seen.appended_at),
        }
    }
}

/// A batch without transitions.
#[derive(Serialize)]
pub(super) struct MarkLine<'a> {
    partition: i32,
    offset: i64,
    kind: &'static str,
    epoch: u64,
    batch: u64,
    at: Shown<'a, Timestamp>,
    effects_done: u64,
    open_runs: u64,
}

impl<'a> MarkLine<'a> {
    pub(super) fn of(partition: i32, batch: &'a Batch) -> Self {
        Self {
            partition,
            offset: batch.footer_offset,
            kind: "mark",
            epoch: batch.epoch,
            batch: batch.batch_no,
            at: Shown(&batch.footer.now),
            effects_done: batch.footer.effects_done,
            open_runs: batch.footer.open_runs,
        }
    }
}

/// A record that counts for nothing.
#[derive(Serialize)]
pub(super) struct VoidLine<'a> {
    partition: i32,
    offset: i64,
    kind: &'static str,
    key: Option<String>,
    bytes: usize,
    at: Shown<'a, Timestamp>,
}

impl<'a> VoidLine<'a> {
    pub(super) fn of(partition: i32, record: &'a Record) -> Self {
        Self {
            partition,
            offset: record.offset,
            kind: "void",
            key: record
                .key()
                .map(|key| String::from_utf8_lossy(key).into_owned()),
            bytes: record.size(),
            at: Shown(&record.timestamp),
        }
    }
}
