//! Acts: their dialogs, and what is posted by them.

use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{Page, batches, html, lists, no_act, refused, runs, see_other};
use crate::pages::{
    act::{self, Act, ActivityAct, Ask, Dialog, Field, FieldKind, Form, IncidentAct},
    calls::{Answered, problem},
    chrome::Place,
    form,
    link::{self, Linked},
    plain,
    seen::{Problem, Run},
    told::{Json, Told, percent},
};

/// Most runs, or incidents, that one form acts on.
const MANY_MAX: usize = 1_000;

/// What is answered to an act.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Done {
    event_seq: Option<u64>,
}

pub(super) async fn of_run(
    Path((Linked(id), run_id, word)): Path<(Linked, String, String)>,
    page: Page,
) -> Response {
    let Some(act) = Act::of(&word) else {
        return no_act(&page, Place::Workflows).await;
    };
    match runs::described(&page, &id, &run_id).await {
        Ok(run) => {
            let known = runs::known(&page, &run).await;
            let dialog = act.dialog(&run, &known, page.number("event"));
            shown(&page, Place::Workflows, dialog).await
        }
        Err(problem) => refused(&page, Place::Workflows, "This run cannot be read", problem).await,
    }
}

pub(super) async fn do_run(
    Path((Linked(id), run_id, word)): Path<(Linked, String, String)>,
    page: Page,
    body: String,
) -> Response {
    let Some(act) = Act::of(&word) else {
        return no_act(&page, Place::Workflows).await;
    };
    let mut form = form::form(&body);
    if !page.of("choice").is_empty() {
        form = match choice(&page, (&id, &run_id)).await {
            Ok(form) => form,
            Err(problem) => {
                return refused(&page, Place::Workflows, "That choice is not there", problem).await;
            }
        };
    }
    let base = link::to_run(&id, &run_id);
    let is_named = form.get("name").is_some_and(|name| !name.trim().is_empty());
    if matches!(act, Act::Signal | Act::Query | Act::Update) && !is_named {
        let problem = problem(400, "invalid_name", "a message needs a name");
        return refused(&page, Place::Workflows, "That was not done", problem).await;
    }
    match page.calls.ask(act.ask(&run_id, &id, &form)).await {
        Ok(answered) if matches!(act, Act::Query | Act::Update) => {
            said(&page, act, answered, base).await
        }
        Ok(answered) => see_other(&done(&base, act.word(), &answered)),
        Err(problem) => refused(&page, Place::Workflows, "That was not done", problem).await,
    }
}

/// A choice that a wait of the run offers, by its label: what it sends is the run's to say, not the page's.
async fn choice(page: &Page, (id, run_id): (&str, &str)) -> Result<Form, Problem> {
    let run = runs::described(page, id, run_id).await?;
    let (name, label) = (page.of("name"), page.of("choice"));
    let wait = run.waits.iter().find(|wait| wait.name.raw() == name);
    let choice = wait.and_then(|wait| {
        wait.choices
            .iter()
            .find(|choice| choice.label.raw() == label)
    });
    let choice = choice.ok_or_else(|| {
        problem(
            409,
            "choice_gone",
            "the run does not offer that choice any more",
        )
    })?;
    let input = choice.input.as_ref().map_or("", Json::raw);
    Ok(Form::from([
        ("name".to_owned(), name.to_owned()),
        ("input".to_owned(), input.to_owned()),
    ]))
}

/// The answer of a query or an update.
async fn said(page: &Page, act: Act, answered: Answered, base: String) -> Response {
    let json = serde_json::from_str::<Json>(&answered.body);
    let answer = json.map_or(answered.body, |json| json.all());
    let title = if act == Act::Query {
        "Answer"
    } else {
        "The update's outcome"
    };
    let chrome = page.chrome(&title, Place::Workflows).await;
    html(act::answer(chrome, title.to_owned(), answer, base))
}

pub(super) async fn of_activity(
    Path((Linked(id), run_id, activity_id, word)): Path<(Linked, String, String, String)>,
    page: Page,
) -> Response {
    let Some(act) = ActivityAct::of(&word) else {
        return no_act(&page, Place::Workflows).await;
    };
    let run = match runs::described(&page, &id, &run_id).await {
        Ok(run) => run,
        Err(problem) => {
            return refused(&page, Place::Workflows, "This run cannot be read", problem).await;
        }
    };
    let activity = run
        .pending_activities
        .iter()
        .find(|activity| activity.activity_id.to_string() == activity_id);
    match activity {
        Some(activity) => shown(&page, Place::Workflows, act.dialog(&run, activity)).await,
        None => {
            let problem = problem(
                409,
                "activity_not_pending",
                "that activity is not pending any more",
            );
            refused(&page, Place::Workflows, "That activity is done", problem).await
        }
    }
}

pub(super) async fn do_activity(
    Path((Linked(id), run_id, activity_id, word)): Path<(Linked, String, String, String)>,
    page: Page,
    body: String,
) -> Response {
    let Some(act) = ActivityAct::of(&word) else {
        return no_act(&page, Place::Workflows).await;
    };
    let base = link::to_run(&id, &run_id);
    match page
        .calls
        .ask(act.ask(&run_id, &id, &activity_id, &form::form(&body)))
        .await
    {
        Ok(answered) => see_other(&done(&base, &format!("activity-{}", act.word()), &answered)),
        Err(problem) => refused(&page, Place::Workflows, "That was not done", problem).await,
    }
}

pub(super) async fn of_incident(Path((id, word)): Path<(String, String)>, page: Page) -> Response {
    let Some(act) = IncidentAct::of(&word) else {
        return no_act(&page, Place::Incidents).await;
    };
    match lists::read_incident(&page, &id).await {
        Ok(incident) => {
            let run =
                runs::described(&page, incident.workflow_id.raw(), incident.run_id.raw()).await;
            let mut dialog = act.dialog(&incident, run.ok().as_ref());
            dialog.action = with_kept(&page, &dialog.action);
            shown(&page, Place::Incidents, dialog).await
        }
        Err(problem) => {
            refused(
                &page,
                Place::Incidents,
                "This incident cannot be read",
                problem,
            )
            .await
        }
    }
}

pub(super) async fn do_incident(
    Path((id, word)): Path<(String, String)>,
    page: Page,
    body: String,
) -> Response {
    let Some(act) = IncidentAct::of(&word) else {
        return no_act(&page, Place::Incidents).await;
    };
    let form = form::form(&body);
    if act == IncidentAct::Retry && form.contains_key("input") {
        let incident = match lists::read_incident(&page, &id).await {
            Ok(incident) => incident,
            Err(problem) => {
                return refused(&page, Place::Incidents, "That was not done", problem).await;
            }
        };
        if !act.is_seen(&incident, &form) {
            let mut dialog = act.review(&incident, None, &form);
            dialog.action = with_kept(&page, &dialog.action);
            return shown(&page, Place::Incidents, dialog).await;
        }
    }
    match page.calls.ask(act.ask(&id, &form)).await {
        Ok(_) => {
            // Its row stays, and says what becomes of it; so do those before it.
            let mut ids = lists::ids_followed(&page);
            ids.retain(|one| *one != id);
            ids.insert(0, id);
            let follow = percent(&ids.join(","));
            let done = format!("/incidents?done={}&follow={follow}", act.word());
            see_other(
                &["group", "query"]
                    .iter()
                    .fold(done, |to, name| match page.of(name) {
                        "" => to,
                        value => format!("{to}&{name}={}", percent(value)),
                    }),
            )
        }
        Err(problem) => refused(&page, Place::Incidents, "That was not done", problem).await,
    }
}

/// A path with what of the address leads back to the same list.
fn with_kept(page: &Page, path: &str) -> String {
    let kept = ["group", "query", "follow"].map(|name| (name, page.of(name)));
    let kept = kept.iter().filter(|(_, value)| !value.is_empty());
    let kept: Vec<String> = kept
        .map(|(name, value)| format!("{name}={}", percent(value)))
        .collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

fn done(base: &str, word: &str, answered: &Answered) -> String {
    let done: Done = serde_json::from_str(&answered.body).unwrap_or_default();
    let event = done
        .event_seq
        .map(|seq| format!("&event={seq}"))
        .unwrap_or_default();
    format!("{base}?done={word}{event}")
}

async fn shown(page: &Page, place: Place, dialog: Dialog) -> Response {
    let chrome = page.chrome(&dialog.title, place).await;
    html(act::page(chrome, dialog))
}

/// One of many that an act is done to.
struct Target {
    name: Told,
    href: String,
    ask: Ask,
}

/// An act on the rows that were selected: first what it means, then, once that is confirmed, one after the other.
pub(super) async fn do_many(page: Page, body: String) -> Response {
    let pairs = form::pairs(&body);
    let form: Form = pairs.iter().cloned().collect();
    let ids: Vec<&str> = pairs
        .iter()
        .filter(|(name, _)| name == "id")
        .map(|(_, id)| id.as_str())
        .take(MANY_MAX)
        .collect();
    let word = form.get("act").map_or("", String::as_str);
    if form.get("all").is_some_and(|all| all == "true") {
        return batches::all(&page, &form).await;
    }
    if !form.contains_key("confirmed") {
        return shown(&page, Place::Workflows, confirm(word, &ids)).await;
    }
    let mut rows = Vec::with_capacity(ids.len());
    let mut done = 0;
    for id in &ids {
        let Some(targets) = targets(&page, word, id, &form).await else {
            return no_act(&page, Place::Workflows).await;
        };
        for target in targets {
            let (is_done, told) = match page.calls.ask(target.ask).await {
                Ok(_) => (true, "done".to_owned()),
                Err(problem) => {
                    let detail = problem
                        .detail
                        .map(|detail| detail.line().to_string())
                        .unwrap_or_default();
                    (false, format!("{}: {detail}", problem.code.line()))
                }
            };
            done += usize::from(is_done);
            rows.push((target.name, target.href, is_done, told));
        }
    }
    let chrome = page.chrome(&"Done", Place::Workflows).await;
    let text = format!("{done} of {} done.", rows.len());
    html(plain::outcomes(chrome, "What became of it", text, rows))
}

/// What an act on many is called, and what it means for each.
const fn meaning(word: &str) -> (&'static str, &'static str) {
    match word.as_bytes() {
        b"cancel" => (
            "Cancel",
            "Each is asked to stop and its completed steps are compensated, last first.",
        ),
        b"terminate" => ("Terminate", "They end at once. Nothing is compensated."),
        b"pause" => (
            "Pause",
            "Nothing new of them begins; what is in flight may finish.",
        ),
        b"retry" => (
            "Retry now",
            "The next attempt of each activity that waits for one is sent. It uses up an attempt like any other.",
        ),
        b"signal" => (
            "Send a signal to",
            "Each takes it when it asks for a signal of that name.",
        ),
        b"reset" => (
            "Reset",
            "Of each a new run goes on from that event, and the run that there is ends as Terminated.",
        ),
        b"incident-retry" => ("Retry", "Each gets a fresh set of attempts."),
        b"incident-skip" => (
            "Skip",
            "The workflows go on as if the activity had returned this result; it is not done.",
        ),
        b"incident-fail" => (
            "Fail",
            "Unless its workflow handles the error each fails, and its completed steps are compensated.",
        ),
        _ => ("Nothing for", "There is no such act."),
    }
}

/// Says what an act means for all of them.
fn confirm(word: &str, ids: &[&str]) -> Dialog {
    let (noun, back) = match word.starts_with("incident-") {
        true => ("incident", "/incidents"),
        false => ("run", "/workflows"),
    };
    let many = match ids.len() {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    let (verb, text) = meaning(word);
    Dialog {
        title: format!("{verb} {many}?"),
        text: format!("{text} Those that close before their turn are skipped."),
        fields: fields(word, ids),
        keep: match word {
            "cancel" | "terminate" | "pause" => "Keep running",
            _ => "Back",
        },
        go: format!("{verb} {many}"),
        is_grave: matches!(word, "cancel" | "terminate" | "reset" | "incident-fail"),
        command: String::new(),
        action: "/acts".to_owned(),
        back: back.to_owned(),
        ..Dialog::default()
    }
}

/// What is sent once it is confirmed: the act, whom it is about, and what it needs.
fn fields(word: &str, ids: &[&str]) -> Vec<Field> {
    let line = |name, label, value: &str| Field::new((name, label), FieldKind::Line, value);
    let json = |name, label, value: &str| Field::new((name, label), FieldKind::Json, value);
    let mut fields = vec![
        Field::hidden("act", word),
        Field::hidden("confirmed", "yes"),
    ];
    fields.extend(ids.iter().map(|id| Field::hidden("id", *id)));
    match word {
        "signal" => {
            fields.push(line("name", "Name", ""));
            fields.push(json("input", "Input (JSON)", ""));
            return fields;
        }
        "reset" => fields.push(line("event_seq", "Back to event", batches::FIRST_EVENT)),
        "incident-skip" => fields.push(json("result", "Result (JSON)", "null")),
        _ => {}
    }
    fields.push(Field::reason());
    fields
}

/// What an act does to one that was selected; none: there is no such act.
async fn targets(page: &Page, word: &str, id: &str, form: &Form) -> Option<Vec<Target>> {
    if let Some(word) = word.strip_prefix("incident-") {
        let act = IncidentAct::of(word)?;
        return Some(vec![Target {
            name: id.into(),
            href: format!("/incidents/{}", percent(id)),
            ask: act.ask(id, form),
        }]);
    }
    let (workflow_id, run_id) = run_of(id)?;
    let target = |ask| Target {
        name: Told::from(workflow_id.as_str()),
        href: link::to_run(&workflow_id, &run_id),
        ask,
    };
    if word != "retry" {
        let many = [
            Act::Cancel,
            Act::Terminate,
            Act::Pause,
            Act::Signal,
            Act::Reset,
        ];
        let act = Act::of(word).filter(|act| many.contains(act))?;
        return Some(vec![target(act.ask(&run_id, &workflow_id, form))]);
    }
    let run: Run = runs::described(page, &workflow_id, &run_id)
        .await
        .unwrap_or_default();
    let waiting = run
        .pending_activities
        .iter()
        .filter(|activity| activity.state == "retrying");
    let asks = waiting.map(|activity| {
        ActivityAct::Retry.ask(
            &run_id,
            &workflow_id,
            &activity.activity_id.to_string(),
            form,
        )
    });
    Some(asks.map(target).collect())
}

/// The run that a row of the list stands for: its id and run id, each percent-encoded, with a slash between.
fn run_of(row: &str) -> Option<(String, String)> {
    let (id, run_id) = row.split_once('/')?;
    let decoded = |text: &str| form::pairs(text).pop().map(|(text, _)| text);
    Some((decoded(id)?, decoded(run_id)?))
}
