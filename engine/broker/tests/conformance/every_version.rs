//! Every request that the embedded broker offers is asked in every version that it offers, with sane content.
//!
//! The list of versions is always the embedded broker's, the answers are those of the broker that is tested. A request that
//! is offered and has no question here fails the test.

use kafka_protocol::messages::{
    ApiKey, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeGroupsRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetDeleteRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest,
    create_partitions_request::CreatePartitionsTopic,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_topics_request::DeleteTopicState,
    fetch_request::FetchTopic,
    leave_group_request::MemberIdentity,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    metadata_request::MetadataRequestTopic,
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::{
        OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    },
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
};

use crate::{
    api_versions::question,
    ask::{
        append, creatable, fetch_partition, group_id, produce_request, produced, text, topic_name,
    },
    batch::{Batch, records},
    client::Client,
    configs::{change_request, describe_request, replace_request},
    log_dirs,
    member::{Member, commit_request, join_request},
    transactional::Producer,
    world::{Topic, World, eventually, name},
};

/// Apache Kafka has just started and gives no producer ids yet.
const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;

/// The first version in which Produce is answered, though version 0 is said to be.
const PRODUCE_SINCE: i16 = 3;

#[test]
fn every_request_is_answered_in_every_version_that_is_offered() {
    let (world, ours) = (World::start(), World::embedded());
    let offered = ours.connect().call(4, &question("conformance")).api_keys;
    let asked = Asked::new(&world);

    assert!(offered.len() > 20);
    for api in offered {
        let key = ApiKey::try_from(api.api_key).unwrap();
        let first = match key {
            ApiKey::Produce => PRODUCE_SINCE,
            _ => api.min_version,
        };
        for version in first..=api.max_version {
            let client = &mut world.connect();
            assert_eq!(
                asked.ask(client, key, version),
                0,
                "{key:?} version {version}"
            );
        }
    }
}

/// What is asked about.
struct Asked<'a> {
    world: &'a World,
    /// With one record.
    topic: Topic,
    /// With a committed offset.
    group: String,
}

impl<'a> Asked<'a> {
    fn new(world: &'a World) -> Self {
        let (topic, group) = (world.topic(1), world.group());
        let client = &mut world.connect();
        append(client, &topic, &Batch::of(&["a record"]));
        client.call(9, &commit_request(&group, &topic.name, 1));
        Self {
            world,
            topic,
            group,
        }
    }

    /// Asks in that version: the error code, 0 if all is well.
    fn ask(&self, client: &mut Client, api: ApiKey, version: i16) -> i16 {
        match api {
            ApiKey::Produce => self.produce(client, version),
            ApiKey::Fetch => self.fetch(client, version),
            ApiKey::ListOffsets => self.list_offsets(client, version),
            ApiKey::OffsetForLeaderEpoch => self.leader_epoch(client, version),
            ApiKey::DeleteRecords => self.delete_records(client, version),
            ApiKey::Metadata => self.metadata(client, version),
            ApiKey::DescribeLogDirs => {
                let answer = client.call(version, &log_dirs::question(&[&self.topic.name]));
                assert_eq!(answer.results[0].topics.len(), 1);
                answer.error_code.max(answer.results[0].error_code)
            }
            ApiKey::ApiVersions => client.call(version, &question("conformance")).error_code,
            ApiKey::DescribeCluster => describe_cluster(client, version),
            ApiKey::InitProducerId => init_producer_id(client, version),
            ApiKey::AddPartitionsToTxn
            | ApiKey::AddOffsetsToTxn
            | ApiKey::EndTxn
            | ApiKey::TxnOffsetCommit => {
                let mut producer = Producer::start(self.world);
                let topic = self.world.topic(1);
                producer.ask(api, version, &topic.name, &self.group)
            }
            ApiKey::CreateTopics => create_topics(client, version),
            ApiKey::DeleteTopics => self.delete_topics(client, version),
            ApiKey::CreatePartitions => self.create_partitions(client, version),
            ApiKey::DescribeConfigs => self.describe_configs(client, version),
            ApiKey::AlterConfigs => {
                let request = replace_request(&self.topic.name, &[("segment.ms", Some("60000"))]);
                client.call(version, &request).responses[0].error_code
            }
            ApiKey::IncrementalAlterConfigs => {
                let request = change_request(2, &self.topic.name, &[(1, "segment.ms", None)]);
                client.call(version, &request).responses[0].error_code
            }
            _ => self.ask_of_groups(client, api, version),
        }
    }

    fn ask_of_groups(&self, client: &mut Client, api: ApiKey, version: i16) -> i16 {
        match api {
            ApiKey::FindCoordinator => self.find_coordinator(client, version),
            ApiKey::JoinGroup => self.join(client, version),
            ApiKey::SyncGroup => self.sync(version),
            ApiKey::Heartbeat => self.heartbeat(version),
            ApiKey::LeaveGroup => self.leave(version),
            ApiKey::OffsetCommit => {
                let request = commit_request(&self.group, &self.topic.name, 1);
                let answer = client.call(version, &request);
                assert_eq!(answer.topics[0].name, topic_name(&self.topic.name));
                answer.topics[0].partitions[0].error_code
            }
            ApiKey::OffsetFetch => self.fetch_offsets(client, version),
            ApiKey::OffsetDelete => self.delete_offset(client, version),
            ApiKey::DescribeGroups => self.describe_group(client, version),
            ApiKey::ListGroups => self.list_groups(client, version),
            ApiKey::DeleteGroups => self.delete_group(client, version),
            other => panic!("{other:?} is offered and no question is known"),
        }
    }

    fn produce(&self, client: &mut Client, version: i16) -> i16 {
        let topic = self.world.topic(1);
        let request = produce_request(&topic.name, -1, &[(0, Batch::of(&["x"]).encode())]);
        let answer = client.call(version, &request);
        assert_eq!(answer.responses[0].name, topic_name(&topic.name));
        let answer = produced(answer);
        assert_eq!(
            (answer.index, answer.base_offset, answer.log_append_time_ms),
            (0, 0, -1)
        );
        if version >= 5 {
            assert_eq!(answer.log_start_offset, 0);
        }
        answer.error_code
    }

    fn fetch(&self, client: &mut Client, version: i16) -> i16 {
        let topic = FetchTopic::default().with_partitions(vec![fetch_partition(0, 0)]);
        let topic = match version {
            ..13 => topic.with_topic(topic_name(&self.topic.name)),
            _ => topic.with_topic_id(self.topic.id),
        };
        let request = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_bytes(i32::MAX)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let answer = client.call(version, &request);
        assert_eq!(answer.session_id, 0);
        let part = &answer.responses[0].partitions[0];
        assert_eq!((part.high_watermark, part.last_stable_offset), (1, 1));
        assert_eq!(part.preferred_read_replica.0, -1);
        let read = records(part.records.as_ref().unwrap());
        assert_eq!(read[0].value.as_deref(), Some(&b"a record"[..]));
        answer.error_code.max(part.error_code)
    }

    fn list_offsets(&self, client: &mut Client, version: i16) -> i16 {
        let partition = ListOffsetsPartition::default().with_timestamp(-1);
        let topic = ListOffsetsTopic::default()
            .with_name(topic_name(&self.topic.name))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let found = client
            .call(version, &request)
            .topics
            .remove(0)
            .partitions
            .remove(0);
        let epoch = if version >= 4 { 0 } else { -1 };
        assert_eq!(
            (found.offset, found.timestamp, found.leader_epoch),
            (1, -1, epoch)
        );
        found.error_code
    }

    fn leader_epoch(&self, client: &mut Client, version: i16) -> i16 {
        let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(0);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(topic_name(&self.topic.name))
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let end = client
            .call(version, &request)
            .topics
            .remove(0)
            .partitions
            .remove(0);
        assert_eq!((end.leader_epoch, end.end_offset), (0, 1));
        end.error_code
    }

    fn delete_records(&self, client: &mut Client, version: i16) -> i16 {
        let topic = self.world.topic(1);
        append(client, &topic, &Batch::of(&["x", "y"]));
        let partition = DeleteRecordsPartition::default().with_offset(1);
        let topic = DeleteRecordsTopic::default()
            .with_name(topic_name(&topic.name))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let deleted = client
            .call(version, &request)
            .topics
            .remove(0)
            .partitions
            .remove(0);
        assert_eq!(deleted.low_watermark, 1);
        deleted.error_code
    }

    fn metadata(&self, client: &mut Client, version: i16) -> i16 {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(&self.topic.name)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(true);
        let answer = client.call(version, &request);
        assert_eq!(answer.brokers[0].node_id.0, 1);
        let topic = &answer.topics[0];
        assert_eq!(topic.name, Some(topic_name(&self.topic.name)));
        if version >= 10 {
            assert_eq!(topic.topic_id, self.topic.id);
        }
        assert_eq!(topic.partitions[0].leader_id.0, 1);
        topic.error_code
    }

    fn delete_topics(&self, client: &mut Client, version: i16) -> i16 {
        let topic = self.world.topic(1);
        let request = DeleteTopicsRequest::default().with_timeout_ms(10_000);
        let request = match version {
            ..6 => request.with_topic_names(vec![topic_name(&topic.name)]),
            _ => request.with_topics(vec![DeleteTopicState::default().with_topic_id(topic.id)]),
        };
        let deleted = client.call(version, &request).responses.remove(0);
        assert_eq!(deleted.name, Some(topic_name(&topic.name)));
        deleted.error_code
    }

    fn create_partitions(&self, client: &mut Client, version: i16) -> i16 {
        let topic = self.world.topic(1);
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(&topic.name))
            .with_count(2)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        client.call(version, &request).results[0].error_code
    }

    fn describe_configs(&self, client: &mut Client, version: i16) -> i16 {
        let request = describe_request(2, &self.topic.name, Some(&["cleanup.policy"]));
        let described = client.call(version, &request).results.remove(0);
        assert_eq!(described.configs.len(), 1);
        let one = &described.configs[0];
        assert_eq!(
            (one.value.as_deref(), one.config_source),
            (Some("delete"), 5)
        );
        assert_eq!(one.config_type, if version >= 3 { 7 } else { 0 });
        described.error_code
    }

    fn find_coordinator(&self, client: &mut Client, version: i16) -> i16 {
        let key = text(&self.group);
        match version {
            ..4 => {
                let request = FindCoordinatorRequest::default().with_key(key);
                let found = client.call(version, &request);
                assert_eq!(found.node_id.0, 1);
                found.error_code
            }
            _ => {
                let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![key]);
                let found = client.call(version, &request).coordinators.remove(0);
                assert_eq!(found.node_id.0, 1);
                found.error_code
            }
        }
    }

    fn join(&self, client: &mut Client, version: i16) -> i16 {
        let group = self.world.group();
        let mut request = join_request(&group, "");
        if version >= 4 {
            let given = client.call(version, &request);
            assert_eq!(given.error_code, 79, "an id comes first");
            request = request.with_member_id(given.member_id);
        }
        let joined = client.call(version, &request);
        assert_eq!((joined.generation_id, joined.members.len()), (1, 1));
        assert_eq!(joined.protocol_name, Some(text("range")));
        assert_eq!(
            joined.protocol_type,
            (version >= 7).then(|| text("consumer"))
        );
        joined.error_code
    }

    fn sync(&self, version: i16) -> i16 {
        let mut member = Member::with_id(self.world, &self.world.group());
        member.join();
        let request = member.sync_request(Some(b"mine"));
        let synced = member.client.call(version, &request);
        assert_eq!(&synced.assignment[..], b"mine");
        assert_eq!(synced.protocol_name, (version >= 5).then(|| text("range")));
        synced.error_code
    }

    fn heartbeat(&self, version: i16) -> i16 {
        let mut member = Member::alone(self.world, &self.world.group());
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&member.group))
            .with_generation_id(member.generation)
            .with_member_id(text(&member.id));
        member.client.call(version, &request).error_code
    }

    fn leave(&self, version: i16) -> i16 {
        let mut member = Member::alone(self.world, &self.world.group());
        let request = LeaveGroupRequest::default().with_group_id(group_id(&member.group));
        let request = match version {
            ..3 => request.with_member_id(text(&member.id)),
            _ => {
                let identity = MemberIdentity::default().with_member_id(text(&member.id));
                request.with_members(vec![identity])
            }
        };
        let left = member.client.call(version, &request);
        assert_eq!(left.members.len(), usize::from(version >= 3));
        left.members
            .first()
            .map_or(left.error_code, |one| one.error_code)
    }

    fn fetch_offsets(&self, client: &mut Client, version: i16) -> i16 {
        let name = topic_name(&self.topic.name);
        if version < 8 {
            let topic = OffsetFetchRequestTopic::default()
                .with_name(name)
                .with_partition_indexes(vec![0]);
            let request = OffsetFetchRequest::default()
                .with_group_id(group_id(&self.group))
                .with_topics(Some(vec![topic]));
            let answer = client.call(version, &request);
            let one = &answer.topics[0].partitions[0];
            assert_eq!(
                (one.committed_offset, one.metadata.as_deref()),
                (1, Some("note"))
            );
            return answer.error_code.max(one.error_code);
        }
        let topic = OffsetFetchRequestTopics::default()
            .with_name(name)
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id(&self.group))
            .with_member_epoch(-1)
            .with_topics(Some(vec![topic]));
        let request = OffsetFetchRequest::default().with_groups(vec![group]);
        let group = client.call(version, &request).groups.remove(0);
        let one = &group.topics[0].partitions[0];
        assert_eq!(
            (one.committed_offset, one.metadata.as_deref()),
            (1, Some("note"))
        );
        group.error_code.max(one.error_code)
    }

    fn delete_offset(&self, client: &mut Client, version: i16) -> i16 {
        let group = self.world.group();
        client.call(9, &commit_request(&group, &self.topic.name, 1));
        let topic = OffsetDeleteRequestTopic::default()
            .with_name(topic_name(&self.topic.name))
            .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
        let request = OffsetDeleteRequest::default()
            .with_group_id(group_id(&group))
            .with_topics(vec![topic]);
        let answer = client.call(version, &request);
        answer
            .error_code
            .max(answer.topics[0].partitions[0].error_code)
    }

    fn describe_group(&self, client: &mut Client, version: i16) -> i16 {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(&self.group)]);
        let group = client.call(version, &request).groups.remove(0);
        assert_eq!(
            (&group.group_id, &*group.group_state),
            (&group_id(&self.group), "Empty")
        );
        group.error_code
    }

    fn list_groups(&self, client: &mut Client, version: i16) -> i16 {
        let answer = client.call(version, &ListGroupsRequest::default());
        let mut groups = answer.groups.iter();
        let group = groups
            .find(|one| one.group_id == group_id(&self.group))
            .unwrap();
        assert_eq!(&*group.group_state, if version >= 4 { "Empty" } else { "" });
        assert_eq!(
            &*group.group_type,
            if version >= 5 { "classic" } else { "" }
        );
        answer.error_code
    }

    fn delete_group(&self, client: &mut Client, version: i16) -> i16 {
        let group = self.world.group();
        client.call(9, &commit_request(&group, &self.topic.name, 1));
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(&group)]);
        client.call(version, &request).results[0].error_code
    }
}

fn describe_cluster(client: &mut Client, version: i16) -> i16 {
    let answer = client.call(
        version,
        &DescribeClusterRequest::default().with_endpoint_type(1),
    );
    assert_eq!(answer.brokers[0].broker_id.0, 1);
    answer.error_code
}

fn init_producer_id(client: &mut Client, version: i16) -> i16 {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(1_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    let given = eventually("a producer id", || {
        let given = client.call(version, &request);
        (given.error_code != COORDINATOR_LOAD_IN_PROGRESS).then_some(given)
    });
    assert!(
        given.producer_id.0 >= 0 && given.producer_epoch == 0,
        "{given:?}"
    );
    given.error_code
}

fn create_topics(client: &mut Client, version: i16) -> i16 {
    let topic = name("topic");
    let request = CreateTopicsRequest::default()
        .with_topics(vec![creatable(&topic, 1, &[])])
        .with_timeout_ms(10_000);
    let made = client.call(version, &request).topics.remove(0);
    assert_eq!(made.name, topic_name(&topic));
    assert_eq!(
        made.configs.as_ref().is_some_and(|all| !all.is_empty()),
        version >= 5
    );
    assert_eq!(!made.topic_id.is_nil(), version >= 7);
    made.error_code
}
