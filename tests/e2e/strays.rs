//! Inbox partitions that somebody added: they have no journal, and what lies there is forwarded.

use sagaline_core::{
    Outcome,
    event::{InputRejected, RejectReason},
};
use sagaline_journal::wire::{ce_type, header, topic};

use crate::harness::{
    journal::Journal,
    load::{self, Load},
    process::Signal,
    records::order,
    sagas, say,
    wait::until_true,
    world::World,
};

#[test]
fn what_lies_in_an_added_partition_is_done_once_though_its_engine_is_killed() {
    let mut world = World::new(4);
    let inbox = topic::inbox(&world.namespace);
    let mut engine = world.engine(&[]);
    world.journal().until_owner(&engine);
    let _worker = load::worker(&world);
    let mut load = Load::start(&world, 10);

    world.add_partitions(&inbox, 6);
    let mut journal = world.journal();
    load.start_in(&world, sagas(300, 5_000), &[4, 5]);
    journal.until("forwards arrive", |journal| {
        (journal.runs.len() > 30).then_some(())
    });
    // It stands still before the last of them are there, so that it dies with some to forward however fast it is.
    engine.signal(Signal::Stop);
    load.start_in(&world, 20, &[4, 5]);
    engine.kill();
    let ends = world.ends(&inbox);
    assert!(
        (4..6).any(|partition| world.committed(partition) < Some(ends[partition as usize])),
        "a kill with nothing left to forward proves nothing"
    );
    let _engine = world.engine(&[]);
    load.start_in(&world, 10, &[5]);

    load.until_ended(&mut journal);
    load.check(journal.audit());
    let ends = world.ends(&inbox);
    until_true("the group's offsets follow", || {
        (4..6).all(|partition| world.committed(partition) == Some(ends[partition as usize]))
    });
    let records = world.read(&inbox);
    let forwards = records
        .iter()
        .filter(|record| record.header("ce_type") == Some(ce_type::FORWARD.as_bytes()));
    say(&format!(
        "{} records in added partitions were forwarded {} times",
        ends[4] + ends[5],
        forwards.count()
    ));
}

#[test]
fn a_record_of_an_added_partition_keeps_its_identity_and_a_bad_one_its_bytes() {
    let mut world = World::new(2);
    let inbox = topic::inbox(&world.namespace);
    let engine = world.engine(&[]);
    world.journal().until_owner(&engine);
    world.add_partitions(&inbox, 3);
    let mut journal = world.journal();
    let start = |id: &str| world.start_order(id, &order(id, "visa", "ok")).partition(2);

    let place = start("plain").send();
    let again = |draft: crate::harness::records::Draft<'_>| {
        draft
            .header("ce_source", "shop")
            .header("ce_id", "7")
            .send()
    };
    again(start("named"));
    again(start("named"));
    again(world.start_order("named", &order("named", "visa", "ok")));
    start("x").key(None).value("no key").send();
    let forged = start("x").without_header(header::CE_TYPE).value("forged");
    forged
        .header(header::CE_TYPE, ce_type::FORWARD)
        .header(header::FORWARDED, ce_type::WORKFLOW_START)
        .send();
    let report = start("x").without_header(header::CE_TYPE).value("a report");
    report
        .header(header::CE_TYPE, ce_type::ACTIVITY_COMPLETED)
        .send();
    world.complete(
        &world.task("plain", "reserve-stock", 1),
        "{\"reservation\":\"r\"}",
    );
    world.complete(
        &world.task("plain", "charge-card", 1),
        "{\"payment\":\"p\",\"amount\":1.0}",
    );
    world.complete(&world.task("plain", "ship", 1), "null");

    assert_eq!(journal.until_ended("plain"), Outcome::Completed);
    let cause =
        |journal: &Journal<'_>, id: &str| journal.newest(id).unwrap().facts[0].cause.clone();
    let identity = format!("{inbox}/2/{}", place.offset);
    assert_eq!(&*cause(&journal, "plain").id, identity);
    journal.until_event("named", "WorkflowStarted");
    let named = cause(&journal, "named");
    assert_eq!((&*named.source, &*named.id), ("shop", "7"));
    journal.until_inputs_are_read();
    for (value, reason) in [
        ("no key", RejectReason::NoKey),
        ("forged", RejectReason::Forged),
        ("a report", RejectReason::WrongTopic),
    ] {
        let kept = journal.until(value, |journal| rejected(journal, value));
        assert_eq!(kept.reason, reason, "{value}");
    }
    assert_eq!(journal.ids["named"].len(), 1);
    journal.audit();
}

/// Why the record of this value was refused.
fn rejected(journal: &Journal<'_>, value: &str) -> Option<InputRejected> {
    let mut apart = journal.apart.iter().flat_map(|one| &one.events);
    apart.find_map(|event| match event {
        sagaline_core::Event::InputRejected(rejected)
            if rejected.value.data() == value.as_bytes() =>
        {
            Some((**rejected).clone())
        }
        _ => None,
    })
}
