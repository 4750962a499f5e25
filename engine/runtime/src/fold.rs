//! State as the fold of a journal partition: what every reader of the same valid batches holds.
//!
//! A lane folds what it did not write itself, and merges what it did; both end in the same place. Every footer is
//! checked against the fold: a difference is corruption, never repaired by going on.

mod care;
mod milestones;
mod snapshot;

use std::collections::VecDeque;

use sagaline_core::{
    Delta, Effect, Millis, Overlay, Position, RunId, State, Timestamp, Transition, fold,
};
use sagaline_journal::{Batch, ClaimSeen, Error, ErrorKind, Footing, Item, JournalReader, Record};
use sagaline_schemas::{Claim, Footer};

use self::{care::Care, milestones::Milestones};

/// A partition's state and what a new owner must know beside it.
#[derive(Clone, Debug)]
pub struct Fold {
    /// The state after the last valid batch.
    pub state: State,
    reader: JournalReader,
    items: Vec<Item>,
    next_offset: i64,
    footing: Footing,
    claim: Option<Claim>,
    footer: Option<Footer>,
    effects: VecDeque<(u64, Vec<Effect>)>,
    care: Care,
    milestones: Milestones,
}

/// A batch that was merged without being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Merged {
    /// Where its footer lies.
    pub(crate) footer_offset: i64,
    /// It is no mark.
    pub(crate) has_transitions: bool,
}

impl Fold {
    /// Before the first record. `seed` only spreads hashes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: State::new(seed),
            reader: JournalReader::new(),
            items: Vec::new(),
            next_offset: 0,
            footing: Footing::START,
            claim: None,
            footer: None,
            effects: VecDeque::new(),
            care: Care::default(),
            milestones: Milestones::default(),
        }
    }

    /// Takes the next record of the partition.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`]: what was read is not what its writer had. Stop.
    pub fn record(&mut self, record: Record) -> Result<(), Error> {
        self.next_offset = record.offset + 1;
        let mut items = std::mem::take(&mut self.items);
        self.reader.read(record, &mut items)?;
        for item in items.drain(..) {
            match item {
                Item::Batch(batch) => self.batch(&batch)?,
                Item::Claim(seen) if seen.valid => self.claimed(seen),
                Item::Claim(_) | Item::Void(_) => {}
            }
        }
        self.items = items;
        self.footing = self.reader.footing();
        self.milestones.pass(self.footing, self.state.now());
        Ok(())
    }

    /// Offset of the next record to read.
    #[must_use]
    pub const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The last valid footer or claim.
    #[must_use]
    pub const fn footing(&self) -> Footing {
        self.footing
    }

    /// From where the journal was read.
    pub(crate) const fn beginning(&self) -> Footing {
        self.milestones.beginning()
    }

    /// From where whoever wants all that was journaled at `since` or later must read.
    pub(crate) fn before(&self, since: Timestamp) -> Footing {
        self.milestones.before(since)
    }

    /// The last valid claim.
    #[must_use]
    pub const fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// The last valid footer.
    #[must_use]
    pub const fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// How far an input was dealt with.
    #[must_use]
    pub fn position(&self, topic: &str) -> i64 {
        let inputs = self
            .footer
            .as_ref()
            .map_or(&[][..], |footer| &footer.inputs);
        inputs
            .iter()
            .find(|input| input.topic == topic)
            .map_or(0, |input| input.next_offset)
    }

    /// Whether earlier owners may have died of what comes next.
    pub(crate) fn needs_care(&self) -> bool {
        self.care.is_needed()
    }

    /// Runs that owners died of again and again.
    pub(crate) fn quarantined(&self) -> impl Iterator<Item = RunId> {
        self.care.quarantined()
    }

    /// Takes the effects that may not have been delivered, batch by batch.
    pub(crate) fn take_effects(&mut self) -> VecDeque<(u64, Vec<Effect>)> {
        std::mem::take(&mut self.effects)
    }

    /// Merges a batch that this owner wrote and knows to be valid, without reading it.
    pub(crate) fn merge(&mut self, delta: Delta, footer: Footer, place: Merged) {
        let Merged {
            footer_offset,
            has_transitions,
        } = place;
        self.care
            .batch(footer.trying.as_ref(), has_transitions, |id| {
                delta.changes(&self.state, id)
            });
        self.state.merge(delta, footer.now);
        self.footing = Footing {
            offset: footer_offset,
            epoch: footer.epoch,
            batch_no: footer.batch_no,
        };
        self.milestones.pass(self.footing, self.state.now());
        self.reader = JournalReader::after(self.footing);
        self.next_offset = footer_offset + 1;
        self.footer = Some(footer);
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), Error> {
        let mut delta = Delta::default();
        let mut effects = Vec::new();
        let mut overlay = Overlay::new(&self.state, &mut delta);
        let mut rest = batch.transitions.as_slice();
        while let Some(first) = rest.first() {
            let same = rest
                .iter()
                .take_while(|one| one.transition.continues(&first.transition))
                .count()
                .max(1);
            let (input, others) = rest.split_at(same);
            let records: Vec<&Transition> = input.iter().map(|one| &one.transition).collect();
            let index = input.last().map_or(0, |last| last.index);
            effects.extend(fold(
                &mut overlay,
                &records,
                Position {
                    batch: batch.batch_no,
                    index,
                },
            ));
            rest = others;
        }
        let has_transitions = !batch.transitions.is_empty();
        self.care
            .batch(batch.footer.trying.as_ref(), has_transitions, |id| {
                delta.changes(&self.state, id)
            });
        self.state.merge(delta, batch.footer.now);
        self.check(batch)?;
        if !effects.is_empty() {
            self.effects.push_back((batch.batch_no, effects));
        }
        while self
            .effects
            .front()
            .is_some_and(|(batch_no, _)| *batch_no <= batch.footer.effects_done)
        {
            self.effects.pop_front();
        }
        self.footer = Some(batch.footer.clone());
        Ok(())
    }

    fn check(&self, batch: &Batch) -> Result<(), Error> {
        let have = (self.state.open_runs(), self.state.digest());
        let footer = (batch.footer.open_runs, batch.footer.digest);
        if have == footer {
            return Ok(());
        }
        let message = format!(
            "batch {}/{} at offset {}: its footer says {} open runs, digest {:016x}; the fold has {}, {:016x}",
            batch.epoch, batch.batch_no, batch.footer_offset, footer.0, footer.1, have.0, have.1
        );
        Err(Error::new(
            ErrorKind::Corrupt,
            "journal-state-differs",
            message,
        ))
    }

    fn claimed(&mut self, seen: ClaimSeen) {
        let claim = seen.claim;
        self.care.claimed(seen.appended_at, &claim.owner);
        let names = claim.workflows.iter().map(String::as_str);
        let retention = Millis(claim.closed_retention_ms);
        let partitions = i32::try_from(claim.partitions).unwrap_or(0);
        self.state.claimed(names, (retention, partitions));
        self.claim = Some(claim);
    }
}
