//! Runs that are asked for by id, and where their events lie.

use std::ops::Range;

use sagaline_core::{RunId, Seq, WorkflowId};
use sagaline_journal::{Error, ErrorKind};
use sqlx::Row as _;

use super::{
    List, Page,
    list::Only,
    read::{self, AsOf},
};
use crate::{
    key,
    sql::Sql,
    state::{Place, StoredRun},
    store::{Projection, unavailable},
};

/// Most runs of one id that are told of: the newest.
pub const RUNS_OF_ID_MAX: usize = 1_000;

impl Projection {
    /// A run; without `run_id` the newest of that workflow id.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn run(
        &self,
        id: &WorkflowId,
        run_id: Option<RunId>,
    ) -> Result<Option<StoredRun>, Error> {
        let mut sql = of_id(id);
        if let Some(run_id) = run_id {
            sql.push(" AND r.run_id = ").bind(run_id.to_string());
        }
        sql.push(" ORDER BY r.first_offset DESC LIMIT 1");
        Ok(self.runs(sql).await?.pop())
    }

    /// The runs of a workflow id, the newest first, at most [`RUNS_OF_ID_MAX`].
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn runs_of(&self, id: &WorkflowId) -> Result<Vec<StoredRun>, Error> {
        let mut sql = of_id(id);
        sql.push(" ORDER BY r.first_offset DESC LIMIT ");
        sql.bind(i64::try_from(RUNS_OF_ID_MAX).unwrap_or(i64::MAX));
        self.runs(sql).await
    }

    /// The run of that id, whatever its workflow id is.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn run_by_run_id(&self, run_id: RunId) -> Result<Option<StoredRun>, Error> {
        let mut sql = Sql::new("SELECT ");
        sql.push(read::RUN)
            .push(" FROM runs r JOIN states s ON s.id = r.id WHERE r.run_id = ")
            .bind(run_id.to_string());
        Ok(self.runs(sql).await?.pop())
    }

    /// The runs that a run started and that no other goes on in the place of, as a filter and its order want them.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn children(&self, run_id: RunId, list: &List<'_>) -> Result<Page<StoredRun>, Error> {
        self.list_only(list, Only::ChildrenOf(&run_id.to_string()))
            .await
    }

    /// The runs that offer choices to a person, as a filter and its order want them.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn decisions(&self, list: &List<'_>) -> Result<Page<StoredRun>, Error> {
        self.list_only(list, Only::Decisions).await
    }

    /// The runs with ids that have `text` within; small and capital letters of ASCII are the same.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn search(&self, text: &str, list: &List<'_>) -> Result<Page<StoredRun>, Error> {
        match text.trim() {
            "" => self.list(list).await,
            text => self.list_only(list, Only::Id(text)).await,
        }
    }

    /// Where the events of a run lie that have these positions, oldest first. The first place may begin before them.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer. `projection-corrupt`: a row cannot be read.
    pub async fn places(&self, run: &StoredRun, seqs: Range<Seq>) -> Result<Vec<Place>, Error> {
        let mut places = Vec::new();
        if run
            .places
            .first()
            .is_none_or(|first| first.first_seq > seqs.start)
        {
            places = self.older_places(run.run.run_id, &seqs).await?;
        }
        places.extend_from_slice(&run.places);
        let ends = places.iter().skip(1).map(|next| next.first_seq);
        let ends = ends.chain([Seq::MAX]).collect::<Vec<_>>();
        let wanted = places.into_iter().zip(ends);
        let wanted = wanted.filter(|(place, end)| *end > seqs.start && place.first_seq < seqs.end);
        Ok(wanted.map(|(place, _)| place).collect())
    }

    async fn older_places(&self, run_id: RunId, seqs: &Range<Seq>) -> Result<Vec<Place>, Error> {
        let position = |seq: Seq| i64::try_from(seq).unwrap_or(i64::MAX);
        let run_id = run_id.to_string();
        let mut sql = Sql::new("SELECT places FROM places WHERE run_id = ");
        sql.bind(&*run_id).push(" AND first_seq < ");
        sql.bind(position(seqs.end));
        sql.push(" AND first_seq >= COALESCE((SELECT MAX(first_seq) FROM places WHERE run_id = ");
        sql.bind(&*run_id).push(" AND first_seq <= ");
        sql.bind(position(seqs.start))
            .push("), 0) ORDER BY first_seq");
        let mut places = Vec::new();
        for row in self.rows(sql).await? {
            let bytes: &[u8] = row.try_get(0).map_err(unavailable)?;
            let some: Vec<Place> = rmp_serde::from_slice(bytes).map_err(|error| {
                let text = format!("places of run {run_id} cannot be read: {error}");
                Error::new(ErrorKind::Corrupt, "projection-corrupt", text)
            })?;
            places.extend(some);
        }
        Ok(places)
    }

    pub(crate) async fn runs(&self, sql: Sql) -> Result<Vec<StoredRun>, Error> {
        let as_of = AsOf::read(self).await?;
        let rows = self.rows(sql).await?;
        rows.iter().map(|row| read::run(row, &as_of)).collect()
    }
}

fn of_id(id: &WorkflowId) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(read::RUN)
        .push(" FROM runs r JOIN states s ON s.id = r.id WHERE r.workflow_id = ")
        .bind(&*key::text_key(id.as_str()));
    sql
}
