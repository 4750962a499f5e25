//! Who projects which partition.
//!
//! A SQLite file is this process's alone: it leads everything. On PostgreSQL each row of `partitions` has a leader and a
//! count that goes up as long as that lives; who sees it stand still takes over, if nobody else was faster.

use std::{collections::HashMap, time::Duration};

use sagaline_core::Timestamp;
use sagaline_journal::{Error, Footing};
use sqlx::{AnyConnection, Row as _};

use super::clock::Moment;
use crate::{database::Dialect, sql::Sql, store::unavailable, write::signed};

/// How often a leader says that it lives, and others look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A leader that says nothing for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// What nobody else is called.
#[expect(
    clippy::disallowed_methods,
    reason = "the projection is no part of what is replayed"
)]
pub(super) fn name() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Which partitions this process leads.
pub(super) struct Lead {
    me: String,
    dialect: Dialect,
    partitions: i32,
    /// What leaders of others said last, and since when.
    seen: HashMap<i32, (String, i64, Moment)>,
    looked_at: Option<Moment>,
}

impl Lead {
    pub(super) fn new(me: String, dialect: Dialect, partitions: i32) -> Self {
        Self {
            me,
            dialect,
            partitions,
            seen: HashMap::new(),
            looked_at: None,
        }
    }

    /// Whether somebody may have come or gone. Nobody shares a file.
    pub(super) fn is_due(&self) -> bool {
        self.dialect == Dialect::Postgres
            && self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY)
    }

    /// Says that this process lives, takes over what nobody leads, and tells what it leads and how far that is projected.
    pub(super) async fn look(
        &mut self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<(i32, Footing, Timestamp)>, Error> {
        self.make_rows(connection).await?;
        let mut sql = Sql::new("UPDATE partitions SET beat = beat + 1 WHERE leader = ");
        sql.bind(self.me.as_str());
        sql.query()
            .execute(&mut *connection)
            .await
            .map_err(unavailable)?;
        let rows = sqlx::query(
            "SELECT partition, next_offset, epoch, batch_no, as_of, leader, beat FROM partitions ORDER BY partition",
        );
        let rows = rows
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        let mut led = Vec::new();
        for row in rows {
            let read = || {
                let partition = i32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(-1);
                let footing = Footing {
                    offset: row.try_get::<i64, _>(1)?.saturating_sub(1),
                    epoch: unsigned(row.try_get(2)?),
                    batch_no: unsigned(row.try_get(3)?),
                };
                let as_of = Timestamp::from_millis(row.try_get(4)?);
                Ok((
                    (partition, footing, as_of),
                    row.try_get::<String, _>(5)?,
                    row.try_get::<i64, _>(6)?,
                ))
            };
            let (place, leader, beat) = read().map_err(unavailable)?;
            if leader == self.me || self.takes_over(connection, place.0, &leader, beat).await? {
                led.push(place);
            }
        }
        self.looked_at = Some(Moment::now());
        Ok(led)
    }

    async fn make_rows(&self, connection: &mut AnyConnection) -> Result<(), Error> {
        let rows = (0..self.partitions).map(|partition| {
            let start = Footing::START;
            vec![
                i64::from(partition).into(),
                start.offset.saturating_add(1).into(),
                signed(start.epoch).into(),
                signed(start.batch_no).into(),
                0_i64.into(),
                self.me.as_str().into(),
                0_i64.into(),
            ]
        });
        let mut sql = Sql::new(
            "INSERT INTO partitions (partition, next_offset, epoch, batch_no, as_of, leader, beat) VALUES ",
        );
        sql.rows(rows).push(" ON CONFLICT (partition) DO NOTHING");
        let made = sql.query().execute(&mut *connection).await;
        made.map(drop).map_err(unavailable)
    }

    /// Takes a partition whose leader has been silent, if nobody was faster.
    async fn takes_over(
        &mut self,
        connection: &mut AnyConnection,
        partition: i32,
        leader: &str,
        beat: i64,
    ) -> Result<bool, Error> {
        let since = match self.seen.get(&partition) {
            Some((seen, at, since)) if seen == leader && *at == beat => *since,
            _ => Moment::now(),
        };
        self.seen
            .insert(partition, (leader.to_owned(), beat, since));
        if self.dialect == Dialect::Postgres && since.elapsed() < SILENCE_MAX {
            return Ok(false);
        }
        let mut sql = Sql::new("UPDATE partitions SET leader = ");
        sql.bind(self.me.as_str());
        sql.push(", beat = beat + 1 WHERE partition = ")
            .bind(i64::from(partition));
        sql.push(" AND leader = ").bind(leader);
        sql.push(" AND beat = ").bind(beat);
        let taken = sql.query().execute(&mut *connection).await;
        Ok(taken.map_err(unavailable)?.rows_affected() == 1)
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
