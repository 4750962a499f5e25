//! A projection: what is read, what is told, and how it begins.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use sagaline_core::{RunId, Timestamp, WorkflowId};
use sagaline_journal::{Error, ErrorKind, Footing};
use sqlx::{AnyPool, Executor as _, Row as _};
use tokio::sync::broadcast;

use crate::{
    database::{Database, Dialect, Tables},
    query::FEW,
    sql::Sql,
    state::STATE_VERSION,
};

/// Changes that a slow listener may be behind; then it is told that it missed some.
const CHANGES_MAX: usize = 1_024;

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
    pub(crate) database: Database,
    pub(crate) dialect: Dialect,
    /// Those that are read now.
    tables: RwLock<Tables>,
    pub(crate) changes: broadcast::Sender<Arc<Changed>>,
    /// Most runs that are found by another index than the order's and sorted.
    pub(crate) few: i64,
    /// It stays with its tables, whatever is to be read.
    is_pinned: bool,
    /// The database has not answered yet; then, of which namespace its rows are to be.
    awaited: Mutex<Option<String>>,
}

impl Projection {
    /// Opens a database, and makes its tables if it has none: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE`.
    /// One of another namespace, or of another build whose rows are of another form, is emptied: it is made anew from the journal.
    ///
    /// # Errors
    /// `projection-unavailable`: it does not answer. `projection-url`: that is no URL of a database that is known here.
    pub async fn open(url: &str, namespace: &str) -> Result<Self, Error> {
        let database = Database::open(url).await?;
        let generation = database.serving().await?;
        let projection = Self::of(database, generation, false).await?;
        empty_unless_of(&projection.tables(), namespace).await?;
        Ok(projection)
    }

    /// The same of a database that need not answer yet: as long as it does not, nor does what is read here, and whoever
    /// [follows](Self::follow) tries again.
    ///
    /// # Errors
    /// `projection-url`: that is no URL of a database that is known here.
    pub async fn open_or_wait(url: &str, namespace: &str) -> Result<Self, Error> {
        let error = match Self::open(url, namespace).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => error,
            opened => return opened,
        };
        tracing::error!(%error, code = error.code(), "what is read from the projection is refused until its database answers; the engine runs on");
        let database = Database::named(url)?;
        let tables = Tables::none(&database).await?;
        Ok(Self::with(
            database,
            tables,
            false,
            Some(namespace.to_owned()),
        ))
    }

    /// Opens what did not answer before.
    pub(crate) async fn opened(&self) -> Result<(), Error> {
        let awaited = || {
            let awaited = self.shared.awaited.lock();
            awaited.unwrap_or_else(PoisonError::into_inner)
        };
        let Some(namespace) = awaited().clone() else {
            return Ok(());
        };
        let database = &self.shared.database;
        database.prepare().await?;
        let tables = Tables::open(database, database.serving().await?).await?;
        empty_unless_of(&tables, &namespace).await?;
        self.read_from(tables);
        *awaited() = None;
        tracing::info!("the database of the projection answers");
        Ok(())
    }

    /// The tables of a generation, made if they are not there.
    pub(crate) async fn of(
        database: Database,
        generation: i64,
        is_pinned: bool,
    ) -> Result<Self, Error> {
        let tables = Tables::open(&database, generation).await?;
        Ok(Self::with(database, tables, is_pinned, None))
    }

    fn with(database: Database, tables: Tables, is_pinned: bool, awaited: Option<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                dialect: database.dialect,
                database,
                tables: RwLock::new(tables),
                changes: broadcast::Sender::new(CHANGES_MAX),
                few: FEW,
                is_pinned,
                awaited: Mutex::new(awaited),
            }),
        }
    }

    /// The connections to the tables that are read now.
    pub(crate) fn pool(&self) -> AnyPool {
        self.tables().pool
    }

    pub(crate) fn tables(&self) -> Tables {
        let tables = self.shared.tables.read();
        tables.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on with the tables that are to be read now, if they are others.
    pub(crate) async fn moved(&self) -> Result<bool, Error> {
        if self.shared.is_pinned {
            return Ok(false);
        }
        let (database, now) = (&self.shared.database, self.tables());
        let serving = database.serving().await?;
        if serving == now.generation {
            return Ok(false);
        }
        let tables = Tables::open(database, serving).await?;
        // Those of another build are for that.
        if tables.said("state").await? != now.said("state").await? {
            return Ok(false);
        }
        tracing::info!(generation = serving, "the projection was made anew");
        self.read_from(tables);
        Ok(true)
    }

    fn read_from(&self, tables: Tables) {
        let kept = self.shared.tables.write();
        *kept.unwrap_or_else(PoisonError::into_inner) = tables;
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
        let rows = query.fetch_all(&self.pool()).await.map_err(unavailable)?;
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
        let row = sql.query().fetch_optional(&self.pool()).await;
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
        empty(&self.tables()).await
    }

    /// Says of which namespace and form its rows are.
    pub(crate) async fn name(&self, namespace: &str) -> Result<(), Error> {
        name(&self.tables(), namespace).await
    }
}

async fn empty(tables: &Tables) -> Result<(), Error> {
    let mut transaction = tables.pool.begin().await.map_err(unavailable)?;
    for table in PROJECTED {
        transaction.execute(table).await.map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

async fn empty_unless_of(tables: &Tables, namespace: &str) -> Result<(), Error> {
    let wanted = [
        ("namespace", namespace.to_owned()),
        ("state", STATE_VERSION.to_string()),
    ];
    let query = sqlx::query("SELECT name, value FROM meta");
    let rows = query.fetch_all(&tables.pool).await.map_err(unavailable)?;
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
    empty(tables).await?;
    name(tables, namespace).await
}

async fn name(tables: &Tables, namespace: &str) -> Result<(), Error> {
    tables.say("namespace", namespace).await?;
    tables.say("state", &STATE_VERSION.to_string()).await
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection")
            .field("dialect", &self.shared.dialect)
            .finish_non_exhaustive()
    }
}

/// The tables whose rows come from the journal.
pub(crate) const PROJECTED: [&str; 10] = [
    "DELETE FROM partitions",
    "DELETE FROM runs",
    "DELETE FROM states",
    "DELETE FROM attributes",
    "DELETE FROM pending",
    "DELETE FROM incidents",
    "DELETE FROM places",
    "DELETE FROM queues",
    "DELETE FROM rejected",
    "DELETE FROM cut",
];

/// The database does not answer, or not as it should.
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    let text = format!("the database of the projection does not answer: {error}");
    Error::new(ErrorKind::Unavailable, "projection-unavailable", text)
}
