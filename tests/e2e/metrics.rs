//! Health, readiness and metrics of an engine over HTTP.

use serde_json::{Value, json};

use crate::harness::{
    http::{self, Answer},
    process::Process,
    scrape::Scrape,
    wait::until,
    world::World,
};

/// Runs a command of the example that succeeds.
fn run(world: &World, arguments: &[&str]) {
    let output = world.run("flaky-payment", arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn start(world: &World, id: &str, fail_times: u32) {
    let input = json!({"fail_times": fail_times, "park": true}).to_string();
    let start = ["workflow", "start", "--type", "flaky-payment", "--id", id];
    run(world, &[&start[..], &["--input", &input]].concat());
}

fn scrape(address: &str) -> Scrape {
    let answer = http::get(address, "/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("text/plain; version=0.0.4"));
    Scrape::read(&answer.body)
}

/// What a page says, once it says so.
fn until_scraped(address: &str, what: &str, says: impl Fn(&Scrape) -> bool) -> Scrape {
    until(what, || Some(scrape(address)).filter(&says))
}

/// The problem that a request was refused with.
fn problem(answer: &Answer) -> Value {
    assert!(
        answer.head.contains("application/problem+json"),
        "{answer:?}"
    );
    let problem: Value = serde_json::from_str(&answer.body).expect("it is JSON");
    assert_eq!(problem["status"], answer.status);
    problem
}

#[test]
fn what_an_engine_does_is_told_in_numbers() {
    let world = World::new(2);
    let arguments = ["--with-worker", "--http-port", "0"];
    let engine = world.engine_of(&mut world.server("flaky-payment", &arguments));
    let address = http::address_of(&engine);
    let owned = until_scraped(&address, "the engine is ready", |page| {
        page.value("sagaline_ready") == Some(1.0)
    });
    assert_eq!(owned.value("sagaline_partitions"), Some(2.0));
    assert_eq!(owned.sum("sagaline_partition_ready"), 2.0);
    assert_eq!(owned.sum("sagaline_open_runs"), 0.0);
    assert_eq!(owned.sum("sagaline_build_info"), 1.0);

    start(&world, "p-1", 9);
    until_scraped(&address, "a retry waits", |page| {
        page.value("sagaline_retry_tier_waiting{tier=\"soon\"}") == Some(1.0)
            && page.sum("sagaline_runs_with_deadline") == 1.0
    });
    let parked = until_scraped(&address, "an incident is open", |page| {
        page.sum("sagaline_incidents_open") == 1.0
    });
    let forwarded = "sagaline_retry_tier_forwarded_total{tier=\"soon\"}";
    assert_eq!(parked.value(forwarded), Some(5.0), "six attempts");
    assert_eq!(parked.sum("sagaline_open_runs"), 1.0);
    assert!(parked.sum("sagaline_events_total") > parked.sum("sagaline_batches_total"));
    let failed = "sagaline_attempts_failed_total{activity=\"charge\"}";
    assert_eq!(parked.value(failed), Some(6.0));
    assert_eq!(parked.value("sagaline_runs_started_total"), Some(1.0));
    assert_eq!(parked.value("sagaline_takeover_seconds_count"), Some(2.0));
    for measured in ["commit_seconds", "batch_records", "input_wait_seconds"] {
        let count = parked.value(&format!("sagaline_{measured}_count"));
        assert!(count > Some(6.0), "{measured}: {count:?}");
    }
    assert_eq!(parked.sum("sagaline_step_seconds_count"), 0.0, "it waits");

    start(&world, "p-0", 0);
    let paid = until_scraped(&address, "a payment is made", |page| {
        page.value("sagaline_runs_closed_total{status=\"Completed\"}") == Some(1.0)
    });
    let steps = "sagaline_step_seconds_count{activity=\"charge\"}";
    assert_eq!(paid.value(steps), Some(1.0));
    until_scraped(&address, "nothing waits any more", |page| {
        page.sum("sagaline_inbox_waiting") == 0.0
            && page.value("sagaline_queue_backlog{queue=\"payments\"}") == Some(0.0)
            && page.value("sagaline_queue_oldest_seconds{queue=\"payments\"}") == Some(0.0)
    });

    run(
        &world,
        &["task-queue", "limit", "payments", "--rate", "30/min"],
    );
    run(
        &world,
        &["task-queue", "pause", "payments", "--type", "charge"],
    );
    until_scraped(&address, "the queue is paused", |page| {
        page.value("sagaline_queue_paused{queue=\"payments\"}") == Some(1.0)
    });
    start(&world, "p-2", 0);
    world.request("no.such.type", "p-3").send();
    let held = until_scraped(&address, "a task is held back", |page| {
        page.value("sagaline_queue_held_back{queue=\"payments\"}") == Some(1.0)
            && page.sum("sagaline_inputs_rejected_total") == 1.0
            && page.value("sagaline_queue_has_workers{queue=\"payments\"}") == Some(1.0)
    });

    let rate = "sagaline_queue_rate_limit_per_second{queue=\"payments\"}";
    assert_eq!(held.value(rate), Some(0.5));
    let limit = "sagaline_queue_outstanding_limit{queue=\"payments\"}";
    assert_eq!(held.value(limit), None, "there is none");
    assert!(held.sum("sagaline_inbox_position") >= 3.0);
    world.journal().audit();
}

#[test]
fn an_engine_is_ready_while_it_owns_what_it_has_and_says_what_is_missing() {
    let world = World::new(1);
    let arguments = ["--http-port", "0"];
    let mut engines = [world.engine(&arguments), world.engine(&arguments)];
    let addresses = engines.each_ref().map(http::address_of);
    let ready = |address: &String| http::get(address, "/readyz");

    // There is one partition: one of them has it.
    let owner = until("one engine is ready", || {
        let statuses = addresses.each_ref().map(|address| ready(address).status);
        statuses.iter().position(|status| *status == 200)
    });
    let other = 1 - owner;
    let spare = ready(&addresses[other]);
    assert_eq!(spare.status, 503);
    let said = problem(&spare);
    assert_eq!(said["code"], "not_ready");
    assert_eq!(said["detail"], "this engine has no partition");
    assert_eq!(http::get(&addresses[other], "/healthz").status, 200);

    engines[owner].kill();
    until("the other takes over", || {
        (ready(&addresses[other]).status == 200).then_some(())
    });

    let page = scrape(&addresses[other]);
    let epoch = page.value("sagaline_partition_epoch{partition=\"0\"}");
    assert!(epoch >= Some(2.0), "{epoch:?}");
    let lost = http::get(&addresses[other], "/nothing");
    assert_eq!(
        (lost.status, &problem(&lost)["code"]),
        (404, &json!("not_found"))
    );
}

#[test]
fn an_engine_whose_port_is_taken_says_so_and_does_not_start() {
    let world = World::new(1);
    let first: Process = world.engine(&["--http-port", "0"]);
    let address = http::address_of(&first);
    let port = address.rsplit(':').next().expect("it has a port");

    let second = world.run("order-saga", &["server", "--http-port", port]);

    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(4), "{said}");
    let error = format!("error: port {port} is in use\n");
    assert!(said.contains(&error), "{said}");
    assert!(said.contains("--http-port 0 picks a free one"), "{said}");
}
