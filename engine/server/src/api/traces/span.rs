//! Spans of a run, made from its history, and how OpenTelemetry's collectors take them (OTLP over HTTP, in JSON).
//!
//! ```text
//! whoever started it ─▶ run ─▶ attempt 1, attempt 2 …, of each activity
//!                           └▶ child ─▶ the child's run
//! ```
//! Invariant: the ids of spans are a function of what they are about, so that a run told twice is one. Deliberately absent: payloads,
//! headers and messages of workers, which may hold secrets; spans of workers, who make their own within `traceparent`.

use sagaline_core::{
    ActivityId, Attempt, Event, Name, RunId, Timestamp, Transition, event::ActivityScheduled,
};
use sagaline_projection::StoredRun;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Most spans of a run; of a longer one the first are told.
const SPANS_MAX: usize = 2_000;

/// Kinds of spans, as OTLP numbers them.
const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;

/// The status of what failed, as OTLP numbers it.
const STATUS_ERROR: u8 = 2;

/// Something that took a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_state: Option<String>,
    name: String,
    kind: u8,
    #[serde(serialize_with = "nanos")]
    start_time_unix_nano: Timestamp,
    #[serde(serialize_with = "nanos")]
    end_time_unix_nano: Timestamp,
    attributes: Vec<Value>,
    links: Vec<Value>,
    events: Vec<Value>,
    status: Value,
}

/// OTLP's JSON has 64-bit numbers as text.
fn nanos<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.as_micros().saturating_mul(1_000))
}

/// Where a run is in a trace.
struct Context {
    trace_id: String,
    parent: Option<String>,
    state: Option<String>,
    links: Vec<Value>,
}

/// The spans of a closed run.
pub(super) struct Spans {
    run: Span,
    /// Attempts that go on, and children.
    open: Vec<Open>,
    ended: Vec<Span>,
    left_out: usize,
    scheduled: Vec<Scheduled>,
}

/// Something that has not ended yet.
struct Open {
    what: What,
    span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Attempt(ActivityId, Attempt),
    Child(ActivityId),
}

/// What attempts have in common.
struct Scheduled {
    activity_id: ActivityId,
    activity: Name,
    task_queue: Name,
    compensates: Option<ActivityId>,
}

/// Whether a run is to be told of, when so many of those that nobody has decided on are: 0 to 1.
pub(super) fn is_sampled(run: &StoredRun, share: f64) -> bool {
    match run
        .run
        .started
        .trace
        .as_ref()
        .map(|trace| flags(&trace.parent))
    {
        Some(Some(flags)) => flags & 1 == 1,
        _ => {
            let digest = digest(&format!("sampled/{}", run.run.run_id));
            let part = u64::from_be_bytes(digest[..8].try_into().unwrap_or_default());
            (part as f64) < share * (u64::MAX as f64)
        }
    }
}

impl Spans {
    /// Those of a run that has closed, without what its history tells.
    pub(super) fn of(run: &StoredRun) -> Option<Self> {
        let (started, closed) = (&run.run.started, run.run.closed.as_ref()?);
        let run_id = run.run.run_id;
        let context = Context::of(run);
        let mut attributes = vec![
            text("sagaline.workflow_id", run.workflow_id.as_str()),
            text("sagaline.run_id", &run_id.to_string()),
            text("sagaline.workflow", started.workflow.as_str()),
            text("sagaline.version", &started.version),
            text("sagaline.status", closed.outcome.status()),
        ];
        let failed = closed
            .failure
            .as_ref()
            .map(|failure| failure.error_type.as_str());
        attributes.extend(failed.map(|error| text("error.type", error)));
        Some(Self {
            run: Span {
                trace_id: context.trace_id,
                span_id: span_of_run(run_id),
                parent_span_id: context.parent,
                trace_state: context.state,
                name: format!("workflow {}", started.workflow),
                kind: INTERNAL,
                start_time_unix_nano: run.run.started_at,
                end_time_unix_nano: closed.at,
                attributes,
                links: context.links,
                events: Vec::new(),
                status: status(failed),
            },
            open: Vec::new(),
            ended: Vec::new(),
            left_out: 0,
            scheduled: Vec::new(),
        })
    }

    /// Takes what happened next.
    pub(super) fn take(&mut self, run_id: RunId, transition: &Transition, event: &Event) {
        let at = transition.at;
        match event {
            Event::ActivityScheduled(of) => {
                self.scheduled.push(Scheduled::of(of));
                self.begin_attempt((run_id, of.activity_id, Attempt::FIRST), at);
            }
            Event::ActivityAttemptScheduled(of) => {
                self.begin_attempt((run_id, of.activity_id, of.attempt), at);
            }
            Event::ActivityStarted(of) => {
                self.note(
                    What::Attempt(of.activity_id, of.attempt),
                    at,
                    of.worker.as_ref(),
                );
            }
            Event::ActivityCompleted(of) => {
                self.end(What::Attempt(of.activity_id, of.attempt), at, None);
            }
            Event::ActivityAttemptFailed(of) => {
                let error = of.failure.error_type.as_str();
                self.end(What::Attempt(of.activity_id, of.attempt), at, Some(error));
            }
            Event::ActivityFailed(of) => {
                self.end_activity(of.activity_id, at, Some(of.failure.error_type.as_str()));
            }
            Event::ActivityTimedOut(of) => {
                self.end_activity(of.activity_id, at, Some(of.failure.error_type.as_str()));
            }
            Event::ActivityCanceled(of) => self.end_activity(of.activity_id, at, None),
            Event::ChildStarted(of) => self.begin_child((run_id, of.child_id), &of.workflow, at),
            Event::ChildCompleted(of) => self.end(What::Child(of.child_id), at, None),
            Event::ChildCanceled(of) => self.end(What::Child(of.child_id), at, None),
            Event::ChildFailed(of) => {
                let error = of.failure.error_type.as_str();
                self.end(What::Child(of.child_id), at, Some(error));
            }
            Event::SignalReceived(of) => {
                self.run
                    .events
                    .push(happened(&format!("signal {}", of.signal), at));
            }
            Event::CompensationStarted(_) => {
                self.run.events.push(happened("compensation started", at));
            }
            _ => {}
        }
    }

    fn begin_attempt(
        &mut self,
        (run_id, activity_id, attempt): (RunId, ActivityId, Attempt),
        at: Timestamp,
    ) {
        let known = self
            .scheduled
            .iter()
            .find(|one| one.activity_id == activity_id);
        let Some(known) = known else { return };
        let mut attributes = vec![
            text("sagaline.activity", known.activity.as_str()),
            number("sagaline.activity_id", u64::from(activity_id.get())),
            number("sagaline.attempt", u64::from(attempt.get())),
            text("messaging.system", "kafka"),
            text("messaging.destination.name", known.task_queue.as_str()),
        ];
        let undone = known.compensates;
        attributes.extend(undone.map(|of| number("sagaline.compensates", u64::from(of.get()))));
        let (id, name) = (
            span(&format!("{run_id}/{activity_id}/{attempt}")),
            format!("activity {}", known.activity),
        );
        self.begin(
            What::Attempt(activity_id, attempt),
            (id, name, CLIENT),
            attributes,
            at,
        );
    }

    fn begin_child(
        &mut self,
        (run_id, child_id): (RunId, ActivityId),
        workflow: &Name,
        at: Timestamp,
    ) {
        let attributes = vec![text("sagaline.child_workflow", workflow.as_str())];
        let id = span_of_child(run_id, child_id);
        let name = format!("child {workflow}");
        self.begin(What::Child(child_id), (id, name, INTERNAL), attributes, at);
    }

    fn begin(
        &mut self,
        what: What,
        (span_id, name, kind): (String, String, u8),
        attributes: Vec<Value>,
        at: Timestamp,
    ) {
        if self.open.iter().any(|open| open.what == what) {
            return;
        }
        if self.open.len() + self.ended.len() >= SPANS_MAX {
            self.left_out += 1;
            return;
        }
        let span = Span {
            trace_id: self.run.trace_id.clone(),
            span_id,
            parent_span_id: Some(self.run.span_id.clone()),
            trace_state: self.run.trace_state.clone(),
            name,
            kind,
            start_time_unix_nano: at,
            end_time_unix_nano: at,
            attributes,
            links: Vec::new(),
            events: Vec::new(),
            status: status(None),
        };
        self.open.push(Open { what, span });
    }

    fn note(&mut self, what: What, at: Timestamp, worker: Option<&Name>) {
        if let Some(open) = self.open.iter_mut().find(|open| open.what == what) {
            open.span.events.push(happened("started", at));
            let worker = worker.map(|worker| text("sagaline.worker", worker.as_str()));
            open.span.attributes.extend(worker);
        }
    }

    fn end(&mut self, what: What, at: Timestamp, error: Option<&str>) {
        let Some(index) = self.open.iter().position(|open| open.what == what) else {
            return;
        };
        let mut span = self.open.swap_remove(index).span;
        span.end_time_unix_nano = at;
        span.attributes
            .extend(error.map(|error| text("error.type", error)));
        span.status = status(error);
        self.ended.push(span);
    }

    /// Ends the attempt that goes on, if there is one.
    fn end_activity(&mut self, activity_id: ActivityId, at: Timestamp, error: Option<&str>) {
        let going_on = self.open.iter().find_map(|open| match open.what {
            What::Attempt(of, _) if of == activity_id => Some(open.what),
            _ => None,
        });
        if let Some(what) = going_on {
            self.end(what, at, error);
        }
    }

    /// All of them; what goes on still ends with the run.
    pub(super) fn finish(mut self) -> Vec<Span> {
        let at = self.run.end_time_unix_nano;
        for mut open in std::mem::take(&mut self.open) {
            open.span.end_time_unix_nano = at;
            self.ended.push(open.span);
        }
        if self.left_out > 0 {
            let left_out = number("sagaline.spans_left_out", self.left_out as u64);
            self.run.attributes.push(left_out);
        }
        self.ended.push(self.run);
        self.ended
    }
}

impl Scheduled {
    fn of(of: &ActivityScheduled) -> Self {
        Self {
            activity_id: of.activity_id,
            activity: of.activity.clone(),
            task_queue: of.task_queue.clone(),
            compensates: of.compensates,
        }
    }
}

impl Context {
    /// The trace of whoever started it; else one of its own, which is linked to its parent's.
    fn of(run: &StoredRun) -> Self {
        let started = &run.run.started;
        let parent = started.parent.as_ref();
        let child = parent.map(|parent| span_of_child(parent.run_id, parent.child_id));
        if let Some(trace) = &started.trace
            && let Some((trace_id, caller)) = ids(&trace.parent)
        {
            return Self {
                trace_id: trace_id.to_owned(),
                parent: Some(child.unwrap_or_else(|| caller.to_owned())),
                state: trace.state.as_deref().map(str::to_owned),
                links: Vec::new(),
            };
        }
        let link = |span_id: String| {
            let trace_id = trace_of(parent.map_or(run.run.run_id, |parent| parent.run_id));
            json!({"traceId": trace_id, "spanId": span_id})
        };
        Self {
            trace_id: trace_of(run.run.run_id),
            parent: None,
            state: None,
            links: child.map(link).into_iter().collect(),
        }
    }
}

/// A request of `POST /v1/traces`.
pub(super) fn request(namespace: &str, spans: &[Span]) -> Vec<u8> {
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": [
            text("service.name", "sagaline"),
            text("service.namespace", namespace),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ]},
        "scopeSpans": [{"scope": {"name": "sagaline"}, "spans": spans}],
    }]});
    request.to_string().into_bytes()
}

fn happened(name: &str, at: Timestamp) -> Value {
    let nanos = at.as_micros().saturating_mul(1_000);
    json!({"timeUnixNano": nanos.to_string(), "name": name})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn status(error: Option<&str>) -> Value {
    error.map_or_else(
        || json!({}),
        |error| json!({"code": STATUS_ERROR, "message": error}),
    )
}

fn digest(of: &str) -> [u8; 32] {
    Sha256::digest(of.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn span(of: &str) -> String {
    hex(&digest(of)[..8])
}

fn span_of_run(run_id: RunId) -> String {
    span(&run_id.to_string())
}

fn span_of_child(run_id: RunId, child_id: ActivityId) -> String {
    span(&format!("{run_id}/{child_id}/child"))
}

fn trace_of(run_id: RunId) -> String {
    hex(&digest(&format!("trace/{run_id}"))[..16])
}

/// The trace and the span of a `traceparent` (W3C Trace Context, level 1); none: it is none.
fn ids(parent: &str) -> Option<(&str, &str)> {
    let mut parts = parent.split('-');
    let (version, trace_id, span_id, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_something = |text: &str| text.bytes().any(|byte| byte != b'0');
    let is_one = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace_id, 32)
        && is_hex(span_id, 16)
        && is_hex(flags, 2)
        && is_something(trace_id)
        && is_something(span_id);
    is_one.then_some((trace_id, span_id))
}

/// Whether it is one.
pub(in crate::api) fn is_traceparent(text: &str) -> bool {
    ids(text).is_some()
}

fn flags(parent: &str) -> Option<u8> {
    ids(parent)?;
    u8::from_str_radix(parent.split('-').nth(3)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_apart_or_is_none() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

        assert_eq!(
            ids(good),
            Some(("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"))
        );
        assert_eq!(flags(good), Some(1));
        // A later version may go on behind the flags.
        assert!(ids("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more").is_some());
        for bad in [
            "",
            "00-1-2-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-ääääääääääääääää-00f067aa0ba902b7-01",
        ] {
            assert_eq!(ids(bad), None, "{bad}");
            assert_eq!(flags(bad), None, "{bad}");
        }
    }
}
