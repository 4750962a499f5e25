//! Task queues whose topic is not there, and is not to be had.

use sagaline_core::{Event, Outcome, event::ActivityAttemptFailed};
use sagaline_journal::wire::topic;
use serde_json::json;

use crate::harness::{journal::Journal, wait::until_true, world::World};

#[test]
fn a_queue_whose_topic_the_brokers_refuse_fails_its_attempts_with_the_command_and_goes_on_once_it_is_there()
 {
    let world = World::new(2);
    let engine = world.engine_of(&mut world.server("victim", &[]));
    let mut journal = world.journal();
    journal.until_owner(&engine);
    let orders = topic::tasks(&world.namespace, "orders");
    // Kafka takes no two names that differ in dots and underlines alone.
    let rival = format!("{}.tasks_orders", world.namespace);
    world.delete(&orders);
    world.make(&rival);

    let steps = json!([{"start_to_close_ms": 4_000, "attempts": 50}]);
    world
        .request("sagaline.workflow.start.v1", "waits")
        .header("sl-workflow", "steps")
        .json(&steps)
        .send();
    let failed = journal.until("an attempt fails", |journal| {
        failed_attempts(journal).into_iter().next()
    });

    assert_eq!(failed.failure.error_type.as_str(), "sagaline.Undeliverable");
    let message = &failed.failure.message;
    let command = format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {orders} ",
        world.bootstrap
    );
    assert!(message.contains(&command), "{message}");
    assert!(failed.next_attempt_at.is_some());
    assert_eq!(engine.said("is not to be had"), 1, "it is said once");

    world.delete(&rival);
    until_true("the engine makes the topic", || {
        world.partitions_of(&orders).is_some()
    });
    let _worker = world.spawn("worker", &mut world.command("victim", &["worker"]));

    assert_eq!(journal.until_ended("waits"), Outcome::Completed);
    journal.audit();
}

/// The failed attempts of the run.
fn failed_attempts(journal: &Journal<'_>) -> Vec<ActivityAttemptFailed> {
    let facts = journal.newest("waits").map_or(&[][..], |run| &run.facts);
    let failed = facts.iter().filter_map(|fact| match &fact.event {
        Event::ActivityAttemptFailed(failed) => Some((**failed).clone()),
        _ => None,
    });
    failed.collect()
}
