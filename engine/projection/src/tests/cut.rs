//! A projection that begins with what a trimmed journal begins with, and is killed.

use sagaline_core::State;
use sagaline_runtime as runtime;

use super::*;

/// The state at the last footing of these records, and that footing.
fn beginning(records: &[Record]) -> (State, Footing) {
    let mut fold = runtime::Fold::new(1);
    for record in records {
        fold.record(record.clone()).unwrap();
    }
    (fold.state.clone(), fold.footing())
}

/// Projects what is behind a footing; `is_killed`: after each commit, so that what is in memory is lost.
async fn project_from(
    projection: &Projection,
    (partition, records): (i32, &[Record]),
    (state, begin): (&State, Footing),
    is_killed: bool,
) {
    let mut connection = projection.pool().acquire().await.unwrap();
    let start = format!(
        "INSERT INTO partitions (partition, next_offset, epoch, batch_no, as_of, leader, beat) VALUES ({partition}, 0, 0, 0, 0, '{LEADER}', 0)"
    );
    let start = sqlx::query(sqlx::AssertSqlSafe(start));
    start.execute(&mut *connection).await.unwrap();
    let mut fold = Fold::default();
    fold.begin(partition, state);
    let (mut reader, mut committed) = (JournalReader::after(begin), Footing::START);
    let behind = records.iter().filter(|one| one.offset > begin.offset);
    for record in behind {
        let mut items = Vec::new();
        reader.read(record.clone(), &mut items).unwrap();
        for item in items {
            if let Item::Batch(batch) = item {
                let mut rows = Reading(&mut connection);
                fold.batch(&mut rows, partition, batch).await.unwrap();
            }
        }
        let progress = Progress {
            partition,
            committed,
            footing: reader.footing(),
            as_of: Timestamp::default(),
        };
        if progress.footing == committed {
            continue;
        }
        let done = commit(&mut connection, LEADER, &fold, &[progress]).await;
        assert_eq!(done.unwrap(), Committed::Done);
        fold.written();
        committed = progress.footing;
        if is_killed {
            fold = Fold::default();
            fold.go_on(&mut connection, partition).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_trimmed_journal_begins_with_is_known_whenever_the_projection_is_killed() {
    let (mut open, mut changed) = (0, 0);
    for seed in 3..6 {
        let journal = journal(seed);
        for (at_once, killed) in databases().await.iter().zip(&databases().await) {
            for (partition, records) in (0..).zip(&journal) {
                let (state, begin) = beginning(&records[..records.len() / 3]);
                open += state.open_runs();
                let of = (partition, records.as_slice());
                project_from(&at_once.projection, of, (&state, begin), false).await;
                project_from(&killed.projection, of, (&state, begin), true).await;
            }
            let (at_once, killed) = (
                dump(&at_once.projection).await,
                dump(&killed.projection).await,
            );
            assert_eq!(at_once, killed, "seed {seed}");
            changed += at_once["cut"].len();
        }
    }
    assert!(open > 0 && changed > 0, "{open} and {changed}");
}
