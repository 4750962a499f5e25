//! The page that starts a workflow, and what the API is asked by it.

use askama::Template;
use serde::Deserialize;

use super::{
    act::{Ask, Form},
    chrome::{Chrome, Place},
    seen::Run,
    told::{Json, Told},
};

/// What the app says of itself: its workflows, with what they take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Info {
    pub(crate) workflows: Vec<KnownWorkflow>,
}

/// A workflow of the app.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KnownWorkflow {
    pub(crate) name: Told,
    pub(crate) example_inputs: Vec<Json>,
    pub(crate) signals: Vec<Told>,
    pub(crate) queries: Vec<Told>,
    pub(crate) updates: Vec<Told>,
}

/// What stands in the form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) workflow: String,
    pub(crate) id: String,
    pub(crate) input: String,
    pub(crate) version: String,
    pub(crate) attributes: String,
}

impl Filled {
    /// Like a run that is there already, with a new id.
    pub(crate) fn like(run: &Run) -> Self {
        let attributes: Vec<String> = run
            .attributes
            .iter()
            .map(|(name, value)| {
                format!("  {}: {}", serde_json::Value::from(name.raw()), value.raw())
            })
            .collect();
        Self {
            workflow: run
                .workflow
                .as_ref()
                .map(|name| name.raw().to_owned())
                .unwrap_or_default(),
            id: String::new(),
            input: run.input.as_ref().map(Json::editable).unwrap_or_default(),
            version: run
                .version
                .as_ref()
                .map(|version| version.raw().to_owned())
                .unwrap_or_default(),
            attributes: if attributes.is_empty() {
                String::new()
            } else {
                format!("{{\n{}\n}}", attributes.join(",\n"))
            },
        }
    }

    /// As it was sent, when it was refused.
    pub(crate) fn of(form: &Form) -> Self {
        let of = |name: &str| form.get(name).cloned().unwrap_or_default();
        Self {
            workflow: of("workflow"),
            id: of("id"),
            input: of("input"),
            version: of("version"),
            attributes: of("attributes"),
        }
    }
}

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    chrome: Chrome,
    form: Filled,
    workflows: Vec<KnownWorkflow>,
}

/// The page.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(chrome: Chrome, form: Filled, info: Info) -> askama::Result<String> {
    StartPage {
        chrome,
        form,
        workflows: info.workflows,
    }
    .render()
}

/// What the API is asked. JSON goes on verbatim.
pub(crate) fn ask(form: &Form) -> Ask {
    let mut members: Vec<String> = Vec::new();
    let given = |name: &str| {
        form.get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    for name in ["workflow", "id", "version", "id_conflict"] {
        members.extend(
            given(name).map(|value| format!("\"{name}\":{}", serde_json::Value::from(value))),
        );
    }
    for name in ["input", "attributes", "run_timeout_ms"] {
        members.extend(given(name).map(|value| format!("\"{name}\":{value}")));
    }
    Ask {
        method: "POST",
        path: "/api/v1/workflows".to_owned(),
        body: format!("{{{}}}", members.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_has_what_was_filled_in() {
        let form =
            super::super::form::form("workflow=order&id=&input=%7B%22n%22%3A1.50%7D&version=2");

        assert_eq!(
            ask(&form).body,
            r#"{"workflow":"order","version":"2","input":{"n":1.50}}"#
        );
    }
}
