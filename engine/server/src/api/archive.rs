//! Closed runs that are kept no longer: to a file of the archive, if there is one, and then out of the projection.
//!
//! ```text
//! closed long ago ─▶ some of them, the oldest first ─▶ DIR/2026-11-26/….jsonl.gz, whole and on disk ─▶ their rows go
//! ```
//! Invariant: rows go only after the file is on disk; a file that was written twice, since the process ended between, has the same
//! name. Deliberately absent: which runs those are (projection), and the journal, which keeps its records.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use sagaline_core::{Timestamp, view::HistoryEvent};
use sagaline_journal::{Error, ErrorKind};
use sagaline_projection::StoredRun;
use serde::Serialize;
use serde_json::json;

use super::{Api, journal::now, walk::Walk};
use crate::problem::Problem;

/// Pause between two looks, at most.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Pause between two looks, at least.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// How long closed runs are kept, and where they go then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// From when a run closed.
    pub keep: Duration,
    /// Folder of the archive; none: they are in the journal alone.
    pub archive: Option<PathBuf>,
}

impl Api {
    /// Takes out closed runs, as long as it is polled: those of partitions that `leader` projects.
    pub async fn retain(self, leader: String, retention: Retention) {
        let pause = (retention.keep / 4).clamp(LOOK_PAUSE, LOOK_EVERY);
        loop {
            if let Err(error) = self.expire(&leader, &retention).await {
                tracing::error!(%error, code = error.code(), "closed runs stay longer than they are to");
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn expire(&self, leader: &str, retention: &Retention) -> Result<(), Error> {
        let keep = i64::try_from(retention.keep.as_millis()).unwrap_or(i64::MAX);
        loop {
            let before = now().as_millis().saturating_sub(keep);
            let before = Timestamp::from_millis(before.max(0));
            let runs = self.projection().expired(leader, before).await?;
            let Some(first) = runs.first() else {
                return Ok(());
            };
            if let Some(folder) = &retention.archive {
                let mut file = Archived::begin(folder, first)?;
                for run in &runs {
                    self.archive(&mut file, run).await?;
                }
                file.end()?;
            }
            self.projection().forget(&runs).await?;
            let is_archived = retention.archive.is_some();
            tracing::info!(
                runs = runs.len(),
                is_archived,
                "closed runs are kept no longer"
            );
        }
    }

    /// A line for a run, and one for each of its events.
    async fn archive(&self, file: &mut Archived, run: &StoredRun) -> Result<(), Error> {
        let view = run.view(now(), &[]);
        file.line(&json!({ "run": view.describe() }))?;
        if run.deleted.is_some() {
            return Ok(());
        }
        let mut walk = Walk::through(self, run);
        loop {
            let window = match walk.next().await {
                // What the journal has no more is nowhere: the rest of the runs must not wait for it.
                Err(problem) if problem.code == "history_trimmed" => {
                    tracing::warn!(workflow_id = %run.workflow_id, "the journal was trimmed before a run's history was archived");
                    return file.line(
                        &json!({ "run_id": run.run.run_id.to_string(), "history": "trimmed" }),
                    );
                }
                read => read.map_err(unread)?,
            };
            let Some(window) = window else { break };
            for (_, event) in window.shown() {
                file.line(&EventLine {
                    workflow_id: run.workflow_id.as_str(),
                    run_id: run.run.run_id.to_string(),
                    event,
                })?;
            }
        }
        Ok(())
    }
}

/// The line of an event.
#[derive(Serialize)]
struct EventLine<'a> {
    workflow_id: &'a str,
    run_id: String,
    event: HistoryEvent<'a>,
}

/// A file in the making: it is there whole, or not at all.
struct Archived {
    lines: GzEncoder<BufWriter<File>>,
    part: PathBuf,
    path: PathBuf,
}

impl Archived {
    /// Begins the file of runs of which this is the first: its name depends on nothing else.
    fn begin(folder: &Path, first: &StoredRun) -> Result<Self, Error> {
        let closed_at = first.run.closed.as_ref().map(|closed| closed.at);
        let closed_at = closed_at.unwrap_or_default();
        let text = closed_at.to_rfc3339();
        let day = text.split('T').next().unwrap_or_default();
        let name = format!("{}-{}", closed_at.as_millis(), first.run.run_id);
        let path = folder.join(day).join(format!("{name}.jsonl.gz"));
        let part = path.with_file_name(format!("{name}.part"));
        let begin = || {
            fs::create_dir_all(folder.join(day))?;
            let file = BufWriter::new(File::create(&part)?);
            Ok(GzEncoder::new(file, Compression::default()))
        };
        let lines = begin().map_err(|error| unwritten(&path, &error))?;
        Ok(Self { lines, part, path })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let written = serde_json::to_writer(&mut self.lines, value)
            .map_err(io::Error::from)
            .and_then(|()| self.lines.write_all(b"\n"));
        written.map_err(|error| unwritten(&self.path, &error))
    }

    fn end(self) -> Result<(), Error> {
        let Self { lines, part, path } = self;
        let end = || {
            let file = lines.finish()?.into_inner()?;
            file.sync_all()?;
            fs::rename(part, &path)?;
            // The name, too, is on disk then.
            path.parent()
                .map_or(Ok(()), |day| File::open(day)?.sync_all())
        };
        end().map_err(|error: io::Error| unwritten(&path, &error))
    }
}

fn unread(problem: Problem) -> Error {
    Error::new(ErrorKind::Unavailable, problem.code, problem.detail)
}

fn unwritten(path: &Path, error: &io::Error) -> Error {
    let text = format!("the archive {} cannot be written: {error}", path.display());
    Error::new(ErrorKind::Unavailable, "archive-unwritten", text)
}
