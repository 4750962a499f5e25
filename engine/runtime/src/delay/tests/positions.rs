//! What is committed and trimmed, how much is in memory, and what becomes of it when partitions go.

use super::*;

#[test]
fn a_position_is_the_first_record_that_has_not_arrived() {
    let mut bench = Bench::new(1);
    bench.mail(Tier::Soon, 5_000);
    bench.mail(Tier::Soon, 1_000);
    bench.mail(Tier::Soon, 1_000);
    let soon = || "ns.retry.soon".to_owned();

    bench.pass(2_000);
    assert_eq!(bench.commits, [(soon(), 0, 0)]);
    bench.now += 4_000;
    bench.step();
    bench.step();
    assert_eq!(bench.commits.len(), 1, "it is on its way");
    bench.arrive();
    bench.step();

    assert_eq!(bench.commits[1..], [(soon(), 0, 3)]);
    bench.pass(2 * TRIM_EVERY.0);
    assert_eq!(bench.trims, [(soon(), 0, 3)]);
}

#[test]
fn a_restart_repeats_what_was_not_committed_and_forwards_nothing_early() {
    let mut bench = Bench::new(1);
    bench.mail(Tier::Soon, 30_000);
    bench.mail(Tier::M1, 70_000);

    let mut again = Bench::new_without_time(1);
    again.now = bench.now + 10_000;
    for (tier, after) in [(Tier::Soon, 30_000), (Tier::M1, 70_000)] {
        let at = bench.time().plus(Millis(after)).to_rfc3339();
        let mut record = Record::new(
            topic::retry("ns", tier.name()).into(),
            0,
            0,
            bench.time(),
            0,
        );
        record.push_header(header::DELIVER_AT, Some(at.as_bytes()));
        record.push_header(header::TARGET_TOPIC, Some(b"mail"));
        again.delay.take(record.with_key(Some(b"k")), again.now());
    }
    again.pass(19_990);
    assert!(again.went().is_empty(), "{:?}", again.went());
    again.pass(100);

    assert_eq!(again.went(), ["mail"]);
    again.pass(30_000);
    assert_eq!(again.went(), ["mail", "ns.retry.soon"]);
}

#[test]
fn a_tier_is_read_ahead_so_far_and_no_further() {
    let mut bench = Bench::new(1);
    for _ in 0..TIER_RECORDS_MAX {
        bench.mail(Tier::M1, 70_000);
    }
    bench.step();
    assert_eq!(bench.holds, [(0, true)]);

    assert_eq!(bench.delay.status()[1].waiting, TIER_RECORDS_MAX);
    bench.pass(TRIM_EVERY.0);
    assert_eq!(bench.delay.status()[1].waiting, TIER_RECORDS_MAX + 4);
    bench.pass(70_000);

    assert_eq!(bench.holds, [(0, true), (0, false)]);
    assert_eq!(bench.went().len(), TIER_RECORDS_MAX);
}

#[test]
fn soon_is_bounded_and_holds_the_partitions_that_have_their_share() {
    let mut bench = Bench::new(2);
    for number in 0..SOON_RECORDS_MAX + 10 {
        let at = bench.time().plus(Millis(50_000)).to_rfc3339();
        let partition = i32::from(number < 10);
        bench.put(
            Tier::Soon,
            partition,
            &[(header::DELIVER_AT, &at), (header::TARGET_TOPIC, "mail")],
        );
    }

    bench.step();
    assert_eq!(bench.holds, [(0, true)]);
    bench.pass(60_000);

    assert_eq!(bench.holds, [(0, true), (0, false)]);
    assert_eq!(bench.went().len(), SOON_RECORDS_MAX + 10);
}

#[test]
fn a_partition_that_leaves_sends_nothing_more_and_commits_what_arrives() {
    let mut bench = Bench::new(1);
    bench.mail(Tier::Soon, 0);
    bench.mail(Tier::Soon, 20);
    bench.now += 5;
    bench.step();
    let places = bench.places(1);

    bench.delay.leave(&places);
    assert!(!bench.delay.has_left());
    bench.now += 100;
    bench.step();
    bench.arrive();
    bench.step();

    assert!(bench.delay.has_left());
    assert_eq!(bench.went(), ["mail"]);
    assert_eq!(bench.commits, [("ns.retry.soon".to_owned(), 0, 1)]);
    bench.delay.forget(&places);
    assert_eq!(bench.delay.status()[0].waiting, 0);
}

#[test]
fn a_topic_that_was_made_anew_is_read_from_its_beginning() {
    let mut bench = Bench::new(1);
    for _ in 0..3 {
        bench.mail(Tier::Soon, 5_000);
    }
    bench.offsets.clear();

    bench.mail(Tier::Soon, 0);
    bench.pass(10_000);

    assert_eq!(bench.went(), ["mail"]);
    assert_eq!(
        bench.commits.last(),
        Some(&("ns.retry.soon".to_owned(), 0, 1))
    );
}

#[test]
fn a_partition_that_was_held_when_its_topic_was_made_anew_is_read_on() {
    let mut bench = Bench::new(1);
    for _ in 0..TIER_RECORDS_MAX {
        bench.mail(Tier::M1, 70_000);
    }
    bench.step();
    bench.offsets.clear();

    bench.mail(Tier::M1, 70_000);
    bench.step();

    assert_eq!(bench.holds, [(0, true), (0, false)]);
}
