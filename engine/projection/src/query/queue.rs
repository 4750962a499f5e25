//! What waits in task queues, as far as runs tell it.

use sagaline_core::{Name, Timestamp};
use sagaline_journal::Error;
use sqlx::Row as _;

use crate::{
    key,
    sql::Sql,
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

impl Projection {
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
