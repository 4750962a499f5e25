//! Groups from outside: where their coordinator is, what they are, and their end.

use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, ListGroupsRequest,
    describe_groups_response::DescribedGroup,
};

use crate::{
    ask::{committed, group_id, text},
    client::{CLIENT_ID, Client},
    member::{Member, commit_request, subscription},
    world::{World, eventually, name},
};

const REBALANCE_IN_PROGRESS: i16 = 27;
const INVALID_REQUEST: i16 = 42;
const NON_EMPTY_GROUP: i16 = 68;
const GROUP_ID_NOT_FOUND: i16 = 69;

fn describe(client: &mut Client, version: i16, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    client.call(version, &request).groups.remove(0)
}

fn state(client: &mut Client, group: &str) -> String {
    describe(client, 6, group).group_state.to_string()
}

/// State and type of a group in a list with these filters.
fn listed(
    client: &mut Client,
    group: &str,
    states: &[&str],
    types: &[&str],
) -> Option<(String, String, String)> {
    let texts = |all: &[&str]| all.iter().map(|one| text(one)).collect::<Vec<_>>();
    let request = ListGroupsRequest::default()
        .with_states_filter(texts(states))
        .with_types_filter(texts(types));
    let answer = client.call(5, &request);
    assert_eq!(answer.error_code, 0);
    let found = answer
        .groups
        .iter()
        .find(|one| one.group_id == group_id(group))?;
    Some((
        found.group_state.to_string(),
        found.protocol_type.to_string(),
        found.group_type.to_string(),
    ))
}

fn delete(client: &mut Client, groups: &[&str]) -> Vec<i16> {
    let names = groups.iter().map(|group| group_id(group));
    let request = DeleteGroupsRequest::default().with_groups_names(names.collect());
    let results = client.call(2, &request).results;
    let code = |name: &str| {
        let mut results = results.iter();
        results
            .find(|one| one.group_id == group_id(name))
            .unwrap()
            .error_code
    };
    groups.iter().map(|group| code(group)).collect()
}

#[test]
fn a_coordinator_is_found_where_the_broker_is() {
    let world = World::start();
    let (first, second) = (world.group(), world.group());
    let client = &mut world.connect();
    let host = world.address.ip().to_string();
    let port = i32::from(world.address.port());

    for version in 0..=3 {
        let request = FindCoordinatorRequest::default().with_key(text(&first));
        let found = client.call(version, &request);
        assert_eq!(
            (found.error_code, &*found.host, found.port),
            (0, &*host, port)
        );
        assert_eq!(found.node_id.0, 1);
    }
    for version in 4..=6 {
        let keys = vec![text(&first), text(&second)];
        let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
        let found = client.call(version, &request).coordinators;
        let keys: Vec<_> = found.iter().map(|one| &*one.key).collect();
        assert_eq!(keys, [&*first, &*second]);
        for one in &found {
            assert_eq!((one.error_code, &*one.host, one.port), (0, &*host, port));
        }
    }
}

#[test]
fn an_unknown_kind_of_coordinator_is_refused() {
    let world = World::start();
    let client = &mut world.connect();

    let single = FindCoordinatorRequest::default()
        .with_key(text("x"))
        .with_key_type(9);
    let several = FindCoordinatorRequest::default()
        .with_coordinator_keys(vec![text("x")])
        .with_key_type(9);

    let refused = client.call(3, &single);
    assert_eq!(
        (refused.error_code, refused.node_id.0),
        (INVALID_REQUEST, -1)
    );
    let refused = client.call(4, &several).coordinators.remove(0);
    assert_eq!(
        (refused.error_code, refused.node_id.0),
        (INVALID_REQUEST, -1)
    );
    assert_eq!((&*refused.host, refused.port), ("", -1));
}

#[test]
fn a_group_is_described_in_every_state() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();

    assert_eq!(state(client, &group), "Dead");
    client.call(9, &commit_request(&group, &topic.name, 1));
    assert_eq!(state(client, &group), "Empty");
    let mut member = Member::with_id(&world, &group);
    member.join();
    assert_eq!(state(client, &group), "CompletingRebalance");
    member.sync(Some(b"mine"));
    assert_eq!(state(client, &group), "Stable");
    let mut second = Member::with_id(&world, &group);
    second.send_join();
    eventually("a rebalance", || {
        (member.heartbeat() == REBALANCE_IN_PROGRESS).then_some(())
    });
    assert_eq!(state(client, &group), "PreparingRebalance");
    member.leave();
    second.joined();
    second.leave();
    assert_eq!(state(client, &group), "Empty");
}

#[test]
fn a_member_is_described_with_what_it_said_and_was_given() {
    let world = World::start();
    let group = world.group();
    let member = Member::alone_static(&world, &group, "i-1");

    let described = describe(&mut world.connect(), 6, &group);

    assert_eq!(described.error_code, 0);
    assert_eq!(described.protocol_type, text("consumer"));
    assert_eq!(described.protocol_data, text("range"));
    assert_eq!(described.authorized_operations, i32::MIN, "nobody asked");
    let one = &described.members[0];
    assert_eq!(one.member_id, text(&member.id));
    assert_eq!(one.group_instance_id, Some(text("i-1")));
    assert_eq!(one.client_id, text(CLIENT_ID));
    assert_eq!(one.client_host, text("/127.0.0.1"));
    assert_eq!(one.member_metadata, subscription("topic"));
    assert_eq!(&one.member_assignment[..], b"mine");
}

#[test]
fn a_group_that_is_not_there_is_dead_and_from_version_6_on_not_found() {
    let world = World::start();
    let group = world.group();
    let client = &mut world.connect();

    for version in 0..=6 {
        let described = describe(client, version, &group);
        let expected = if version < 6 { 0 } else { GROUP_ID_NOT_FOUND };
        assert_eq!(described.error_code, expected, "version {version}");
        assert_eq!(described.group_state, text("Dead"));
        assert_eq!(described.error_message.is_some(), version >= 6);
    }
}

#[test]
fn operations_are_said_where_they_are_asked_for() {
    let world = World::start();
    let group = world.group();
    let _member = Member::alone(&world, &group);
    let request = DescribeGroupsRequest::default()
        .with_groups(vec![group_id(&group)])
        .with_include_authorized_operations(true);

    let described = world.connect().call(6, &request).groups.remove(0);

    // Read, delete, describe, and of its settings: describe, alter.
    let all = [3, 6, 8, 10, 11].iter().map(|bit| 1 << bit).sum::<i32>();
    assert_eq!(described.authorized_operations, all);
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();
    client.call(9, &commit_request(&group, &topic.name, 1));
    let empty = ("Empty".to_owned(), String::new(), "classic".to_owned());

    let found = listed(client, &group, &[], &[]).unwrap();
    assert_eq!((&found.0, found.2.to_lowercase()), (&empty.0, empty.2));
    assert!(listed(client, &group, &["Empty"], &[]).is_some());
    assert!(listed(client, &group, &["empty", "Stable"], &["classic"]).is_some());
    assert!(listed(client, &group, &["Stable"], &[]).is_none());
    assert!(listed(client, &group, &[], &["Classic"]).is_some());
    assert!(listed(client, &group, &[], &["consumer"]).is_none());
    let _member = Member::alone(&world, &group);
    let found = listed(client, &group, &["stable"], &[]).unwrap();
    assert_eq!((&*found.0, &*found.1), ("Stable", "consumer"));
    assert!(listed(client, &group, &["Empty"], &[]).is_none());
}

#[test]
fn a_group_is_deleted_with_its_offsets_unless_it_has_members() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();
    client.call(9, &commit_request(&group, &topic.name, 1));
    let mut member = Member::alone(&world, &group);
    let nowhere = name("nowhere");

    assert_eq!(
        delete(client, &[&group, &nowhere]),
        [NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND]
    );
    member.leave();
    let twice = vec![group_id(&group); 2];
    let deleted = client.call(2, &DeleteGroupsRequest::default().with_groups_names(twice));
    let codes: Vec<_> = deleted.results.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [0]);

    assert_eq!(state(client, &group), "Dead");
    assert!(committed(client, &group, &[]).topics.is_empty());
    assert_eq!(delete(client, &[&group]), [GROUP_ID_NOT_FOUND]);
}
