//! Seeds that are run at every test, and fresh ones for a while.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagaline_testkit::{Report, Settings, Weather, simulate};

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
            weather: Weather::Calm,
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
    let reports: Vec<Report> = (0..50).map(|seed| run(settings(seed))).collect();

    let resets: u64 = reports.iter().map(|report| report.resets).sum();
    assert!(resets > 20, "only {resets} runs were reset");
    let trims: u64 = reports.iter().map(|report| report.trims).sum();
    assert!(trims > 20, "the journal was trimmed only {trims} times");
}

#[test]
fn invariants_hold_in_every_weather() {
    for weather in Weather::ALL {
        for seed in 0..8 {
            run(Settings {
                weather,
                ..settings(seed)
            });
        }
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
