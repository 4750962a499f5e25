//! What the API is asked by an act, from what a form sent. JSON goes on verbatim.

use serde_json::{Map, Value};

use super::{Act, ActivityAct, Ask, Form, IncidentAct};
use crate::pages::told::percent;

impl Act {
    /// What the API is asked, by what the form says.
    pub(crate) fn ask(self, run_id: &str, id: &str, form: &Form) -> Ask {
        let name = percent(form.get("name").map_or("", String::as_str));
        let input = form
            .get("input")
            .map_or("", |input| input.trim())
            .to_owned();
        let mut body = Map::new();
        put_text(&mut body, form, "reason");
        let (tail, body) = match self {
            Self::Signal => (format!("signals/{name}"), input),
            Self::Query => (format!("queries/{name}"), input),
            Self::Update => (format!("updates/{name}"), input),
            Self::Cancel => {
                body.insert("compensate".to_owned(), Value::Bool(true));
                ("cancel".to_owned(), Value::Object(body).to_string())
            }
            Self::Terminate => {
                body.insert("compensate".to_owned(), Value::Bool(false));
                ("terminate".to_owned(), Value::Object(body).to_string())
            }
            Self::Reset => {
                let event: u64 = form
                    .get("event_seq")
                    .and_then(|event| event.parse().ok())
                    .unwrap_or_default();
                body.insert("event_seq".to_owned(), Value::from(event));
                ("reset".to_owned(), Value::Object(body).to_string())
            }
            Self::Pause | Self::Resume => (self.word().to_owned(), Value::Object(body).to_string()),
            Self::Delete => (String::new(), Value::Object(body).to_string()),
        };
        let slash = if tail.is_empty() { "" } else { "/" };
        let wait = if self == Self::Update {
            "&wait=completed"
        } else {
            ""
        };
        Ask {
            method: if self == Self::Delete {
                "DELETE"
            } else {
                "POST"
            },
            path: format!(
                "/api/v1/workflows/{}{slash}{tail}?run_id={}{wait}",
                percent(id),
                percent(run_id)
            ),
            body,
        }
    }
}

impl ActivityAct {
    /// What the API is asked, by what the form says.
    pub(crate) fn ask(self, run_id: &str, id: &str, activity_id: &str, form: &Form) -> Ask {
        let mut body = Map::new();
        for name in ["reason", "type", "message"] {
            put_text(&mut body, form, name);
        }
        let mut body = Value::Object(body).to_string();
        for name in ["input", "result"] {
            put_json(&mut body, form, name);
        }
        let word = self.word();
        Ask {
            method: "POST",
            path: format!(
                "/api/v1/workflows/{}/activities/{}/{word}?run_id={}",
                percent(id),
                percent(activity_id),
                percent(run_id)
            ),
            body,
        }
    }
}

impl IncidentAct {
    /// What the API is asked, by what the form says.
    pub(crate) fn ask(self, incident: &str, form: &Form) -> Ask {
        let mut body = Map::new();
        put_text(&mut body, form, "reason");
        let mut body = Value::Object(body).to_string();
        for name in ["input", "result"] {
            put_json(&mut body, form, name);
        }
        Ask {
            method: "POST",
            path: format!("/api/v1/incidents/{}/{}", percent(incident), self.word()),
            body,
        }
    }
}

/// Adds a text that was filled in.
pub(super) fn put_text(body: &mut Map<String, Value>, form: &Form, name: &str) {
    let text = form.get(name).filter(|text| !text.trim().is_empty());
    if let Some(text) = text {
        body.insert(name.to_owned(), Value::String(text.trim().to_owned()));
    }
}

/// Adds a member that is JSON already, verbatim: a number in it is never read as a float. What is no JSON is the API's to refuse.
fn put_json(body: &mut String, form: &Form, name: &str) {
    let Some(json) = form
        .get(name)
        .map(|json| json.trim())
        .filter(|json| !json.is_empty())
    else {
        return;
    };
    body.truncate(body.len().saturating_sub(1));
    let comma = if body.ends_with('{') { "" } else { "," };
    body.push_str(&format!("{comma}\"{name}\":{json}}}"));
}
