//! `doctor`: looks for what would cost data or sleep one day, and says what to do about each.
//!
//! It changes nothing. Its only record is a question to the inbox, which the engine answers and nobody keeps.

mod probe;

use std::path::PathBuf;

use clap::Args;
use sagaline_journal::{
    kafka::{Admin, Group, Kafka, TopicState},
    wire::topic,
};
use sagaline_runtime::engine;
use serde::Serialize;

use super::Session;
use crate::{
    fault::{Exit, Fault, Outcome},
    output::{Format, Output},
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
    let namespace = &session.settings.namespace;
    let kafka = session.kafka()?;
    let admin = Admin::open(&kafka)?;
    let brokers = admin.cluster()?.brokers.len();
    let plural = if brokers == 1 { "broker" } else { "brokers" };
    let mut checks = vec![
        Check::fine(
            "reach",
            format!("{brokers} {plural} at {}", session.settings.bootstrap),
        ),
        keys(session)?,
    ];
    checks.extend(topics(session, &kafka, &admin)?);
    checks.extend(partitions(&admin, namespace)?);
    checks.extend(durability(&kafka, &admin, namespace)?);
    let group = topic::engine_group(namespace);
    checks.push(match Group::open(&kafka, &group)?.members()?.len() {
        0 => Check::found(
            "engine",
            "no-engine",
            format!("group {group} has no member: start an engine with `server`"),
        ),
        members => Check::fine(
            "engine",
            format!(
                "group {group} has {members} member{}",
                if members == 1 { "" } else { "s" }
            ),
        ),
    });
    let has_engine = checks.last().is_some_and(|check| check.finding.is_none());
    checks.extend(probe::checks(session, &admin, has_engine)?);
    print(session.output, &checks)?;
    match checks
        .iter()
        .filter(|check| check.finding.is_some())
        .count()
    {
        0 => Ok(()),
        1 => Err(Fault::new(Exit::Failed, "1 finding")),
        several => Err(Fault::new(Exit::Failed, format!("{several} findings"))),
    }
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

fn topics(session: &Session, kafka: &Kafka, admin: &Admin) -> Outcome<Vec<Check>> {
    let settings = &session.settings;
    let partitions = i32::from(settings.partitions);
    let missing = engine::missing_topics(admin, kafka, &settings.namespace, partitions)?;
    if missing.is_empty() {
        return Ok(vec![Check::fine("topics", "all are there")]);
    }
    let found = missing.into_iter().map(|command| {
        Check::found(
            "topics",
            "topic-missing",
            format!("the engine makes it at its start, or: {command}"),
        )
    });
    Ok(found.collect())
}

/// Inbox, results and journal belong together, partition by partition.
fn partitions(admin: &Admin, namespace: &str) -> Outcome<Option<Check>> {
    let mut counts = Vec::new();
    for name in [
        topic::journal(namespace),
        topic::inbox(namespace),
        topic::results(namespace),
    ] {
        if let TopicState::Present(info) = admin.topic(&name)? {
            counts.push((name, info.partitions));
        }
    }
    let Some((_, first)) = counts.first() else {
        return Ok(None);
    };
    if counts.iter().all(|(_, count)| count == first) {
        return Ok(Some(Check::fine(
            "partitions",
            format!("{first} each of inbox, results and journal"),
        )));
    }
    let all: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} has {count}"))
        .collect();
    let advice = if counts.iter().any(|(_, count)| count < first) {
        "they belong together, and the journal's number holds: add partitions to those that have fewer"
    } else {
        "the journal's number holds: what lies in other partitions of the inbox is only forwarded"
    };
    let text = format!("{}; {advice}", all.join(", "));
    Ok(Some(Check::found("partitions", "partitions-differ", text)))
}

fn durability(kafka: &Kafka, admin: &Admin, namespace: &str) -> Outcome<Vec<Check>> {
    let findings = engine::findings(admin, kafka, namespace)?;
    if findings.is_empty() {
        return Ok(vec![Check::fine(
            "durability",
            "topics keep what was acknowledged",
        )]);
    }
    Ok(findings
        .into_iter()
        .map(|finding| Check::found("durability", finding.code, finding.text))
        .collect())
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
            output.table(
                &["CHECK", "FINDING", ""],
                &checks.iter().map(row).collect::<Vec<_>>(),
            )?;
        }
    }
    Ok(())
}
