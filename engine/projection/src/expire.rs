//! Closed runs that are kept no longer.
//!
//! Each is taken by the process that projects its partition ([`Following::leader`](crate::Following::leader)), so that no two do it at once. Deliberately absent: when, and where
//! to they go (server).

use sagaline_core::Timestamp;
use sagaline_journal::Error;
use sqlx::Connection as _;

use crate::{Projection, StoredRun, query::RUN_COLUMNS, row, sql::Sql, store::unavailable};

/// Most runs that are taken, and forgotten, at once.
pub const EXPIRED_MAX: usize = 256;

/// The tables that have rows of a run, by its id or by the number of its row.
const OF_RUNS: [&str; 6] = [
    "DELETE FROM attributes WHERE run IN (SELECT id FROM runs WHERE run_id IN (VALUES ",
    "DELETE FROM states WHERE id IN (SELECT id FROM runs WHERE run_id IN (VALUES ",
    "DELETE FROM pending WHERE (run_id IN (VALUES ",
    "DELETE FROM incidents WHERE (run_id IN (VALUES ",
    "DELETE FROM places WHERE (run_id IN (VALUES ",
    "DELETE FROM runs WHERE (run_id IN (VALUES ",
];

impl Projection {
    /// Runs that closed before an instant and that `leader` projects: those first that closed first, at most [`EXPIRED_MAX`].
    /// What it gives does not depend on the instant, but for how many.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer. `projection-corrupt`: a row cannot be read.
    pub async fn expired(&self, leader: &str, before: Timestamp) -> Result<Vec<StoredRun>, Error> {
        // Of runs that another goes on in the place of there is an index of their own.
        let mut sql = Sql::new("SELECT ");
        sql.push(RUN_COLUMNS).push(" FROM (");
        for (index, listed) in [1_i64, 0].into_iter().enumerate() {
            sql.push(if index == 0 {
                "SELECT * FROM ("
            } else {
                " UNION ALL SELECT * FROM ("
            });
            sql.push("SELECT r.* FROM runs r JOIN partitions p ON p.partition = r.partition WHERE r.listed = ");
            sql.push(if listed == 1 { "1" } else { "0" });
            sql.push(" AND r.closed_at IS NOT NULL AND r.closed_at < ")
                .bind(row::millis(before));
            sql.push(" AND p.leader = ").bind(leader);
            sql.push(" ORDER BY r.closed_at, r.started_at, r.run_id LIMIT ")
                .bind(most());
            sql.push(") AS part");
        }
        sql.push(") AS r JOIN states s ON s.id = r.id ORDER BY r.closed_at, r.started_at, r.run_id LIMIT ");
        sql.bind(most());
        self.runs(sql).await
    }

    /// Forgets runs, with all that hangs on them.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn forget(&self, runs: &[StoredRun]) -> Result<(), Error> {
        let mut connection = self.pool().acquire().await.map_err(unavailable)?;
        for some in runs.chunks(EXPIRED_MAX) {
            let mut transaction = connection.begin().await.map_err(unavailable)?;
            for begin in OF_RUNS {
                let mut sql = Sql::new(begin);
                sql.rows(
                    some.iter()
                        .map(|run| vec![run.run.run_id.to_string().into()]),
                );
                sql.push("))");
                let gone = sql.query().execute(&mut *transaction).await;
                gone.map_err(unavailable)?;
            }
            transaction.commit().await.map_err(unavailable)?;
        }
        Ok(())
    }
}

fn most() -> i64 {
    i64::try_from(EXPIRED_MAX).unwrap_or(i64::MAX)
}
