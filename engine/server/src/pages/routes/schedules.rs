//! Schedules: the list, one, the form of one, and acts.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Response},
};

use super::{Page, found_or_not, html, no_act, refused, see_other, status_of, with_status};
use crate::pages::{
    act::{self, Form, ScheduleAct},
    chrome::{Note, Place},
    form,
    schedule::{self, Description, Filled, SchedulePage},
    seen::Problem,
    start::Info,
    told::{Told, percent},
};

pub(super) async fn list(page: Page) -> Response {
    let found = page.calls.get::<SchedulePage>("/schedules", &[]).await;
    let mut chrome = page.chrome(&"Schedules", Place::Schedules).await;
    chrome.note = note(&page);
    let (found, status) = found_or_not(found, &mut chrome);
    with_status(status, schedule::list(chrome, found))
}

async fn described(page: &Page, name: &str) -> Result<Description, Problem> {
    let path = format!("/schedules/{}", percent(name));
    page.calls.get(&path, &[]).await
}

async fn not_shown(page: &Page, problem: Problem) -> Response {
    refused(
        page,
        Place::Schedules,
        "This schedule cannot be shown",
        problem,
    )
    .await
}

pub(super) async fn one(Path(name): Path<String>, page: Page) -> Response {
    match described(&page, &name).await {
        Ok(one) => {
            let mut chrome = page.chrome(&one.name.line(), Place::Schedules).await;
            chrome.note = note(&page);
            // The schedule is a run: what becomes of it is told as of any.
            chrome.stream = Some(format!(
                "/read/stream/workflows/schedule%2F{}",
                percent(&name)
            ));
            html(schedule::page(chrome, one))
        }
        Err(problem) => not_shown(&page, problem).await,
    }
}

fn note(page: &Page) -> Option<Note> {
    let text = match page.of("done") {
        "create" => "The schedule is created.",
        "edit" => "The schedule is changed.",
        word => ScheduleAct::of(word)?.note(),
    };
    Some(Note::of(text))
}

pub(super) async fn new(page: Page) -> Response {
    let info = info(&page).await;
    let workflow = page.of("workflow");
    let known = info.workflows.iter().find(|one| one.name.raw() == workflow);
    let filled = Filled::of_workflow(workflow, known.and_then(|one| one.example_inputs.first()));
    let chrome = page.chrome(&"Create a schedule", Place::Schedules).await;
    html(schedule::form_page(chrome, filled, None, info.workflows))
}

async fn info(page: &Page) -> Info {
    let info = page.calls.get::<Info>("/info", &[]).await;
    info.unwrap_or_default()
}

/// Makes one; of a name that is taken another is meant.
pub(super) async fn create(page: Page, body: String) -> Response {
    let form = form::form(&body);
    let name = form.get("name").map_or("", |name| name.trim()).to_owned();
    match described(&page, &name).await {
        Ok(_) => {
            let text = format!(
                "there is a schedule {} already",
                Told::from(name.as_str()).line()
            );
            let problem = crate::pages::calls::problem(409, "schedule_exists", &text);
            again(&page, form, None, problem).await
        }
        Err(problem) if problem.status == 404 => put(&page, &name, form, None).await,
        Err(problem) => again(&page, form, None, problem).await,
    }
}

pub(super) async fn edit(Path(name): Path<String>, page: Page) -> Response {
    match described(&page, &name).await {
        Ok(one) => {
            let info = info(&page).await;
            let chrome = page.chrome(&one.name.line(), Place::Schedules).await;
            let filled = Filled::like(&one.schedule);
            html(schedule::form_page(
                chrome,
                filled,
                Some(one.name),
                info.workflows,
            ))
        }
        Err(problem) => not_shown(&page, problem).await,
    }
}

pub(super) async fn change(Path(name): Path<String>, page: Page, body: String) -> Response {
    put(
        &page,
        &name,
        form::form(&body),
        Some(Told::from(name.as_str())),
    )
    .await
}

async fn put(page: &Page, name: &str, form: Form, changed: Option<Told>) -> Response {
    let word = if changed.is_some() { "edit" } else { "create" };
    match page.calls.ask(schedule::ask(name, &form)).await {
        Ok(_) => see_other(&format!("/schedules/{}?done={word}", percent(name))),
        Err(problem) => again(page, form, changed, problem).await,
    }
}

/// The form as it was sent, with the reason why it was refused.
async fn again(page: &Page, form: Form, changed: Option<Told>, problem: Problem) -> Response {
    let status = status_of(&problem);
    let info = info(page).await;
    let mut chrome = page.chrome(&"Schedule", Place::Schedules).await;
    chrome.problem = Some(problem);
    let filled = Filled::of(form);
    with_status(
        status,
        schedule::form_page(chrome, filled, changed, info.workflows),
    )
}

pub(super) async fn of_act(Path((name, word)): Path<(String, String)>, page: Page) -> Response {
    let Some(act) = ScheduleAct::of(&word) else {
        return no_act(&page, Place::Schedules).await;
    };
    match described(&page, &name).await {
        Ok(one) => {
            let chrome = page.chrome(&one.name.line(), Place::Schedules).await;
            let dialog = act.dialog(&one, chrome.now);
            html(act::page(chrome, dialog))
        }
        Err(problem) => not_shown(&page, problem).await,
    }
}

pub(super) async fn do_act(
    Path((name, word)): Path<(String, String)>,
    page: Page,
    body: String,
) -> Response {
    let Some(act) = ScheduleAct::of(&word) else {
        return no_act(&page, Place::Schedules).await;
    };
    let base = match act {
        ScheduleAct::Delete => "/schedules".to_owned(),
        _ => format!("/schedules/{}", percent(&name)),
    };
    match page.calls.ask(act.ask(&name, &form::form(&body))).await {
        Ok(_) => see_other(&format!("{base}?done={word}")).into_response(),
        Err(problem) => refused(&page, Place::Schedules, "That was not done", problem).await,
    }
}
