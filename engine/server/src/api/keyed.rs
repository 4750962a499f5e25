//! Requests that were done under an `Idempotency-Key`: the same key again for something else is a mistake of its caller.
//!
//! The engine knows by its key that it has done a request, and does nothing again; what that was it does not keep. So this process
//! remembers of the last [`KEYS_MAX`] what they were for. Invariant: only what was answered with success is remembered, so that a
//! request which was refused may be mended under its key. Deliberately absent: other processes' keys.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use axum::{
    extract::{Request, State},
    http::{Method, Uri},
    middleware::Next,
    response::Response,
};
use lru::LruCache;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Api, call::Call};
use crate::problem::Problem;

/// Most keys that are remembered: those that were used last.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not 0");

/// Parameters that say how a caller waits, and not what is done.
const OF_WAITING: [&str; 2] = ["wait", "consistency"];

type Print = [u8; 32];

/// What keys were used for.
pub(super) struct Keyed(Mutex<LruCache<Print, Print>>);

impl Default for Keyed {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEYS_MAX)))
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}

/// Goes with a request that has a key, and brings back what it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<OnceLock<Use>>);

/// A key, and what it is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Use {
    key: Print,
    request: Print,
}

/// Remembers what was done under a key.
pub(super) async fn remember(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    if request.method().is_safe() || !request.headers().contains_key("idempotency-key") {
        return next.run(request).await;
    }
    let noted = Noted::default();
    request.extensions_mut().insert(noted.clone());
    let response = next.run(request).await;
    if let Some(of) = noted.0.get().filter(|_| response.status().is_success()) {
        api.keyed().insert(*of);
    }
    response
}

impl Noted {
    /// Refuses a call whose key was used for something else.
    pub(super) fn check(
        &self,
        keyed: &Keyed,
        (method, uri): (&Method, &Uri),
        call: &Call,
    ) -> Result<(), Problem> {
        let Some(key) = call.idempotency_key()? else {
            return Ok(());
        };
        let of = Use::of(&key, (method, uri.path()), call);
        if keyed.differs(&of) {
            let text = format!("Idempotency-Key {key} was used for another request");
            return Err(Problem::conflict("idempotency_key_reused", text)
                .hint("a key is for one request and its repeats: take a new one"));
        }
        // It is set once: a request is read once.
        self.0.get_or_init(|| of);
        Ok(())
    }
}

impl Keyed {
    fn insert(&self, of: Use) {
        self.lock().put(of.key, of.request);
    }

    fn differs(&self, of: &Use) -> bool {
        let mut used = self.lock();
        used.get(&of.key).is_some_and(|used| *used != of.request)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<Print, Print>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Use {
    fn of(key: &str, (method, path): (&Method, &str), call: &Call) -> Self {
        let source = call.principal.source();
        let about = about(path, call);
        let params = call.params();
        let params = params.filter(|(name, _)| !OF_WAITING.contains(name));
        let params: Vec<&str> = params.flat_map(<[&str; 2]>::from).collect();
        let body = json(call.bytes());
        let request = [&[method.as_str(), path, &*body], &params[..]].concat();
        Self {
            key: print(&[&source, key, &about]),
            request: print(&request),
        }
    }
}

/// What a key is told apart by beside its caller: the workflow, the queue, the schedule. The same key for another is another request.
fn about(path: &str, call: &Call) -> String {
    let of_run = path.strip_prefix("/workflows/");
    let of_run = of_run.and_then(|rest| rest.split('/').next());
    match (of_run, path) {
        (Some("-"), _) => format!("workflow {}", call.param("workflow_id").unwrap_or("-")),
        (Some(id), _) => format!("workflow {}", percent_decode_str(id).decode_utf8_lossy()),
        (None, "/workflows") => format!("workflow {}", id_of(call.bytes())),
        (None, path) if path.starts_with("/inputs/") => path.to_owned(),
        (None, path) => {
            let mut ends = path.match_indices('/').skip(2);
            ends.next().map_or(path, |(end, _)| &path[..end]).to_owned()
        }
    }
}

/// The id of a workflow that is to be started.
fn id_of(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Start {
        id: Option<String>,
    }
    let start: Option<Start> = serde_json::from_slice(body).ok();
    start.and_then(|start| start.id).unwrap_or_default()
}

/// A body without what JSON leaves open: blanks, and the order of members.
fn json(body: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => value.to_string(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

fn print(parts: &[&str]) -> Print {
    let mut print = Sha256::new();
    for part in parts {
        print.update((part.len() as u64).to_be_bytes());
        print.update(part);
    }
    print.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{super::call::tests::call, *};

    fn of(line: &str, query: &str, body: &str) -> Use {
        let (method, path) = line.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        Use::of("k-1", (&method, path), &call(&[], query, body))
    }

    #[test]
    fn the_same_request_is_the_same_however_it_is_written_and_waited_for() {
        let first = of(
            "POST /workflows/o-1/cancel",
            "",
            r#"{"reason":"x","compensate":true}"#,
        );
        let again = of(
            "POST /workflows/o-1/cancel",
            "wait=30s",
            r#"{ "compensate": true, "reason": "x" }"#,
        );

        assert_eq!(first, again);
    }

    #[test]
    fn a_key_is_for_one_act_on_one_workflow() {
        let keyed = Keyed::default();
        let cancel = of("POST /workflows/o-1/cancel", "", "{}");
        assert!(!keyed.differs(&cancel));
        keyed.insert(cancel);

        assert!(!keyed.differs(&cancel));
        for other in [
            of("POST /workflows/o-1/pause", "", "{}"),
            of("POST /workflows/o-1/cancel", "", r#"{"reason":"x"}"#),
            of("POST /workflows/o-1/cancel", "run_id=x", "{}"),
            of("DELETE /workflows/o-1/cancel", "", "{}"),
            of("POST /workflows/-/cancel", "workflow_id=o-1", "{}"),
            of("POST /workflows/o%2D1/cancel", "", "{}"),
            of("POST /workflows", "", r#"{"id":"o-1"}"#),
        ] {
            assert!(keyed.differs(&other));
        }
        for elsewhere in [
            of("POST /workflows/o-2/pause", "", "{}"),
            of("POST /task-queues/o-1/pause", "", "{}"),
        ] {
            assert!(!keyed.differs(&elsewhere));
        }
    }

    #[test]
    fn a_key_of_a_start_is_for_that_id() {
        let keyed = Keyed::default();
        keyed.insert(of("POST /workflows", "", r#"{"workflow":"w","id":"a"}"#));

        let other = of(
            "POST /workflows",
            "",
            r#"{"workflow":"w","id":"a","input":1}"#,
        );
        assert!(keyed.differs(&other));
        let another = of(
            "POST /workflows",
            "",
            r#"{"workflow":"w","id":"b","input":1}"#,
        );
        assert!(!keyed.differs(&another));
    }
}
