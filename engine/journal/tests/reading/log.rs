//! A journal partition in memory, and the values that tests put there.

use std::sync::Arc;

use sagaline_core::{Cause, Payload, RunId, Timestamp, Transition, WorkflowId, event};
use sagaline_journal::{
    EncodedTransition, Error, Item, JournalReader, JournalWriter, NewRecord, Record,
};
use sagaline_schemas::{Claim, Footer};

pub(crate) const PARTITION: i32 = 3;

pub(crate) fn writer() -> JournalWriter {
    JournalWriter::new(Arc::from("sagaline.journal"), PARTITION)
}

/// Records in offset order; the offset is the millisecond of their append.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<Record>,
}

impl Log {
    pub(crate) fn append(&mut self, record: &NewRecord) -> i64 {
        let offset = i64::try_from(self.records.len()).unwrap();
        self.records
            .push(record.placed(offset, Timestamp::from_millis(offset)));
        offset
    }

    pub(crate) fn append_all(&mut self, records: &[NewRecord]) {
        for record in records {
            self.append(record);
        }
    }

    pub(crate) fn read(&self) -> Result<Vec<Item>, Error> {
        self.read_by(&mut JournalReader::new(), 0)
    }

    pub(crate) fn read_by(
        &self,
        reader: &mut JournalReader,
        from: usize,
    ) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        for record in &self.records[from..] {
            reader.read(record.clone(), &mut items)?;
        }
        Ok(items)
    }
}

pub(crate) fn claim(epoch: u64) -> NewRecord {
    let claim = Claim {
        epoch,
        owner: format!("owner of {epoch}"),
        partitions: 4,
        app: "test".into(),
        build: "1".into(),
        workflows: vec!["order".into()],
        closed_retention_ms: 1,
    };
    writer().claim(&claim).unwrap()
}

pub(crate) fn footer(epoch: u64, batch_no: u64) -> Footer {
    Footer {
        epoch,
        batch_no,
        count: 0,
        now: Timestamp::from_millis(7),
        inputs: Vec::new(),
        effects_done: 0,
        open_runs: 0,
        digest: 42,
        trying: None,
    }
}

/// A batch of that many transitions; of none: a mark.
pub(crate) fn batch(epoch: u64, batch_no: u64, transitions: u64) -> Vec<NewRecord> {
    let mut encoded = Vec::new();
    for number in 0..transitions {
        EncodedTransition::append(&transition(number), &mut encoded).unwrap();
    }
    writer().batch(encoded, footer(epoch, batch_no)).unwrap()
}

pub(crate) fn transition(number: u64) -> Transition {
    let workflow_id = WorkflowId::new(&format!("w-{number}")).unwrap();
    Transition {
        run_id: Some(RunId::derive("test", &workflow_id, b"start")),
        workflow_id: Some(workflow_id),
        first_seq: 1,
        at: Timestamp::from_millis(7),
        cause: Cause {
            source: "".into(),
            id: "i".into(),
            topic: "sagaline.inbox".into(),
            partition: PARTITION,
            offset: 1,
        },
        events: vec![
            event::WorkflowCompleted {
                result: Payload::json(*b"1"),
            }
            .into(),
        ],
    }
}

/// What was given, in short: `claim 1`, `claim 1 void`, `batch 1/1 @1-2 [w-0 w-1]`, `void @4`.
pub(crate) fn told(items: &[Item]) -> Vec<String> {
    let tell = |item: &Item| match item {
        Item::Claim(seen) if seen.valid => format!("claim {}", seen.claim.epoch),
        Item::Claim(seen) => format!("claim {} void", seen.claim.epoch),
        Item::Void(record) => format!("void @{}", record.offset),
        Item::Batch(batch) => {
            let ids: Vec<String> = batch
                .transitions
                .iter()
                .map(|journaled| {
                    journaled
                        .transition
                        .workflow_id
                        .as_ref()
                        .unwrap()
                        .to_string()
                })
                .collect();
            let (first, last) = (batch.first_offset, batch.footer_offset);
            format!(
                "batch {}/{} @{first}-{last} [{}]",
                batch.epoch,
                batch.batch_no,
                ids.join(" ")
            )
        }
    };
    items.iter().map(tell).collect()
}
