//! Claims: the first record of a new owner.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Error, codec::Codec};

/// The schema of [`Claim`].
pub const CLAIM_AVSC: &str = include_str!("../avro/claim.avsc");

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new("claim", &[CLAIM_AVSC]));

/// The first record of a new owner of a journal partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Fencing number: the claim is valid when it is one above that of the last valid claim.
    pub epoch: u64,
    /// A UUID, fresh for every claim.
    pub owner: String,
    /// Number of partitions; that of the first claim holds for ever.
    pub partitions: u32,
    /// The app; all owners of a namespace have the same.
    pub app: String,
    /// Its build, for people.
    pub build: String,
    /// Names of the workflows that it has, sorted.
    pub workflows: Vec<String>,
    /// How long closed workflow ids are remembered.
    pub closed_retention_ms: u64,
}

/// Appends a claim to `into`.
///
/// # Errors
/// [`Error::Unencodable`] and [`Error::TooLarge`]; `into` is then as before.
pub fn encode_claim(claim: &Claim, into: &mut Vec<u8>) -> Result<(), Error> {
    CODEC.encode(claim, into)
}

/// Reads a claim that any build wrote.
///
/// # Errors
/// As [`crate::decode_transition`].
pub fn decode_claim(value: &[u8]) -> Result<Claim, Error> {
    CODEC.decode(value)
}
