//! Bounds: on what a member asks for, on groups, on what they hold.

use super::*;

#[test]
fn session_timeout_outside_of_the_bounds_is_refused() {
    let mut bench = Bench::new();
    let session = |session_timeout_ms| Join {
        session_timeout_ms,
        ..at_once("a")
    };

    for out_of_bounds in [i32::MIN, -1, 0, 5_999, 1_800_001, i32::MAX] {
        assert_eq!(
            bench.refused(session(out_of_bounds)),
            GroupError::InvalidSessionTimeout
        );
    }
    assert!(bench.join(session(6_000)).is_ok());
}

#[test]
fn group_without_a_name_is_refused() {
    let mut bench = Bench::new();
    let nameless = Join {
        group: String::new(),
        ..at_once("a")
    };
    let first = bench.lone("a");

    assert_eq!(bench.refused(nameless), GroupError::InvalidGroupId);
    let nameless = Sync {
        group: String::new(),
        ..follows(&first)
    };
    assert_eq!(bench.sync(nameless), Err(GroupError::InvalidGroupId));
}

#[test]
fn full_group_takes_nobody_but_its_members() {
    let settings = GroupSettings {
        group_size_max: 2,
        ..GroupSettings::default()
    };
    let mut bench = Bench::with(settings);
    let (first, second) = bench.pair();

    assert_eq!(bench.refused(at_once("c")), GroupError::GroupMaxSizeReached);
    assert_eq!(bench.refused(modern("c")), GroupError::GroupMaxSizeReached);

    let leader = bench.send_join(again(&first, at_once("a")));
    bench.join(again(&second, at_once("b"))).unwrap();
    assert!(bench.joined(leader).unwrap().is_ok());
}

#[test]
fn last_member_to_come_back_to_a_full_group_is_out() {
    let settings = GroupSettings {
        group_size_max: 2,
        ..GroupSettings::default()
    };
    let mut bench = Bench::with(settings);
    let (first, second) = bench.pair();
    let leader = bench.send_join(again(&first, at_once("a")));
    let third = bench.send_join(at_once("c"));

    assert_eq!(
        bench.refused(again(&second, at_once("b"))),
        GroupError::GroupMaxSizeReached
    );
    bench.pass(REBALANCE_MS);

    assert_eq!(bench.joined(leader).unwrap().unwrap().members.len(), 2);
    assert!(bench.joined(third).unwrap().is_ok());
}

#[test]
fn ids_that_nobody_joins_with_are_bounded() {
    let mut bench = Bench::new();

    for _ in 0..settings::PENDING_MAX {
        assert_eq!(bench.refused(modern("a")), GroupError::MemberIdRequired);
    }

    assert_eq!(bench.refused(modern("a")), GroupError::GroupMaxSizeReached);
}

#[test]
fn member_that_brings_too_much_is_refused() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..=settings::PROTOCOLS_MAX)
        .map(|n| n.to_string())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bulky = Bytes::from(vec![0; settings::MEMBER_METADATA_BYTES_MAX]);
    let bulky = Join {
        protocols: vec![("range".to_owned(), bulky)],
        ..at_once("a")
    };
    let long = Join {
        client_id: "c".repeat(32_767),
        ..at_once("a")
    };

    assert_eq!(
        bench.refused(with_protocols(at_once("a"), &names)),
        GroupError::InvalidRequest
    );
    assert_eq!(bench.refused(bulky), GroupError::InvalidRequest);
    assert_eq!(
        bench.refused(fixed(&"i".repeat(32_767))),
        GroupError::InvalidRequest
    );
    let joined = bench.join(long).unwrap();
    assert!(
        joined.member.len() < 2_000,
        "the id must fit a string of the protocol"
    );
}

#[test]
fn groups_are_bounded_and_room_comes_back() {
    let settings = GroupSettings {
        groups_max: 1,
        ..GroupSettings::default()
    };
    let mut bench = Bench::with(settings);
    bench.lone("a");
    let elsewhere = Join {
        group: "elsewhere".to_owned(),
        ..at_once("b")
    };
    let commit_elsewhere = Commit {
        group: "elsewhere".to_owned(),
        ..simple("orders", 0, 1)
    };

    assert_eq!(bench.refused(elsewhere.clone()), GroupError::LimitReached);
    let committed = bench.commit(commit_elsewhere);
    assert_eq!(committed, Err(GroupError::LimitReached));

    bench
        .groups
        .leave(GROUP, &[leaving("a-1")], bench.now)
        .unwrap();
    bench.delete(GROUP).unwrap();
    assert!(bench.join(elsewhere).is_ok());
}

#[test]
fn bytes_of_all_groups_are_bounded_and_room_comes_back() {
    let settings = GroupSettings {
        bytes_max: 100_000,
        ..GroupSettings::default()
    };
    let mut bench = Bench::with(settings);
    let metadata = Bytes::from(vec![0; 60_000]);
    let bulky = |group: &str| Join {
        group: group.to_owned(),
        protocols: vec![("range".to_owned(), metadata.clone())],
        ..at_once("a")
    };
    bench.join(bulky("one")).unwrap();

    assert_eq!(bench.refused(bulky("two")), GroupError::LimitReached);
    let share = vec![("a-1".to_owned(), metadata.clone())];
    let identity = identity("a-1", 1);
    let sync = Sync {
        group: "one".to_owned(),
        identity,
        assignments: share,
        protocol_type: None,
        protocol: None,
    };
    assert_eq!(bench.sync(sync), Err(GroupError::LimitReached));
    let mut large = simple("orders", 0, 1);
    large.offsets[0].offset.metadata = "m".repeat(60_000);
    assert_eq!(bench.commit(large), Err(GroupError::LimitReached));

    bench
        .groups
        .leave("one", &[leaving("a-1")], bench.now)
        .unwrap();
    assert!(bench.join(bulky("two")).is_ok());
}

#[test]
fn every_byte_is_given_back() {
    let mut bench = Bench::new();
    bench.pair();
    bench.refused(modern("c"));
    bench.commit(simple("orders", 0, 1)).unwrap_err();
    bench
        .commit(commit(identity("a-1", 2), "orders", 0, 1))
        .unwrap();
    bench
        .commit(commit(identity("a-1", 2), "orders", 0, 2))
        .unwrap();

    bench.pass(REBALANCE_MS);
    bench.delete(GROUP).unwrap();

    assert_eq!(bench.groups.bytes, 0);
    assert_eq!(bench.groups.deadlines.len(), 0);
    assert_eq!(bench.groups.next_deadline(), None);
    assert_eq!(bench.groups.outbox.waiting(), 0);
}

#[test]
fn kept_metadata_does_not_keep_the_request() {
    let mut bench = Bench::new();
    let request = Bytes::from(vec![0; 1 << 16]);
    let join = Join {
        protocols: vec![("range".to_owned(), request.slice(..8))],
        ..at_once("a")
    };

    bench.join(join).unwrap();

    assert!(request.is_unique(), "a slice of the request is still held");
}
