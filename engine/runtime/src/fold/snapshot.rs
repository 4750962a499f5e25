//! A fold as it is kept on the topic `state`, and taken back: where the journal was trimmed, nobody can fold it from its first
//! record any more.
//!
//! Invariant: what was taken back goes on as the fold would have gone on.

use sagaline_journal::{Error, ErrorKind, Folded, JournalReader, Snapshot};

use super::{Fold, care::Care, milestones::Milestones};

impl Fold {
    /// The fold as it is behind its last footer, which must be the last thing that it read.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`], code `snapshot-corrupt`: it read no footer yet, or something behind it.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let internal = |text: String| Error::new(ErrorKind::Internal, "snapshot-corrupt", text);
        let Some(footer) = &self.footer else {
            return Err(internal("nothing was folded yet".to_owned()));
        };
        if self.next_offset != self.footing.offset + 1 || footer.batch_no != self.footing.batch_no {
            return Err(internal(format!(
                "offset {} lies behind the last footer",
                self.next_offset
            )));
        }
        Snapshot::of(self.footing, (self.claim.as_ref(), footer), &self.state)
    }

    /// The fold that a snapshot is of. `seed` only spreads hashes.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], code `snapshot-corrupt`: it cannot be read, or is not what its footer says.
    pub fn restored(seed: u64, snapshot: &Snapshot) -> Result<Self, Error> {
        let Folded {
            claim,
            footer,
            state,
        } = snapshot.folded(seed)?;
        let owner = claim.as_ref().map_or("", |claim| &*claim.owner);
        Ok(Self {
            care: Care::after(owner),
            state,
            reader: JournalReader::after(snapshot.footing),
            next_offset: snapshot.footing.offset + 1,
            footing: snapshot.footing,
            claim,
            footer: Some(footer),
            milestones: Milestones::from(snapshot.footing),
            ..Self::new(seed)
        })
    }
}
