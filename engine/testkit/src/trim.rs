//! Somebody trims the journal: what lanes read of it begins with a snapshot then.
//!
//! The log keeps what was trimmed, for the checks. Deliberately absent: that histories of open runs are kept, as `journal trim`
//! does; an owner must not need them.

use std::{collections::BTreeMap, sync::Arc};

use sagaline_journal::{Item, JournalReader, wire::topic};
use sagaline_runtime::Fold;

use crate::{Violation, event::Event, log::NAMESPACE, rng::Rng, time::Span, world::World};

/// Times that somebody trims, at most.
const TRIMS_MAX: u64 = 3;

/// Where the journal's partitions begin for whoever reads them.
#[derive(Debug)]
pub(crate) struct Trims {
    pub(crate) state: Arc<str>,
    begins_at: BTreeMap<i32, i64>,
    /// Times that something was deleted.
    pub(crate) count: u64,
    /// Of its own: seeds mean the same whether it trims or not, as far as they can.
    rng: Rng,
}

impl Trims {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: topic::state(NAMESPACE).into(),
            begins_at: BTreeMap::new(),
            count: 0,
            rng: Rng::new(seed ^ 0x7472_696d),
        }
    }

    /// The first record of a partition of the journal that is still there.
    pub(crate) fn begins_at(&self, partition: i32) -> i64 {
        self.begins_at.get(&partition).copied().unwrap_or(0)
    }
}

impl World {
    /// Lays down when somebody trims.
    pub(crate) fn schedule_trims(&mut self) {
        let span = self.settings.active_for().0;
        for _ in 0..self.trims.rng.below(TRIMS_MAX + 1) {
            let after = Span(self.trims.rng.below(span));
            self.push(after, Event::Trim);
        }
    }

    /// Trims a partition somewhere before the last effect that is known to have arrived; in one of three times ends before
    /// anything is deleted.
    pub(crate) fn trim(&mut self) -> Result<(), Violation> {
        let partitions = u64::try_from(self.partitions).unwrap_or(1);
        let partition = i32::try_from(self.trims.rng.below(partitions)).unwrap_or(0);
        let cuts = self.cuts(partition)?;
        if cuts.is_empty() {
            return Ok(());
        }
        let cut = *self.trims.rng.pick(&cuts);
        let broken = |error: &sagaline_journal::Error| Violation::new("I14", error.to_string());
        let mut fold = Fold::new(3);
        for record in self.log.range(&self.topics.journal, partition, 0, cut + 1) {
            fold.record(record.clone())
                .map_err(|error| broken(&error))?;
        }
        let snapshot = fold.snapshot().map_err(|error| broken(&error))?;
        for record in snapshot.records(&self.trims.state, partition) {
            self.log.append(&record, self.now.appended_at());
        }
        if !self.trims.rng.percent(33) {
            self.trims.begins_at.insert(partition, cut + 1);
            self.trims.count += 1;
        }
        Ok(())
    }

    /// Offsets of footers behind which the journal may begin.
    fn cuts(&self, partition: i32) -> Result<Vec<i64>, Violation> {
        let mut reader = JournalReader::new();
        let mut items = Vec::new();
        for record in self.log.range(&self.topics.journal, partition, 0, i64::MAX) {
            reader
                .read(record.clone(), &mut items)
                .map_err(|error| Violation::new("I14", error.to_string()))?;
        }
        let batches: Vec<_> = items
            .into_iter()
            .filter_map(|item| match item {
                Item::Batch(batch) => Some(batch),
                Item::Claim(_) | Item::Void(_) => None,
            })
            .collect();
        let arrived = batches.iter().map(|batch| batch.footer.effects_done).max();
        let may_begin = batches.iter().filter(|batch| {
            Some(batch.batch_no) <= arrived
                && !batch.transitions.is_empty()
                && batch.footer_offset >= self.trims.begins_at(partition)
        });
        Ok(may_begin.map(|batch| batch.footer_offset).collect())
    }
}
