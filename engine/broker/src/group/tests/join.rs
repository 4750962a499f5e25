//! Joining: ids, protocols, leaders, generations.

use super::*;
use crate::group::answer::JoinedMember;

#[test]
fn lone_member_leads_at_once() {
    let mut bench = Bench::new();

    let joined = bench.join(at_once("a")).unwrap();

    assert_eq!(joined.member, "a-1");
    assert_eq!(joined.generation, 1);
    assert_eq!(joined.leader, "a-1");
    assert_eq!(joined.protocol, "range");
    assert_eq!(joined.protocol_type, "consumer");
    let member = JoinedMember {
        member: "a-1".to_owned(),
        instance: None,
        metadata: subscription(&["orders"]),
    };
    assert_eq!(joined.members, [member]);
    assert_eq!(bench.state(), State::CompletingRebalance);
}

#[test]
fn new_member_must_join_with_the_id_that_it_is_given() {
    let mut bench = Bench::new();

    let refused = bench.join(modern("a")).unwrap_err();
    assert_eq!(refused.error, GroupError::MemberIdRequired);
    assert_eq!(refused.member, "a-1");
    assert_eq!(bench.state(), State::Empty);

    let joined = bench
        .join(Join {
            member: refused.member,
            ..modern("a")
        })
        .unwrap();
    assert_eq!(joined.member, "a-1");
    assert_eq!(joined.generation, 1);
}

#[test]
fn unknown_id_is_refused_whether_the_group_exists_or_not() {
    let mut bench = Bench::new();
    let stranger = Join {
        member: "stranger".to_owned(),
        ..modern("a")
    };

    assert_eq!(bench.refused(stranger.clone()), GroupError::UnknownMemberId);
    assert_eq!(bench.state(), State::Dead);

    bench.lone("a");
    assert_eq!(bench.refused(stranger), GroupError::UnknownMemberId);
}

#[test]
fn second_member_waits_until_the_first_has_joined_again() {
    let mut bench = Bench::new();
    let first = bench.lone("a");

    let second = bench.send_join(at_once("b"));
    assert_eq!(bench.state(), State::PreparingRebalance);
    assert_eq!(bench.joined(second), None);
    assert_eq!(
        bench.heartbeat(&first),
        Err(GroupError::RebalanceInProgress)
    );

    let first = bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();
    assert_eq!((first.generation, second.generation), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!(second.leader, first.member);
}

#[test]
fn most_wanted_protocol_that_all_support_is_chosen() {
    let mut bench = Bench::new();
    let first = bench
        .join(with_protocols(at_once("a"), &["range", "sticky"]))
        .unwrap();
    let second = bench.send_join(with_protocols(at_once("b"), &["sticky", "range"]));
    let third = bench.send_join(with_protocols(at_once("c"), &["hash", "sticky", "range"]));

    let first = bench
        .join(with_protocols(
            again(&first, at_once("a")),
            &["range", "sticky"],
        ))
        .unwrap();

    assert_eq!(first.protocol, "sticky");
    assert_eq!(bench.joined(second).unwrap().unwrap().protocol, "sticky");
    assert_eq!(bench.joined(third).unwrap().unwrap().protocol, "sticky");
}

#[test]
fn member_without_common_protocol_is_refused() {
    let mut bench = Bench::new();
    bench.lone("a");

    let other_name = with_protocols(at_once("b"), &["sticky"]);
    let other_type = Join {
        protocol_type: "connect".to_owned(),
        ..at_once("b")
    };

    assert_eq!(
        bench.refused(other_name),
        GroupError::InconsistentGroupProtocol
    );
    assert_eq!(
        bench.refused(other_type),
        GroupError::InconsistentGroupProtocol
    );
    assert_eq!(bench.state(), State::Stable);
}

#[test]
fn join_without_protocols_leaves_no_group_behind() {
    let mut bench = Bench::new();

    let nothing = with_protocols(at_once("a"), &[]);
    let typeless = Join {
        protocol_type: String::new(),
        ..at_once("a")
    };

    assert_eq!(
        bench.refused(nothing),
        GroupError::InconsistentGroupProtocol
    );
    assert_eq!(
        bench.refused(typeless),
        GroupError::InconsistentGroupProtocol
    );
    assert_eq!(bench.groups.list().count(), 0);
    assert_eq!(bench.groups.next_deadline(), None);
}

#[test]
fn group_without_members_may_change_its_protocol_type() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench
        .groups
        .leave(GROUP, &[leaving(&first.member)], bench.now)
        .unwrap();

    let other = Join {
        protocol_type: "connect".to_owned(),
        ..at_once("b")
    };

    assert_eq!(bench.join(other).unwrap().protocol_type, "connect");
}

#[test]
fn unchanged_follower_that_joins_again_disturbs_nobody() {
    let mut bench = Bench::new();
    let (_, second) = bench.pair();

    let rejoined = bench.join(again(&second, at_once("b"))).unwrap();

    assert_eq!(rejoined, second);
    assert_eq!(bench.state(), State::Stable);
}

#[test]
fn leader_that_joins_again_starts_a_rebalance() {
    let mut bench = Bench::new();
    let (first, second) = bench.pair();

    let leader = bench.send_join(again(&first, at_once("a")));

    assert_eq!(bench.joined(leader), None);
    assert_eq!(
        bench.heartbeat(&second),
        Err(GroupError::RebalanceInProgress)
    );
}

#[test]
fn follower_with_other_metadata_starts_a_rebalance() {
    let mut bench = Bench::new();
    let (_, second) = bench.pair();

    let changed = Join {
        protocols: vec![("range".to_owned(), subscription(&["bills"]))],
        ..again(&second, at_once("b"))
    };
    let follower = bench.send_join(changed);

    assert_eq!(bench.joined(follower), None);
    assert_eq!(bench.state(), State::PreparingRebalance);
}

#[test]
fn member_that_missed_the_answer_to_its_join_gets_it_again() {
    let mut bench = Bench::new();
    let first = bench.join(at_once("a")).unwrap();

    let repeated = bench.join(again(&first, at_once("a"))).unwrap();

    assert_eq!(repeated, first);
    assert_eq!(bench.state(), State::CompletingRebalance);
}

#[test]
fn protocol_that_a_member_names_twice_counts_once() {
    let mut bench = Bench::new();
    let first = bench
        .join(with_protocols(at_once("a"), &["range"]))
        .unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    let second = bench.send_join(with_protocols(at_once("b"), &["range", "sticky", "sticky"]));
    let third = with_protocols(at_once("c"), &["sticky"]);

    assert_eq!(bench.refused(third), GroupError::InconsistentGroupProtocol);
    bench
        .join(with_protocols(again(&first, at_once("a")), &["range"]))
        .unwrap();
    assert_eq!(bench.joined(second).unwrap().unwrap().protocol, "range");
}
