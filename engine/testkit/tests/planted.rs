//! Every planted bug is found: a check that cannot fail proves nothing.
#![allow(missing_docs, reason = "a test")]

use sagaline_testkit::{Bug, Settings, simulate};

/// Most seeds that a bug may survive.
const SEEDS_MAX: u64 = 60;

fn is_found(bug: Bug) -> bool {
    (0..SEEDS_MAX).any(|seed| {
        let planted = Settings {
            sagas: 60,
            bug: Some(bug),
            ..Settings::seed(seed)
        };
        simulate(planted).is_err()
    })
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        assert!(is_found(bug), "{bug:?} survives {SEEDS_MAX} seeds");
    }
}

#[test]
fn a_parent_that_hears_twice_of_the_end_of_a_child_takes_no_harm() {
    for seed in 0..20 {
        let planted = Settings {
            sagas: 60,
            bug: Some(Bug::ChildEndedTwice),
            ..Settings::seed(seed)
        };

        let report = simulate(planted).unwrap_or_else(|failed| panic!("{failed}"));

        assert!(report.children > 0 || seed.is_multiple_of(4));
    }
}
