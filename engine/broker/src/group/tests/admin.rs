//! Describing, listing, deleting.

use super::*;
use crate::group::describe::DescribedMember;

#[test]
fn group_that_does_not_exist_is_dead() {
    let bench = Bench::new();

    let described = bench.groups.describe(GROUP);

    assert_eq!(described.state.name(), "Dead");
    assert!(described.members.is_empty());
}

#[test]
fn stable_group_is_described_in_full() {
    let mut bench = Bench::new();
    bench.lone("a");

    let described = bench.groups.describe(GROUP);

    assert_eq!(described.state.name(), "Stable");
    assert_eq!(described.protocol_type, "consumer");
    assert_eq!(described.protocol, "range");
    let member = DescribedMember {
        member: "a-1".to_owned(),
        instance: None,
        client_id: "a".to_owned(),
        host: "/127.0.0.1".to_owned(),
        metadata: subscription(&["orders"]),
        assignment: Bytes::from_static(b"all"),
    };
    assert_eq!(described.members, [member]);
}

#[test]
fn group_that_rebalances_is_described_without_metadata_and_with_the_last_shares() {
    let mut bench = Bench::new();
    bench.lone("a");
    bench.send_join(at_once("b"));

    let described = bench.groups.describe(GROUP);

    assert_eq!(described.state.name(), "PreparingRebalance");
    assert_eq!(described.protocol, "");
    assert_eq!(described.members.len(), 2);
    assert!(
        described
            .members
            .iter()
            .all(|member| member.metadata.is_empty())
    );
    let shares: Vec<_> = described
        .members
        .iter()
        .map(|member| &member.assignment[..])
        .collect();
    assert_eq!(shares, [&b"all"[..], b""]);
}

#[test]
fn list_has_every_group_and_its_state() {
    let mut bench = Bench::new();
    bench.join(at_once("a")).unwrap();
    bench
        .commit(Commit {
            group: "simple".to_owned(),
            ..simple("orders", 0, 1)
        })
        .unwrap();

    let listed: Vec<_> = bench
        .groups
        .list()
        .map(|listed| (listed.group, listed.state.name(), listed.protocol_type))
        .collect();

    assert_eq!(
        listed,
        [
            (
                "orders".to_owned(),
                "CompletingRebalance",
                "consumer".to_owned()
            ),
            ("simple".to_owned(), "Empty", String::new()),
        ]
    );
}

#[test]
fn group_with_members_cannot_be_deleted() {
    let mut bench = Bench::new();
    bench.lone("a");

    assert_eq!(bench.delete(GROUP), Err(GroupError::NonEmptyGroup));
    assert_eq!(bench.delete("elsewhere"), Err(GroupError::GroupIdNotFound));
}

#[test]
fn deleted_group_takes_its_offsets_along() {
    let mut bench = Bench::new();
    bench.commit(simple("orders", 0, 1)).unwrap();

    let changes = bench.delete(GROUP).unwrap();

    let removed = Change::OffsetRemoved {
        group: GROUP.into(),
        topic: "orders".to_owned(),
        partition: 0,
    };
    assert_eq!(
        changes,
        [
            removed,
            Change::GroupRemoved {
                group: GROUP.into()
            }
        ]
    );
    assert_eq!(bench.groups.fetch_offset(GROUP, "orders", 0), None);
    assert_eq!(bench.state(), State::Dead);
}

#[test]
fn errors_have_the_numbers_of_kafka() {
    let numbers = [
        (GroupError::OffsetMetadataTooLarge, 12),
        (GroupError::IllegalGeneration, 22),
        (GroupError::InconsistentGroupProtocol, 23),
        (GroupError::InvalidGroupId, 24),
        (GroupError::UnknownMemberId, 25),
        (GroupError::InvalidSessionTimeout, 26),
        (GroupError::RebalanceInProgress, 27),
        (GroupError::InvalidRequest, 42),
        (GroupError::LimitReached, 44),
        (GroupError::NonEmptyGroup, 68),
        (GroupError::GroupIdNotFound, 69),
        (GroupError::MemberIdRequired, 79),
        (GroupError::GroupMaxSizeReached, 81),
        (GroupError::FencedInstanceId, 82),
        (GroupError::GroupSubscribedToTopic, 86),
    ];

    for (error, number) in numbers {
        let kafka = kafka_protocol::ResponseError::try_from_code(number);
        assert_eq!(error.code(), number, "{error:?}");
        assert!(kafka.is_some(), "{number} is no error of Kafka");
    }
}

#[test]
fn shares_of_a_generation_that_was_not_completed_are_gone() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench.join(again(&first, at_once("a"))).unwrap();

    bench.send_join(at_once("b"));

    let members = bench.groups.describe(GROUP).members;
    assert!(members.iter().all(|member| member.assignment.is_empty()));
}
