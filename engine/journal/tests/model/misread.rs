//! Readings of the journal that are not ours: each is easy to fall into.

use crate::{
    rules::Reading,
    spec::{FooterSpec, Given, Spec, ValidBatch},
};

/// Reads the model's records by another rule.
#[derive(Clone, Debug)]
pub(crate) struct Misreader {
    rule: Reading,
    epoch: u64,
    batch_no: u64,
    open: Vec<(u32, u8)>,
}

impl Misreader {
    pub(crate) fn after(rule: Reading, epoch: u64, batch_no: u64) -> Self {
        Self {
            rule,
            epoch,
            batch_no,
            open: Vec::new(),
        }
    }

    /// The epoch and the batch number that a reader that goes on from here must know.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.epoch, self.batch_no)
    }

    pub(crate) fn read(&mut self, offset: i64, spec: Spec) -> Option<Given> {
        match spec {
            Spec::Claim { epoch, owner } if epoch == self.epoch + 1 => {
                self.epoch = epoch;
                self.open.clear();
                Some(Given::Owner { epoch, owner })
            }
            Spec::Claim { .. } => {
                if matches!(self.rule, Reading::AnyClaimBreaks | Reading::Unbroken) {
                    self.open.clear();
                }
                None
            }
            Spec::Record {
                epoch, batch_no, ..
            } if (epoch, batch_no) != (self.epoch, self.batch_no + 1) => {
                if self.rule == Reading::Unbroken {
                    self.open.clear();
                }
                None
            }
            Spec::Record {
                batch_no,
                index,
                footer,
                id,
                ..
            } => {
                self.collect(index, id);
                self.close(batch_no, footer?, offset)
            }
        }
    }

    fn collect(&mut self, index: u32, id: u8) {
        if self.rule == Reading::ByIndex {
            self.open.retain(|(have, _)| *have != index);
        } else if index == 0 || index as usize != self.open.len() {
            self.open.clear();
            if index != 0 {
                return;
            }
        }
        self.open.push((index, id));
    }

    fn close(&mut self, batch_no: u64, footer: FooterSpec, footer_offset: i64) -> Option<Given> {
        let open = std::mem::take(&mut self.open);
        let is_valid = match self.rule {
            Reading::ByIndex => {
                (0..footer.count).all(|index| open.iter().any(|(have, _)| *have == index))
            }
            Reading::Ours | Reading::AnyClaimBreaks | Reading::Unbroken => {
                open.len() == footer.count as usize
            }
        };
        if !is_valid {
            return None;
        }
        self.batch_no = batch_no;
        let mut ids: Vec<u8> = open.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(Given::Batch(ValidBatch {
            batch_no,
            ids,
            effects_done: footer.effects_done,
            footer_offset,
        }))
    }
}
