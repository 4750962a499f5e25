//! Settings: shown, changed and refused. Here is what the tests of all three ask.

mod changed;
mod refused;
mod shown;

use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
    alter_configs_request,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
    incremental_alter_configs_request as incremental,
};

use crate::{
    ask::text,
    client::Client,
    world::{Topic, eventually},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
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
