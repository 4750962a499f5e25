//! What would lose sagas one day, or hold them up: topics whose settings do not keep what was acknowledged, or do not
//! take what Sagaline writes.

use std::collections::BTreeMap;

use sagaline_journal::{
    Error,
    kafka::{Admin, Kafka, TopicState},
    wire::topic,
};

use super::layout::MESSAGE_BYTES_MAX;
use crate::delay::Tier;

/// Something that an operator should change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A word for code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub text: String,
}

/// Looks at the topics that hold sagas.
///
/// # Errors
/// [`sagaline_journal::ErrorKind::Unavailable`]: no broker answers.
pub fn findings(admin: &Admin, kafka: &Kafka, namespace: &str) -> Result<Vec<Finding>, Error> {
    let (inbox, journal) = (topic::inbox(namespace), topic::journal(namespace));
    let mut findings = Vec::new();
    for name in [&inbox, &topic::results(namespace), &journal] {
        let TopicState::Present(info) = admin.topic(name)? else {
            continue;
        };
        let config = admin.topic_config(name)?;
        findings.extend(unsafe_settings(name, info.replication, &config));
        // The engine forwards to the inbox what is larger than it was, and a journal's batch has large records.
        if [&inbox, &journal].contains(&name) {
            findings.extend(small_records(kafka.bootstrap(), name, &config));
        }
    }
    let state = topic::state(namespace);
    if let TopicState::Present(info) = admin.topic(&state)? {
        let config = admin.topic_config(&state)?;
        findings.extend(too_few_copies(&state, info.replication, &config));
        findings.extend(forgetful(&state, &config));
    }
    let retries = Tier::ALL.map(|tier| topic::retry(namespace, tier.name()));
    findings.extend(findings_of_retries(admin, &retries)?);
    Ok(findings)
}

/// They are made alike: of what is wrong with several, the first is named.
fn findings_of_retries(admin: &Admin, names: &[String]) -> Result<Vec<Finding>, Error> {
    let mut findings: Vec<Finding> = Vec::new();
    for name in names {
        let TopicState::Present(info) = admin.topic(name)? else {
            continue;
        };
        let config = admin.topic_config(name)?;
        for finding in unsafe_settings(name, info.replication, &config) {
            if findings.iter().all(|known| known.code != finding.code) {
                findings.push(finding);
            }
        }
    }
    Ok(findings)
}

/// The topic of snapshots, if it does not keep the newest: what a trimmed journal has no more is nowhere else.
#[must_use]
pub fn forgetful(name: &str, config: &BTreeMap<String, String>) -> Option<Finding> {
    let policy = config.get("cleanup.policy").map_or("", String::as_str);
    (policy != "compact").then(|| Finding {
        code: "no-compaction",
        text: format!("{name} has cleanup.policy={policy}; set it to compact: it must keep the newest record of each key for ever"),
    })
}

/// Settings with which a lost disk, or a slow one, loses what was acknowledged.
fn too_few_copies(
    name: &str,
    replication: usize,
    config: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |code, text: String| findings.push(Finding { code, text });
    let setting = |key: &str| config.get(key).map_or("", String::as_str);
    if replication < 3 {
        let text =
            format!("{name} has {replication} copies; with fewer than 3, a lost disk loses sagas");
        find("replication", text);
    }
    if replication >= 3 && setting("min.insync.replicas").parse::<u32>().unwrap_or(1) < 2 {
        let text = format!("{name} has min.insync.replicas < 2; set it to 2");
        find("min-insync", text);
    }
    if setting("unclean.leader.election.enable") == "true" {
        let text = format!(
            "{name} allows unclean leader election; set unclean.leader.election.enable=false"
        );
        find("unclean-election", text);
    }
    findings
}

/// Settings with which something is lost one day.
pub(super) fn unsafe_settings(
    name: &str,
    replication: usize,
    config: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let mut findings = too_few_copies(name, replication, config);
    let mut find = |code, text: String| findings.push(Finding { code, text });
    let setting = |key: &str| config.get(key).map_or("", String::as_str);
    if setting("message.timestamp.type") != "LogAppendTime" {
        let text =
            format!("{name} keeps the senders' clocks; set message.timestamp.type=LogAppendTime");
        find("timestamp-type", text);
    }
    if setting("retention.ms") != "-1" {
        let retention = setting("retention.ms");
        let text = format!("{name} deletes records after retention.ms={retention}; set it to -1");
        find("retention", text);
    }
    if setting("cleanup.policy").contains("compact") {
        let text = format!("{name} is compacted; set cleanup.policy=delete");
        find("compaction", text);
    }
    findings
}

/// A topic that refuses what Sagaline writes: whoever made it left Kafka's default, 1 MB.
pub(super) fn small_records(
    bootstrap: &str,
    name: &str,
    config: &BTreeMap<String, String>,
) -> Option<Finding> {
    let bytes = config.get("max.message.bytes")?.parse::<u64>().ok()?;
    (bytes < MESSAGE_BYTES_MAX).then(|| Finding {
        code: "max-message-bytes",
        text: format!(
            "{name} refuses records over max.message.bytes={bytes}; allow {MESSAGE_BYTES_MAX}: \
             kafka-configs.sh --bootstrap-server {bootstrap} --alter --topic {name} \
             --add-config max.message.bytes={MESSAGE_BYTES_MAX}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_topic_that_takes_no_record_of_8_mb_is_found_with_the_command_that_mends_it() {
        let check = |bytes, expected: Option<&str>| {
            let found = small_records(
                "h:9",
                "ns.inbox",
                &settings(&[("max.message.bytes", bytes)]),
            );

            assert_eq!(
                found.as_ref().map(|finding| finding.code),
                expected,
                "{bytes}"
            );
            if let Some(finding) = found {
                let fix = "h:9 --alter --topic ns.inbox --add-config max.message.bytes=8388608";
                assert!(finding.text.contains(fix), "{}", finding.text);
                assert!(finding.text.contains(bytes), "{}", finding.text);
            }
        };

        check("1048588", Some("max-message-bytes"));
        check("8388607", Some("max-message-bytes"));
        check("8388608", None);
        check("10485760", None);
        assert_eq!(small_records("h:9", "ns.inbox", &settings(&[])), None);
    }
}
