//! What lists and counts say is what core says of each run; on both databases.
//!
//! PostgreSQL takes part where `SAGALINE_TEST_POSTGRES` says where one is; `tools/test-postgres` starts one and says so.

mod agree;
mod filters;
mod incidents;
mod lists;
mod others;
mod runs;
mod speed;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sagaline_core::{Name, Timestamp, filter::Filter};
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;

use super::{List, Seen};
use crate::{Projection, StoredRun, fold::Tracked, row::Hanging, write};

/// The time at which tests look.
const NOW_MS: i64 = 1_800_000_000_000;

/// A database of its own, gone with it.
pub(crate) struct Database {
    pub(crate) projection: Projection,
    pub(crate) url: String,
    _folder: TempDir,
}

/// The databases that tests run on.
pub(crate) async fn databases() -> Vec<Database> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a ?#%.db").display());
    let mut databases = vec![Database {
        projection: Projection::open(&url, "ns").await.unwrap(),
        url,
        _folder: folder,
    }];
    if let Ok(server) = std::env::var("SAGALINE_TEST_POSTGRES") {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}_{next}", std::process::id());
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(create).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let url = format!("{base}/{name}");
        databases.push(Database {
            projection: Projection::open(&url, "ns").await.unwrap(),
            url,
            _folder: tempfile::tempdir().unwrap(),
        });
    }
    databases
}

impl Database {
    /// Such that few is what is no more than this.
    fn few(&mut self, few: i64) {
        let shared = Arc::get_mut(&mut self.projection.shared);
        shared.expect("nobody else has it").few = few;
    }

    /// Writes new runs as the projection's writer does.
    async fn write(&self, runs: &[StoredRun]) {
        self.write_tracked(runs.iter().cloned().map(Tracked::new).collect())
            .await;
    }

    /// Writes what runs have become.
    async fn rewrite(&self, before: &[StoredRun], runs: &[StoredRun]) {
        let tracked = before.iter().zip(runs).map(|(before, run)| {
            let mut tracked = Tracked::new(run.clone());
            tracked.written = Hanging::of(before);
            tracked
        });
        self.write_tracked(tracked.collect()).await;
    }

    async fn write_tracked(&self, tracked: Vec<Tracked>) {
        let tracked: Vec<&Tracked> = tracked.iter().collect();
        let mut transaction = self.projection.pool().begin().await.unwrap();
        write::write(&mut transaction, &tracked).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// All pages of a list.
    async fn list(&self, filter: &Filter, unread: &[Name], page_size: usize) -> Vec<StoredRun> {
        let mut rows = Vec::new();
        let mut token = None;
        loop {
            let list = List {
                filter,
                seen: seen(unread),
                page_size,
                page_token: token.as_deref(),
            };
            let page = self.projection.list(&list).await;
            let page = page.unwrap_or_else(|error| panic!("{filter}: {error}"));
            assert!(page.rows.len() <= page_size, "{filter}");
            rows.extend(page.rows);
            match page.next_page_token {
                Some(next) => token = Some(next),
                None => return rows,
            }
        }
    }
}

fn seen(unread: &[Name]) -> Seen<'_> {
    Seen {
        now: Timestamp::from_millis(NOW_MS),
        unread,
    }
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"))
}
