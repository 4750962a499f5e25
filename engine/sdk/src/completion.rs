//! Where the answer to a task goes, and the token with which another process may give it.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sagaline_journal::{Error, ErrorKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// All that an answer needs to know of its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) task_id: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) token: Vec<u8>,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

/// Who has it may answer for an attempt, from any process: [`Client::activity`](crate::client::Client::activity).
///
/// A text without spaces, which may go into a link, a message or a database. It is a secret: nothing else is asked of
/// whoever answers.
///
/// # Example: through a database
/// ```
/// use sagaline_sdk::{ActivityContext, CompletionToken};
///
/// let token = ActivityContext::local().completion_token();
///
/// let column: String = token.to_string();
/// assert_eq!(column.parse::<CompletionToken>().unwrap(), token);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CompletionToken(pub(crate) Arc<Address>);

/// How a token of this form begins.
const FORM: &str = "sl1";

/// Longest token; none that an engine gives comes near.
const TOKEN_BYTES_MAX: usize = 4_096;

impl fmt::Display for CompletionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &*self.0;
        write!(
            f,
            "{FORM}.{}.{}.{}.{}.{}",
            BASE64.encode(&address.task_id),
            BASE64.encode(address.key.as_deref().unwrap_or_default()),
            BASE64.encode(&address.token),
            BASE64.encode(&*address.topic),
            address.partition
        )
    }
}

impl FromStr for CompletionToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let address = (text.len() <= TOKEN_BYTES_MAX).then(|| read(text));
        address.flatten().map(Arc::new).map(Self).ok_or_else(|| {
            let text = "this is no completion token, or not all of it";
            Error::new(ErrorKind::Invalid, "completion-token", text)
        })
    }
}

fn read(text: &str) -> Option<Address> {
    let mut parts = text.split('.');
    let mut next = || parts.next();
    if next()? != FORM {
        return None;
    }
    let bytes = |part: &str| BASE64.decode(part).ok();
    let string = |part: &str| String::from_utf8(bytes(part)?).ok();
    let address = Address {
        task_id: string(next()?)?,
        key: Some(bytes(next()?)?).filter(|key| !key.is_empty()),
        token: bytes(next()?)?,
        topic: string(next()?)?.into(),
        partition: next()?.parse().ok()?,
    };
    next().is_none().then_some(address)
}

impl Serialize for CompletionToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CompletionToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Without the secret.
impl fmt::Debug for CompletionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompletionToken")
            .field(&self.0.task_id)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> CompletionToken {
        CompletionToken(Arc::new(Address {
            task_id: "r-1/5/1".into(),
            key: Some("ö/1".into()),
            token: b"k.secret=".to_vec(),
            topic: "ns.results".into(),
            partition: 3,
        }))
    }

    #[test]
    fn it_comes_back_from_its_text_whole() {
        let text = token().to_string();

        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
        assert_eq!(text.parse::<CompletionToken>().unwrap(), token());
        let json = serde_json::to_string(&token()).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(
            serde_json::from_str::<CompletionToken>(&json).unwrap(),
            token()
        );
    }

    #[test]
    fn anything_else_is_refused() {
        let text = token().to_string();
        let long = format!("{text}{}", "0".repeat(TOKEN_BYTES_MAX));
        let cut = &text[..text.len() - 2];
        let more = format!("{text}.AA");
        for wrong in [
            "",
            "secret",
            &*long,
            cut,
            &*more,
            &text.replace("sl1", "sl2"),
        ] {
            let error = wrong.parse::<CompletionToken>().unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Invalid, "completion-token")
            );
        }
    }

    #[test]
    fn a_log_does_not_show_the_secret() {
        assert_eq!(format!("{:?}", token()), "CompletionToken(\"r-1/5/1\")");
    }
}
