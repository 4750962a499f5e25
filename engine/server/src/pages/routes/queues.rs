//! A task queue, and acts on it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{extract::Path, response::Response};
use tokio::time::{Instant, timeout};

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

/// Queues as they were seen a moment ago, for pages that say but a word of them. Whose answer is under way is not asked for
/// again.
#[derive(Default)]
pub(super) struct Lately(Mutex<HashMap<Told, (Instant, Option<Queue>)>>);

/// What was seen is good for so long: pages of runs are read again at each of their events.
const LATELY: Duration = Duration::from_secs(5);

/// Most queues that are kept in mind.
const LATELY_MAX: usize = 100;

/// A page waits for Kafka's word so long; what comes later is there for the next one.
const LATELY_WAIT: Duration = Duration::from_millis(20);

impl Lately {
    fn queues(&self) -> MutexGuard<'_, HashMap<Told, (Instant, Option<Queue>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, name: &Told, queue: Option<Queue>) {
        let mut queues = self.queues();
        queues.retain(|_, (at, _)| at.elapsed() < LATELY);
        if queues.len() < LATELY_MAX {
            queues.insert(name.clone(), (Instant::now(), queue));
        }
    }

    fn get(&self, name: &Told) -> Option<Option<Queue>> {
        let queues = self.queues();
        let (at, queue) = queues.get(name)?;
        (at.elapsed() < LATELY).then(|| queue.clone())
    }
}

/// A queue as it was a moment ago; none where Kafka does not say in time.
pub(super) async fn lately(page: &Page, name: &Told) -> Option<Queue> {
    if let Some(known) = page.queues.get(name) {
        return known;
    }
    page.queues.set(name, None);
    let (calls, lately, name) = (page.calls.clone(), page.queues.clone(), name.clone());
    let asked = tokio::spawn(async move {
        let path = format!("/task-queues/{}", name.path());
        let queue = calls.get::<Queue>(&path, &[]).await.ok();
        lately.set(&name, queue.clone());
        queue
    });
    timeout(LATELY_WAIT, asked).await.ok()?.ok()?
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
