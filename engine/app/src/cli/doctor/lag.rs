//! What lies unread: before the engine, partition by partition, and in task queues before their workers.

use sagaline_journal::{
    Error,
    kafka::{Admin, Group, Kafka},
    wire::topic,
};

use super::Check;
use crate::{cli::Session, fault::Outcome};

/// More than this in one partition, and the engine does not keep up.
const UNREAD_MAX: i64 = 10_000;

/// Most queues that are looked at.
const QUEUES_MAX: usize = 64;

/// Partitions that are named.
const NAMED_MAX: usize = 8;

pub(super) fn checks(
    session: &Session,
    kafka: &Kafka,
    admin: &Admin,
    has_engine: bool,
) -> Outcome<Vec<Check>> {
    let namespace = &session.settings.namespace;
    let topics = admin.topics()?;
    let group = Group::open(kafka, &topic::engine_group(namespace))?;
    let mut checks = Vec::new();
    for name in [topic::inbox(namespace), topic::results(namespace)] {
        if let Some(&partitions) = topics.get(&name) {
            let unread = unread(&group, &name, partitions)?;
            checks.push(engine(&name, &unread, has_engine));
        }
    }
    let prefix = topic::tasks(namespace, "");
    let queues = topics
        .iter()
        .filter_map(|(name, partitions)| Some((name, name.strip_prefix(&prefix)?, *partitions)));
    for (name, queue, partitions) in queues.take(QUEUES_MAX) {
        let group = Group::open(kafka, &topic::worker_group(namespace, queue))?;
        let waiting: i64 = unread(&group, name, partitions)?.iter().sum();
        checks.push(workers(queue, waiting, group.members()?.len()));
    }
    Ok(checks)
}

/// Records of each partition that a group has not committed.
fn unread(group: &Group, topic: &str, partitions: i32) -> Result<Vec<i64>, Error> {
    let partitions: Vec<i32> = (0..partitions).collect();
    let committed = group.committed(topic, &partitions)?;
    let bounds = group.bounds(topic, &partitions)?;
    let unread = committed.into_iter().zip(bounds);
    Ok(unread
        .map(|(committed, (begin, end))| (end - committed.unwrap_or(begin).max(begin)).max(0))
        .collect())
}

fn engine(topic: &str, unread: &[i64], has_engine: bool) -> Check {
    let mut behind: Vec<(usize, i64)> = unread.iter().copied().enumerate().collect();
    behind.retain(|(_, unread)| *unread > 0);
    if behind.is_empty() {
        return Check::fine("lag", format!("{topic}: all is read"));
    }
    behind.sort_by_key(|(partition, unread)| (std::cmp::Reverse(*unread), *partition));
    let more = behind.len().saturating_sub(NAMED_MAX);
    let named = behind.iter().take(NAMED_MAX);
    let named = named.map(|(partition, unread)| format!("{unread} in partition {partition}"));
    let mut text = format!(
        "{topic}: not read yet {}",
        named.collect::<Vec<_>>().join(", ")
    );
    if more > 0 {
        text.push_str(&format!(", and some in {more} more"));
    }
    let most = behind.first().map_or(0, |(_, unread)| *unread);
    match (has_engine, most > UNREAD_MAX) {
        (true, false) => Check::fine("lag", text),
        (true, true) => {
            text.push_str("; add engines, up to one for each partition, or give them more cores");
            Check::found("lag", "engine-behind", text)
        }
        (false, _) => {
            text.push_str("; start an engine with `server`");
            Check::found("lag", "engine-behind", text)
        }
    }
}

fn workers(queue: &str, waiting: i64, workers: usize) -> Check {
    let plural = if workers == 1 { "worker" } else { "workers" };
    match (waiting, workers) {
        (0, _) => Check::fine(
            "queue",
            format!("{queue}: nothing waits, {workers} {plural}"),
        ),
        (_, 0) => {
            let text = format!(
                "{queue}: {waiting} tasks wait and no worker reads it: start one with `worker`"
            );
            Check::found("queue", "no-worker", text)
        }
        _ => Check::fine(
            "queue",
            format!("{queue}: {waiting} tasks not done yet, {workers} {plural}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_far_behind_is_found_with_the_partitions() {
        let check = |unread: &[i64], has_engine, finding, text: &str| {
            let check = engine("shop.inbox", unread, has_engine);
            assert_eq!(check.finding, finding, "{unread:?}");
            assert!(check.text.contains(text), "{}", check.text);
        };

        check(&[0, 0], false, None, "all is read");
        check(&[0, 7], true, None, "7 in partition 1");
        check(
            &[9, 20_000],
            true,
            Some("engine-behind"),
            "20000 in partition 1, 9 in partition 0",
        );
        check(&[0, 7], false, Some("engine-behind"), "start an engine");
        check(&[1; 12], true, None, "and some in 4 more");
    }

    #[test]
    fn a_queue_with_tasks_and_without_workers_is_found() {
        assert_eq!(workers("orders", 0, 0).finding, None);
        assert_eq!(workers("orders", 3, 2).finding, None);
        assert_eq!(workers("orders", 3, 0).finding, Some("no-worker"));
    }
}
