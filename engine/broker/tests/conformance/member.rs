//! Members of groups: what they say, step by step, and a shortcut to a stable group of one.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    OffsetCommitRequest, SyncGroupRequest, SyncGroupResponse,
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    sync_group_request::SyncGroupRequestAssignment,
};

use crate::{
    ask::{group_id, text, topic_name},
    client::Client,
    world::World,
};

/// The shortest session that both brokers allow, with Kafka's defaults.
pub(crate) const SESSION_MS: i32 = 6_000;

const MEMBER_ID_REQUIRED: i16 = 79;

/// A member and its connection.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) group: String,
    pub(crate) id: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i32,
}

/// A join of a consumer that subscribes to a topic named `topic`.
pub(crate) fn join_request(group: &str, id: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(subscription("topic"));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(20_000)
        .with_member_id(text(id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// What a consumer says about itself: version, topics, user data.
pub(crate) fn subscription(topic: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(1);
    bytes.put_i16(i16::try_from(topic.len()).unwrap());
    bytes.put_slice(topic.as_bytes());
    bytes.put_i32(-1);
    bytes.freeze()
}

impl Member {
    /// A member with an id that has not joined.
    pub(crate) fn with_id(world: &World, group: &str) -> Self {
        let mut client = world.connect();
        let given = client.call(9, &join_request(group, ""));
        assert_eq!(given.error_code, MEMBER_ID_REQUIRED);
        assert_eq!(given.generation_id, -1);
        Self {
            client,
            group: group.to_owned(),
            id: given.member_id.to_string(),
            instance: None,
            generation: -1,
        }
    }

    /// The only member of a stable group.
    pub(crate) fn alone(world: &World, group: &str) -> Self {
        let mut member = Self::with_id(world, group);
        member.join();
        assert_eq!(member.sync(Some(b"mine")).error_code, 0);
        member
    }

    /// The only member of a stable group, a static one.
    pub(crate) fn alone_static(world: &World, group: &str, instance: &str) -> Self {
        let mut member = Self {
            client: world.connect(),
            group: group.to_owned(),
            id: String::new(),
            instance: Some(instance.to_owned()),
            generation: -1,
        };
        member.join();
        assert_eq!(member.sync(Some(b"mine")).error_code, 0);
        member
    }

    pub(crate) fn request(&self) -> JoinGroupRequest {
        join_request(&self.group, &self.id)
            .with_group_instance_id(self.instance.as_deref().map(text))
    }

    /// Joins, which has to work.
    pub(crate) fn join(&mut self) -> JoinGroupResponse {
        self.send_join();
        self.joined()
    }

    pub(crate) fn send_join(&mut self) {
        self.client.send(9, &self.request());
    }

    /// The answer to a join, which has to have worked.
    pub(crate) fn joined(&mut self) -> JoinGroupResponse {
        let joined = self.client.receive::<JoinGroupRequest>(9);
        assert_eq!(joined.error_code, 0, "{joined:?}");
        self.generation = joined.generation_id;
        self.id = joined.member_id.to_string();
        joined
    }

    pub(crate) fn sync_request(&self, own: Option<&'static [u8]>) -> SyncGroupRequest {
        let own = own.map(|own| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(&self.id))
                .with_assignment(Bytes::from_static(own))
        });
        SyncGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.generation)
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text))
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(own.into_iter().collect())
    }

    /// Syncs; a leader gives itself what is named.
    pub(crate) fn sync(&mut self, own: Option<&'static [u8]>) -> SyncGroupResponse {
        let request = self.sync_request(own);
        self.client.call(5, &request)
    }

    pub(crate) fn heartbeat(&mut self) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.generation)
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text));
        self.client.call(4, &request).error_code
    }

    pub(crate) fn leave(&mut self) -> LeaveGroupResponse {
        let (id, instance) = (self.id.clone(), self.instance.clone());
        leave(&mut self.client, &self.group, &[(&id, instance.as_deref())])
    }

    /// Commits an offset of partition 0; its code.
    pub(crate) fn commit(&mut self, topic: &str, offset: i64) -> i16 {
        let request = commit_request(&self.group, topic, offset)
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text));
        self.client.call(9, &request).topics[0].partitions[0].error_code
    }
}

/// Members leave, by id and instance id.
pub(crate) fn leave(
    client: &mut Client,
    group: &str,
    members: &[(&str, Option<&str>)],
) -> LeaveGroupResponse {
    let members = members.iter().map(|(id, instance)| {
        MemberIdentity::default()
            .with_member_id(text(id))
            .with_group_instance_id(instance.map(text))
    });
    let request = LeaveGroupRequest::default()
        .with_group_id(group_id(group))
        .with_members(members.collect());
    client.call(5, &request)
}

/// A commit of partition 0 by somebody who is no member.
pub(crate) fn commit_request(group: &str, topic: &str, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text("note")));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}
