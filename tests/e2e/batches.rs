//! Batches: all that a filter means is acted on once each, whatever crashes, and people see how far it is and stop it.

use sagaline::{
    batch::{Batch, Description, Target},
    client::{Client, ClientError},
};
use sagaline_core::{Event, Outcome};
use serde_json::{Value, json};

use crate::{
    client::with_client,
    harness::{
        journal::Journal,
        process::Process,
        sagas, say,
        wait::{Watch, until, until_true},
        world::World,
    },
};

const BINARY: &str = "victim";

/// An engine without workers: what is started stays at its first step.
fn engine(world: &World) -> Process {
    world.engine_of(&mut world.server(BINARY, &[]))
}

fn ids(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("w-{n:05}")).collect()
}

/// Starts so many and waits until all are open.
fn start(world: &World, journal: &mut Journal<'_>, ids: &[String]) {
    let starts = ids.iter().map(|id| {
        let start = world.request("sagaline.workflow.start.v1", id);
        let start = start.header("sl-workflow", "steps");
        start.json(&json!([{"ms": 0}])).into_record()
    });
    world.send_all(starts);
    journal.until("all are open", |journal| {
        ids.iter()
            .all(|id| {
                journal
                    .newest(id)
                    .is_some_and(|run| run.count("ActivityScheduled") > 0)
            })
            .then_some(())
    });
}

/// Begins a batch on all of them; its id.
fn begin(world: &World, act: &[&str], rest: &[&str]) -> String {
    let flags = ["-q", "WorkflowType = 'steps'", "-y", "-o", "json"];
    let said = world.says(BINARY, 0, &[&["workflow"], act, &flags, rest].concat());
    let said: Value = serde_json::from_str(&said).expect("it prints JSON");
    said["batch_id"].as_str().expect("it has an id").to_owned()
}

fn describe(world: &World, batch_id: &str) -> Value {
    let said = world.says(BINARY, 0, &["batch", "describe", batch_id, "-o", "json"]);
    serde_json::from_str(&said).expect("it prints JSON")
}

/// How many of them were sent the message `nudge`, by how often.
fn nudged(journal: &Journal<'_>, ids: &[String]) -> [usize; 3] {
    let mut nudged = [0; 3];
    for id in ids {
        let run = journal.newest(id).expect("it was started");
        nudged[run.count("SignalReceived").min(2)] += 1;
    }
    nudged
}

#[test]
fn each_is_acted_on_once_and_none_is_left_when_the_engine_is_killed() {
    let world = World::new(4);
    let mut running = engine(&world);
    let mut journal = world.journal();
    let ids = ids(sagas(1_600, 10_000));
    start(&world, &mut journal, &ids);

    let batch_id = begin(
        &world,
        &["signal", "--name", "nudge"],
        &["--per-second", "400"],
    );
    let mut kills = 0;
    for share in [1, 3, 6] {
        journal.until("it is in the midst of it", |journal| {
            let [none, ..] = nudged(journal, &ids);
            (ids.len() - none > ids.len() * share / 8).then_some(())
        });
        running.kill();
        kills += 1;
        running = engine(&world);
    }
    assert_eq!(
        journal.until_ended(&format!("batch/{batch_id}")),
        Outcome::Completed
    );

    journal.until_inputs_are_read();
    assert_eq!(nudged(&journal, &ids), [0, ids.len(), 0]);
    let about = describe(&world, &batch_id);
    let counts = [
        &about["matched"],
        &about["done"],
        &about["skipped"],
        &about["failed"],
    ];
    assert_eq!(
        counts,
        [&json!(ids.len()), &json!(ids.len()), &json!(0), &json!(0)]
    );
    let run = journal
        .newest(&format!("batch/{batch_id}"))
        .expect("it is a run");
    say(&format!(
        "{} were acted on, {kills} kills, {} steps",
        ids.len(),
        run.count("ActivityScheduled")
    ));
    journal.audit();
}

#[test]
fn what_a_killed_engine_ended_counts_as_done_and_not_as_over_before() {
    let world = World::new(4);
    let mut running = engine(&world);
    let mut journal = world.journal();
    let ids = ids(sagas(1_000, 5_000));
    start(&world, &mut journal, &ids);

    let batch_id = begin(&world, &["terminate", "--reason", "closed down"], &[]);
    // A step has begun and its result is not there: the next engine sends it again, and all of it is closed by then.
    journal.until("it is in the midst of it", |journal| {
        (journal.ended() > 50).then_some(())
    });
    running.kill();
    running = engine(&world);
    assert_eq!(
        journal.until_ended(&format!("batch/{batch_id}")),
        Outcome::Completed
    );

    let about = describe(&world, &batch_id);
    assert_eq!(
        (&about["done"], &about["skipped"]),
        (&json!(ids.len()), &json!(0))
    );
    for id in &ids {
        assert_eq!(journal.until_ended(id), Outcome::Terminated, "{id}");
    }
    let run = journal.newest(&ids[0]).expect("it was started");
    let ended = run.facts.last().expect("it has ended");
    assert!(
        matches!(&ended.event, Event::WorkflowTerminated(by) if by.reason.as_deref() == Some("closed down"))
    );
    assert!(
        ended.cause.source.starts_with("sagaline.cli/"),
        "{:?}",
        ended.cause
    );
    drop(running);
    journal.audit();
}

/// How many of them were paused once, by a person.
fn held_by_people(journal: &Journal<'_>, ids: &[String]) -> usize {
    let actors = |id: &String| {
        let run = journal.newest(id).expect("it was started");
        let actor = |event: &Event| match event {
            Event::WorkflowPaused(paused) => Some(paused.actor.to_string()),
            _ => None,
        };
        let actors = run.facts.iter().filter_map(|fact| actor(&fact.event));
        actors.collect::<Vec<String>>()
    };
    let is_held = |actors: &Vec<String>| match &**actors {
        [actor] => actor.starts_with("sagaline.cli/"),
        _ => false,
    };
    ids.iter().map(actors).filter(is_held).count()
}

#[test]
fn people_see_how_far_it_is_and_stop_it() {
    let world = World::new(2);
    let _engine = engine(&world);
    let mut journal = world.journal();
    let ids = ids(60);
    start(&world, &mut journal, &ids);

    let paused = begin(
        &world,
        &["pause", "--reason", "stock-taking"],
        &["--per-second", "10"],
    );
    until_true("it has begun", || {
        describe(&world, &paused)["done"] != json!(0)
    });
    let list = ["batch", "list", "-o", "json"];
    let listed: Value = serde_json::from_str(&world.says(BINARY, 0, &list)).unwrap();
    let shown = &listed["batches"][0];
    assert_eq!(
        (&shown["batch_id"], &shown["act"]),
        (&json!(paused), &json!("pause"))
    );
    assert_eq!(
        (&shown["status"], &shown["matched"]),
        (&json!("Running"), &json!(60))
    );
    let said = world.says(
        BINARY,
        0,
        &["batch", "cancel", &paused, "--reason", "enough"],
    );
    assert!(said.contains("what it has begun it ends"), "{said}");
    journal.until_ended(&format!("batch/{paused}"));

    let about = describe(&world, &paused);
    assert_eq!(
        (&about["status"], &about["failure"]),
        (&json!("Canceled"), &json!("enough"))
    );
    let done = about["done"].as_u64().expect("it is a number");
    assert!(
        (10..60).contains(&done) && done.is_multiple_of(10),
        "{about}"
    );
    journal.until_inputs_are_read();
    assert_eq!(held_by_people(&journal, &ids) as u64, done);
    // By its workflow id, too.
    let with_prefix = format!("batch/{paused}");
    let table = world.says(BINARY, 0, &["batch", "describe", &with_prefix]);
    let last = table.lines().last();
    let last: Option<Vec<&str>> = last.map(|line| line.split_whitespace().collect());
    assert_eq!(last, Some(vec!["Reason", "enough"]), "{table}");
    for text in [
        "Canceled",
        "stock-taking",
        "WorkflowType = 'steps'",
        "10 per second",
    ] {
        assert!(table.contains(text), "{table}");
    }
    let ended = world.says(BINARY, 4, &["batch", "cancel", &paused]);
    assert!(ended.contains("is not under way"), "{ended}");
    let unknown = world.says(BINARY, 4, &["batch", "describe", "no-such"]);
    assert!(unknown.contains("there is no batch/no-such"), "{unknown}");
    journal.audit();
}

/// Begins a batch from this process; and again under the same id.
async fn begin_twice(
    client: &Client,
    targets: &[Target],
) -> Result<Result<(), ClientError>, ClientError> {
    let batch = client.batch("mine");
    let cancel = || Batch::cancel("closed down").actor("ada");
    batch.begin(cancel(), targets).await?;
    Ok(batch.begin(cancel(), targets).await)
}

#[test]
fn a_program_acts_on_ids_that_it_knows_and_is_told_which_are_wrong() {
    let world = World::new(2);
    let _engine = engine(&world);
    let mut journal = world.journal();
    let ids = ids(3);
    start(&world, &mut journal, &ids);
    world
        .request("sagaline.workflow.terminate.v1", &ids[2])
        .send();
    journal.until_ended(&ids[2]);
    let strange = ["no-such", "", &"x".repeat(256)].map(str::to_owned);
    let targets: Vec<Target> = ids.iter().chain(&strange).map(Target::workflow).collect();

    let again = with_client(&world, async |client| begin_twice(client, &targets).await);

    let again = again.expect_err("it is there");
    assert_eq!(again.kind(), Some(sagaline::worker::ErrorKind::Conflict));
    assert_eq!(journal.until_ended("batch/mine"), Outcome::Completed);
    let about = serde_json::from_value::<Description>(describe(&world, "mine"));
    let about = about.expect("it says how far it is");
    let tally = &about.tally;
    assert_eq!((tally.done, tally.skipped, tally.failed), (2, 1, 3));
    let codes: Vec<&str> = tally.errors.iter().map(|one| &*one.code).collect();
    assert_eq!(codes, ["invalid_target", "invalid_target", "not_found"]);
    for id in &ids[..2] {
        let run = journal.newest(id).expect("it was started");
        assert_eq!(run.count("WorkflowCancelRequested"), 1, "{id}");
    }
    journal.audit();
}

#[test]
fn many_are_acted_on_by_runs_of_limited_length() {
    let world = World::new(4);
    let _engine = engine(&world);
    let mut journal = world.journal();
    // Of longer ids there are fewer in one run.
    let count = sagas(3_000, 100_000);
    let ids: Vec<String> = (1..=count).map(|n| format!("w-{n:0200}")).collect();
    start(&world, &mut journal, &ids);

    let watch = Watch::begin();
    let batch_id = begin(&world, &["signal", "--name", "nudge"], &[]);
    let begun = watch.elapsed();
    let id = format!("batch/{batch_id}");
    let is_done =
        |journal: &Journal<'_>| (journal.outcome(&id)? == Outcome::Completed).then_some(());
    journal.until("it is done", |journal| is_done(journal));
    let runs = journal.ids[&id].len();
    say(&format!(
        "{count} were acted on in {:?} by {runs} runs; begun in {begun:?}",
        watch.elapsed()
    ));

    journal.until_inputs_are_read();
    assert_eq!(nudged(&journal, &ids), [0, ids.len(), 0]);
    assert_eq!(describe(&world, &batch_id)["done"], json!(count));
    journal.audit();
}

#[test]
fn nobody_begins_a_batch_without_the_keys() {
    let world = World::new(2);
    let _engine = engine(&world);
    let mut journal = world.journal();
    start(&world, &mut journal, &ids(1));
    let batch = json!({"act": "pause", "actor": "mallory", "matched": 1});

    let place = world
        .request("sagaline.workflow.start.v1", "batch/mine")
        .header("sl-workflow", "sagaline.batch")
        .json(&json!({ "batch": batch }))
        .send();
    let told = world
        .request("sagaline.workflow.signal.v1", "batch/mine")
        .header("sl-signal", "targets")
        .json(&json!({"targets": [{"workflow_id": "w-00001"}]}))
        .send();

    for place in [place, told] {
        let refused = until("it is refused", || {
            journal.read_on();
            journal.rejected(&place).cloned()
        });
        assert!(refused.message.contains("sl-mac"), "{}", refused.message);
    }
    let slow = [
        "workflow",
        "pause",
        "-q",
        "Open = true",
        "-y",
        "--per-second",
        "0",
    ];
    let wrong = world.says(BINARY, 2, &slow);
    assert!(wrong.contains("per_second: 0;"), "{wrong}");
    journal.audit();
}
