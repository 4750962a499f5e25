//! The topics that a consumer subscribes to, from the metadata that it joins with.
//!
//! Metadata is the clients' own: anything may stand there. Only version 0's fields are read, which begin every later version.

use bytes::{Buf, Bytes};

/// The topics of a subscription of the `consumer` protocol type; nothing if the bytes are not one.
pub(super) fn subscribed_topics(metadata: &Bytes) -> Option<Vec<String>> {
    let mut bytes = metadata.clone();
    let _version = bytes.try_get_i16().ok()?;
    let topics = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
    // A topic takes two bytes at least: a count beyond that is a lie, and nothing is reserved for it.
    if topics > bytes.remaining() / 2 {
        return None;
    }
    (0..topics).map(|_| string(&mut bytes)).collect()
}

fn string(bytes: &mut Bytes) -> Option<String> {
    let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
    if length > bytes.remaining() {
        return None;
    }
    String::from_utf8(bytes.split_to(length).to_vec()).ok()
}
