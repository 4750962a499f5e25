//! Memory of the broker and bytes of the binary that it is in.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::{embedded::Program, process, subject::Subject};

const MEGABYTE: f64 = 1e6;
const MEGABYTES_MAX: f64 = 40.0;

/// How long a broker that was just started, or that was under load, is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// Memory of a broker that nobody has used.
pub(super) struct Fresh(Option<u64>);

impl Fresh {
    pub(super) fn measure(program: &Program) -> Result<Self> {
        let subject = Subject::start(program)?;
        thread::park_timeout(SETTLE);
        Ok(Self(rss(&subject)))
    }

    /// With that of the brokers that were under load meanwhile.
    pub(super) fn rows(self, pair: &Pair, app: &Path) -> Result<Vec<Row>> {
        thread::park_timeout(SETTLE);
        let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / MEGABYTE);
        let row = |name, embedded, kafka| {
            let figure = Figure::new(name, "MB", Target::Below(MEGABYTES_MAX));
            Row::new(figure, megabytes(embedded), megabytes(kafka))
        };
        Ok(vec![
            row("memory after the start", self.0, None),
            row(
                "memory after the load",
                rss(&pair.embedded),
                pair.kafka.as_ref().and_then(rss),
            ),
            row("order-saga, stripped", Some(stripped_bytes(app)?), None),
        ])
    }
}

fn rss(subject: &Subject) -> Option<u64> {
    process::rss_bytes(subject.process().id()?)
}

fn stripped_bytes(binary: &Path) -> Result<u64> {
    let folder = TempDir::new()?;
    let stripped = folder.path().join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .args([&stripped, &binary.to_path_buf()])
        .status()
        .context("strip could not be started")?;
    ensure!(status.success(), "strip: {status}");
    Ok(fs::metadata(&stripped)?.len())
}
