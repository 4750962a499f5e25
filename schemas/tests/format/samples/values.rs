//! Values that samples are made of.

use std::sync::Arc;

use sagaline_core::{
    ActivityId, Cause, Failure, OnExhausted, Payload, RetryPolicy, RunId, Timestamp, Trace,
    WorkflowId,
};

pub(crate) fn run() -> RunId {
    RunId::derive("sagaline", &workflow(), b"start")
}

pub(crate) fn workflow() -> WorkflowId {
    WorkflowId::new("o-1 \u{e4}/\u{1f4e6}").unwrap()
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

pub(crate) fn cause() -> Cause {
    Cause {
        source: text("shop"),
        id: text("order-1"),
        topic: text("sagaline.inbox"),
        partition: 3,
        offset: 4_710,
    }
}

pub(crate) fn json() -> Payload {
    Payload::json(*br#"{"amount": 12.50}"#)
}

pub(crate) fn binary() -> Payload {
    Payload::new("application/octet-stream", [0x00, 0xC3, 0x01, 0xFF])
}

pub(crate) fn failure() -> Failure {
    Failure::new("CardDeclined".into(), "insufficient funds")
        .non_retryable()
        .with_details(json())
}

pub(crate) fn retry() -> RetryPolicy {
    RetryPolicy {
        initial_interval_ms: 500,
        backoff_coefficient_permille: 1_500,
        maximum_interval_ms: 60_000,
        maximum_attempts: 5,
        non_retryable_error_types: vec!["CardDeclined".into(), "bad.*".into()],
        jitter_permille: 100,
        on_exhausted: OnExhausted::Fail,
    }
}

pub(crate) fn trace() -> Trace {
    Trace {
        parent: text("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        state: Some(text("vendor=1")),
    }
}

pub(crate) fn activity_id(number: u32) -> ActivityId {
    ActivityId::new(number).unwrap()
}

pub(crate) fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}
