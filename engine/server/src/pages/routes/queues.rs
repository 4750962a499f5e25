//! A task queue, and acts on it.

use axum::{extract::Path, response::Response};

use super::{Page, html, no_act, refused, see_other};
use crate::pages::{
    act::{self, QueueAct},
    calls,
    chrome::{AGAIN_S, Note, Place},
    form,
    queue::{self, Queue},
    seen::Problem,
    told::{Told, percent},
};

async fn described(page: &Page, name: &str) -> Result<Queue, Problem> {
    let path = format!("/task-queues/{}", percent(name));
    page.calls.get(&path, &[]).await
}

async fn not_shown(page: &Page, problem: Problem) -> Response {
    let title = "This task queue cannot be shown";
    refused(page, Place::TaskQueues, title, problem).await
}

pub(super) async fn one(Path(name): Path<String>, page: Page) -> Response {
    match described(&page, &name).await {
        Ok(one) => {
            let mut chrome = page.chrome(&one.name.line(), Place::TaskQueues).await;
            chrome.again_s = Some(AGAIN_S);
            chrome.note = QueueAct::of(page.of("done")).map(|act| Note::of(act.note()));
            html(queue::page(chrome, one))
        }
        Err(problem) => not_shown(&page, problem).await,
    }
}

pub(super) async fn of_act(Path((name, word)): Path<(String, String)>, page: Page) -> Response {
    let Some(act) = QueueAct::of(&word) else {
        return no_act(&page, Place::TaskQueues).await;
    };
    match described(&page, &name).await {
        Ok(one) => {
            let chrome = page.chrome(&one.name.line(), Place::TaskQueues).await;
            let activity = Some(page.of("activity")).filter(|name| !name.is_empty());
            let activity = activity.map(Told::from);
            html(act::page(chrome, act.dialog(&one, activity.as_ref())))
        }
        Err(problem) => not_shown(&page, problem).await,
    }
}

pub(super) async fn do_act(
    Path((name, word)): Path<(String, String)>,
    page: Page,
    body: String,
) -> Response {
    let Some(act) = QueueAct::of(&word) else {
        return no_act(&page, Place::TaskQueues).await;
    };
    let ask = act.ask(&name, &form::form(&body));
    let done = match ask {
        Ok(ask) => page.calls.ask(ask).await,
        Err(wrong) => Err(calls::problem(400, "invalid_body", &wrong)),
    };
    match done {
        Ok(_) => see_other(&format!("/task-queues/{}?done={word}", percent(&name))),
        Err(problem) => refused(&page, Place::TaskQueues, "That was not done", problem).await,
    }
}
