//! The invariants of DESIGN §9, held against what is in the log: every record as it lands, every footer, every turn of a
//! lane.
//!
//! What the journal says is read twice: by the engine's own fold, with another hash seed, and by a model of its own that
//! shares no code with core.

mod runs;
mod validity;

use sagaline_core::{Transition, WorkflowId};
use sagaline_journal::{Item, JournalReader, Record};
use sagaline_runtime::{
    Fold,
    lane::{Lane, Stage},
};
use sagaline_schemas::Footer;

use self::{runs::Runs, validity::Naive};
use crate::{
    Violation,
    log::{Log, Topics},
    port::Request,
};

/// The hash seed of the checks' own fold.
const OTHER_SEED: u64 = 0x0dd_5eed;

/// All checks.
#[derive(Debug)]
pub(crate) struct Check {
    topics: Topics,
    partitions: Vec<Partition>,
    batches: u64,
}

/// What is known of one partition of the journal.
#[derive(Debug)]
struct Partition {
    partition: i32,
    reader: JournalReader,
    naive: Naive,
    fold: Fold,
    footer: Option<Footer>,
    runs: Runs,
}

impl Check {
    pub(crate) fn new(topics: &Topics, partitions: i32) -> Self {
        let of = |partition| Partition {
            partition,
            reader: JournalReader::new(),
            naive: Naive::default(),
            fold: Fold::new(OTHER_SEED),
            footer: None,
            runs: Runs::new(partition, partitions),
        };
        Self {
            topics: topics.clone(),
            partitions: (0..partitions).map(of).collect(),
            batches: 0,
        }
    }

    pub(crate) const fn batches(&self) -> u64 {
        self.batches
    }

    pub(crate) fn runs(&self) -> u64 {
        self.partitions.iter().map(|one| one.runs.started()).sum()
    }

    /// Workflows whose open run waits for a person.
    pub(crate) fn parked(&self) -> Vec<WorkflowId> {
        self.partitions
            .iter()
            .flat_map(|one| one.runs.parked().cloned())
            .collect()
    }

    fn partition(&mut self, partition: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// A record has landed in the journal.
    pub(crate) fn journal(&mut self, record: &Record, _log: &Log) -> Result<(), Violation> {
        let Some(partition) = self.partition(record.partition) else {
            return Ok(());
        };
        self.batches += u64::from(partition.record(record)?);
        Ok(())
    }

    /// A lane asks for something.
    pub(crate) fn asked(&mut self, _request: &Request) -> Result<(), Violation> {
        Ok(())
    }

    /// An effect is in its topic.
    pub(crate) fn landed(&mut self, _record: &Record) -> Result<(), Violation> {
        Ok(())
    }

    /// The broker did not take an effect.
    pub(crate) fn refused(&mut self, _record: &sagaline_journal::NewRecord) {}

    /// What a lane holds in memory.
    pub(crate) fn memory(&mut self, lane: &Lane) -> Result<(), Violation> {
        let Some(partition) = self.partition(lane.partition()) else {
            return Ok(());
        };
        if lane.status().stage != Stage::Active || lane.fold().footing() != partition.fold.footing()
        {
            return Ok(());
        }
        if lane.fold().state != partition.fold.state {
            let what = format!(
                "partition {}: memory differs from fold(journal) at {:?}",
                partition.partition,
                partition.fold.footing()
            );
            return Err(Violation::new("I4", what));
        }
        Ok(())
    }

    /// Everything is done.
    pub(crate) fn finish(&mut self, log: &Log) -> Result<(), Violation> {
        for partition in &self.partitions {
            let mut fold = Fold::new(1);
            for record in log.records(&self.topics.journal, partition.partition) {
                fold.record(record.clone())
                    .map_err(|error| Violation::new("I5", error.to_string()))?;
            }
            if fold.state != partition.fold.state {
                return Err(Violation::new(
                    "I15",
                    format!(
                        "partition {}: another hash seed, another state",
                        partition.partition
                    ),
                ));
            }
            partition.runs.finish()?;
        }
        Ok(())
    }
}

impl Partition {
    /// Takes the next record of the journal. Says whether it completed a valid batch.
    fn record(&mut self, record: &Record) -> Result<bool, Violation> {
        let mut items = Vec::new();
        self.reader
            .read(record.clone(), &mut items)
            .map_err(|error| Violation::new("journal", error.to_string()))?;
        self.naive.record(record, &items)?;
        self.fold
            .record(record.clone())
            .map_err(|error| Violation::new("I5", error.to_string()))?;
        let mut any = false;
        for item in items {
            if let Item::Batch(batch) = item {
                any = true;
                let transitions: Vec<&Transition> = batch
                    .transitions
                    .iter()
                    .map(|one| &one.transition)
                    .collect();
                self.footer(&batch.footer)?;
                for transition in transitions {
                    self.runs.transition(transition)?;
                }
            }
        }
        Ok(any)
    }

    /// I2: numbers, epochs, positions and the time never go back.
    fn footer(&mut self, footer: &Footer) -> Result<(), Violation> {
        if let Some(before) = &self.footer {
            let place = |footer: &Footer| (footer.epoch, footer.batch_no);
            let inputs_go_on = footer.inputs.len() == before.inputs.len()
                && footer.inputs.iter().zip(&before.inputs).all(|(now, then)| {
                    now.topic == then.topic && now.next_offset >= then.next_offset
                });
            let holds = footer.batch_no == before.batch_no + 1
                && footer.epoch >= before.epoch
                && footer.now >= before.now
                && footer.effects_done >= before.effects_done
                && inputs_go_on;
            if !holds {
                let what = format!(
                    "partition {}: {:?} follows {:?}",
                    self.partition,
                    place(footer),
                    place(before)
                );
                return Err(Violation::new(
                    "I2",
                    format!("{what}: {footer:?} after {before:?}"),
                ));
            }
        }
        self.footer = Some(footer.clone());
        Ok(())
    }
}
