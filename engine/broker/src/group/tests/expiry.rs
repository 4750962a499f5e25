//! Offsets and groups go when nobody has needed them for long enough.

use super::*;

const DAY_MS: u64 = 24 * 3_600_000;

#[test]
fn offsets_of_a_group_without_members_expire_after_the_retention() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    bench
        .commit(commit(identity(&first.member, 1), "orders", 0, 1))
        .unwrap();

    for _ in 0..8 * DAY_MS / 9_000 {
        assert_eq!(bench.heartbeat(&first), Ok(()));
        bench.pass(9_000);
    }
    assert_eq!(bench.changes, [], "a member keeps the offsets, however old");
    bench.pass(7 * DAY_MS);
    assert_eq!(bench.changes, []);
    bench.pass(SESSION_MS + 600_000);

    let removed = Change::OffsetRemoved {
        group: GROUP.into(),
        topic: "orders".to_owned(),
        partition: 0,
    };
    assert_eq!(
        bench.changes,
        [
            removed,
            Change::GroupRemoved {
                group: GROUP.into()
            }
        ]
    );
    assert_eq!(bench.state(), State::Dead);
    assert_eq!(bench.groups.next_deadline(), None);
}

#[test]
fn offsets_of_topics_that_a_stable_group_has_left_expire() {
    let mut bench = Bench::new();
    let first = bench.lone("a");
    let member = identity(&first.member, 1);
    bench
        .commit(commit(member.clone(), "orders", 0, 1))
        .unwrap();
    bench.commit(commit(member, "bills", 0, 1)).unwrap();

    for _ in 0..8 * DAY_MS / 9_000 {
        assert_eq!(bench.heartbeat(&first), Ok(()));
        bench.pass(9_000);
    }

    let removed = Change::OffsetRemoved {
        group: GROUP.into(),
        topic: "bills".to_owned(),
        partition: 0,
    };
    assert_eq!(bench.changes, [removed]);
}

#[test]
fn vacant_group_is_dropped_at_the_next_sweep() {
    let mut bench = Bench::new();
    bench.lone("a");

    bench.pass(SESSION_MS + 600_000);

    assert_eq!(
        bench.changes,
        [Change::GroupRemoved {
            group: GROUP.into()
        }]
    );
    assert_eq!(bench.state(), State::Dead);
}
