//! What payloads look like outside of the user's process: encrypted, compressed, or as they are.
//!
//! ```text
//! workflow ─▶ encode ─▶ journal, tasks ─▶ decode ─▶ activity ─▶ encode ─▶ results, journal ─▶ decode ─▶ workflow
//! ```
//! Deliberately absent: everything that is no payload. Names, ids, error types and messages, reasons, search attributes and
//! memos are read by the engine, or by people who look for runs, and stay as they are.

use std::{fmt, sync::Arc};

use sagaline_core::{Failure, Payload, error_type, program::PROGRESS_BYTES_MAX};

use crate::{
    Error, Result,
    json::{UNDECODABLE, UNENCODABLE},
};

/// Encodes payloads before they leave the process, and decodes those that come in.
///
/// It is given to all who write or read an app's payloads: `sagaline::app().codec(…)` gives it to the app's engine, worker
/// and command line; clients, workers and tests of their own have a `codec` method each. Encoded are inputs and results of
/// workflows, activities and children, signals, queries and updates with their answers, heartbeats, details of errors, and
/// values of side effects. What has another content type than the codec's was not encoded by it and passes: so a codec can be
/// introduced while runs are open, and producers without it may go on to write plain JSON. To change keys, say in the bytes
/// which one was used.
///
/// It need not be deterministic: a run that is rebuilt from history encodes nothing. It is called in the lane of the engine,
/// where nothing else happens meanwhile, so it does not wait.
///
/// # Example: text, reversed
/// ```
/// use sagaline_sdk::{Codec, Context, Result, testing::Env, workflow};
///
/// struct Reversed;
///
/// impl Codec for Reversed {
///     fn content_type(&self) -> &str {
///         "application/vnd.example.reversed"
///     }
///     fn encode(&self, plain: &[u8]) -> Result<Vec<u8>> {
///         Ok(plain.iter().rev().copied().collect())
///     }
///     fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>> {
///         Ok(encoded.iter().rev().copied().collect())
///     }
/// }
///
/// #[workflow]
/// async fn greeting(_cx: Context, name: String) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
///
/// let run = Env::new().codec(Reversed).start(greeting("world".into()));
///
/// assert_eq!(run.result().unwrap(), "Hello, world!");
/// assert!(!run.history().to_json().contains("world"));
/// ```
pub trait Codec: Send + Sync + 'static {
    /// What its bytes are, for whoever reads them elsewhere. It must be no content type of JSON.
    fn content_type(&self) -> &str;

    /// Encodes JSON text.
    ///
    /// # Errors
    /// A workflow waits with an incident of kind `panic`; an attempt of an activity has failed, and may be retried; a
    /// client's request is refused.
    fn encode(&self, plain: &[u8]) -> Result<Vec<u8>>;

    /// Decodes what [`encode`](Self::encode) gave, of this process or another, long ago perhaps.
    ///
    /// # Errors
    /// As those of `encode`; a signal that cannot be decoded is passed over, a query or an update is answered
    /// `sagaline.Blocked` and may be asked again.
    fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>>;
}

/// The codec of a process, if it has one.
#[derive(Clone, Default)]
#[doc(hidden)]
pub struct Coding(Option<Arc<dyn Codec>>);

impl Coding {
    /// By this codec.
    ///
    /// # Panics
    /// Its content type is one of JSON: nobody could tell what is encoded.
    #[must_use]
    pub fn by(codec: impl Codec) -> Self {
        let content_type = codec.content_type();
        assert!(
            !sagaline_core::is_json(content_type) && !content_type.is_empty(),
            "the codec's content type is `{content_type}`: it must be none of JSON"
        );
        Self(Some(Arc::new(codec)))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.is_none()
    }

    /// Encodes JSON; all else passes.
    ///
    /// # Errors
    /// The codec's.
    pub fn encode(&self, payload: Payload) -> Result<Payload> {
        let Some(codec) = &self.0 else {
            return Ok(payload);
        };
        if !payload.is_json() || payload.data().is_empty() {
            return Ok(payload);
        }
        match codec.encode(payload.data()) {
            Ok(bytes) => Ok(Payload::new(codec.content_type(), bytes)),
            Err(error) => Err(told(UNENCODABLE, "encode", &**codec, &error)),
        }
    }

    /// Encodes how far an attempt is.
    ///
    /// # Errors
    /// The codec's; or it has grown over what a heartbeat carries.
    pub fn encode_progress(&self, progress: Payload) -> Result<Payload> {
        let encoded = self.encode(progress)?;
        let bytes = encoded.data().len();
        if bytes > PROGRESS_BYTES_MAX {
            let text =
                format!("encoded progress of {bytes} bytes; {PROGRESS_BYTES_MAX} are allowed");
            return Err(Error::new(error_type::PAYLOAD_TOO_LARGE, text).non_retryable());
        }
        Ok(encoded)
    }

    /// Decodes what the codec has encoded; all else passes.
    ///
    /// # Errors
    /// The codec's.
    pub fn decode(&self, payload: Payload) -> Result<Payload> {
        let Some(codec) = &self.0 else {
            return Ok(payload);
        };
        if payload.content_type() != codec.content_type() {
            return Ok(payload);
        }
        match codec.decode(payload.data()) {
            Ok(bytes) => Ok(Payload::json(bytes)),
            Err(error) => Err(told(UNDECODABLE, "decode", &**codec, &error)),
        }
    }

    /// Encodes the details of a failure. Those that cannot be are left out: the failure itself must be told.
    #[must_use]
    pub fn encode_details(&self, failure: Failure) -> Failure {
        map_details(failure, |details| self.encode(details))
    }

    /// Decodes the details of a failure. Those that cannot be are left out.
    #[must_use]
    pub fn decode_details(&self, failure: Failure) -> Failure {
        map_details(failure, |details| self.decode(details))
    }
}

fn map_details(mut failure: Failure, map: impl FnOnce(Payload) -> Result<Payload>) -> Failure {
    let mapped = failure.details.take().map(map);
    failure.details = mapped.and_then(|mapped| {
        let left_out = |error: &Error| tracing::warn!(%error, "details of a failure are left out");
        mapped.inspect_err(left_out).ok()
    });
    failure
}

/// The type is ours, so that all can tell; a later attempt may have the key.
fn told(error_type: &str, what: &str, codec: &dyn Codec, error: &Error) -> Error {
    let content_type = codec.content_type();
    Error::new(
        error_type,
        format!("the codec of {content_type} cannot {what} a payload: {error}"),
    )
}

impl fmt::Debug for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(codec) => f
                .debug_tuple("Coding")
                .field(&codec.content_type())
                .finish(),
            None => f.write_str("Coding"),
        }
    }
}
