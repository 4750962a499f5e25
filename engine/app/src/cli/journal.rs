//! `journal`: its verbs. `tail` prints what counts, `verify` proves that it can be trusted.

mod tail;
mod verify;

use clap::Subcommand;

use super::Session;
use crate::fault::Outcome;

/// What can be done with the journal.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print valid transitions, one JSON object a line
    Tail(tail::TailArgs),
    /// Check every partition: batches, states, histories
    Verify(verify::VerifyArgs),
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Tail(args) => tail::tail(session, &args),
            Self::Verify(args) => verify::verify(session, &args),
        }
    }
}
