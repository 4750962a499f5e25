//! What a statement is asked with, and the columns that a filter's fields are.

use sagaline_core::{
    Name,
    filter::{Field, Kind},
    view::NO_WORKER_AFTER,
};

use super::Seen;
use crate::{database::Dialect, key, sql::Sql};

/// What is the same for all parts of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) dialect: Dialect,
    pub(super) now_ms: i64,
    pub(super) unread: &'a [Name],
}

/// Whom a field is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A run: `r`.
    Run,
    /// One of its pending activities: `p`.
    Activity,
    /// A run without pending activities.
    Idle,
    /// An incident: `i`, with its activity where that is pending, `p`.
    Incident,
}

/// How columns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Plain, so that an index finds them.
    Find,
    /// As expressions: what drives the statement was chosen already, and no index shall be used for these.
    Check,
}

/// What a field is in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column<'a> {
    /// A column with text.
    Text(&'static str),
    /// A column with a number.
    Int(&'static str),
    /// One with words, of which one depends on who reads the queues.
    Situation,
    /// How long the run took, or goes on already.
    Duration,
    /// A search attribute.
    Attribute(&'a Name),
    /// What is always null here.
    Null,
}

impl<'a> Column<'a> {
    /// The column of a field.
    pub(super) fn of(field: &'a Field, about: About) -> Self {
        let of = |run, pending, incident| match about {
            About::Run => run,
            About::Activity => pending,
            About::Incident => incident,
            About::Idle => Self::Null,
        };
        let pending = |run, pending| of(run, pending, pending);
        match field {
            Field::Status => Self::Text("r.status"),
            Field::Open => Self::Int("r.open"),
            Field::Situation => Self::Situation,
            Field::NeedsPerson => Self::Int("r.needs_person"),
            Field::WorkflowId => Self::Text("r.workflow_id"),
            Field::RunId => Self::Text("r.run_id"),
            Field::WorkflowType => Self::Text("r.workflow"),
            Field::Version => Self::Text("r.version_key"),
            Field::StartTime => Self::Int("r.started_at"),
            Field::CloseTime => Self::Int("r.closed_at"),
            Field::Duration => Self::Duration,
            Field::Compensation => Self::Text("r.compensation"),
            Field::Incidents => Self::Int("r.incidents"),
            Field::ParentWorkflowId => Self::Text("r.parent_workflow_id"),
            Field::TaskQueue => pending(Self::Text("r.task_queue"), Self::Text("p.task_queue")),
            Field::Attempt => pending(Self::Int("r.attempt"), Self::Int("p.attempt")),
            Field::NextAttemptAt => pending(
                Self::Int("r.next_attempt_at"),
                Self::Int("p.next_attempt_at"),
            ),
            Field::Activity => of(
                Self::Text("r.activity"),
                Self::Text("p.activity"),
                Self::Text("i.activity"),
            ),
            Field::ActivityId => of(
                Self::Int("r.activity_id"),
                Self::Int("p.activity_id"),
                Self::Int("i.activity_id"),
            ),
            Field::LastFailureType => of(
                Self::Text("r.last_failure_type"),
                Self::Text("p.last_failure_type"),
                Self::Text("i.error_type"),
            ),
            Field::Attribute(name) => Self::Attribute(name),
        }
    }

    /// Whether it may be null.
    pub(super) fn is_nullable(self) -> bool {
        match self {
            Self::Text(name) => !matches!(
                name,
                "r.status" | "r.workflow_id" | "r.run_id" | "r.workflow" | "i.error_type"
            ),
            Self::Int(name) => !matches!(
                name,
                "r.open"
                    | "r.needs_person"
                    | "r.started_at"
                    | "r.first_offset"
                    | "r.incidents"
                    | "r.id"
                    | "i.since"
                    | "i.seq"
            ),
            Self::Duration => false,
            Self::Situation | Self::Attribute(_) | Self::Null => true,
        }
    }

    /// Whether one index has it of all open runs that have it.
    pub(super) fn is_of_activity(self) -> bool {
        matches!(
            self,
            Self::Text("r.task_queue" | "r.activity" | "r.last_failure_type")
                | Self::Int("r.activity_id" | "r.attempt")
        )
    }

    /// Whether its values are numbers.
    pub(super) const fn is_int(self) -> bool {
        match self {
            Self::Int(_) | Self::Duration => true,
            Self::Text(_) | Self::Situation | Self::Attribute(_) | Self::Null => false,
        }
    }

    /// Writes it.
    pub(super) fn write(self, sql: &mut Sql, how: Use, asked: &Asked<'_>) {
        match (self, how) {
            (Self::Text(name) | Self::Int(name), Use::Find) => {
                sql.push(name);
            }
            (Self::Text(name), Use::Check) => {
                sql.push("(").push(name).push(" || '')");
            }
            (Self::Int(name), Use::Check) => {
                sql.push("(").push(name).push(" + 0)");
            }
            (Self::Situation, _) => asked.situation(sql, how),
            (Self::Duration, _) => {
                sql.push("COALESCE(r.took, ").bind(asked.now_ms);
                sql.push(" - r.started_at)");
            }
            (Self::Attribute(name), _) => {
                sql.push(
                    "(SELECT a.value_key FROM attributes a WHERE a.run = (r.id + 0) AND a.name = ",
                );
                sql.bind(name.as_str());
                sql.push(" AND a.ordinal = 0)");
            }
            (Self::Null, _) => {
                sql.push("NULL");
            }
        }
    }
}

impl<'a> Asked<'a> {
    pub(super) fn new(seen: &Seen<'a>, dialect: Dialect) -> Self {
        Self {
            dialect,
            now_ms: seen.now.as_millis(),
            unread: seen.unread,
        }
    }

    /// The word of an open run: where nobody reads the queue of one of its tasks, that comes before `retrying` and `working`.
    fn situation(&self, sql: &mut Sql, how: Use) {
        if self.unread.is_empty() {
            return Column::Text("r.situation").write(sql, how, self);
        }
        sql.push("(CASE WHEN r.situation IN ('retrying', 'working') AND EXISTS (SELECT 1 FROM pending u WHERE u.run_id = (r.run_id || '') AND ");
        self.unread_task(sql);
        sql.push(") THEN 'no-worker' ELSE r.situation END)");
    }

    /// Of a pending activity `u`, that its task lies where nobody reads.
    pub(super) fn unread_task(&self, sql: &mut Sql) {
        let after = i64::try_from(NO_WORKER_AFTER.0).unwrap_or(i64::MAX);
        sql.push("u.queued_at <= ")
            .bind(self.now_ms.saturating_sub(after));
        sql.push(" AND u.task_queue IN (");
        for (index, queue) in self.unread.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            sql.bind(&*key::text_key(queue.as_str()));
        }
        sql.push(")");
    }

    /// Begins the call that says where a text lies in another.
    pub(super) fn place_of(&self, sql: &mut Sql) {
        sql.push(match self.dialect {
            Dialect::Sqlite => "instr(",
            Dialect::Postgres => "strpos(",
        });
    }
}

/// The words of a field that has few.
pub(super) fn words(field: &Field) -> Option<&'static [&'static str]> {
    match field.kind() {
        Kind::Word(words) => Some(words),
        Kind::Text
        | Kind::Version
        | Kind::Number
        | Kind::Bool
        | Kind::Time
        | Kind::Span
        | Kind::Any => None,
    }
}
