//! Journals whose beginning was deleted: everybody reads on as before.

use sagaline_journal::wire::topic;
use serde_json::Value;

use crate::harness::{http, journal::Journal, process::Process, wait::until, world::World};

const BINARY: &str = "victim";

fn start(world: &World, journal: &mut Journal<'_>, id: &str) {
    let start = ["workflow", "start", "-t", "collect", "-w", id, "-i", "1"];
    world.says(BINARY, 0, &start);
    journal.until_event(id, "WaitRecorded");
}

fn end(world: &World, id: &str) {
    let signal = ["workflow", "signal", id, "--name", "number", "-i", "4711"];
    world.says(BINARY, 0, &signal);
    let result = world.says(BINARY, 0, &["workflow", "result", id]);
    assert!(result.contains("4711"), "{result}");
}

/// What `journal trim` says of the partitions.
fn trim(world: &World, arguments: &[&str]) -> Vec<Value> {
    let all = [&["journal", "trim", "-o", "json"], arguments].concat();
    let said: Value = serde_json::from_str(&world.says(BINARY, 0, &all)).expect("it prints JSON");
    said["partitions"]
        .as_array()
        .expect("they are listed")
        .clone()
}

/// Trims as soon as all that was sent is known to have arrived: the next footer says so, or a mark within a second or two.
fn trim_up_to(world: &World, needed_by: &str) -> i64 {
    until("the journal can be trimmed up to the open run", || {
        let said = trim(world, &["--keep", "0s", "--dry-run"]);
        if said[0]["needed"]["by"] == "undelivered" {
            return None;
        }
        assert_eq!(said[0]["needed"]["workflow_id"], needed_by);
        let before = said[0]["needed"]["offset"].as_i64()?;
        // Claims and marks may lie between.
        (said[0]["begins_at"].as_i64()? > said[0]["began_at"].as_i64()? && before > 0).then_some(())
    });
    let said = trim(world, &["--keep", "0s", "--yes"]);
    said[0]["begins_at"].as_i64().expect("a number")
}

fn first_offset(world: &World) -> i64 {
    world.beginning(&topic::journal(&world.namespace), 0)
}

fn serve(world: &World) -> Process {
    world.engine_of(&mut world.server(BINARY, &[]))
}

#[test]
fn a_trimmed_journal_is_read_on_by_engines_and_commands_and_remembers_closed_ids() {
    let world = World::new(1);
    let mut journal = world.journal();
    let mut engine = serve(&world);
    let _worker = world.spawn("worker", &mut world.command(BINARY, &["worker"]));
    for id in ["t-1", "t-2", "t-3"] {
        start(&world, &mut journal, id);
        end(&world, id);
    }
    world.says(BINARY, 0, &["task-queue", "limit", "slow", "--rate", "7"]);
    start(&world, &mut journal, "t-open");

    let asked = world.says(BINARY, 2, &["journal", "trim"]);
    assert!(asked.contains("--dry-run prints what would go"), "{asked}");
    let kept = trim(&world, &["--yes"]);
    assert_eq!(kept[0]["begins_at"], 0, "they closed just now: {kept:?}");
    assert_eq!(kept[0]["needed"]["by"], "closed-run");
    let begins_at = trim_up_to(&world, "t-open");
    assert_eq!(first_offset(&world), begins_at);
    assert!(begins_at > 10, "{begins_at}");

    let says = |code: i32, arguments: &[&str]| world.says(BINARY, code, arguments);
    for round in 0..2 {
        let verified = says(0, &["journal", "verify", "-o", "json"]);
        let verified: Value = serde_json::from_str(&verified).expect("it prints JSON");
        assert_eq!(verified["partitions"][0]["open_runs"], 1);
        says(0, &["journal", "replay"]);
        let described = says(0, &["workflow", "describe", "t-open", "-o", "json"]);
        let described: Value = serde_json::from_str(&described).expect("it prints JSON");
        assert_eq!(described["status"], "Running");
        let history = says(0, &["workflow", "history", "t-open"]);
        assert!(history.contains("WorkflowStarted"), "{history}");
        let listed = says(0, &["workflow", "list"]);
        assert!(
            listed.contains("t-open") && !listed.contains("t-1"),
            "{listed}"
        );
        let gone = says(4, &["workflow", "describe", "t-1"]);
        assert!(gone.contains("t-1"), "{gone}");
        let used = says(
            4,
            &["workflow", "start", "-t", "collect", "-w", "t-2", "-i", "1"],
        );
        assert!(used.contains("was used by run"), "{used}");
        let limited = says(0, &["task-queue", "describe", "slow"]);
        assert!(limited.contains('7'), "{limited}");
        let tail = says(0, &["journal", "tail", "--from", "earliest", "--until-end"]);
        assert!(
            !tail.contains("\"t-3\"") && tail.contains("t-open"),
            "{tail}"
        );
        if round == 0 {
            // Its owner folded the journal when that was whole, and reads it now from where it begins.
            let reset = ["workflow", "reset", "t-open", "--event-seq", "1"];
            says(0, &[&reset[..], &["--reason", "try"]].concat());
            engine.kill();
            engine = serve(&world);
        }
    }
    end(&world, "t-open");
    start(&world, &mut journal, "t-next");
    let again = trim_up_to(&world, "t-next");
    assert!(again > begins_at);
    engine.kill();
    let _engine = serve(&world);
    end(&world, "t-next");
    says(0, &["journal", "verify"]);
    until("all that was sent has arrived", || {
        let said = trim(&world, &["--keep", "0s", "--dry-run"]);
        said[0]["needed"].is_null().then_some(())
    });
}

#[test]
fn what_a_database_shows_is_kept_and_what_was_trimmed_all_the_same_is_said_to_be_gone() {
    let world = World::new(1);
    let mut journal = world.journal();
    let database = format!("sqlite:{}", world.file("projection.db").display());
    let mut command = world.server(BINARY, &["--http-port", "0"]);
    let engine = world.engine_of(command.env("SAGALINE_DATABASE", &database));
    let address = http::address_of(&engine);
    let _worker = world.spawn("worker", &mut world.command(BINARY, &["worker"]));
    for id in ["t-1", "t-2"] {
        start(&world, &mut journal, id);
        end(&world, id);
    }
    world.says(BINARY, 0, &["task-queue", "limit", "slow", "--rate", "7"]);
    start(&world, &mut journal, "t-open");
    until("it is projected", || {
        (http::get(&address, "/api/v1/workflows/t-open").status == 200).then_some(())
    });

    let kept = trim(&world, &["--keep", "0s", "--yes", "--database", &database]);
    assert_eq!(kept[0]["needed"]["by"], "database", "{kept:?}");
    assert!(
        kept[0]["begins_at"].as_i64() <= kept[0]["needed"]["offset"].as_i64(),
        "{kept:?}"
    );
    assert_eq!(
        http::get(&address, "/api/v1/workflows/t-1/history").status,
        200
    );
    let elsewhere = format!("sqlite:{}", world.file("nothing.db").display());
    let refused = ["journal", "trim", "--dry-run", "--database", &elsewhere];
    world.says(BINARY, 3, &refused);
    assert!(!world.file("nothing.db").exists(), "nothing was made");
    trim_up_to(&world, "t-open");

    let gone = http::get(&address, "/api/v1/workflows/t-1/history");
    assert_eq!(gone.status, 410, "{}", gone.body);
    assert!(gone.body.contains("history_trimmed"), "{}", gone.body);
    let page = http::get(&address, "/workflows/t-1");
    assert_eq!(page.status, 200);
    world.says(
        BINARY,
        0,
        &["projection", "rebuild", "--database", &database],
    );
    until("what is gone is shown no longer", || {
        (http::get(&address, "/api/v1/workflows/t-1").status == 404).then_some(())
    });
    let open = http::get(&address, "/api/v1/workflows/t-open/history");
    assert_eq!(open.status, 200, "{}", open.body);
    let queue = http::get(&address, "/api/v1/task-queues/slow");
    assert!(queue.body.contains('7'), "{}", queue.body);
    end(&world, "t-open");
    world.says(BINARY, 0, &["journal", "verify"]);
}
