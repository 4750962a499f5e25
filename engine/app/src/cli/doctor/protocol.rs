//! Which Kafka this is, by the requests that its brokers take: they tell nobody their version.

use sagaline_journal::kafka::{ApiVersions, Kafka};

use super::Check;
use crate::fault::Outcome;

/// What nothing goes without: number, version and name of the request, and for what.
const NEEDED: [(i16, i16, &str, &str); 9] = [
    (0, 3, "Produce", "records with headers"),
    (1, 4, "Fetch", "reading what was committed"),
    (2, 1, "ListOffsets", "where topics end"),
    (3, 1, "Metadata", "which topics there are"),
    (9, 1, "OffsetFetch", "where groups stand"),
    (11, 2, "JoinGroup", "who owns which partition"),
    (19, 1, "CreateTopics", "making topics"),
    (22, 0, "InitProducerId", "records that arrive once"),
    (32, 0, "DescribeConfigs", "how topics are set"),
];

/// What came with which release: number and version of a request that was not there before, newest first.
const RELEASES: [(&str, i16, i16); 10] = [
    ("4.1", 0, 13),
    ("4.0", 0, 12),
    ("3.8", 0, 11),
    ("3.7", 0, 10),
    ("3.5", 1, 15),
    ("3.1", 1, 13),
    ("3.0", 2, 7),
    ("2.8", 60, 0),
    ("2.4", 0, 8),
    ("2.1", 0, 7),
];

pub(super) fn check(kafka: &Kafka) -> Outcome<Check> {
    Ok(of(&ApiVersions::ask(kafka)?))
}

fn of(versions: &ApiVersions) -> Check {
    if versions.is_empty() {
        return Check::fine("protocol", "the brokers' version cannot be told");
    }
    let takes = |request, version| versions.max(request).is_some_and(|max| max >= version);
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|(request, version, ..)| !takes(*request, *version))
        .map(|(_, version, name, why)| format!("{name} {version} ({why})"))
        .collect();
    if !missing.is_empty() {
        let text = format!(
            "the brokers do not take {}; run Kafka 2.1 or later on all of them",
            missing.join(", ")
        );
        return Check::found("protocol", "kafka-too-old", text);
    }
    let release = RELEASES
        .iter()
        .find(|(_, request, version)| takes(*request, *version));
    Check::fine(
        "protocol",
        match release {
            Some((release, ..)) => format!("that of Kafka {release}, or later"),
            None => "that of a Kafka before 2.1, which nobody has tried".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_no_finding() {
        let check = of(&ApiVersions::default());

        assert_eq!(check.finding, None);
        assert!(check.text.contains("cannot be told"), "{}", check.text);
    }
}
