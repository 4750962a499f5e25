//! Acts on all runs that a filter means: what they would do, their start, and how they go on.

use axum::{extract::Path, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Page, html, refused, see_other};
use crate::pages::{
    act::{self, Ask, Dialog, Field, FieldKind, Form},
    chrome::Place,
    plain::{self, BATCHES},
    seen::Problem,
    time::number,
    told::{Json, Marked, Told, percent},
};

/// From so many runs on, their number must be typed.
const TYPED_FROM: u64 = 100;

/// What a batch would do.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Meant {
    matched: u64,
    completed_steps: u64,
    without_compensation: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Begun {
    batch_id: Option<Told>,
}

/// What the API calls an act of the list, with its arguments; none: it cannot be done to all.
fn called(word: &str) -> Option<(&'static str, Value)> {
    Some(match word {
        "cancel" => ("cancel", serde_json::json!({"compensate": true})),
        "terminate" => ("terminate", serde_json::json!({"compensate": false})),
        "pause" => ("pause", Value::Object(Map::new())),
        "retry" => ("activity-retry", Value::Object(Map::new())),
        _ => return None,
    })
}

/// An act on all that match, first as a question.
pub(super) async fn all(page: &Page, form: &Form) -> Response {
    let (word, query) = (text(form, "act"), text(form, "query"));
    let Some((act, arguments)) = called(word) else {
        let problem = crate::pages::calls::problem(
            400,
            "invalid_act",
            "that act is done to selected runs only",
        );
        return refused(page, Place::Workflows, "That was not done", problem).await;
    };
    let body = serde_json::json!({"query": query, "act": act, "arguments": arguments});
    let meant = match asked::<Meant>(page, &body, true).await {
        Ok(meant) => meant,
        Err(problem) => {
            return refused(page, Place::Workflows, "That cannot be done", problem).await;
        }
    };
    let is_typed = meant.matched < TYPED_FROM
        || text(form, "typed").trim().replace(',', "") == meant.matched.to_string();
    if form.contains_key("confirmed") && is_typed {
        let mut body = body;
        if let Some(reason) = form
            .get("reason")
            .filter(|reason| !reason.trim().is_empty())
        {
            body["reason"] = Value::from(reason.trim());
        }
        return match asked::<Begun>(page, &body, false).await {
            Ok(begun) => see_other(&format!(
                "/batches/{}",
                begun.batch_id.unwrap_or_default().path()
            )),
            Err(problem) => refused(page, Place::Workflows, "That was not done", problem).await,
        };
    }
    let dialog = question(word, query, &meant);
    let chrome = page.chrome(&dialog.title, Place::Workflows).await;
    html(act::page(chrome, dialog))
}

fn text<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map_or("", String::as_str)
}

async fn asked<T: serde::de::DeserializeOwned + Default>(
    page: &Page,
    body: &Value,
    is_dry: bool,
) -> Result<T, Problem> {
    let mut body = body.clone();
    body["dry_run"] = Value::Bool(is_dry);
    let ask = Ask {
        method: "POST",
        path: "/api/v1/batches".to_owned(),
        body: body.to_string(),
    };
    let answered = page.calls.ask(ask).await?;
    Ok(serde_json::from_str(&answered.body).unwrap_or_default())
}

fn question(word: &str, query: &str, meant: &Meant) -> Dialog {
    let many = match meant.matched {
        1 => "1 run".to_owned(),
        count => format!("{} runs", number(count)),
    };
    let (verb, text) = match word {
        "cancel" => (
            "Cancel",
            format!(
                "Each is asked to stop and its completed steps are compensated in reverse order. {} have none to compensate.",
                number(meant.without_compensation)
            ),
        ),
        "terminate" => (
            "Terminate",
            format!(
                "They end at once. Nothing is compensated; {} completed steps stay done.",
                number(meant.completed_steps)
            ),
        ),
        "pause" => (
            "Pause",
            "Nothing new of them begins; what is in flight may finish.".to_owned(),
        ),
        _ => (
            "Retry now",
            "The next attempt of each activity that waits for one is sent.".to_owned(),
        ),
    };
    let field = |name, label, kind, value: &str, is_required| Field {
        name,
        label,
        kind,
        value: value.to_owned(),
        is_required,
        options: Vec::new(),
    };
    let hidden = |name, value| field(name, "", FieldKind::Hidden, value, true);
    let mut fields = vec![
        hidden("act", word),
        hidden("all", "true"),
        hidden("confirmed", "yes"),
        hidden("query", query),
    ];
    if meant.matched >= TYPED_FROM {
        fields.push(field(
            "typed",
            "Type how many runs these are",
            FieldKind::Line,
            "",
            true,
        ));
    }
    fields.push(field("reason", "", FieldKind::Reason, "", false));
    let quoted = query.replace('\'', "'\\''");
    Dialog {
        title: format!("{verb} {many}?"),
        text: format!("{text} Runs that close before their turn are skipped."),
        fields,
        keep: "Keep running",
        go: format!("{verb} {many}"),
        is_grave: matches!(word, "cancel" | "terminate"),
        command: match word {
            "retry" => format!("sagaline activity retry -q '{}'", Marked(&quoted)),
            word => format!("sagaline workflow {word} -q '{}'", Marked(&quoted)),
        },
        action: "/acts".to_owned(),
        back: format!("/workflows?query={}", percent(query)),
        diff: Vec::new(),
        is_reviewed: false,
        wrong: None,
    }
}

/// How a batch goes on, with each refusal.
pub(super) async fn batch(Path(name): Path<String>, page: Page) -> Response {
    let path = format!("/batches/{}", percent(&name));
    match page.calls.text(&path, &[]).await {
        Ok(answer) => {
            let chrome = page.chrome(&"Batch", Place::More).await;
            let json = serde_json::from_str::<Json>(&answer).map(|json| json.all());
            let value: Value = serde_json::from_str(&answer).unwrap_or_default();
            let list = serde_json::json!({ "batches": [value] });
            html(plain::table_and(
                chrome,
                &BATCHES,
                &list,
                vec![("All about it", json.unwrap_or_default())],
            ))
        }
        Err(problem) => refused(&page, Place::More, "This batch cannot be shown", problem).await,
    }
}
