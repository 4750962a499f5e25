//! Signals to one run, which continues as new.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sagaline_journal::wire::{ce_type, header};

use super::{Bench, Row, app, cpu_ms, now, since};
use crate::{report::round, subject::Subject};

/// So many a second for so long.
pub(super) async fn paced(subject: &Subject, rate: u64, seconds: u64) -> Result<Row> {
    let due = |sent: u64, begun: Instant| {
        let at = Duration::from_secs_f64(sent as f64 / rate as f64);
        std::thread::park_timeout(at.saturating_sub(begun.elapsed()));
    };
    measure(
        subject,
        &format!("{rate} signals a second to one run"),
        rate * seconds,
        due,
    )
    .await
}

/// As fast as the producer goes.
pub(super) async fn flat_out(subject: &Subject, count: u64) -> Result<Row> {
    measure(subject, "signals to one run, flat out", count, |_, _| {}).await
}

async fn measure(
    subject: &Subject,
    what: &str,
    count: u64,
    wait: impl Fn(u64, Instant),
) -> Result<Row> {
    let bench = Bench::new(subject, &format!("signals-{count}-{}", what.len())).await?;
    let run = bench.client.start(app::sum(0), "sum").await?;
    let (begun, before) = (now(), bench.cpu());
    for number in 1..=count {
        send(&bench, number, 1)?;
        if number % PORTION == 0 {
            wait(number, begun);
        }
    }
    bench.flush()?;
    let sent = since(begun);
    send(&bench, count + 1, 0)?;
    bench.flush()?;
    let sum = run.result().await?;
    let took = since(begun);
    let cpu = bench.cpu().since(&before);
    anyhow::ensure!(
        sum == count,
        "{count} signals were sent and {sum} were taken"
    );
    let each = |all: f64| round(all * 1_000.0 / count as f64, 1);
    let engine = cpu.engine.context("no CPU time")?;
    Ok((
        what.to_owned(),
        vec![
            ("signals", count as f64),
            ("per_s", round(count as f64 / took, 0)),
            ("behind_at_end_ms", round((took - sent) * 1_000.0, 1)),
            ("engine_cpu_us_each", each(engine.as_secs_f64() * 1_000.0)),
            ("cpu_us_each", each(cpu_ms(&cpu))),
        ],
    ))
}

fn send(bench: &Bench, number: u64, value: u64) -> Result<()> {
    let (id, value) = (number.to_string(), value.to_string());
    let headers = [
        (header::CE_TYPE, ce_type::WORKFLOW_SIGNAL),
        (header::CE_SOURCE, "bench"),
        (header::CE_ID, &*id),
        (header::SIGNAL, app::NUMBER),
    ];
    bench.send("sum", &headers, &value)
}

/// Signals between two looks at the clock.
const PORTION: u64 = 10;
