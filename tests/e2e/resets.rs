//! Runs that are reset: another goes on from one of their events, whatever dies meanwhile.

use sagaline_core::{Event, Outcome};
use serde_json::Value;

use crate::harness::{records::order, task::Task, wait::until, world::World};

/// The newest task of an activity that is not that one.
fn other_task(world: &World, activity: &str, old: &Task) -> Task {
    until("a task of the new run", || {
        let mut tasks = world.tasks().into_iter().rev();
        tasks.find(|task| {
            let is_old = task.header("sl-run-id") == old.header("sl-run-id");
            task.activity() == activity && !is_old
        })
    })
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it prints JSON")
}

/// Whoever looks at the workflow `o` is told that it is reset to event 3.
fn shows_the_reset(world: &World, old_run: &str) {
    let says = |code: i32, arguments: &[&str]| world.says("order-saga", code, arguments);
    let described = json(&says(0, &["workflow", "describe", "o", "-o", "json"]));
    assert_eq!(described["reset_of"], old_run);
    assert_eq!(
        (
            &described["reset"]["event_seq"],
            &described["reset"]["reason"]
        ),
        (&Value::from(3), &Value::from("a bug"))
    );
    let table = says(0, &["workflow", "describe", "o"]);
    assert!(
        table.contains(&format!("Reset          to event 3 of run {old_run} by ")),
        "{table}"
    );
    let before = says(0, &["workflow", "describe", "o", "-r", old_run]);
    assert!(
        before.contains("Terminated") && before.contains("Reset by "),
        "{before}"
    );
    let listed = json(&says(0, &["workflow", "list", "-o", "json"]));
    assert_eq!(
        listed["workflows"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    let history = says(0, &["workflow", "history", "o"]);
    assert!(
        history.contains(&format!("reset to event 3 of run {old_run}")),
        "{history}"
    );
}

#[test]
fn a_reset_run_goes_on_although_its_engine_is_killed_and_an_old_answer_counts_no_more() {
    let world = World::new(2);
    let server = || world.engine(&[]);
    let mut engine = server();
    let mut journal = world.journal();
    let says = |code: i32, arguments: &[&str]| world.says("order-saga", code, arguments);
    world.start_order("o", &order("o", "visa", "ok")).send();
    let old = world.task("o", "reserve-stock", 1);
    let reset = [
        "workflow",
        "reset",
        "o",
        "--event-seq",
        "3",
        "--reason",
        "a bug",
    ];

    let told = says(0, &[&reset[..], &["--idempotency-key", "r-1"]].concat());
    engine.kill();
    let _engine = server();
    let again = says(0, &[&reset[..], &["--idempotency-key", "r-1"]].concat());

    let old_run = old.header("sl-run-id");
    assert!(
        told.contains(&format!("reset to event 3 of run {old_run}, run ")),
        "{told}"
    );
    let new = other_task(&world, "reserve-stock", &old);
    assert!(again.contains("is reset to event 3"), "{again}");
    assert_eq!(new.attempt(), 1);
    let key = |task: &Task| task.header("sl-idempotency-key").to_owned();
    assert_eq!(key(&new), key(&old), "whoever is called knows it again");
    world.complete(&old, r#"{"reservation": "late"}"#);
    let _worker = world.worker(&[]);
    assert_eq!(journal.until_ended("o"), Outcome::Completed);
    let names = journal.names("o");
    assert_eq!(
        names[..4],
        [
            "WorkflowStarted",
            "ActivityScheduled",
            "ActivityAttemptScheduled",
            "ReplyRequested"
        ]
    );
    let late = |event: &&Event| matches!(event, Event::ActivityCompleted(one) if String::from_utf8_lossy(one.result.data()).contains("late"));
    let runs = journal.runs.values().flat_map(|run| &run.facts);
    assert_eq!(runs.map(|fact| &fact.event).find(late), None);
    assert_eq!(journal.runs.len(), 2, "the repeat resets nothing again");

    shows_the_reset(&world, old_run);
    says(0, &["journal", "verify"]);
    says(0, &["journal", "replay"]);
    journal.audit();
}

#[test]
fn a_completed_run_is_reset_and_signals_that_came_later_come_again_in_order() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let _worker = world.spawn("worker", &mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let says = |code: i32, arguments: &[&str]| world.says("victim", code, arguments);
    says(
        0,
        &["workflow", "start", "-t", "collect", "-w", "c", "-i", "3"],
    );
    for number in ["1", "2", "3"] {
        says(
            0,
            &["workflow", "signal", "c", "--name", "number", "-i", number],
        );
    }
    assert_eq!(journal.until_ended("c"), Outcome::Completed);
    let seq = |name: &str| {
        let run = journal.newest("c").expect("it is known");
        let mut facts = run.facts.iter();
        facts
            .find(|fact| fact.event.name() == name)
            .map(|fact| fact.seq)
    };
    let end = seq("WorkflowCompleted").expect("it completed").to_string();
    let second = seq("SignalReceived").expect("it was sent") + 1;
    let runs = journal.runs.len();

    let refused = says(4, &["workflow", "reset", "c", "--event-seq", &end]);
    assert!(refused.contains("its end is fixed by event"), "{refused}");
    says(
        0,
        &["workflow", "reset", "c", "--event-seq", &second.to_string()],
    );

    let ended = journal.until("the new run ends", |journal| {
        (journal.runs.len() > runs)
            .then(|| journal.outcome("c"))
            .flatten()
    });
    assert_eq!(ended, Outcome::Completed);
    assert_eq!(says(0, &["workflow", "result", "c"]), "[1,2,3]\n");
    says(
        0,
        &[
            "workflow",
            "reset",
            "c",
            "--event-seq",
            &second.to_string(),
            "--reapply",
            "none",
        ],
    );
    says(
        0,
        &["workflow", "signal", "c", "--name", "number", "-i", "8"],
    );
    says(
        0,
        &["workflow", "signal", "c", "--name", "number", "-i", "9"],
    );
    assert_eq!(says(0, &["workflow", "result", "c"]), "[1,8,9]\n");
    says(0, &["journal", "verify"]);
    journal.audit();
}

#[test]
fn many_are_reset_at_once_while_engines_are_killed_and_each_ends_once_more() {
    const RUNS: usize = 30;
    let world = World::new(2);
    let server = || world.engine(&[]);
    let mut engine = server();
    let mut journal = world.journal();
    for number in 0..RUNS {
        let id = format!("o-{number}");
        world.start_order(&id, &order(&id, "visa", "ok")).send();
        world.task(&id, "reserve-stock", 1);
    }
    let reset = [
        "workflow",
        "reset",
        "--query",
        "WorkflowType = \"order\"",
        "--event-seq",
        "3",
        "--yes",
        "--timeout",
        "60s",
    ];
    let mut asked = world.command("order-saga", &reset);
    let mut asked = asked.spawn().expect("it runs");
    for _ in 0..2 {
        journal.until("some of them are reset, or all", |journal| {
            // One is the batch.
            let reset = journal.runs.len() > RUNS + 1;
            (reset || journal.ended() > 0).then_some(())
        });
        engine.kill();
        engine = server();
    }
    assert!(asked.wait().expect("it ends").success(), "all were reset");
    let _worker = world.worker(&[]);

    for number in 0..RUNS {
        assert_eq!(
            journal.until_ended(&format!("o-{number}")),
            Outcome::Completed
        );
    }
    let runs = journal.runs.values();
    let orders = runs.filter(|run| run.workflow_id.starts_with("o-"));
    assert_eq!(orders.count(), 2 * RUNS);
    world.says("order-saga", 0, &["journal", "verify"]);
    world.says("order-saga", 0, &["journal", "replay"]);
    journal.audit();
}

#[test]
fn a_run_of_ten_thousand_events_is_reset_to_its_last_but_one() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let _worker = world.spawn("worker", &mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let says = |arguments: &[&str]| world.says("victim", 0, arguments);
    says(&["workflow", "start", "-t", "fan", "-w", "f", "-i", "3400"]);
    assert_eq!(journal.until_ended("f"), Outcome::Completed);
    let events = journal.newest("f").expect("it is known").facts.len();
    assert!(events > 10_000, "only {events}");

    says(&[
        "workflow",
        "reset",
        "f",
        "--event-seq",
        &(events - 1).to_string(),
    ]);

    let ended = journal.until("the new run ends", |journal| {
        (journal.runs.len() == 2)
            .then(|| journal.outcome("f"))
            .flatten()
    });
    assert_eq!(ended, Outcome::Completed);
    assert_eq!(says(&["workflow", "result", "f"]), "3400\n");
    says(&["journal", "verify"]);
    journal.audit();
}
