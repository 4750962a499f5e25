//! Task queues: what limits them, which a person changes; what waits in them.

use axum::{extract::State, response::Response};
use sagaline_core::{Name, Payload, WorkflowId, bounds};
use sagaline_journal::wire::{act, ce_type, header, topic};
use sagaline_sdk::client::RawRequest;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    act::{Why, json, reason},
    answer,
    call::Call,
    refusal::Subject,
};
use crate::problem::Problem;

/// The body of `PUT …/limits`: what is absent stays, and `null` lifts it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_u32)]
    max_outstanding: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    rate_per_second: Option<Option<f64>>,
    reason: Option<String>,
}

/// The same for the queue's home.
#[derive(Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_outstanding: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_per_second: Option<Option<f64>>,
}

/// `null` is not the same as nothing.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    json: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(json).map(Some)
}

#[derive(Serialize)]
struct Changed<'a> {
    queue: &'a Name,
}

pub(crate) async fn limit(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let limits = call.body::<Limits>()?;
    if limits.max_outstanding.is_none() && limits.rate_per_second.is_none() {
        let text =
            "`max_outstanding` or `rate_per_second` says what is to change; null lifts a limit";
        return Err(Problem::bad_request("invalid_body", text));
    }
    let told = json(&Told {
        max_outstanding: limits.max_outstanding,
        rate_per_second: limits.rate_per_second,
    });
    change(&api, &call, act::LIMIT, (limits.reason, told)).await
}

pub(crate) async fn pause(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    hold(&api, &call, act::PAUSE).await
}

pub(crate) async fn resume(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    hold(&api, &call, act::RESUME).await
}

async fn hold(api: &Api, call: &Call, act: &'static str) -> Result<Response, Problem> {
    call.knows(&[])?;
    let why = call.body::<Why>()?.reason;
    change(api, call, act, (why, Payload::empty())).await
}

async fn change(
    api: &Api,
    call: &Call,
    act: &'static str,
    (why, body): (Option<String>, Payload),
) -> Result<Response, Problem> {
    let queue = call.name("name")?;
    let key = key(api.namespace(), &queue, act)?;
    let activity = match call.part("activity") {
        "" => None,
        _ => Some(call.name("activity")?.to_string()),
    };
    let source = call.principal.source();
    let request = RawRequest::new(ce_type::QUEUE_CHANGE, &key, &source)
        .header(header::ACT, Some(act))
        .header(header::ACTIVITY, activity)
        .header(header::ACTOR, Some(source.clone()))
        .header(header::REASON, reason(why)?)
        .plain(body)
        .signed();
    let request = match call.idempotency_key()? {
        Some(key) => request.id(key),
        None => request,
    };
    api.tell(request, Subject::Queue).await?;
    api.wrote(&key);
    Ok(answer::accepted(&Changed { queue: &queue }))
}

/// The queue's name as the key of the record. One that no topic can have may be resumed: once it could be paused.
fn key(namespace: &str, queue: &Name, act: &str) -> Result<WorkflowId, Problem> {
    let invalid = |text: String| Problem::bad_request("invalid_name", text);
    bounds::queue(queue).map_err(|reserved| invalid(reserved.to_string()))?;
    let topic = topic::tasks(namespace, queue.as_str());
    if act != act::RESUME && !topic::is_name(&topic) {
        return Err(invalid(format!(
            "no topic can serve task queue {queue}: `{namespace}.tasks.<queue>` is at most 249 letters, digits, `.`, `_` and `-`"
        )));
    }
    WorkflowId::new(queue.as_str()).map_err(|wrong| invalid(wrong.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_null_is_lifted_and_one_that_is_absent_stays() {
        let of = |text: &str| serde_json::from_str::<Limits>(text).unwrap();

        let limits = of(r#"{"max_outstanding":null}"#);
        assert_eq!(
            (limits.max_outstanding, limits.rate_per_second),
            (Some(None), None)
        );
        let limits = of(r#"{"rate_per_second":0.5}"#);
        assert_eq!(
            (limits.max_outstanding, limits.rate_per_second),
            (None, Some(Some(0.5)))
        );
    }

    #[test]
    fn only_what_a_topic_can_serve_is_limited() {
        let is_key = |queue: &str, act| key("ns", &Name::new(queue).unwrap(), act).is_ok();

        assert!(is_key("payments", act::LIMIT) && is_key("a b", act::RESUME));
        assert!(!is_key("a b", act::PAUSE) && !is_key(sagaline_core::LOCAL_QUEUE, act::RESUME));
    }
}
