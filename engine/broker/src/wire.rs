//! Requests and answers as bytes.
//!
//! ```text
//!   size i32 | api key i16 | version i16 | correlation id i32 | client id | (tags) | body
//!   size i32 | correlation id i32 | (tags) | body
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion},
};

mod answer;
pub(crate) mod fetched;
pub(crate) mod shape;
mod tables;
pub(crate) mod versions;

pub(crate) use self::answer::Answer;

/// Bytes of the size that goes before a request and an answer.
const SIZE_BYTES: usize = 4;

/// Why a connection is closed: what came is no request that a client of Kafka's sends to this broker.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Garbled(String);

impl Garbled {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    pub(crate) fn size(size: i32) -> Self {
        Self(format!("{size} bytes are no size of a request"))
    }

    pub(crate) fn long(size: usize) -> Self {
        Self(format!("only a request with records may have {size} bytes"))
    }

    pub(crate) fn of(self, frame: &Frame) -> Self {
        Self(format!("{:?} version {}: {self}", frame.api, frame.version))
    }

    fn long_answer() -> Self {
        Self::new("the answer is too long")
    }

    pub(crate) fn codec(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A request whose header was read and whose body has its shape.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    pub(crate) client_id: String,
    /// Of all arrays.
    elements: usize,
    body: Bytes,
}

impl Frame {
    /// Reads a header and checks the body's shape. `Ok(None)`: a request for versions in a version that is not known.
    ///
    /// # Errors
    /// What no client of Kafka's sends: the connection is to be closed.
    pub(crate) fn parse(mut bytes: Bytes) -> Result<Self, Garbled> {
        let mut start = bytes.clone();
        if start.len() < 8 {
            return Err(Garbled::new("it has no header"));
        }
        let (api, version, correlation) = (start.get_i16(), start.get_i16(), start.get_i32());
        let api = ApiKey::try_from(api)
            .map_err(|()| Garbled::new(format!("there is no API with number {api}")))?;
        let supported =
            versions::of(api).ok_or_else(|| Garbled::new(format!("{api:?} is not offered")))?;
        if version < supported.min || version > supported.max {
            return match api {
                // Answered in version 0, whatever the rest looks like, so that the client can choose.
                ApiKey::ApiVersions => Ok(Self::unknown_versions(correlation, version)),
                _ => Err(Garbled::new(format!(
                    "{api:?} is offered in versions {supported}, not in {version}"
                ))),
            };
        }
        let fault = |fault| Garbled::new(format!("{api:?} version {version}: {fault}"));
        let header_version = api.request_header_version(version);
        shape::check_header(header_version, &start).map_err(fault)?;
        let header = RequestHeader::decode(&mut bytes, header_version).map_err(Garbled::codec)?;
        let elements = shape::check(api, version, &bytes).map_err(fault)?;
        Ok(Self {
            api,
            version,
            correlation,
            client_id: header
                .client_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            elements,
            body: bytes,
        })
    }

    /// Bytes that the request takes once it is decoded, at most: it shares those that came.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.body.len() + self.elements * ELEMENT_BYTES_MAX
    }

    const fn unknown_versions(correlation: i32, version: i16) -> Self {
        Self {
            api: ApiKey::ApiVersions,
            version,
            correlation,
            client_id: String::new(),
            elements: 0,
            body: Bytes::new(),
        }
    }

    /// The request itself.
    ///
    /// # Errors
    /// The shape is right and the content is not: a text that is no UTF-8.
    pub(crate) fn decode<R: Decodable>(&mut self) -> Result<R, Garbled> {
        R::decode(&mut self.body, self.version).map_err(Garbled::codec)
    }
}

/// Bytes of a decoded element beside its texts.
const ELEMENT_BYTES_MAX: usize = 256;

/// Bytes of an answer's size and header.
const HEADER_BYTES_MAX: usize = 16;

/// The API that a request is for, from its first bytes; nothing as long as these have not come.
pub(crate) fn is_produce(mut start: &[u8]) -> Option<bool> {
    let api = start.try_get_i16().ok()?;
    Some(api == ApiKey::Produce as i16)
}

/// Writes an answer with its size before it.
///
/// # Errors
/// A value that has no place in that version: a mistake of ours.
pub(crate) fn encode<M: Encodable + HeaderVersion>(
    correlation: i32,
    version: i16,
    answer: &M,
    into: &mut BytesMut,
) -> Result<(), Garbled> {
    let begin = into.len();
    // At once, for else a long answer would be copied while it grows.
    into.reserve(answer.compute_size(version).map_err(Garbled::codec)? + HEADER_BYTES_MAX);
    into.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(correlation)
        .encode(into, M::header_version(version))
        .and_then(|()| answer.encode(into, version))
        .map_err(Garbled::codec)?;
    let size = i32::try_from(into.len() - begin - SIZE_BYTES)
        .map_err(|_too_long| Garbled::long_answer())?;
    into[begin..begin + SIZE_BYTES].copy_from_slice(&size.to_be_bytes());
    Ok(())
}
