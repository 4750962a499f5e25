//! What the principal may do, as far as trying tells: nothing is changed. What may be written is told by the question to
//! the inbox, and by nothing else.

use std::ops::ControlFlow;

use sagaline_journal::{
    Error, Record,
    kafka::{Admin, Group, Kafka, Reader, TopicState},
    wire::topic,
};

use super::Check;
use crate::{cli::Session, fault::Outcome};

/// Tries to see, to read and to describe; a check for each right that is missing, or one for all.
pub(super) fn checks(session: &Session, kafka: &Kafka, admin: &Admin) -> Outcome<Vec<Check>> {
    let namespace = &session.settings.namespace;
    let mut found = Vec::new();
    let mut deny = |operation: &str, on: &str| {
        found.push(denied(kafka.bootstrap(), namespace, operation, on));
    };
    let reader = Reader::open(kafka)?;
    for name in [
        topic::inbox(namespace),
        topic::results(namespace),
        topic::journal(namespace),
        topic::state(namespace),
        topic::replies(namespace),
        topic::control(namespace),
    ] {
        match admin.topic(&name)? {
            TopicState::Missing => continue,
            TopicState::Denied => deny("Describe", &name),
            TopicState::Present(info) => {
                if is_denied(admin.topic_config(&name))? {
                    deny("DescribeConfigs", &name);
                }
                if is_denied(one_record(&reader, &name, info.partitions))? {
                    deny("Read", &name);
                }
            }
        }
    }
    let group = topic::engine_group(namespace);
    if is_denied(Group::open(kafka, &group)?.members())? {
        let command = format!(
            "kafka-acls.sh --bootstrap-server {} --add --allow-principal User:NAME --operation Describe \
             --group {namespace}. --resource-pattern-type prefixed",
            kafka.bootstrap()
        );
        let text = format!("the principal may not see the group {group}: {command}");
        found.push(Check::found("rights", "denied", text));
    }
    if found.is_empty() {
        let text = "topics and groups of the namespace can be seen, read and described";
        found.push(Check::fine("rights", text));
    }
    Ok(found)
}

/// Reads one record of a topic, if it has one: rights are those of the topic.
fn one_record(reader: &Reader, topic: &str, partitions: i32) -> Result<(), Error> {
    for partition in 0..partitions {
        let begin = reader.beginning(topic, partition)?;
        let end = reader.end(topic, partition)?;
        if begin < end {
            let visit = |_: &Record| ControlFlow::Break(());
            return reader
                .read(topic, partition, end - 1, Some(end), visit)
                .map(drop);
        }
    }
    Ok(())
}

/// Whether that was denied; what failed otherwise has failed.
fn is_denied<T>(result: Result<T, Error>) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.code() == "kafka-denied" => Ok(true),
        Err(error) => Err(error),
    }
}

fn denied(bootstrap: &str, namespace: &str, operation: &str, on: &str) -> Check {
    let text = format!(
        "the principal may not {operation} {on}: kafka-acls.sh --bootstrap-server {bootstrap} --add \
         --allow-principal User:NAME --operation {operation} --topic {namespace}. --resource-pattern-type prefixed"
    );
    Check::found("rights", "denied", text)
}

#[cfg(test)]
mod tests {
    use sagaline_journal::ErrorKind;

    use super::*;

    #[test]
    fn only_a_denial_is_a_missing_right() {
        let error = |code| Err::<(), _>(Error::new(ErrorKind::Invalid, code, "it may not"));

        assert!(!is_denied(Ok(())).unwrap());
        assert!(is_denied(error("kafka-denied")).unwrap());
        assert!(is_denied(error("kafka-refused")).is_err());
    }

    #[test]
    fn a_missing_right_is_named_with_the_command_that_gives_it() {
        let check = denied("h:9", "shop", "Read", "shop.journal");

        assert_eq!(check.finding, Some("denied"));
        let command =
            "h:9 --add --allow-principal User:NAME --operation Read --topic shop. --resource";
        assert!(check.text.contains(command), "{}", check.text);
    }
}
