//! What a snapshot holds: the state behind a footer, that footer, and the claim that holds there.
//!
//! Invariant: a state is given back only where it is what its footer says. Deliberately absent: effects, since a journal is
//! trimmed only where a later footer says that all of them arrived.

use sagaline_core::{Restored, State};
use sagaline_schemas::{Claim, Footer, decode_claim, decode_footer, encode_claim, encode_footer};
use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::{Error, ErrorKind, Footing};

/// What a reader of the journal holds behind a footer.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The last valid claim.
    pub claim: Option<Claim>,
    /// The footer.
    pub footer: Footer,
    /// The state.
    pub state: State,
}

/// By name, so that a later build may know more than what wrote it.
#[derive(Serialize)]
struct Written<'a> {
    claim: Option<Vec<u8>>,
    footer: Vec<u8>,
    state: sagaline_core::Snapshot<'a>,
}

#[derive(Deserialize)]
struct Read {
    claim: Option<Vec<u8>>,
    footer: Vec<u8>,
    state: Restored,
}

impl Snapshot {
    /// A snapshot of the state behind a footer.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`], code `snapshot-corrupt`: it cannot be written.
    pub fn of(
        footing: Footing,
        (claim, footer): (Option<&Claim>, &Footer),
        state: &State,
    ) -> Result<Self, Error> {
        let internal = |text: String| Error::new(ErrorKind::Internal, "snapshot-corrupt", text);
        let failed = |error: sagaline_schemas::Error| internal(error.to_string());
        let mut written = Written {
            claim: None,
            footer: Vec::new(),
            state: state.snapshot(),
        };
        if let Some(claim) = claim {
            let mut bytes = Vec::new();
            encode_claim(claim, &mut bytes).map_err(failed)?;
            written.claim = Some(bytes);
        }
        encode_footer(footer, &mut written.footer).map_err(failed)?;
        let bytes =
            rmp_serde::to_vec_named(&written).map_err(|error| internal(error.to_string()))?;
        Ok(Self { footing, bytes })
    }

    /// What it is of. `seed` only spreads hashes.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], code `snapshot-corrupt`: it cannot be read, or is not what its footer says.
    pub fn folded(&self, seed: u64) -> Result<Folded, Error> {
        let corrupt = |text: String| {
            let text = format!("the snapshot at offset {}: {text}", self.footing.offset);
            Error::new(ErrorKind::Corrupt, "snapshot-corrupt", text)
        };
        let unreadable = |error: sagaline_schemas::Error| corrupt(error.to_string());
        let read: Read =
            rmp_serde::from_slice(&self.bytes).map_err(|error| corrupt(error.to_string()))?;
        let claim = read.claim.as_deref().map(decode_claim).transpose();
        let claim = claim.map_err(unreadable)?;
        let footer = decode_footer(&read.footer).map_err(unreadable)?;
        let state = read.state.state(seed);
        let have = (state.open_runs(), state.digest(), self.footing.batch_no);
        if have != (footer.open_runs, footer.digest, footer.batch_no) {
            return Err(corrupt(format!(
                "its footer says {} open runs, digest {:016x}; it has {}, {:016x}",
                footer.open_runs, footer.digest, have.0, have.1
            )));
        }
        Ok(Folded {
            claim,
            footer,
            state,
        })
    }
}
