//! Every request that the codec can write has the shape that the tables say; nothing else passes.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AlterConfigsRequest, ApiKey,
        ApiVersionsRequest, BrokerId, CreatePartitionsRequest, CreateTopicsRequest,
        DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest,
        DescribeConfigsRequest, DescribeGroupsRequest, DescribeLogDirsRequest, EndTxnRequest,
        FetchRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest,
        IncrementalAlterConfigsRequest, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest,
        ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
        OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
        SyncGroupRequest, TopicName, TxnOffsetCommitRequest,
        add_partitions_to_txn_request::AddPartitionsToTxnTopic,
        alter_configs_request::{AlterConfigsResource, AlterableConfig},
        create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic},
        create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        describe_log_dirs_request::DescribableLogDirTopic,
        fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
        incremental_alter_configs_request as incremental,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
        offset_fetch_request::{
            OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
        },
        offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
        sync_group_request::SyncGroupRequestAssignment,
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use proptest::prelude::{Strategy, any, prop, proptest};
use uuid::Uuid;

use super::{Misshapen, check};
use crate::wire::versions;

fn text() -> StrBytes {
    StrBytes::from_static_str("some-text")
}

fn topic() -> TopicName {
    TopicName(text())
}

/// Checks a request in every version that is offered, where the codec can write it.
fn every_version<R: Encodable + Decodable>(api: ApiKey, request: impl Fn(i16) -> R) {
    let offered = versions::of(api).unwrap();
    for version in offered.min..=offered.max {
        let mut body = BytesMut::new();
        request(version)
            .encode(&mut body, version)
            .unwrap_or_else(|error| {
                panic!("{api:?} version {version}: {error}");
            });
        assert_eq!(
            check(api, version, &body).map(drop),
            Ok(()),
            "{api:?} version {version}"
        );
        let mut decoded = body.clone().freeze();
        R::decode(&mut decoded, version).unwrap();
        assert!(decoded.is_empty(), "{api:?} version {version}");
        for end in 0..body.len() {
            assert_eq!(
                check(api, version, &body[..end]),
                Err(Misshapen::Short),
                "{api:?} version {version}, {end} bytes"
            );
        }
    }
}

fn twice<T: Clone>(one: T) -> Vec<T> {
    vec![one.clone(), one]
}

fn by_id(version: i16, from: i16) -> (TopicName, Uuid) {
    match version >= from {
        true => (TopicName::default(), Uuid::from_u128(7)),
        false => (topic(), Uuid::nil()),
    }
}

#[test]
fn requests_about_records_have_their_shape() {
    every_version(ApiKey::Produce, |_| {
        let data = PartitionProduceData::default()
            .with_index(3)
            .with_records(Some(Bytes::from_static(b"records")));
        let of_topic = TopicProduceData::default()
            .with_name(topic())
            .with_partition_data(twice(data));
        ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(1)
            .with_topic_data(twice(of_topic))
    });
    every_version(ApiKey::Fetch, |version| {
        let (name, id) = by_id(version, 13);
        let of_topic = FetchTopic::default()
            .with_topic(name.clone())
            .with_topic_id(id)
            .with_partitions(twice(FetchPartition::default().with_fetch_offset(9)));
        let forgotten = ForgottenTopic::default()
            .with_topic(name)
            .with_topic_id(id)
            .with_partitions(vec![1, 2]);
        let request = FetchRequest::default().with_topics(twice(of_topic));
        match version {
            ..7 => request,
            _ => request.with_forgotten_topics_data(twice(forgotten)),
        }
    });
    every_version(ApiKey::ListOffsets, |_| {
        let of_topic = ListOffsetsTopic::default()
            .with_name(topic())
            .with_partitions(twice(ListOffsetsPartition::default().with_timestamp(-1)));
        ListOffsetsRequest::default().with_topics(twice(of_topic))
    });
    every_version(ApiKey::OffsetForLeaderEpoch, |_| {
        let of_topic = OffsetForLeaderTopic::default()
            .with_topic(topic())
            .with_partitions(twice(OffsetForLeaderPartition::default()));
        OffsetForLeaderEpochRequest::default().with_topics(twice(of_topic))
    });
    every_version(ApiKey::DeleteRecords, |_| {
        let of_topic = DeleteRecordsTopic::default()
            .with_name(topic())
            .with_partitions(twice(DeleteRecordsPartition::default().with_offset(4)));
        DeleteRecordsRequest::default().with_topics(twice(of_topic))
    });
    every_version(ApiKey::InitProducerId, |_| {
        InitProducerIdRequest::default().with_transactional_id(None)
    });
}

#[test]
fn requests_of_transactions_have_their_shape() {
    every_version(ApiKey::AddPartitionsToTxn, |_| {
        let of_topic = AddPartitionsToTxnTopic::default()
            .with_name(topic())
            .with_partitions(vec![0, 1]);
        AddPartitionsToTxnRequest::default().with_v3_and_below_topics(twice(of_topic))
    });
    every_version(ApiKey::AddOffsetsToTxn, |_| {
        AddOffsetsToTxnRequest::default()
    });
    every_version(ApiKey::EndTxn, |_| EndTxnRequest::default());
    every_version(ApiKey::TxnOffsetCommit, |version| {
        let mut one = TxnOffsetCommitRequestPartition::default().with_committed_offset(4);
        if version >= 2 {
            one = one.with_committed_leader_epoch(3);
        }
        let of_topic = TxnOffsetCommitRequestTopic::default()
            .with_name(topic())
            .with_partitions(twice(one));
        TxnOffsetCommitRequest::default().with_topics(twice(of_topic))
    });
}

#[test]
fn requests_about_the_cluster_have_their_shape() {
    every_version(ApiKey::ApiVersions, |_| ApiVersionsRequest::default());
    every_version(ApiKey::Metadata, |_| {
        let one = MetadataRequestTopic::default().with_name(Some(topic()));
        MetadataRequest::default().with_topics(Some(twice(one)))
    });
    every_version(ApiKey::DescribeCluster, |_| {
        DescribeClusterRequest::default()
    });
    every_version(ApiKey::FindCoordinator, |version| match version {
        ..4 => FindCoordinatorRequest::default().with_key(text()),
        _ => FindCoordinatorRequest::default().with_coordinator_keys(twice(text())),
    });
}

#[test]
fn requests_about_topics_have_their_shape() {
    every_version(ApiKey::CreateTopics, |_| {
        let assignment = CreatableReplicaAssignment::default().with_broker_ids(twice(BrokerId(1)));
        let config = CreatableTopicConfig::default()
            .with_name(text())
            .with_value(Some(text()));
        let one = CreatableTopic::default()
            .with_name(topic())
            .with_assignments(twice(assignment))
            .with_configs(twice(config));
        CreateTopicsRequest::default().with_topics(twice(one))
    });
    every_version(ApiKey::DeleteTopics, |version| match version {
        ..6 => DeleteTopicsRequest::default().with_topic_names(twice(topic())),
        _ => {
            let one = DeleteTopicState::default().with_name(Some(topic()));
            DeleteTopicsRequest::default().with_topics(twice(one))
        }
    });
    every_version(ApiKey::CreatePartitions, |_| {
        let assignment = CreatePartitionsAssignment::default().with_broker_ids(twice(BrokerId(1)));
        let one = CreatePartitionsTopic::default()
            .with_name(topic())
            .with_assignments(Some(twice(assignment)));
        CreatePartitionsRequest::default().with_topics(twice(one))
    });
    every_version(ApiKey::DescribeLogDirs, |_| {
        let of_topic = DescribableLogDirTopic::default()
            .with_topic(topic())
            .with_partitions(vec![1, 2]);
        DescribeLogDirsRequest::default().with_topics(Some(twice(of_topic)))
    });
    every_version(ApiKey::DescribeConfigs, |_| {
        let one = DescribeConfigsResource::default()
            .with_resource_name(text())
            .with_configuration_keys(Some(twice(text())));
        DescribeConfigsRequest::default().with_resources(twice(one))
    });
    every_version(ApiKey::AlterConfigs, |_| {
        let config = AlterableConfig::default()
            .with_name(text())
            .with_value(Some(text()));
        let one = AlterConfigsResource::default()
            .with_resource_name(text())
            .with_configs(twice(config));
        AlterConfigsRequest::default().with_resources(twice(one))
    });
    every_version(ApiKey::IncrementalAlterConfigs, |_| {
        let config = incremental::AlterableConfig::default()
            .with_name(text())
            .with_value(Some(text()));
        let one = incremental::AlterConfigsResource::default()
            .with_resource_name(text())
            .with_configs(twice(config));
        IncrementalAlterConfigsRequest::default().with_resources(twice(one))
    });
}

#[test]
fn requests_about_groups_have_their_shape() {
    let group = || GroupId(text());
    every_version(ApiKey::JoinGroup, |_| {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text())
            .with_metadata(Bytes::from_static(b"metadata"));
        JoinGroupRequest::default()
            .with_group_id(group())
            .with_protocol_type(text())
            .with_protocols(twice(protocol))
    });
    every_version(ApiKey::SyncGroup, |_| {
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(text())
            .with_assignment(Bytes::from_static(b"assignment"));
        SyncGroupRequest::default()
            .with_group_id(group())
            .with_assignments(twice(assignment))
    });
    every_version(ApiKey::Heartbeat, |_| {
        HeartbeatRequest::default().with_group_id(group())
    });
    every_version(ApiKey::LeaveGroup, |version| match version {
        ..3 => LeaveGroupRequest::default().with_member_id(text()),
        _ => {
            let one = MemberIdentity::default().with_member_id(text());
            LeaveGroupRequest::default().with_members(twice(one))
        }
    });
    every_version(ApiKey::DescribeGroups, |_| {
        DescribeGroupsRequest::default().with_groups(twice(group()))
    });
    every_version(ApiKey::ListGroups, |version| match version {
        ..4 => ListGroupsRequest::default(),
        _ => ListGroupsRequest::default().with_states_filter(twice(text())),
    });
    every_version(ApiKey::DeleteGroups, |_| {
        DeleteGroupsRequest::default().with_groups_names(twice(group()))
    });
}

#[test]
fn requests_about_offsets_have_their_shape() {
    let group = || GroupId(text());
    every_version(ApiKey::OffsetCommit, |_| {
        let of_topic = OffsetCommitRequestTopic::default()
            .with_name(topic())
            .with_partitions(twice(OffsetCommitRequestPartition::default()));
        OffsetCommitRequest::default()
            .with_group_id(group())
            .with_topics(twice(of_topic))
    });
    every_version(ApiKey::OffsetFetch, |version| match version {
        ..8 => {
            let of_topic = OffsetFetchRequestTopic::default()
                .with_name(topic())
                .with_partition_indexes(vec![1, 2]);
            OffsetFetchRequest::default()
                .with_group_id(group())
                .with_topics(Some(twice(of_topic)))
        }
        _ => {
            let of_topic = OffsetFetchRequestTopics::default()
                .with_name(topic())
                .with_partition_indexes(vec![1, 2]);
            let one = OffsetFetchRequestGroup::default()
                .with_group_id(group())
                .with_topics(Some(twice(of_topic)));
            OffsetFetchRequest::default().with_groups(twice(one))
        }
    });
    every_version(ApiKey::OffsetDelete, |_| {
        let of_topic = OffsetDeleteRequestTopic::default()
            .with_name(topic())
            .with_partitions(twice(OffsetDeleteRequestPartition::default()));
        OffsetDeleteRequest::default()
            .with_group_id(group())
            .with_topics(twice(of_topic))
    });
}

#[test]
fn an_array_that_says_it_is_large_is_refused_before_anybody_makes_room() {
    // A list of topics with two thousand million elements, in both spellings.
    assert_eq!(
        check(ApiKey::Metadata, 1, &[0x7f, 0xff, 0xff, 0xff]),
        Err(Misshapen::TooMany)
    );
    assert_eq!(
        check(ApiKey::Metadata, 12, &[0xff, 0xff, 0xff, 0xff, 0x07]),
        Err(Misshapen::TooMany)
    );
}

fn an_offered_version() -> impl Strategy<Value = (ApiKey, i16)> {
    prop::sample::select(versions::OFFERED)
        .prop_flat_map(|(api, range)| (range.min..=range.max).prop_map(move |one| (api, one)))
}

proptest! {
    #[test]
    fn whatever_has_the_shape_is_decoded_or_refused_and_never_more(
        (api, version) in an_offered_version(),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if check(api, version, &body).is_ok() {
            let mut body = Bytes::from(body);
            // An error is fine: a text that is no UTF-8. A panic is not.
            let _ = match api {
                ApiKey::Metadata => MetadataRequest::decode(&mut body, version).map(drop),
                ApiKey::Fetch => FetchRequest::decode(&mut body, version).map(drop),
                ApiKey::Produce => ProduceRequest::decode(&mut body, version).map(drop),
                ApiKey::JoinGroup => JoinGroupRequest::decode(&mut body, version).map(drop),
                ApiKey::OffsetFetch => OffsetFetchRequest::decode(&mut body, version).map(drop),
                ApiKey::OffsetCommit => OffsetCommitRequest::decode(&mut body, version).map(drop),
                ApiKey::CreateTopics => CreateTopicsRequest::decode(&mut body, version).map(drop),
                _ => Ok(()),
            };
        }
    }
}
