//! Groups that grow without end, and members that do not do their part.

use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    SyncGroupRequest,
    join_group_request::JoinGroupRequestProtocol,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};

use crate::{
    client::Client,
    world::{World, name, resident_bytes, text},
};

const INVALID_REQUEST: i16 = 42;
const POLICY_VIOLATION: i16 = 44;

fn join(group: &str, member: &str, metadata: usize) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(vec![0; metadata].into());
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(text(member))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(i32::MAX)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

fn commit(client: &mut Client, group: &str, metadata: &str) -> i16 {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(1)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name("normal"))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    client.call(2, &request).topics[0].partitions[0].error_code
}

#[test]
fn groups_hold_so_much_and_no_more_and_who_has_offsets_goes_on() {
    let world = World::start();
    let mut client = world.connect();
    assert_eq!(commit(&mut client, "honest", "here"), 0);
    let before = resident_bytes();

    let mut refused = 0;
    for at in 0..150 {
        let answer = client.call(1, &join(&format!("greedy-{at}"), "", 1_000_000));
        refused += i32::from(answer.error_code == POLICY_VIOLATION);
    }

    assert!(refused > 50, "{refused}");
    let more = resident_bytes().saturating_sub(before);
    assert!(more < 200 << 20, "{more} bytes more");
    assert_eq!(commit(&mut client, "honest", "next"), 0);
    world.serves();
}

#[test]
fn a_member_brings_only_so_much() {
    let world = World::start();
    let mut client = world.connect();

    let code = client.call(1, &join("group", "", 2_000_000)).error_code;
    assert_eq!(code, INVALID_REQUEST);

    let many = (0..1_000)
        .map(|at| JoinGroupRequestProtocol::default().with_name(text(&format!("protocol-{at}"))));
    let many = join("group", "", 1).with_protocols(many.collect());
    assert_eq!(client.call(1, &many).error_code, INVALID_REQUEST);

    let long = JoinGroupRequestProtocol::default().with_name(text(&"p".repeat(30_000)));
    let long = join("group", "", 1).with_protocols(vec![long]);
    assert_eq!(client.call(1, &long).error_code, INVALID_REQUEST);

    for time in [i32::MIN, -1, 0, i32::MAX] {
        let request = join("group", "", 1).with_session_timeout_ms(time);
        assert_eq!(client.call(1, &request).error_code, 26, "{time}");
    }
    let listed = client.call(0, &ListGroupsRequest::default());
    assert_eq!(listed.groups.len(), 0, "nothing was made for these");
    world.serves();
}

#[test]
fn a_leader_that_never_assigns_holds_up_its_own_group_alone() {
    let world = World::start();
    let mut lazy = world.connect();
    let joined = lazy.call(1, &join("lazy", "", 10));
    assert_eq!(joined.error_code, 0);

    let mut waiting: Vec<_> = (0..50).map(|_| world.connect()).collect();
    for client in &mut waiting {
        client.send(1, &join("lazy", "", 10));
    }

    // Another group goes through all of its life meanwhile.
    let mut client = world.connect();
    let mine = client.call(1, &join("quick", "", 10));
    let sync = SyncGroupRequest::default()
        .with_group_id(GroupId(text("quick")))
        .with_generation_id(mine.generation_id)
        .with_member_id(mine.member_id.clone());
    assert_eq!(client.call(1, &sync).error_code, 0);
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(GroupId(text("quick")))
        .with_generation_id(mine.generation_id)
        .with_member_id(mine.member_id);
    assert_eq!(client.call(1, &heartbeat).error_code, 0);
    world.serves();
}

#[test]
fn ids_that_are_asked_for_and_never_used_are_so_many_and_no_more() {
    let world = World::start();
    let mut client = world.connect();

    let mut refused = 0;
    for _ in 0..1_500 {
        let answer = client.call(5, &join("empty", "", 10));
        match answer.error_code {
            79 => {}
            81 => refused += 1,
            other => panic!("{other}"),
        }
    }

    assert_eq!(refused, 500);
    world.serves();
}

#[test]
fn metadata_that_is_no_subscription_is_kept_and_not_believed() {
    let world = World::start();
    let mut client = world.connect();

    for (at, metadata) in [
        &[][..],
        &[0xff; 3],
        &[0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 1, 0x7f, 0xff],
        &[0, 0, 0xff, 0xff, 0xff, 0xff],
    ]
    .into_iter()
    .enumerate()
    {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(metadata.to_vec().into());
        let request = join(&format!("odd-{at}"), "", 0).with_protocols(vec![protocol]);
        assert_eq!(client.call(1, &request).error_code, 0, "{metadata:?}");
    }
    world.serves();
}
