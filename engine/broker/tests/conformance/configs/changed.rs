//! Changes, one by one and of all settings at once, and their effect.

use super::{
    APPEND, DEFAULT, DELETE, INVALID_CONFIG, INVALID_REQUEST, OF_TOPIC, SET, SUBTRACT, TOPIC,
    UNKNOWN_TOPIC_OR_PARTITION, await_setting, change, change_request, replace_request, setting,
};
use crate::{
    ask::{append, produce},
    batch::Batch,
    world::{World, eventually, name},
};

const MESSAGE_TOO_LARGE: i16 = 10;

#[test]
fn settings_are_changed_one_by_one() {
    let world = World::start();
    let topic = world.topic_with(1, &[("retention.ms", "7654321")]);
    let client = &mut world.connect();

    let changes = [
        (SET, "segment.ms", Some("60000")),
        (DELETE, "retention.ms", None),
        (APPEND, "cleanup.policy", Some("compact")),
    ];
    assert_eq!(change(client, &topic, &changes), 0);
    await_setting(
        client,
        &topic,
        "cleanup.policy",
        ("delete,compact", OF_TOPIC),
    );
    assert_eq!(
        setting(client, &topic, "segment.ms"),
        ("60000".to_owned(), OF_TOPIC)
    );
    assert_eq!(
        setting(client, &topic, "retention.ms"),
        ("604800000".to_owned(), DEFAULT)
    );

    assert_eq!(
        change(
            client,
            &topic,
            &[(APPEND, "cleanup.policy", Some("compact"))]
        ),
        0
    );
    assert_eq!(
        change(
            client,
            &topic,
            &[(SUBTRACT, "cleanup.policy", Some("delete"))]
        ),
        0
    );
    await_setting(client, &topic, "cleanup.policy", ("compact", OF_TOPIC));
    assert_eq!(
        change(
            client,
            &topic,
            &[(SUBTRACT, "cleanup.policy", Some("delete"))]
        ),
        0
    );
    assert_eq!(
        change(client, &topic, &[(DELETE, "cleanup.policy", None)]),
        0
    );
    await_setting(client, &topic, "cleanup.policy", ("delete", DEFAULT));
    assert_eq!(
        change(client, &topic, &[(DELETE, "cleanup.policy", None)]),
        0,
        "nothing to do"
    );
}

#[test]
fn a_value_is_shown_as_it_is_understood() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    for (key, value, shown) in [
        (
            "cleanup.policy",
            " compact , delete,compact",
            "compact,delete",
        ),
        ("cleanup.policy", "", ""),
        ("cleanup.policy", "delete", "delete"),
        ("preallocate", " TRUE ", "true"),
        ("retention.ms", " +5000 ", "5000"),
        ("max.message.bytes", "007", "7"),
        ("min.cleanable.dirty.ratio", "1", "1.0"),
        ("message.timestamp.type", " LogAppendTime ", "LogAppendTime"),
        (
            "leader.replication.throttled.replicas",
            "1:2, 3:4",
            "1:2,3:4",
        ),
        ("leader.replication.throttled.replicas", "*", "*"),
        ("compression.type", "lz4", "lz4"),
    ] {
        assert_eq!(
            change(client, &topic, &[(SET, key, Some(value))]),
            0,
            "{key}={value}"
        );
        await_setting(client, &topic, key, (shown, OF_TOPIC));
    }
}

#[test]
fn settings_are_replaced_as_a_whole() {
    let world = World::start();
    let topic = world.topic_with(1, &[("segment.ms", "60000")]);
    let client = &mut world.connect();
    let mut code = |configs: &[(&str, Option<&str>)]| {
        let request = replace_request(&topic.name, configs);
        client.call(2, &request).responses[0].error_code
    };

    assert_eq!(code(&[("no.such.setting", Some("1"))]), INVALID_CONFIG);
    assert_eq!(code(&[("retention.ms", Some("soon"))]), INVALID_CONFIG);
    assert_eq!(code(&[("retention.ms", None)]), INVALID_REQUEST);
    assert_eq!(code(&[("retention.ms", Some("1000"))]), 0);

    await_setting(client, &topic, "retention.ms", ("1000", OF_TOPIC));
    assert_eq!(
        setting(client, &topic, "segment.ms").1,
        DEFAULT,
        "it is not named"
    );
    let nowhere = client.call(2, &replace_request(&name("nowhere"), &[]));
    assert_eq!(nowhere.responses[0].error_code, UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_check_changes_nothing() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let request = |value| {
        change_request(TOPIC, &topic.name, &[(SET, "retention.ms", Some(value))])
            .with_validate_only(true)
    };

    assert_eq!(
        client.call(1, &request("soon")).responses[0].error_code,
        INVALID_CONFIG
    );
    assert_eq!(client.call(1, &request("1000")).responses[0].error_code, 0);
    let replace = replace_request(&topic.name, &[("retention.ms", Some("1000"))]);
    let checked = client.call(2, &replace.with_validate_only(true));

    assert_eq!(checked.responses[0].error_code, 0);
    assert_eq!(setting(client, &topic, "retention.ms").1, DEFAULT);
}

#[test]
fn a_change_takes_effect() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::sized(2_000));

    assert_eq!(
        change(client, &topic, &[(SET, "max.message.bytes", Some("1000"))]),
        0
    );

    eventually("the limit", || {
        let code = produce(client, &topic, &Batch::sized(2_000)).error_code;
        (code == MESSAGE_TOO_LARGE).then_some(())
    });
}

/// On the embedded broker alone: nobody restarts a shared one.
#[test]
fn a_change_is_there_after_a_restart() {
    let world = World::embedded();
    let topic = world.topic(1);
    change(
        &mut world.connect(),
        &topic,
        &[(SET, "retention.ms", Some("1000"))],
    );

    let world = world.restart();

    let found = setting(&mut world.connect(), &topic, "retention.ms");
    assert_eq!(found, ("1000".to_owned(), OF_TOPIC));
}
