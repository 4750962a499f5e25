//! One commit: the rows of what changed, and the offsets behind it, in one transaction.
//!
//! Invariant: a commit counts only where every partition stands where this process last saw it and is still led by it: what
//! another has projected meanwhile is never written over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sagaline_core::{RunId, Seq, Timestamp};
use sagaline_journal::{Error, ErrorKind, Footing};
use sqlx::{Any, AnyConnection, Connection as _, Row as _, Transaction};

use crate::{
    database::Dialect,
    fold::{Fold, Rows, Tracked},
    notice::Notice,
    row::{self, Hanging, RejectedRow},
    sql::{Bind, Sql},
    state::{RunRow, StoredRun},
    store::unavailable,
};

/// Rows of one statement.
pub(crate) const ROWS_OF_STATEMENT: usize = 64;

/// How far a partition is read, and where it stood at the last commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) partition: i32,
    /// The place behind what was last committed.
    pub(crate) committed: Footing,
    /// The place behind what is to be committed.
    pub(crate) footing: Footing,
    pub(crate) as_of: Timestamp,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is done.
    Done,
    /// Another process has gone on with a partition: nothing was written.
    Overtaken,
}

/// Writes what changed, and how far that is.
pub(crate) async fn commit(
    connection: &mut AnyConnection,
    leader: &str,
    fold: &Fold,
    progress: &[Progress],
) -> Result<Committed, Error> {
    let mut transaction = connection.begin().await.map_err(unavailable)?;
    for one in progress {
        if !advance(&mut transaction, leader, one).await? {
            transaction.rollback().await.map_err(unavailable)?;
            return Ok(Committed::Overtaken);
        }
    }
    let dialect = Dialect::of(&transaction);
    let (runs, queues) = fold.to_write();
    write(&mut transaction, &runs).await?;
    fold.cut().write(&mut transaction).await?;
    for some in fold.notices().chunks(ROWS_OF_STATEMENT) {
        let mut sql = Sql::of_rows(
            dialect,
            "INSERT INTO notices (id, at, cause, notice) VALUES ",
        );
        sql.rows(some.iter().map(Notice::row));
        sql.push(" ON CONFLICT (id) DO NOTHING");
        execute(&mut transaction, sql).await?;
    }
    write_rejected(&mut transaction, fold.rejected()).await?;
    for (partition, changed, at) in queues {
        let mut sql =
            Sql::new("INSERT INTO queues (name, partition, settings, changed_at) VALUES ");
        sql.rows([vec![
            row::text(changed.queue.as_str()),
            i64::from(*partition).into(),
            row::shown(changed).into(),
            row::millis(*at).into(),
        ]]);
        sql.push(
            " ON CONFLICT (name, partition) DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at",
        );
        execute(&mut transaction, sql).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(Committed::Done)
}

/// Moves a partition on, if it stands where it stood and is led by this process.
async fn advance(
    transaction: &mut Transaction<'_, Any>,
    leader: &str,
    progress: &Progress,
) -> Result<bool, Error> {
    let Progress {
        partition,
        committed,
        footing,
        as_of,
    } = *progress;
    let mut sql = Sql::new("UPDATE partitions SET next_offset = ");
    sql.bind(footing.offset.saturating_add(1));
    sql.push(", epoch = ").bind(signed(footing.epoch));
    sql.push(", batch_no = ").bind(signed(footing.batch_no));
    sql.push(", as_of = ").bind(row::millis(as_of));
    sql.push(", beat = beat + 1 WHERE partition = ")
        .bind(i64::from(partition));
    sql.push(" AND leader = ").bind(leader);
    sql.push(" AND next_offset = ")
        .bind(committed.offset.saturating_add(1));
    let result = sql.query().execute(&mut **transaction).await;
    Ok(result.map_err(unavailable)?.rows_affected() == 1)
}

/// Writes where inputs that could not be taken are told of.
pub(crate) async fn write_rejected(
    transaction: &mut Transaction<'_, Any>,
    rejected: &[RejectedRow],
) -> Result<(), Error> {
    for some in rejected.chunks(ROWS_OF_STATEMENT) {
        let mut sql =
            Sql::new("INSERT INTO rejected (partition, record_offset, at, workflow_id) VALUES ");
        sql.rows(some.iter().map(RejectedRow::row));
        sql.push(" ON CONFLICT (partition, record_offset) DO NOTHING");
        execute(transaction, sql).await?;
    }
    Ok(())
}

/// Writes runs, and what hangs on them.
pub(crate) async fn write(
    transaction: &mut Transaction<'_, Any>,
    runs: &[&Tracked],
) -> Result<(), Error> {
    let ids = write_runs(transaction, runs).await?;
    write_hanging(transaction, runs, &ids).await
}

/// Writes the rows of runs and their states; gives each run's `runs.id`.
async fn write_runs(
    transaction: &mut Transaction<'_, Any>,
    runs: &[&Tracked],
) -> Result<HashMap<String, i64>, Error> {
    let dialect = Dialect::of(transaction);
    let mut ids = HashMap::with_capacity(runs.len());
    for some in runs.chunks(ROWS_OF_STATEMENT) {
        let rows = some.iter().map(|tracked| row::run(&tracked.stored));
        let mut sql = Sql::of_rows(dialect, "INSERT INTO runs (");
        sql.push(row::RUN_COLUMNS).push(") VALUES ").rows(rows);
        sql.push(" ON CONFLICT (run_id) DO UPDATE SET ")
            .push(row::RUN_UPDATES);
        sql.push(" RETURNING run_id, id");
        let written = sql.query().fetch_all(&mut **transaction).await;
        for row in written.map_err(unavailable)? {
            let run_id = row.try_get::<String, _>(0).map_err(unavailable)?;
            ids.insert(run_id, row.try_get(1).map_err(unavailable)?);
        }
        let states = some.iter().map(|tracked| {
            let stored = &tracked.stored;
            let id = id_of(&ids, &stored.run.run_id.to_string())?;
            Ok(vec![id.into(), stored.encode()?.into()])
        });
        let states: Vec<Vec<Bind>> = states.collect::<Result<_, Error>>()?;
        let mut sql = Sql::of_rows(dialect, "INSERT INTO states (id, state) VALUES ");
        sql.rows(states);
        sql.push(" ON CONFLICT (id) DO UPDATE SET state = excluded.state");
        execute(transaction, sql).await?;
    }
    Ok(ids)
}

/// The `runs.id` of a run that was just written.
fn id_of(ids: &HashMap<String, i64>, run_id: &str) -> Result<i64, Error> {
    ids.get(run_id).copied().ok_or_else(|| {
        let text = format!("run {run_id} was written and has no row");
        Error::new(ErrorKind::Internal, "projection-corrupt", text)
    })
}

/// What is to change in the tables around `runs`.
#[derive(Default)]
struct Around {
    pending_gone: Vec<Vec<Bind>>,
    pending: Vec<Vec<Bind>>,
    incidents_gone: Vec<Vec<Bind>>,
    incidents: Vec<Vec<Bind>>,
    attributes_gone: Vec<Vec<Bind>>,
    attributes: Vec<Vec<Bind>>,
    places: Vec<Vec<Bind>>,
    deleted: Vec<Vec<Bind>>,
}

async fn write_hanging(
    transaction: &mut Transaction<'_, Any>,
    runs: &[&Tracked],
    ids: &HashMap<String, i64>,
) -> Result<(), Error> {
    let dialect = Dialect::of(transaction);
    let mut around = Around::default();
    for tracked in runs {
        around.add(tracked, ids)?;
    }
    let gone = [
        (
            "DELETE FROM pending WHERE (run_id, activity_id) IN (VALUES ",
            around.pending_gone,
        ),
        (
            "DELETE FROM incidents WHERE (run_id, seq) IN (VALUES ",
            around.incidents_gone,
        ),
        (
            "DELETE FROM incidents WHERE run_id IN (VALUES ",
            around.deleted.clone(),
        ),
        (
            "DELETE FROM attributes WHERE run IN (VALUES ",
            around.attributes_gone,
        ),
        (
            "DELETE FROM places WHERE run_id IN (VALUES ",
            around.deleted,
        ),
    ];
    for (begin, rows) in gone {
        for some in rows.chunks(ROWS_OF_STATEMENT) {
            let mut sql = Sql::of_rows(dialect, begin);
            sql.rows(some.to_vec()).push(")");
            execute(transaction, sql).await?;
        }
    }
    let new = [
        ("pending", row::PENDING_COLUMNS, around.pending, ""),
        (
            "incidents",
            row::INCIDENT_COLUMNS,
            around.incidents,
            " ON CONFLICT (run_id, seq) DO UPDATE SET open = excluded.open, kind = excluded.kind, \
             error_type = excluded.error_type, since = excluded.since, resolved_at = excluded.resolved_at, \
             resolved = excluded.resolved",
        ),
        ("attributes", row::ATTRIBUTE_COLUMNS, around.attributes, ""),
        ("places", "run_id, first_seq, places", around.places, ""),
    ];
    for (table, columns, rows, conflict) in new {
        for some in rows.chunks(ROWS_OF_STATEMENT) {
            let mut sql = Sql::of_rows(dialect, "INSERT INTO ");
            sql.push(table).push(" (").push(columns).push(") VALUES ");
            sql.rows(some.to_vec()).push(conflict);
            execute(transaction, sql).await?;
        }
    }
    Ok(())
}

impl Around {
    /// What is to change for one run: the difference to what was last written.
    fn add(&mut self, tracked: &Tracked, ids: &HashMap<String, i64>) -> Result<(), Error> {
        let stored = &tracked.stored;
        let (now, before) = (Hanging::of(stored), &tracked.written);
        if now == *before
            && tracked.solved.is_empty()
            && tracked.raised.is_empty()
            && tracked.older.is_empty()
            && !tracked.was_deleted
        {
            return Ok(());
        }
        let run_id = stored.run.run_id.to_string();
        for (activity_id, written) in &before.pending {
            if now.pending.get(activity_id) != Some(written) {
                self.pending_gone
                    .push(vec![run_id.as_str().into(), i64::from(*activity_id).into()]);
            }
        }
        if now.attributes != before.attributes {
            let id = id_of(ids, &run_id)?;
            self.attributes_gone.push(vec![id.into()]);
            let rows = now.attributes.as_ref();
            let rows = rows.map(|fields| row::attributes(id, stored.run.started_at, fields));
            self.attributes.extend(rows.unwrap_or_default());
        }
        self.add_incidents(tracked, &now);
        for (activity_id, new) in now.pending {
            if before.pending.get(&activity_id) != Some(&new) {
                self.pending.push(row::pending(&run_id, activity_id, new));
            }
        }
        if tracked.was_deleted {
            self.deleted.push(vec![run_id.as_str().into()]);
        }
        if let Some(first) = tracked.older.first() {
            let places = rmp_serde::to_vec(&tracked.older).map_err(|error| {
                let text = format!("places of run {run_id} cannot be written: {error}");
                Error::new(ErrorKind::Internal, "projection-corrupt", text)
            })?;
            self.places.push(vec![
                run_id.into(),
                signed(first.first_seq).into(),
                places.into(),
            ]);
        }
        Ok(())
    }

    fn add_incidents(&mut self, tracked: &Tracked, now: &Hanging) {
        let stored = &tracked.stored;
        let run_id = stored.run.run_id.to_string();
        // One that is open no more and was not solved ended with its run: nobody solved it.
        let is_solved = |seq| tracked.solved.iter().any(|one| one.incident.seq == seq);
        let written: BTreeSet<Seq> = tracked.written.incidents.keys().copied().collect();
        let raised = tracked.raised.iter().copied().collect();
        for seq in written.union(&raised) {
            if !now.incidents.contains_key(seq) && !is_solved(*seq) {
                self.incidents_gone
                    .push(vec![run_id.as_str().into(), signed(*seq).into()]);
            }
        }
        // The last word on an incident counts: a statement may not have one row twice.
        let mut rows = BTreeMap::new();
        for solved in &tracked.solved {
            let row = row::incident(stored, &solved.incident, Some(solved));
            rows.insert(solved.incident.seq, row);
        }
        for incident in &stored.run.incidents {
            let written = tracked.written.incidents.get(&incident.seq);
            if written != now.incidents.get(&incident.seq) || is_solved(incident.seq) {
                rows.insert(incident.seq, row::incident(stored, incident, None));
            }
        }
        self.incidents.extend(rows.into_values());
    }
}

pub(crate) async fn execute(transaction: &mut Transaction<'_, Any>, sql: Sql) -> Result<(), Error> {
    let result = sql.query().execute(&mut **transaction).await;
    result.map(drop).map_err(unavailable)
}

/// SQL has no unsigned numbers. Ours never come near the limit.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The rows, read for the fold.
pub(crate) struct Reading<'a>(pub(crate) &'a mut AnyConnection);

impl Rows for Reading<'_> {
    async fn run(&mut self, run_id: RunId) -> Result<Option<StoredRun>, Error> {
        let mut sql = Sql::new(
            "SELECT partition, workflow_id, first_offset, state FROM runs JOIN states USING (id) WHERE run_id = ",
        );
        sql.bind(run_id.to_string());
        let row = sql.query().fetch_optional(&mut *self.0).await;
        let Some(row) = row.map_err(unavailable)? else {
            return Ok(None);
        };
        let columns = RunRow {
            partition: row.try_get(0).map_err(unavailable)?,
            workflow_id: row.try_get(1).map_err(unavailable)?,
            first_offset: row.try_get(2).map_err(unavailable)?,
            state: row.try_get(3).map_err(unavailable)?,
        };
        StoredRun::decode(&columns, Timestamp::default()).map(Some)
    }
}
