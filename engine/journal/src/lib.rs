//! The journal: the one record of everything that happened, and the port to the log that holds it.
//!
//! Deliberately absent: decisions, state, programs. What a valid journal is, is a pure function of the log.

mod error;
mod port;
mod record;
pub mod wire;

pub use error::{Error, ErrorKind};
pub use port::{Delivery, LanePort, PortEvent, SendError, Tag};
pub use record::{NewRecord, Record};
