//! Rows, as they are read.

use std::collections::HashMap;

use sagaline_core::Timestamp;
use sagaline_journal::Error;
use sqlx::{Row as _, any::AnyRow};

use super::order::{Key, KeyValue};
use crate::{
    sql::Sql,
    state::{RunRow, StoredRun},
    store::{Projection, unavailable},
};

/// What [`run`] reads, of `runs r` and `states s`.
pub(crate) const RUN: &str = "r.partition, r.workflow_id, r.first_offset, s.state";

/// The times of the last batches, by partition.
#[derive(Debug)]
pub(super) struct AsOf(HashMap<i32, Timestamp>);

impl AsOf {
    pub(super) async fn read(projection: &Projection) -> Result<Self, Error> {
        let progress = projection.progress().await?;
        let by_partition = progress.iter().map(|one| (one.partition, one.as_of));
        Ok(Self(by_partition.collect()))
    }

    /// That of the newest.
    pub(super) fn latest(&self) -> Timestamp {
        self.0.values().max().copied().unwrap_or_default()
    }

    fn of(&self, partition: i64) -> Timestamp {
        let partition = i32::try_from(partition).ok();
        let known = partition.and_then(|partition| self.0.get(&partition));
        known.copied().unwrap_or_default()
    }
}

/// The run of a row that begins with [`RUN`].
pub(super) fn run(row: &AnyRow, as_of: &AsOf) -> Result<StoredRun, Error> {
    let partition: i64 = row.try_get(0).map_err(unavailable)?;
    let columns = RunRow {
        partition,
        workflow_id: row.try_get(1).map_err(unavailable)?,
        first_offset: row.try_get(2).map_err(unavailable)?,
        state: row.try_get(3).map_err(unavailable)?,
    };
    StoredRun::decode(&columns, as_of.of(partition))
}

/// The keys of a row, from this column on.
pub(super) fn keys(row: &AnyRow, from: usize, keys: &[Key<'_>]) -> Result<Vec<KeyValue>, Error> {
    let keys = (from..).zip(keys).map(|(index, key)| {
        let value = match key.column.is_int() {
            true => row.try_get::<Option<i64>, _>(index)?.map(KeyValue::Int),
            false => row.try_get::<Option<String>, _>(index)?.map(KeyValue::Text),
        };
        Ok(value.unwrap_or(KeyValue::Null))
    });
    keys.collect::<Result<_, _>>().map_err(unavailable)
}

impl Projection {
    /// The rows of a statement.
    pub(super) async fn rows(&self, sql: Sql) -> Result<Vec<AnyRow>, Error> {
        let rows = sql.query().fetch_all(&self.pool()).await;
        rows.map_err(unavailable)
    }

    /// The one number that a statement comes to.
    pub(super) async fn number(&self, sql: Sql) -> Result<i64, Error> {
        let row = sql.query().fetch_one(&self.pool()).await;
        row.and_then(|row| row.try_get(0)).map_err(unavailable)
    }
}
