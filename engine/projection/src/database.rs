//! The database: SQLite in a file of its own, or PostgreSQL; and the tables in it, of which there may be two generations.
//!
//! ```text
//! generation 0: the database that was named    generation N: FILE.gN, or the schema sagaline_gN
//! `meta`, `serving` of generation 0: which of them is read
//! ```
//! While a projection is made anew, its tables are beside those that are read.

use std::{fs, io, path::PathBuf, sync::Once, time::Duration};

use sagaline_journal::{Error, ErrorKind};
use sqlx::{
    AnyConnection, AnyPool, Executor as _, Row as _,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{
    sql::Sql,
    store::{PROJECTED, unavailable},
};

/// Most connections at a time: one writes, the others read.
const CONNECTIONS_MAX: u32 = 8;

/// Those of them that ask what is to be read.
const CONTROL_MAX: u32 = 2;

/// How long a request waits for a connection before the database counts as gone.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// That of a connection.
    pub(crate) fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "PostgreSQL" => Self::Postgres,
            _ => Self::Sqlite,
        }
    }
}

/// A database, whatever is in it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) dialect: Dialect,
    /// As it was named: a path, or a URL.
    place: String,
    /// Connections to generation 0.
    control: AnyPool,
}

/// The tables of one generation.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) generation: i64,
    pub(crate) pool: AnyPool,
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

impl Database {
    /// The database of a URL, with the tables of generation 0.
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        let database = Self::named(url)?;
        database.prepare().await?;
        Ok(database)
    }

    /// The database of a URL, which nobody has asked yet.
    pub(crate) fn named(url: &str) -> Result<Self, Error> {
        install_drivers();
        let (dialect, place) = location(url)?;
        let control = options(dialect, 0, CONTROL_MAX);
        let control = control.connect_lazy(&url_of(dialect, &place, 0));
        let control = control.map_err(unavailable)?;
        Ok(Self {
            dialect,
            place,
            control,
        })
    }

    /// Makes the tables of generation 0, if they are not there.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        migrate(self.dialect, &self.control).await
    }

    /// The tables that are read now, of a database that is there: nothing is made.
    pub(crate) async fn look(url: &str) -> Result<Tables, Error> {
        install_drivers();
        let (dialect, place) = location(url)?;
        let there = |generation| {
            let url = url_of(dialect, &place, generation).replace("mode=rwc", "mode=rw");
            let pool = options(dialect, generation, 1).connect_lazy(&url);
            let pool = pool.map_err(unavailable)?;
            Ok::<_, Error>(Tables { generation, pool })
        };
        let base = there(0)?;
        let serving = base.said("serving").await?;
        match serving.and_then(|said| said.parse().ok()).unwrap_or(0) {
            0 => Ok(base),
            generation => there(generation),
        }
    }

    /// The generation that is to be read.
    pub(crate) async fn serving(&self) -> Result<i64, Error> {
        let base = Tables {
            generation: 0,
            pool: self.control.clone(),
        };
        let said = base.said("serving").await?;
        Ok(said.and_then(|said| said.parse().ok()).unwrap_or(0))
    }

    /// Has another generation read.
    pub(crate) async fn serve(&self, generation: i64) -> Result<(), Error> {
        let base = Tables {
            generation: 0,
            pool: self.control.clone(),
        };
        base.say("serving", &generation.to_string()).await
    }

    /// Removes what a generation has.
    pub(crate) async fn remove(&self, generation: i64) -> Result<(), Error> {
        if generation == 0 {
            let mut transaction = self.control.begin().await.map_err(unavailable)?;
            for table in PROJECTED {
                transaction.execute(table).await.map_err(unavailable)?;
            }
            transaction.commit().await.map_err(unavailable)?;
            return match self.dialect {
                Dialect::Sqlite => self.execute("VACUUM").await,
                Dialect::Postgres => Ok(()),
            };
        }
        match self.dialect {
            Dialect::Sqlite => {
                for end in ["", "-wal", "-shm"] {
                    let path = PathBuf::from(format!("{}.g{generation}{end}", self.place));
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            let text = format!("{} cannot be removed: {error}", path.display());
                            let kind = ErrorKind::Unavailable;
                            return Err(Error::new(kind, "projection-unavailable", text));
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            Dialect::Postgres => {
                let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", schema(generation));
                self.execute(drop).await
            }
        }
    }

    async fn execute(&self, statement: impl Into<String>) -> Result<(), Error> {
        let statement = sqlx::AssertSqlSafe(statement.into());
        let done = self.control.execute(statement).await;
        done.map(drop).map_err(unavailable)
    }
}

impl Tables {
    /// None: whoever reads them is told that the database does not answer.
    pub(crate) async fn none(database: &Database) -> Result<Self, Error> {
        let options = options(database.dialect, 0, 1);
        let pool = options.connect_lazy(&url_of(database.dialect, &database.place, 0));
        let pool = pool.map_err(unavailable)?;
        pool.close().await;
        Ok(Self {
            generation: -1,
            pool,
        })
    }

    /// Those of a generation, made if they are not there.
    pub(crate) async fn open(database: &Database, generation: i64) -> Result<Self, Error> {
        let dialect = database.dialect;
        if generation > 0 && dialect == Dialect::Postgres {
            let make = format!("CREATE SCHEMA IF NOT EXISTS {}", schema(generation));
            database.execute(make).await?;
        }
        let url = url_of(dialect, &database.place, generation);
        let pool = options(dialect, generation, CONNECTIONS_MAX).connect(&url);
        let pool = pool.await.map_err(unavailable)?;
        migrate(dialect, &pool).await?;
        Ok(Self { generation, pool })
    }

    /// What `meta` has under a name.
    pub(crate) async fn said(&self, name: &str) -> Result<Option<String>, Error> {
        let mut sql = Sql::new("SELECT value FROM meta WHERE name = ");
        sql.bind(name);
        let row = sql.query().fetch_optional(&self.pool).await;
        let value = row.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        value.map_err(unavailable)
    }

    /// Puts something into `meta`.
    pub(crate) async fn say(&self, name: &str, value: &str) -> Result<(), Error> {
        let mut sql = Sql::new("INSERT INTO meta (name, value) VALUES (");
        sql.bind(name).push(", ").bind(value);
        sql.push(") ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        let done = sql.query().execute(&self.pool).await;
        done.map(drop).map_err(unavailable)
    }
}

fn options(dialect: Dialect, generation: i64, most: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(CONNECTION_WAIT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                match dialect {
                    Dialect::Sqlite => {
                        connection.execute(SQLITE_SETTINGS).await?;
                    }
                    Dialect::Postgres if generation > 0 => {
                        // What extensions have made is found in the schemas behind it.
                        let path = format!(
                            "SELECT set_config('search_path', '{}, ' || current_setting('search_path'), false)",
                            schema(generation)
                        );
                        connection.execute(sqlx::AssertSqlSafe(path)).await?;
                    }
                    Dialect::Postgres => {}
                }
                Ok(())
            })
        })
}

async fn migrate(dialect: Dialect, pool: &AnyPool) -> Result<(), Error> {
    migrator(dialect).run(pool).await.map_err(|error| {
        Error::new(
            ErrorKind::Unavailable,
            "projection-unavailable",
            format!("the tables of the projection cannot be made: {error}"),
        )
    })
}

fn schema(generation: i64) -> String {
    format!("sagaline_g{generation}")
}

/// Of a power cut the last commits may be lost, with the offsets that they say: they are projected again.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000; \
     PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864";

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
            (
                "expiry",
                include_str!("../migrations/sqlite/0004_expiry.sql"),
            ),
            ("cut", include_str!("../migrations/sqlite/0005_cut.sql")),
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
            (
                "expiry",
                include_str!("../migrations/postgres/0004_expiry.sql"),
            ),
            ("cut", include_str!("../migrations/postgres/0005_cut.sql")),
        ],
    };
    let migrations = (1..).zip(migrations).map(|(version, (name, text))| {
        let text = sqlx::SqlStr::from_static(text);
        Migration::new(version, name.into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The database of a URL: a path, or the URL.
fn location(url: &str) -> Result<(Dialect, String), Error> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Ok((Dialect::Sqlite, path.to_owned()));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((Dialect::Postgres, url.to_owned()));
    }
    let text = "a database is `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`";
    Err(Error::new(ErrorKind::Invalid, "projection-url", text))
}

/// The URL of a generation, as the driver wants it.
fn url_of(dialect: Dialect, place: &str, generation: i64) -> String {
    if dialect == Dialect::Postgres {
        return place.to_owned();
    }
    // What the driver would take for a part of a URL.
    let path = place
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    match generation {
        0 => format!("sqlite:{path}?mode=rwc"),
        _ => format!("sqlite:{path}.g{generation}?mode=rwc"),
    }
}
