//! Syncing: who assigns, who waits, who is refused.

use super::*;

#[test]
fn follower_waits_for_the_leader_and_gets_its_share() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    let first = bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();

    let follower = bench.send_sync(follows(&second));
    assert_eq!(bench.synced(follower), None);
    let shares = [
        (first.member.as_str(), "one"),
        (second.member.as_str(), "two"),
    ];
    let leader = bench.sync(leads(&first, &shares)).unwrap();

    assert_eq!(leader.assignment, "one");
    let follower = bench.synced(follower).unwrap().unwrap();
    assert_eq!(follower.assignment, "two");
    assert_eq!(follower.protocol, "range");
    assert_eq!(follower.protocol_type, "consumer");
    assert_eq!(bench.state(), State::Stable);
}

#[test]
fn follower_assigns_nothing() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    let first = bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();

    let usurper = bench.send_sync(leads(&second, &[(&second.member, "all")]));
    assert_eq!(bench.synced(usurper), None);
    bench
        .sync(leads(&first, &[(&first.member, "all")]))
        .unwrap();

    assert_eq!(bench.synced(usurper).unwrap().unwrap().assignment, "");
}

#[test]
fn share_of_a_stranger_goes_nowhere() {
    let mut bench = Bench::new();
    let first = bench.join(at_once("a")).unwrap();

    bench.sync(leads(&first, &[("stranger", "all")])).unwrap();

    let members = bench.groups.describe(GROUP).members;
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].assignment, "");
}

#[test]
fn sync_in_a_stable_group_gives_the_share_again() {
    let mut bench = Bench::new();
    let (_, second) = bench.pair();

    assert_eq!(bench.sync(follows(&second)).unwrap().assignment, "two");
}

#[test]
fn sync_is_refused_while_members_join() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench.send_join(at_once("b"));

    assert_eq!(
        bench.sync(follows(&first)),
        Err(GroupError::RebalanceInProgress)
    );
}

#[test]
fn waiting_sync_is_refused_when_a_rebalance_begins() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();
    let follower = bench.send_sync(follows(&second));

    bench.send_join(at_once("c"));

    assert_eq!(
        bench.synced(follower),
        Some(Err(GroupError::RebalanceInProgress))
    );
}

#[test]
fn sync_of_a_stranger_or_of_another_generation_is_refused() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let stranger = Joined {
        member: "stranger".to_owned(),
        ..first.clone()
    };
    let stale = Joined {
        generation: 0,
        ..first.clone()
    };
    let elsewhere = Sync {
        group: "elsewhere".to_owned(),
        ..follows(&first)
    };

    assert_eq!(
        bench.sync(follows(&stranger)),
        Err(GroupError::UnknownMemberId)
    );
    assert_eq!(
        bench.sync(follows(&stale)),
        Err(GroupError::IllegalGeneration)
    );
    assert_eq!(bench.sync(elsewhere), Err(GroupError::UnknownMemberId));
}

#[test]
fn sync_that_believes_in_another_protocol_is_refused() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let wrong_type = Sync {
        protocol_type: Some("connect".to_owned()),
        ..follows(&first)
    };
    let wrong_name = Sync {
        protocol: Some("sticky".to_owned()),
        ..follows(&first)
    };
    let right = Sync {
        protocol_type: Some("consumer".to_owned()),
        protocol: Some("range".to_owned()),
        ..follows(&first)
    };

    assert_eq!(
        bench.sync(wrong_type),
        Err(GroupError::InconsistentGroupProtocol)
    );
    assert_eq!(
        bench.sync(wrong_name),
        Err(GroupError::InconsistentGroupProtocol)
    );
    assert_eq!(bench.sync(right).unwrap().assignment, "all");
}

#[test]
fn leader_that_does_not_sync_in_time_is_out_and_the_others_rebalance() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    let first = bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();
    let follower = bench.send_sync(follows(&second));

    for _ in 0..REBALANCE_MS / 5_000 {
        assert_eq!(bench.heartbeat(&first), Ok(()));
        bench.pass(5_000);
    }

    assert_eq!(
        bench.synced(follower),
        Some(Err(GroupError::RebalanceInProgress))
    );
    assert_eq!(bench.heartbeat(&first), Err(GroupError::UnknownMemberId));
    let second = bench.join(again(&second, at_once("b"))).unwrap();
    assert_eq!(second.leader, second.member);
}

#[test]
fn follower_that_does_not_sync_in_time_is_out_although_the_group_is_stable() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    let first = bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();
    bench.sync(leads(&first, &[])).unwrap();

    for _ in 0..REBALANCE_MS / 5_000 {
        assert_eq!(bench.heartbeat(&first), Ok(()));
        assert_eq!(bench.heartbeat(&second), Ok(()));
        bench.pass(5_000);
    }

    assert_eq!(
        bench.heartbeat(&first),
        Err(GroupError::RebalanceInProgress)
    );
    assert_eq!(bench.heartbeat(&second), Err(GroupError::UnknownMemberId));
}
