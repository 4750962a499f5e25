//! Records of the model, and the real records that stand for them.

use std::{collections::HashMap, sync::Arc};

use sagaline_core::{Cause, Timestamp, Transition};
use sagaline_journal::{EncodedTransition, Item, JournalWriter, NewRecord};
use sagaline_schemas::{Claim, Footer};

/// A record that an owner sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spec {
    Claim {
        epoch: u64,
        owner: u8,
    },
    Record {
        epoch: u64,
        batch_no: u64,
        index: u32,
        footer: Option<FooterSpec>,
        id: u8,
    },
}

/// What a footer of the model says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FooterSpec {
    pub(crate) count: u32,
    pub(crate) effects_done: u64,
}

/// What a record makes known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Owner { epoch: u64, owner: u8 },
    Batch(ValidBatch),
}

/// A valid batch. `ids` are those of the batches that its records were made for: one, or it is a mixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValidBatch {
    pub(crate) batch_no: u64,
    pub(crate) ids: Vec<u8>,
    pub(crate) effects_done: u64,
    pub(crate) footer_offset: i64,
}

impl Given {
    /// What the real reader gives, in the model's words; nothing for a void claim.
    pub(crate) fn from_item(item: Item) -> Option<Self> {
        match item {
            Item::Claim(seen) if seen.valid => {
                let owner = seen
                    .claim
                    .owner
                    .parse()
                    .expect("owners of the model are numbers");
                Some(Self::Owner {
                    epoch: seen.claim.epoch,
                    owner,
                })
            }
            Item::Claim(_) | Item::Void(_) => None,
            Item::Batch(batch) => {
                let ids = batch
                    .transitions
                    .iter()
                    .map(|journaled| journaled.transition.cause.offset.cast_unsigned());
                let mut ids: Vec<u8> = ids
                    .chain([batch.footer.digest])
                    .map(|id| id.to_le_bytes()[0])
                    .collect();
                ids.sort_unstable();
                ids.dedup();
                let (batch_no, effects_done, footer_offset) = (
                    batch.batch_no,
                    batch.footer.effects_done,
                    batch.footer_offset,
                );
                Some(Self::Batch(ValidBatch {
                    batch_no,
                    ids,
                    effects_done,
                    footer_offset,
                }))
            }
        }
    }
}

/// Makes real records by the real writer, each once.
pub(crate) struct Records {
    writer: JournalWriter,
    made: HashMap<Spec, NewRecord>,
}

impl Records {
    pub(crate) fn new() -> Self {
        Self {
            writer: JournalWriter::new(Arc::from("journal"), 0),
            made: HashMap::new(),
        }
    }

    pub(crate) fn make(&mut self, spec: Spec) -> &NewRecord {
        self.made
            .entry(spec)
            .or_insert_with(|| make(&self.writer, spec))
    }
}

fn make(writer: &JournalWriter, spec: Spec) -> NewRecord {
    match spec {
        Spec::Claim { epoch, owner } => writer.claim(&claim(epoch, owner)).unwrap(),
        Spec::Record {
            epoch,
            batch_no,
            index,
            footer,
            id,
        } => {
            let effects_done = footer.map_or(0, |footer| footer.effects_done);
            let records = match footer {
                // Batches of one record are marks in turn, so that both kinds are there.
                Some(FooterSpec { count: 1, .. }) if id % 2 == 1 => 0,
                Some(FooterSpec { count, .. }) => count,
                None => index + 2,
            };
            let mut transitions = Vec::new();
            for _ in 0..records {
                EncodedTransition::append(&transition(id), &mut transitions).unwrap();
            }
            writer
                .batch(transitions, real_footer(epoch, batch_no, effects_done, id))
                .unwrap()
                .remove(index as usize)
        }
    }
}

fn claim(epoch: u64, owner: u8) -> Claim {
    let (app, build) = ("model".into(), "1".into());
    Claim {
        epoch,
        owner: owner.to_string(),
        partitions: 1,
        app,
        build,
        workflows: Vec::new(),
        closed_retention_ms: 0,
    }
}

fn transition(id: u8) -> Transition {
    let cause = Cause {
        source: "".into(),
        id: "".into(),
        topic: "".into(),
        partition: 0,
        offset: i64::from(id),
    };
    Transition {
        run_id: None,
        workflow_id: None,
        first_seq: 0,
        at: Timestamp::from_micros(0),
        cause,
        events: Vec::new(),
    }
}

fn real_footer(epoch: u64, batch_no: u64, effects_done: u64, id: u8) -> Footer {
    Footer {
        epoch,
        batch_no,
        count: 0,
        now: Timestamp::from_micros(0),
        inputs: Vec::new(),
        effects_done,
        open_runs: 0,
        digest: u64::from(id),
        trying: None,
    }
}
