//! The database: SQLite in a file of its own, or PostgreSQL.

use std::{
    fmt,
    sync::{Arc, Once},
    time::Duration,
};

use sagaline_core::{RunId, Timestamp, WorkflowId};
use sagaline_journal::{Error, ErrorKind, Footing};
use sqlx::{
    AnyPool, Executor as _, Row as _,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};
use tokio::sync::broadcast;

use crate::{query::FEW, sql::Sql, state::STATE_VERSION};

/// Most connections at a time: one writes, the others read.
const CONNECTIONS_MAX: u32 = 8;

/// How long a request waits for a connection before the database counts as gone.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// Changes that a slow listener may be behind; then it is told that it missed some.
const CHANGES_MAX: usize = 1_024;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// What a commit changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Runs whose rows are new.
    pub runs: Vec<(WorkflowId, RunId)>,
    /// Partitions, with the offset behind what is projected.
    pub partitions: Vec<(i32, i64)>,
}

/// How far a partition is projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionProgress {
    /// The partition.
    pub partition: i32,
    /// The first offset of its journal that is not projected.
    pub next_offset: i64,
    /// The time of its last batch.
    pub as_of: Timestamp,
}

/// The projection of a namespace. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Projection {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) pool: AnyPool,
    pub(crate) dialect: Dialect,
    pub(crate) changes: broadcast::Sender<Arc<Changed>>,
    /// Most runs that are found by another index than the order's and sorted.
    pub(crate) few: i64,
}

impl Projection {
    /// Opens a database, and makes its tables if it has none: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE`.
    /// One of another namespace, or of another build whose rows are of another form, is emptied: it is made anew from the journal.
    ///
    /// # Errors
    /// `projection-unavailable`: it does not answer. `projection-url`: that is no URL of a database that is known here.
    pub async fn open(url: &str, namespace: &str) -> Result<Self, Error> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let (dialect, url) = location(url)?;
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECTION_WAIT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if dialect == Dialect::Sqlite {
                        connection.execute(SQLITE_SETTINGS).await?;
                    }
                    Ok(())
                })
            });
        let pool = options.connect(&url).await.map_err(unavailable)?;
        migrator(dialect).run(&pool).await.map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                "projection-unavailable",
                format!("the tables of the projection cannot be made: {error}"),
            )
        })?;
        let projection = Self {
            shared: Arc::new(Shared {
                pool,
                dialect,
                changes: broadcast::Sender::new(CHANGES_MAX),
                few: FEW,
            }),
        };
        projection.empty_unless_of(namespace).await?;
        Ok(projection)
    }

    /// Hears of each commit after it.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Arc<Changed>> {
        self.shared.changes.subscribe()
    }

    /// How far each partition is projected.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn progress(&self) -> Result<Vec<PartitionProgress>, Error> {
        let query =
            sqlx::query("SELECT partition, next_offset, as_of FROM partitions ORDER BY partition");
        let rows = query
            .fetch_all(&self.shared.pool)
            .await
            .map_err(unavailable)?;
        let progress = rows.iter().map(|row| {
            Ok(PartitionProgress {
                partition: i32::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(),
                next_offset: row.try_get(1)?,
                as_of: Timestamp::from_millis(row.try_get(2)?),
            })
        });
        progress.collect::<Result<_, _>>().map_err(unavailable)
    }

    /// From where a partition's journal is to be read on for what is not projected; its beginning where nothing is.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn footing(&self, partition: i32) -> Result<Footing, Error> {
        let mut sql =
            Sql::new("SELECT next_offset, epoch, batch_no FROM partitions WHERE partition = ");
        sql.bind(i64::from(partition));
        let row = sql.query().fetch_optional(&self.shared.pool).await;
        let Some(row) = row.map_err(unavailable)? else {
            return Ok(Footing::START);
        };
        let number = |index| {
            let number: i64 = row.try_get(index).map_err(unavailable)?;
            Ok::<_, Error>(u64::try_from(number).unwrap_or_default())
        };
        Ok(Footing {
            offset: row.try_get::<i64, _>(0).map_err(unavailable)? - 1,
            epoch: number(1)?,
            batch_no: number(2)?,
        })
    }

    /// Forgets all that was projected; what people keep here stays.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn empty(&self) -> Result<(), Error> {
        let mut transaction = self.shared.pool.begin().await.map_err(unavailable)?;
        for table in PROJECTED {
            transaction.execute(table).await.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn empty_unless_of(&self, namespace: &str) -> Result<(), Error> {
        let wanted = [
            ("namespace", namespace.to_owned()),
            ("state", STATE_VERSION.to_string()),
        ];
        let query = sqlx::query("SELECT name, value FROM meta");
        let rows = query
            .fetch_all(&self.shared.pool)
            .await
            .map_err(unavailable)?;
        let has = |name: &str, value: &str| {
            rows.iter().any(|row| {
                row.try_get::<&str, _>(0).is_ok_and(|seen| seen == name)
                    && row.try_get::<&str, _>(1).is_ok_and(|seen| seen == value)
            })
        };
        if wanted.iter().all(|(name, value)| has(name, value)) {
            return Ok(());
        }
        if !rows.is_empty() {
            tracing::warn!("the projection is of another namespace or form: it is made anew");
        }
        self.empty().await?;
        for (name, value) in wanted {
            let mut sql = Sql::new("INSERT INTO meta (name, value) VALUES (");
            sql.bind(name).push(", ").bind(value);
            sql.push(") ON CONFLICT (name) DO UPDATE SET value = excluded.value");
            sql.query()
                .execute(&self.shared.pool)
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection")
            .field("dialect", &self.shared.dialect)
            .finish_non_exhaustive()
    }
}

/// Of a power cut the last commits may be lost, with the offsets that they say: they are projected again.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000; \
     PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864";

/// The tables whose rows come from the journal.
const PROJECTED: [&str; 9] = [
    "DELETE FROM partitions",
    "DELETE FROM runs",
    "DELETE FROM states",
    "DELETE FROM attributes",
    "DELETE FROM pending",
    "DELETE FROM incidents",
    "DELETE FROM places",
    "DELETE FROM queues",
    "DELETE FROM rejected",
];

fn migrator(dialect: Dialect) -> Migrator {
    let migrations = match dialect {
        Dialect::Sqlite => [
            (
                "projection",
                include_str!("../migrations/sqlite/0001_projection.sql"),
            ),
            (
                "notices",
                include_str!("../migrations/sqlite/0002_notices.sql"),
            ),
            (
                "rejected",
                include_str!("../migrations/sqlite/0003_rejected.sql"),
            ),
        ],
        Dialect::Postgres => [
            (
                "projection",
                include_str!("../migrations/postgres/0001_projection.sql"),
            ),
            (
                "notices",
                include_str!("../migrations/postgres/0002_notices.sql"),
            ),
            (
                "rejected",
                include_str!("../migrations/postgres/0003_rejected.sql"),
            ),
        ],
    };
    let migrations = (1..).zip(migrations).map(|(version, (name, text))| {
        let text = sqlx::SqlStr::from_static(text);
        Migration::new(version, name.into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The database of a URL, and the URL as the driver wants it.
fn location(url: &str) -> Result<(Dialect, String), Error> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        // What the driver would take for a part of a URL.
        let path = path
            .replace('%', "%25")
            .replace('?', "%3F")
            .replace('#', "%23");
        return Ok((Dialect::Sqlite, format!("sqlite:{path}?mode=rwc")));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((Dialect::Postgres, url.to_owned()));
    }
    let text = "a database is `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`";
    Err(Error::new(ErrorKind::Invalid, "projection-url", text))
}

/// The database does not answer, or not as it should.
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    let text = format!("the database of the projection does not answer: {error}");
    Error::new(ErrorKind::Unavailable, "projection-unavailable", text)
}
