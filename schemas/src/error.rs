//! Why a value could not be encoded or decoded.

use std::fmt;

/// The CRC-64-AVRO fingerprint of a schema.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(crate) [u8; 8]);

impl Fingerprint {
    /// The eight bytes as they stand in a value.
    #[must_use]
    pub const fn to_le_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a value could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no Avro single object: no build of Sagaline wrote them.
    #[error(
        "{what} is no Avro single object: {bytes} bytes that do not begin with C3 01 and a fingerprint"
    )]
    NotSingleObject {
        /// What it was to be.
        what: &'static str,
        /// How many bytes there were.
        bytes: usize,
    },
    /// The writer's schema is not known here: a newer build wrote the value. Upgrade this one.
    #[error(
        "{what} has the schema {fingerprint}, which this build does not know: a newer one wrote it"
    )]
    UnknownSchema {
        /// What it was to be.
        what: &'static str,
        /// The writer's schema.
        fingerprint: Fingerprint,
    },
    /// The schema is known, but the bytes do not follow it.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// What it was to be.
        what: &'static str,
        /// What the codec says.
        reason: String,
    },
    /// The value is over a limit.
    #[error("{what} of {bytes} bytes: at most {bytes_max} are read and written")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// [`crate::VALUE_BYTES_MAX`].
        bytes_max: usize,
    },
    /// The value has no form in Avro: a number over 2^63 − 1, or a list longer than [`crate::SEQUENCE_MAX`].
    #[error("{what} cannot be encoded: {reason}")]
    Unencodable {
        /// What it is.
        what: &'static str,
        /// What the codec says.
        reason: String,
    },
}
