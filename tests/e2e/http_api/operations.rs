//! What operators look at: inputs that could not be taken, task queues, search attributes, definitions.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use super::{Api, http, ok, payment, problem};
use crate::harness::{
    http::Events,
    process::{Process, Signal},
    wait::{LIMIT, until},
    world::World,
};

#[test]
fn what_came_too_early_is_listed_and_sent_again_over_http() {
    let api = Api::of("flaky-payment");
    for (number, id) in (0..).zip(["late", "late", "other"]) {
        api.world
            .request("sagaline.workflow.signal.v1", id)
            .header("sl-signal", "hurry")
            .header("ce_id", format!("hurry-{number}"))
            .header("ce_source", "shop")
            .send();
    }
    let list = |query: &str| ok(&api.get(&format!("/inputs/rejected?{query}")), 200);
    let all = until("the signals are rejected", || {
        let all = list("");
        (all["inputs"].as_array()?.len() == 3).then_some(all)
    });
    assert!(all["next_page_token"].is_null());
    let ours = list("workflow_id=late");
    assert_eq!(ours["inputs"].as_array().map(Vec::len), Some(2));
    let first = &ours["inputs"][1];
    assert_eq!(first["reason"], "no-open-run");
    assert_eq!(
        (&first["cause"]["id"], &first["cause"]["source"]),
        (&json!("hurry-0"), &json!("shop"))
    );
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("page_size=1{token}"));
        paged.extend(page["inputs"].as_array().unwrap().clone());
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(&json!(paged), &all["inputs"]);
    let by_command = api.world.says(
        "flaky-payment",
        0,
        &["input", "list-rejected", "-o", "json"],
    );
    assert_eq!(serde_json::from_str::<Value>(&by_command).unwrap(), all);

    let redrive = format!("/inputs/rejected/{}/redrive", first["id"].as_str().unwrap());
    let again = problem(&api.post(&redrive, &json!({})), 409, "input_rejected_again");
    assert!(
        again["detail"].as_str().unwrap().contains("no-open-run"),
        "{again}"
    );
    ok(&api.post("/workflows", &payment("late", 9, true)), 202);
    let taken = ok(&api.post(&redrive, &json!({})), 202);
    let repeated = ok(&api.post(&redrive, &json!({})), 202);

    assert_eq!(
        (&taken["outcome"], &taken["id"]),
        (&json!("taken"), &first["id"])
    );
    assert_eq!(repeated["outcome"], "taken", "and it changed nothing");
    let history = ok(&api.get("/workflows/late/history?type=SignalReceived"), 200);
    assert_eq!(
        history["events"].as_array().map(Vec::len),
        Some(1),
        "{history}"
    );
    for (id, status, code) in [
        ("0.999999", 404, "input_not_found"),
        ("9999.0", 404, "input_not_found"),
        ("0-1", 400, "invalid_input_id"),
    ] {
        let answer = api.post(&format!("/inputs/rejected/{id}/redrive"), &json!({}));
        problem(&answer, status, code);
    }
    let bodied = api.post(&redrive, &json!({"force": true}));
    problem(&bodied, 400, "invalid_body");
    api.world.journal().audit();
}

#[test]
fn a_schedule_of_what_nobody_has_is_refused_and_one_is_paused_with_a_reason() {
    let api = Api::of("flaky-payment");
    let put = |workflow: &str| {
        let schedule = json!({
            "spec": {"intervals": [{"every": "1h"}]},
            "action": {"workflow": workflow, "input": {"fail_times": 0, "park": false}},
        });
        api.send("PUT /schedules/s-1", &[], &schedule)
    };

    problem(&put("nothing"), 404, "definition_not_found");
    problem(&api.get("/schedules/s-1"), 404, "schedule_not_found");
    ok(&put("flaky-payment"), 202);
    problem(&put("nothing"), 404, "definition_not_found");
    for (word, why) in [("reason", "a drill"), ("note", "another")] {
        ok(&api.post("/schedules/s-1/pause", &json!({word: why})), 202);
        let seen = ok(&api.get("/schedules/s-1"), 200);
        let schedule = &seen["schedule"];
        assert_eq!(
            (&schedule["paused"], &schedule["note"]),
            (&json!(true), &json!(why))
        );
    }
}

#[test]
fn who_waits_when_the_server_stops_is_answered_before_it_has_gone() {
    let mut api = Api::of("victim");
    ok(
        &api.post("/workflows", &json!({"workflow": "basket", "id": "b-1"})),
        202,
    );
    let mut stream = Events::open(&api.address, "/api/v1/stream/workflows", None);
    assert_eq!(stream.next().name, "hello");
    let waits =
        ["result?wait=60s", "history?after=99&wait=60s"].map(|path| waiting(&api.address, path));

    api.engine.signal(Signal::Term);

    for (mut wait, status) in waits.into_iter().zip([202, 200]) {
        let mut rest = String::new();
        wait.read_to_string(&mut rest).expect("it is answered");
        // Nobody sees from outside whether it waits already: one that does not yet is told to ask again.
        let is_answered =
            rest.contains(&format!("HTTP/1.1 {status} ")) || rest.contains("\"stopping\"");
        assert!(is_answered, "{rest}");
    }
    assert!(stream.rest().contains("retry: 1000"));
    assert!(api.engine.end().success());
}

/// A connection that has had its first answer, and asks behind it for what takes long.
fn waiting(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("it is not zero");
    let first = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let then = format!(
        "GET /api/v1/workflows/b-1/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all((first + &then).as_bytes())
        .expect("it is sent");
    let mut line = [0; 12];
    stream.read_exact(&mut line).expect("the first is answered");
    assert_eq!(&line, b"HTTP/1.1 200");
    stream
}

#[test]
fn a_newcomer_is_told_what_an_order_takes_and_waits_for() {
    let api = Api::of("order-saga");

    let info = ok(&api.get("/info"), 200);

    let workflows = info["workflows"].as_array().unwrap();
    let order = workflows.iter().find(|one| one["name"] == "order").unwrap();
    assert_eq!(order["signals"], json!(["approve"]), "{order}");
    let example = &order["example_inputs"][0];
    assert!(
        example["total"].is_number() && example["card"].is_string(),
        "{order}"
    );
}

#[test]
fn a_key_that_was_used_is_not_taken_for_something_else() {
    let api = Api::of("victim");
    let send =
        |line: &str, key: &str, body: Value| api.send(line, &[("Idempotency-Key", key)], &body);
    let basket = |n: u8| json!({"workflow": "basket", "id": "b-1", "memo": {"n": n}});
    let pause = "POST /workflows/b-1/pause";
    let drill = json!({"reason": "a drill"});
    for _ in 0..2 {
        ok(&send("POST /workflows", "k-1", basket(1)), 202);
    }
    let wrong = json!({"reasons": "a drill"});
    problem(&send(pause, "k-2", wrong), 400, "invalid_body");
    for _ in 0..2 {
        ok(&send(pause, "k-2", drill.clone()), 202);
    }

    for (line, key, body) in [
        ("POST /workflows", "k-1", basket(2)),
        (pause, "k-1", drill.clone()),
        (pause, "k-2", json!({"reason": "no drill"})),
        ("POST /workflows/b-1/resume", "k-2", drill),
    ] {
        problem(&send(line, key, body), 409, "idempotency_key_reused");
    }
    assert_eq!(ok(&api.get("/workflows/b-1"), 200)["status"], "Paused");
}

#[test]
fn an_activity_is_told_of_as_it_goes_on_now() {
    let api = Api::of("flaky-payment");
    ok(&api.post("/workflows", &payment("p-1", 9, true)), 202);
    let path = "/workflows/p-1/activities/1";
    let until_it_is = |state: &str| {
        until(state, || {
            let activity = ok(&api.get(path), 200);
            (activity["state"] == state).then_some(activity)
        })
    };
    ok(&api.post(&format!("{path}/pause"), &json!({})), 202);
    until_it_is("paused");
    let retry = json!({"retry": {"maximum_attempts": 20, "initial_interval": "1h"}});
    ok(&api.send(&format!("PATCH {path}"), &[], &retry), 202);
    let changed = until_it_is("paused");
    ok(&api.post(&format!("{path}/resume"), &json!({})), 202);
    until_it_is("retrying");
    ok(
        &api.post(&format!("{path}/complete"), &json!({"result": 7})),
        202,
    );

    let done = until_it_is("completed");

    for activity in [changed, done] {
        let retry = &activity["retry"];
        assert_eq!(retry["maximum_attempts"], 20, "{activity}");
        assert_eq!(retry["initial_interval_ms"], 3_600_000, "{activity}");
    }
}

#[test]
fn a_batch_of_ids_says_which_of_them_nobody_knows_and_which_are_over() {
    let api = Api::of("flaky-payment");
    ok(&api.post("/workflows", &payment("open", 9, true)), 202);
    ok(
        &api.post("/workflows?wait=60s", &payment("over", 0, false)),
        200,
    );
    let batch =
        json!({"ids": ["open", "nobody", "over", "open"], "act": "pause", "reason": "a drill"});

    let begun = ok(&api.post("/batches", &batch), 202);

    assert_eq!(begun["matched"], 3, "{begun}");
    let path = format!("/batches/{}", begun["batch_id"].as_str().unwrap());
    let ended = until("the batch has ended", || {
        let batch = ok(&api.get(&path), 200);
        (batch["status"] == "Completed").then_some(batch)
    });
    let counts = ["matched", "done", "skipped", "failed"].map(|name| ended[name].as_u64());
    assert_eq!(counts, [Some(3), Some(1), Some(1), Some(1)], "{ended}");
    let unknown = json!([{"workflow_id": "nobody", "code": "not_found"}]);
    assert_eq!(ended["errors"], unknown);
    api.world.journal().audit();
}

#[test]
fn attributes_are_named_with_their_kinds_and_definitions_are_none() {
    let api = Api::of("flaky-payment");
    let mut start = payment("p-1", 0, false);
    start["attributes"] = json!({"customer": "c-1", "amount": 49.9, "tags": ["vip"]});
    ok(&api.post("/workflows", &start), 202);

    let attributes = ok(&api.get("/attributes"), 200);

    let expected = json!([
        {"name": "amount", "kind": "number", "runs": 1, "exact": true},
        {"name": "customer", "kind": "text", "runs": 1, "exact": true},
        {"name": "tags", "kind": "list", "runs": 1, "exact": true},
    ]);
    assert_eq!(
        (&attributes["attributes"], &attributes["has_more"]),
        (&expected, &json!(false))
    );
    let info = ok(&api.get("/info"), 200);
    let workflows = info["workflows"].as_array().unwrap();
    let payment = workflows.iter().find(|one| one["name"] == "flaky-payment");
    for key in [
        "versions",
        "signals",
        "queries",
        "updates",
        "example_inputs",
    ] {
        assert!(payment.unwrap()[key].is_array(), "{key}: {info}");
    }
    let definitions = ok(&api.get("/definitions"), 200);
    assert_eq!(
        definitions,
        json!({"definitions": [], "next_page_token": null})
    );
    problem(
        &api.get("/definitions/order/1"),
        404,
        "definition_not_found",
    );
    let put = api.send("PUT /definitions/order/1", &[], &json!({}));
    let put = problem(&put, 404, "definitions_unsupported");
    assert!(
        put["hint"].as_str().unwrap().contains("/api/v1/info"),
        "{put}"
    );
    let delete = api.send("DELETE /definitions/order/1", &[], &json!({}));
    problem(&delete, 404, "definition_not_found");
}

/// Two engines that answer HTTP, and where.
fn two_nodes(world: &World) -> (Vec<Process>, Vec<String>) {
    let serve = |_| world.engine_of(&mut world.server("victim", &["--http-port", "0"]));
    let nodes: Vec<Process> = (0..2).map(serve).collect();
    let addresses: Vec<String> = nodes.iter().map(http::address_of).collect();
    for address in &addresses {
        until("both nodes are ready", || {
            (http::get(address, "/readyz").status == 200).then_some(())
        });
    }
    (nodes, addresses)
}

#[test]
fn a_queue_is_told_of_with_its_limits_by_every_node() {
    let world = World::new(4);
    let (_nodes, addresses) = two_nodes(&world);
    let kind = [("Content-Type", "application/json")];
    let limits = json!({"max_outstanding": 3, "reason": "the bank is slow"}).to_string();
    let path = "PUT /api/v1/task-queues/orders/limits";
    ok(
        &http::ask(&addresses[0], path, &kind, limits.as_bytes()),
        202,
    );

    let seen = until("both tell of the limit, and its home of what waits", || {
        let seen: Vec<Value> = addresses
            .iter()
            .map(|address| ok(&http::get(address, "/api/v1/task-queues/orders"), 200))
            .collect();
        let know = seen
            .iter()
            .all(|queue| queue["limits"]["max_outstanding"] == 3);
        let homes = seen.iter().filter(|queue| queue["limits"]["waiting"] == 0);
        (know && homes.count() == 1).then_some(seen)
    });

    for queue in &seen {
        assert_eq!(queue["limits"]["reason"], "the bank is slow", "{queue}");
        assert_eq!(queue["limits"]["changed_by"], "anonymous", "{queue}");
        assert_eq!(
            (&queue["backlog"], &queue["workers"]),
            (&json!(0), &json!([])),
            "{queue}"
        );
    }
    let list = ok(&http::get(&addresses[1], "/api/v1/task-queues"), 200);
    assert_eq!(
        (&list["incomplete"], &list["left_out"]),
        (&json!(false), &json!(0))
    );
    let queues = list["task_queues"].as_array().unwrap();
    assert!(
        queues.iter().any(|queue| queue["name"] == "orders"),
        "{list}"
    );
}

#[test]
fn who_wrote_to_one_node_reads_it_at_the_other() {
    let world = World::new(4);
    let (_nodes, addresses) = two_nodes(&world);

    for number in 0..30 {
        let (here, there) = (&addresses[number % 2], &addresses[(number + 1) % 2]);
        let kind = [("Content-Type", "application/json")];
        let start = json!({"workflow": "collect", "id": format!("r-{number}"), "input": 1});
        let line = "POST /api/v1/workflows";
        let started = http::ask(here, line, &kind, start.to_string().as_bytes());
        assert_eq!(started.status, 202, "{started:?}");
        let head = started.head.to_lowercase();
        let told = head
            .lines()
            .find_map(|line| line.strip_prefix("sagaline-wrote: "));
        let told = told.expect("it says where it wrote").trim();

        let path = format!("GET /api/v1/workflows?query=WorkflowId%20%3D%20%27r-{number}%27");
        let listed = ok(
            &http::ask(there, &path, &[("Sagaline-Wrote", told)], b""),
            200,
        );

        let rows = listed["workflows"].as_array().map(Vec::len);
        assert_eq!(rows, Some(1), "r-{number}: {listed}");
    }
}
