//! Inputs that could not be taken: why each was not, what it was, and a button that sends it again.

use askama::Template;
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
    pub(crate) key: Option<Json>,
    pub(crate) value: Option<Json>,
    pub(crate) value_bytes: usize,
    pub(crate) sha256: Told,
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
