//! `doctor`: looks for what would cost data or sleep one day, or holds runs up now, and says what to do about each.
//!
//! It changes nothing. Its only record is a question to the inbox, which the engine answers and nobody keeps.

mod lag;
mod probe;
mod protocol;
mod rights;
mod topics;

use std::path::PathBuf;

use clap::Args;
use sagaline_journal::{
    kafka::{Admin, Group, Kafka},
    wire::topic,
};
use serde::Serialize;

use super::Session;
use crate::{
    fault::{Exit, Fault, Outcome},
    output::{Format, Output, Terminal},
    server,
    settings::Layer,
};

/// What `doctor` takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// File with the signing keys that the engines use [env: SAGALINE_KEYS_FILE]
    #[arg(long, value_name = "FILE")]
    keys_file: Option<PathBuf>,
}

impl DoctorArgs {
    /// What the flags say.
    pub(crate) fn layer(&self) -> Layer {
        Layer {
            keys_file: self.keys_file.clone(),
            ..Layer::default()
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    /// A word for code; none: all is well.
    finding: Option<&'static str>,
    text: String,
}

impl Check {
    fn fine(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            finding: None,
            text: text.into(),
        }
    }

    /// Whether it is that check, and all is well.
    fn is_fine(&self, check: &str) -> bool {
        self.check == check && self.finding.is_none()
    }

    fn found(check: &'static str, finding: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            finding: Some(finding),
            text: text.into(),
        }
    }
}

/// Looks at everything; fails when something is to be done.
pub(crate) fn doctor(session: &Session) -> Outcome {
    session.by_topics("`doctor`")?;
    let kafka = session.kafka()?;
    let admin = Admin::open(&kafka)?;
    let brokers = admin.cluster()?.brokers.len();
    let plural = if brokers == 1 { "broker" } else { "brokers" };
    let mut seen = Seen(vec![
        Check::fine(
            "reach",
            format!("{brokers} {plural} at {}", session.settings.bootstrap),
        ),
        keys(session)?,
    ]);
    seen.add(protocol::check(&kafka).map(|check| vec![check]))?;
    seen.add(rights::checks(session, &kafka, &admin))?;
    seen.add(topics::checks(session, &kafka, &admin))?;
    seen.add(engine(session, &kafka).map(|check| vec![check]))?;
    let has_engine = seen.0.iter().any(|check| check.is_fine("engine"));
    seen.add(lag::checks(session, &kafka, &admin, has_engine))?;
    seen.add(probe::checks(session, &admin, has_engine))?;
    print(session.output, &seen.0)?;
    let findings = seen.0.iter().filter(|check| check.finding.is_some());
    match findings.count() {
        0 => Ok(()),
        1 => Err(Fault::new(Exit::Failed, "1 finding")),
        several => Err(Fault::new(Exit::Failed, format!("{several} findings"))),
    }
}

/// What was seen so far.
struct Seen(Vec<Check>);

impl Seen {
    /// Adds checks. What the principal may not do is a finding too, and the rest is looked at nevertheless.
    fn add(&mut self, checks: Outcome<Vec<Check>>) -> Outcome {
        match checks {
            Ok(checks) => self.0.extend(checks),
            Err(fault) if fault.exit() == Exit::Refused => {
                let text = fault.message();
                self.0.push(Check::found("rights", "denied", text));
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }
}

/// Whether there is one.
fn engine(session: &Session, kafka: &Kafka) -> Outcome<Check> {
    let group = topic::engine_group(&session.settings.namespace);
    Ok(match Group::open(kafka, &group)?.members()?.len() {
        0 => Check::found(
            "engine",
            "no-engine",
            format!("group {group} has no member: start an engine with `server`"),
        ),
        1 => Check::fine("engine", format!("group {group} has 1 member")),
        members => Check::fine("engine", format!("group {group} has {members} members")),
    })
}

fn keys(session: &Session) -> Outcome<Check> {
    if server::keys(session)?.is_development() {
        let text = "tokens are signed with the published development key: anybody can forge an answer; give every engine the same keys_file";
        return Ok(Check::found("keys", "development-key", text));
    }
    Ok(Check::fine(
        "keys",
        "the keys file can be read; every engine must have the same one",
    ))
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Check],
}

fn print(output: Output, checks: &[Check]) -> Outcome {
    match output.format {
        Format::Json => output.json(&Report {
            ok: checks.iter().all(|check| check.finding.is_none()),
            checks,
        })?,
        Format::Jsonl => checks.iter().try_for_each(|check| output.json(check))?,
        Format::Table => {
            let row = |check: &Check| {
                vec![
                    check.check.to_owned(),
                    check.finding.unwrap_or("ok").to_owned(),
                    check.text.clone(),
                ]
            };
            let rows: Vec<Vec<String>> = checks.iter().map(row).collect();
            // What to do is never cut.
            let whole = Output {
                terminal: Terminal {
                    width: None,
                    ..output.terminal
                },
                ..output
            };
            whole.table(&["CHECK", "FINDING", ""], &rows)?;
        }
    }
    Ok(())
}
