//! The fenced journal under every schedule within bounds, and under random ones beyond them.
//!
//! Two or three owners read, claim, activate, and append batches through an in-order wire each. They get reports, a lost
//! record or no answer, claim again, crash, and go on as zombies; what an abandoned wire holds may land at any later
//! moment or never. Reading is done by the real [`sagaline_journal::JournalReader`] on records of the real writer, and what
//! an owner believes is the real [`sagaline_journal::believe`].
//!
//! Checked at every step:
//! 1. a batch that an owner believes valid is valid for readers, and made of its own records only;
//! 2. an owner's memory equals the readers' list of valid batches;
//! 3. a reader that goes on from any footer or claim gives what one from the start gives, and nothing given is taken back;
//! 4. effects are of valid batches only, and `effects_done` never covers one that was not sent;
//! 5. batch numbers have no gap.
//!
//! [`rules::variants`] are readings of the rules that are easy to fall into, and planted bugs: each must be caught.
//!
//! `SAGALINE_MODEL_WALKS` sets the number of random walks, `SAGALINE_MODEL_SEED` the seed of the first,
//! `SAGALINE_MODEL_DEEP=1` widens the bounds of the exhaustive search (minutes).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::enum_variant_names,
    reason = "in a test that is an assertion"
)]

mod check;
mod explore;
mod judge;
mod logs;
mod misread;
#[path = "../reading/random.rs"]
mod random;
mod rules;
mod spec;
mod step;
mod world;

use explore::{Found, search, walk};
use random::Random;
use rules::{Limits, Rules, variants};

#[test]
fn no_schedule_within_bounds_violates_the_rules() {
    let limits = if is_deep() {
        Limits {
            batches: 3,
            ..Limits::SMALL
        }
    } else {
        Limits::SMALL
    };

    let explored = search(&Rules::OURS, &limits)
        .unwrap_or_else(|found| panic!("{}", found.tell("exhaustive search")));

    assert!(
        explored.states > 100_000 && explored.beliefs > 10_000,
        "{explored:?}"
    );
}

#[test]
fn no_random_schedule_violates_the_rules() {
    let (first, walks) = (
        number("SAGALINE_MODEL_SEED", 1),
        number("SAGALINE_MODEL_WALKS", 1_500),
    );

    let mut beliefs = 0;
    for seed in first..first + walks {
        beliefs += walk(&Rules::OURS, &Limits::BIG, seed)
            .unwrap_or_else(|found| panic!("{}", told(&found, seed)));
    }

    assert!(
        beliefs > walks,
        "owners believe: {beliefs} times in {walks} walks"
    );
}

#[test]
fn every_misreading_is_caught() {
    for variant in variants() {
        match search(&variant.rules, &Limits::NARROW) {
            Err(_caught) if variant.is_caught => {}
            Ok(_sound) if !variant.is_caught => {}
            Ok(explored) => panic!("{}: not caught in {explored:?}", variant.name),
            Err(found) => panic!(
                "{}: {}",
                variant.name,
                found.tell("a control, which is sound")
            ),
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_walk() {
    let seed = Random(3).next();
    assert_eq!(
        walk(&Rules::OURS, &Limits::BIG, seed).ok(),
        walk(&Rules::OURS, &Limits::BIG, seed).ok()
    );
}

fn told(found: &Found, seed: u64) -> String {
    found.tell(&format!(
        "seed {seed}; again: SAGALINE_MODEL_SEED={seed} SAGALINE_MODEL_WALKS=1"
    ))
}

fn is_deep() -> bool {
    std::env::var("SAGALINE_MODEL_DEEP").is_ok_and(|value| value == "1")
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}
