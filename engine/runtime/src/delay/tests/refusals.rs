//! Records that do not get to their targets.

use std::collections::BTreeSet;

use proptest::{proptest, strategy::ValueTree, test_runner::TestRunner};
use sagaline_core::event::RejectReason;
use sagaline_journal::wire::ce_type;

use super::*;
use crate::input::{Input, random};

#[test]
fn what_a_stranger_must_not_do_goes_to_the_inbox_as_refused() {
    let mut bench = Bench::new(4);
    let at = bench.time().to_rfc3339();
    let reading = Reading::new("ns", 4, Keys::development());
    for (partition, headers, reason) in [
        (
            1,
            vec![(header::TARGET_TOPIC, "mail")],
            RejectReason::MissingHeader,
        ),
        (
            2,
            vec![
                (header::DELIVER_AT, &*at),
                (header::TARGET_TOPIC, "ns.inbox"),
            ],
            RejectReason::Forged,
        ),
        (
            3,
            vec![(header::DELIVER_AT, "now"), (header::TARGET_TOPIC, "mail")],
            RejectReason::BadHeader,
        ),
    ] {
        bench.sent.clear();
        // As a start it would be taken, in the inbox.
        let start = [
            (header::CE_TYPE, ce_type::WORKFLOW_START),
            (header::WORKFLOW, "order"),
            (header::CE_ID, "7"),
        ];
        bench.put(Tier::Soon, partition, &[headers, start.to_vec()].concat());
        bench.pass(10);

        let (_, record) = &bench.sent[0];
        assert_eq!((&*record.topic, record.partition), ("ns.inbox", partition));
        let input = reading.input(&record.placed(3, bench.time()), partition);
        let Input::Refused { cause, refusal } = input else {
            panic!("{input:?}")
        };
        assert_eq!((refusal.reason, &*cause.id), (reason, "7"));
    }
    assert_eq!(bench.delay.status()[0].refused, 3);
}

#[test]
fn a_target_that_does_not_come_or_refuses_is_given_up_and_the_record_refused() {
    let mut bench = Bench::new(1);
    let at = bench.time().to_rfc3339();
    let to = |target| [(header::DELIVER_AT, &*at), (header::TARGET_TOPIC, target)];

    bench.put(Tier::Soon, 0, &to("post"));
    bench.pass(9_000);
    assert!(bench.went().is_empty());
    bench.pass(3_000);
    assert_eq!(bench.went(), ["ns.inbox"]);

    bench.sent.clear();
    bench.put(Tier::Soon, 0, &to("mail"));
    bench.step();
    let tag = bench.sent[0].0;
    bench.fails(tag, SendErrorKind::Refused);
    bench.pass(2_000);

    assert_eq!(bench.went(), ["mail", "ns.inbox"]);
}

#[test]
fn what_did_not_arrive_is_sent_again_and_not_committed_before() {
    let mut bench = Bench::new(1);
    bench.mail(Tier::Soon, 0);
    bench.now += 5;
    bench.step();
    let tag = bench.sent[0].0;

    bench.fails(tag, SendErrorKind::Unavailable);
    bench.step();
    assert_eq!((bench.sent.len(), bench.commits.len()), (1, 0));
    bench.pass(1_000);

    assert_eq!(bench.went(), ["mail", "mail"]);
    assert_eq!(bench.commits, [("ns.retry.soon".to_owned(), 0, 1)]);
}

/// What becomes of a record in a retry topic.
fn bound(record: &NewRecord, reading: &Reading) -> Bound {
    let now = Timestamp::from_millis(EPOCH_MS);
    let targets = Targets {
        namespace: "ns".to_owned(),
        open: BTreeSet::from(["mail".to_owned()]),
    };
    Bound::of(&record.placed(7, now), now, reading, &targets)
}

#[test]
fn the_records_reach_every_end() {
    let (mut runner, mut reached) = (TestRunner::deterministic(), BTreeSet::new());
    let reading = Reading::new("ns", 3, Keys::development());

    for _ in 0..10_000 {
        let tree = proptest::strategy::Strategy::new_tree(&random::record(), &mut runner);
        reached.insert(match bound(&tree.unwrap().current(), &reading) {
            Bound::Target { topic, .. } => topic.to_string(),
            Bound::Refused(refusal) => refusal.reason.as_str().to_owned(),
            Bound::Tick => "tick".to_owned(),
        });
    }

    let ends = [
        "mail",
        "ns.inbox",
        "forged",
        "missing-header",
        "bad-header",
        "bad-envelope",
        "too-large",
    ];
    for end in ends {
        assert!(reached.contains(end), "{end} is not among {reached:?}");
    }
}

proptest! {
    #![proptest_config(random::config())]

    #[test]
    fn a_record_of_any_bytes_goes_to_its_target_or_is_refused_by_a_lane(record in random::record()) {
        let reading = Reading::new("ns", 3, Keys::development());
        match bound(&record, &reading) {
            Bound::Target { topic, .. } => {
                assert!(*topic == *"mail" || record.headers.get(header::MAC).is_some());
            }
            Bound::Refused(refusal) => {
                let record = record.placed(7, Timestamp::default());
                let refused = reading.refused_delay(&record, &refusal);
                let input = reading.input(&refused.placed(9, Timestamp::default()), refused.partition);
                assert!(matches!(input, Input::Refused { .. }), "{input:?}");
            }
            Bound::Tick => assert!(record.headers.get(header::MAC).is_some()),
        }
    }
}
