//! What an app has encoded and this binary cannot read, since it lacks the app's codec or its key.
//!
//! Invariant: whoever lists many shows those that it can read, and of the others what is known without.

use std::collections::BTreeSet;

use sagaline_core::Payload;
use serde::de::DeserializeOwned;

use super::Session;
use crate::{
    fault::{Exit, Fault, Outcome},
    output::{aside, visible},
};

/// Stands in a table for what is not read.
pub(super) const DASH: &str = "–";

/// Why something cannot be read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// What of it: `its payloads are encoded with application/vnd.shop.encrypted`.
    pub(super) why: String,
    pub(super) hint: &'static str,
}

impl Unread {
    /// Bytes of that content type are not for this binary.
    fn encoded(content_type: &str) -> Self {
        Self {
            why: format!("its payloads are encoded with {content_type}"),
            hint: "the app's own binary has the codec: it takes the same commands",
        }
    }

    /// JSON, but not as this binary knows it.
    pub(super) fn unknown(wrong: &str) -> Self {
        Self {
            why: wrong.to_owned(),
            hint: "is the engine of another version?",
        }
    }

    /// As a fault of the command; `what` is meant.
    pub(super) fn fault(&self, what: &str) -> Fault {
        let text = format!("{what} cannot be read here: {}", self.why);
        Fault::quoting(Exit::Refused, &text).hint(self.hint)
    }
}

/// JSON of the app, decoded.
pub(super) fn plain(session: &Session, payload: Payload) -> Result<Payload, Unread> {
    let payload = session.coding.decode(payload).map_err(|error| Unread {
        why: error.message().to_owned(),
        hint: "has this binary the key that it was encoded with?",
    })?;
    match payload.is_json() {
        true => Ok(payload),
        false => Err(Unread::encoded(payload.content_type())),
    }
}

/// A value of the app.
pub(super) fn value<T: DeserializeOwned>(session: &Session, payload: Payload) -> Result<T, Unread> {
    let payload = plain(session, payload)?;
    serde_json::from_slice(payload.data()).map_err(|wrong| Unread::unknown(&wrong.to_string()))
}

/// The same of one thing alone, which is to be read or the command has failed.
pub(super) fn read<T: DeserializeOwned>(
    session: &Session,
    what: &str,
    payload: Payload,
) -> Outcome<T> {
    value(session, payload).map_err(|unread| unread.fault(what))
}

/// Says under a table why something in it is not read, each reason once.
pub(super) fn aside_of<'a>(unread: impl Iterator<Item = &'a str>) {
    for why in unread.collect::<BTreeSet<_>>() {
        let why = visible(why);
        aside(&format!(
            "{DASH} is not read: {why}; the app's own binary shows it"
        ));
    }
}
