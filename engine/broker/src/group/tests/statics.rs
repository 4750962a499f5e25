//! Static members: they come back under a new id without a rebalance, and fence who they were.

use super::*;

fn id_of(member: &Joined, instance: &str) -> Identity {
    Identity {
        member: member.member.clone(),
        instance: Some(instance.to_owned()),
        generation: member.generation,
    }
}

/// A leader `one` and a follower `two`, stable.
fn pair(bench: &mut Bench) -> (Joined, Joined) {
    let first = bench.join(fixed("one")).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    let second = bench.send_join(fixed("two"));
    let first = bench.join(again(&first, fixed("one"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();
    let shares = [
        (first.member.as_str(), "first"),
        (second.member.as_str(), "second"),
    ];
    bench.sync(leads(&first, &shares)).unwrap();
    bench.sync(follows(&second)).unwrap();
    (first, second)
}

#[test]
fn static_member_joins_at_once_under_an_id_of_its_instance() {
    let mut bench = Bench::new();

    let joined = bench.join(fixed("one")).unwrap();

    assert_eq!(joined.member, "one-1");
    assert_eq!(joined.members[0].instance.as_deref(), Some("one"));
}

#[test]
fn static_follower_that_restarts_keeps_its_share_without_rebalance() {
    let mut bench = Bench::new();
    let (first, second) = pair(&mut bench);

    let back = bench.join(fixed("two")).unwrap();

    assert_ne!(back.member, second.member);
    assert_eq!(back.generation, second.generation);
    assert_eq!(back.leader, first.member);
    assert!(!back.skip_assignment);
    assert_eq!(bench.sync(follows(&back)).unwrap().assignment, "second");
    assert_eq!(bench.state(), State::Stable);
}

#[test]
fn static_leader_that_restarts_is_told_to_skip_the_assignment() {
    let mut bench = Bench::new();
    let (first, _) = pair(&mut bench);

    let back = bench.join(fixed("one")).unwrap();

    assert_ne!(back.member, first.member);
    assert_eq!(back.leader, back.member);
    assert!(back.skip_assignment);
    assert_eq!(back.members.len(), 2);
    assert_eq!(bench.sync(follows(&back)).unwrap().assignment, "first");
}

#[test]
fn static_leader_that_cannot_skip_the_assignment_is_told_that_another_leads() {
    let mut bench = Bench::new();
    let (first, _) = pair(&mut bench);

    let old = Join {
        skip_assignment: SkipAssignment::Unsupported,
        ..fixed("one")
    };
    let back = bench.join(old).unwrap();

    assert_eq!(back.leader, first.member);
    assert_ne!(back.leader, back.member);
    assert!(!back.skip_assignment);
    assert!(back.members.is_empty());
}

#[test]
fn former_self_of_a_static_member_is_fenced() {
    let mut bench = Bench::new();
    let (_, second) = pair(&mut bench);
    bench.join(fixed("two")).unwrap();
    let former = id_of(&second, "two");

    let heartbeat = bench.groups.heartbeat(GROUP, &former, bench.now);
    assert_eq!(heartbeat, Err(GroupError::FencedInstanceId));
    let sync = Sync {
        identity: former.clone(),
        ..follows(&second)
    };
    assert_eq!(bench.sync(sync), Err(GroupError::FencedInstanceId));
    assert_eq!(
        bench.refused(again(&second, fixed("two"))),
        GroupError::FencedInstanceId
    );
    let committed = bench.commit(commit(former, "orders", 0, 1));
    assert_eq!(committed, Err(GroupError::FencedInstanceId));
    let gone = Leaving {
        member: second.member,
        instance: Some("two".to_owned()),
    };
    let left = bench.groups.leave(GROUP, &[gone], bench.now).unwrap();
    assert_eq!(left, [Err(GroupError::FencedInstanceId)]);
}

#[test]
fn instance_that_is_not_there_is_an_unknown_member() {
    let mut bench = Bench::new();
    let (first, _) = pair(&mut bench);

    let heartbeat = bench
        .groups
        .heartbeat(GROUP, &id_of(&first, "three"), bench.now);

    assert_eq!(heartbeat, Err(GroupError::UnknownMemberId));
}

#[test]
fn waiting_join_of_the_former_self_is_fenced_at_once() {
    let mut bench = Bench::new();
    let (first, _) = pair(&mut bench);
    let waiting = bench.send_join(again(&first, fixed("one")));
    assert_eq!(bench.joined(waiting), None);

    let back = bench.send_join(fixed("one"));

    let refused = bench.joined(waiting).unwrap().unwrap_err();
    assert_eq!(refused.error, GroupError::FencedInstanceId);
    assert_eq!(refused.member, first.member);
    assert_eq!(bench.joined(back), None);
}

#[test]
fn waiting_sync_of_the_former_self_is_fenced_and_the_group_rebalances() {
    let mut bench = Bench::new();
    let (first, second) = pair(&mut bench);
    let leader = bench.send_join(again(&first, fixed("one")));
    let second = bench.join(again(&second, fixed("two"))).unwrap();
    bench.joined(leader).unwrap().unwrap();
    let waiting = bench.send_sync(follows(&second));

    let back = bench.send_join(fixed("two"));

    assert_eq!(
        bench.synced(waiting),
        Some(Err(GroupError::FencedInstanceId))
    );
    assert_eq!(bench.joined(back), None);
    assert_eq!(bench.state(), State::PreparingRebalance);
}

#[test]
fn static_member_whose_return_changes_the_protocol_starts_a_rebalance() {
    let mut bench = Bench::new();
    let both = ["range", "sticky"];
    let first = bench.join(with_protocols(fixed("one"), &both)).unwrap();
    assert_eq!(first.protocol, "range");
    bench.sync(leads(&first, &[])).unwrap();

    let back = bench
        .join(with_protocols(fixed("one"), &["sticky"]))
        .unwrap();

    assert_eq!(back.protocol, "sticky");
    assert_eq!(back.generation, first.generation + 1);
}

#[test]
fn static_member_that_is_away_keeps_its_place_until_its_session_ends() {
    let mut bench = Bench::new();
    let hasty = |instance| Join {
        rebalance_timeout_ms: 2_000,
        ..fixed(instance)
    };
    let first = bench.join(hasty("one")).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    let second = bench.send_join(hasty("two"));

    bench.pass(2_000);

    let second = bench.joined(second).unwrap().unwrap();
    assert_eq!(second.leader, second.member);
    assert_eq!(second.members.len(), 2);
    let (away, here) = (first.member.as_str(), second.member.as_str());
    bench
        .sync(leads(&second, &[(away, "first"), (here, "second")]))
        .unwrap();
    let back = bench.join(hasty("one")).unwrap();
    assert_eq!(bench.sync(follows(&back)).unwrap().assignment, "first");
}

#[test]
fn group_of_static_members_that_are_all_away_waits_for_one_to_lead() {
    let mut bench = Bench::new();
    let hasty = |instance| Join {
        rebalance_timeout_ms: 2_000,
        ..fixed(instance)
    };
    let first = bench.join(hasty("one")).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    bench.send_join(Join {
        rebalance_timeout_ms: 2_000,
        ..at_once("dynamic")
    });
    bench
        .groups
        .leave(GROUP, &[leaving("dynamic-2")], bench.now)
        .unwrap();

    bench.pass(9_000);
    assert_eq!(bench.state(), State::PreparingRebalance);
    bench.pass(1_000);

    assert_eq!(bench.state(), State::Empty);
}

#[test]
fn static_member_that_is_back_before_it_synced_disturbs_nobody() {
    let mut bench = Bench::new();
    let (first, second) = pair(&mut bench);
    let leader = bench.send_join(again(&first, fixed("one")));
    bench.join(again(&second, fixed("two"))).unwrap();
    let first = bench.joined(leader).unwrap().unwrap();
    bench.sync(leads(&first, &[])).unwrap();

    let back = bench.join(fixed("two")).unwrap();
    bench.sync(follows(&back)).unwrap();
    for _ in 0..2 * REBALANCE_MS / 5_000 {
        assert_eq!(bench.heartbeat(&first), Ok(()));
        assert_eq!(bench.heartbeat(&back), Ok(()));
        bench.pass(5_000);
    }
}

#[test]
fn static_member_that_is_back_and_waits_outlives_its_session() {
    let mut bench = Bench::new();
    let patient = Join {
        rebalance_timeout_ms: i32::MAX,
        ..at_once("a")
    };
    let first = bench.join(patient.clone()).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    bench.send_join(fixed("two"));

    let back = bench.send_join(fixed("two"));
    for _ in 0..5 {
        assert!(bench.heartbeat(&first).is_err());
        bench.pass(5_000);
    }
    bench.join(again(&first, patient)).unwrap();

    assert_eq!(bench.joined(back).unwrap().unwrap().generation, 2);
}

#[test]
fn static_member_that_is_back_begins_a_new_session() {
    let mut bench = Bench::new();
    let first = bench.join(fixed("one")).unwrap();
    bench.sync(leads(&first, &[])).unwrap();

    bench.pass(SESSION_MS - 1);
    let back = bench.join(fixed("one")).unwrap();
    bench.pass(SESSION_MS - 1);

    assert_eq!(bench.heartbeat(&back), Ok(()));
}
