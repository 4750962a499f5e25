//! What does not start, and says why.

use std::{fs, process::Output};

use sagaline_core::Outcome;

use crate::harness::{process::Signal, records::order, wait::until_true, world::World};

/// What a command that was refused said; it ended with this code.
fn refused(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains("error: "), "{said}");
    said
}

#[test]
fn unknown_settings_and_properties_that_are_not_the_users_are_refused_by_name() {
    let world = World::new(1);
    let file = |name: &str, text: &str| {
        let path = world.file(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let unknown = file("unknown.toml", "[engine]\npartition = 3\n");
    let owned = file("owned.properties", "acks=1\n");
    let misspelt = file("misspelt.properties", "compresion.type=zstd\n");

    let said = refused(
        &world.run("order-saga", &["server", "--config", &unknown]),
        2,
    );
    assert!(
        said.contains("partition") && said.contains("partitions"),
        "{said}"
    );
    let said = refused(
        &world.run("order-saga", &["server", "--kafka-config", &owned]),
        2,
    );
    assert!(said.contains("`acks`"), "{said}");
    let said = refused(
        &world.run("order-saga", &["worker", "--kafka-config", &owned]),
        2,
    );
    assert!(said.contains("`acks`"), "{said}");
    let said = refused(
        &world.run("order-saga", &["server", "--kafka-config", &misspelt]),
        2,
    );
    assert!(said.contains("compresion.type"), "{said}");
}

#[test]
fn topics_that_cannot_be_made_are_named_with_the_partitions_that_they_must_have() {
    let world = World::new(4);
    // Kafka takes no two names that differ in dots and underlines alone.
    let rival = format!("{}_results", world.namespace);
    world.make(&format!("{}.inbox", world.namespace));
    world.make(&rival);
    let command = format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {}.results --partitions 4 ",
        world.bootstrap, world.namespace
    );

    let doctor = world.run("order-saga", &["doctor"]);
    let engine = world.run("order-saga", &["server", "--partitions", "7"]);

    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(said.contains(&command), "{said}");
    let said = refused(&engine, 4);
    assert!(said.contains(&command), "{said}");
    world.delete(&rival);
}

#[test]
fn another_app_on_the_same_namespace_refuses_to_run_and_harms_nobody() {
    let world = World::new(2);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);

    let mut stranger = world.spawn("stranger", &mut world.server("victim", &[]));
    let status = stranger.end();

    assert_eq!(status.code(), Some(4), "{}", stranger.log());
    let said = stranger.log();
    assert!(
        said.contains("order-saga")
            && said.contains("victim")
            && said.contains("one app per namespace"),
        "{said}"
    );
    world.start_order("a", &order("a", "visa", "ok")).send();
    world.complete(
        &world.task("a", "reserve-stock", 1),
        "{\"reservation\":\"r\"}",
    );
    world.complete(
        &world.task("a", "charge-card", 1),
        "{\"payment\":\"p\",\"amount\":1.0}",
    );
    world.complete(&world.task("a", "ship", 1), "null");
    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    let apps: Vec<_> = journal
        .partitions
        .iter()
        .flat_map(|one| &one.claims)
        .map(|seen| seen.claim.app.as_str())
        .collect();
    assert!(apps.iter().all(|app| *app == "order-saga"), "{apps:?}");
    let claims = journal.partitions.iter().flat_map(|one| &one.claims);
    for seen in claims {
        let owner = &seen.claim.owner;
        assert_eq!(engine.said(owner), 1, "its log has the name in the claim");
    }
    journal.audit();
}

#[test]
fn an_inbox_that_was_made_anew_stops_its_partition_and_is_named() {
    let world = World::new(1);
    let mut first = world.engine(&[]);
    let mut journal = world.journal();
    world.start_order("a", &order("a", "visa", "ok")).send();
    journal.until_event("a", "WorkflowStarted");
    journal.until_inputs_are_read();
    first.signal(Signal::Term);
    first.end();
    let inbox = format!("{}.inbox", world.namespace);

    world.make_anew(&inbox);
    let mut second = world.engine(&[]);

    until_true("the engine says what is wrong", || {
        assert!(!second.has_ended(), "it may own partitions that are well");
        second.said("input-lost") > 0
    });
    assert!(
        second
            .log()
            .contains(&format!("{inbox}/0 no longer has offset 1")),
        "{}",
        second.log()
    );
    journal.audit();
}
