//! Keys: tokens that prove an answer belongs to a task of ours, and MACs on what only the engine or an operator may send.
//!
//! Deliberately absent: where keys come from but a file. Nothing here is ever logged.

use std::{fmt, path::Path};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use sagaline_core::{ActivityId, Attempt, Name, RunId};
use sagaline_journal::{NewRecord, Record, wire::header};
use sha2::Sha256;
use smallvec::SmallVec;

/// Longest token that is looked at.
pub(crate) const TOKEN_BYTES_MAX: usize = 512;

/// Most keys in a file.
pub(crate) const KEYS_MAX: usize = 64;

/// The signing keys: the first signs, all verify.
#[derive(Clone)]
pub struct Keys {
    keys: Vec<Key>,
    development: bool,
}

#[derive(Clone)]
struct Key {
    id: String,
    /// Keyed once; cloned for every signature.
    hmac: Hmac<Sha256>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

/// A keys file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read.
    #[error("keys file {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no key.
    #[error("keys file, line {line}: {reason}")]
    Malformed {
        /// From 1.
        line: usize,
        /// What is wrong; never the line itself.
        reason: &'static str,
    },
}

impl Keys {
    /// The fixed, published key of development: anybody can forge with it.
    #[must_use]
    pub fn development() -> Self {
        let key = Key::new(
            "development",
            b"sagaline development key, known to everybody",
        );
        Self {
            keys: vec![key],
            development: true,
        }
    }

    /// Whether these are [`Self::development`]'s.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        self.development
    }

    /// Reads a file of lines `key-id base64`; empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// The file cannot be read, a line is malformed, an id comes twice, or there is no key.
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let text = std::fs::read_to_string(path).map_err(|source| KeysError::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&text)
    }

    /// As [`Self::load`], of the file's text.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut keys: Vec<Key> = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let malformed = |reason| KeysError::Malformed { line, reason };
            let (id, secret) = content
                .split_once(char::is_whitespace)
                .ok_or_else(|| malformed("not `key-id base64`"))?;
            let is_word = !id.is_empty()
                && id.len() <= 32
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            let secret = STANDARD
                .decode(secret.trim())
                .map_err(|_| malformed("the key is not base64"))?;
            if !is_word {
                return Err(malformed("a key id is 1 to 32 letters, digits, - and _"));
            }
            if secret.len() < 16 {
                return Err(malformed("a key has at least 16 bytes"));
            }
            if keys.len() >= KEYS_MAX || keys.iter().any(|key| key.id == id) {
                return Err(malformed(
                    "this key id is there already, or there are more than 64 keys",
                ));
            }
            keys.push(Key::new(id, &secret));
        }
        if keys.is_empty() {
            return Err(KeysError::Malformed {
                line: 1,
                reason: "no key in it",
            });
        }
        Ok(Self {
            keys,
            development: false,
        })
    }

    fn signer(&self) -> &Key {
        self.keys.first().expect("there is always a key")
    }

    /// The token of an attempt's task: `v1.key-id.run.activity.attempt.queue.mac`.
    #[must_use]
    pub fn token(&self, claims: &TokenClaims) -> String {
        let key = self.signer();
        let body = format!(
            "v1.{}.{}.{}.{}.{}",
            key.id, claims.run_id, claims.activity_id, claims.attempt, claims.task_queue
        );
        let mac = URL_SAFE_NO_PAD.encode(key.sign([body.as_bytes()]));
        format!("{body}.{mac}")
    }

    /// What a genuine token says; `None` when it is not genuine.
    #[must_use]
    pub fn verify_token(&self, token: &str) -> Option<TokenClaims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (body, mac) = token.rsplit_once('.')?;
        let mut parts = body.splitn(6, '.');
        if parts.next()? != "v1" {
            return None;
        }
        let id = parts.next()?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        if !key.verifies([body.as_bytes()], &mac) {
            return None;
        }
        Some(TokenClaims {
            run_id: parts.next()?.parse().ok()?,
            activity_id: ActivityId::new(parts.next()?.parse().ok()?)?,
            attempt: Attempt::new(parts.next()?.parse().ok()?)?,
            task_queue: Name::new(parts.next()?).ok()?,
        })
    }

    /// Signs a record of ours: adds `sl-mac`. Call it last: what is added afterwards is not covered.
    pub fn sign_record(&self, record: &mut NewRecord) {
        let headers = record.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_bytes(), value));
        let covered = Covered::of(headers);
        let key = self.signer();
        let mac = key.sign(covered.parts(record.key.as_deref(), record.value.as_deref()));
        drop(covered);
        let mac = format!("{}:{}", key.id, STANDARD.encode(mac));
        record.push_header(header::MAC, mac);
    }

    /// Whether a record carries a genuine `sl-mac`.
    #[must_use]
    pub fn verifies_record(&self, record: &Record) -> bool {
        let Some((id, mac)) = record
            .header(header::MAC)
            .and_then(|mac| std::str::from_utf8(mac).ok())
            .and_then(|mac| mac.split_once(':'))
        else {
            return false;
        };
        let (Some(key), Ok(mac)) = (
            self.keys.iter().find(|key| key.id == id),
            STANDARD.decode(mac),
        ) else {
            return false;
        };
        let headers = record.headers();
        let headers = headers.map(|(name, value)| (name, value.unwrap_or_default()));
        let covered = Covered::of(headers);
        key.verifies(covered.parts(record.key(), record.value()), &mac)
    }
}

/// What a MAC covers: key, `ce_type`, `ce_source`, `ce_id`, the other `sl-` headers in order of name, value.
///
/// Of a repeated header the last counts, as everywhere.
struct Covered<'a> {
    ce_type: &'a [u8],
    ce_source: &'a [u8],
    ce_id: &'a [u8],
    /// In order of name, each once.
    sl: SmallVec<[(&'a [u8], &'a [u8]); 16]>,
}

impl<'a> Covered<'a> {
    fn of(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut covered = Self {
            ce_type: &[],
            ce_source: &[],
            ce_id: &[],
            sl: SmallVec::new(),
        };
        let [ce_type, ce_source, ce_id, mac] = [
            header::CE_TYPE,
            header::CE_SOURCE,
            header::CE_ID,
            header::MAC,
        ]
        .map(str::as_bytes);
        for (name, value) in headers {
            if name == ce_type {
                covered.ce_type = value;
            } else if name == ce_source {
                covered.ce_source = value;
            } else if name == ce_id {
                covered.ce_id = value;
            } else if name.starts_with(b"sl-") && name != mac {
                covered.sl.push((name, value));
            }
        }
        // Stable: of equal names the last stays last, and alone.
        covered.sl.sort_by_key(|(name, _)| *name);
        covered.sl.reverse();
        covered.sl.dedup_by_key(|(name, _)| *name);
        covered.sl.reverse();
        covered
    }

    fn parts<'p>(
        &'p self,
        key: Option<&'p [u8]>,
        value: Option<&'p [u8]>,
    ) -> impl Iterator<Item = &'p [u8]> + use<'p, 'a> {
        let first = [
            key.unwrap_or_default(),
            self.ce_type,
            self.ce_source,
            self.ce_id,
        ];
        let sl = self.sl.iter().flat_map(|(name, value)| [*name, *value]);
        first
            .into_iter()
            .chain(sl)
            .chain([value.unwrap_or_default()])
    }
}

/// What a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// The run.
    pub run_id: RunId,
    /// The activity.
    pub activity_id: ActivityId,
    /// The attempt.
    pub attempt: Attempt,
    /// The queue that the task was sent to.
    pub task_queue: Name,
}

impl Key {
    fn new(id: &str, secret: &[u8]) -> Self {
        let hmac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self {
            id: id.to_owned(),
            hmac,
        }
    }

    /// HMAC-SHA-256 over the parts, each after its length (u32, big-endian).
    fn sign<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        self.feed(parts).finalize().into_bytes().into()
    }

    fn verifies<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>, mac: &[u8]) -> bool {
        self.feed(parts).verify_slice(mac).is_ok()
    }

    fn feed<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Hmac<Sha256> {
        let mut hmac = self.hmac.clone();
        for part in parts {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hmac.update(&length.to_be_bytes());
            hmac.update(part);
        }
        hmac
    }
}

#[cfg(test)]
mod tests {
    use sagaline_journal::Headers;

    use super::*;
    use sagaline_core::{Timestamp, WorkflowId};

    fn claims() -> TokenClaims {
        let run_id = RunId::derive("test", &WorkflowId::new("w").unwrap(), b"1");
        TokenClaims {
            run_id,
            activity_id: ActivityId::FIRST,
            attempt: Attempt::FIRST,
            task_queue: Name::from("orders.eu"),
        }
    }

    #[test]
    fn a_token_says_what_it_was_made_for_and_nothing_else() {
        let keys = Keys::development();
        let token = keys.token(&claims());

        assert_eq!(keys.verify_token(&token), Some(claims()));
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(forged) = String::from_utf8(bytes) {
                assert_ne!(
                    keys.verify_token(&forged),
                    Some(claims()),
                    "changed at {at}"
                );
            }
        }
        assert_eq!(
            Keys::parse("k MDEyMzQ1Njc4OWFiY2RlZg==")
                .unwrap()
                .verify_token(&token),
            None
        );
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let old = Keys::parse("a MDEyMzQ1Njc4OWFiY2RlZg==").unwrap();
        let both = Keys::parse("# rotated\nb ZmVkY2JhOTg3NjU0MzIxMA==\na MDEyMzQ1Njc4OWFiY2RlZg==")
            .unwrap();

        assert!(both.verify_token(&old.token(&claims())).is_some());
        assert!(old.verify_token(&both.token(&claims())).is_none());
    }

    #[test]
    fn a_mac_covers_key_value_and_our_headers() {
        let keys = Keys::development();
        let mut record = NewRecord {
            topic: "t".into(),
            partition: 0,
            key: Some(b"k".to_vec()),
            value: Some(b"v".to_vec()),
            headers: Headers::new(),
        };
        record.push_header(header::CE_TYPE, "x");
        record.push_header(header::REASON, "y");
        keys.sign_record(&mut record);

        let verifies =
            |record: &NewRecord| keys.verifies_record(&record.placed(0, Timestamp::default()));
        assert!(verifies(&record));
        for change in [
            |record: &mut NewRecord| record.key = None,
            |record: &mut NewRecord| record.value = Some(b"w".to_vec()),
            |record: &mut NewRecord| record.push_header(header::REASON, "z"),
            |record: &mut NewRecord| record.push_header(header::CE_ID, "z"),
        ] {
            let mut changed = record.clone();
            change(&mut changed);
            assert!(!verifies(&changed));
        }
        record.push_header("other", "not covered");
        assert!(verifies(&record));
    }

    #[test]
    fn of_a_repeated_header_the_last_is_covered_and_the_order_of_others_is_not() {
        let keys = Keys::development();
        let signed = |headers: &[(&'static str, &str)]| {
            let mut record = NewRecord {
                topic: "t".into(),
                partition: 0,
                key: None,
                value: None,
                headers: Headers::new(),
            };
            for (name, value) in headers {
                record.push_header(*name, *value);
            }
            keys.sign_record(&mut record);
            record.headers.get(header::MAC).map(<[u8]>::to_vec)
        };

        let once = signed(&[(header::REASON, "b"), (header::ACTOR, "x")]);
        let twice = [
            (header::REASON, "a"),
            (header::ACTOR, "x"),
            (header::REASON, "b"),
        ];

        assert_eq!(signed(&twice), once);
        assert_ne!(signed(&[(header::REASON, "a"), (header::ACTOR, "x")]), once);
    }

    #[test]
    fn a_bad_file_names_the_line_and_not_the_secret() {
        for (text, says) in [
            ("", "no key"),
            ("a", "line 1"),
            ("\na !!!", "line 2"),
            ("a c2hvcnQ=", "16 bytes"),
        ] {
            let error = Keys::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
