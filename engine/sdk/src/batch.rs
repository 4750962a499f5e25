//! Batches: one act on many workflows, done to the end whatever crashes.
//!
//! ```text
//! client ─start, targets, go─▶ run batch/<id> ─chunk─▶ local activity ─signed acts─▶ inbox ─▶ answers ─▶ tally
//! ```
//! Deliberately absent: filters. Who begins a batch says what it acts on, one by one: what is meant is fixed then.

pub(crate) mod acting;
mod answers;
mod tally;
mod template;
pub(crate) mod workflow;
mod written;

use sagaline_core::{BATCH_ID_PREFIX, WORKFLOW_ID_BYTES_MAX, error_type};

use crate::{Error, Result};

pub use tally::{Failed, Tally};
pub use workflow::Description;
#[doc(hidden)]
pub use workflow::{begin, seen, told_by_memo};
pub use written::{Batch, TARGETS_BYTES_MAX, TOLD_AT_ONCE_MAX, Target, Told};

/// The name of the signal that tells a batch what it acts on; its input is [`Told`].
pub const TARGETS: &str = "targets";

/// The name of the signal that tells a batch to begin: it has been told everything.
pub const GO: &str = "go";

/// The id of the run that is the batch of that id.
///
/// # Errors
/// The id is empty or too long.
pub fn workflow_id(batch_id: &str) -> Result<String> {
    let most = WORKFLOW_ID_BYTES_MAX - BATCH_ID_PREFIX.len();
    if batch_id.is_empty() || batch_id.len() > most {
        let text = format!(
            "id of a batch: {} bytes; 1 to {most} are allowed",
            batch_id.len()
        );
        return Err(Error::new(error_type::INVALID_INPUT, text).non_retryable());
    }
    Ok(format!("{BATCH_ID_PREFIX}{batch_id}"))
}
