//! Seeds that are run at every test.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sagaline_testkit::{Settings, simulate};

fn settings(seed: u64, sagas: u32) -> Settings {
    Settings {
        sagas,
        ..Settings::seed(seed)
    }
}

#[test]
fn all_sagas_finish_while_nothing_goes_wrong() {
    for seed in 0..10 {
        let calm = Settings {
            calm: true,
            ..settings(seed, 50)
        };
        simulate(calm).unwrap_or_else(|failed| panic!("{failed}"));
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..3 {
        let once = simulate(settings(seed, 50)).unwrap_or_else(|failed| panic!("{failed}"));
        let again = simulate(settings(seed, 50)).unwrap_or_else(|failed| panic!("{failed}"));

        assert_eq!(once, again);
    }
}
