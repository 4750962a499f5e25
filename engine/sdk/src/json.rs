//! Values as payloads: JSON, and errors that say which value it was.

use sagaline_core::Payload;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// A value could not be written as JSON.
pub(crate) const UNENCODABLE: &str = "sagaline.Unencodable";

/// A payload is not what the code that reads it expects.
pub(crate) const UNDECODABLE: &str = "sagaline.Undecodable";

/// Writes `value`; `what` is for the message: ``input of `ship` ``.
pub(crate) fn encode<T: Serialize + ?Sized>(what: &str, value: &T) -> Result<Payload> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(Payload::json(bytes)),
        Err(error) => Err(Error::new(
            UNENCODABLE,
            format!("{what} cannot be written as JSON: {error}"),
        )
        .non_retryable()),
    }
}

/// Reads a value; an empty payload is `null`.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, payload: &Payload) -> Result<T> {
    if !payload.is_json() {
        let text = format!(
            "{what} is {} where JSON is expected",
            payload.content_type()
        );
        return Err(Error::new(UNDECODABLE, text).non_retryable());
    }
    let bytes = match payload.data() {
        [] => b"null",
        some => some,
    };
    serde_json::from_slice(bytes).map_err(|error| {
        let text = format!("{what} is not what the code expects: {error}");
        Error::new(UNDECODABLE, text).non_retryable()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_payload_is_null() {
        decode::<()>("input", &Payload::empty()).unwrap();
        assert_eq!(
            decode::<Option<u8>>("input", &Payload::empty()).unwrap(),
            None
        );
    }

    #[test]
    fn json_may_have_parameters_and_a_vendor() {
        for content_type in [
            "application/json; charset=utf-8",
            "application/vnd.shop+json",
            "Application/JSON",
        ] {
            let payload = Payload::new(content_type, *b"7");
            assert_eq!(decode::<u8>("input", &payload).unwrap(), 7);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = decode::<u8>("input of `ship`", &Payload::json(*b"\"x\"")).unwrap_err();
        assert_eq!(error.error_type(), UNDECODABLE);
        assert!(
            error
                .message()
                .starts_with("input of `ship` is not what the code expects")
        );
        assert!(!error.is_retryable());

        let error = decode::<u8>("input", &Payload::new("text/plain", *b"7")).unwrap_err();
        assert_eq!(
            error.message(),
            "input is text/plain where JSON is expected"
        );

        let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = encode("input", &keys_are_no_text).unwrap_err();
        assert_eq!(error.error_type(), UNENCODABLE);
    }
}
