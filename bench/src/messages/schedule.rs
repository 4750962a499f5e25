//! How late a schedule starts what is due.

use std::time::Duration;

use anyhow::Result;
use sagaline::schedule::{Action, Schedule, Spec};

use super::{Bench, Row, app};
use crate::{report::percentile, subject::Subject};

/// Ten schedules of one start a second each.
pub(super) async fn starts(subject: &Subject, count: u32) -> Result<Row> {
    let bench = Bench::new(subject, "schedule").await?;
    let ticks = bench.client.start(app::ticks(count), app::TICKS).await?;
    for number in 0..SCHEDULES {
        let spec = Spec::every(Duration::from_secs(1));
        let schedule = Schedule::new(spec, Action::new("tick", &()));
        let handle = bench.client.schedule(format!("tick-{number}"));
        handle.create(&schedule).await?;
    }
    let late = ticks.result().await?;
    let late = late
        .into_iter()
        .map(|micros| Duration::from_micros(micros.unsigned_abs()));
    let mut late: Vec<Duration> = late.collect();
    late.sort_unstable();
    let share = |share| percentile(&late, share).unwrap_or_default();
    Ok((
        format!("starts of {SCHEDULES} schedules, one a second each: late by"),
        vec![
            ("starts", f64::from(count)),
            ("p50_ms", share(0.50)),
            ("p99_ms", share(0.99)),
            ("max_ms", share(1.0)),
        ],
    ))
}

const SCHEDULES: u32 = 10;
