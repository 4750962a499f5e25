//! Metadata: the one broker, and topics, made on the way if the client allows it.

use std::rc::Rc;

use kafka_protocol::messages::{
    MetadataRequest, MetadataResponse, TopicName,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};

use super::{Cx, once::once_each, operations, this_node, topic_name};
use crate::{
    code::ErrorCode,
    node::PARTITIONS_DEFAULT,
    topic::{Topic, config::Overrides},
};

pub(super) fn answer(cx: &Cx, request: MetadataRequest) -> MetadataResponse {
    let asks_for_all = match (&request.topics, cx.version) {
        (None, _) => true,
        (Some(topics), 0) => topics.is_empty(),
        _ => false,
    };
    let of_topics = request.include_topic_authorized_operations;
    let of_cluster = request.include_cluster_authorized_operations;
    let mut topics: Vec<_> = match asks_for_all {
        true => cx.node.topics.all().iter().map(found).collect(),
        false => {
            let may_make = cx.version < 4 || request.allow_auto_topic_creation;
            let asked = request.topics.unwrap_or_default();
            once_each(asked, |one| (one.name.clone(), one.topic_id))
                .iter()
                .map(|(one, _)| one_topic(cx, one, may_make))
                .collect()
        }
    };
    for topic in &mut topics {
        topic.topic_authorized_operations = operations::if_asked(of_topics, operations::OF_TOPIC);
    }
    let broker = MetadataResponseBroker::default()
        .with_node_id(this_node())
        .with_host(cx.host())
        .with_port(cx.port());
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(super::text(&cx.node.cluster_id)))
        .with_controller_id(this_node())
        .with_cluster_authorized_operations(operations::if_asked(
            of_cluster,
            operations::OF_CLUSTER,
        ))
        .with_topics(topics)
}

fn one_topic(cx: &Cx, asked: &MetadataRequestTopic, may_make: bool) -> MetadataResponseTopic {
    let topics = &cx.node.topics;
    let Some(name) = &asked.name else {
        return match topics.get_by_id(asked.topic_id) {
            Some(topic) => found(&topic),
            None => missing(None, ErrorCode::UnknownTopicId).with_topic_id(asked.topic_id),
        };
    };
    if let Some(topic) = topics.get(name) {
        return found(&topic);
    }
    let refused = match may_make {
        true => match topics.create(name, PARTITIONS_DEFAULT, Overrides::default()) {
            Ok(topic) => return found(&topic),
            Err(refused) => refused.code,
        },
        false => match topics.check(name, PARTITIONS_DEFAULT) {
            Err(refused) if refused.code == ErrorCode::InvalidTopic => refused.code,
            _ => ErrorCode::UnknownTopicOrPartition,
        },
    };
    missing(Some(name), refused)
}

fn found(topic: &Rc<Topic>) -> MetadataResponseTopic {
    let count = i32::try_from(topic.partitions.borrow().len()).unwrap_or(i32::MAX);
    let partitions = (0..count).map(|index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(this_node())
            .with_leader_epoch(0)
            .with_replica_nodes(vec![this_node()])
            .with_isr_nodes(vec![this_node()])
    });
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id)
        .with_topic_authorized_operations(operations::UNSAID)
        .with_partitions(partitions.collect())
}

fn missing(name: Option<&TopicName>, code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(code.code())
        .with_name(name.cloned())
        .with_topic_authorized_operations(operations::UNSAID)
}
