//! Bytes that an open run takes while it waits for one activity, or sleeps: as asked of the allocator, and as the process
//! grows.

use std::io::Write as _;

use anyhow::Result;
use sagaline_bench::Partition;
use serde::Serialize;

use crate::{Output, process};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How many runs are opened.
    #[arg(long, default_value_t = 200_000)]
    runs: u32,
    /// What is printed.
    #[arg(short, long, default_value = "table")]
    output: Output,
}

/// One kind of memory.
#[derive(Serialize)]
struct Row {
    what: &'static str,
    runs: u32,
    /// Asked of the allocator and not given back.
    bytes_per_run: f64,
    allocations_per_run: f64,
    /// Growth of the process, the allocator's own overhead included.
    rss_bytes_per_run: Option<f64>,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut out = std::io::stdout();
    if matches!(options.output, Output::Table) {
        writeln!(
            out,
            "{:<12} {:>8} {:>14} {:>20} {:>18}",
            "what", "runs", "bytes_per_run", "allocations_per_run", "rss_bytes_per_run"
        )?;
    }
    for row in [
        state("working", Partition::new(3), options.runs),
        state("sleeping", Partition::sleeping(), options.runs),
    ] {
        if matches!(options.output, Output::Json) {
            writeln!(out, "{}", serde_json::to_string(&row)?)?;
        } else {
            let rss = row
                .rss_bytes_per_run
                .map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
            writeln!(
                out,
                "{:<12} {:>8} {:>14} {:>20} {rss:>18}",
                row.what, row.runs, row.bytes_per_run, row.allocations_per_run
            )?;
        }
    }
    Ok(())
}

/// The core's state, without any program.
fn state(what: &'static str, mut partition: Partition, runs: u32) -> Row {
    let before = process::rss_bytes(std::process::id());
    let allocated = allocation_counter::measure(|| partition.open(runs as usize));
    let after = process::rss_bytes(std::process::id());
    assert_eq!(partition.state().open_runs(), u64::from(runs));
    let per_run = |amount: f64| (amount / f64::from(runs) * 10.0).round() / 10.0;
    Row {
        what,
        runs,
        bytes_per_run: per_run(allocated.bytes_current as f64),
        allocations_per_run: per_run(allocated.count_current as f64),
        rss_bytes_per_run: before
            .zip(after)
            .map(|(before, after)| per_run(after as f64 - before as f64)),
    }
}
