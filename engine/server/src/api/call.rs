//! One call of the API: its path, its parameters, who makes it and what it brings, each read strictly.
//!
//! Invariant: nothing of a stranger is taken that was not looked at: percent-encoding is decoded once and must be right, of a
//! parameter there is one, a body has a limit and a time to arrive.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use percent_encoding::percent_decode_str;
use sagaline_core::{ActivityId, Name, RunId, WorkflowId, is_json};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use super::{
    Api,
    access::{Principal, Standing},
    keyed::Noted,
    payload,
};
use crate::problem::Problem;

/// Most bytes of a body: a payload of 900 KB in base64, and what stands around it. Lists of ids for a batch, too.
pub(crate) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(20);

/// Longest `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 255;

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    path: Vec<(String, String)>,
    params: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) principal: Principal,
    pub(crate) standing: Standing,
    body: Vec<u8>,
}

impl FromRequest<Api> for Call {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let path = path(&mut parts).await?;
        let params = params(parts.uri.query().unwrap_or_default())?;
        let principal = parts.extensions.remove().unwrap_or_default();
        let standing = parts.extensions.remove().unwrap_or_default();
        let noted: Option<Noted> = parts.extensions.remove();
        let body = body_of(api, &parts.headers, body).await?;
        let call = Self {
            path,
            params,
            headers: parts.headers,
            principal,
            standing,
            body,
        };
        if let Some(noted) = noted {
            noted.check(api.keyed(), (&parts.method, &parts.uri), &call)?;
        }
        Ok(call)
    }
}

/// The body, if there is one.
async fn body_of(api: &Api, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    match declared(headers) {
        Some(0) => return Ok(Vec::new()),
        Some(length) if length > BODY_BYTES_MAX => {
            // Who is still sending does not hear what is said.
            if length <= DISCARDED_BYTES_MAX {
                drop(timeout(BODY_PATIENCE, discard(body)).await);
            }
            return Err(too_large());
        }
        Some(_) | None => {}
    }
    // Together they have a limit, too.
    let _room = api.bodies().try_acquire().map_err(|_| busy())?;
    let read = timeout(BODY_PATIENCE, to_bytes(body, BODY_BYTES_MAX)).await;
    Ok(read.map_err(|_| slow())?.map_err(|_| too_large())?.into())
}

/// Bytes of the body that the head tells of; unknown of one that comes in chunks.
fn declared(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let length = headers.get(header::CONTENT_LENGTH);
    length.map_or(Some(0), |length| length.to_str().ok()?.parse().ok())
}

/// Longest body that is read although it is refused.
const DISCARDED_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;

async fn discard(body: Body) {
    let mut body = body.into_data_stream();
    while let Some(Ok(_)) = body.next().await {}
}

fn too_large() -> Problem {
    let text = format!("the body is cut short, or has more than {BODY_BYTES_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", text)
        .hint("keep large values elsewhere, and send where they are")
}

fn slow() -> Problem {
    let seconds = BODY_PATIENCE.as_secs();
    let text = format!("the body did not arrive within {seconds} s");
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", text)
}

fn busy() -> Problem {
    Problem::unavailable("busy", "too many requests are being read just now")
}

/// The variable parts of the path, by name.
async fn path(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    escapes(parts.uri.path())?;
    let invalid =
        |_| Problem::bad_request("invalid_path", "the path is not UTF-8 once it is decoded");
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(invalid)?;
    let params = params.iter();
    Ok(params
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// Whether every `%` begins what it must.
fn escapes(text: &str) -> Result<(), Problem> {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let wrong = (0..bytes.len()).find(|at| bytes.get(*at) == Some(&b'%') && !is_escape(*at));
    match wrong {
        None => Ok(()),
        Some(at) => {
            let text = format!("byte {at}: `%` is followed by two hexadecimal digits");
            Err(Problem::bad_request("invalid_encoding", text)
                .hint("percent-encode every value: `/` is %2F, `%` is %25"))
        }
    }
}

/// Most parameters of a call.
const PARAMS_MAX: usize = 32;

fn params(query: &str) -> Result<BTreeMap<String, String>, Problem> {
    escapes(query)?;
    let mut params = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        let text = format!("parameter `{name}` is given twice");
        if params.insert(name, value).is_some() {
            return Err(Problem::bad_request("invalid_parameter", text));
        }
        if params.len() > PARAMS_MAX {
            let text = format!("a call has at most {PARAMS_MAX} parameters");
            return Err(Problem::bad_request("invalid_parameter", text));
        }
    }
    Ok(params)
}

fn decoded(text: &str) -> Result<String, Problem> {
    let spaced: Cow<'_, str> = match text.contains('+') {
        true => text.replace('+', " ").into(),
        false => text.into(),
    };
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map(Cow::into_owned);
    decoded.map_err(|_| {
        Problem::bad_request(
            "invalid_encoding",
            "a parameter is not UTF-8 once it is decoded",
        )
    })
}

impl Call {
    /// A variable part of the path.
    pub(crate) fn part(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The workflow that `{id}` is; `-` gives way to `?workflow_id=`, since no client sends `.` and `..` as they are.
    pub(crate) fn workflow_id(&self) -> Result<WorkflowId, Problem> {
        let given = self.part("id");
        let text = match self.params.get("workflow_id") {
            Some(text) if given == "-" => text,
            Some(_) => {
                let text = "`workflow_id` is for paths that have `-` in place of the id";
                return Err(Problem::bad_request("invalid_parameter", text));
            }
            None => given,
        };
        WorkflowId::new(text)
            .map_err(|invalid| Problem::bad_request("invalid_workflow_id", invalid.to_string()))
    }

    /// The run that is meant; without one the newest.
    pub(crate) fn run_id(&self) -> Result<Option<RunId>, Problem> {
        self.parsed("run_id", "a run's id is a UUID")
    }

    /// The name that a part of the path is.
    pub(crate) fn name(&self, part: &str) -> Result<Name, Problem> {
        Name::new(self.part(part))
            .map_err(|invalid| Problem::bad_request("invalid_name", invalid.to_string()))
    }

    pub(crate) fn activity_id(&self) -> Result<ActivityId, Problem> {
        let number = self.part("activity_id").parse().ok();
        number.and_then(ActivityId::new).ok_or_else(|| {
            Problem::bad_request("invalid_activity_id", "an activity's id is a number from 1")
        })
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// All of them, by name.
    pub(super) fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The body as it came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// A parameter as what it is.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.param(name).map(str::parse::<T>).transpose();
        parsed.map_err(|_| {
            let text = format!("parameter `{name}`: {expected}");
            Problem::bad_request("invalid_parameter", text)
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.parsed(name, "true or false is expected")
    }

    /// Refuses parameters that the call does not have: one that is misspelt would change what is meant.
    pub(crate) fn knows(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown = self
            .params
            .keys()
            .find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| {
            let known = known.join(", ");
            let text = format!("parameter `{name}` is not known here");
            Err(
                Problem::bad_request("unknown_parameter", text).hint(match known.as_str() {
                    "" => "this call has none".to_owned(),
                    known => format!("known are: {known}"),
                }),
            )
        })
    }

    /// How long the caller waits, as in `30s`, at most a minute.
    pub(crate) fn wait(&self) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.param("wait") else {
            return Ok(None);
        };
        let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
        let wait = digits.parse().ok().and_then(|number: u64| {
            Some(match text.strip_prefix(digits)? {
                "ms" => Duration::from_millis(number),
                "s" => Duration::from_secs(number),
                "m" => Duration::from_secs(number.checked_mul(60)?),
                _ => return None,
            })
        });
        match wait {
            Some(wait) if wait <= WAIT_MAX => Ok(Some(wait)),
            Some(_) | None => {
                let text =
                    "parameter `wait`: a span as in 500ms, 30s or 1m is expected, 60s at most";
                Err(Problem::bad_request("invalid_parameter", text))
            }
        }
    }

    /// Says which request it is: the same again does nothing again.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, Problem> {
        let mut keys = self.headers.get_all("idempotency-key").iter();
        let Some(key) = keys.next() else {
            return Ok(None);
        };
        let text = key.to_str().ok().map(str::trim);
        let text = text.filter(|text| (1..=KEY_BYTES_MAX).contains(&text.len()));
        match (text, keys.next()) {
            (Some(text), None) => Ok(Some(text.to_owned())),
            _ => {
                let text = format!(
                    "`Idempotency-Key` is one header of 1 to {KEY_BYTES_MAX} visible characters of ASCII"
                );
                Err(Problem::bad_request("invalid_header", text))
            }
        }
    }

    /// The body as JSON of what the call takes; none is `{}`.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let text = self.json()?;
        let text = text.map_or("{}", RawValue::get);
        // A list would do for a struct, too.
        if !text.trim_start().starts_with('{') {
            let text = "the body: a JSON object is expected";
            return Err(Problem::bad_request("invalid_body", text));
        }
        serde_json::from_str(text)
            .map_err(|invalid| Problem::bad_request("invalid_body", format!("the body: {invalid}")))
    }

    /// The body as a payload: what a signal, a query or an update is given.
    pub(crate) fn input(&self) -> Result<sagaline_core::Payload, Problem> {
        match self.json()? {
            None => Ok(sagaline_core::Payload::empty()),
            Some(json) => payload::read(json, "the body"),
        }
    }

    /// The body as JSON that was not looked into.
    pub(crate) fn json(&self) -> Result<Option<&RawValue>, Problem> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(is_json) {
            let text = "the body is JSON, and its `Content-Type` says so";
            return Err(
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", text)
                    .hint("`Content-Type: application/json`; with curl: --json in place of -d"),
            );
        }
        // `null` is a value, and not the same as no body.
        let json = serde_json::from_slice::<&RawValue>(&self.body);
        json.map(Some).map_err(|invalid| {
            Problem::bad_request("invalid_json", format!("the body is no JSON: {invalid}"))
        })
    }
}

/// Longest time that a call waits for what it asks for.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A call with this path, these parameters and this body of JSON.
    pub(crate) fn call(path: &[(&str, &str)], query: &str, body: &str) -> Call {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let kind = (header::CONTENT_TYPE, "application/json".parse().unwrap());
        Call {
            path: path.iter().map(owned).collect(),
            params: params(query).unwrap(),
            headers: HeaderMap::from_iter([kind]),
            principal: Principal::default(),
            standing: Standing::default(),
            body: body.into(),
        }
    }

    #[test]
    fn parameters_are_decoded_once_and_each_is_there_once() {
        let read = params("query=Status%20%3D+%22Running%22&page_size=5&empty=&flag").unwrap();

        assert_eq!(read["query"], "Status = \"Running\"");
        assert_eq!((&*read["empty"], &*read["flag"]), ("", ""));
        assert_eq!(params("a=%2525").unwrap()["a"], "%25");
        for wrong in [
            "a=1&a=2", "a=%", "a=%2", "a=%zz", "a=%ff", "%+=1", "a=%E2%82",
        ] {
            assert!(params(wrong).is_err(), "{wrong}");
        }
        let many: Vec<String> = (0..=PARAMS_MAX)
            .map(|number| format!("p{number}=1"))
            .collect();
        assert!(params(&many.join("&")).is_err());
    }

    #[test]
    fn an_id_is_the_path_s_or_if_that_says_so_the_parameter_s() {
        let of = |id: &str, query: &str| {
            let id = call(&[("id", id)], query, "").workflow_id();
            id.map(|id| id.to_string()).map_err(|problem| problem.code)
        };

        assert_eq!(of("a/b", ""), Ok("a/b".to_owned()));
        assert_eq!(of("-", ""), Ok("-".to_owned()));
        assert_eq!(of("-", "workflow_id=.."), Ok("..".to_owned()));
        assert_eq!(of("o-1", "workflow_id=o-2"), Err("invalid_parameter"));
        assert_eq!(of(&"x".repeat(256), ""), Err("invalid_workflow_id"));
    }

    #[test]
    fn a_wait_is_a_span_of_at_most_a_minute() {
        let wait = |text: &str| call(&[], &format!("wait={text}"), "").wait().ok().flatten();

        assert_eq!(wait("30s"), Some(Duration::from_secs(30)));
        assert_eq!(wait("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(wait("1m"), Some(Duration::from_secs(60)));
        for wrong in [
            "61s",
            "30",
            "-1s",
            "1h",
            "",
            "s",
            "1s1",
            "99999999999999999999s",
        ] {
            assert_eq!(wait(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_body_that_does_not_say_that_it_is_json_is_not_taken_for_it() {
        let mut call = call(&[], "", "{\"a\":1}");
        assert!(call.json().is_ok());

        for kind in ["text/plain", "application/x-www-form-urlencoded"] {
            call.headers
                .insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(call.json().unwrap_err().code, "content_type");
        }
    }

    #[test]
    fn null_is_a_body_and_nothing_is_none() {
        let null = call(&[], "", " null ");
        assert_eq!(null.input().unwrap().data(), b"null");
        assert_eq!(
            null.body::<BTreeMap<String, u8>>().unwrap_err().code,
            "invalid_body"
        );

        let none = call(&[], "", " \n");
        assert!(none.input().unwrap().data().is_empty());
        assert!(none.body::<BTreeMap<String, u8>>().unwrap().is_empty());
    }

    #[test]
    fn a_body_is_as_long_as_its_head_says() {
        let of = |name: &'static str, value: &str| {
            let header = (
                header::HeaderName::from_static(name),
                value.parse().unwrap(),
            );
            declared(&HeaderMap::from_iter([header]))
        };

        assert_eq!(of("content-length", "2097153"), Some(BODY_BYTES_MAX + 1));
        assert_eq!(of("content-length", "x"), None);
        assert_eq!(of("transfer-encoding", "chunked"), None);
        assert_eq!(of("host", "localhost"), Some(0));
    }
}
