//! Leaving: alone, in a batch, by an operator.

use super::*;

#[test]
fn last_member_that_leaves_empties_the_group() {
    let mut bench = Bench::new();
    let first = bench.lone("a");

    let left = bench
        .groups
        .leave(GROUP, &[leaving(&first.member)], bench.now)
        .unwrap();

    assert_eq!(left, [Ok(())]);
    assert_eq!(bench.state(), State::Empty);
    assert_eq!(bench.join(at_once("b")).unwrap().generation, 3);
}

#[test]
fn member_that_leaves_makes_the_others_rebalance() {
    let mut bench = Bench::new();
    let (first, second) = bench.pair();

    bench
        .groups
        .leave(GROUP, &[leaving(&first.member)], bench.now)
        .unwrap();

    assert_eq!(
        bench.heartbeat(&second),
        Err(GroupError::RebalanceInProgress)
    );
    let second = bench.join(again(&second, at_once("b"))).unwrap();
    assert_eq!(second.leader, second.member);
    assert_eq!(second.members.len(), 1);
}

#[test]
fn leave_of_the_last_to_come_back_ends_the_joining_phase() {
    let mut bench = Bench::new();
    let (first, second) = bench.pair();
    let leader = bench.send_join(again(&first, at_once("a")));

    bench
        .groups
        .leave(GROUP, &[leaving(&second.member)], bench.now)
        .unwrap();
    bench.pull();

    assert_eq!(bench.joined(leader).unwrap().unwrap().members.len(), 1);
}

#[test]
fn leave_answers_the_waiting_join_and_sync_of_the_member() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let second = bench.send_join(at_once("b"));
    bench
        .groups
        .leave(GROUP, &[leaving("b-2")], bench.now)
        .unwrap();
    bench.pull();
    let refused = bench.joined(second).unwrap().unwrap_err();
    assert_eq!(refused.error, GroupError::UnknownMemberId);

    let third = bench.send_join(at_once("c"));
    bench.join(again(&first, at_once("a"))).unwrap();
    let third = bench.joined(third).unwrap().unwrap();
    let sync = bench.send_sync(follows(&third));
    bench
        .groups
        .leave(GROUP, &[leaving(&third.member)], bench.now)
        .unwrap();
    bench.pull();
    assert_eq!(bench.synced(sync), Some(Err(GroupError::UnknownMemberId)));
}

#[test]
fn batch_has_an_outcome_for_each() {
    let mut bench = Bench::new();
    let first = bench.join(fixed("one")).unwrap();
    bench.refused(modern("b"));
    let by_instance = |instance: &str| Leaving {
        member: String::new(),
        instance: Some(instance.to_owned()),
    };
    let batch = [
        leaving("stranger"),
        by_instance("two"),
        leaving(""),
        leaving("b-2"),
        by_instance("one"),
        leaving(&first.member),
    ];

    let left = bench.groups.leave(GROUP, &batch, bench.now).unwrap();

    let unknown = Err(GroupError::UnknownMemberId);
    assert_eq!(left, [unknown, unknown, unknown, Ok(()), Ok(()), unknown]);
    assert_eq!(bench.state(), State::Empty);
}

#[test]
fn nobody_leaves_a_group_that_does_not_exist() {
    let mut bench = Bench::new();

    let left = bench
        .groups
        .leave(GROUP, &[leaving("a"), leaving("b")], bench.now)
        .unwrap();

    assert_eq!(left, [Err(GroupError::UnknownMemberId); 2]);
    let nameless = bench.groups.leave("", &[leaving("a")], bench.now);
    assert_eq!(nameless, Err(GroupError::InvalidGroupId));
}
