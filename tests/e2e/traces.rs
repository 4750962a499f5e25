//! Spans of runs, as a collector of OpenTelemetry gets them.

use std::{collections::BTreeMap, sync::mpsc};

use serde_json::{Value, json};

use crate::harness::{http, wait::until, world::World};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// A collector: its address, and the spans that it is sent.
fn collector() -> (String, mpsc::Receiver<Value>) {
    let (sender, spans) = mpsc::channel();
    let url = http::serve(move |request| {
        assert_eq!(request.line, "POST /v1/traces");
        let body = request.json();
        let scope = &body["resourceSpans"][0]["scopeSpans"][0];
        for span in scope["spans"].as_array().expect("spans") {
            // Who listened may have heard enough.
            let _ = sender.send(span.clone());
        }
        (200, json!({}))
    });
    (url, spans)
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
    let attributes = span["attributes"].as_array()?;
    let found = attributes.iter().find(|one| one["key"] == key)?;
    found["value"].as_object()?.values().next()
}

/// The number in a span, of nanoseconds since 1970.
fn nanos(span: &Value, key: &str) -> u64 {
    let text = span[key].as_str().expect("64 bits are a text");
    text.parse().expect("it is a number")
}

/// A start within a trace, until its end.
fn start(address: &str, id: &str, parent: &str) {
    let body = json!({"workflow": "flaky-payment", "id": id, "input": {"fail_times": 2}});
    let headers = [
        ("Content-Type", "application/json"),
        ("traceparent", parent),
        ("tracestate", "shop=1"),
    ];
    let line = "POST /api/v1/workflows?wait=30s";
    let answer = http::ask(address, line, &headers, body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_run_is_a_span_in_its_callers_trace_and_its_attempts_are_below_it() {
    let world = World::new(2);
    let (endpoint, spans) = collector();
    let mut command = world.server("flaky-payment", &["--with-worker", "--http-port", "0"]);
    let engine = world.engine_of(command.env("SAGALINE_TRACES_ENDPOINT", endpoint));
    let address = http::address_of(&engine);
    until("the engine is ready", || {
        (http::get(&address, "/readyz").status == 200).then_some(())
    });

    start(&address, "unsampled", UNSAMPLED);
    start(&address, "outside", "no trace at all");
    start(&address, "traced", CALLER);

    let mut by_trace: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    while by_trace.values().map(Vec::len).sum::<usize>() < 8 {
        let span = spans.recv().expect("spans come");
        let trace = span["traceId"].as_str().expect("it has a trace").to_owned();
        by_trace.entry(trace).or_default().push(span);
    }
    assert_eq!(by_trace.len(), 2, "one is not sampled: {by_trace:?}");
    let traced = &by_trace["4bf92f3577b34da6a3ce929d0e0e4736"];
    let run = traced
        .iter()
        .find(|span| span["name"] == "workflow flaky-payment");
    let run = run.expect("the run is a span");
    assert_eq!(run["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(run["traceState"], "shop=1");
    assert_eq!(
        attribute(run, "sagaline.workflow_id"),
        Some(&json!("traced"))
    );
    assert_eq!(attribute(run, "sagaline.status"), Some(&json!("Completed")));
    let mut attempts: Vec<&Value> = traced.iter().filter(|span| *span != run).collect();
    attempts.sort_by_key(|span| nanos(span, "startTimeUnixNano"));
    let failed: Vec<_> = attempts
        .iter()
        .map(|span| attribute(span, "error.type"))
        .collect();
    assert_eq!(
        failed,
        [
            Some(&json!("GatewayDown")),
            Some(&json!("GatewayDown")),
            None
        ]
    );
    for (number, attempt) in (1..).zip(&attempts) {
        assert_eq!(attempt["parentSpanId"], run["spanId"]);
        assert_eq!(
            attribute(attempt, "sagaline.attempt"),
            Some(&json!(format!("{number}")))
        );
        assert_eq!(
            attribute(attempt, "messaging.destination.name"),
            Some(&json!("payments"))
        );
        let (begun, ended) = (
            nanos(attempt, "startTimeUnixNano"),
            nanos(attempt, "endTimeUnixNano"),
        );
        assert!(begun < ended, "{attempt}");
        assert!(nanos(run, "startTimeUnixNano") <= begun && ended <= nanos(run, "endTimeUnixNano"));
    }
}
