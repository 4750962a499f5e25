//! Sessions: heartbeats, and what happens without them.

use super::*;

#[test]
fn heartbeats_keep_a_member() {
    let mut bench = Bench::new();
    let first = bench.lone("a");

    for _ in 0..10 {
        bench.pass(SESSION_MS - 1);
        assert_eq!(bench.heartbeat(&first), Ok(()));
    }

    assert_eq!(bench.state(), State::Stable);
}

#[test]
fn silent_member_is_out_and_the_group_empty() {
    let mut bench = Bench::new();
    let first = bench.lone("a");

    bench.pass(SESSION_MS - 1);
    assert_eq!(bench.state(), State::Stable);
    bench.pass(1);

    assert_eq!(bench.state(), State::Empty);
    assert_eq!(bench.heartbeat(&first), Err(GroupError::UnknownMemberId));
}

#[test]
fn heartbeat_checks_member_and_generation() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let stale = Joined {
        generation: 0,
        ..first
    };

    assert_eq!(bench.heartbeat(&stale), Err(GroupError::IllegalGeneration));
    let nameless = bench.groups.heartbeat("", &identity("a-1", 1), bench.now);
    assert_eq!(nameless, Err(GroupError::InvalidGroupId));
    let elsewhere = bench
        .groups
        .heartbeat("elsewhere", &identity("a-1", 1), bench.now);
    assert_eq!(elsewhere, Err(GroupError::UnknownMemberId));
}

#[test]
fn heartbeat_before_the_sync_counts() {
    let mut bench = Bench::new();
    let first = bench.join(at_once("a")).unwrap();

    assert_eq!(bench.heartbeat(&first), Ok(()));
}

#[test]
fn session_of_a_silent_member_ends_the_wait_of_the_others() {
    let mut bench = Bench::new();
    bench.lone("a");
    let second = bench.send_join(at_once("b"));

    bench.pass(SESSION_MS);

    let second = bench.joined(second).unwrap().unwrap();
    assert_eq!(second.leader, second.member);
    assert_eq!(second.generation, 2);
}

#[test]
fn member_that_waits_to_join_outlives_its_session() {
    let mut bench = Bench::new();
    let (first, second) = bench.pair();
    let leader = bench.send_join(again(&first, at_once("a")));

    for _ in 0..5 {
        bench.pass(SESSION_MS / 2);
        let _ = bench.heartbeat(&second);
    }
    let second = bench.join(again(&second, at_once("b"))).unwrap();

    let leader = bench.joined(leader).unwrap().unwrap();
    assert_eq!(leader.members.len(), 2);
    assert_eq!(second.leader, leader.member);
}

#[test]
fn member_that_waits_to_sync_outlives_its_session_and_begins_a_new_one() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    let first = bench.join(again(&first, at_once("a"))).unwrap();
    let second = bench.joined(second).unwrap().unwrap();
    let follower = bench.send_sync(follows(&second));

    for _ in 0..4 {
        bench.pass(SESSION_MS / 2);
        assert_eq!(bench.heartbeat(&first), Ok(()));
    }
    bench.sync(leads(&first, &[])).unwrap();
    assert!(bench.synced(follower).unwrap().is_ok());

    bench.pass(SESSION_MS - 1);
    assert_eq!(bench.groups.describe(GROUP).members.len(), 2);
    assert_eq!(bench.heartbeat(&first), Ok(()));
    bench.pass(1);
    let second = bench.heartbeat(&second);
    assert_eq!(second, Err(GroupError::UnknownMemberId));
}

#[test]
fn new_member_that_waits_too_long_is_told_to_join_anew() {
    let mut bench = Bench::new();
    let patient = Join {
        rebalance_timeout_ms: i32::MAX,
        ..at_once("a")
    };
    let first = bench.join(patient).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    let second = bench.send_join(at_once("b"));

    for _ in 0..61 {
        let _ = bench.heartbeat(&first);
        bench.pass(5_000);
    }

    let refused = bench.joined(second).unwrap().unwrap_err();
    assert_eq!(refused.error, GroupError::UnknownMemberId);
    assert_eq!(bench.groups.describe(GROUP).members.len(), 1);
}

#[test]
fn member_of_an_abandoned_join_stays_and_is_answered_no_more() {
    let mut bench = Bench::new();
    let (first, second) = bench.pair();
    let lost = bench.send_join(again(&first, at_once("a")));

    bench.groups.abandon(lost);
    let second = bench.join(again(&second, at_once("b"))).unwrap();

    assert_eq!(bench.joined(lost), None);
    assert_eq!(second.leader, first.member);
}

#[test]
fn answer_that_was_not_pulled_is_dropped_with_its_connection() {
    let mut bench = Bench::new();
    let ticket = bench.ticket();
    bench.groups.join(ticket, at_once("a"), bench.now);

    bench.groups.abandon(ticket);

    assert_eq!(bench.groups.poll_answer(), None);
    assert_eq!(bench.state(), State::CompletingRebalance);
}

#[test]
fn times_at_the_end_of_the_clock_do_not_overflow() {
    let mut bench = Bench::new();
    bench.now = u64::MAX - 1_000;
    let patient = Join {
        rebalance_timeout_ms: i32::MAX,
        session_timeout_ms: 1_800_000,
        ..at_once("a")
    };

    let first = bench.join(patient).unwrap();
    bench.sync(leads(&first, &[])).unwrap();
    bench.now = u64::MAX;
    bench.groups.tick(u64::MAX);

    assert_eq!(bench.heartbeat(&first), Ok(()));
}
