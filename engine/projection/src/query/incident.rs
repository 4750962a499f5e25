//! What waits for a person, and what waited.

use sagaline_core::{RunId, Seq, Timestamp, filter::Filter};
use sagaline_journal::Error;
use sqlx::{Row as _, any::AnyRow};

use super::{
    Page, Seen,
    asked::{About, Asked, Use},
    condition::{self, Part, Writer},
    list::{cut, page_size},
    order,
    read::{self, AsOf},
    token,
};
use crate::{
    key,
    sql::Sql,
    state::StoredRun,
    store::{Projection, unavailable},
};

/// Which incidents are meant, and which page of them.
#[derive(Clone, Copy, Debug)]
pub struct IncidentList<'a> {
    /// Of these. `Activity`, `ActivityId` and `LastFailureType` are the incident's own.
    pub filter: &'a Filter,
    /// When and by whom they are looked at.
    pub seen: Seen<'a>,
    /// Those that wait, or those that were solved.
    pub state: IncidentState,
    /// So many rows, 1 to [`PAGE_SIZE_MAX`](super::PAGE_SIZE_MAX).
    pub page_size: usize,
    /// What the page before said.
    pub page_token: Option<&'a str>,
}

/// Whether an incident is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentState {
    /// It waits for a person. Without an order those that wait longest come first.
    Open,
    /// Somebody solved it. Without an order what was solved last comes first.
    Resolved,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIncident {
    /// Its run, as it is now. `run.view(…).incidents()` has it as long as it is open.
    pub run: StoredRun,
    /// Position of its first event: with the run's id, its id.
    pub seq: Seq,
    /// Of one that was solved: all of it and who solved it, as `GET /incidents` has it.
    pub resolved: Option<Box<[u8]>>,
}

/// What incidents are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentField {
    /// The workflow's name.
    Workflow,
    /// Its version.
    Version,
    /// The activity's name.
    Activity,
    /// The type of the error.
    ErrorType,
    /// The incident's kind.
    Kind,
}

/// Incidents with the same cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentGroup {
    /// The values that they share, in the order of the fields that were asked for.
    pub values: Vec<Option<String>>,
    /// So many.
    pub count: u64,
    /// Since when the oldest of them waits.
    pub since: Timestamp,
}

/// Most groups of incidents: the largest.
pub const INCIDENT_GROUPS_MAX: usize = 1_000;

impl IncidentField {
    const fn column(self) -> &'static str {
        match self {
            Self::Workflow => "i.workflow",
            Self::Version => "i.version",
            Self::Activity => "i.activity",
            Self::ErrorType => "i.error_type",
            Self::Kind => "i.kind",
        }
    }
}

/// ` FROM … WHERE …` of the incidents of a filter.
fn conditions(sql: &mut Sql, state: IncidentState, parts: &[Part<'_>], asked: Asked<'_>) {
    sql.push(" FROM incidents i JOIN runs r ON r.run_id = i.run_id");
    sql.push(" LEFT JOIN pending p ON p.run_id = i.run_id AND p.activity_id = i.activity_id");
    sql.push(match state {
        IncidentState::Open => " WHERE i.open = 1",
        IncidentState::Resolved => " WHERE i.open = 0",
    });
    let (about, how) = (About::Incident, Use::Check);
    Writer { asked, about, how }.all_of(sql, parts);
}

impl Projection {
    /// A page of incidents.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn incidents(&self, list: &IncidentList<'_>) -> Result<Page<StoredIncident>, Error> {
        let size = page_size(list.page_size)?;
        let keys = order::of_incidents(list.filter, list.state == IncidentState::Open);
        let name = format!("incidents {:?} {}", list.state, list.filter);
        let mut asked = Asked::new(&list.seen, self.shared.dialect);
        let behind = match list.page_token {
            Some(token) => Some(token::read(token, &name, &keys)?),
            None => None,
        };
        let mut sql = Sql::new(
            "SELECT r.partition, r.workflow_id, r.first_offset, s.state, x.seq, x.resolved",
        );
        for key in order::NAMES.iter().take(keys.len()) {
            sql.push(", x.").push(key);
        }
        sql.push(" FROM (SELECT r.id AS id, i.seq AS seq, i.resolved AS resolved");
        if let Some(behind) = &behind {
            asked.now_ms = behind.now_ms;
        }
        order::columns(&mut sql, &keys, &asked);
        conditions(&mut sql, list.state, &condition::parts(list.filter), asked);
        if let Some(behind) = &behind {
            order::behind(&mut sql, &keys, &behind.keys, Use::Find, &asked);
        }
        order::by(&mut sql, &keys, Use::Find, &asked);
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        sql.push(" LIMIT ").bind(limit);
        sql.push(") x JOIN runs r ON r.id = x.id JOIN states s ON s.id = x.id");
        order::by_names(&mut sql, &keys);
        let as_of = AsOf::read(self).await?;
        let rows = self.rows(sql).await?;
        let rows = rows.iter().map(|row| {
            Ok((
                read::keys(row, 6, &keys)?,
                incident(row, list.state, &as_of)?,
            ))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        Ok(cut(rows, size, &as_of, (&name, asked.now_ms)))
    }

    /// The incident of a run that began with the event at `seq`.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn incident(&self, run_id: RunId, seq: Seq) -> Result<Option<StoredIncident>, Error> {
        let mut sql = Sql::new(
            "SELECT r.partition, r.workflow_id, r.first_offset, s.state, i.seq, i.resolved, i.open",
        );
        sql.push(" FROM incidents i JOIN runs r ON r.run_id = i.run_id JOIN states s ON s.id = r.id WHERE i.run_id = ");
        sql.bind(run_id.to_string()).push(" AND i.seq = ");
        sql.bind(i64::try_from(seq).unwrap_or(i64::MAX));
        let as_of = AsOf::read(self).await?;
        let rows = self.rows(sql).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let state = match row.try_get::<i64, _>(6).map_err(unavailable)? {
            0 => IncidentState::Resolved,
            _ => IncidentState::Open,
        };
        incident(row, state, &as_of).map(Some)
    }

    /// Counts incidents by what they have in common, the largest group first, at most [`INCIDENT_GROUPS_MAX`].
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn incident_groups(
        &self,
        filter: &Filter,
        seen: &Seen<'_>,
        state: IncidentState,
        fields: &[IncidentField],
    ) -> Result<Vec<IncidentGroup>, Error> {
        let mut sql = Sql::new("SELECT COUNT(*) AS n, MIN(i.since) AS since");
        for field in fields {
            sql.push(", ").push(field.column());
        }
        let asked = Asked::new(seen, self.shared.dialect);
        conditions(&mut sql, state, &condition::parts(filter), asked);
        for (index, field) in fields.iter().enumerate() {
            sql.push(if index == 0 { " GROUP BY " } else { ", " });
            sql.push(field.column());
        }
        // Without a group there is one all the same.
        sql.push(" HAVING COUNT(*) > 0 ORDER BY n DESC, since LIMIT ");
        sql.bind(i64::try_from(INCIDENT_GROUPS_MAX).unwrap_or(i64::MAX));
        let rows = self.rows(sql).await?;
        let groups = rows.iter().map(|row| {
            let values = (2..2 + fields.len()).map(|index| {
                let value: Option<String> = row.try_get(index)?;
                Ok(value.map(|value| key::text_of(&value).into_owned()))
            });
            Ok(IncidentGroup {
                values: values.collect::<Result<_, sqlx::Error>>()?,
                count: super::count::unsigned(row.try_get(0)?),
                since: Timestamp::from_millis(row.try_get(1)?),
            })
        });
        groups.collect::<Result<_, _>>().map_err(unavailable)
    }
}

fn incident(row: &AnyRow, state: IncidentState, as_of: &AsOf) -> Result<StoredIncident, Error> {
    let seq: i64 = row.try_get(4).map_err(unavailable)?;
    let resolved: Option<Vec<u8>> = row.try_get(5).map_err(unavailable)?;
    Ok(StoredIncident {
        run: read::run(row, as_of)?,
        seq: Seq::try_from(seq).unwrap_or_default(),
        resolved: match state {
            IncidentState::Open => None,
            IncidentState::Resolved => resolved.map(Vec::into_boxed_slice),
        },
    })
}
