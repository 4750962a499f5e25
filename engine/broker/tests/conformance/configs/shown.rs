//! What DescribeConfigs gives.

use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;

use super::{
    BROKER, DEFAULT, INVALID_REQUEST, OF_TOPIC, TOPIC, UNKNOWN_TOPIC_OR_PARTITION,
    describe_request, described, setting, settings,
};
use crate::{
    ask::text,
    world::{Topic, World, name},
};

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
