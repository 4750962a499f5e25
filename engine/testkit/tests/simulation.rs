//! Seeds that are run at every test, and fresh ones for a while.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagaline_testkit::{Report, Settings, simulate};

/// For how long fresh seeds are run.
const FRESH_FOR: Duration = Duration::from_secs(15);

fn run(settings: Settings) -> Report {
    simulate(settings).unwrap_or_else(|failed| panic!("{failed}"))
}

fn settings(seed: u64) -> Settings {
    Settings {
        sagas: 60,
        ..Settings::seed(seed)
    }
}

#[test]
fn all_sagas_finish_while_nothing_goes_wrong() {
    for seed in 0..5 {
        let calm = Settings {
            calm: true,
            ..settings(seed)
        };

        assert_eq!(run(calm).runs, 60);
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..5 {
        assert_eq!(run(settings(seed)), run(settings(seed)));
    }
}

#[test]
fn invariants_hold_whatever_goes_wrong() {
    for seed in 0..60 {
        run(settings(seed));
    }
}

/// Each of these once broke an invariant.
#[test]
fn what_once_went_wrong_stays_right() {
    for (seed, sagas) in [
        (7, 100),    // a start that took the place of a run, and ended at once
        (94, 100),   // a forwarded start that came twice
        (97, 100),   // an answer to whoever terminates what is being undone
        (807, 60),   // a deadline that had moved
        (1_746, 60), // a poison run beside one that lacks its program
        (2_519, 60),
    ] {
        run(Settings {
            sagas,
            ..Settings::seed(seed)
        });
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "real time says which seeds are tried and for how long"
)]
fn invariants_hold_for_seeds_that_nobody_has_tried() {
    let begin = SystemTime::now();
    let first = begin.duration_since(UNIX_EPOCH).unwrap().as_secs() * 1_000;

    for seed in first.. {
        run(settings(seed));
        if begin.elapsed().unwrap() > FRESH_FOR {
            return;
        }
    }
}
