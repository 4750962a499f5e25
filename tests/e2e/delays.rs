//! Delayed records: an attempt's, which wait in retry topics where anybody sees them, and those of strangers.

use std::time::Duration;

use sagaline_core::{Event, Millis, Timestamp, event::RejectReason};
use sagaline_journal::{
    Record,
    wire::{ce_type, header, partition_of, topic},
};

use crate::harness::{
    journal::{Fact, Journal},
    records::{Draft, order},
    task::Task,
    wait::{Watch, now, until, until_true, until_within},
    world::World,
};

#[test]
fn a_retry_waits_in_its_topic_where_anybody_sees_what_waits_and_until_when() {
    let world = World::new(2);
    let _engine = world.engine(&[]);
    let mut journal = world.journal();
    world.start_order("o", &order("o", "visa", "ok")).send();
    let task = world.task("o", "reserve-stock", 1);

    fail(&world, &task, Millis(1_500));
    let second = world.task("o", "reserve-stock", 2);

    let failed = journal.until_event("o", "ActivityAttemptFailed");
    let Event::ActivityAttemptFailed(failed) = failed else {
        unreachable!("it was asked for")
    };
    let next_attempt_at = failed.next_attempt_at.expect("another attempt follows");
    let waiting = retries(&world);
    let [waiting] = waiting.as_slice() else {
        panic!("one record waits: {waiting:?}")
    };
    let says = |name: &str| waiting.header(name).map(String::from_utf8_lossy);
    let deliver_at = Timestamp::from_micros(next_attempt_at.as_micros() + 999);
    for (name, value) in [
        (header::CE_TYPE, ce_type::RETRY_DUE),
        (header::CE_SOURCE, "sagaline.engine"),
        (header::DELIVER_AT, &deliver_at.to_rfc3339()),
        (header::TARGET_TOPIC, &topic::inbox(&world.namespace)),
        (header::RUN_ID, second.header(header::RUN_ID)),
        (header::ACTIVITY_ID, "1"),
        (header::ATTEMPT, "2"),
    ] {
        assert_eq!(says(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(
        (waiting.key(), waiting.value()),
        (Some(&b"o"[..]), Some(&b""[..]))
    );
    let made = attempt(&mut journal, 2);
    assert_eq!(&*made.0, topic::inbox(&world.namespace));
    assert!(
        made.1 >= next_attempt_at,
        "{:?} before {next_attempt_at:?}",
        made.1
    );
    let forwarded = world.read(&topic::inbox(&world.namespace));
    let forwarded = forwarded.iter().find(|record| is_retry(record));
    let forwarded = forwarded.expect("it came by the inbox");
    assert!(forwarded.timestamp >= deliver_at, "it came early");
    assert_eq!(forwarded.partition, partition_of(b"o", 2));
    journal.audit();
}

#[test]
fn strangers_have_their_own_records_delayed_to_topics_that_are_open_to_them_and_no_others() {
    let world = World::new(2);
    let mail = format!("mail-{}", world.namespace);
    let post = format!("post-{}", world.namespace);
    world.make(&mail);
    world.make(&post);
    let _engine = world.engine_of(
        world
            .server("order-saga", &[])
            .env("SAGALINE_DELAY_TARGETS", &mail),
    );
    let mut journal = world.journal();
    let due = now().plus(Millis(1_000));
    let soon = |key: &str, target: &str| {
        Draft::new(&world, topic::retry(&world.namespace, "soon"), key)
            .header(header::DELIVER_AT, due.to_rfc3339())
            .header(header::TARGET_TOPIC, target)
            .value("hello")
    };

    soon("a", &mail).header("theirs", "kept").send();
    let elsewhere = 1 - partition_of(b"b", 2);
    let to = soon("b", &mail).header(header::TARGET_PARTITION, elsewhere.to_string());
    to.send();
    let closed = soon("c", &post).send();
    let forged = soon("d", &topic::inbox(&world.namespace)).send();
    let start = soon("e", &mail)
        .without_header(header::DELIVER_AT)
        .header(header::CE_TYPE, ce_type::WORKFLOW_START)
        .header(header::WORKFLOW, "order")
        .send();

    let delivered = until("both arrive", || {
        let records = world.read(&mail);
        (records.len() == 2).then_some(records)
    });
    for record in &delivered {
        assert!(record.timestamp >= due, "{record:?} is early");
        assert_eq!(record.value(), Some(&b"hello"[..]));
        let (is_a, partition) = match record.key() {
            Some(b"a") => (true, partition_of(b"a", 2)),
            _ => (false, elsewhere),
        };
        assert_eq!(record.partition, partition);
        assert_eq!(record.header("theirs").is_some(), is_a);
    }
    for (place, reason) in [
        (&closed, RejectReason::Forged),
        (&forged, RejectReason::Forged),
        (&start, RejectReason::MissingHeader),
    ] {
        let identity = format!("{}/{}/{}", place.topic, place.partition, place.offset);
        let rejected = journal.until(&format!("{identity} is refused"), |journal| {
            let mut of_it = journal
                .apart
                .iter()
                .filter(|one| *one.cause.id == *identity);
            of_it.find_map(|one| match one.events.first() {
                Some(Event::InputRejected(rejected)) => Some((**rejected).clone()),
                _ => None,
            })
        });
        assert_eq!(rejected.reason, reason, "{}", rejected.message);
        assert_eq!(rejected.value.data(), b"hello");
    }
    assert!(world.read(&post).is_empty());
    journal.audit();
    world.delete(&mail);
    world.delete(&post);
}

#[test]
fn what_a_killed_service_held_is_forwarded_by_another() {
    let world = World::new(2);
    let mail = format!("mail-{}", world.namespace);
    world.make(&mail);
    let serve = || {
        let mut command = world.server("order-saga", &[]);
        world.engine_of(command.env("SAGALINE_DELAY_TARGETS", &mail))
    };
    let mut first = serve();
    let send = |key: &str, after: Millis| {
        Draft::new(&world, topic::retry(&world.namespace, "soon"), key)
            .header(header::DELIVER_AT, now().plus(after).to_rfc3339())
            .header(header::TARGET_TOPIC, &mail)
            .send()
    };
    send("probe", Millis(0));
    until_true("the first one serves", || world.read(&mail).len() == 1);
    for number in 0..40 {
        send(&format!("k{number}"), Millis(4_000));
    }

    let _second = serve();
    first.kill();

    until_true("all arrive", || {
        let mut keys: Vec<_> = world
            .read(&mail)
            .iter()
            .filter_map(|record| record.key().map(<[u8]>::to_vec))
            .collect();
        keys.sort();
        keys.dedup();
        keys.len() == 41
    });
    world.delete(&mail);
}

#[test]
fn what_is_due_first_does_not_wait_for_the_many_that_came_before_it() {
    let world = World::new(4);
    let mail = format!("mail-{}", world.namespace);
    world.make(&mail);
    let serve = || {
        let mut command = world.server("order-saga", &[]);
        world.engine_of(command.env("SAGALINE_DELAY_TARGETS", &mail))
    };
    // Its topics are there afterwards.
    drop(serve());
    let record = |tier: &str, number: i32, after: Millis| {
        Draft::new(&world, topic::retry(&world.namespace, tier), "k")
            .partition(number % 4)
            .header(header::DELIVER_AT, now().plus(after).to_rfc3339())
            .header(header::TARGET_TOPIC, &mail)
            .into_record()
    };
    let minute = Millis::from_secs(60);
    world.send_all((0..40_000).map(|number| record("soon", number, minute)));
    for tier in ["1m", "5m", "30m", "2h", "12h"] {
        let day = Millis::from_secs(24 * 3_600);
        world.send_all((0..8_000).map(|number| record(tier, number, day)));
    }
    world.send_all((0..4).map(|number| record("soon", number, Millis(0))));

    let _engine = serve();

    let begun = Watch::begin();
    until_within("those that are due arrive", Duration::from_secs(20), || {
        (world.read(&mail).len() >= 4).then_some(())
    });
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    world.delete(&mail);
}

#[test]
fn an_attempt_whose_record_is_lost_is_made_by_its_lane_half_a_minute_later() {
    let world = World::new(1);
    let mut first = world.engine(&[]);
    let mut journal = world.journal();
    world.start_order("o", &order("o", "visa", "ok")).send();
    fail(&world, &world.task("o", "reserve-stock", 1), Millis(8_000));
    until_true("it waits", || retries(&world).len() == 1);
    // Else the next owner sends it again.
    journal.until("the journal says so", |journal| {
        let facts = &journal.newest("o")?.facts;
        let failed = facts
            .iter()
            .find(|fact| fact.event.name() == "ActivityAttemptFailed")?;
        let last = journal.partitions[0].batches.last()?;
        let all_sent = last.footer.effects_done == last.footer.batch_no - 1;
        (all_sent && last.footer_offset > failed.offset).then_some(())
    });
    let soon = topic::retry(&world.namespace, "soon");

    first.kill();
    world.delete(&soon);
    let _second = world.engine(&[]);

    let failed = journal.until_event("o", "ActivityAttemptFailed");
    let Event::ActivityAttemptFailed(failed) = failed else {
        unreachable!("it was asked for")
    };
    world.task("o", "reserve-stock", 2);
    let (by, at) = attempt(&mut journal, 2);
    let due = failed.next_attempt_at.expect("another attempt follows");
    assert_ne!(by, topic::inbox(&world.namespace));
    let taken_over = due.plus(Millis::from_secs(30));
    assert!(at >= taken_over, "{at:?} before {taken_over:?}");
    // The topic is there again, and serves the next one.
    fail(&world, &world.task("o", "reserve-stock", 2), Millis(100));
    world.task("o", "reserve-stock", 3);
    assert_eq!(attempt(&mut journal, 3).0, topic::inbox(&world.namespace));
    journal.audit();
}

/// A worker's answer: it failed, and shall be tried again after so long.
fn fail(world: &World, task: &Task, after: Millis) {
    world
        .answer(task, "failed")
        .header(header::ERROR_TYPE, "Flaky")
        .header(header::RETRY_AFTER_MS, after.0.to_string())
        .send();
}

fn is_retry(record: &Record) -> bool {
    record.header(header::CE_TYPE) == Some(ce_type::RETRY_DUE.as_bytes())
}

/// The retries that wait, or have waited not long ago, in `soon`.
fn retries(world: &World) -> Vec<Record> {
    let mut records = world.read(&topic::retry(&world.namespace, "soon"));
    records.retain(is_retry);
    records
}

/// The topic that an attempt of the run `o` came by, and when it was made.
fn attempt(journal: &mut Journal<'_>, number: u32) -> (String, Timestamp) {
    let made = |fact: &&Fact| matches!(&fact.event, Event::ActivityAttemptScheduled(made) if made.attempt.get() == number);
    journal.until(&format!("attempt {number}"), |journal| {
        let fact = journal.newest("o")?.facts.iter().find(made)?;
        Some((fact.cause.topic.to_string(), fact.at))
    })
}
