//! Groups: joining, assigning, staying and leaving, by the classic protocol.

use std::time::{Duration, Instant};

use kafka_protocol::messages::{
    JoinGroupRequest, SyncGroupRequest, join_group_request::JoinGroupRequestProtocol,
};

use crate::{
    ask::{group_id, text},
    member::{Member, commit_request, join_request, leave, subscription},
    world::{World, eventually, name},
};

const ILLEGAL_GENERATION: i16 = 22;
const INCONSISTENT_GROUP_PROTOCOL: i16 = 23;
const INVALID_GROUP_ID: i16 = 24;
const UNKNOWN_MEMBER_ID: i16 = 25;
const INVALID_SESSION_TIMEOUT: i16 = 26;
const REBALANCE_IN_PROGRESS: i16 = 27;
const FENCED_INSTANCE_ID: i16 = 82;

#[test]
fn a_lone_member_leads_and_is_given_what_it_assigns_to_itself() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::with_id(&world, &group);

    let joined = member.join();
    let synced = member.sync(Some(b"mine"));

    assert!(member.id.starts_with("conformance-"), "{}", member.id);
    assert_eq!(joined.generation_id, 1);
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.protocol_type, Some(text("consumer")));
    assert_eq!(joined.protocol_name, Some(text("range")));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, subscription("topic"));
    assert_eq!(
        (synced.error_code, &synced.assignment[..]),
        (0, &b"mine"[..])
    );
    assert_eq!(synced.protocol_name, Some(text("range")));
    assert_eq!(member.heartbeat(), 0);
}

#[test]
fn before_version_4_a_member_joins_without_an_id() {
    let world = World::start();

    for version in 0..=3 {
        let group = world.group();
        let joined = world.connect().call(version, &join_request(&group, ""));

        assert_eq!(
            (joined.error_code, joined.generation_id),
            (0, 1),
            "version {version}"
        );
        assert_eq!(joined.members.len(), 1);
    }
}

#[test]
fn joins_that_cannot_be_are_refused() {
    let world = World::start();
    let group = world.group();
    let client = &mut world.connect();
    let mut refused = |request: &JoinGroupRequest| client.call(9, request).error_code;
    let good = join_request(&group, "");

    assert_eq!(refused(&join_request("", "")), INVALID_GROUP_ID);
    assert_eq!(refused(&join_request(&group, "nobody")), UNKNOWN_MEMBER_ID);
    for session_ms in [0, 100, 1_800_001, -1] {
        let request = good.clone().with_session_timeout_ms(session_ms);
        assert_eq!(refused(&request), INVALID_SESSION_TIMEOUT, "{session_ms}");
    }
    let without_protocols = good.clone().with_protocols(Vec::new());
    assert_eq!(refused(&without_protocols), INCONSISTENT_GROUP_PROTOCOL);
    let without_type = good.with_protocol_type(text(""));
    assert_eq!(refused(&without_type), INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn who_shares_no_protocol_with_the_group_cannot_join() {
    let world = World::start();
    let group = world.group();
    let _member = Member::alone(&world, &group);
    let client = &mut world.connect();
    let other = JoinGroupRequestProtocol::default()
        .with_name(text("roundrobin"))
        .with_metadata(subscription("topic"));

    let of_other_protocol = join_request(&group, "").with_protocols(vec![other]);
    let of_other_type = join_request(&group, "").with_protocol_type(text("connect"));

    let code = client.call(9, &of_other_protocol).error_code;
    assert_eq!(code, INCONSISTENT_GROUP_PROTOCOL);
    let code = client.call(9, &of_other_type).error_code;
    assert_eq!(code, INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_second_member_makes_the_first_join_again() {
    let world = World::start();
    let group = world.group();
    let mut first = Member::alone(&world, &group);
    let mut second = Member::with_id(&world, &group);

    second.send_join();
    eventually("a rebalance", || {
        (first.heartbeat() == REBALANCE_IN_PROGRESS).then_some(())
    });
    assert_eq!(first.sync(None).error_code, REBALANCE_IN_PROGRESS);
    let led = first.join();
    let followed = second.joined();

    assert_eq!((led.generation_id, followed.generation_id), (2, 2));
    assert_eq!(
        (&led.leader, &followed.leader),
        (&text(&first.id), &text(&first.id))
    );
    assert_eq!((led.members.len(), followed.members.len()), (2, 0));

    let waiting = second.sync_request(None);
    second.client.send(5, &waiting);
    assert_eq!(first.sync(Some(b"all")).error_code, 0);
    let synced = second.client.receive::<SyncGroupRequest>(5);
    assert_eq!(
        (synced.error_code, synced.assignment.len()),
        (0, 0),
        "nothing was assigned"
    );
    assert_eq!((first.heartbeat(), second.heartbeat()), (0, 0));
}

#[test]
fn the_protocol_is_one_that_all_know_and_most_prefer() {
    let world = World::start();
    let group = world.group();
    let protocols = |names: &[&str]| {
        let protocols = names.iter().map(|name| {
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(subscription("topic"))
        });
        protocols.collect::<Vec<_>>()
    };
    let mut first = Member::with_id(&world, &group);
    let request = first.request().with_protocols(protocols(&["a", "b", "c"]));
    let joined = first.client.call(9, &request);
    assert_eq!(joined.protocol_name, Some(text("a")));
    let second = &mut world.connect();

    let other = join_request(&group, "").with_protocols(protocols(&["c", "b"]));
    let given = second.call(9, &other).member_id;
    second.send(9, &other.with_member_id(given));
    first.generation = joined.generation_id;
    eventually("a rebalance", || {
        (first.heartbeat() == REBALANCE_IN_PROGRESS).then_some(())
    });
    first
        .client
        .call(9, &request.with_protocols(protocols(&["b", "c"])));

    let agreed = second.receive::<JoinGroupRequest>(9).protocol_name.unwrap();
    assert!(["b", "c"].contains(&&*agreed), "{agreed}");
}

#[test]
fn strangers_and_the_past_are_told_what_they_are() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::alone(&world, &group);
    let (id, generation) = (member.id.clone(), member.generation);

    member.generation = generation + 1;
    assert_eq!(member.heartbeat(), ILLEGAL_GENERATION);
    assert_eq!(member.sync(None).error_code, ILLEGAL_GENERATION);
    member.generation = generation;
    member.id = "nobody".to_owned();
    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
    assert_eq!(member.sync(None).error_code, UNKNOWN_MEMBER_ID);
    assert_eq!(member.leave().members[0].error_code, UNKNOWN_MEMBER_ID);
    member.id = id;
    let of_other_protocol = member
        .sync_request(None)
        .with_protocol_name(Some(text("other")));
    let refused = member.client.call(5, &of_other_protocol);
    assert_eq!(refused.error_code, INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(member.heartbeat(), 0, "it is still a member");

    member.group = name("nowhere");
    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
    assert_eq!(member.sync(None).error_code, UNKNOWN_MEMBER_ID);
    assert_eq!(member.leave().members[0].error_code, UNKNOWN_MEMBER_ID);
    member.group = String::new();
    assert_eq!(member.heartbeat(), INVALID_GROUP_ID);
    assert_eq!(member.sync(None).error_code, INVALID_GROUP_ID);
    assert_eq!(member.leave().error_code, INVALID_GROUP_ID);
}

#[test]
fn a_member_that_joins_again_unchanged_learns_the_same_and_a_leader_begins_a_rebalance() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::with_id(&world, &group);

    let joined = member.join();
    let again = member.join();
    assert_eq!(
        (joined.generation_id, again.generation_id),
        (1, 1),
        "not synced yet"
    );
    assert_eq!(member.sync(Some(b"mine")).error_code, 0);
    let after = member.join();

    assert_eq!(after.generation_id, 2);
}

#[test]
fn members_leave_together_and_each_is_answered() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::alone(&world, &group);
    let id = member.id.clone();

    let left = leave(&mut member.client, &group, &[("nobody", None), (&id, None)]);

    assert_eq!(left.error_code, 0);
    let codes: Vec<_> = left.members.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [UNKNOWN_MEMBER_ID, 0]);
    assert_eq!(left.members[1].member_id, text(&id));
    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
}

#[test]
fn a_member_that_falls_silent_is_out_after_its_session() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::alone(&world, &group);
    let mut other = Member::with_id(&world, &group);

    other.send_join();
    let joined = other.joined();

    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
}

#[test]
fn a_static_member_comes_back_under_a_new_id_without_a_rebalance() {
    let world = World::start();
    let group = world.group();
    let topic = world.topic(1);
    let mut before = Member::alone_static(&world, &group, "i-1");
    assert_eq!(before.heartbeat(), 0);

    let mut after = Member {
        client: world.connect(),
        group,
        id: String::new(),
        instance: before.instance.clone(),
        generation: -1,
    };
    let joined = after.join();

    assert_ne!(after.id, before.id);
    assert_eq!(
        (joined.generation_id, &joined.leader),
        (1, &joined.member_id)
    );
    assert!(joined.skip_assignment);
    assert_eq!(&after.sync(None).assignment[..], b"mine");
    assert_eq!(before.heartbeat(), FENCED_INSTANCE_ID);
    assert_eq!(before.sync(None).error_code, FENCED_INSTANCE_ID);
    let refused = before.client.call(9, &before.request()).error_code;
    assert_eq!(refused, FENCED_INSTANCE_ID);
    assert_eq!(before.leave().members[0].error_code, FENCED_INSTANCE_ID);
    assert_eq!(before.commit(&topic.name, 1), FENCED_INSTANCE_ID);
    assert_eq!(after.heartbeat(), 0);
}

#[test]
fn a_static_member_may_be_removed_by_its_instance_id_alone() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::alone_static(&world, &group, "i-1");
    let client = &mut world.connect();

    let unknown = leave(client, &group, &[("", Some("i-2"))]);
    let left = leave(client, &group, &[("", Some("i-1"))]);

    assert_eq!(unknown.members[0].error_code, UNKNOWN_MEMBER_ID);
    assert_eq!(left.members[0].error_code, 0);
    assert_eq!(left.members[0].group_instance_id, Some(text("i-1")));
    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
}

#[test]
fn a_group_is_empty_at_once_though_an_id_was_given_out() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let mut member = Member::alone(&world, &group);
    let mut other = Member::with_id(&world, &group);

    member.leave();
    let commit = commit_request(&group, &topic.name, 1);
    let committed = member.client.call(9, &commit).topics[0].partitions[0].error_code;

    assert_eq!(committed, 0);
    assert_eq!(
        other.join().generation_id,
        3,
        "the second one had nobody in it"
    );
}

#[test]
fn the_wire_is_the_same_in_the_oldest_versions() {
    let world = World::start();
    let group = world.group();
    let client = &mut world.connect();

    let joined = client.call(0, &join_request(&group, ""));
    let sync = SyncGroupRequest::default()
        .with_group_id(group_id(&group))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone());
    let synced = client.call(0, &sync);
    let leave = kafka_protocol::messages::LeaveGroupRequest::default()
        .with_group_id(group_id(&group))
        .with_member_id(joined.member_id);

    assert_eq!(synced.error_code, 0);
    assert_eq!(client.call(0, &leave).error_code, 0);
    assert_eq!(client.call(2, &leave).error_code, UNKNOWN_MEMBER_ID);
}

#[test]
fn who_does_not_join_again_in_time_is_left_out() {
    let world = World::start();
    let group = world.group();
    let mut first = Member::with_id(&world, &group);
    let request = first.request().with_rebalance_timeout_ms(3_000);
    first.generation = first.client.call(9, &request).generation_id;
    first.sync(Some(b"mine"));
    let mut second = Member::with_id(&world, &group);
    let request = second.request().with_rebalance_timeout_ms(3_000);

    let begun = Instant::now();
    second.client.send(9, &request);
    eventually("a rebalance", || {
        (first.heartbeat() == REBALANCE_IN_PROGRESS).then_some(())
    });
    let joined = second.joined();

    assert!(
        begun.elapsed() >= Duration::from_millis(2_900),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
    assert_eq!(first.heartbeat(), UNKNOWN_MEMBER_ID);
}

#[test]
fn who_joins_and_does_not_sync_in_time_is_out() {
    let world = World::start();
    let group = world.group();
    let mut leader = Member::with_id(&world, &group);
    let request = leader.request().with_rebalance_timeout_ms(3_000);
    leader.generation = leader.client.call(9, &request).generation_id;
    assert_eq!(leader.heartbeat(), 0);

    eventually("the end of the leader", || {
        (leader.heartbeat() == UNKNOWN_MEMBER_ID).then_some(())
    });
}

#[test]
fn a_follower_waits_for_the_leader_and_a_rebalance_ends_the_wait() {
    let world = World::start();
    let group = world.group();
    let mut leader = Member::alone(&world, &group);
    let mut follower = Member::with_id(&world, &group);
    follower.send_join();
    eventually("a rebalance", || {
        (leader.heartbeat() == REBALANCE_IN_PROGRESS).then_some(())
    });
    leader.join();
    follower.joined();
    let waiting = follower.sync_request(None);
    follower.client.send(5, &waiting);

    assert_eq!(leader.leave().members[0].error_code, 0);
    let ended = follower.client.receive::<SyncGroupRequest>(5);

    assert_eq!(ended.error_code, REBALANCE_IN_PROGRESS);
    let joined = follower.join();
    assert_eq!((joined.leader, joined.members.len()), (joined.member_id, 1));
}

#[test]
fn a_member_with_an_id_that_has_not_joined_may_leave_and_not_beat() {
    let world = World::start();
    let group = world.group();
    let mut member = Member::with_id(&world, &group);

    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
    assert_eq!(member.leave().members[0].error_code, 0);
    let refused = member.client.call(9, &member.request()).error_code;

    assert_eq!(refused, UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leader_that_comes_back_before_version_9_is_told_that_another_leads() {
    let world = World::start();
    let group = world.group();
    let before = Member::alone_static(&world, &group, "i-1");
    let mut after = Member {
        client: world.connect(),
        group,
        id: String::new(),
        instance: before.instance.clone(),
        generation: -1,
    };

    let joined = after.client.call(8, &after.request());

    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(joined.leader, text(&before.id), "or it would assign anew");
    assert!(joined.members.is_empty());
}

#[test]
fn a_static_member_that_prefers_another_protocol_makes_a_rebalance() {
    let world = World::start();
    let group = world.group();
    let before = Member::alone_static(&world, &group, "i-1");
    let mut after = Member {
        client: world.connect(),
        group,
        id: String::new(),
        instance: before.instance,
        generation: -1,
    };
    let mut request = after.request();
    let preferred = request.protocols[0].clone().with_name(text("roundrobin"));
    request.protocols.insert(0, preferred);

    let joined = after.client.call(9, &request);

    assert_eq!((joined.error_code, joined.generation_id), (0, 2));
    assert_eq!(joined.protocol_name, Some(text("roundrobin")));
}
