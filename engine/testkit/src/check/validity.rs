//! The validity function as DESIGN §4 writes it, from offset 0, beside the one that the engine uses.

use sagaline_journal::{
    BatchIndex, Item, Record,
    wire::{header, kind},
};
use sagaline_schemas::{decode_claim, decode_footer};

use crate::Violation;

/// epoch, batch, open.
#[derive(Debug, Default)]
pub(super) struct Naive {
    epoch: u64,
    batch: u64,
    open: u64,
}

impl Naive {
    /// Takes a record; `items` is what the engine's reader made of it.
    pub(super) fn record(&mut self, record: &Record, items: &[Item]) -> Result<(), Violation> {
        let before = self.epoch;
        let claimed_or_valid = self.step(record);
        let told = items.iter().any(|item| match item {
            Item::Batch(_) => true,
            Item::Claim(seen) => seen.valid,
            Item::Void(_) => false,
        });
        if claimed_or_valid != told || self.epoch < before {
            let what = format!(
                "offset {}: counts here {claimed_or_valid}, for the reader {told}",
                record.offset
            );
            return Err(Violation::new("I3", what));
        }
        Ok(())
    }

    fn step(&mut self, record: &Record) -> bool {
        if record.header(header::KIND) == Some(kind::CLAIM.as_bytes()) {
            let next = self.epoch + 1;
            let valid = decode_claim(record.value().unwrap_or_default())
                .is_ok_and(|claim| claim.epoch == next);
            if valid {
                (self.epoch, self.open) = (next, 0);
            }
            return valid;
        }
        let Some(at) = record.header(header::BATCH).and_then(BatchIndex::parse) else {
            return false;
        };
        if at.epoch != self.epoch || at.batch_no != self.batch + 1 {
            return false;
        }
        self.open = match at.index {
            0 => 1,
            index if index == self.open => self.open + 1,
            _ => 0,
        };
        let footer = record
            .header(header::FOOTER)
            .and_then(|footer| decode_footer(footer).ok());
        let Some(footer) = footer else { return false };
        let valid = self.open > 0 && u64::from(footer.count) == self.open;
        self.open = 0;
        self.batch += u64::from(valid);
        valid
    }
}
