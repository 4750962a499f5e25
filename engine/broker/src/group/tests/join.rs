//! Joining: ids, protocols, leaders, generations.

use super::*;

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
fn outstanding_id_holds_the_joining_phase_open() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench.refused(modern("b"));

    let leader = bench.send_join(again(&first, at_once("a")));
    assert_eq!(bench.joined(leader), None);

    let second = bench
        .join(Join {
            member: "b-2".to_owned(),
            ..modern("b")
        })
        .unwrap();
    assert_eq!(second.generation, 2);
    assert_eq!(bench.joined(leader).unwrap().unwrap().members.len(), 2);
}

#[test]
fn outstanding_id_is_forgotten_after_its_session() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench.refused(modern("b"));
    let leader = bench.send_join(again(&first, at_once("a")));

    bench.pass(SESSION_MS);

    assert_eq!(bench.joined(leader).unwrap().unwrap().generation, 2);
    let late = Join {
        member: "b-2".to_owned(),
        ..modern("b")
    };
    assert_eq!(bench.refused(late), GroupError::UnknownMemberId);
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
fn second_join_of_a_waiting_member_takes_the_place_of_the_first() {
    let mut bench = Bench::new();
    let (first, _) = bench.pair();

    let lost = bench.send_join(again(&first, at_once("a")));
    let retried = bench.send_join(again(&first, at_once("a")));

    let refused = bench.joined(lost).unwrap().unwrap_err();
    assert_eq!(refused.error, GroupError::RebalanceInProgress);
    assert_eq!(bench.joined(retried), None);
}

#[test]
fn members_that_do_not_join_again_in_time_are_out() {
    let mut bench = Bench::new();
    let (first, second) = bench.pair();

    let follower = bench.send_join(Join {
        protocols: vec![("range".to_owned(), subscription(&["bills"]))],
        ..again(&second, at_once("b"))
    });
    for _ in 0..REBALANCE_MS / 5_000 {
        bench.pass(4_999);
        // A heartbeat keeps the session, not the place in the group.
        let _ = bench.heartbeat(&first);
    }
    assert_eq!(bench.joined(follower), None);
    bench.pass(5_000);

    let follower = bench.joined(follower).unwrap().unwrap();
    assert_eq!(follower.leader, follower.member);
    assert_eq!(follower.members.len(), 1);
    assert_eq!(bench.heartbeat(&first), Err(GroupError::UnknownMemberId));
}

#[test]
fn initial_delay_gathers_members_into_the_first_generation() {
    let settings = GroupSettings {
        initial_rebalance_delay_ms: 3_000,
        ..GroupSettings::default()
    };
    let mut bench = Bench::with(settings);

    let first = bench.send_join(at_once("a"));
    bench.pass(2_000);
    let second = bench.send_join(at_once("b"));
    bench.pass(1_000);
    assert_eq!(
        bench.joined(first),
        None,
        "the second member draws the delay out"
    );
    bench.pass(3_000);

    let first = bench.joined(first).unwrap().unwrap();
    assert_eq!(first.generation, 1);
    assert_eq!(first.members.len(), 2);
    assert_eq!(bench.joined(second).unwrap().unwrap().generation, 1);
}

#[test]
fn initial_delay_ends_with_the_rebalance_timeout_however_many_come() {
    let settings = GroupSettings {
        initial_rebalance_delay_ms: 3_000,
        ..GroupSettings::default()
    };
    let mut bench = Bench::with(settings);

    let hurried = Join {
        rebalance_timeout_ms: 7_000,
        ..at_once("a")
    };
    let first = bench.send_join(hurried.clone());
    for _ in 0..7 {
        bench.pass(1_000);
        bench.send_join(hurried.clone());
    }
    bench.pass(3_000);

    assert!(bench.joined(first).unwrap().is_ok());
}

#[test]
fn join_of_version_0_waits_as_long_as_its_session() {
    let mut bench = Bench::new();
    let old = Join {
        rebalance_timeout_ms: -1,
        ..at_once("a")
    };
    let first = bench.join(old).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    let second = bench.send_join(Join {
        rebalance_timeout_ms: -1,
        ..at_once("b")
    });

    bench.pass(SESSION_MS);

    assert_eq!(bench.joined(second).unwrap().unwrap().members.len(), 1);
}
