//! Changes that are refused, each as a whole.

use super::{
    APPEND, BROKER, DEFAULT, INVALID_CONFIG, INVALID_REQUEST, SET, SUBTRACT, TOPIC,
    UNKNOWN_TOPIC_OR_PARTITION, change, change_request, setting,
};
use crate::world::{World, name};

#[test]
fn changes_that_cannot_be_are_refused_as_a_whole() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    for (changes, code) in [
        (&[(SET, "no.such.setting", Some("1"))][..], INVALID_CONFIG),
        (&[(SET, "retention.ms", Some("soon"))][..], INVALID_CONFIG),
        (
            &[
                (SET, "segment.ms", Some("60000")),
                (SET, "retention.ms", Some("-2")),
            ][..],
            INVALID_CONFIG,
        ),
        (&[(APPEND, "retention.ms", Some("1"))][..], INVALID_CONFIG),
        (&[(SUBTRACT, "retention.ms", Some("1"))][..], INVALID_CONFIG),
        (
            &[(APPEND, "cleanup.policy", Some("shred"))][..],
            INVALID_CONFIG,
        ),
        (
            &[(SET, "cleanup.policy", Some("delete,,compact"))][..],
            INVALID_CONFIG,
        ),
        (
            &[(SET, "leader.replication.throttled.replicas", Some("x"))][..],
            INVALID_CONFIG,
        ),
        (
            &[(SET, "compression.type", Some("bzip"))][..],
            INVALID_CONFIG,
        ),
        (
            &[(SET, "compression.gzip.level", Some("0"))][..],
            INVALID_CONFIG,
        ),
        (
            &[
                (SET, "min.compaction.lag.ms", Some("5")),
                (SET, "max.compaction.lag.ms", Some("4")),
            ][..],
            INVALID_CONFIG,
        ),
        (&[(SET, "retention.ms", None)][..], INVALID_REQUEST),
        (&[(APPEND, "cleanup.policy", None)][..], INVALID_REQUEST),
        (
            &[
                (SET, "segment.ms", Some("1")),
                (SET, "segment.ms", Some("2")),
            ][..],
            INVALID_REQUEST,
        ),
    ] {
        assert_eq!(change(client, &topic, changes), code, "{changes:?}");
    }
    assert_eq!(setting(client, &topic, "segment.ms").1, DEFAULT);
}

#[test]
fn a_change_names_something_that_is_there_and_once() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let set = [(SET, "retention.ms", Some("1000"))];
    let mut code = |kind: i8, name: &str| {
        client.call(1, &change_request(kind, name, &set)).responses[0].error_code
    };

    assert_eq!(code(TOPIC, &name("nowhere")), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(TOPIC, "two words"), 17);
    assert_eq!(code(TOPIC, ""), INVALID_REQUEST);
    assert_eq!(code(99, "x"), INVALID_REQUEST);
    assert_eq!(code(BROKER, "77"), INVALID_REQUEST);
    let mut twice = change_request(TOPIC, &topic.name, &set);
    twice.resources.push(twice.resources[0].clone());
    let codes = client.call(1, &twice).responses;
    assert!(
        codes.iter().all(|one| one.error_code == INVALID_REQUEST),
        "{codes:?}"
    );
    assert_eq!(setting(client, &topic, "retention.ms").1, DEFAULT);
}
