//! The joining phase: who is waited for, and for how long.

use super::*;

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
