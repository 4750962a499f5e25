//! A projection that is made anew while the one before is read.
//!
//! ```text
//! begin: tables beside those that are read ─▶ follow them until they have everything ─▶ serve: all processes go over ─▶ retire
//! ```
//! Invariant: what people keep here, and what they were told, goes along. Deliberately absent: when it has everything (whoever
//! follows it knows).

use std::{collections::HashSet, time::Duration};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::Error;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Projection,
    database::{Database, Tables},
    sql::{Bind, Sql},
    store::unavailable,
};

/// After so long all processes that can be reached read the new tables.
pub const RETIRE_AFTER: Duration = Duration::from_secs(10);

/// Notices that are as old as this the projection before has, too.
const NOTICE_LAG: Millis = Millis(60_000);

/// Rows that are copied by one statement.
const ROWS_OF_STATEMENT: usize = 64;

/// The making of a projection beside the one that is read.
#[derive(Debug)]
pub struct Rebuild {
    before: Tables,
    projection: Projection,
}

impl Rebuild {
    /// Makes empty tables; what an earlier try left is removed. Only one may be under way.
    ///
    /// # Errors
    /// As [`Projection::open`].
    pub async fn begin(url: &str, namespace: &str) -> Result<Self, Error> {
        let database = Database::open(url).await?;
        let serving = database.serving().await?;
        let before = Tables::open(&database, serving).await?;
        let next = serving.saturating_add(1);
        database.remove(next).await?;
        let projection = Projection::of(database, next, true).await?;
        projection.name(namespace).await?;
        if let Some(from) = before.said("notices_from").await? {
            projection.tables().say("notices_from", &from).await?;
        }
        Ok(Self { before, projection })
    }

    /// What is to be followed until it has everything, and on until it is read.
    #[must_use]
    pub const fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Has it read, by all processes within a second or two; they go on where it stands. Whoever follows it has stopped before.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn serve(&self, now: Timestamp) -> Result<(), Error> {
        let after = self.projection.tables();
        copy(
            (&self.before, &after),
            "SELECT name, definition FROM views",
            "INSERT INTO views (name, definition) VALUES ",
            " ON CONFLICT (name) DO UPDATE SET definition = excluded.definition",
            |row| Ok(vec![text(row, 0)?, text(row, 1)?]),
        )
        .await?;
        copy(
            (&self.before, &after),
            "SELECT id, at, cause, notice, claimed_at, told_at FROM notices",
            "INSERT INTO notices (id, at, cause, notice, claimed_at, told_at) VALUES ",
            " ON CONFLICT (id) DO UPDATE SET claimed_at = excluded.claimed_at, told_at = excluded.told_at",
            |row| {
                let number = |index| row.try_get::<Option<i64>, _>(index).map(Bind::Int);
                let (id, cause, notice) = (text(row, 0)?, text(row, 2)?, text(row, 3)?);
                Ok(vec![id, number(1)?, cause, notice, number(4)?, number(5)?])
            },
        )
        .await?;
        self.forget_told(&after, now).await?;
        let shared = &self.projection.shared;
        shared.database.serve(after.generation).await
    }

    /// Of what the projection before has forgotten, people were told long ago.
    async fn forget_told(&self, after: &Tables, now: Timestamp) -> Result<(), Error> {
        let known = sqlx::query("SELECT id FROM notices")
            .fetch_all(&self.before.pool)
            .await
            .map_err(unavailable)?;
        let known: HashSet<String> = known
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()
            .map_err(unavailable)?;
        let mut sql = Sql::new("SELECT id FROM notices WHERE told_at IS NULL AND at < ");
        sql.bind(now.as_millis().saturating_sub_unsigned(NOTICE_LAG.0));
        let made = sql.query().fetch_all(&after.pool).await;
        for row in made.map_err(unavailable)? {
            let id: String = row.try_get(0).map_err(unavailable)?;
            if !known.contains(&id) {
                let mut sql = Sql::new("DELETE FROM notices WHERE id = ");
                sql.bind(id);
                let done = sql.query().execute(&after.pool).await;
                done.map_err(unavailable)?;
            }
        }
        Ok(())
    }

    /// Removes the tables that were read before.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn retire(self) -> Result<(), Error> {
        self.before.pool.close().await;
        let database = &self.projection.shared.database;
        database.remove(self.before.generation).await
    }
}

async fn copy(
    (before, after): (&Tables, &Tables),
    select: &'static str,
    insert: &'static str,
    conflict: &'static str,
    row: impl Fn(&AnyRow) -> Result<Vec<Bind>, sqlx::Error>,
) -> Result<(), Error> {
    let rows = sqlx::query(select).fetch_all(&before.pool).await;
    let rows: Vec<Vec<Bind>> = rows
        .and_then(|rows| rows.iter().map(row).collect())
        .map_err(unavailable)?;
    for some in rows.chunks(ROWS_OF_STATEMENT) {
        let mut sql = Sql::new(insert);
        sql.rows(some.iter().cloned()).push(conflict);
        let done = sql.query().execute(&after.pool).await;
        done.map_err(unavailable)?;
    }
    Ok(())
}

fn text(row: &AnyRow, index: usize) -> Result<Bind, sqlx::Error> {
    row.try_get::<Option<String>, _>(index).map(Bind::Text)
}
