//! The API over HTTP, on real engines: what is started, asked, changed and read there, and what is refused.

mod operations;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{
    http::{self, Answer, Events},
    process::Process,
    wait::until,
    world::World,
};

/// An engine with its activities, and its API.
struct Api {
    engine: Process,
    address: String,
    world: World,
}

impl Api {
    fn of(binary: &str) -> Self {
        let world = World::new(2);
        let arguments = ["--with-worker", "--http-port", "0"];
        let engine = world.engine_of(&mut world.server(binary, &arguments));
        let address = http::address_of(&engine);
        until("the engine is ready", || {
            (http::get(&address, "/readyz").status == 200).then_some(())
        });
        Self {
            engine,
            address,
            world,
        }
    }

    fn get(&self, path: &str) -> Answer {
        http::get(&self.address, &format!("/api/v1{path}"))
    }

    fn send(&self, line: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let (method, path) = line.split_once(' ').expect("method and path");
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        let line = format!("{method} /api/v1{path}");
        http::ask(&self.address, &line, &headers, body.to_string().as_bytes())
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&format!("POST {path}"), &[], body)
    }
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("it is JSON: {answer:?}"))
}

#[track_caller]
fn ok(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    json_of(answer)
}

/// A problem with all its members.
#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    let problem = ok(answer, status);
    assert_eq!(problem["code"], code, "{answer:?}");
    assert_eq!(problem["status"], status);
    assert!(
        answer.head.contains("application/problem+json"),
        "{answer:?}"
    );
    for member in ["type", "title", "detail", "hint", "instance"] {
        assert!(problem.get(member).is_some(), "{member}: {answer:?}");
    }
    problem
}

fn payment(id: &str, fail_times: u32, park: bool) -> Value {
    json!({"workflow": "flaky-payment", "id": id, "input": {"fail_times": fail_times, "park": park}})
}

#[test]
fn what_is_started_is_read_at_once_and_gives_its_result() {
    let api = Api::of("flaky-payment");

    let started = api.post("/workflows", &payment("a/b ä", 0, false));
    let path = "/workflows/a%2Fb%20%C3%A4";
    let described = ok(&api.get(path), 200);
    let result = ok(&api.get(&format!("{path}/result?wait=60s")), 200);
    let closed = ok(&api.get(path), 200);

    let told = ok(&started, 202);
    assert_eq!(told["started"], true);
    assert!(
        started.head.contains(&format!("location: /api/v1{path}")),
        "{started:?}"
    );
    assert_eq!(described["run_id"], told["run_id"]);
    assert_eq!(described["workflow_id"], "a/b ä");
    assert!(result.is_string(), "{result}");
    assert_eq!(
        (&closed["status"], &closed["result"]),
        (&json!("Completed"), &result)
    );

    let at_once = api.post("/workflows?wait=60s", &payment("p-2", 0, false));
    assert!(ok(&at_once, 200).is_string(), "{at_once:?}");
    let again = ok(&api.post("/workflows", &payment("p-2", 0, false)), 202);
    assert_eq!(again["started"], false);
    let mut firm = payment("p-2", 0, false);
    firm["id_conflict"] = json!("fail");
    problem(&api.post("/workflows", &firm), 409, "workflow_id_used");
    firm["id"] = json!("p-3");
    firm["input"]["fail_times"] = json!(9);
    firm["input"]["park"] = json!(true);
    let key = [("Idempotency-Key", "k-1")];
    let first = ok(&api.send("POST /workflows", &key, &firm), 202);
    let repeated = ok(&api.send("POST /workflows", &key, &firm), 202);
    assert_eq!(first, repeated);
    problem(&api.post("/workflows", &firm), 409, "workflow_open");
    problem(&api.get("/workflows/p-9"), 404, "workflow_not_found");
    problem(&api.get("/workflows/p-9/result"), 404, "workflow_not_found");
    api.world.journal().audit();
}

#[test]
fn a_history_is_read_in_pages_by_type_backwards_and_as_lines() {
    let api = Api::of("flaky-payment");
    ok(
        &api.post("/workflows?wait=60s", &payment("p-1", 2, false)),
        200,
    );

    let all = ok(&api.get("/workflows/p-1/history"), 200);
    let events = all["events"].as_array().unwrap().clone();
    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let page = ok(
            &api.get(&format!("/workflows/p-1/history?page_size=3{token}")),
            200,
        );
        paged.extend(page["events"].as_array().unwrap().clone());
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    let backwards = ok(
        &api.get("/workflows/p-1/history?order=desc&page_size=2"),
        200,
    );
    let failed = ok(
        &api.get("/workflows/p-1/history?type=ActivityAttemptFailed"),
        200,
    );
    let accept = [("Accept", "application/x-ndjson")];
    let line = "GET /api/v1/workflows/p-1/history";
    let lines = http::ask(&api.address, line, &accept, b"");

    assert_eq!(events.first().unwrap()["type"], "WorkflowStarted");
    assert_eq!(events.last().unwrap()["type"], "WorkflowCompleted");
    assert_eq!(paged, events);
    assert_eq!(backwards["events"][0], *events.last().unwrap());
    assert_eq!(failed["events"].as_array().unwrap().len(), 2);
    let lines: Vec<Value> = lines
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, events);
    let activity = ok(&api.get("/workflows/p-1/activities/1"), 200);
    let outcomes: Vec<&Value> = activity["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["outcome"])
        .collect();
    assert_eq!(outcomes, ["failed", "failed", "completed"]);
    problem(
        &api.get("/workflows/p-1/activities/9"),
        404,
        "activity_not_found",
    );
    problem(
        &api.get("/workflows/p-1/history?order=up"),
        400,
        "invalid_parameter",
    );
}

#[test]
fn runs_are_asked_changed_and_told_over_http() {
    let api = Api::of("victim");
    ok(
        &api.post("/workflows", &json!({"workflow": "basket", "id": "b-1"})),
        202,
    );

    let added = ok(
        &api.post("/workflows/b-1/updates/add?update_id=u-1", &json!(7)),
        200,
    );
    let again = ok(
        &api.post("/workflows/b-1/updates/add?update_id=u-1", &json!(7)),
        200,
    );
    let told = ok(&api.get("/workflows/b-1/updates/u-1"), 200);
    let numbers = ok(
        &api.post("/workflows/b-1/queries/numbers", &Value::Null),
        200,
    );
    let late = ok(
        &api.post(
            "/workflows/b-1/updates/work-and-add?wait=accepted&update_id=u-2",
            &json!(10),
        ),
        202,
    );
    let ended = until("the update has ended", || {
        let answer = api.get("/workflows/b-1/updates/u-2?wait=10s");
        (answer.status == 200).then(|| json_of(&answer))
    });

    assert_eq!((&added, &again, &told), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(numbers, json!([7]));
    assert_eq!(
        (&late["update_id"], &late["stage"]),
        (&json!("u-2"), &json!("accepted"))
    );
    assert!(ended.is_number(), "{ended}");
    what_it_does_not_know_is_refused(&api);

    let signalled = ok(&api.post("/workflows/b-1/signals/close", &json!(null)), 202);
    assert!(
        signalled["event_seq"].is_number() && signalled["run_id"].is_string(),
        "{signalled}"
    );
    ok(&api.get("/workflows/b-1/result?wait=60s"), 200);
    problem(
        &api.post("/workflows/b-1/signals/close", &json!(null)),
        409,
        "workflow_closed",
    );
    problem(
        &api.post("/workflows/b-1/queries/numbers", &json!(null)),
        409,
        "workflow_closed",
    );
    api.world.journal().audit();
}

/// Of an open run `b-1`, and of one that is not there.
fn what_it_does_not_know_is_refused(api: &Api) {
    problem(
        &api.post("/workflows/b-1/queries/sum", &Value::Null),
        404,
        "query_not_found",
    );
    problem(
        &api.post("/workflows/b-1/queries/explode", &Value::Null),
        409,
        "query_failed",
    );
    problem(
        &api.post("/workflows/b-1/updates/subtract", &json!(1)),
        404,
        "update_not_found",
    );
    let refused = problem(
        &api.post("/workflows/b-1/updates/add", &json!(0)),
        409,
        "update_rejected",
    );
    assert!(refused["failure"]["type"].is_string(), "{refused}");
    problem(
        &api.get("/workflows/b-1/updates/u-9"),
        404,
        "update_not_found",
    );
    problem(
        &api.post("/workflows/b-9/signals/close", &json!({})),
        404,
        "workflow_not_found",
    );
}

#[test]
fn runs_are_paused_and_ended_over_http() {
    let api = Api::of("victim");
    for (act, code) in [
        ("cancel", "workflow_canceled"),
        ("terminate", "workflow_terminated"),
    ] {
        let id = format!("b-{act}");
        ok(
            &api.post("/workflows", &json!({"workflow": "basket", "id": id})),
            202,
        );
        let paused = api.post(
            &format!("/workflows/{id}/pause"),
            &json!({"reason": "a look"}),
        );
        ok(&paused, 202);
        assert_eq!(
            ok(&api.get(&format!("/workflows/{id}")), 200)["status"],
            "Paused"
        );
        ok(
            &api.post(&format!("/workflows/{id}/resume"), &json!({})),
            202,
        );
        ok(
            &api.post(
                &format!("/workflows/{id}/{act}"),
                &json!({"reason": "no more"}),
            ),
            202,
        );
        let result = api.get(&format!("/workflows/{id}/result?wait=60s"));
        let said = problem(&result, 409, code);
        assert!(
            said["detail"].as_str().unwrap().contains("no more"),
            "{said}"
        );
    }
    let mut journal = api.world.journal();
    journal.audit();
}

#[test]
fn an_incident_is_listed_grouped_and_solved_once() {
    let api = Api::of("flaky-payment");
    ok(&api.post("/workflows", &payment("p-1", 9, true)), 202);

    let incident = until("the incident is there", || {
        let list = ok(&api.get("/incidents"), 200);
        list["incidents"].get(0).cloned()
    });
    let id = incident["id"].as_str().unwrap();
    let groups = ok(&api.get("/incidents?group_by=workflow,error_type"), 200);
    let counts = ok(&api.get("/workflow-counts?group_by=Situation"), 200);
    let listed = ok(&api.get("/workflows?query=NeedsPerson%20%3D%20true"), 200);
    problem(
        &api.post(&format!("/incidents/{id}/skip"), &json!({})),
        400,
        "invalid_body",
    );
    let solved = api.post(
        &format!("/incidents/{id}/skip"),
        &json!({"result": "by hand", "reason": "paid in cash"}),
    );
    ok(&solved, 202);

    assert_eq!(incident["workflow_id"], "p-1");
    assert_eq!(
        groups["groups"][0]["values"],
        json!(["flaky-payment", "GatewayDown"])
    );
    assert_eq!(counts["count"], 1);
    assert_eq!(listed["workflows"][0]["situation"], "incident");
    ok(&api.get("/workflows/p-1/result?wait=60s"), 200);
    let late = api.post(&format!("/incidents/{id}/retry"), &json!({}));
    let late = problem(&late, 409, "incident_resolved");
    assert!(
        late["detail"]
            .as_str()
            .unwrap()
            .contains("sagaline.http/anonymous"),
        "{late}"
    );
    let resolved = ok(&api.get(&format!("/incidents/{id}")), 200);
    assert_eq!(resolved["resolution"]["reason"], "paid in cash");
    assert_eq!(ok(&api.get("/incidents"), 200)["incidents"], json!([]));
    problem(&api.get("/incidents/none"), 400, "invalid_incident_id");
    api.world.journal().audit();
}

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

/// The next event of that name, and its data.
fn next(events: &mut Events, name: &str) -> (Option<String>, Value) {
    loop {
        let event = events.next();
        let data: Value = serde_json::from_str(&event.data).expect("it is JSON");
        assert!(data["server_time"].is_string(), "{event:?}");
        if event.name == name {
            return (event.id, data);
        }
    }
}

#[test]
fn a_stream_tells_what_changes_and_goes_on_where_it_ended() {
    let api = Api::of("flaky-payment");
    let open = |path: &str, last_seen| {
        Events::open(&api.address, &format!("/api/v1/stream{path}"), last_seen)
    };
    let mut all = open("/workflows?query=WorkflowId%20%3D%20%22p-1%22", None);
    let mut one = open("/workflows/p-1", None);
    let mut incidents = open("/incidents", None);
    for stream in [&mut all, &mut one, &mut incidents] {
        next(stream, "hello");
    }

    ok(&api.post("/workflows", &payment("p-1", 9, true)), 202);
    let (first, row) = next(&mut all, "workflows");
    let (_, described) = next(&mut one, "workflow");
    let (_, waits) = next(&mut incidents, "incidents");
    let mut again = open("/workflows", first.as_deref());
    let (_, missed) = next(&mut again, "workflows");
    let mut stranger = open("/workflows", Some("of-another-server-7"));
    next(&mut stranger, "reload");

    assert_eq!(row["workflows"][0]["workflow_id"], "p-1");
    assert_eq!(described["workflow"]["input"]["fail_times"], 9);
    assert_eq!(waits["workflows"][0]["incidents"][0]["activity"], "charge");
    assert_eq!(missed["workflows"][0]["workflow_id"], "p-1");
    problem(&api.get("/stream/workflows?query=1"), 400, "invalid_query");
}

/// Pages are told by the cookie who signed in, rita or otto, and so are their events.
fn pages_go_by_the_cookie(address: &str) {
    let page = |token: &str| {
        let cookie = format!("sl_token={token}");
        http::ask(
            address,
            "GET /workflows?query=",
            &[("Cookie", &cookie)],
            b"",
        )
    };
    let (unknown, reader, operator) = (page("t-x"), page("t-r"), page("t-o"));
    let events = "/read/stream/workflows";
    let unheard = http::get(address, events);
    let hello = Events::open_with(address, events, Some(("Cookie", "sl_token=t-r"))).next();

    assert!(
        unknown.status == 401 && unknown.body.contains("Sign in"),
        "{unknown:?}"
    );
    assert!(reader.body.contains("Signed in as rita") && reader.body.contains("p-1"));
    assert!(!reader.body.contains("Terminate…") && operator.body.contains("Terminate…"));
    assert_eq!((unheard.status, hello.name.as_str()), (401, "hello"));
}

#[test]
fn who_has_no_token_sees_nothing_and_who_has_one_does_what_it_is_for() {
    let world = World::new(1);
    let tokens = world.file("tokens");
    let hash = |token: &str| {
        let hash = Sha256::digest(token.as_bytes());
        hash.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let lines = format!(
        "rita reader {}\notto operator {}\n",
        hash("t-r"),
        hash("t-o")
    );
    std::fs::write(&tokens, lines).expect("it is written");
    let tokens = tokens.to_str().expect("its path is text");
    let arguments = ["--with-worker", "--http-port", "0", "--tokens-file", tokens];
    let engine = world.engine_of(&mut world.server("flaky-payment", &arguments));
    let address = http::address_of(&engine);
    until("the engine is ready", || {
        (http::get(&address, "/readyz").status == 200).then_some(())
    });
    let start = payment("p-1", 0, false).to_string();
    let kind = ("Content-Type", "application/json");
    let ask = |line: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [kind, ("Authorization", &*authorization)];
        let body = if line.starts_with("POST") {
            start.as_bytes()
        } else {
            b""
        };
        http::ask(&address, line, &headers, body)
    };

    let nobody = http::get(&address, "/api/v1/workflows");
    let wrong = ask("GET /api/v1/workflows", "t-x");
    let reads = ask("GET /api/v1/workflows", "t-r");
    let may_not = ask("POST /api/v1/workflows", "t-r");
    let starts = ask("POST /api/v1/workflows?wait=60s", "t-o");
    let history = ok(&ask("GET /api/v1/workflows/p-1/history", "t-r"), 200);
    let deletes = ask("DELETE /api/v1/workflows/p-1", "t-o");
    pages_go_by_the_cookie(&address);

    problem(&nobody, 401, "token_needed");
    assert!(
        nobody.head.contains("www-authenticate: Bearer"),
        "{nobody:?}"
    );
    problem(&wrong, 401, "token_needed");
    ok(&reads, 200);
    problem(&may_not, 403, "forbidden");
    ok(&starts, 200);
    assert_eq!(
        history["events"][0]["cause"]["source"],
        "sagaline.http/otto"
    );
    problem(&deletes, 403, "forbidden");
}
