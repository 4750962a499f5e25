//! Pages as browsers get them, on an API that answers from files.

mod acts;
mod faults;
mod history;
mod hostile;
mod lists;
mod queues;
mod schedules;
mod who;

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

use crate::api::{Behind, Caller};

const RUN: &str = include_str!("tests/run.json");
const HISTORY: &str = include_str!("tests/history.json");

/// Markup, escape sequences, text that turns the direction, quotes.
const EVIL: &str = "<script>alert(1)</script>\u{1b}[31m\u{202e}\"'><img src=x onerror=alert(1)>";

/// An API of one run, and what it was asked to do.
#[derive(Clone)]
struct Shop {
    run: Value,
    history: Value,
    asked: Arc<Mutex<Vec<(Method, String, String)>>>,
    refuses: Option<&'static str>,
    /// The header without which nobody is answered.
    wants: Option<&'static str>,
    welcome: super::Welcome,
    schedule: Value,
    queue: Value,
    /// Who the API says that it is.
    caller: Option<Caller>,
    behind: Option<Behind>,
    /// No run is there.
    is_empty: bool,
    /// The database does not answer: only owners know of runs.
    is_gone: bool,
}

/// Inputs that were rejected.
fn rejected() -> Value {
    json!({"inputs": [{"id": "1-12", "workflow_id": EVIL, "at": "2026-11-26T18:45:48Z", "reason": "unknown-workflow", "message": EVIL,
        "ce_type": EVIL, "cause": {"topic": "sagaline.inbox", "partition": 1, "offset": 7, "source": EVIL, "id": EVIL}, "key": EVIL,
        "value": {"text": EVIL}, "value_bytes": 1200, "sha256": "ab"}], "next_page_token": "t/1"})
}

/// A schedule with something of everything.
fn schedule() -> Value {
    json!({"name": "nightly", "schedule": {"spec": {"cron": ["0 3 * * *"], "time_zone": "Europe/Zurich", "jitter": "30s"},
        "action": {"workflow": "order", "version": "1.2.0", "input": {"total": 1}, "attributes": {"customer": "ada"}},
        "overlap": "buffer_one", "catch_up": "1d", "pause_on_failure": true, "paused": false, "note": "each night", "remaining": 3},
        "next": [{"due_at": "2026-11-27T02:00:00Z", "begins_at": "2026-11-27T02:00:12Z"}],
        "running": [{"workflow_id": "nightly/1", "due_at": "2026-11-26T02:00:00Z", "mode": "time", "started_at": "2026-11-26T02:00:01Z",
            "status": "Running", "closed_at": null, "failure": null}],
        "recent": [{"workflow_id": "nightly/0", "due_at": "2026-11-25T02:00:00Z", "mode": "hand", "started_at": "2026-11-25T02:00:01Z",
            "status": "Failed", "closed_at": "2026-11-25T02:00:04Z", "failure": "Down: refused"}],
        "waiting": [{"due_at": "2026-11-26T03:00:00Z", "overlap": "buffer_one", "mode": "backfill"}],
        "backfills": [{"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "overlap": "buffer_all"}],
        "counts": {"taken": 5, "skipped": 1, "missed": 2, "repeated": 0, "failed": 1},
        "created_at": "2026-11-01T00:00:00Z", "changed_at": "2026-11-02T00:00:00Z"})
}

impl Shop {
    fn new() -> Self {
        Self {
            run: serde_json::from_str(RUN).unwrap(),
            history: serde_json::from_str(HISTORY).unwrap(),
            asked: Arc::default(),
            refuses: None,
            wants: None,
            welcome: super::Welcome::default(),
            schedule: schedule(),
            queue: queues::queue(),
            caller: None,
            behind: None,
            is_empty: false,
            is_gone: false,
        }
    }

    /// The same run, still open.
    fn open() -> Self {
        let mut shop = Self::new();
        shop.run["status"] = json!("Running");
        shop.run["situation"] = json!("waiting");
        shop.run["closed_at"] = Value::Null;
        shop
    }

    fn pages(&self) -> Router {
        let shop = self.clone();
        let api = Router::new().fallback(any(async move |request: Request| {
            let (caller, behind) = (shop.caller.clone(), shop.behind);
            let mut response = shop.answer(request).await;
            if let Some(behind) = behind {
                response.extensions_mut().insert(behind);
            }
            if let Some(caller) = caller {
                response.extensions_mut().insert(caller);
            }
            response
        }));
        super::routes(api, self.welcome.clone())
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let bearer = parts.headers.get(header::AUTHORIZATION);
        if self
            .wants
            .is_some_and(|token| bearer.is_none_or(|bearer| bearer != token))
        {
            return (
                StatusCode::UNAUTHORIZED,
                json!({"code": "unauthorized"}).to_string(),
            )
                .into_response();
        }
        let path = parts.uri.path().trim_start_matches("/api/v1").to_owned();
        if parts.method != Method::GET {
            let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
            self.asked
                .lock()
                .unwrap()
                .push((parts.method, parts.uri.to_string(), body));
            if path == "/batches" {
                return json!({"matched": 204, "completed_steps": 400, "without_compensation": 37, "batch_id": "b-1"})
                    .to_string()
                    .into_response();
            }
            return match self.refuses {
                Some(code) => (
                    StatusCode::CONFLICT,
                    json!({"code": code, "detail": EVIL, "hint": "look"}).to_string(),
                )
                    .into_response(),
                None => (
                    StatusCode::ACCEPTED,
                    json!({"event_seq": 12, "workflow_id": "o/1", "run_id": "r", "started": true})
                        .to_string(),
                )
                    .into_response(),
            };
        }
        if path == "/stream/workflows" {
            let last = parts.headers.get("last-event-id");
            return format!("event: hello\ndata: {last:?}\n\n").into_response();
        }
        if self.is_gone
            && !parts
                .uri
                .query()
                .unwrap_or_default()
                .contains("consistency=strong")
        {
            let problem =
                json!({"code": "projection_unavailable", "detail": "file is not a database"});
            return (StatusCode::SERVICE_UNAVAILABLE, problem.to_string()).into_response();
        }
        match self.read(&path) {
            Ok(answer) => answer.to_string().into_response(),
            Err(code) => (StatusCode::NOT_FOUND, json!({"code": code}).to_string()).into_response(),
        }
    }

    /// What is there, or the code that says that it is not.
    fn read(&self, path: &str) -> Result<Value, &'static str> {
        let segments = path.split('/').collect::<Vec<_>>();
        Ok(match segments.as_slice() {
            ["", "workflows"] if self.is_empty => json!({"workflows": []}),
            ["", "workflow-counts"] if self.is_empty => json!({"count": 0}),
            ["", "workflows"] => json!({"workflows": [self.run], "next_page_token": null}),
            ["", "workflows", _, "runs"] => json!({"runs": [self.run, self.run], "as_of": null}),
            ["", "workflows", _, "history"] => self.history.clone(),
            ["", "workflows", "gone"] => return Err("workflow_not_found"),
            ["", "workflows", _] => self.run.clone(),
            ["", "incidents"] => {
                json!({"incidents": self.run["incidents"], "next_page_token": null})
            }
            ["", "incidents", _] => self.run["incidents"][0].clone(),
            ["", "workflow-counts"] => json!({"count": 3}),
            ["", "info"] => json!({"workflows": [{"name": "order"}]}),
            ["", "schedules"] => {
                json!({"schedules": [{"name": "nightly", "description": self.schedule}, {"name": "slow", "description": null}]})
            }
            ["", "schedules", "nightly"] => self.schedule.clone(),
            ["", "task-queues", _] => self.queue.clone(),
            ["", "definitions"] => json!({"definitions": [], "next_page_token": null}),
            ["", "batches", _] => {
                json!({"batch_id": "b-1", "act": "cancel", "matched": 9, "done": 2, "closed_at": null})
            }
            ["", "inputs", "rejected"] => rejected(),
            ["", "views"] => {
                json!({"views": [{"name": "big/ones", "definition": {"query": "total > 1"}}]})
            }
            ["", "views", _] => {
                json!({"name": "big/ones", "definition": {"query": "total > 1", "sort": "-took", "columns": ["took", "queue"]}})
            }
            _ => return Err("not_found"),
        })
    }

    async fn get(&self, uri: &str) -> (StatusCode, String) {
        let (status, _, body) = self.send(Method::GET, uri, "").await;
        (status, body)
    }

    async fn send(
        &self,
        method: Method,
        uri: &str,
        form: &str,
    ) -> (StatusCode, header::HeaderMap, String) {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(uri)
            .header(header::COOKIE, "sl_live=1; sl_theme=dark; sl_token=t-1");
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = TowerToHyperService::new(self.pages())
            .call(request)
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 8 << 20).await.unwrap();
        (
            parts.status,
            parts.headers,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }
}

#[tokio::test]
async fn every_page_is_there_and_may_run_only_this_server_s_scripts() {
    let pages = [
        "/",
        "/workflows",
        "/workflows/new",
        "/workflows/x",
        "/incidents",
        "/more",
        "/schedules",
        "/schedules/nightly",
        "/schedules/nightly/edit",
        "/new-schedule",
        "/schedules/nightly/backfill",
        "/workflows?view=big%2Fones",
        "/workflows?columns=attempt,customer",
        "/task-queues/payments",
        "/task-queues/payments/limit",
        "/inputs?workflow_id=x",
        "/definitions",
        "/workflows/x/runs/r?tab=history&show=full&at=3",
    ];
    for page in pages {
        let (status, headers, html) = Shop::open().send(Method::GET, page, "").await;

        assert_eq!(status, StatusCode::OK, "{page}");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{policy}"
        );
        assert!(
            !html.contains(" style=") && !html.contains(" onclick=") && !html.contains("<style"),
            "{page}"
        );
        assert_eq!(html.matches("<script").count(), 1, "{page}");
        for used in html.split("href=\"#t-").skip(1) {
            let icon = used.split('"').next().unwrap();
            assert!(
                html.contains(&format!("id=\"t-{icon}\"")),
                "{page}: no icon {icon}"
            );
        }
        assert!(html.contains("data-theme=\"dark\""));
    }
}

#[tokio::test]
async fn who_has_no_token_is_asked_for_one_and_who_has_one_is_let_in() {
    let with = |token| Shop {
        wants: Some(token),
        ..Shop::open()
    };

    for page in [
        "/workflows",
        "/workflows/x/runs/r",
        "/incidents",
        "/schedules",
    ] {
        let (status, html) = with("Bearer other").get(page).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{page}");
        assert!(
            html.contains("That token is not known here.") && html.contains("/sign-in"),
            "{page}"
        );
    }
    assert_eq!(with("Bearer t-1").get("/workflows").await.0, StatusCode::OK);
    let (status, headers, _) = Shop::open()
        .send(Method::POST, "/sign-in", "token=t-2&to=/incidents")
        .await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/incidents".parse().unwrap())
    );
    assert_eq!(
        headers[header::SET_COOKIE],
        "sl_token=t-2; Path=/; HttpOnly; SameSite=Strict"
    );
}

#[tokio::test]
async fn a_run_that_is_not_there_is_told_with_a_way_on() {
    let (status, html) = Shop::new().get("/workflows/gone").await;

    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("No run of gone") && html.contains("Look for ids that contain it"));
    assert!(html.contains("href=\"/inputs?workflow_id=gone\""));
}

#[tokio::test]
async fn a_list_that_the_api_does_not_have_says_so() {
    let (status, html) = Shop::new().get("/batches").await;
    let (_, definitions) = Shop::new().get("/definitions").await;

    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("not_found") && !html.contains("No batch yet"));
    assert!(definitions.contains("the workflows of this app are written in code"));
}

#[tokio::test]
async fn assets_are_kept_by_browsers_and_are_not_sent_twice() {
    let path = super::assets::path("sagaline.css");
    let (_, headers, _) = Shop::new().send(Method::GET, &path, "").await;
    let request = axum::http::Request::builder()
        .uri(&path)
        .header(header::IF_NONE_MATCH, &headers[header::ETAG]);
    let again = TowerToHyperService::new(Shop::new().pages())
        .call(request.body(Body::empty()).unwrap())
        .await
        .unwrap();

    assert_eq!(
        headers[header::CACHE_CONTROL],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(
        Shop::new().get("/assets/x/none.css").await.0,
        StatusCode::NOT_FOUND
    );
}
