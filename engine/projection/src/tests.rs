//! Journals of the simulation, projected in many ways: the rows are the same, and say what a fold in memory says.

mod cut;
mod kept;

use std::collections::BTreeMap;

use sagaline_core::{Name, RunId, Timestamp};
use sagaline_journal::{Footing, Item, JournalReader, Record};
use sagaline_testkit::{Settings, simulate_journal};
use sqlx::{Column as _, Row as _};

use crate::{
    Projection, Rebuild, SavedView,
    fold::{Fold, Rows},
    query::tests::{Database, databases},
    state::StoredRun,
    store::unavailable,
    write::{Committed, Progress, Reading, commit},
};

const LEADER: &str = "tests";

/// Projects partitions one after the other; commits, and forgets what is in memory, where `cuts` says so.
async fn project(
    projection: &Projection,
    journal: &[Vec<Record>],
    kept: usize,
    mut cuts: impl FnMut(usize) -> bool,
) {
    let mut connection = projection.pool().acquire().await.unwrap();
    for (partition, records) in (0..).zip(journal) {
        let start = format!(
            "INSERT INTO partitions (partition, next_offset, epoch, batch_no, as_of, leader, beat) VALUES ({partition}, 0, 0, 0, 0, '{LEADER}', 0)"
        );
        sqlx::query(sqlx::AssertSqlSafe(start))
            .execute(&mut *connection)
            .await
            .unwrap();
        let mut fold = Fold::keeping(kept);
        let mut reader = JournalReader::after(Footing::START);
        let (mut committed, mut as_of) = (Footing::START, Timestamp::default());
        for (index, record) in records.iter().enumerate() {
            let mut items = Vec::new();
            reader.read(record.clone(), &mut items).unwrap();
            for item in items {
                let Item::Batch(batch) = item else { continue };
                as_of = as_of.max(batch.footer.now);
                let mut rows = Reading(&mut connection);
                fold.batch(&mut rows, partition, batch).await.unwrap();
            }
            let is_last = index + 1 == records.len();
            if !is_last && !cuts(index) || reader.footing() == committed {
                continue;
            }
            let progress = Progress {
                partition,
                committed,
                footing: reader.footing(),
                as_of,
            };
            let done = commit(&mut connection, LEADER, &fold, &[progress]).await;
            assert_eq!(done.unwrap(), Committed::Done);
            fold.written();
            committed = reader.footing();
            if kept == 0 {
                // As after kill -9: what is read on begins at the last footing.
                fold = Fold::keeping(0);
            }
        }
    }
}

/// All rows of all tables, as text.
async fn dump(projection: &Projection) -> BTreeMap<&'static str, Vec<String>> {
    let mut tables = BTreeMap::new();
    for (table, statement) in [
        (
            "runs",
            "SELECT runs.*, state FROM runs JOIN states USING (id) ORDER BY run_id",
        ),
        (
            "attributes",
            "SELECT attributes.*, run_id FROM attributes JOIN runs ON id = run ORDER BY run_id, name, ordinal",
        ),
        (
            "pending",
            "SELECT * FROM pending ORDER BY run_id, activity_id",
        ),
        ("incidents", "SELECT * FROM incidents ORDER BY run_id, seq"),
        ("notices", "SELECT * FROM notices ORDER BY id"),
        ("queues", "SELECT * FROM queues ORDER BY name, partition"),
        ("cut", "SELECT * FROM cut ORDER BY run_id"),
        (
            "rejected",
            "SELECT * FROM rejected ORDER BY partition, record_offset",
        ),
    ] {
        let rows = sqlx::query(statement)
            .fetch_all(&projection.pool())
            .await
            .unwrap();
        let text = |row: &sqlx::any::AnyRow| {
            // Which number a run has depends on when it was written.
            let columns = row
                .columns()
                .iter()
                .filter(|column| !["id", "run"].contains(&column.name()));
            let columns = columns.map(|column| {
                let index = column.ordinal();
                let value = row
                    .try_get::<Option<i64>, _>(index)
                    .map(|value| format!("{value:?}"))
                    .or_else(|_| {
                        row.try_get::<Option<String>, _>(index)
                            .map(|value| format!("{value:?}"))
                    })
                    .or_else(|_| {
                        row.try_get::<Option<Vec<u8>>, _>(index)
                            .map(|value| format!("{value:?}"))
                    })
                    .unwrap();
                format!("{}={value}", column.name())
            });
            columns.collect::<Vec<_>>().join(" ")
        };
        tables.insert(table, rows.iter().map(text).collect());
    }
    tables
}

/// No rows: everything stays in memory.
struct NoRows;

impl Rows for NoRows {
    async fn run(&mut self, _: RunId) -> Result<Option<StoredRun>, sagaline_journal::Error> {
        Ok(None)
    }
}

fn journal(seed: u64) -> Vec<Vec<Record>> {
    let settings = Settings {
        sagas: 30,
        ..Settings::seed(seed)
    };
    simulate_journal(settings).unwrap()
}

#[tokio::test]
async fn rows_do_not_depend_on_when_they_are_written_and_what_is_in_memory() {
    let mut noticed = 0;
    for seed in 3..9 {
        let journal = journal(seed);
        let mut dumps = Vec::new();
        for (at_once, cut) in databases().await.iter().zip(&databases().await) {
            project(&at_once.projection, &journal, usize::MAX, |_| false).await;
            let cuts = |index| !(index as u64 + seed).is_multiple_of(3);
            project(&cut.projection, &journal, 0, cuts).await;
            dumps.push(dump(&at_once.projection).await);
            dumps.push(dump(&cut.projection).await);
        }
        // Both databases have the same rows, too.
        let at_once = dumps.remove(0);
        assert!(at_once["runs"].len() >= 10, "seed {seed}");
        noticed += at_once["notices"].len();
        for (table, rows) in &at_once {
            for cut in &dumps {
                for (one, other) in rows.iter().zip(&cut[table]) {
                    assert_eq!(one, other, "seed {seed}, {table}");
                }
                assert_eq!(rows, &cut[table], "seed {seed}, {table}");
            }
        }
    }
    assert!(noticed > 0);
}

#[tokio::test]
async fn what_a_row_tells_of_a_run_is_what_its_owner_would() {
    for database in databases().await {
        told_as_by_its_owner(&database).await;
    }
}

async fn told_as_by_its_owner(database: &Database) {
    let journal = journal(5);
    project(&database.projection, &journal, 0, |_| true).await;
    let mut connection = database.projection.pool().acquire().await.unwrap();
    let mut seen = 0;
    for (partition, records) in (0..).zip(&journal) {
        let mut fold = Fold::keeping(usize::MAX);
        let mut reader = JournalReader::after(Footing::START);
        for record in records {
            let mut items = Vec::new();
            reader.read(record.clone(), &mut items).unwrap();
            for item in items {
                if let Item::Batch(batch) = item {
                    fold.batch(&mut NoRows, partition, batch).await.unwrap();
                }
            }
        }
        for tracked in fold.to_write().0 {
            let run_id = tracked.stored.run.run_id;
            let row = Reading(&mut connection).run(run_id).await.unwrap().unwrap();
            let now = Timestamp::from_millis(1_900_000_000_000);
            let told = |stored: &StoredRun| {
                let stored = StoredRun {
                    as_of: now,
                    ..stored.clone()
                };
                serde_json::to_string(&stored.view(now, &[]).describe()).unwrap()
            };
            assert_eq!(told(&row), told(&tracked.stored));
            seen += 1;
        }
    }
    assert!(seen >= 30);
}

#[tokio::test]
async fn who_was_overtaken_writes_nothing() {
    for database in databases().await {
        overtaken(&database).await;
    }
}

async fn overtaken(database: &Database) {
    let journal = journal(1);
    project(&database.projection, &journal, usize::MAX, |_| false).await;
    let before = dump(&database.projection).await;
    let mut connection = database.projection.pool().acquire().await.unwrap();
    let mut fold = Fold::default();
    let mut reader = JournalReader::after(Footing::START);
    let mut items = Vec::new();
    for record in journal[0].iter().take(20) {
        reader.read(record.clone(), &mut items).unwrap();
    }
    for item in items {
        if let Item::Batch(batch) = item {
            let mut rows = Reading(&mut connection);
            fold.batch(&mut rows, 0, batch).await.unwrap();
        }
    }
    let progress = Progress {
        partition: 0,
        committed: Footing::START,
        footing: reader.footing(),
        as_of: Timestamp::default(),
    };

    let late = commit(&mut connection, LEADER, &fold, &[progress]).await;
    let other = Progress {
        committed: reader.footing(),
        ..progress
    };
    let stranger = commit(&mut connection, "somebody else", &fold, &[other]).await;

    assert_eq!(late.unwrap(), Committed::Overtaken);
    assert_eq!(stranger.unwrap(), Committed::Overtaken);
    drop(connection);
    assert_eq!(dump(&database.projection).await, before);
}

#[tokio::test]
async fn a_database_of_another_namespace_is_emptied_and_keeps_what_people_keep_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("p.db").display());
    let projection = Projection::open(&url, "ns").await.unwrap();
    project(&projection, &journal(2), usize::MAX, |_| false).await;
    sqlx::query("INSERT INTO views (name, definition) VALUES ('mine', '{}')")
        .execute(&projection.pool())
        .await
        .map_err(unavailable)
        .unwrap();
    let rows = async |projection: &Projection, statement: &'static str| {
        let row = sqlx::query(statement)
            .fetch_one(&projection.pool())
            .await
            .unwrap();
        row.try_get::<i64, _>(0).unwrap()
    };
    assert!(rows(&projection, "SELECT COUNT(*) FROM runs").await >= 30);
    drop(projection);

    let again = Projection::open(&url, "ns").await.unwrap();
    assert!(rows(&again, "SELECT COUNT(*) FROM runs").await >= 30);
    drop(again);
    let other = Projection::open(&url, "other").await.unwrap();

    assert_eq!(rows(&other, "SELECT COUNT(*) FROM runs").await, 0);
    assert_eq!(rows(&other, "SELECT COUNT(*) FROM views").await, 1);
}

#[tokio::test]
async fn a_notice_is_one_process_s_to_tell_until_it_has_told_it() {
    for database in databases().await {
        told_once(&database).await;
    }
}

async fn told_once(database: &Database) {
    project(&database.projection, &journal(3), usize::MAX, |_| false).await;
    let projection = &database.projection;
    let now = Timestamp::from_millis(1_900_000_000_000);
    let later = |seconds: i64| Timestamp::from_millis(now.as_millis() + seconds * 1_000);

    let mine = projection.untold(now, &[]).await.unwrap();
    let ids: Vec<String> = mine.iter().map(|one| one.id.clone()).collect();
    // By somebody whose claim has run out.
    projection.release(&ids, later(-61)).await.unwrap();
    let other = projection.untold(later(30), &[]).await.unwrap();
    projection.release(&ids, now).await.unwrap();
    let again = projection.untold(later(30), &[]).await.unwrap();
    let left = projection
        .untold(later(91), &[mine[0].cause.clone()])
        .await
        .unwrap();
    projection.told(&ids, later(92)).await.unwrap();
    projection.release(&ids, later(91)).await.unwrap();
    let after = projection.untold(later(600), &[]).await.unwrap();

    assert_eq!(again, mine);
    assert!(!mine.is_empty() && other.is_empty() && after.is_empty());
    assert!(left.iter().all(|one| one.cause != mine[0].cause));
    let is_ordered = mine.is_sorted_by_key(|one| (one.at, one.id.clone()));
    let texts = mine.iter().map(|one| one.json["text"].as_str().unwrap());
    assert!(is_ordered && texts.clone().all(|text| text.contains(": ")));
}

/// What was forgotten, or begins before the journal, may be told of again.
#[tokio::test]
async fn records_of_unknown_runs_are_left_out() {
    let journal = journal(12);
    let mut nothing = NoRows;
    let mut fold = Fold::default();
    let mut reader = JournalReader::after(Footing::START);
    let mut left_out = 0;
    for record in journal[0].clone() {
        let mut items = Vec::new();
        reader.read(record, &mut items).unwrap();
        for item in items {
            let Item::Batch(mut batch) = item else {
                continue;
            };
            let before = batch.transitions.len();
            batch
                .transitions
                .retain(|one| one.transition.first_seq != 1);
            left_out += before - batch.transitions.len();
            fold.batch(&mut nothing, 0, batch).await.unwrap();
        }
    }
    assert!(left_out > 0 && fold.to_write().0.is_empty());
}

#[tokio::test]
async fn what_is_made_anew_is_read_by_all_once_it_is_whole() {
    for database in databases().await {
        made_anew(&database).await;
    }
}

async fn made_anew(database: &Database) {
    let (url, serving) = (&database.url, &database.projection);
    let other = Projection::open(url, "ns").await.unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    serving
        .give_notice_from(Timestamp::default())
        .await
        .unwrap();
    let journal = journal(14);
    project(serving, &journal, usize::MAX, |_| false).await;
    let told = serving.untold(now, &[]).await.unwrap();
    let told: Vec<String> = told.into_iter().map(|one| one.id).collect();
    serving.told(&told[..1], now).await.unwrap();
    let view = SavedView {
        name: Name::new("mine").unwrap(),
        definition: r#"{"query":"Open = true"}"#.into(),
    };
    serving.put_view(&view).await.unwrap();
    let whole = dump(serving).await;
    // What a defect has spoilt.
    let spoil = sqlx::query("DELETE FROM runs WHERE open = 0");
    spoil.execute(&serving.pool()).await.unwrap();

    for generation in 1..3 {
        let rebuild = Rebuild::begin(url, "ns").await.unwrap();
        project(rebuild.projection(), &journal, usize::MAX, |_| false).await;
        assert!(!serving.moved().await.unwrap(), "it is not whole yet");
        assert!(!rebuild.projection().moved().await.unwrap());
        rebuild.serve(now).await.unwrap();
        assert!(serving.moved().await.unwrap() && other.moved().await.unwrap());
        rebuild.retire().await.unwrap();

        let opened = Projection::open(url, "ns").await.unwrap();
        for one in [serving, &other, &opened] {
            assert_eq!(one.tables().generation, generation);
            let (mut rows, mut before) = (dump(one).await, whole.clone());
            // When somebody began to tell, and has told, is in them.
            let notices = (rows.remove("notices"), before.remove("notices"));
            assert_eq!(rows, before);
            let count = |rows: Option<Vec<String>>| rows.unwrap().len();
            assert_eq!(count(notices.0), count(notices.1));
            assert_eq!(one.views().await.unwrap(), std::slice::from_ref(&view));
        }
        let again = other.untold(now, &[]).await.unwrap();
        assert!(again.is_empty(), "nobody is told twice: {again:?}");
    }
}

#[tokio::test]
async fn tables_of_another_form_are_left_to_others() {
    for database in databases().await {
        let rebuild = Rebuild::begin(&database.url, "ns").await.unwrap();
        let tables = rebuild.projection().tables();
        tables.say("state", "0").await.unwrap();
        rebuild.serve(Timestamp::default()).await.unwrap();

        assert!(!database.projection.moved().await.unwrap());
        assert_eq!(database.projection.tables().generation, 0);
    }
}
