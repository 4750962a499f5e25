//! Acts and lists by filter: what it means is acted on, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    is_full,
    process::{Process, Signal},
    say,
    wait::{Watch, until, until_true},
    world::World,
};

fn world() -> (World, Process) {
    let world = World::new(4);
    let engine = world.engine_of(&mut world.server("flaky-payment", &["--with-worker"]));
    (world, engine)
}

/// Runs a command that ends with this code; what it printed, or, if it failed, said.
fn says(world: &World, code: i32, arguments: &[&str]) -> String {
    world.says("flaky-payment", code, arguments)
}

/// An act by filter, without asking; what it says became of all.
fn acts(world: &World, act: &[&str], filter: &str) -> Value {
    let flags = ["-q", filter, "-y", "--wait", "-o", "json"];
    tally(&says(world, 0, &[act, &flags].concat()))
}

/// What became of all, of what a batch says of itself.
fn tally(said: &str) -> Value {
    let said: Value = serde_json::from_str(said).expect("it prints JSON");
    let keys = ["matched", "done", "skipped", "failed", "errors"];
    keys.iter().map(|key| (*key, said[*key].clone())).collect()
}

fn all_done(count: usize) -> Value {
    json!({"matched": count, "done": count, "skipped": 0, "failed": 0, "errors": []})
}

/// Ids of the workflows that `workflow list` or `incident list` prints for a filter, in its order.
fn listed(world: &World, noun: &str, filter: &str) -> Vec<String> {
    let list = ["list", "-q", filter, "--limit", "5000", "-o", "json"];
    let said = says(world, 0, &[&[noun][..], &list].concat());
    let said: Value = serde_json::from_str(&said).expect("it prints JSON");
    let rows = said["workflows"]
        .as_array()
        .or(said["incidents"].as_array());
    let ids = rows.expect("it is a list").iter();
    let ids = ids.map(|row| row["workflow_id"].as_str().expect("it has an id"));
    // Batches are workflows, too.
    let ids = ids.filter(|id| !id.starts_with("batch/"));
    ids.map(str::to_owned).collect()
}

/// Starts payments of which so many attempts fail; each has the region of its id as an attribute.
fn start<'i>(world: &World, ids: impl IntoIterator<Item = &'i String>, fail_times: u32) {
    let starts = ids.into_iter().map(|id| {
        let region = id.split('-').next().unwrap_or_default();
        world
            .request("sagaline.workflow.start.v1", id)
            .header("sl-workflow", "flaky-payment")
            .header("sl-attr-region", region)
            .json(&json!({"fail_times": fail_times, "park": true}))
            .into_record()
    });
    world.send_all(starts);
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{prefix}-{n:04}")).collect()
}

fn until_parked(world: &World, count: usize) {
    until_true(&format!("{count} payments wait for a person"), || {
        listed(world, "incident", "").len() == count
    });
}

#[test]
fn incidents_that_a_filter_means_are_solved_and_no_others() {
    let (world, _engine) = world();
    let (eu, us) = (ids("eu", 12), ids("us", 8));
    start(&world, eu.iter().chain(&us), 6);
    until_parked(&world, 20);
    let filter = r#"Activity = "charge" AND LastFailureType = "GatewayDown" AND region = "eu""#;

    let asked = says(&world, 2, &["incident", "retry", "--query", filter]);
    let meant = says(
        &world,
        0,
        &["incident", "retry", "--query", filter, "--dry-run"],
    );
    let other = filter.replace("GatewayDown", "CardDeclined");
    let nothing = says(&world, 0, &["incident", "retry", "-q", &other, "--yes"]);
    assert!(
        asked.contains("--yes") && asked.contains("--dry-run"),
        "{asked}"
    );
    assert!(
        meant.starts_with("12 matched\n") && meant.lines().count() == 13,
        "{meant}"
    );
    assert_eq!(nothing.trim(), "Nothing matches.");
    assert_eq!(listed(&world, "incident", "").len(), 20);

    let retry = ["incident", "retry", "--reason", "the bank is back"];
    assert_eq!(acts(&world, &retry, filter), all_done(12));
    until_true("those of eu are paid", || {
        let mut paid = listed(&world, "workflow", "Status = 'Completed'");
        paid.sort();
        paid == eu
    });
    let mut left = listed(&world, "incident", "");
    left.sort();
    assert_eq!(left, us);
    let history = says(&world, 0, &["workflow", "history", &eu[0]]);
    assert!(history.contains("the bank is back"), "{history}");

    let skip = ["incident", "skip", "--result", "\"by hand\""];
    assert_eq!(
        acts(&world, &skip, "region = 'us' AND NeedsPerson = true"),
        all_done(8)
    );
    let result = ["workflow", "result", &us[7], "--timeout", "60s"];
    assert_eq!(says(&world, 0, &result).trim(), "\"by hand\"");
}

#[test]
fn runs_that_a_filter_means_are_listed_in_its_order_and_cancelled() {
    let (world, _engine) = world();
    let (eu, us) = (ids("eu", 3), ids("us", 2));
    start(&world, eu.iter().chain(&us), 1_000);
    until_parked(&world, 5);

    let by_id = "region IN ('eu', 'us') AND NOT WorkflowId CONTAINS '0002' ORDER BY region DESC, WorkflowId";
    assert_eq!(
        listed(&world, "workflow", by_id),
        ["us-0001", "eu-0001", "eu-0003"]
    );
    assert_eq!(
        listed(&world, "incident", by_id),
        ["us-0001", "eu-0001", "eu-0003"]
    );
    let none = says(&world, 0, &["workflow", "list", "-q", "region = 'asia'"]);
    assert_eq!(
        none.trim(),
        "No run matches. 5 runs exist without this filter."
    );

    let cancel = ["workflow", "cancel", "--reason", "closed down"];
    assert_eq!(acts(&world, &cancel, "region = 'eu'"), all_done(3));
    until_true("those of eu are cancelled", || {
        listed(
            &world,
            "workflow",
            "Status = 'Canceled' ORDER BY WorkflowId",
        ) == eu
    });
    // Closed runs are not meant: the same again finds nothing.
    assert_eq!(acts(&world, &cancel, "region = 'eu'"), all_done(0));
    assert_eq!(
        listed(&world, "workflow", "Open = true ORDER BY WorkflowId"),
        us
    );
    let terminated = acts(&world, &["workflow", "terminate"], "Situation = 'incident'");
    assert_eq!(terminated, all_done(2));
}

#[test]
fn pending_activities_that_a_filter_means_are_held_and_ended() {
    let (world, _engine) = world();
    let (eu, us) = (ids("eu", 2), ids("us", 2));
    start(&world, eu.iter().chain(&us), 1_000);
    let all = "Activity = 'charge'";
    until_true("all have begun", || {
        listed(&world, "workflow", all).len() == 4
    });

    assert_eq!(
        acts(&world, &["workflow", "pause"], "region = 'us'"),
        all_done(2)
    );
    assert_eq!(
        listed(&world, "workflow", "Status = 'Paused' ORDER BY WorkflowId"),
        us
    );
    assert_eq!(
        acts(
            &world,
            &["activity", "pause"],
            "region = 'eu' AND ActivityId = 1"
        ),
        all_done(2)
    );
    // An attempt may be in flight still; once it has ended, none follows.
    let is_held = |id: &String| {
        let described = world.run("flaky-payment", &["workflow", "describe", id, "-o", "json"]);
        let described: Value = serde_json::from_slice(&described.stdout).expect("it prints JSON");
        described["pending_activities"][0]["state"] == "paused"
    };
    until_true("no attempt is in flight", || {
        eu.iter().chain(&us).all(is_held)
    });
    assert!(listed(&world, "workflow", "NextAttemptAt IS NOT NULL").is_empty());

    let retry = ["activity", "retry", "-q", all, "-y", "--wait", "-o", "json"];
    let refused = world.run("flaky-payment", &retry);
    assert_eq!(refused.status.code(), Some(1));
    let refused: Value = serde_json::from_slice(&refused.stdout).expect("it prints JSON");
    assert_eq!(
        (&refused["matched"], &refused["failed"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(refused["errors"][0]["code"], "paused");

    let complete = ["activity", "complete", "--result", "\"by hand\""];
    assert_eq!(acts(&world, &complete, "region = 'eu'"), all_done(2));
    let fail = ["activity", "fail", "--type", "GaveUp"];
    assert_eq!(acts(&world, &fail, "region = 'us'"), all_done(2));
    assert_eq!(
        acts(&world, &["workflow", "resume"], "Status = 'Paused'"),
        all_done(2)
    );
    until_true("all have ended", || {
        listed(
            &world,
            "workflow",
            "Status = 'Completed' ORDER BY WorkflowId",
        ) == eu
            && listed(&world, "workflow", "Status = 'Failed' ORDER BY WorkflowId") == us
    });
}

#[test]
fn a_run_that_closed_meanwhile_and_an_incident_that_is_solved_are_skipped() {
    let (world, mut engine) = world();
    let ids = ids("eu", 3);
    start(&world, &ids, 1_000);
    until_parked(&world, 3);
    let inbox = format!("{}.inbox", world.namespace);
    let requests = || world.ends(&inbox).into_iter().sum::<i64>();
    let filter = ["-q", "region = 'eu'", "--yes", "--wait", "-o", "json"];
    let begin = |act: &[&str]| {
        let before = requests();
        let mut command = world.command("flaky-payment", &[act, &filter].concat());
        let begun = world.spawn("act", &mut command);
        until_true("its requests are in the inbox", || requests() == before + 3);
        begun
    };

    // While the engine stands still, all that is read is what was before.
    engine.signal(Signal::Stop);
    world
        .request("sagaline.workflow.terminate.v1", &ids[1])
        .send();
    let mut first = begin(&["incident", "fail"]);
    let mut second = begin(&["incident", "fail"]);
    engine.signal(Signal::Cont);

    let ended = |process: &mut Process| -> Value {
        assert!(process.end().success(), "{}", process.log());
        // Which batch it is was said before, beside.
        tally(
            process
                .log()
                .lines()
                .last()
                .expect("it prints what became of all"),
        )
    };
    let (first, second) = (ended(&mut first), ended(&mut second));
    let both = |key: &str| first[key].as_u64().zip(second[key].as_u64());
    let sum = |key: &str| both(key).map(|(one, other)| one + other);
    assert_eq!(
        (sum("done"), sum("skipped"), sum("failed")),
        (Some(2), Some(4), Some(0)),
        "{first} {second}"
    );
}

#[test]
fn what_no_engine_answers_stays_in_the_inbox_and_is_done_later() {
    let (world, mut engine) = world();
    let ids = ids("eu", 3);
    start(&world, &ids, 1_000);
    until_parked(&world, 3);
    engine.kill();

    let cancel = ["workflow", "cancel", "-q", "Open = true", "--yes"];
    let said = says(&world, 5, &[&cancel[..], &["--timeout", "1s"]].concat());

    assert!(said.contains("is done when one comes up"), "{said}");
    let _engine = world.engine_of(&mut world.server("flaky-payment", &[]));
    until_true("they are cancelled", || {
        listed(&world, "workflow", "Status = 'Canceled'").len() == 3
    });
}

#[test]
fn a_wrong_filter_is_a_wrong_usage_that_shows_the_place() {
    let (world, _engine) = world();
    let wrong = "Open = true AND StartTime > 5";

    for command in [
        ["workflow", "list"],
        ["incident", "list"],
        ["workflow", "cancel"],
        ["activity", "pause"],
        ["incident", "retry"],
    ] {
        let said = says(&world, 2, &[&command[..], &["-q", wrong]].concat());
        assert!(
            said.contains("invalid query at byte 28: found `5`, expected a time"),
            "{said}"
        );
        let shown: Vec<&str> = said.lines().collect();
        assert_eq!(shown[1].find('5'), shown[2].find('^'), "{said}");
    }
    let both = says(
        &world,
        2,
        &["workflow", "cancel", "eu-1", "-q", "Open = true"],
    );
    assert!(both.contains("cannot be used with"), "{both}");
    says(&world, 2, &["incident", "retry", "--yes"]);
    let everything = says(&world, 2, &["workflow", "terminate", "-q", "", "--yes"]);
    assert!(everything.contains("Open = true"), "{everything}");
}

#[test]
fn a_thousand_incidents_are_solved_in_a_few_seconds() {
    let (world, _engine) = world();
    let count = if is_full() { 1_000 } else { 100 };
    start(&world, &ids("eu", count), 6);
    until_parked(&world, count);

    let watch = Watch::begin();
    let solved = acts(&world, &["incident", "retry"], "Activity = 'charge'");
    let took = watch.elapsed();

    say(&format!("{count} incidents were solved in {took:?}"));
    assert_eq!(solved, all_done(count));
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    until("all are paid", || {
        let paid = listed(&world, "workflow", "Status = 'Completed'");
        (paid.len() == count).then_some(())
    });
}
