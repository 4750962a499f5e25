//! Acts on all runs that a filter means: what they would do, their start, and how they go on.

use axum::{extract::Path, response::Response};
use serde::Deserialize;
use serde_json::Value;

use super::{Page, html, refused, see_other};
use crate::pages::{
    act::{self, Ask, Dialog, Field, FieldKind, Form},
    chrome::{AGAIN_SOON_S, Place},
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

/// What the API calls an act of the list, with its arguments as JSON; none: it cannot be done to all.
fn called(word: &str, form: &Form) -> Option<(&'static str, String)> {
    let or = |name: &str, else_: &str| match text(form, name).trim() {
        "" => else_.to_owned(),
        given => given.to_owned(),
    };
    Some(match word {
        "cancel" => ("cancel", r#"{"compensate":true}"#.to_owned()),
        "terminate" => ("terminate", r#"{"compensate":false}"#.to_owned()),
        "pause" => ("pause", "{}".to_owned()),
        "retry" => ("activity-retry", "{}".to_owned()),
        "signal" => {
            // Until it is confirmed, only how many take it is asked: by any name.
            let name = Value::from(or("name", "signal"));
            let input = or("input", "null");
            ("signal", format!("{{\"name\":{name},\"input\":{input}}}"))
        }
        "reset" => {
            let event: u64 = or("event_seq", FIRST_EVENT).parse().ok()?;
            ("reset", format!("{{\"event_seq\":{event}}}"))
        }
        _ => return None,
    })
}

/// Where a reset begins anew, unless another event is named.
pub(super) const FIRST_EVENT: &str = "1";

/// An act on all that match, first as a question.
pub(super) async fn all(page: &Page, form: &Form) -> Response {
    let (word, query) = (text(form, "act"), text(form, "query"));
    let Some((act, arguments)) = called(word, form) else {
        let problem = crate::pages::calls::problem(
            400,
            "invalid_act",
            "there is no such act, or what it needs is missing",
        );
        return refused(page, Place::Workflows, "That was not done", problem).await;
    };
    // What was filled in goes on verbatim: a number in it is never read as a float.
    let body = format!(
        "\"query\":{},\"act\":\"{act}\",\"arguments\":{arguments}",
        Value::from(query)
    );
    let meant = match asked::<Meant>(page, format!("{{{body},\"dry_run\":true}}")).await {
        Ok(meant) => meant,
        Err(problem) => {
            return refused(page, Place::Workflows, "That cannot be done", problem).await;
        }
    };
    let is_typed = meant.matched < TYPED_FROM
        || text(form, "typed").trim().replace(',', "") == meant.matched.to_string();
    if form.contains_key("confirmed") && is_typed {
        let reason = match text(form, "reason").trim() {
            "" => String::new(),
            reason => format!(",\"reason\":{}", Value::from(reason)),
        };
        let body = format!("{{{body}{reason},\"dry_run\":false}}");
        return match asked::<Begun>(page, body).await {
            Ok(begun) => match begun.batch_id {
                Some(id) => see_other(&format!("/batches/{}", id.path())),
                // None is meant any more.
                None => see_other(&format!("/workflows?query={}", percent(query))),
            },
            Err(problem) => refused(page, Place::Workflows, "That was not done", problem).await,
        };
    }
    let dialog = question(word, (query, form), &meant);
    let chrome = page.chrome(&dialog.title, Place::Workflows).await;
    html(act::page(chrome, dialog))
}

fn text<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map_or("", String::as_str)
}

async fn asked<T: serde::de::DeserializeOwned + Default>(
    page: &Page,
    body: String,
) -> Result<T, Problem> {
    let ask = Ask {
        method: "POST",
        path: "/api/v1/batches".to_owned(),
        body,
    };
    let answered = page.calls.ask(ask).await?;
    Ok(serde_json::from_str(&answered.body).unwrap_or_default())
}

/// What an act on all of them is called, and what it means.
fn meaning(word: &str, meant: &Meant) -> (&'static str, String) {
    match word {
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
        "signal" => (
            "Send a signal to",
            "Each takes it when it asks for a signal of that name.".to_owned(),
        ),
        "reset" => (
            "Reset",
            "Of each a new run goes on from that event, and the run that there is ends as Terminated. What came after that event happens again.".to_owned(),
        ),
        _ => (
            "Retry now",
            "The next attempt of each activity that waits for one is sent.".to_owned(),
        ),
    }
}

fn question(word: &str, (query, form): (&str, &Form), meant: &Meant) -> Dialog {
    let many = match meant.matched {
        1 => "1 run".to_owned(),
        count => format!("{} runs", number(count)),
    };
    let (verb, says) = meaning(word, meant);
    Dialog {
        title: format!("{verb} {many}?"),
        text: format!("{says} Runs that close before their turn are skipped."),
        fields: fields(word, (query, form), meant),
        keep: "Keep running",
        go: format!("{verb} {many}"),
        is_grave: matches!(word, "cancel" | "terminate" | "reset"),
        command: command(word, query),
        action: "/acts".to_owned(),
        back: format!("/workflows?query={}", percent(query)),
        ..Dialog::default()
    }
}

/// What is sent once it is confirmed: the act, what it is about, and what it needs.
fn fields(word: &str, (query, form): (&str, &Form), meant: &Meant) -> Vec<Field> {
    let line = |name, label, value| Field::new((name, label), FieldKind::Line, value).required();
    let mut fields = vec![
        Field::hidden("act", word),
        Field::hidden("all", "true"),
        Field::hidden("confirmed", "yes"),
        Field::hidden("query", query),
    ];
    if meant.matched >= TYPED_FROM {
        fields.push(line("typed", "Type how many runs these are", ""));
    }
    match word {
        "signal" => {
            fields.push(line("name", "Name", text(form, "name")));
            let named = ("input", "Input (JSON)");
            fields.push(Field::new(named, FieldKind::Json, text(form, "input")));
        }
        "reset" => {
            let event = text(form, "event_seq");
            let event = if event.is_empty() { FIRST_EVENT } else { event };
            fields.push(line("event_seq", "Back to event", event));
        }
        _ => {}
    }
    fields.push(Field {
        value: text(form, "reason").to_owned(),
        ..Field::reason()
    });
    fields
}

/// The same act as a command.
fn command(word: &str, query: &str) -> String {
    let quoted = query.replace('\'', "'\\''");
    let query = format!("-q '{}'", Marked(&quoted));
    match word {
        "retry" => format!("sagaline activity retry {query}"),
        "signal" => format!("sagaline workflow signal --name NAME --input JSON {query}"),
        "reset" => format!("sagaline workflow reset --event {FIRST_EVENT} {query}"),
        word => format!("sagaline workflow {word} {query}"),
    }
}

/// How a batch goes on, with each refusal.
pub(super) async fn batch(Path(name): Path<String>, page: Page) -> Response {
    let path = format!("/batches/{}", percent(&name));
    match page.calls.text(&path, &[]).await {
        Ok(answer) => {
            let mut chrome = page.chrome(&"Batch", Place::More).await;
            let json = serde_json::from_str::<Json>(&answer).map(|json| json.all());
            let value: Value = serde_json::from_str(&answer).unwrap_or_default();
            let is_open = value.get("closed_at").is_some_and(Value::is_null);
            chrome.again_s = is_open.then_some(AGAIN_SOON_S);
            let stop = is_open.then(|| (format!("{path}/cancel"), "Stop this batch"));
            let list = serde_json::json!({ "batches": [value] });
            let whole = vec![("All about it", json.unwrap_or_default())];
            html(plain::table_and(chrome, (&BATCHES, &list), whole, stop))
        }
        Err(problem) => refused(&page, Place::More, "This batch cannot be shown", problem).await,
    }
}

/// Stops one: what it has begun it ends.
pub(super) async fn stop(Path(name): Path<String>, page: Page) -> Response {
    let path = format!("/batches/{}", percent(&name));
    let ask = Ask {
        method: "POST",
        path: format!("/api/v1{path}/cancel"),
        body: "{}".to_owned(),
    };
    match page.calls.ask(ask).await {
        Ok(_) => see_other(&path),
        Err(problem) => refused(&page, Place::More, "The batch is not stopped", problem).await,
    }
}
