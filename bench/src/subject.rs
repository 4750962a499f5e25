//! The broker that is measured: one that runs, or an embedded one that is started for it and ends with it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{
    embedded::{Embedded, Program},
    process::Broker,
};

/// Which broker is to be measured.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Choice {
    /// A broker that runs, HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// A broker that is started for this and ends with it.
    #[arg(long)]
    broker: Option<Started>,
}

/// The brokers that the benchmark can start.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Started {
    /// Sagaline's own, in a temporary folder.
    Embedded,
}

/// A broker that serves.
#[derive(Debug)]
pub(crate) struct Subject {
    address: String,
    process: Broker,
    /// The broker first: it ends before its folder goes.
    embedded: Option<(Embedded, TempDir)>,
}

impl Choice {
    /// Starts it if it does not run.
    pub(crate) fn open(&self) -> Result<Subject> {
        match &self.kafka {
            Some(address) => Ok(Subject::running(address)),
            None => Subject::start(&Program::Own),
        }
    }
}

impl Subject {
    /// A broker that runs.
    pub(crate) fn running(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            process: Broker::find(address),
            embedded: None,
        }
    }

    /// Starts an embedded broker in a temporary folder.
    pub(crate) fn start(program: &Program) -> Result<Self> {
        let folder = TempDir::new().context("there is no temporary folder")?;
        let embedded = Embedded::start(program, folder.path(), 0)?;
        Ok(Self {
            address: embedded.address().to_owned(),
            process: Broker::of(embedded.id()),
            embedded: Some((embedded, folder)),
        })
    }

    /// Where it serves, HOST:PORT.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(crate) fn process(&self) -> Broker {
        self.process
    }

    /// Bytes of the segment files of a namespace's topics, if they are on this machine.
    pub(crate) fn log_bytes(&self, namespace: &str) -> Option<u64> {
        match &self.embedded {
            // All topics of other runs were deleted.
            Some((_, folder)) => Some(segment_bytes(folder.path())),
            None => self.process.log_bytes(namespace),
        }
    }
}

/// Bytes of the segment files in a folder, at any depth.
fn segment_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |path: &Path| match path.is_dir() {
        true => segment_bytes(path),
        false if path.extension().is_some_and(|extension| extension == "log") => {
            fs::metadata(path).map_or(0, |metadata| metadata.len())
        }
        false => 0,
    };
    entries.map(|entry| bytes(&entry.path())).sum()
}
