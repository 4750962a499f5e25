//! What is refused, each with its code.

use serde_json::json;

use super::{Api, http, ok, payment, problem};

/// Bodies of a start that are refused, each with its code.
const BAD_BODIES: [(&str, &str); 13] = [
    ("{", "invalid_json"),
    ("[]", "invalid_body"),
    ("\u{0}", "invalid_json"),
    (r#"{"workflow":"flaky-payment","inputs":1}"#, "invalid_body"),
    (r#"{"id":"p-1"}"#, "invalid_body"),
    (
        r#"{"workflow":"flaky-payment","id":""}"#,
        "invalid_workflow_id",
    ),
    (r#"{"workflow":"","id":"p-1"}"#, "invalid_body"),
    (r#"{"workflow":"w","start_at":"soon"}"#, "invalid_body"),
    (r#"{"workflow":"w","retry":{"attempts":3}}"#, "invalid_body"),
    (r#"{"workflow":"w","id_conflict":"maybe"}"#, "invalid_body"),
    (r#"{"workflow":"w","attributes":[]}"#, "invalid_body"),
    (
        r#"{"workflow":"w","input":{"$base64":"?"}}"#,
        "invalid_payload",
    ),
    (r#"{"workflow":"w","run_timeout_ms":-1}"#, "invalid_body"),
];

const START: &str = "POST /api/v1/workflows";

const JSON: (&str, &str) = ("Content-Type", "application/json");

type Asked = (
    &'static str,
    &'static [(&'static str, &'static str)],
    u16,
    &'static str,
);

/// Starts whose body is fine and that are refused, each with its status and code.
const BAD_STARTS: [Asked; 8] = [
    (
        START,
        &[("Content-Type", "text/plain")],
        415,
        "content_type",
    ),
    (
        "POST /api/v1/workflows?wait=2m",
        &[JSON],
        400,
        "invalid_parameter",
    ),
    (
        "POST /api/v1/workflows?waits=1s",
        &[JSON],
        400,
        "unknown_parameter",
    ),
    (
        START,
        &[JSON, ("Origin", "http://evil.example")],
        403,
        "foreign_origin",
    ),
    (
        START,
        &[JSON, ("Sec-Fetch-Site", "cross-site")],
        403,
        "foreign_origin",
    ),
    (
        START,
        &[JSON, ("Host", "evil.example")],
        421,
        "host_unknown",
    ),
    (
        START,
        &[JSON, ("Idempotency-Key", "")],
        400,
        "invalid_header",
    ),
    ("PUT /api/v1/workflows", &[JSON], 405, "method_not_allowed"),
];

#[test]
fn what_is_wrong_is_refused_with_a_code_and_changes_nothing() {
    let api = Api::of("flaky-payment");
    let inbox = format!("{}.inbox", api.world.namespace);
    let before = api.world.ends(&inbox);
    let kind = ("Content-Type", "application/json");
    let ask = |line: &str, headers: &[(&str, &str)], body: &str| {
        http::ask(&api.address, line, headers, body.as_bytes())
    };
    let start = START;
    let fine = payment("p-1", 0, false).to_string();

    for (body, code) in BAD_BODIES {
        problem(&ask(start, &[kind], body), 400, code);
    }
    for (line, headers, status, code) in BAD_STARTS {
        problem(&ask(line, headers, &fine), status, code);
    }
    what_cannot_be_read_is_refused(&api);
    let large = format!(r#"{{"workflow":"w","input":"{}"}}"#, "x".repeat(1_000_000));
    problem(&ask(start, &[kind], &large), 413, "payload_too_large");
    let huge = "x".repeat(3_000_000);
    assert_eq!(ask(start, &[kind], &huge).status, 413);

    assert_eq!(api.world.ends(&inbox), before, "nothing was sent");
    let unknown = json!({"workflow": "nobody", "id": "n-1"});
    problem(
        &api.post("/workflows", &unknown),
        404,
        "definition_not_found",
    );
    ok(
        &api.post("/workflows?wait=60s", &payment("p-1", 0, false)),
        200,
    );
    let document = ok(&api.get("/openapi.json"), 200);
    assert_eq!(document["openapi"], "3.1.0");
    let info = ok(&api.get("/info"), 200);
    assert_eq!(info["workflows"][0]["name"], "flaky-payment");
}

/// Reads that make no sense.
fn what_cannot_be_read_is_refused(api: &Api) {
    for (path, status, code) in [
        ("workflows/%zz", 400, "invalid_encoding"),
        ("workflows/%ff", 400, "invalid_path"),
        ("workflows?query=Status", 400, "invalid_query"),
        ("workflows?page_size=0", 400, "invalid_parameter"),
        ("workflows?page_token=x", 400, "invalid_page_token"),
        ("workflows?sort=startedAt", 400, "invalid_parameter"),
        ("incidents?sort=-none", 400, "invalid_parameter"),
        (
            "workflows/p-1/history?type=Started",
            400,
            "invalid_parameter",
        ),
        (
            "workflows/p-1/history?page_token=3",
            400,
            "invalid_page_token",
        ),
        ("workflows/p?run_id=x", 400, "invalid_parameter"),
        ("nothing", 404, "not_found"),
    ] {
        problem(&api.get(&format!("/{path}")), status, code);
    }
}
