//! Whole sagas by Sagaline, as the command `saga` measures them.

use std::time::Duration;

use anyhow::Result;

use super::{
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::saga::{Window, sagas_per_s};

const WARM_UP: Window = Window {
    warm_up: Duration::ZERO,
    length: Duration::from_secs(5),
};
const WINDOW: Window = Window {
    warm_up: Duration::from_secs(1),
    length: Duration::from_secs(5),
};
const WARM_UP_OPEN: u32 = 1_000;

pub(super) fn rows(pair: &Pair, open: &[u32], rounds: u32) -> Result<Vec<Row>> {
    pair.measure(2, |subject| sagas_per_s(subject, WARM_UP_OPEN, &WARM_UP))?;
    let one = |&open: &u32| {
        let both = pair.measure(rounds, |subject| sagas_per_s(subject, open, &WINDOW))?;
        let name = format!("sagas, {open} open");
        let figure = Figure::new(name, "sagas/s", Target::KafkaAtLeast);
        Ok(both.best(figure, |per_s| Some(*per_s)))
    };
    open.iter().map(one).collect()
}
