//! Payloads: opaque bytes with their content type, handed on untouched.

use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Largest payload; a larger one is `sagaline.PayloadTooLarge` on its run.
pub const PAYLOAD_BYTES_MAX: usize = 900 * 1024;

/// The content type of a payload that names none.
pub const CONTENT_TYPE_JSON: &str = "application/json";

/// Bytes and their content type. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// `None` is [`CONTENT_TYPE_JSON`].
    content_type: Option<Arc<str>>,
    data: Data,
}

impl Payload {
    /// JSON text, which is not checked.
    #[must_use]
    pub fn json(data: impl Into<Arc<[u8]>>) -> Self {
        Self {
            content_type: None,
            data: Data(data.into()),
        }
    }

    /// Bytes of any content type.
    #[must_use]
    pub fn new(content_type: &str, data: impl Into<Arc<[u8]>>) -> Self {
        let content_type = (content_type != CONTENT_TYPE_JSON && !content_type.is_empty())
            .then(|| Arc::from(content_type));
        Self {
            content_type,
            data: Data(data.into()),
        }
    }

    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            content_type: None,
            data: Data(Arc::from([])),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data.0
    }

    /// The content type.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(CONTENT_TYPE_JSON)
    }

    /// Whether its content type is one of JSON; the bytes are not looked at.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.content_type.as_deref().is_none_or(is_json)
    }

    /// Whether it is over [`PAYLOAD_BYTES_MAX`].
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.data.0.len() > PAYLOAD_BYTES_MAX
    }
}

/// Whether a content type is one of JSON: `application/json`, `application/vnd.shop+json`, in any case, each with or
/// without parameters.
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let suffix = essence.rsplit_once('+').map(|(_, suffix)| suffix);
    essence.eq_ignore_ascii_case(CONTENT_TYPE_JSON)
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"))
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.data()) {
            Ok(text) if text.len() <= 200 => write!(f, "Payload({text})"),
            _ => write!(
                f,
                "Payload({} bytes of {})",
                self.data().len(),
                self.content_type()
            ),
        }
    }
}

/// Bytes that serde writes as bytes, not as a list of numbers.
#[derive(Clone, PartialEq, Eq)]
struct Data(Arc<[u8]>);

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Data, E> {
                Ok(Data(Arc::from(bytes)))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
