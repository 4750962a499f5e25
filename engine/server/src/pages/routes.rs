//! Which page is at which path. Each reads what it shows by calls of the API, and posts acts by them.

mod acts;
mod batches;
mod lists;
mod queues;
mod read;
mod rejected;
mod runs;
mod schedules;
mod sign_in;
mod workflows;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

pub(super) use sign_in::bearer;

use super::{
    assets,
    calls::{Calls, now, problem},
    chrome::{AGAIN_S, Chrome, Place, Reader, Theme, Wishes},
    form,
    plain::{self, Kind},
    seen::{Counts, Problem},
    told::Told,
};
use crate::{api::Api, offer::DemoOffer};

/// What pages may do in a browser: nothing of others, no script or style but those of this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What pages are made with.
#[derive(Clone)]
struct Pages {
    /// The API that they call.
    api: Router,
    welcome: Arc<Welcome>,
    queues: Arc<queues::Lately>,
}

/// What a newcomer is told, and offered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Welcome {
    /// The program, as it was called.
    pub(crate) program: String,
    /// The brokers' addresses.
    pub(crate) kafka: String,
    pub(crate) namespace: String,
    pub(crate) demo: Option<DemoOffer>,
}

impl Welcome {
    pub(crate) fn of(api: &Api) -> Self {
        Self {
            program: std::env::args().next().unwrap_or_default(),
            kafka: api.kafka().bootstrap().to_owned(),
            namespace: api.namespace().to_owned(),
            demo: api.demo().cloned(),
        }
    }
}

/// All pages; `api` answers below `/api/v1`, with problems written out.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(api: Router, welcome: Welcome) -> Router<S> {
    let pages = Router::new()
        .route("/", get(workflows::list))
        .route("/workflows", get(workflows::list))
        .route("/views", post(workflows::keep))
        .route("/views/{name}/delete", post(workflows::forget))
        .route("/demo", post(workflows::demo))
        .route("/workflows/open", get(lists::open))
        .route("/workflows/new", get(lists::new).post(lists::start))
        .route("/workflows/{id}", get(runs::newest))
        .merge(of_runs())
        .route("/acts", post(acts::do_many))
        .merge(of_schedules())
        .merge(of_queues())
        .route(
            "/definitions",
            get(async |page: Page| list(page, &plain::DEFINITIONS).await),
        )
        .route(
            "/retry-topics",
            get(async |page: Page| list(page, &plain::RETRY_TOPICS).await),
        )
        .route(
            "/partitions",
            get(async |page: Page| list(page, &plain::PARTITIONS).await),
        )
        .route(
            "/batches",
            get(async |page: Page| list(page, &plain::BATCHES).await),
        )
        .route("/batches/{name}", get(batches::batch))
        .route("/batches/{name}/cancel", post(batches::stop))
        .route("/read/stream/workflows/{id}", get(read::stream))
        .route("/read/{*path}", get(read::read))
        .route("/inputs", get(rejected::list))
        .route("/inputs/{id}/redrive", post(rejected::redrive))
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/more", get(more))
        .layer(middleware::from_fn(guarded))
        .route("/assets/{hash}/{name}", get(assets::serve));
    pages.with_state(Pages {
        api,
        welcome: Arc::new(welcome),
        queues: Arc::default(),
    })
}

/// Pages of runs and incidents, and acts on them.
fn of_runs() -> Router<Pages> {
    const RUN: &str = "/workflows/{id}/runs/{run_id}";
    Router::new()
        .route(RUN, get(runs::run))
        .route(&format!("{RUN}/history.jsonl"), get(read::history))
        .route(
            &format!("{RUN}/{{act}}"),
            get(acts::of_run).post(acts::do_run),
        )
        .route(
            &format!("{RUN}/activities/{{activity_id}}/{{act}}"),
            get(acts::of_activity).post(acts::do_activity),
        )
        .route("/incidents", get(lists::incidents))
        .route("/incidents/{incident}", get(lists::incident))
        .route(
            "/incidents/{incident}/{act}",
            get(acts::of_incident).post(acts::do_incident),
        )
}

fn of_schedules() -> Router<Pages> {
    Router::new()
        .route("/schedules", get(schedules::list))
        .route("/new-schedule", get(schedules::new).post(schedules::create))
        .route("/schedules/{name}", get(schedules::one))
        .route(
            "/schedules/{name}/edit",
            get(schedules::edit).post(schedules::change),
        )
        .route(
            "/schedules/{name}/{act}",
            get(schedules::of_act).post(schedules::do_act),
        )
}

fn of_queues() -> Router<Pages> {
    Router::new()
        .route(
            "/task-queues",
            get(async |page: Page| list(page, &plain::TASK_QUEUES).await),
        )
        .route("/task-queues/{name}", get(queues::one))
        .route(
            "/task-queues/{name}/{act}",
            get(queues::of_act).post(queues::do_act),
        )
}

/// The headers of every page.
async fn guarded(request: Request, next: Next) -> Response {
    let to = request.uri().path_and_query().map(ToString::to_string);
    let to = to
        .filter(|_| request.method() == Method::GET)
        .unwrap_or_default();
    let was_refused = sign_in::has_token(request.headers());
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        response = sign_in::ask(&to, was_refused);
    }
    let set = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in set {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A request for a page: who asks, for what, and how they want it.
struct Page {
    calls: Calls,
    welcome: Arc<Welcome>,
    queues: Arc<queues::Lately>,
    query: Vec<(String, String)>,
    wishes: Wishes,
}

impl FromRequestParts<Pages> for Page {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Self::Rejection> {
        Ok(Self {
            calls: Calls::of(&pages.api, parts),
            welcome: pages.welcome.clone(),
            queues: pages.queues.clone(),
            query: form::pairs(parts.uri.query().unwrap_or_default()),
            wishes: wishes(&parts.headers),
        })
    }
}

impl Page {
    fn of(&self, name: &str) -> &str {
        self.said(name).unwrap_or_default()
    }

    /// What the address says of that name: the last counts.
    fn said(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let all = self.query.iter().filter(move |(said, _)| said == name);
        all.map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.of(name).parse().ok()
    }

    /// What stands on every page. How many incidents there are is left out where that cannot be read.
    async fn chrome(&self, title: &(dyn std::fmt::Display + Sync), place: Place) -> Chrome {
        let incidents = self
            .calls
            .get::<Counts>("/workflow-counts", &[("query", "Situation = \"incident\"")])
            .await;
        let mut chrome = Chrome::new(&title, place, now());
        chrome.wishes = self.wishes;
        chrome.incidents = incidents.ok().map(|counts| counts.count);
        chrome.behind_ms = self.calls.behind_ms();
        if let Some(caller) = self.calls.caller() {
            chrome.reader = Reader {
                name: caller.name.as_deref().map(Told::from),
                may_act: caller.may_act,
                may_delete: caller.may_delete,
            };
        }
        chrome
    }
}

fn wishes(headers: &HeaderMap) -> Wishes {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok());
    let mut wishes = Wishes::default();
    for cookie in cookies.flat_map(|cookies| cookies.split(';')) {
        match cookie.trim() {
            "sl_theme=dark" => wishes.theme = Theme::Dark,
            "sl_theme=light" => wishes.theme = Theme::Light,
            "sl_live=1" => wishes.is_live = true,
            _ => {}
        }
    }
    wishes
}

/// A page as an answer.
fn html(page: askama::Result<String>) -> Response {
    with_status(StatusCode::OK, page)
}

fn with_status(status: StatusCode, page: askama::Result<String>) -> Response {
    match page {
        Ok(html) => (
            status,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            html,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says why there is no other.
async fn refused(page: &Page, place: Place, title: &str, problem: Problem) -> Response {
    let status = status_of(&problem);
    let mut chrome = page.chrome(&title, place).await;
    chrome.problem = Some(problem);
    with_status(status, plain::failed(chrome, title, ""))
}

/// What was found; or nothing, with the reason on the page.
fn found_or_not<T: Default>(found: Result<T, Problem>, chrome: &mut Chrome) -> (T, StatusCode) {
    match found {
        Ok(found) => (found, StatusCode::OK),
        Err(problem) => {
            let status = status_of(&problem);
            chrome.problem = Some(problem);
            (T::default(), status)
        }
    }
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// There is no act of that word.
async fn no_act(page: &Page, place: Place) -> Response {
    let problem = problem(404, "not_found", "there is no such act");
    refused(page, place, "There is no such act", problem).await
}

fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// A list of the API as a table.
async fn list(page: Page, kind: &Kind) -> Response {
    let answer = page.calls.get::<serde_json::Value>(kind.path, &[]).await;
    let mut chrome = page.chrome(&kind.title, kind.place).await;
    chrome.again_s = Some(AGAIN_S);
    let (answer, status) = found_or_not(answer, &mut chrome);
    with_status(status, plain::table(chrome, kind, &answer))
}

async fn more(page: Page) -> Response {
    html(plain::more(page.chrome(&"More", Place::More).await))
}
