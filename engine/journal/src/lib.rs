//! The journal: the one record of everything that happened, and the port to the log that holds it.
//!
//! Deliberately absent: decisions, state, programs. What a valid journal is, is a pure function of the log.

mod belief;
mod error;
mod header;
mod item;
pub mod kafka;
mod port;
mod reader;
mod record;
mod snapshot;
mod split;
mod validity;
pub mod wire;
mod writer;

pub use belief::{Belief, believe};
pub use error::{Error, ErrorKind};
pub use header::{BatchIndex, BatchKind, Header};
pub use item::{Batch, ClaimSeen, Footing, Item, Journaled};
pub use port::{Delivery, LanePort, PortEvent, SendError, SendErrorKind, Tag};
pub use reader::{JournalReader, transition_of};
pub use record::{Headers, NewRecord, Record};
pub use snapshot::{Folded, SNAPSHOT_BYTES_MAX, Snapshot, Snapshots};
pub use split::split;
pub use validity::{Entry, Validity, Verdict};
pub use writer::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, EncodedTransition, JournalWriter, RECORD_BYTES_MAX,
};
