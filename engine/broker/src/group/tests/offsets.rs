//! Committed offsets: who may commit, what is kept, for how long.

use super::*;

#[test]
fn simple_consumer_commits_to_a_group_that_does_not_exist() {
    let mut bench = Bench::new();

    let done = bench.commit(simple("orders", 3, 42)).unwrap();

    assert_eq!(done.outcomes, [Ok(())]);
    let change = Change::OffsetCommitted {
        group: GROUP.into(),
        topic: "orders".to_owned(),
        partition: 3,
        offset: committed(42),
    };
    assert_eq!(done.changes, [change]);
    assert_eq!(
        bench.groups.fetch_offset(GROUP, "orders", 3),
        Some(&committed(42))
    );
    assert_eq!(bench.groups.fetch_offset(GROUP, "orders", 4), None);
    assert_eq!(bench.state(), State::Empty);
}

#[test]
fn fetch_gives_every_offset_in_order() {
    let mut bench = Bench::new();
    for (topic, partition) in [("b", 1), ("a", 2), ("b", 0)] {
        bench.commit(simple(topic, partition, 7)).unwrap();
    }

    let all: Vec<_> = bench
        .groups
        .fetch_offsets(GROUP)
        .map(|(topic, partition, _)| (topic, partition))
        .collect();

    assert_eq!(all, [("a", 2), ("b", 0), ("b", 1)]);
    assert_eq!(bench.groups.fetch_offsets("elsewhere").count(), 0);
}

#[test]
fn member_commits_with_its_generation_only() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let mut by = |member: &str, generation| {
        bench.commit(commit(identity(member, generation), "orders", 0, 1))
    };

    assert!(by(&first.member, 1).is_ok());
    assert_eq!(by(&first.member, 0), Err(GroupError::IllegalGeneration));
    assert_eq!(by(&first.member, -1), Err(GroupError::IllegalGeneration));
    assert_eq!(by("stranger", 1), Err(GroupError::UnknownMemberId));
    assert_eq!(by("", -1), Err(GroupError::UnknownMemberId));
}

#[test]
fn member_of_a_group_that_does_not_exist_commits_nothing() {
    let mut bench = Bench::new();

    let refused = bench.commit(commit(identity("a", 4), "orders", 0, 1));

    assert_eq!(refused, Err(GroupError::GroupIdNotFound));
    assert_eq!(bench.groups.list().count(), 0);
}

#[test]
fn commit_is_accepted_while_members_join_and_refused_until_they_have_synced() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench.send_join(at_once("b"));
    let by = |bench: &mut Bench, member: &Joined| {
        let identity = identity(&member.member, member.generation);
        bench.commit(commit(identity, "orders", 0, 1)).map(|_| ())
    };

    assert_eq!(by(&mut bench, &first), Ok(()));
    let first = bench.join(again(&first, at_once("a"))).unwrap();
    assert_eq!(by(&mut bench, &first), Err(GroupError::RebalanceInProgress));
    bench.sync(leads(&first, &[])).unwrap();
    assert_eq!(by(&mut bench, &first), Ok(()));
}

#[test]
fn commit_is_a_sign_of_life() {
    let mut bench = Bench::new();
    let first = bench.lone("a");

    bench.pass(SESSION_MS - 1);
    bench
        .commit(commit(identity(&first.member, 1), "orders", 0, 1))
        .unwrap();
    bench.pass(SESSION_MS - 1);

    assert_eq!(bench.heartbeat(&first), Ok(()));
}

#[test]
fn metadata_that_is_too_long_is_refused_for_its_partition() {
    let mut bench = Bench::new();
    let mut both = simple("orders", 0, 1);
    both.offsets.extend(simple("orders", 1, 2).offsets);
    both.offsets[0].offset.metadata = "m".repeat(4_097);
    both.offsets[1].offset.metadata = "ä".repeat(4_096);

    let done = bench.commit(both).unwrap();

    assert_eq!(
        done.outcomes,
        [Err(GroupError::OffsetMetadataTooLarge), Ok(())]
    );
    assert_eq!(done.changes.len(), 1);
    assert_eq!(bench.groups.fetch_offset(GROUP, "orders", 0), None);
}

#[test]
fn commit_of_nothing_leaves_no_group_behind() {
    let mut bench = Bench::new();

    let done = bench.commit(Commit {
        offsets: Vec::new(),
        ..simple("orders", 0, 1)
    });

    assert_eq!(
        done,
        Ok(Done {
            outcomes: Vec::new(),
            changes: Vec::new()
        })
    );
    assert_eq!(bench.groups.list().count(), 0);
}

#[test]
fn offsets_of_subscribed_topics_cannot_be_deleted() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let member = identity(&first.member, 1);
    bench
        .commit(commit(member.clone(), "orders", 0, 1))
        .unwrap();
    bench.commit(commit(member, "bills", 0, 1)).unwrap();
    let partitions = [
        ("orders".to_owned(), 0),
        ("bills".to_owned(), 0),
        ("bills".to_owned(), 9),
    ];

    let done = bench.delete_offsets(GROUP, &partitions).unwrap();

    assert_eq!(
        done.outcomes,
        [Err(GroupError::GroupSubscribedToTopic), Ok(()), Ok(())]
    );
    let removed = Change::OffsetRemoved {
        group: GROUP.into(),
        topic: "bills".to_owned(),
        partition: 0,
    };
    assert_eq!(done.changes, [removed]);
    assert_eq!(bench.groups.fetch_offset(GROUP, "bills", 0), None);
}

#[test]
fn offsets_of_a_group_without_members_can_be_deleted() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench
        .commit(commit(identity(&first.member, 1), "orders", 0, 1))
        .unwrap();
    bench.pass(SESSION_MS);

    let done = bench
        .delete_offsets(GROUP, &[("orders".to_owned(), 0)])
        .unwrap();

    assert_eq!(done.outcomes, [Ok(())]);
    assert_eq!(bench.groups.fetch_offset(GROUP, "orders", 0), None);
    let elsewhere = bench.delete_offsets("elsewhere", &[]);
    assert_eq!(elsewhere, Err(GroupError::GroupIdNotFound));
}

#[test]
fn offsets_of_members_that_are_no_consumers_cannot_be_deleted() {
    let mut bench = Bench::new();
    bench
        .join(Join {
            protocol_type: "connect".to_owned(),
            ..at_once("a")
        })
        .unwrap();

    let refused = bench.delete_offsets(GROUP, &[("orders".to_owned(), 0)]);

    assert_eq!(refused, Err(GroupError::NonEmptyGroup));
}

#[test]
fn deleted_topic_takes_its_offsets_along() {
    let mut bench = Bench::new();
    bench.commit(simple("orders", 0, 1)).unwrap();
    bench.commit(simple("bills", 0, 1)).unwrap();
    bench
        .commit(Commit {
            group: "other".to_owned(),
            ..simple("orders", 1, 1)
        })
        .unwrap();

    let changes = bench.topic_deleted("orders");

    assert_eq!(changes.len(), 2);
    assert_eq!(bench.groups.fetch_offsets(GROUP).count(), 1);
    assert_eq!(bench.groups.fetch_offsets("other").count(), 0);
}
