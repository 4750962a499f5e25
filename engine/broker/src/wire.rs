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

/// Bytes before an answer's body: size, correlation id, no tags.
const HEAD_BYTES_MAX: usize = 9;

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

    pub(crate) fn of(self, frame: &Frame) -> Self {
        Self(format!("{:?} version {}: {self}", frame.api, frame.version))
    }

    fn long() -> Self {
        Self::new("the answer is too long")
    }

    fn codec(error: impl std::fmt::Display) -> Self {
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
        let header = RequestHeader::decode(&mut bytes, api.request_header_version(version))
            .map_err(Garbled::codec)?;
        shape::check(api, version, &bytes)
            .map_err(|fault| Garbled::new(format!("{api:?} version {version}: {fault}")))?;
        Ok(Self {
            api,
            version,
            correlation,
            client_id: header
                .client_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            body: bytes,
        })
    }

    const fn unknown_versions(correlation: i32, version: i16) -> Self {
        Self {
            api: ApiKey::ApiVersions,
            version,
            correlation,
            client_id: String::new(),
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
    // Growing would copy what a fetch gives once more.
    into.reserve(HEAD_BYTES_MAX + answer.compute_size(version).map_err(Garbled::codec)?);
    into.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(correlation)
        .encode(into, M::header_version(version))
        .and_then(|()| answer.encode(into, version))
        .map_err(Garbled::codec)?;
    let size =
        i32::try_from(into.len() - begin - SIZE_BYTES).map_err(|_too_long| Garbled::long())?;
    into[begin..begin + SIZE_BYTES].copy_from_slice(&size.to_be_bytes());
    Ok(())
}
