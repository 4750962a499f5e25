//! After a restart groups have their offsets and no members.

use super::*;

#[test]
fn offsets_survive_and_members_join_again() {
    let mut before = Bench::new();
    let first = before.lone("a");
    let member = identity(&first.member, 1);
    let mut changes = Vec::new();
    for offset in 1..=3 {
        let done = before.commit(commit(member.clone(), "orders", 0, offset));
        changes.extend(done.unwrap().changes);
    }
    changes.extend(
        before
            .commit(commit(member.clone(), "bills", 0, 9))
            .unwrap()
            .changes,
    );
    let gone = [("bills".to_owned(), 0)];
    changes.extend(before.delete_offsets(GROUP, &gone).unwrap().changes);

    let mut after = Bench::new();
    after.groups.apply(changes, after.now);

    assert_eq!(after.state(), State::Empty);
    let all: Vec<_> = after.groups.fetch_offsets(GROUP).collect();
    assert_eq!(all, [("orders", 0, &committed(3))]);
    assert_eq!(after.heartbeat(&first), Err(GroupError::UnknownMemberId));
    let stale = after.commit(commit(member, "orders", 0, 4));
    assert_eq!(stale, Err(GroupError::UnknownMemberId));
    assert_eq!(
        after.refused(again(&first, at_once("a"))),
        GroupError::UnknownMemberId
    );
    assert!(after.join(at_once("a")).is_ok());
}

#[test]
fn removed_group_does_not_come_back() {
    let mut before = Bench::new();
    let mut changes = before.commit(simple("orders", 0, 1)).unwrap().changes;
    changes.extend(before.delete(GROUP).unwrap());

    let mut after = Bench::new();
    after.groups.apply(changes, after.now);

    assert_eq!(after.groups.list().count(), 0);
    assert_eq!(after.groups.next_deadline(), None);
}

#[test]
fn restored_offsets_have_their_retention_again() {
    let mut before = Bench::new();
    let changes = before.commit(simple("orders", 0, 1)).unwrap().changes;

    let mut after = Bench::new();
    after.groups.apply(changes, after.now);
    let retention_ms = GroupSettings::default().offsets_retention_ms;
    after.pass(retention_ms - 1);
    assert_eq!(after.changes, []);
    after.pass(600_001);

    assert_eq!(after.changes.len(), 2);
}

#[test]
fn limit_on_groups_does_not_lose_what_was_acknowledged() {
    let mut before = Bench::new();
    let mut changes = before.commit(simple("orders", 0, 1)).unwrap().changes;
    let other = Commit {
        group: "other".to_owned(),
        ..simple("orders", 0, 1)
    };
    changes.extend(before.commit(other).unwrap().changes);

    let mut after = Bench::with(GroupSettings {
        groups_max: 1,
        ..GroupSettings::default()
    });
    after.groups.apply(changes, after.now);

    assert_eq!(after.groups.list().count(), 2);
}
