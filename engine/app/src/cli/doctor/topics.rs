//! The namespace's topics: which are missing, how each is set, and whether all copies are there.

use std::collections::BTreeMap;

use sagaline_journal::{
    Error,
    kafka::{Admin, Kafka, TopicInfo, TopicState},
    wire::topic,
};
use sagaline_runtime::engine;

use super::Check;
use crate::{cli::Session, fault::Outcome};

/// Most topics that are looked at one by one.
const TOPICS_MAX: usize = 200;

pub(super) fn checks(session: &Session, kafka: &Kafka, admin: &Admin) -> Outcome<Vec<Check>> {
    let namespace = &session.settings.namespace;
    let mut checks = missing(session, kafka, admin)?;
    let prefix = format!("{namespace}.");
    let names = admin.topics()?.into_keys();
    for name in names
        .filter(|name| name.starts_with(&prefix))
        .take(TOPICS_MAX)
    {
        if let TopicState::Present(info) = admin.topic(&name)? {
            // A missing right is told by `rights`.
            let config = admin.topic_config(&name).unwrap_or_default();
            checks.push(one(&name, info, &config));
        }
    }
    checks.extend(partitions(admin, namespace)?);
    checks.extend(durability(kafka, admin, namespace)?);
    Ok(checks)
}

fn missing(session: &Session, kafka: &Kafka, admin: &Admin) -> Outcome<Vec<Check>> {
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

/// How a topic is, and whether something of it is away.
fn one(name: &str, info: TopicInfo, config: &BTreeMap<String, String>) -> Check {
    let TopicInfo {
        partitions,
        replication,
        in_sync,
        leaderless,
    } = info;
    if leaderless > 0 {
        let text = format!(
            "{name} has no leader for {leaderless} of its {partitions} partitions: start the brokers that had them"
        );
        return Check::found("topic", "no-leader", text);
    }
    if in_sync < replication {
        let text = format!(
            "{name} has a partition of which {in_sync} of {replication} copies are in sync: look for a broker that is away or slow"
        );
        return Check::found("topic", "under-replicated", text);
    }
    Check::fine("topic", format!("{name}: {}", described(&info, config)))
}

/// `12 partitions, 3 copies, min.insync.replicas 2, kept for ever, the broker's time, records up to 8388608 bytes`
fn described(info: &TopicInfo, config: &BTreeMap<String, String>) -> String {
    let setting = |key: &str| config.get(key).map(String::as_str);
    let plural = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    };
    let partitions = usize::try_from(info.partitions).unwrap_or_default();
    let mut parts = vec![
        plural(partitions, "partition", "partitions"),
        plural(info.replication, "copy", "copies"),
    ];
    parts
        .extend(setting("min.insync.replicas").map(|least| format!("min.insync.replicas {least}")));
    parts.extend(setting("retention.ms").map(|kept| match kept {
        "-1" => "kept for ever".to_owned(),
        ms => format!("kept for {ms} ms"),
    }));
    parts.extend(setting("message.timestamp.type").map(|kind| match kind {
        "LogAppendTime" => "the broker's time".to_owned(),
        _ => "the senders' time".to_owned(),
    }));
    parts.extend(setting("max.message.bytes").map(|most| format!("records up to {most} bytes")));
    parts.join(", ")
}

/// Inbox, results and journal belong together, partition by partition.
fn partitions(admin: &Admin, namespace: &str) -> Result<Option<Check>, Error> {
    let mut counts = Vec::new();
    for name in [
        topic::journal(namespace),
        topic::inbox(namespace),
        topic::results(namespace),
        topic::state(namespace),
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

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: TopicInfo = TopicInfo {
        partitions: 12,
        replication: 3,
        in_sync: 3,
        leaderless: 0,
    };

    #[test]
    fn a_topic_is_told_by_what_matters_of_it() {
        let config = [
            ("retention.ms", "-1"),
            ("min.insync.replicas", "2"),
            ("message.timestamp.type", "LogAppendTime"),
            ("segment.bytes", "1"),
        ];
        let config = config.map(|(key, value)| (key.to_owned(), value.to_owned()));

        let check = one("shop.inbox", WELL, &BTreeMap::from(config));

        assert_eq!(
            check.text,
            "shop.inbox: 12 partitions, 3 copies, min.insync.replicas 2, kept for ever, the broker's time"
        );
        assert_eq!(check.finding, None);
    }

    #[test]
    fn what_is_away_of_a_topic_is_found() {
        let behind = TopicInfo { in_sync: 2, ..WELL };
        let headless = TopicInfo {
            leaderless: 1,
            ..behind
        };

        let found = |info| one("shop.inbox", info, &BTreeMap::new());

        assert_eq!(found(behind).finding, Some("under-replicated"));
        assert!(found(behind).text.contains("2 of 3"));
        assert_eq!(found(headless).finding, Some("no-leader"));
    }
}
