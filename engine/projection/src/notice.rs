//! What people are told: an incident that is new, or came again, and a run that failed.
//!
//! Notices are rows, made in the transaction that projects what they tell of, so that each is there once whatever dies. Who
//! sends them marks them afterwards: a notice may come twice, under the same id. Deliberately absent: payloads, which may be
//! secret, and where notices go.

use sagaline_core::{Outcome, RunId, Seq, Timestamp, run::Incident, show::Shown};
use sagaline_journal::Error;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row as _};

use crate::{
    Projection, StoredRun,
    row::millis,
    sql::{Bind, Sql},
    store::unavailable,
};

/// How long notices are kept that people were told.
const KEPT_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// How long a notice is one process's to tell.
const CLAIM_MS: i64 = 60_000;

/// Most notices that are given at once.
pub const NOTICES_MAX: i64 = 1_000;

/// Something that people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is told apart by: the same again is a repeat.
    pub id: String,
    /// When it came to be.
    pub at: Timestamp,
    /// What is told together: workflow, activity and error type.
    pub cause: String,
    /// `id`, `type` (`incident`, `failed`, `timed-out`), `text`, `workflow_id`, `run_id`, `workflow`, `version`, `activity`, `error_type`,
    /// `message`, `times`, `at`.
    pub json: Value,
}

impl Notice {
    /// Of the incident that was just raised.
    pub(crate) fn of_incident(stored: &StoredRun, incident: &Incident) -> Self {
        let view = stored.view(incident.since, &[]);
        let what = view.incidents().pop().map(|seen| seen.what());
        let activity = incident.activity.as_ref().map(|name| name.as_str());
        let id = incident_id(stored.run.run_id, incident.seq, incident.times);
        let mut notice = Self::new(stored, id, "incident", incident.since);
        notice.tell(
            activity,
            incident.failure.error_type.as_str(),
            &incident.failure.message,
        );
        notice.json["times"] = json!(incident.times);
        let text = what.unwrap_or_default();
        notice.json["text"] = json!(format!("{} waits for a person: {text}", stored.workflow_id));
        notice
    }

    /// Of a run that has just ended, if that is bad news: a child's end is its parent's business.
    pub(crate) fn of_end(stored: &StoredRun) -> Option<Self> {
        let run = &stored.run;
        let closed = run.closed.as_deref()?;
        let kind = match closed.outcome {
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed-out",
            _ => return None,
        };
        if run.started.parent.is_some() || closed.new_run_id.is_some() {
            return None;
        }
        let mut notice = Self::new(stored, run.run_id.to_string(), kind, closed.at);
        let failure = closed.failure.as_ref();
        notice.tell(
            None,
            failure.map_or(kind, |failure| failure.error_type.as_str()),
            failure.map_or("", |failure| &failure.message),
        );
        let sentence = stored.view(closed.at, &[]).waiting_for().text;
        notice.json["text"] = json!(format!("{}: {sentence}", stored.workflow_id));
        Some(notice)
    }

    fn new(stored: &StoredRun, id: String, kind: &str, at: Timestamp) -> Self {
        let started = &stored.run.started;
        let json = json!({
            "id": id,
            "type": kind,
            "text": null,
            "workflow_id": stored.workflow_id,
            "run_id": stored.run.run_id,
            "workflow": started.workflow,
            "version": started.version,
            "activity": null,
            "error_type": null,
            "message": null,
            "times": 1,
            "at": Shown(&at),
        });
        Self {
            id,
            at,
            cause: format!("{kind} {}", started.workflow),
            json,
        }
    }

    fn tell(&mut self, activity: Option<&str>, error_type: &str, message: &str) {
        self.cause = format!("{} {} {error_type}", self.cause, activity.unwrap_or("-"));
        self.json["activity"] = json!(activity);
        self.json["error_type"] = json!(error_type);
        self.json["message"] = json!(message);
    }

    /// Its row.
    pub(crate) fn row(&self) -> Vec<Bind> {
        vec![
            self.id.as_str().into(),
            millis(self.at).into(),
            crate::row::text(&self.cause),
            // JSON has no U+0000 as it is.
            self.json.to_string().into(),
        ]
    }
}

fn incident_id(run_id: RunId, seq: Seq, times: u32) -> String {
    format!("{run_id}.{seq}.{times}")
}

/// Keeps a notice from being made again when old journals are projected anew: only what came to be after the database did is told.
pub(crate) async fn told_from(connection: &mut AnyConnection) -> Result<Timestamp, Error> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'notices_from'")
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    let text = row.and_then(|row| row.try_get::<String, _>(0).ok());
    let at = text.and_then(|text| text.parse().ok());
    Ok(Timestamp::from_millis(at.unwrap_or(i64::MAX / 1_000)))
}

impl Projection {
    /// Notices of which nobody was told, at most [`NOTICES_MAX`] of the oldest, for this process to tell: for a minute no other is
    /// given them. Those of the causes in `except` wait.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn untold(&self, now: Timestamp, except: &[String]) -> Result<Vec<Notice>, Error> {
        let free_from = millis(now).saturating_sub(CLAIM_MS);
        let is_free = |sql: &mut Sql| {
            sql.push("told_at IS NULL AND (claimed_at IS NULL OR claimed_at < ");
            sql.bind(free_from).push(")");
        };
        let mut sql = Sql::new("UPDATE notices SET claimed_at = ");
        sql.bind(millis(now)).push(" WHERE ");
        is_free(&mut sql);
        sql.push(" AND id IN (SELECT id FROM notices WHERE ");
        is_free(&mut sql);
        if !except.is_empty() {
            sql.push(" AND cause NOT IN (VALUES ");
            sql.rows(except.iter().map(|cause| vec![crate::row::text(cause)]));
            sql.push(")");
        }
        sql.push(" ORDER BY at, id LIMIT ").bind(NOTICES_MAX);
        sql.push(") RETURNING id, at, cause, notice");
        let rows = sql.query().fetch_all(&self.pool()).await;
        let rows = rows.map_err(unavailable)?;
        let notices = rows.iter().map(|row| {
            Ok(Notice {
                id: row.try_get(0)?,
                at: Timestamp::from_millis(row.try_get(1)?),
                cause: crate::key::text_of(row.try_get(2)?).into_owned(),
                json: serde_json::from_str(row.try_get(3)?).unwrap_or_default(),
            })
        });
        let mut notices: Vec<Notice> = notices.collect::<Result<_, _>>().map_err(unavailable)?;
        notices.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(notices)
    }

    /// These are anybody's to tell again, at once: nobody was told of them since this process was given them at `claimed`. What another was
    /// given meanwhile stays with it.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer; they are free after a minute anyway.
    pub async fn release(&self, ids: &[String], claimed: Timestamp) -> Result<(), Error> {
        for some in ids.chunks(64) {
            let mut sql = Sql::new("UPDATE notices SET claimed_at = NULL WHERE claimed_at = ");
            sql.bind(millis(claimed));
            sql.push(" AND told_at IS NULL AND id IN (VALUES ");
            sql.rows(some.iter().map(|id| vec![id.as_str().into()]))
                .push(")");
            let released = sql.query().execute(&self.pool()).await;
            released.map_err(unavailable)?;
        }
        Ok(())
    }

    /// People were told of these at `now`; what they were told a week ago is forgotten.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn told(&self, ids: &[String], now: Timestamp) -> Result<(), Error> {
        let pool = &self.pool();
        for some in ids.chunks(64) {
            let mut sql = Sql::new("UPDATE notices SET told_at = ");
            sql.bind(millis(now)).push(" WHERE id IN (VALUES ");
            sql.rows(some.iter().map(|id| vec![id.as_str().into()]))
                .push(")");
            sql.query().execute(pool).await.map_err(unavailable)?;
        }
        let mut sql = Sql::new("DELETE FROM notices WHERE told_at < ");
        sql.bind(millis(now).saturating_sub(KEPT_MS));
        sql.query().execute(pool).await.map_err(unavailable)?;
        Ok(())
    }

    /// From now on notices are made of what comes to be after `now`, unless they were made already before.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn give_notice_from(&self, now: Timestamp) -> Result<(), Error> {
        let mut sql = Sql::new("INSERT INTO meta (name, value) VALUES ('notices_from', ");
        sql.bind(millis(now).to_string());
        sql.push(") ON CONFLICT (name) DO NOTHING");
        let made = sql.query().execute(&self.pool()).await;
        made.map(drop).map_err(unavailable)
    }
}
