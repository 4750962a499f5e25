//! Calls of the API in this process: the same routes, guards and answers as over HTTP, without the socket.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Method, Request, header, request::Parts},
    response::Response,
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde::de::DeserializeOwned;

use super::{
    act::Ask,
    seen::Problem,
    time::At,
    told::{Told, percent},
};
use crate::api::{Behind, Caller};

/// An answer that is larger makes no page: a history is read in windows, lists in pages.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Headers of the caller that the API looks at: who they are, and from where they come.
const FORWARDED: [header::HeaderName; 3] = [header::HOST, header::ORIGIN, header::AUTHORIZATION];

/// The API, as one caller may use it.
#[derive(Clone)]
pub(crate) struct Calls {
    api: Router,
    headers: HeaderMap,
    /// Who the API says that it is, once it has answered.
    caller: Arc<OnceLock<Caller>>,
    /// How far what it shows was behind at the last answer, in milliseconds; 0: not, or not known.
    behind_ms: Arc<AtomicU64>,
}

/// What the API answered to a write.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) body: String,
}

impl Calls {
    /// Calls in the name of whoever made a request.
    pub(crate) fn of(api: &Router, parts: &Parts) -> Self {
        let mut headers = HeaderMap::new();
        let site = header::HeaderName::from_static("sec-fetch-site");
        for name in FORWARDED.into_iter().chain([site]) {
            for value in parts.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        if let Some(bearer) = super::routes::bearer(&parts.headers) {
            headers.entry(header::AUTHORIZATION).or_insert(bearer);
        }
        Self {
            api: api.clone(),
            headers,
            caller: Arc::default(),
            behind_ms: Arc::default(),
        }
    }

    /// How far what the API shows is behind.
    pub(crate) fn behind_ms(&self) -> u64 {
        self.behind_ms.load(Ordering::Relaxed)
    }

    /// Who calls, once anything was asked; none: nobody that the API knows.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.caller.get()
    }

    /// Reads; `query` is of names and values, of which those without a value are left out.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Problem> {
        let answered = self.text(path, query).await?;
        serde_json::from_str(&answered).map_err(|error| Problem {
            code: "answer_unreadable".into(),
            status: 500,
            detail: Some(Told::from(format!("{path}: {error}").as_str())),
            ..Problem::default()
        })
    }

    /// The same as text.
    pub(crate) async fn text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Problem> {
        let query = query.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = query
            .map(|(name, value)| format!("{name}={}", percent(value)))
            .collect();
        let uri = format!("/api/v1{path}?{}", query.join("&"));
        self.send(Method::GET, uri.trim_end_matches('?'), String::new())
            .await
            .map(|answered| answered.body)
    }

    /// Does.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answered, Problem> {
        let method = Method::from_bytes(ask.method.as_bytes()).unwrap_or(Method::POST);
        self.send(method, &ask.path, ask.body).await
    }

    /// Reads what goes on as it comes: a stream of events, a long history. `headers` are those that say how it is wanted.
    pub(crate) async fn pass(&self, uri: &str, headers: HeaderMap) -> Result<Response, Problem> {
        let mut request = self.request(Method::GET, uri)?;
        request.headers_mut().extend(headers);
        Ok(self.answer(request).await)
    }

    fn request(&self, method: Method, uri: &str) -> Result<Request<Body>, Problem> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri
            .parse()
            .map_err(|_| problem(400, "invalid_path", "the address is too long, or is none"))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    async fn answer(&self, request: Request<Body>) -> Response {
        let Ok(response) = TowerToHyperService::new(self.api.clone())
            .call(request)
            .await;
        if let Some(Behind(ms)) = response.extensions().get() {
            self.behind_ms.store(*ms, Ordering::Relaxed);
        }
        if let Some(caller) = response.extensions().get::<Caller>() {
            // Whoever they are, they are the same at the next call.
            let _ = self.caller.set(caller.clone());
        }
        response
    }

    async fn send(&self, method: Method, uri: &str, body: String) -> Result<Answered, Problem> {
        let mut request = self.request(method, uri)?;
        if !body.is_empty() {
            let headers = request.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            *request.body_mut() = body.into();
        }
        let response = self.answer(request).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| {
            problem(
                500,
                "answer_too_large",
                "what is to be shown is too large for a page",
            )
        })?;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        if status.is_success() {
            return Ok(Answered { body });
        }
        let mut told: Problem = serde_json::from_str(&body).unwrap_or_default();
        told.status = status.as_u16();
        if told.code.raw().is_empty() {
            told.code = "unknown".into();
            told.title = status.canonical_reason().map(Told::from);
        }
        Err(told)
    }
}

pub(crate) fn problem(status: u16, code: &str, detail: &str) -> Problem {
    Problem {
        status,
        code: code.into(),
        detail: Some(detail.into()),
        ..Problem::default()
    }
}

/// The time of this server.
#[expect(
    clippy::disallowed_methods,
    reason = "a page is told at the server's time; it decides nothing"
)]
pub(crate) fn now() -> At {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    At::from_ms(i64::try_from(since.as_millis()).unwrap_or_default())
}
