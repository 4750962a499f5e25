//! Partitions that change hands: by a clean stop, by an engine that joins, and by one that was thought dead.

use std::time::Duration;

use sagaline_core::Outcome;
use serde_json::json;

use crate::harness::{
    check::duplicates,
    load::{self, Load},
    process::Signal,
    records::order,
    sagas, say,
    wait::Watch,
    world::World,
};

/// How long a clean stop may take.
const STOP_MAX: Duration = Duration::from_secs(3);

#[test]
fn an_engine_that_joins_and_one_that_stops_under_load_send_nothing_twice() {
    let world = World::new(6);
    let mut first = world.engine(&["--lane-threads", "3"]);
    let _worker = load::worker(&world);
    let mut journal = world.journal();
    let load = Load::start(&world, sagas(200, 5_000));

    journal.until_so_many_ended(load.len() / 5);
    let second = world.engine(&["--lane-threads", "2"]);
    journal.until_owner(&second);
    journal.until_so_many_ended(load.len() * 2 / 5);
    let watch = Watch::begin();
    first.signal(Signal::Term);
    let status = first.end();
    let took = watch.elapsed();

    load.until_ended(&mut journal);
    load.check(journal.audit());
    say(&format!("a clean stop took {:.2} s", took.as_secs_f64()));
    assert!(
        status.success() && took < STOP_MAX,
        "{status} after {took:?}"
    );
    assert_eq!(
        first.said("let go before they were handed over"),
        0,
        "the stop was not clean"
    );
    assert_eq!(duplicates(&world.tasks()), [""; 0]);
}

#[test]
fn an_engine_that_was_thought_dead_steps_down_and_works_again() {
    let world = World::new(4);
    let mut journal = world.journal();
    let mut zombie = world.engine(&[]);
    journal.until_owner(&zombie);
    let mut other = world.engine(&[]);
    journal.until_owner(&other);
    let _worker = load::worker(&world);
    let load = Load::start(&world, sagas(120, 2_000));
    journal.until_so_many_ended(load.len() / 5);

    zombie.signal(Signal::Stop);
    let frozen = journal.until_owner(&zombie);
    let watch = Watch::begin();
    journal.until("the other engine owns everything", |journal| {
        (journal.owned_by(&other).len() == 4).then_some(())
    });
    say(&format!(
        "{frozen:?} taken over from a frozen engine in {:.1} s",
        watch.elapsed().as_secs_f64()
    ));
    // Long enough for it to find its own threads silent, too, when it wakes up.
    journal.until("the engine is frozen for 11 s", |_| {
        (watch.elapsed() > Duration::from_secs(11)).then_some(())
    });
    zombie.signal(Signal::Cont);

    load.until_ended(&mut journal);
    load.check(journal.audit());
    journal.until_owner(&zombie);
    other.kill();
    world
        .start_order("afterwards", &order("afterwards", "visa", "ok"))
        .send();
    assert_eq!(journal.until_ended("afterwards"), Outcome::Completed);
    assert!(!zombie.has_ended());
    journal.audit();
}

#[test]
fn a_worker_that_is_told_to_stop_ends_what_it_has_begun() {
    let world = World::new(2);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let mut worker = world.spawn("victim", &mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let start = world.request("sagaline.workflow.start.v1", "slow");
    start
        .header("sl-workflow", "steps")
        .json(&json!([{"ms": 3_000}]))
        .send();

    journal.until_event("slow", "ActivityStarted");
    worker.signal(Signal::Term);
    let status = worker.end();

    assert!(status.success(), "{status}");
    assert_eq!(journal.until_ended("slow"), Outcome::Completed);
    assert_eq!(
        journal
            .newest("slow")
            .unwrap()
            .count("ActivityAttemptScheduled"),
        1
    );
    journal.audit();
}
