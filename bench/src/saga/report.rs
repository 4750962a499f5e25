//! Rows: one per number of open sagas, with every contender's figures in it.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::contender::Contender;
use crate::{
    process::Cpu,
    report::{percentile, round},
};

/// What one run gave.
pub(super) struct Measured {
    /// Of each saga that closed.
    pub(super) latencies: Vec<Duration>,
    /// In this time.
    pub(super) elapsed: Duration,
    /// CPU time used in it.
    pub(super) cpu: Cpu,
    /// The engine's memory at its end.
    pub(super) engine_rss_bytes: Option<u64>,
    /// Records on all topics.
    pub(super) records_per_saga: f64,
    /// Bytes of them in the broker's files, if they are on this machine.
    pub(super) bytes_per_saga: Option<f64>,
}

/// One number of open sagas.
pub(super) struct Row {
    open: u32,
    contenders: Vec<(Contender, [Figure; FIGURES])>,
}

/// What a figure is called, and how much it is, if that could be measured.
type Figure = (&'static str, Option<f64>);

const FIGURES: usize = 11;

impl Row {
    pub(super) const fn new(open: u32) -> Self {
        Self {
            open,
            contenders: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, contender: Contender, measured: Measured) {
        self.contenders.push((contender, measured.figures()));
    }

    /// The row as text, a line per contender, below the heads of the columns when it is the first.
    pub(super) fn table(&self, heads: bool) -> String {
        let heads = self.contenders.first().filter(|_| heads);
        let heads = heads.map(|(_, figures)| {
            let cells = figures.map(|(name, _)| format!("  {name}")).concat();
            format!("{:>6}  {:<8}{cells}", "open", "by")
        });
        let lines = self.contenders.iter().map(|(contender, figures)| {
            let cells = figures.map(|(name, figure)| {
                let figure = figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string());
                format!("  {figure:>width$}", width = name.len())
            });
            format!(
                "{:>6}  {:<8}{}",
                self.open,
                contender.name(),
                cells.concat()
            )
        });
        heads
            .into_iter()
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Measured {
    fn figures(mut self) -> [Figure; FIGURES] {
        self.latencies.sort_unstable();
        let (sagas, seconds) = (
            self.latencies.len().max(1) as f64,
            self.elapsed.as_secs_f64(),
        );
        let cpu = |used: Option<Duration>| {
            used.map(|used| round(used.as_secs_f64() * 1_000.0 / sagas, 4))
        };
        let others_cpus = self
            .cpu
            .others()
            .map(|used| round(used.as_secs_f64() / seconds, 2));
        [
            (
                "per_s",
                Some(round(self.latencies.len() as f64 / seconds, 1)),
            ),
            ("p50_ms", percentile(&self.latencies, 0.50)),
            ("p99_ms", percentile(&self.latencies, 0.99)),
            ("broker_cpu_ms_per_saga", cpu(self.cpu.broker)),
            ("engine_cpu_ms_per_saga", cpu(self.cpu.engine)),
            ("worker_cpu_ms_per_saga", cpu(self.cpu.worker)),
            ("load_cpu_ms_per_saga", cpu(self.cpu.load)),
            (
                "engine_rss_bytes",
                self.engine_rss_bytes.map(|bytes| bytes as f64),
            ),
            ("records_per_saga", Some(round(self.records_per_saga, 2))),
            (
                "bytes_per_saga",
                self.bytes_per_saga.map(|bytes| round(bytes, 0)),
            ),
            ("others_cpus", others_cpus),
        ]
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let figures = self.contenders.iter().flat_map(|(contender, figures)| {
            figures
                .iter()
                .map(|(name, figure)| (contender.key(name), *figure))
        });
        let open = std::iter::once(("open".to_owned(), Some(f64::from(self.open))));
        serializer.collect_map(
            open.chain(figures)
                .map(|(key, figure)| (key, figure.map(Number))),
        )
    }
}

/// Whole numbers are written without a fraction.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
