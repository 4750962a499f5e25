//! Offsets that groups commit: who may, what is kept, what is forgotten.

use kafka_protocol::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
};

use crate::{
    ask::{committed, delete_topic, group_id, text, topic_name},
    client::Client,
    member::{Member, commit_request, join_request, subscription},
    world::{World, eventually, name},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const OFFSET_METADATA_TOO_LARGE: i16 = 12;
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const NON_EMPTY_GROUP: i16 = 68;
const GROUP_ID_NOT_FOUND: i16 = 69;
const GROUP_SUBSCRIBED_TO_TOPIC: i16 = 86;

/// A commit of partition 0 by somebody who is no member: its code.
fn commit(client: &mut Client, group: &str, topic: &str, offset: i64) -> i16 {
    let answer = client.call(9, &commit_request(group, topic, offset));
    answer.topics[0].partitions[0].error_code
}

/// The committed offset of partition 0, or −1.
fn offset(client: &mut Client, group: &str, topic: &str) -> i64 {
    let found = committed(client, group, &[(topic, 0)]);
    assert_eq!(found.error_code, 0);
    assert_eq!(found.topics[0].partitions[0].error_code, 0);
    found.topics[0].partitions[0].committed_offset
}

fn delete_offset(client: &mut Client, group: &str, topic: &str) -> OffsetDeleteResponse {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id(group))
        .with_topics(vec![topic]);
    client.call(0, &request)
}

#[test]
fn a_member_of_the_current_generation_commits() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let mut member = Member::alone(&world, &group);

    assert_eq!(member.commit(&topic.name, 5), 0);

    let (id, generation) = (member.id.clone(), member.generation);
    member.generation = generation + 1;
    assert_eq!(member.commit(&topic.name, 6), ILLEGAL_GENERATION);
    (member.id, member.generation) = ("nobody".to_owned(), generation);
    assert_eq!(member.commit(&topic.name, 6), UNKNOWN_MEMBER_ID);
    member.id = id;
    member.group = name("nowhere");
    assert_eq!(member.commit(&topic.name, 6), GROUP_ID_NOT_FOUND);
    let as_before = commit_request(&member.group, &topic.name, 6)
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(&member.id));
    let refused = member.client.call(8, &as_before).topics[0].partitions[0].error_code;
    assert_eq!(refused, ILLEGAL_GENERATION, "before version 9");
    assert_eq!(offset(&mut member.client, &group, &topic.name), 5);
}

#[test]
fn who_is_no_member_commits_only_while_there_are_none() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();

    assert_eq!(commit(client, &group, &topic.name, 5), 0);
    let mut member = Member::alone(&world, &group);
    assert_eq!(commit(client, &group, &topic.name, 6), UNKNOWN_MEMBER_ID);
    assert_eq!(offset(client, &group, &topic.name), 5);
    member.leave();

    assert_eq!(commit(client, &group, &topic.name, 7), 0);
    assert_eq!(offset(client, &group, &topic.name), 7);
}

#[test]
fn nobody_commits_between_joining_and_assigning() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let mut member = Member::with_id(&world, &group);

    member.join();
    assert_eq!(member.commit(&topic.name, 5), REBALANCE_IN_PROGRESS);
    member.sync(Some(b"mine"));
    let mut second = Member::with_id(&world, &group);
    second.send_join();
    eventually("a rebalance", || {
        (member.heartbeat() == REBALANCE_IN_PROGRESS).then_some(())
    });

    assert_eq!(member.commit(&topic.name, 6), 0, "what it did until now");
}

#[test]
fn an_offset_is_kept_with_its_note_and_leader_epoch() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(3));
    let client = &mut world.connect();
    let partition = |index: i32, note: Option<&str>, epoch: i32| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(40 + i64::from(index))
            .with_committed_leader_epoch(epoch)
            .with_committed_metadata(note.map(text))
    };
    let partitions = vec![partition(0, Some("a note"), 0), partition(1, None, -1)];
    let topics = OffsetCommitRequestTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(partitions);
    let request = commit_request(&group, &topic.name, 0).with_topics(vec![topics]);

    client.call(9, &request);
    let found = committed(
        client,
        &group,
        &[(&topic.name, 0), (&topic.name, 1), (&topic.name, 2)],
    );

    let found = found.topics.iter().flat_map(|topic| &topic.partitions);
    let found: Vec<_> = found
        .map(|one| {
            let note = one.metadata.as_deref().map(str::to_owned);
            (one.committed_offset, one.committed_leader_epoch, note)
        })
        .collect();
    let note = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            (40, 0, note("a note")),
            (41, -1, note("")),
            (-1, -1, note(""))
        ]
    );
}

#[test]
fn parts_of_a_commit_are_answered_one_by_one() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(2));
    let client = &mut world.connect();
    let note = |length: usize| Some(text(&"n".repeat(length)));
    let partition = |index: i32, length: usize| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(7)
            .with_committed_metadata(note(length))
    };
    let of = |name: &str, partitions| {
        OffsetCommitRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions)
    };
    let nowhere = name("nowhere");
    let topics = vec![
        of(
            &topic.name,
            vec![partition(0, 4_096), partition(1, 4_097), partition(2, 0)],
        ),
        of(&nowhere, vec![partition(0, 0)]),
    ];
    let request = commit_request(&group, &topic.name, 0).with_topics(topics);

    let answer = client.call(9, &request);

    let code = |topic: &str, index: i32| {
        let topic = answer
            .topics
            .iter()
            .find(|one| one.name == topic_name(topic));
        let mut parts = topic.unwrap().partitions.iter();
        parts
            .find(|one| one.partition_index == index)
            .unwrap()
            .error_code
    };
    assert_eq!(code(&topic.name, 0), 0);
    assert_eq!(code(&topic.name, 1), OFFSET_METADATA_TOO_LARGE);
    assert_eq!(code(&topic.name, 2), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(&nowhere, 0), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(offset(client, &group, &topic.name), 7);
}

#[test]
fn offsets_of_several_groups_are_asked_for_at_once() {
    let world = World::start();
    let (first, second, third) = (world.group(), world.group(), world.group());
    let topic = world.topic(1);
    let client = &mut world.connect();
    commit(client, &first, &topic.name, 1);
    commit(client, &second, &topic.name, 2);
    let of = |group: &str, topics: Option<Vec<&str>>| {
        let topics = topics.map(|topics| {
            let topics = topics.into_iter().map(|topic| {
                OffsetFetchRequestTopics::default()
                    .with_name(topic_name(topic))
                    .with_partition_indexes(vec![0])
            });
            topics.collect()
        });
        OffsetFetchRequestGroup::default()
            .with_group_id(group_id(group))
            .with_member_epoch(-1)
            .with_topics(topics)
    };
    let nowhere = name("nowhere");
    let groups = vec![
        of(&first, None),
        of(&second, Some(vec![&topic.name, &nowhere])),
        of(&third, None),
    ];

    for version in [8, 9] {
        let request = OffsetFetchRequest::default().with_groups(groups.clone());
        let answer = client.call(version, &request);

        let group = |name: &str| {
            let mut groups = answer.groups.iter();
            let group = groups.find(|one| one.group_id == group_id(name)).unwrap();
            let parts = group.topics.iter().flat_map(|topic| &topic.partitions);
            let offsets: Vec<_> = parts.map(|part| part.committed_offset).collect();
            (group.error_code, offsets)
        };
        assert_eq!(group(&first), (0, vec![1]));
        assert_eq!(group(&second), (0, vec![2, -1]));
        assert_eq!(group(&third), (0, vec![]));
    }
}

#[test]
fn offsets_of_a_deleted_topic_are_forgotten() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();
    commit(client, &group, &topic.name, 1);

    assert_eq!(delete_topic(client, &topic), 0);

    eventually("the end of the offset", || {
        (offset(client, &group, &topic.name) == -1).then_some(())
    });
}

#[test]
fn an_offset_may_be_deleted_unless_a_member_subscribes_to_the_topic() {
    let world = World::start();
    let (group, topic, other) = (world.group(), world.topic(1), world.topic(1));
    let client = &mut world.connect();
    commit(client, &group, &topic.name, 1);
    commit(client, &group, &other.name, 2);
    let mut member = Member::with_id(&world, &group);
    let mut request = join_request(&group, &member.id);
    request.protocols[0].metadata = subscription(&topic.name);
    member.generation = member.client.call(9, &request).generation_id;
    member.sync(Some(b"mine"));

    let subscribed = delete_offset(client, &group, &topic.name);
    let deleted = delete_offset(client, &group, &other.name);

    assert_eq!(
        subscribed.topics[0].partitions[0].error_code,
        GROUP_SUBSCRIBED_TO_TOPIC
    );
    assert_eq!(deleted.topics[0].partitions[0].error_code, 0);
    assert_eq!(offset(client, &group, &topic.name), 1);
    assert_eq!(offset(client, &group, &other.name), -1);
    member.leave();
    let deleted = delete_offset(client, &group, &topic.name);
    assert_eq!(
        (
            deleted.error_code,
            deleted.topics[0].partitions[0].error_code
        ),
        (0, 0)
    );
}

#[test]
fn offsets_of_members_that_are_no_consumers_stay() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();
    let request = join_request(&group, "").with_protocol_type(text("connect"));
    let id = client.call(9, &request).member_id;
    client.call(9, &request.with_member_id(id));

    let refused = delete_offset(client, &group, &topic.name);
    let nowhere = delete_offset(client, &name("nowhere"), &topic.name);

    assert_eq!(
        (refused.error_code, refused.topics.len()),
        (NON_EMPTY_GROUP, 0)
    );
    assert_eq!(nowhere.error_code, GROUP_ID_NOT_FOUND);
}

#[test]
fn an_offset_of_a_topic_that_is_not_there_cannot_be_deleted() {
    let world = World::start();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();
    commit(client, &group, &topic.name, 1);

    let deleted = delete_offset(client, &group, &name("nowhere"));

    let code = deleted.topics[0].partitions[0].error_code;
    assert_eq!(code, UNKNOWN_TOPIC_OR_PARTITION);
}

/// On the embedded broker alone: nobody restarts a shared one.
#[test]
fn what_was_committed_is_there_after_a_restart() {
    let world = World::embedded();
    let (group, topic) = (world.group(), world.topic(1));
    let client = &mut world.connect();
    commit(client, &group, &topic.name, 4);
    commit(client, &group, &topic.name, 5);

    let world = world.restart();

    assert_eq!(offset(&mut world.connect(), &group, &topic.name), 5);
}

#[test]
fn a_commit_without_a_group_is_one_of_a_group_without_a_name() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    assert_eq!(commit(client, "", &topic.name, 5), 0);

    assert_eq!(offset(client, "", &topic.name), 5);
}
