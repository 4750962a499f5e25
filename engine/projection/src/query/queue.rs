//! What waits in task queues, as far as runs tell it.

use std::collections::BTreeMap;

use sagaline_core::{Name, PausedType, Queue, Timestamp, event::QueueChanged, run::ActivityState};
use sagaline_journal::Error;
use serde::Deserialize;
use sqlx::Row as _;

use crate::{
    key,
    sql::Sql,
    state::StoredRun,
    store::{Projection, unavailable},
};

/// Most queues that are told of: those in which most waits.
pub const QUEUES_MAX: usize = 1_000;

/// What is pending in a task queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueWork {
    /// The queue.
    pub task_queue: Name,
    /// Activities without an outcome.
    pub pending: u64,
    /// Those whose task was sent while nobody said that it began.
    pub queued: u64,
    /// Since when the oldest of these waits.
    pub oldest: Option<Timestamp>,
}

/// Most settings that are told of.
pub const QUEUE_SETTINGS_MAX: usize = 20_000;

/// What limits a task queue, as a partition has it: its home, or one that its home told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The queue.
    pub task_queue: Name,
    /// The partition.
    pub partition: i32,
    /// Its last `QueueChanged`, with attributes as the API has them: JSON.
    pub changed: Box<str>,
    /// When the partition heard of it.
    pub changed_at: Timestamp,
}

/// A `QueueChanged` of the API's form. Since when something is paused is no part of what is shown of a run.
fn changed(settings: &QueueSettings) -> Option<QueueChanged> {
    #[derive(Deserialize)]
    struct Changed {
        version: u64,
        home_partition: i32,
        max_outstanding: Option<u32>,
        rate_per_hour: Option<u64>,
        paused: Vec<Paused>,
        actor: Name,
        reason: Option<Box<str>>,
    }
    #[derive(Deserialize)]
    struct Paused {
        activity: Option<Name>,
        actor: Name,
        reason: Option<Box<str>>,
    }
    let changed: Changed = serde_json::from_str(&settings.changed).ok()?;
    let paused = changed.paused.into_iter().map(|one| PausedType {
        activity: one.activity,
        at: settings.changed_at,
        actor: one.actor,
        reason: one.reason,
    });
    Some(QueueChanged {
        queue: settings.task_queue.clone(),
        version: changed.version,
        home_partition: changed.home_partition,
        max_outstanding: changed.max_outstanding,
        rate_per_hour: changed.rate_per_hour,
        paused: paused.collect(),
        actor: changed.actor,
        reason: changed.reason,
    })
}

impl Projection {
    /// What limits task queues, or did once, as each partition has it; at most [`QUEUE_SETTINGS_MAX`].
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn queue_settings(&self) -> Result<Vec<QueueSettings>, Error> {
        let mut sql = Sql::new("SELECT name, partition, settings, changed_at FROM queues");
        sql.push(" ORDER BY name, partition LIMIT ");
        sql.bind(i64::try_from(QUEUE_SETTINGS_MAX).unwrap_or(i64::MAX));
        let mut settings = Vec::new();
        for row in self.rows(sql).await? {
            let name: &str = row.try_get(0).map_err(unavailable)?;
            let Ok(task_queue) = Name::new(&key::text_of(name)) else {
                continue;
            };
            let partition: i64 = row.try_get(1).map_err(unavailable)?;
            let changed: String = row.try_get(2).map_err(unavailable)?;
            settings.push(QueueSettings {
                task_queue,
                partition: i32::try_from(partition).unwrap_or_default(),
                changed: changed.into_boxed_str(),
                changed_at: Timestamp::from_millis(row.try_get(3).map_err(unavailable)?),
            });
        }
        Ok(settings)
    }

    /// What limits task queues, to be shown with these runs: of what partitions have of one the newest. Nothing is read where no
    /// activity of theirs waits for its turn; what cannot be read is left out.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn limits_around(&self, runs: &[StoredRun]) -> Result<BTreeMap<Name, Queue>, Error> {
        let mut queues: BTreeMap<Name, Queue> = BTreeMap::new();
        let mut activities = runs.iter().flat_map(|stored| &stored.run.activities);
        if !activities.any(|activity| activity.state == ActivityState::Held) {
            return Ok(queues);
        }
        for one in self.queue_settings().await? {
            let Some(changed) = changed(&one) else {
                tracing::warn!(queue = %one.task_queue, "what limits a task queue cannot be read");
                continue;
            };
            let known = queues.get(&one.task_queue).and_then(Queue::settings);
            if known.is_none_or(|known| known.version < changed.version) {
                queues.insert(one.task_queue, Queue::shown(changed, one.changed_at));
            }
        }
        Ok(queues)
    }

    /// What is pending in each task queue in which something is, at most [`QUEUES_MAX`].
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn queue_work(&self) -> Result<Vec<QueueWork>, Error> {
        let mut sql = Sql::new(
            "SELECT task_queue, COUNT(*), COUNT(queued_at) AS n, MIN(queued_at) FROM pending",
        );
        sql.push(" GROUP BY task_queue ORDER BY n DESC, task_queue LIMIT ");
        sql.bind(i64::try_from(QUEUES_MAX).unwrap_or(i64::MAX));
        let mut work = Vec::new();
        for row in self.rows(sql).await? {
            let name: &str = row.try_get(0).map_err(unavailable)?;
            // Whatever names a queue has a name's form.
            let Ok(task_queue) = Name::new(&key::text_of(name)) else {
                continue;
            };
            let oldest: Option<i64> = row.try_get(3).map_err(unavailable)?;
            work.push(QueueWork {
                task_queue,
                pending: super::count::unsigned(row.try_get(1).map_err(unavailable)?),
                queued: super::count::unsigned(row.try_get(2).map_err(unavailable)?),
                oldest: oldest.map(Timestamp::from_millis),
            });
        }
        Ok(work)
    }
}
