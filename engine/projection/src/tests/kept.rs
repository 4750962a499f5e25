//! What a database keeps, what it needs for that, and what it forgets.

use sagaline_core::Timestamp;
use sqlx::Row as _;

use super::{LEADER, dump, journal, project};
use crate::query::tests::{Database, databases};

#[tokio::test]
async fn closed_runs_are_forgotten_whole_and_only_by_who_projects_them() {
    for database in databases().await {
        forgotten(&database).await;
    }
}

async fn forgotten(database: &Database) {
    let projection = &database.projection;
    let mut journal = journal(11);
    for records in &mut journal {
        // Some runs are still open then.
        records.truncate(records.len() / 2);
    }
    project(projection, &journal, usize::MAX, |_| false).await;
    let all = dump(projection).await;
    let end = Timestamp::from_millis(i64::MAX / 1_000);

    assert_eq!(projection.expired("another", end).await.unwrap(), []);
    assert_eq!(
        projection
            .expired(LEADER, Timestamp::default())
            .await
            .unwrap(),
        []
    );
    let mut gone = Vec::new();
    loop {
        let some = projection.expired(LEADER, end).await.unwrap();
        if some.is_empty() {
            break;
        }
        projection.forget(&some).await.unwrap();
        gone.extend(some);
    }

    let closed: Vec<_> = gone
        .iter()
        .map(|run| run.run.closed.as_ref().unwrap().at)
        .collect();
    assert!(closed.is_sorted(), "those that closed first go first");
    let left = dump(projection).await;
    let of_gone = |row: &String| {
        // Of a run that goes the children may stay, which name it.
        let id = row.split_once("run_id=").map_or("", |(_, rest)| rest);
        gone.iter()
            .any(|run| id.starts_with(&format!("Some(\"{}", run.run.run_id)))
    };
    for (table, rows) in all {
        if ["notices", "queues", "rejected"].contains(&table) {
            assert_eq!(left[table], rows, "{table}");
            continue;
        }
        let kept: Vec<_> = rows.into_iter().filter(|row| !of_gone(row)).collect();
        assert!(left[table].iter().all(|row| !of_gone(row)), "{table}");
        assert!(left[table].len() <= kept.len(), "{table}");
    }
    assert!(
        left["runs"]
            .iter()
            .all(|row| row.contains("closed_at=None")),
        "only open ones stay"
    );
    assert!(
        !left["runs"].is_empty() && gone.len() > 10,
        "the journal has both"
    );
    let states = sqlx::query("SELECT COUNT(*) FROM states");
    let states = states.fetch_one(&projection.pool()).await.unwrap();
    let states: i64 = states.try_get(0).unwrap();
    assert_eq!(usize::try_from(states).unwrap(), left["runs"].len());
}

#[tokio::test]
async fn what_is_needed_is_told_and_a_database_of_others_stays_as_it_is() {
    for database in databases().await {
        let journal = journal(3);
        project(&database.projection, &journal, usize::MAX, |_| false).await;
        let before = dump(&database.projection).await;

        let needed = crate::needed(&database.url, "ns").await.unwrap();
        let refused = crate::needed(&database.url, "other").await.unwrap_err();

        assert_eq!(needed.len(), journal.len());
        for (records, first) in journal.iter().zip(needed.into_values()) {
            let end = i64::try_from(records.len()).unwrap();
            assert!((0..=end).contains(&first), "{first} of {end}");
        }
        assert_eq!(refused.code(), "projection-other");
        assert_eq!(dump(&database.projection).await, before);
    }
    let nowhere = std::env::temp_dir().join("sagaline-no-such.db");
    let nowhere = format!("sqlite:{}", nowhere.display());
    let missing = crate::needed(&nowhere, "ns").await.unwrap_err();
    assert_eq!(missing.code(), "projection-unavailable");
}
