//! The description of the API in OpenAPI's form, made of [`calls`](super::calls).

mod shapes;

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response as Answer},
};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::HttpMethod;

use super::{
    Api,
    call::Call as Asked,
    calls::{Call, Gives, Takes, calls},
    list::PAGE_SIZE_MAX,
};
use crate::problem::Problem;

/// What parameters are.
const PARAMS: [(&str, &str); 26] = [
    ("run_id", "Only this run; the newest unless said"),
    (
        "workflow_id",
        "The workflow id, where the path has `-` in its place: `.` and `..` cannot stand in a path",
    ),
    (
        "query",
        "A filter, as in `Status = \"Running\" AND amount > 100`",
    ),
    (
        "sort",
        "Columns or search attributes, separated by commas; `-` before one begins at the other end",
    ),
    ("page_size", "Most rows of a page"),
    ("page_token", "The `next_page_token` of the page before"),
    (
        "group_by",
        "Fields to count by; of counts one of the filter language, of incidents some of workflow, version, activity, error_type, kind",
    ),
    (
        "consistency",
        "`strong`: everything that is in the journal now; `eventual`: what is projected, and what this process, or this caller, has written",
    ),
    (
        "wait",
        "How long to wait, as in 30s, at most 60s; of updates `accepted` or `completed`",
    ),
    ("follow", "false: not to the runs that go on in its place"),
    (
        "update_id",
        "Says which update it is: the same again is not done again",
    ),
    ("state", "`open` or `resolved`"),
    ("count", "How many"),
    ("after", "Only events behind this position"),
    ("before", "Only events before this position"),
    ("at", "Only events from this instant on, in RFC 3339"),
    ("order", "`asc` or `desc`"),
    ("type", "Only events of these types, separated by commas"),
    ("activity_id", "Only events of this activity"),
    ("text", "Only events that have this text within"),
    ("failures", "true: only events that tell of a failure"),
    ("payloads", "`full`, `short` or `none`"),
    (
        "id",
        "The id of the workflow, the incident or the input, percent-encoded: `/` is %2F",
    ),
    ("name", "The name, percent-encoded"),
    ("activity", "The activity's name, percent-encoded"),
    ("version", "The version, percent-encoded"),
];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| describe(&calls()).to_string());

pub(crate) async fn document(State(_): State<Api>, call: Asked) -> Result<Answer, Problem> {
    call.knows(&[])?;
    let kind = [(CONTENT_TYPE, "application/json")];
    Ok((kind, DOCUMENT.as_str()).into_response())
}

fn describe(calls: &[Call]) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    schemas.insert("Problem".to_owned(), problem());
    for call in calls {
        let operation = operation(call, &mut schemas);
        let path = paths.entry(format!("/api/v1{}", call.path));
        let path = path.or_insert_with(|| json!({}));
        path[method(&call.method)] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sagaline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Durable workflows on Kafka. Writes answer once they are in the journal; an `Idempotency-Key` makes each safe to repeat. Problems are `application/problem+json`; their `code` tells them apart.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    })
}

const fn method(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Patch => "patch",
        HttpMethod::Delete => "delete",
        _ => "get",
    }
}

fn operation(call: &Call, schemas: &mut Map<String, Value>) -> Value {
    let in_path = call.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(parameter(name, "path"))
    });
    let behind = call.params.iter().map(|name| parameter(name, "query"));
    let mut parameters: Vec<Value> = in_path.chain(behind).collect();
    if !matches!(call.gives, Gives::Found | Gives::Nothing | Gives::Events) {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Says which request it is: the same again does nothing again",
            "schema": {"type": "string", "maxLength": 255},
        }));
    }
    let mut operation = json!({
        "summary": call.summary,
        "operationId": id(call),
        "tags": [call.path.split('/').nth(1).unwrap_or_default()],
        "parameters": parameters,
        "responses": responses(call),
    });
    if let Some(schema) = body(&call.takes, schemas) {
        operation["requestBody"] = json!({"content": {"application/json": {"schema": schema}}});
    }
    operation
}

/// `post_workflows_id_cancel`.
fn id(call: &Call) -> String {
    let words = call
        .path
        .split(['/', '-', '.'])
        .filter(|word| !word.is_empty());
    let words = words.map(|word| word.trim_matches(['{', '}']));
    [method(&call.method)]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn parameter(name: &str, place: &str) -> Value {
    let known = PARAMS.iter().find(|(known, _)| *known == name);
    json!({
        "name": name,
        "in": place,
        "required": place == "path",
        "description": known.map(|(_, text)| *text),
        "schema": schema_of(name),
    })
}

/// What a parameter may be, as far as a schema can say it.
fn schema_of(name: &str) -> Value {
    let whole = |least: u64| json!({"type": "integer", "minimum": least});
    match name {
        "page_size" => json!({"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX}),
        "count" => whole(1),
        "activity_id" => json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
        "after" | "before" => whole(0),
        "run_id" => json!({"type": "string", "format": "uuid"}),
        "at" => json!({"type": "string", "format": "date-time"}),
        "follow" | "failures" => json!({"type": "boolean"}),
        "consistency" => json!({"type": "string", "enum": ["strong", "eventual"]}),
        "state" => json!({"type": "string", "enum": ["open", "resolved"]}),
        "order" => json!({"type": "string", "enum": ["asc", "desc"]}),
        "payloads" => json!({"type": "string", "enum": ["full", "short", "none"]}),
        "wait" => json!({"type": "string", "pattern": "^([0-9]+(ms|s|m)|accepted|completed)$"}),
        "workflow_id" => json!({"type": "string", "minLength": 1, "maxLength": 255}),
        _ => json!({"type": "string"}),
    }
}

fn body(takes: &Takes, schemas: &mut Map<String, Value>) -> Option<Value> {
    match takes {
        Takes::Nothing => None,
        Takes::Input => Some(json!({
            "description": "Any JSON, handed on as it stands; bytes are `{\"$base64\", \"content_type\"}`",
        })),
        Takes::Described(what) => Some(json!({"type": "object", "description": what})),
        Takes::Object(name, all) => {
            for (name, schema) in all {
                let schema = serde_json::to_value(schema).unwrap_or_default();
                schemas.insert(name.clone(), schema);
            }
            Some(json!({"$ref": format!("#/components/schemas/{name}")}))
        }
    }
}

fn responses(call: &Call) -> Value {
    let schema = shapes::answer(method(&call.method), call.path);
    let object = |description: &str| json!({"description": description, "content": {"application/json": {"schema": schema}}});
    let mut responses = match call.gives {
        Gives::Found => json!({"200": object("What was asked for")}),
        Gives::Accepted => json!({"202": object("It is in the journal")}),
        Gives::FoundOrAccepted => json!({
            "200": object("What was asked for"),
            "202": object("It is in the journal, and goes on"),
        }),
        Gives::Nothing => json!({"204": {"description": "Done"}}),
        Gives::Events => json!({"200": {
            "description": "Events, until the connection ends; `Last-Event-ID` goes on where it ended",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }}),
    };
    responses["default"] = json!({
        "description": "Why it is not answered as it was asked",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    responses
}

fn problem() -> Value {
    let text = json!({"type": "string"});
    let maybe = json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "hint", "instance"],
        "properties": {
            "type": text, "title": maybe, "status": {"type": "integer"}, "detail": text,
            "code": text, "hint": maybe, "instance": maybe,
            "position": {"type": "integer", "description": "Of `invalid_query`: the byte of the filter that is wrong"},
            "failure": {"type": "object", "description": "How a workflow, a query or an update failed"},
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_call_is_described_with_all_its_parts() {
        let document = describe(&calls());
        let mut ids = BTreeSet::new();

        for call in calls() {
            let path = format!("/api/v1{}", call.path);
            let operation = &document["paths"][&path][method(&call.method)];
            assert!(ids.insert(operation["operationId"].to_string()), "{path}");
            for parameter in operation["parameters"].as_array().unwrap() {
                assert!(parameter["description"].is_string(), "{path} {parameter}");
            }
        }
        assert!(ids.len() > 50, "{}", ids.len());
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = describe(&calls());
        let text = document.to_string();

        let references = text.split("#/components/schemas/").skip(1);
        let names: BTreeSet<&str> = references
            .filter_map(|rest| rest.split('"').next())
            .collect();
        for name in &names {
            assert!(
                document["components"]["schemas"][name].is_object(),
                "{name}"
            );
        }
        assert!(
            names.contains("Start") && names.contains("Problem"),
            "{names:?}"
        );
    }
}
