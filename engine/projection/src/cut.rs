//! Runs that were open where a trimmed journal begins. No list has them, since they closed long ago; others may go on in their
//! place and take something over from them.
//!
//! Invariant: the table `cut` has them as they are at the offsets beside it, so that whoever goes on knows them as well.

use std::collections::{BTreeSet, HashMap};

use sagaline_core::{Run, RunId, State};
use sagaline_journal::{Error, ErrorKind};
use sqlx::{Any, AnyConnection, Row as _, Transaction};

use crate::{
    database::Dialect,
    sql::{Bind, Sql},
    store::unavailable,
    write::{ROWS_OF_STATEMENT, execute},
};

/// One of them, and the partition that it is of.
#[derive(Debug)]
struct CutRun {
    partition: i32,
    run: Run,
}

/// All that are known.
#[derive(Debug, Default)]
pub(crate) struct CutRuns {
    runs: HashMap<RunId, CutRun>,
    /// Those whose rows are old.
    changed: BTreeSet<RunId>,
}

impl CutRuns {
    /// Those of a partition that begins with this state.
    pub(crate) fn begin(&mut self, partition: i32, state: &State) {
        for (_, run) in state.runs() {
            let run = run.clone();
            self.changed.insert(run.run_id);
            self.runs.insert(run.run_id, CutRun { partition, run });
        }
    }

    /// Those of a partition, as the rows have them.
    pub(crate) async fn read(
        &mut self,
        connection: &mut AnyConnection,
        partition: i32,
    ) -> Result<(), Error> {
        let mut sql = Sql::new("SELECT state FROM cut WHERE partition = ");
        sql.bind(i64::from(partition));
        let rows = sql.query().fetch_all(connection).await;
        for row in rows.map_err(unavailable)? {
            let state: Vec<u8> = row.try_get(0).map_err(unavailable)?;
            let run: Run = rmp_serde::from_slice(&state).map_err(|error| {
                let text = format!("a run that the journal begins with cannot be read: {error}");
                Error::new(ErrorKind::Corrupt, "projection-corrupt", text)
            })?;
            self.runs.insert(run.run_id, CutRun { partition, run });
        }
        Ok(())
    }

    pub(crate) fn get(&self, run_id: RunId) -> Option<&Run> {
        self.runs.get(&run_id).map(|cut| &cut.run)
    }

    /// One of them, to be changed.
    pub(crate) fn change(&mut self, run_id: RunId) -> Option<&mut Run> {
        let cut = self.runs.get_mut(&run_id)?;
        self.changed.insert(run_id);
        Some(&mut cut.run)
    }

    /// Writes those whose rows are old.
    pub(crate) async fn write(&self, transaction: &mut Transaction<'_, Any>) -> Result<(), Error> {
        let dialect = Dialect::of(transaction);
        let changed: Vec<&CutRun> = self
            .changed
            .iter()
            .filter_map(|run_id| self.runs.get(run_id))
            .collect();
        for some in changed.chunks(ROWS_OF_STATEMENT) {
            let rows = some.iter().map(|cut| cut.row());
            let rows: Vec<Vec<Bind>> = rows.collect::<Result<_, Error>>()?;
            let mut sql = Sql::of_rows(
                dialect,
                "INSERT INTO cut (run_id, partition, state) VALUES ",
            );
            sql.rows(rows);
            sql.push(" ON CONFLICT (run_id) DO UPDATE SET state = excluded.state");
            execute(transaction, sql).await?;
        }
        Ok(())
    }

    /// The rows are as the runs are.
    pub(crate) fn written(&mut self) {
        self.changed.clear();
    }
}

impl CutRun {
    fn row(&self) -> Result<Vec<Bind>, Error> {
        let run_id = self.run.run_id;
        let state = rmp_serde::to_vec(&self.run).map_err(|error| {
            let text = format!("run {run_id} cannot be written: {error}");
            Error::new(ErrorKind::Internal, "projection-corrupt", text)
        })?;
        Ok(vec![
            run_id.to_string().into(),
            i64::from(self.partition).into(),
            state.into(),
        ])
    }
}
