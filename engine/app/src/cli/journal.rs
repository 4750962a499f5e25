//! `journal`: its verbs. `tail` prints what counts, `verify` proves that it can be trusted, `replay`
//! that the workflows of this binary can go on from it, `trim` deletes what nobody needs.

mod replay;
mod tail;
mod trim;
mod verify;

use clap::Subcommand;
use sagaline_sdk::Workflows;

use super::Session;
use crate::fault::Outcome;

/// What can be done with the journal.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print valid transitions, one JSON object a line
    Tail(tail::TailArgs),
    /// Check every partition: batches, states, histories
    Verify(verify::VerifyArgs),
    /// Run this program's workflows again on every history, and tell what differs
    Replay(replay::ReplayArgs),
    /// Delete the beginning of every partition, as far as nothing there is needed any more
    Trim(trim::TrimArgs),
}

impl Verb {
    pub(crate) fn run(self, session: &Session, workflows: &Workflows) -> Outcome {
        session.by_topics("`journal`")?;
        match self {
            Self::Tail(args) => tail::tail(session, &args),
            Self::Verify(args) => verify::verify(session, &args),
            Self::Replay(args) => replay::replay(session, workflows, &args),
            Self::Trim(args) => trim::trim(session, &args),
        }
    }
}
