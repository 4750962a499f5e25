//! What the journal holds, as Avro: the `.avsc` files, the values that are not core's, and the one place that names the
//! codec.
//!
//! Every value is an Avro single object: `C3 01`, the CRC-64-AVRO fingerprint of the writer's schema (little-endian), the
//! datum. Values are written in the order of the Rust types, which the newest schema has too, and decoded with the schema
//! that they were written with, whatever version that was.
//!
//! Deliberately absent: records, headers, what makes a batch valid. That is `sagaline-journal`.
//!
//! Invariant: what was encoded decodes, with this build and with every later one.

mod claim;
mod codec;
mod datum;
mod error;
mod footer;
mod transition;

pub use claim::{CLAIM_AVSC, Claim, decode_claim, encode_claim};
pub use codec::{MAGIC, SEQUENCE_MAX, VALUE_BYTES_MAX};
pub use error::{Error, Fingerprint};
pub use footer::{FOOTER_AVSC, Footer, InputPosition, Trying, decode_footer, encode_footer};
pub use transition::{TRANSITION_AVSC, decode_transition, encode_transition};
