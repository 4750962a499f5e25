//! What would lose sagas one day: topics whose settings do not keep what was acknowledged.

use sagaline_journal::{
    Error,
    kafka::{Admin, TopicState},
    wire::topic,
};

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
pub fn findings(admin: &Admin, namespace: &str) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for name in [
        topic::inbox(namespace),
        topic::results(namespace),
        topic::journal(namespace),
    ] {
        let TopicState::Present(info) = admin.topic(&name)? else {
            continue;
        };
        let mut find = |code, text: String| findings.push(Finding { code, text });
        if info.replication < 3 {
            find(
                "replication",
                format!(
                    "{name} has {} copies; with fewer than 3, a lost disk loses sagas",
                    info.replication
                ),
            );
        }
        let config = admin.topic_config(&name)?;
        let setting = |key: &str| config.get(key).map_or("", String::as_str);
        if info.replication >= 3 && setting("min.insync.replicas").parse::<u32>().unwrap_or(1) < 2 {
            find(
                "min-insync",
                format!("{name} has min.insync.replicas < 2; set it to 2"),
            );
        }
        if setting("unclean.leader.election.enable") == "true" {
            find(
                "unclean-election",
                format!(
                    "{name} allows unclean leader election; set unclean.leader.election.enable=false"
                ),
            );
        }
        if setting("message.timestamp.type") != "LogAppendTime" {
            find(
                "timestamp-type",
                format!(
                    "{name} keeps the senders' clocks; set message.timestamp.type=LogAppendTime"
                ),
            );
        }
        if setting("retention.ms") != "-1" {
            find(
                "retention",
                format!(
                    "{name} deletes records after retention.ms={}; set it to -1",
                    setting("retention.ms")
                ),
            );
        }
        if setting("cleanup.policy").contains("compact") {
            find(
                "compaction",
                format!("{name} is compacted; set cleanup.policy=delete"),
            );
        }
    }
    Ok(findings)
}
