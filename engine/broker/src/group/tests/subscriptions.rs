//! Reading the topics of a consumer from bytes that may be anything.

use proptest::prelude::*;

use super::subscription::subscribed_topics;
use super::*;

#[test]
fn topics_are_read_and_what_follows_is_not() {
    let topics = subscribed_topics(&subscription(&["orders", "bills"]));

    assert_eq!(topics, Some(vec!["orders".to_owned(), "bills".to_owned()]));
    assert_eq!(subscribed_topics(&subscription(&[])), Some(Vec::new()));
}

#[test]
fn every_cut_of_the_topics_is_unreadable() {
    let whole = subscription(&["orders"]);

    for length in 0..whole.len() - 8 {
        assert_eq!(
            subscribed_topics(&whole.slice(..length)),
            None,
            "cut at {length}"
        );
    }
}

#[test]
fn lengths_that_lie_are_unreadable() {
    let null = Bytes::from_static(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
    let huge = Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0]);
    let negative = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    let not_text = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, 0xff]);

    for lie in [null, huge, negative, not_text] {
        assert_eq!(subscribed_topics(&lie), None, "{lie:?}");
    }
}

#[test]
fn consumers_that_cannot_be_read_are_subscribed_to_everything() {
    let mut bench = Bench::new();
    let opaque = Join {
        protocols: vec![("range".to_owned(), Bytes::from_static(b"?"))],
        ..at_once("a")
    };
    let first = bench.join(opaque).unwrap();
    bench.sync(leads(&first, &[])).unwrap();

    let done = bench
        .delete_offsets(GROUP, &[("any".to_owned(), 0)])
        .unwrap();

    assert_eq!(done.outcomes, [Err(GroupError::GroupSubscribedToTopic)]);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let topics = subscribed_topics(&Bytes::from(bytes));
        prop_assert!(topics.is_none_or(|topics| topics.len() <= 32));
    }
}
