//! Queries, one after the other.

use anyhow::Result;

use super::{Bench, Row, app, now};
use crate::{report::percentile, subject::Subject};

pub(super) async fn one_by_one(subject: &Subject, count: u32) -> Result<Row> {
    let bench = Bench::new(subject, "query").await?;
    bench.client.start(app::asked(7), "asked").await?;
    let mut took = Vec::new();
    for _ in 0..count {
        let begun = now();
        let answer: u64 = bench.client.query("asked", app::answer()).await?;
        took.push(begun.elapsed());
        anyhow::ensure!(answer == 7, "it answers {answer}");
    }
    took.sort_unstable();
    let share = |share| percentile(&took, share).unwrap_or_default();
    Ok((
        "a query, one after the other".to_owned(),
        vec![
            ("queries", f64::from(count)),
            ("p50_ms", share(0.50)),
            ("p99_ms", share(0.99)),
        ],
    ))
}
