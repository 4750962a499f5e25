//! What limits task queues. The settings are in the journal; how much waits at a queue's home only its owner knows.

use std::collections::BTreeMap;

use sagaline_core::Name;
use sagaline_projection::QueueSettings;
use sagaline_runtime::lane::LaneStatus;
use serde::{Deserialize, Serialize};

/// What limits a queue.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    max_outstanding: Option<u32>,
    rate_per_second: Option<f64>,
    /// All of it; `paused` has single activities, too.
    is_paused: bool,
    paused: Vec<Paused>,
    /// Tasks that wait for their turn; null, as the next two: another process has its home.
    waiting: Option<usize>,
    held_back: Option<usize>,
    outstanding: Option<usize>,
    home_partition: i32,
    changed_at: String,
    changed_by: String,
    reason: Option<String>,
}

/// Of what nothing is released.
#[derive(Debug, Serialize)]
struct Paused {
    activity: Option<String>,
    since: String,
    by: String,
    reason: Option<String>,
}

/// A `QueueChanged`, as the API has its attributes.
#[derive(Deserialize)]
struct Changed {
    version: u64,
    home_partition: i32,
    max_outstanding: Option<u32>,
    rate_per_hour: Option<u64>,
    paused: Vec<ChangedPaused>,
    actor: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct ChangedPaused {
    activity: Option<String>,
    at: String,
    actor: String,
    reason: Option<String>,
}

impl Limits {
    /// Whether something limits it.
    pub(super) fn matter(&self) -> bool {
        let holds = [self.waiting, self.held_back, self.outstanding];
        let holds = holds
            .iter()
            .any(|tasks| tasks.is_some_and(|tasks| tasks > 0));
        holds
            || !self.paused.is_empty()
            || self.max_outstanding.is_some()
            || self.rate_per_second.is_some()
    }

    fn of(changed: Changed, changed_at: String) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "no rate is near 2^53 an hour")]
        let per_second = |per_hour: u64| per_hour as f64 / 3_600.0;
        Self {
            max_outstanding: changed.max_outstanding,
            rate_per_second: changed.rate_per_hour.map(per_second),
            is_paused: changed.paused.iter().any(|one| one.activity.is_none()),
            paused: changed.paused.into_iter().map(Paused::of).collect(),
            waiting: None,
            held_back: None,
            outstanding: None,
            home_partition: changed.home_partition,
            changed_at,
            changed_by: who(changed.actor),
            reason: changed.reason,
        }
    }
}

impl Paused {
    fn of(paused: ChangedPaused) -> Self {
        Self {
            activity: paused.activity,
            since: paused.at,
            by: who(paused.actor),
            reason: paused.reason,
        }
    }
}

/// `ada` of `sagaline.http/ada`.
fn who(actor: String) -> String {
    let prefixes = ["sagaline.http/", "sagaline.cli/"].into_iter();
    let mut people = prefixes.filter_map(|prefix| actor.strip_prefix(prefix));
    people.next().map_or_else(|| actor.clone(), str::to_owned)
}

/// The limits of queues, by name: of what partitions have of one the newest counts.
pub(super) fn of(settings: &[QueueSettings], lanes: &[LaneStatus]) -> BTreeMap<Name, Limits> {
    let mut newest: BTreeMap<&Name, (u64, bool, Limits)> = BTreeMap::new();
    for one in settings {
        let Ok(changed) = serde_json::from_str::<Changed>(&one.changed) else {
            tracing::warn!(queue = %one.task_queue, "what limits a task queue cannot be read");
            continue;
        };
        let key = (changed.version, changed.home_partition == one.partition);
        let known = newest.get(&one.task_queue);
        if known.is_none_or(|(version, is_home, _)| (*version, *is_home) < key) {
            let limits = Limits::of(changed, one.changed_at.to_rfc3339());
            newest.insert(&one.task_queue, (key.0, key.1, limits));
        }
    }
    let mut limits: BTreeMap<Name, Limits> = newest
        .into_iter()
        .map(|(name, (_, _, limits))| (name.clone(), limits))
        .collect();
    for queue in lanes.iter().flat_map(|lane| lane.queues.iter()) {
        if let Some(limits) = limits.get_mut(&queue.queue) {
            limits.waiting = Some(queue.waiting);
            limits.held_back = Some(queue.held_back);
            limits.outstanding = Some(queue.outstanding);
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;

    fn settings(partition: i32, version: u64, most: u32) -> QueueSettings {
        let changed = format!(
            r#"{{"queue":"payments","version":{version},"home_partition":3,"max_outstanding":{most},"rate_per_hour":1800,
                "paused":[{{"activity":"charge","at":"2026-01-01T00:00:00Z","actor":"sagaline.cli/ada","reason":null}}],
                "actor":"sagaline.http/bob","reason":"the bank is slow"}}"#
        );
        QueueSettings {
            task_queue: Name::from("payments"),
            partition,
            changed: changed.into(),
            changed_at: Timestamp::from_millis(i64::from(partition) * 1_000),
        }
    }

    #[test]
    fn the_newest_settings_count_and_of_the_same_those_of_the_home() {
        let all = [settings(0, 2, 20), settings(3, 2, 20), settings(5, 1, 10)];

        let limits = of(&all, &[]);

        let json = serde_json::to_value(&limits[&Name::from("payments")]).unwrap();
        assert_eq!(json["max_outstanding"], 20);
        assert_eq!(json["rate_per_second"], 0.5);
        assert_eq!(
            json["changed_at"],
            Timestamp::from_millis(3_000).to_rfc3339()
        );
        assert_eq!(
            (&json["changed_by"], &json["paused"][0]["by"]),
            (&"bob".into(), &"ada".into())
        );
        assert!(json["waiting"].is_null() && limits[&Name::from("payments")].matter());
    }

    #[test]
    fn a_queue_of_which_one_activity_is_paused_is_not_paused_itself() {
        let of_one = settings(3, 1, 10);
        let of_all = of_one.changed.replace("\"charge\"", "null");
        let of_all = QueueSettings {
            changed: of_all.into(),
            ..settings(3, 1, 10)
        };
        for (settings, is_paused) in [(of_one, false), (of_all, true)] {
            let limits = of(&[settings], &[]);

            let json = serde_json::to_value(&limits[&Name::from("payments")]).unwrap();

            assert_eq!(json["is_paused"], is_paused, "{json}");
            assert_eq!(json["paused"].as_array().map(Vec::len), Some(1));
        }
    }
}
