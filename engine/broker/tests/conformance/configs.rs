//! Settings: shown, changed and refused.

use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
    alter_configs_request,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
    incremental_alter_configs_request as incremental,
};

use crate::{
    ask::{append, produce, text},
    batch::Batch,
    client::Client,
    world::{Topic, World, eventually, name},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;

/// Kinds of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Where values come from.
const OF_TOPIC: i8 = 1;
const DEFAULT: i8 = 5;

/// Operations of an incremental change.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(crate) fn describe_request(
    kind: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsRequest {
    let keys = keys.map(|keys| keys.iter().map(|key| text(key)).collect());
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys);
    DescribeConfigsRequest::default().with_resources(vec![resource])
}

fn described(client: &mut Client, request: &DescribeConfigsRequest) -> DescribeConfigsResult {
    client.call(4, request).results.remove(0)
}

/// All settings of a topic.
fn settings(client: &mut Client, topic: &str) -> Vec<DescribeConfigsResourceResult> {
    let described = described(client, &describe_request(TOPIC, topic, None));
    assert_eq!(described.error_code, 0);
    described.configs
}

/// The value of one setting, and where it comes from.
fn setting(client: &mut Client, topic: &Topic, key: &str) -> (String, i8) {
    let configs = settings(client, &topic.name);
    let found = configs
        .into_iter()
        .find(|one| one.name == text(key))
        .unwrap();
    (found.value.unwrap().to_string(), found.config_source)
}

/// Waits until a change is seen, which takes Kafka a moment.
fn await_setting(client: &mut Client, topic: &Topic, key: &str, value: (&str, i8)) {
    eventually(key, || {
        let found = setting(client, topic, key);
        (found == (value.0.to_owned(), value.1)).then_some(())
    });
}

/// An operation, a setting's name, and a value.
type Change<'a> = (i8, &'a str, Option<&'a str>);

pub(crate) fn change_request(
    kind: i8,
    name: &str,
    changes: &[Change<'_>],
) -> IncrementalAlterConfigsRequest {
    let changes = changes.iter().map(|(operation, key, value)| {
        incremental::AlterableConfig::default()
            .with_config_operation(*operation)
            .with_name(text(key))
            .with_value(value.map(text))
    });
    let resource = incremental::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(changes.collect());
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

/// Changes settings one by one; the code.
fn change(client: &mut Client, topic: &Topic, changes: &[Change<'_>]) -> i16 {
    let request = change_request(TOPIC, &topic.name, changes);
    client.call(1, &request).responses[0].error_code
}

pub(crate) fn replace_request(
    topic: &str,
    configs: &[(&str, Option<&str>)],
) -> AlterConfigsRequest {
    let configs = configs.iter().map(|(key, value)| {
        alter_configs_request::AlterableConfig::default()
            .with_name(text(key))
            .with_value(value.map(text))
    });
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configs(configs.collect());
    AlterConfigsRequest::default().with_resources(vec![resource])
}

#[test]
fn a_topic_shows_its_settings_all_or_some() {
    let world = World::start();
    let topic = world.topic_with(1, &[("retention.ms", "7654321")]);
    let client = &mut world.connect();

    let all = settings(client, &topic.name);
    let keys = ["retention.ms", "cleanup.policy", "no.such.setting"];
    let some = described(client, &describe_request(TOPIC, &topic.name, Some(&keys)));

    assert!(all.len() > 20);
    for one in &all {
        assert!(!one.read_only && !one.is_sensitive, "{one:?}");
        assert!(
            one.synonyms.is_empty() && one.documentation.is_none(),
            "nobody asked"
        );
    }
    let mut names: Vec<_> = some
        .configs
        .iter()
        .map(|one| one.name.to_string())
        .collect();
    names.sort();
    assert_eq!(
        (some.error_code, names),
        (0, vec![keys[1].to_owned(), keys[0].to_owned()])
    );
    assert_eq!(
        setting(client, &topic, "retention.ms"),
        ("7654321".to_owned(), OF_TOPIC)
    );
    assert_eq!(
        setting(client, &topic, "cleanup.policy"),
        ("delete".to_owned(), DEFAULT)
    );
}

/// On Apache Kafka this compares ours with what that shows.
#[test]
fn defaults_and_types_are_kafkas() {
    let (world, ours) = (World::start(), World::embedded());
    let (topic, own_topic) = (world.topic(1), ours.topic(1));

    let with_synonyms =
        |topic: &Topic| describe_request(TOPIC, &topic.name, None).with_include_synonyms(true);
    let kafkas = described(&mut world.connect(), &with_synonyms(&topic)).configs;
    let ours = described(&mut ours.connect(), &with_synonyms(&own_topic)).configs;

    assert!(ours.len() > 20);
    for own in &ours {
        let same = kafkas.iter().find(|one| one.name == own.name);
        let same = same.unwrap_or_else(|| panic!("Kafka has no {}", &*own.name));
        assert_eq!(
            (&own.value, own.config_type),
            (&same.value, same.config_type),
            "{}",
            &*own.name
        );
        assert_eq!(own.config_source, DEFAULT, "{}", &*own.name);
        assert_eq!(defaults(own), defaults(same), "{}", &*own.name);
    }
}

/// What a default is called, and what it is.
fn defaults(of: &DescribeConfigsResourceResult) -> Vec<(&str, Option<&str>)> {
    let synonyms = of.synonyms.iter().filter(|one| one.source == DEFAULT);
    synonyms
        .map(|one| (&*one.name, one.value.as_deref()))
        .collect()
}

#[test]
fn a_value_comes_with_those_that_it_hides() {
    let world = World::start();
    let topic = world.topic_with(1, &[("max.message.bytes", "2000")]);
    let client = &mut world.connect();
    let keys = ["max.message.bytes", "cleanup.policy"];
    let request = describe_request(TOPIC, &topic.name, Some(&keys)).with_include_synonyms(true);

    let described = described(client, &request);

    let synonyms = |key: &str| {
        let found = described
            .configs
            .iter()
            .find(|one| one.name == text(key))
            .unwrap();
        let synonyms = found.synonyms.iter();
        let all = synonyms.map(|one| (one.name.to_string(), one.source));
        all.collect::<Vec<_>>()
    };
    let of_topic = ("max.message.bytes".to_owned(), OF_TOPIC);
    let of_broker = ("message.max.bytes".to_owned(), DEFAULT);
    assert_eq!(synonyms("max.message.bytes"), [of_topic, of_broker]);
    assert_eq!(
        synonyms("cleanup.policy"),
        [("log.cleanup.policy".to_owned(), DEFAULT)]
    );
}

#[test]
fn what_is_not_there_has_no_settings() {
    let world = World::start();
    let client = &mut world.connect();
    let mut code = |kind: i8, name: &str| {
        let described = described(client, &describe_request(kind, name, None));
        (described.error_code, described.configs.len())
    };

    assert_eq!(
        code(TOPIC, &name("nowhere")),
        (UNKNOWN_TOPIC_OR_PARTITION, 0)
    );
    assert_eq!(code(TOPIC, "two words"), (17, 0));
    assert_eq!(code(BROKER, "").0, 0, "what all brokers share");
    assert_eq!(code(BROKER, "77"), (INVALID_REQUEST, 0));
    assert_eq!(code(BROKER, "one"), (INVALID_REQUEST, 0));
    assert_eq!(code(99, "x"), (INVALID_REQUEST, 0));
}

#[test]
fn the_broker_shows_what_tools_look_for() {
    let world = World::start();
    let client = &mut world.connect();
    let keys = [
        "num.partitions",
        "default.replication.factor",
        "message.max.bytes",
    ];

    let request = describe_request(BROKER, "1", Some(&keys)).with_include_synonyms(true);
    let described = described(client, &request);

    assert_eq!(described.error_code, 0);
    for one in &described.configs {
        assert_eq!(one.config_type, 3, "{one:?}");
        assert_eq!(one.synonyms.last().unwrap().name, one.name);
    }
    let mut values: Vec<_> = described
        .configs
        .iter()
        .map(|one| {
            (
                one.name.to_string(),
                one.value.as_deref().unwrap().to_owned(),
            )
        })
        .collect();
    values.sort();
    let values: Vec<_> = values
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    let expected = [
        ("default.replication.factor", "1"),
        ("message.max.bytes", "1048588"),
        ("num.partitions", "1"),
    ];
    assert_eq!(values, expected);
}

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
