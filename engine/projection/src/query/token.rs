//! Page tokens: behind which row a page begins.
//!
//! A token says what the keys of that row were, so that it stays good when the row changes or goes. Invariant: it is taken only
//! by the list that gave it; garbage is refused, and reaches a statement only as values of the keys' kinds.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sagaline_journal::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::order::{Key, KeyValue};

/// Longest token that is looked at, in bytes.
pub const PAGE_TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// Of which list it is.
    l: String,
    /// The keys of the last row that was given.
    k: Vec<KeyValue>,
    /// The time of the first page, in ms: how long open runs go on already is told by it on all pages.
    n: i64,
}

/// Where a page begins, and by which time it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) keys: Vec<KeyValue>,
    pub(super) now_ms: i64,
}

/// The token of what comes behind a row of `list`.
pub(super) fn write(list: &str, behind: Behind) -> String {
    let said = Said {
        l: of_list(list),
        k: behind.keys,
        n: behind.now_ms,
    };
    let json = serde_json::to_vec(&said).expect("texts and numbers are JSON");
    URL_SAFE_NO_PAD.encode(json)
}

/// What a token says, if `list` gave it.
pub(super) fn read(token: &str, list: &str, keys: &[Key<'_>]) -> Result<Behind, Error> {
    if token.len() > PAGE_TOKEN_BYTES_MAX {
        let text = format!("a page token has at most {PAGE_TOKEN_BYTES_MAX} bytes");
        return Err(invalid(&text));
    }
    let said: Option<Said> = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok());
    let said = said.ok_or_else(|| invalid("that is no page token"))?;
    if said.l != of_list(list) {
        return Err(invalid("that page token is of another filter or order"));
    }
    let fits = |(key, value): (&Key<'_>, &KeyValue)| match value {
        KeyValue::Null => key.is_nullable,
        KeyValue::Int(_) => key.column.is_int(),
        KeyValue::Text(text) => !key.column.is_int() && !text.contains('\0'),
    };
    match said.k.len() == keys.len() && keys.iter().zip(&said.k).all(fits) {
        true => Ok(Behind {
            keys: said.k,
            now_ms: said.n.clamp(0, NOW_MS_MAX),
        }),
        false => Err(invalid("that is no page token")),
    }
}

/// The year 9999.
const NOW_MS_MAX: i64 = 253_402_207_200_000;

fn invalid(text: &str) -> Error {
    Error::new(ErrorKind::Invalid, "projection-page-token", text)
}

fn of_list(list: &str) -> String {
    format!("{:x}", twox_hash::XxHash3_64::oneshot(list.as_bytes()))
}
