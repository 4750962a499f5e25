//! Inputs that could not be taken: why each was not, what it was, and a button that sends it again.

use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{
    chrome::{Chrome, Place},
    seen::Cause,
    time::At,
    told::{Json, Told, percent, size},
};

/// `GET /inputs/rejected`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RejectedPage {
    pub(crate) inputs: Vec<Rejected>,
    pub(crate) next_page_token: Option<Told>,
}

/// One of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rejected {
    pub(crate) id: Told,
    pub(crate) workflow_id: Option<Told>,
    pub(crate) at: Option<At>,
    pub(crate) reason: Told,
    pub(crate) message: Told,
    pub(crate) ce_type: Option<Told>,
    pub(crate) cause: Cause,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) value_bytes: usize,
    pub(crate) sha256: Told,
}

/// What was sent, as text where it is some: whatever it is, it was rejected, and its content type may be the reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes(Told);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Encoded {
            #[serde(rename = "$base64")]
            base64: String,
        }
        let json = Json::deserialize(deserializer)?;
        let encoded = serde_json::from_str::<Encoded>(json.raw());
        let bytes = encoded
            .ok()
            .and_then(|one| STANDARD.decode(one.base64).ok());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(Self(match text {
            Some(text) => Told::from(text.as_str()),
            None => Told::from(json.raw()),
        }))
    }
}

impl Rejected {
    fn size(&self) -> String {
        size(self.value_bytes)
    }
}

#[derive(Template)]
#[template(path = "rejected.html")]
struct ListPage {
    chrome: Chrome,
    /// The workflow id that is asked about; empty: all.
    workflow_id: Told,
    found: RejectedPage,
    is_further: bool,
}

/// The list.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn list(
    chrome: Chrome,
    workflow_id: &str,
    found: RejectedPage,
    is_further: bool,
) -> askama::Result<String> {
    ListPage {
        chrome,
        workflow_id: workflow_id.into(),
        found,
        is_further,
    }
    .render()
}

impl ListPage {
    fn href(&self, after: &Told) -> String {
        let id = match self.workflow_id.raw() {
            "" => String::new(),
            id => format!("workflow_id={}&", percent(id)),
        };
        format!("/inputs?{id}after={}", percent(after.raw()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_shown_as_text_where_it_is_some() {
        let told = |json: &str| serde_json::from_str::<Bytes>(json).unwrap().0.to_string();

        assert_eq!(
            told(r#"{"$base64":"G1szMW08Yj4=","content_type":"application/octet-stream"}"#),
            "␛[31m<b>"
        );
        assert_eq!(told(r#"{"total":1.50}"#), r#"{"total":1.50}"#);
        assert_eq!(
            told(r#"{"$base64":"/w==","content_type":"x"}"#),
            r#"{"$base64":"/w==","content_type":"x"}"#
        );
    }
}
