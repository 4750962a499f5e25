//! Offsets that were committed within transactions.

use super::*;
use crate::log::Ending;

const PRODUCER: i64 = 7;

fn pend(bench: &mut Bench, offset: i64) -> Vec<Change> {
    let commit = simple("orders", 0, offset);
    let done = bench.commit_pending(commit, PRODUCER);
    let done = done.unwrap();
    assert_eq!(done.outcomes, [Ok(())]);
    done.changes
}

fn end(bench: &mut Bench, ending: Ending) -> Vec<Change> {
    let changes = bench.groups.end_transaction([GROUP], PRODUCER, ending);
    bench.groups.apply(changes.clone(), bench.now);
    changes
}

fn offset(bench: &Bench) -> Option<i64> {
    let found = bench.groups.fetch_offset(GROUP, "orders", 0);
    found.map(|found| found.offset)
}

#[test]
fn pending_offset_counts_once_its_transaction_is_committed() {
    let mut bench = Bench::new();

    pend(&mut bench, 5);
    assert_eq!(offset(&bench), None);
    assert!(bench.groups.has_pending(GROUP, "orders", 0));
    assert_eq!(end(&mut bench, Ending::Commit).len(), 1);

    assert_eq!(offset(&bench), Some(5));
    assert!(!bench.groups.has_pending(GROUP, "orders", 0));
    end(&mut bench, Ending::Commit);
    assert_eq!(offset(&bench), Some(5), "to end it again does nothing");
}

#[test]
fn aborted_offset_leaves_the_one_before() {
    let mut bench = Bench::new();
    bench.commit(simple("orders", 0, 3)).unwrap();

    pend(&mut bench, 5);
    end(&mut bench, Ending::Abort);

    assert_eq!(offset(&bench), Some(3));
}

#[test]
fn offset_that_was_committed_outside_and_later_stays() {
    let mut bench = Bench::new();

    pend(&mut bench, 5);
    bench.commit(simple("orders", 0, 3)).unwrap();
    end(&mut bench, Ending::Commit);

    assert_eq!(offset(&bench), Some(3));
}

#[test]
fn pending_offsets_survive_a_restart_from_all_changes_and_from_the_fewest() {
    let mut before = Bench::new();
    let mut all = pend(&mut before, 5);
    all.extend(pend(&mut before, 6));
    let fewest: Vec<_> = before.groups.changes().collect();

    for changes in [all, fewest] {
        let mut after = Bench::new();
        after.groups.apply(changes, after.now);

        assert!(after.groups.has_pending(GROUP, "orders", 0));
        let ended = end(&mut after, Ending::Commit);
        assert_eq!(offset(&after), Some(6));
        after.groups.apply(ended, after.now);
        assert_eq!(offset(&after), Some(6));
    }
}

#[test]
fn members_that_are_named_must_be_members_and_unnamed_ones_need_not() {
    let mut bench = Bench::new();
    let member = bench.lone("a").member;

    pend(&mut bench, 5);
    let current = commit(identity(&member, 1), "orders", 0, 6);
    let done = bench.commit_pending(current, PRODUCER);
    assert!(done.is_ok());
    for (who, refused) in [
        (identity(&member, 2), GroupError::IllegalGeneration),
        (identity("stranger", 1), GroupError::UnknownMemberId),
    ] {
        let commit = commit(who, "orders", 0, 7);
        let done = bench.commit_pending(commit, PRODUCER);
        assert_eq!(done, Err(refused));
    }
}

#[test]
fn deleted_topic_takes_pending_offsets_along_and_gives_their_bytes_back() {
    let mut bench = Bench::new();
    pend(&mut bench, 5);
    pend(&mut bench, 6);

    bench.topic_deleted("orders");

    assert!(!bench.groups.has_pending(GROUP, "orders", 0));
    end(&mut bench, Ending::Commit);
    assert_eq!(offset(&bench), None);
    bench.delete(GROUP).unwrap();
    assert_eq!(bench.groups.bytes, 0);
}
