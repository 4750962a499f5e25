//! Crashes: engines, workers and brokers that die at the worst moment. Nothing is lost, nothing happens twice.

use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use sagaline_core::Outcome;
use serde_json::json;

use crate::harness::{
    broker::{Broker, NODES_MAX},
    check::duplicates,
    is_full,
    journal::Journal,
    load::{self, Load},
    process::{Process, Signal},
    sagas, say,
    wait::Watch,
    world::World,
};

#[test]
fn three_engines_survive_two_kills_under_load() {
    let world = World::new(12);
    let mut journal = world.journal();
    let mut engines: Vec<Process> = (0..3).map(|_| world.engine(&[])).collect();
    journal.until("all three own partitions", |journal| {
        engines
            .iter()
            .all(|engine| !journal.owned_by(engine).is_empty())
            .then_some(())
    });
    let _worker = load::worker(&world);
    let count = sagas(300, 20_000);
    let mut load = Load::start(&world, count / 2);

    journal.until_so_many_ended(count / 20);
    kill_and_await_take_over(&mut journal, engines.remove(0));
    engines.push(world.engine(&[]));
    load.start_more(&world, count - count / 2);
    journal.until_owner(&engines[2]);
    let ended = journal.ended();
    journal.until_so_many_ended(ended + count / 20);
    kill_and_await_take_over(&mut journal, engines.remove(0));

    load.until_ended(&mut journal);
    load.check(journal.audit());
    say(&format!(
        "{} tasks were sent again",
        duplicates(&world.tasks()).len()
    ));
}

/// Kills an engine and waits until every partition that it owned has another owner; prints how long that took.
fn kill_and_await_take_over(journal: &mut Journal<'_>, mut engine: Process) {
    let owned = journal.until_owner(&engine);
    let ended = journal.ended();
    let open = journal.runs.len() - ended;
    assert!(open > 0, "a kill without work proves nothing");
    let watch = Watch::begin();
    engine.kill();
    journal.until(
        "the partitions of a dead engine are taken over",
        |journal| journal.owned_by(&engine).is_empty().then_some(()),
    );
    say(&format!(
        "killed {} with {} of {} partitions after {ended} sagas, {} open: taken over in {:.1} s",
        engine.name(),
        owned.len(),
        journal.partitions.len(),
        open,
        watch.elapsed().as_secs_f64()
    ));
}

#[test]
fn a_task_of_a_killed_worker_is_delivered_again_and_completes_once() {
    let world = World::new(2);
    let diary = world.file("diary");
    let victim = |command: &mut std::process::Command| {
        world.spawn("victim", command.env("VICTIM_DIARY", &diary))
    };
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let mut first = victim(&mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let steps = json!([{"ms": 0}, {"ms": 3_000}, {"ms": 0}]);
    world
        .request("sagaline.workflow.start.v1", "slow")
        .header("sl-workflow", "steps")
        .json(&steps)
        .send();

    journal.until_event("slow", "ActivityStarted");
    first.kill();
    let _second = victim(&mut world.command("victim", &["worker"]));

    assert_eq!(journal.until_ended("slow"), Outcome::Completed);
    let diary = fs::read_to_string(&diary).unwrap();
    let tries = |step: &str| diary.lines().filter(|line| line.starts_with(step)).count();
    assert_eq!((tries("slow 1 1 "), tries("slow 3 1 ")), (1, 2), "{diary}");
    assert_eq!(
        journal.newest("slow").unwrap().count("ActivityCompleted"),
        3
    );
    assert_eq!(
        duplicates(&world.tasks()),
        [""; 0],
        "Kafka delivers again what the engine sent once"
    );
    journal.audit();
}

#[test]
fn sagas_outlive_the_crashes_of_their_brokers() {
    // Alone in CI; in the long runs one after the other of as many as there can be.
    let nodes = if is_full() { NODES_MAX } else { 1 };
    let broker = Broker::start("crash", nodes);
    let world = World::on(broker.bootstrap(), 4);
    let _engines = [world.engine(&[]), world.engine(&[])];
    let _worker = load::worker(&world);
    let mut journal = world.journal();
    let mut load = Load::start(&world, 0);

    for node in 1..=nodes {
        load.start_more(&world, sagas(200, 3_000));
        journal.until_so_many_ended(journal.ended() + 40);
        broker.kill(node);
        let watch = Watch::begin();
        broker.restart(node);
        let restarted = watch.elapsed();
        let ended = journal.read_on().ended();
        journal.until_so_many_ended((ended + 1).min(load.len()));
        say(&format!(
            "broker {node} killed after {ended} sagas, back after {:.1} s, sagas end {:.1} s later",
            restarted.as_secs_f64(),
            (watch.elapsed() - restarted).as_secs_f64()
        ));
    }

    load.until_ended(&mut journal);
    load.check(journal.audit());
    journal.until_inputs_are_read();
}

/// What may happen to an engine.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Stop,
    Freeze(Duration),
}

#[test]
fn sagas_survive_whatever_befalls_their_engines_in_whatever_order() {
    let seed = std::env::var("SAGALINE_E2E_SEED").map_or_else(
        |_| RandomState::new().build_hasher().finish(),
        |seed| seed.parse().expect("SAGALINE_E2E_SEED is a number"),
    );
    say(&format!("SAGALINE_E2E_SEED={seed}"));
    let mut random = oorandom::Rand64::new(seed.into());
    let world = World::new(6);
    let mut engines: Vec<Process> = (0..3).map(|_| world.engine(&[])).collect();
    let _worker = load::worker(&world);
    let mut journal = world.journal();
    let mut load = Load::start(&world, 0);
    let faults = if is_full() { 60 } else { 6 };

    for _ in 0..faults {
        load.start_more(&world, sagas(40, 400));
        journal.until_so_many_ended(journal.ended() + 10);
        let at = usize::try_from(random.rand_range(0..3)).expect("it is below 3");
        let fault = match random.rand_range(0..4) {
            0 => Fault::Stop,
            1 | 2 => Fault::Kill,
            _ => Fault::Freeze(Duration::from_secs(random.rand_range(1..13))),
        };
        say(&format!(
            "{fault:?} {} after {} sagas",
            engines[at].name(),
            journal.read_on().ended()
        ));
        befall(&world, &mut journal, &mut engines[at], fault);
    }

    load.until_ended(&mut journal);
    load.check(journal.audit());
    say(&format!(
        "{} tasks were sent again",
        duplicates(&world.tasks()).len()
    ));
}

/// Does that to an engine; another takes the place of one that is gone.
fn befall(world: &World, journal: &mut Journal<'_>, engine: &mut Process, fault: Fault) {
    match fault {
        Fault::Kill => {
            engine.kill();
            *engine = world.engine(&[]);
        }
        Fault::Stop => {
            engine.signal(Signal::Term);
            assert!(engine.end().success(), "{} ends cleanly", engine.name());
            *engine = world.engine(&[]);
        }
        Fault::Freeze(span) => {
            engine.signal(Signal::Stop);
            let watch = Watch::begin();
            journal.until("it is frozen for a while", |_| {
                (watch.elapsed() >= span).then_some(())
            });
            engine.signal(Signal::Cont);
        }
    }
}
