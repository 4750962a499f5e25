//! Settings of topics: shown and changed. Of the broker a few are shown.

use std::rc::Rc;

use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    alter_configs_response::AlterConfigsResourceResponse as Altered,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{
        DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
    },
    incremental_alter_configs_response::AlterConfigsResourceResponse as AlteredIncrementally,
};

use super::{Cx, once::once_each, text};
use crate::{
    code::ErrorCode,
    node::NODE_ID,
    topic::{
        self, Topic,
        config::{Kind, Overrides, SETTINGS, Setting},
    },
    topics::Refused,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Where a value comes from.
const OF_TOPIC: i8 = 1;
const DEFAULT: i8 = 5;

/// What an incremental change does.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// What tools look for in a broker's settings: name, value and type.
const OF_BROKER: &[(&str, &str, i8)] = &[
    ("auto.create.topics.enable", "true", BOOLEAN),
    ("default.replication.factor", "1", INT),
    ("delete.topic.enable", "true", BOOLEAN),
    ("log.cleanup.policy", "delete", LIST),
    ("log.retention.ms", "604800000", LONG),
    ("message.max.bytes", "1048588", INT),
    ("min.insync.replicas", "1", INT),
    ("num.partitions", "1", INT),
    ("offsets.retention.minutes", "10080", INT),
];

/// Kafka's numbers of types.
const BOOLEAN: i8 = 1;
const STRING: i8 = 2;
const INT: i8 = 3;
const LONG: i8 = 5;
const DOUBLE: i8 = 6;
const LIST: i8 = 7;

/// Where the value of a topic's setting comes from.
pub(super) fn source(config: &Overrides, name: &str) -> i8 {
    match config.is_set(name) {
        true => OF_TOPIC,
        false => DEFAULT,
    }
}

pub(super) fn describe(cx: &Cx, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match describe_one(cx, resource, request.include_synonyms) {
            Ok(configs) => result.with_configs(configs),
            Err(refused) => result
                .with_error_code(refused.code.code())
                .with_error_message(Some(text(refused.message))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe_one(
    cx: &Cx,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let wanted = |name: &str| match &resource.configuration_keys {
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| &**key == name),
        _ => true,
    };
    match resource.resource_type {
        TOPIC => {
            let topic = topic(cx, &resource.resource_name)?;
            let config = topic.config.borrow();
            let settings = SETTINGS.iter().filter(|setting| wanted(setting.name));
            Ok(settings
                .map(|one| shown(&config, one, with_synonyms))
                .collect())
        }
        BROKER => {
            if resource.resource_name.is_empty() {
                // The defaults of all brokers, of which none can be set.
                return Ok(Vec::new());
            }
            if &*resource.resource_name != "1" {
                let text = format!("Unexpected broker id, expected {NODE_ID}");
                return Err(Refused::new(ErrorCode::InvalidRequest, text));
            }
            let settings = OF_BROKER.iter().filter(|(name, ..)| wanted(name));
            let shown = settings.map(|(name, value, of_type)| {
                let synonyms = with_synonyms.then(|| synonym(name, value, DEFAULT));
                DescribeConfigsResourceResult::default()
                    .with_name(text(*name))
                    .with_value(Some(text(*value)))
                    .with_documentation(None)
                    .with_read_only(true)
                    .with_config_source(DEFAULT)
                    .with_config_type(*of_type)
                    .with_synonyms(synonyms.into_iter().collect())
            });
            Ok(shown.collect())
        }
        other => {
            let text = format!("there are no resources of type {other} here");
            Err(Refused::new(ErrorCode::InvalidRequest, text))
        }
    }
}

fn shown(
    config: &Overrides,
    setting: &Setting,
    with_synonyms: bool,
) -> DescribeConfigsResourceResult {
    let value = config.get(setting.name);
    let mut synonyms = Vec::new();
    if with_synonyms {
        if config.is_set(setting.name) {
            synonyms.push(synonym(setting.name, value, OF_TOPIC));
        }
        if let Some(name) = setting.of_broker() {
            synonyms.push(synonym(name, setting.default, DEFAULT));
        }
    }
    DescribeConfigsResourceResult::default()
        .with_name(text(setting.name))
        .with_value(Some(text(value)))
        .with_config_source(source(config, setting.name))
        .with_synonyms(synonyms)
        .with_documentation(None)
        .with_config_type(match setting.kind {
            Kind::Boolean => BOOLEAN,
            Kind::Text(_) => STRING,
            Kind::Int { .. } | Kind::Level { .. } => INT,
            Kind::Long { .. } => LONG,
            Kind::Fraction => DOUBLE,
            Kind::List(_) | Kind::Replicas => LIST,
        })
}

fn synonym(name: &'static str, value: &str, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_source(source)
}

fn topic(cx: &Cx, name: &str) -> Result<Rc<Topic>, Refused> {
    if !topic::is_name(name) {
        let text = "Topic name is invalid";
        return Err(Refused::new(ErrorCode::InvalidTopic, text));
    }
    cx.node.topics.get(name).ok_or_else(|| {
        let text = format!("Topic {name} does not exist.");
        Refused::new(ErrorCode::UnknownTopicOrPartition, text)
    })
}

/// All settings of a topic anew: what is not named has its default.
pub(super) fn alter(cx: &Cx, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let resources = once_each(request.resources, |one| {
        (one.resource_type, one.resource_name.clone())
    });
    let responses = resources.into_iter().map(|(resource, times)| {
        let entries = resource.configs.iter();
        let entries = entries.map(|entry| (SET, &*entry.name, entry.value.as_deref()));
        let of = (resource.resource_type, &*resource.resource_name);
        let begin = |_: &Topic| Overrides::default();
        let altered = times
            .only_once()
            .and_then(|()| change(cx, of, begin, entries.collect(), request.validate_only));
        let (code, message) = outcome(altered);
        Altered::default()
            .with_error_code(code)
            .with_error_message(message.map(text))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    let responses = responses.collect();
    AlterConfigsResponse::default().with_responses(responses)
}

pub(super) fn alter_incrementally(
    cx: &Cx,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let resources = once_each(request.resources, |one| {
        (one.resource_type, one.resource_name.clone())
    });
    let responses = resources.into_iter().map(|(resource, times)| {
        let entries = resource.configs.iter();
        let entries =
            entries.map(|entry| (entry.config_operation, &*entry.name, entry.value.as_deref()));
        let of = (resource.resource_type, &*resource.resource_name);
        let begin = |topic: &Topic| topic.config.borrow().clone();
        let altered = times
            .only_once()
            .and_then(|()| change(cx, of, begin, entries.collect(), request.validate_only));
        let (code, message) = outcome(altered);
        AlteredIncrementally::default()
            .with_error_code(code)
            .with_error_message(message.map(text))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    let responses = responses.collect();
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

fn outcome(altered: Result<(), Refused>) -> (i16, Option<String>) {
    match altered {
        Ok(()) => (0, None),
        Err(refused) => (refused.code.code(), Some(refused.message)),
    }
}

/// An operation, a setting's name, and a value.
type Entry<'a> = (i8, &'a str, Option<&'a str>);

fn change(
    cx: &Cx,
    (resource_type, name): (i8, &str),
    begin: impl FnOnce(&Topic) -> Overrides,
    entries: Vec<Entry<'_>>,
    dry: bool,
) -> Result<(), Refused> {
    // No name stands for the defaults of all, which Kafka does not let change either.
    if resource_type != TOPIC || name.is_empty() {
        let text = "only settings of single topics can be changed here";
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    let topic = topic(cx, name)?;
    let mut config = begin(&topic);
    for (entry, times) in once_each(entries, |(_, name, _)| *name) {
        times.only_once()?;
        change_one(&mut config, entry)?;
    }
    let invalid = |text| Refused::new(ErrorCode::InvalidConfig, text);
    config.check().map_err(invalid)?;
    match dry {
        true => Ok(()),
        false => cx.node.topics.configure(&topic, config),
    }
}

fn change_one(config: &mut Overrides, (operation, name, value): Entry<'_>) -> Result<(), Refused> {
    let invalid = |text| Err(Refused::new(ErrorCode::InvalidRequest, text));
    let changed = match (operation, value) {
        (SET, Some(value)) => config.set(name, Some(value)),
        (DELETE, _) => config.set(name, None),
        (APPEND, Some(value)) => config.change_list(name, value, true),
        (SUBTRACT, Some(value)) => config.change_list(name, value, false),
        (SET | APPEND | SUBTRACT, None) => return invalid(format!("{name} has no value")),
        (other, _) => return invalid(format!("there is no operation {other}")),
    };
    changed.map_err(|text| Refused::new(ErrorCode::InvalidConfig, text))
}
