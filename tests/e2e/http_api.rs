//! The API over HTTP, on real engines: what is started, asked, changed and read there, and what is refused.

mod operations;
mod refused;
mod stream;

use serde_json::{Value, json};

use crate::harness::{
    http::{self, Answer, json_of, ok, problem},
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
