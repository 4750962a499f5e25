//! Transitions: core's type, with its schema.

use std::sync::LazyLock;

use sagaline_core::Transition;

use crate::{Error, codec::Codec};

/// The schema of [`Transition`], with every event as a record of its own.
pub const TRANSITION_AVSC: &str = include_str!("../avro/transition.avsc");

/// Before a start had search attributes and memo.
const TRANSITION_1_AVSC: &str = include_str!("../avro/transition-1.avsc");

/// Before there were timers.
const TRANSITION_2_AVSC: &str = include_str!("../avro/transition-2.avsc");

static CODEC: LazyLock<Codec> = LazyLock::new(|| {
    Codec::new(
        "transition",
        &[TRANSITION_1_AVSC, TRANSITION_2_AVSC, TRANSITION_AVSC],
    )
});

/// Appends a transition to `into`.
///
/// # Errors
/// [`Error::Unencodable`] and [`Error::TooLarge`]; `into` is then as before.
pub fn encode_transition(transition: &Transition, into: &mut Vec<u8>) -> Result<(), Error> {
    CODEC.encode(transition, into)
}

/// Reads a transition that any build wrote.
///
/// # Errors
/// [`Error::NotSingleObject`] when nobody of ours wrote it, [`Error::UnknownSchema`] when a newer build did,
/// [`Error::Malformed`] or [`Error::TooLarge`] when the bytes are damaged.
pub fn decode_transition(value: &[u8]) -> Result<Transition, Error> {
    CODEC.decode(value)
}
