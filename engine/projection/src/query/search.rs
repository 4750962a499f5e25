//! Which index finds what a condition means.
//!
//! ```text
//! parts of the condition ─▶ those that an index answers ─▶ how many it finds, up to a limit
//!   one finds few:  look at these, and sort what is left
//!   none does:      go along the order, and look at each run: what is meant is not rare
//! ```
//! SQLite knows little of how often values are there, and PostgreSQL nothing of what hangs on other tables, so that this is
//! decided here. What an index finds may be too much, never too little: the condition is asked about each run all the same.

use sagaline_core::{
    filter::{Check, Comparison, Condition, Field, Test, Value},
    view::Situation,
};

use sagaline_journal::Error;

use super::{
    asked::{About, Asked, Use},
    attribute,
    condition::{Part, Writer, is_true},
};
use crate::{database::Dialect, key, sql::Sql, store::Projection};

/// Most runs that are found by another index than the order's and sorted: that takes as long as going along the order to the
/// first page of so many among 1,000,000.
pub(crate) const FEW: i64 = 5_000;

/// Most alternatives that are searched one by one.
const ALTERNATIVES_MAX: usize = 100;

/// What an index answers.
#[derive(Clone, Debug)]
pub(super) enum Search<'f> {
    /// A test of a run's column.
    Column(&'f Test, bool),
    /// How long it took, or goes on already.
    Duration(&'f Test, bool),
    /// A test of an attribute.
    Attribute(&'f str, &'f Check),
    /// What pending activities must be, one of them all of it.
    Activities(Vec<Part<'f>>),
    /// What a workflow id has within.
    Id(Id<'f>),
    /// One of these.
    Any(Vec<Self>),
}

/// What a workflow id has within.
#[derive(Clone, Debug)]
pub(super) struct Id<'f> {
    text: &'f str,
    /// In small and in capital letters.
    any_case: bool,
    /// Its trigrams; once they were counted, those that few ids have.
    trigrams: Vec<String>,
}

impl<'f> Id<'f> {
    /// None: the text is shorter than a trigram.
    pub(super) fn new(text: &'f str, any_case: bool) -> Option<Self> {
        let trigrams = trigrams(&key::text_key(text));
        (!trigrams.is_empty()).then_some(Self {
            text,
            any_case,
            trigrams,
        })
    }

    /// Leaves out the trigrams that many ids have, if there are others: SQLite would go through all of these.
    pub(super) async fn narrow(&mut self, projection: &Projection) -> Result<(), Error> {
        if projection.shared.dialect == Dialect::Postgres {
            return Ok(());
        }
        // Going through a trigram costs less than looking at runs.
        let few = projection.shared.few.saturating_mul(4);
        let mut rare = Vec::new();
        for trigram in &self.trigrams {
            let mut sql = Sql::new(
                "SELECT COUNT(*) FROM (SELECT rowid FROM workflow_ids WHERE workflow_ids MATCH ",
            );
            sql.bind(&**trigram)
                .push(" LIMIT ")
                .bind(few + 1)
                .push(") x");
            if projection.number(sql).await? <= few {
                rare.push(trigram.clone());
            }
        }
        if !rare.is_empty() {
            self.trigrams = rare;
        }
        Ok(())
    }

    fn write(&self, sql: &mut Sql, dialect: Dialect) {
        match dialect {
            Dialect::Sqlite => {
                sql.push("SELECT rowid AS id FROM workflow_ids WHERE workflow_ids MATCH ");
                sql.bind(self.trigrams.join(" AND "));
            }
            Dialect::Postgres => {
                sql.push("SELECT r.id FROM runs r WHERE r.workflow_id");
                sql.push(if self.any_case { " ILIKE " } else { " LIKE " });
                sql.bind(format!("%{}%", like(&key::text_key(self.text))));
            }
        }
    }
}

impl<'f> Search<'f> {
    /// The searches of a condition, each of which alone finds all that it means; and those of its parts of which it finds
    /// nothing else, so that they need not be asked about again.
    pub(super) fn of(parts: &[Part<'f>]) -> Vec<(Self, Vec<usize>)> {
        let (of_activity, of_run): (Vec<_>, Vec<_>) = (0..)
            .zip(parts)
            .partition(|(_, part)| part.is_of_activity());
        let of_run = of_run.into_iter().filter_map(|(index, part)| {
            let search = Self::one(*part)?;
            let settled = search.is_exact().then_some(index);
            Some((search, settled.into_iter().collect()))
        });
        let mut searches: Vec<(Self, Vec<usize>)> = of_run.collect();
        let (settled, of_activity): (Vec<usize>, Vec<Part<'f>>) = of_activity
            .into_iter()
            .map(|(index, part)| (index, *part))
            .unzip();
        if !of_activity.is_empty() && !of_activity.iter().all(|part| part.may_hold_of_idle()) {
            searches.push((Self::Activities(of_activity), settled));
        }
        searches
    }

    fn is_exact(&self) -> bool {
        match self {
            Self::Attribute(_, check) => match check {
                Check::Compare(comparison, _) => *comparison != Comparison::NotEqual,
                Check::In(_) | Check::Between(..) | Check::StartsWith(_) => true,
                Check::Contains(_) | Check::IsNull | Check::IsNotNull => false,
            },
            Self::Column(..)
            | Self::Duration(..)
            | Self::Activities(_)
            | Self::Id(_)
            | Self::Any(_) => false,
        }
    }

    /// The search of one part.
    fn one(part: Part<'f>) -> Option<Self> {
        match (part.condition, part.negated) {
            (Condition::Test(test), negated) => Self::test(test, negated),
            (Condition::Any(parts), false) | (Condition::All(parts), true) => {
                let all = parts.iter().map(|one| Self::one(part.with(one)));
                let all: Vec<Self> = all.collect::<Option<_>>()?;
                (all.len() <= ALTERNATIVES_MAX).then_some(Self::Any(all))
            }
            (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                parts.iter().find_map(|one| Self::one(part.with(one)))
            }
            (Condition::Not(condition), negated) => {
                let negated = !negated;
                Self::one(Part { condition, negated })
            }
        }
    }

    fn test(test: &'f Test, negated: bool) -> Option<Self> {
        let is_found = match &test.field.node {
            Field::Attribute(name) => {
                let is_absent = match test.check {
                    Check::IsNull => !negated,
                    Check::IsNotNull => negated,
                    _ => false,
                };
                let exact = Self::Attribute(name.as_str(), &test.check);
                let any = Self::Attribute(name.as_str(), &Check::IsNotNull);
                return match (is_absent, negated) {
                    (true, _) => None,
                    (false, false) => Some(exact),
                    (false, true) => Some(any),
                };
            }
            Field::Duration => return Some(Self::Duration(test, negated)),
            Field::WorkflowId => match (&test.check, negated) {
                (Check::Contains(value), false) => match &value.node {
                    Value::Text(text) => return Id::new(text, false).map(Self::Id),
                    _ => false,
                },
                (check, negated) => is_range(check, negated),
            },
            Field::RunId
            | Field::WorkflowType
            | Field::Version
            | Field::StartTime
            | Field::CloseTime => is_range(&test.check, negated),
            // An index of those that are there.
            Field::Compensation | Field::ParentWorkflowId => match test.check {
                Check::IsNull => negated,
                Check::IsNotNull => !negated,
                _ => is_range(&test.check, negated),
            },
            // All their words are known, so that `other than` is `one of the others`.
            Field::Status | Field::Situation => {
                !matches!(test.check, Check::IsNull | Check::IsNotNull)
            }
            Field::Open | Field::NeedsPerson => is_true(&test.check, negated),
            Field::Incidents => is_above_zero(&test.check, negated),
            Field::TaskQueue
            | Field::Activity
            | Field::ActivityId
            | Field::LastFailureType
            | Field::Attempt
            | Field::NextAttemptAt => return None,
        };
        is_found.then_some(Self::Column(test, negated))
    }

    /// The column of `runs` that it finds the values of.
    pub(super) fn column(&self) -> &'static str {
        match self {
            Self::Activities(parts) if are_of_activities_alone(parts) => "r.run_id",
            _ => "r.id",
        }
    }

    /// Writes `SELECT … AS id` of them.
    pub(super) fn write(&self, sql: &mut Sql, asked: Asked<'_>) {
        let (about, how) = (About::Run, Use::Find);
        let writer = Writer { asked, about, how };
        match self {
            Self::Column(test, negated) => {
                let condition = Condition::Test((*test).clone());
                let negated = *negated;
                if test.field.node == Field::Situation {
                    return situation(sql, asked, &condition, negated);
                }
                sql.push("SELECT r.id FROM runs r WHERE r.listed = 1");
                if test.field.node == Field::Incidents {
                    sql.push(" AND r.incidents > 0");
                }
                sql.push(" AND ");
                let condition = &condition;
                writer.part(sql, Part { condition, negated });
            }
            Self::Duration(test, negated) => {
                sql.push("SELECT r.id FROM runs r WHERE r.listed = 1 AND r.open = 1 AND ");
                sql.push("(");
                goes_on(sql, test, *negated, asked.now_ms);
                sql.push(") UNION ALL SELECT r.id FROM runs r WHERE r.listed = 1 AND r.took IS NOT NULL AND (");
                took(sql, test, *negated);
                sql.push(")");
            }
            Self::Attribute(name, check) => {
                sql.push("SELECT a.run AS id FROM attributes a WHERE a.name = ");
                sql.bind(*name);
                attribute_row(sql, name, check);
            }
            Self::Activities(parts) => {
                sql.push(match are_of_activities_alone(parts) {
                    true => "SELECT p.run_id AS id FROM pending p WHERE 1 = 1",
                    false => {
                        "SELECT r.id FROM pending p JOIN runs r ON r.run_id = p.run_id WHERE 1 = 1"
                    }
                });
                let (about, how) = (About::Activity, Use::Check);
                Writer { asked, about, how }.all_of(sql, parts);
            }
            Self::Id(id) => id.write(sql, asked.dialect),
            Self::Any(all) => {
                for (index, one) in all.iter().enumerate() {
                    sql.push(if index == 0 {
                        "SELECT id FROM ("
                    } else {
                        " UNION ALL SELECT id FROM ("
                    });
                    one.write(sql, asked);
                    sql.push(") x");
                }
            }
        }
    }
}

/// Whether no column of runs is needed.
fn are_of_activities_alone(parts: &[Part<'_>]) -> bool {
    parts.iter().all(|part| match part.condition {
        Condition::Test(test) => test.field.node.is_of_activity(),
        Condition::Any(_) | Condition::All(_) | Condition::Not(_) => false,
    })
}

/// Shorter texts have no trigram.
const TRIGRAM: usize = 3;

/// So many say enough.
const TRIGRAMS_MAX: usize = 16;

/// Whether an index has what is asked for in one stretch, or a few.
fn is_range(check: &Check, negated: bool) -> bool {
    match check {
        Check::Compare(Comparison::NotEqual, _) => negated,
        Check::Compare(Comparison::Equal, _)
        | Check::In(_)
        | Check::Between(..)
        | Check::StartsWith(_) => !negated,
        Check::Compare(..) => true,
        Check::Contains(_) | Check::IsNull | Check::IsNotNull => false,
    }
}

/// Most runs have none.
fn is_above_zero(check: &Check, negated: bool) -> bool {
    let is_positive = |value: &Value| matches!(value, Value::Number(number) if number.as_u64().is_some_and(|number| number > 0));
    let is_count =
        |value: &Value| matches!(value, Value::Number(number) if number.as_u64().is_some());
    match (check, negated) {
        (Check::Compare(Comparison::Greater, value), false) => is_count(&value.node),
        (Check::Compare(Comparison::Equal | Comparison::GreaterOrEqual, value), false) => {
            is_positive(&value.node)
        }
        (Check::In(values), false) => values.iter().all(|value| is_positive(&value.node)),
        (Check::Between(from, _), false) => is_positive(&from.node),
        _ => false,
    }
}

/// Runs of which the situation may be that. What is stored knows no `no-worker`; such a run is stored as what it would be else.
fn situation(sql: &mut Sql, asked: Asked<'_>, condition: &Condition, negated: bool) {
    let may_be_unread = match (condition, negated) {
        (Condition::Test(test), false) => match &test.check {
            Check::Compare(Comparison::Equal, value) => is_no_worker(&value.node),
            Check::In(values) => values.iter().any(|value| is_no_worker(&value.node)),
            _ => true,
        },
        _ => true,
    };
    if may_be_unread && !asked.unread.is_empty() {
        sql.push("SELECT r.id FROM pending u JOIN runs r ON r.run_id = u.run_id WHERE ");
        asked.unread_task(sql);
        sql.push(" UNION ALL ");
    }
    sql.push("SELECT r.id FROM runs r WHERE r.listed = 1 AND r.situation IS NOT NULL AND ");
    let asked = Asked {
        unread: &[],
        ..asked
    };
    let (about, how) = (About::Run, Use::Find);
    Writer { asked, about, how }.part(sql, Part { condition, negated });
}

fn is_no_worker(value: &Value) -> bool {
    *value == Value::Text(Situation::NoWorker.as_str().into())
}

/// How long open runs go on already, by when they started.
fn goes_on(sql: &mut Sql, test: &Test, negated: bool, now_ms: i64) {
    let started = |sql: &mut Sql, comparison, value: &Value| {
        let started = match super::test::turned(comparison, negated) {
            Comparison::Greater | Comparison::GreaterOrEqual => "r.started_at <= ",
            // Of one that has not begun by this clock it is nothing.
            Comparison::Less | Comparison::LessOrEqual => "r.started_at >= ",
            Comparison::Equal | Comparison::NotEqual => "1 = 1 OR r.started_at = ",
        };
        sql.push(started).bind(now_ms.saturating_sub(span(value)));
    };
    match &test.check {
        Check::Compare(comparison, value) if span(&value.node) > 0 => {
            started(sql, *comparison, &value.node);
        }
        Check::Between(from, to) if span(&from.node) > 0 => {
            started(sql, Comparison::GreaterOrEqual, &from.node);
            sql.push(if negated { " OR " } else { " AND " });
            started(sql, Comparison::LessOrEqual, &to.node);
        }
        _ => {
            sql.push("1 = 1");
        }
    }
}

fn span(value: &Value) -> i64 {
    match value {
        Value::Span(span) => i64::try_from(span.0).unwrap_or(i64::MAX),
        _ => i64::MAX,
    }
}

/// The time that closed runs took, by its index.
fn took(sql: &mut Sql, test: &Test, negated: bool) {
    let compare = |sql: &mut Sql, comparison, value| {
        let comparison = super::test::turned(comparison, negated);
        sql.push("r.took").push(super::test::sign(comparison));
        sql.bind(span(value));
    };
    match &test.check {
        Check::Compare(comparison, value) => compare(sql, *comparison, &value.node),
        Check::Between(from, to) => {
            compare(sql, Comparison::GreaterOrEqual, &from.node);
            sql.push(if negated { " OR " } else { " AND " });
            compare(sql, Comparison::LessOrEqual, &to.node);
        }
        Check::In(values) if !negated => {
            sql.push("r.took IN (");
            for (index, value) in values.iter().enumerate() {
                sql.push(if index == 0 { "" } else { ", " });
                sql.bind(span(&value.node));
            }
            sql.push(")");
        }
        _ => {
            sql.push("1 = 1");
        }
    }
}

/// ` AND …`: rows of an attribute that fit, or all of its name.
fn attribute_row(sql: &mut Sql, name: &str, check: &Check) {
    match check {
        Check::Compare(comparison, value) if *comparison != Comparison::NotEqual => {
            sql.push(" AND ");
            attribute::compare(sql, *comparison, &value.node);
        }
        Check::Between(from, to) => {
            sql.push(" AND ");
            attribute::compare(sql, Comparison::GreaterOrEqual, &from.node);
            sql.push(" AND ");
            attribute::compare(sql, Comparison::LessOrEqual, &to.node);
        }
        Check::In(values) => {
            let values: Vec<&Value> = values.iter().map(|value| &value.node).collect();
            sql.push(" AND ");
            attribute::is_in(sql, &values, false);
        }
        Check::StartsWith(value) => {
            if let Value::Text(text) = &value.node {
                attribute::starts_with(sql, text, false);
            }
        }
        Check::Contains(value) => {
            // Texts that have it within are found by no index.
            let Some(element) = key::AttributeKey::of_element(&value.node) else {
                return;
            };
            sql.push(" AND a.value_key = ").bind(element.key);
            if matches!(value.node, Value::Text(_)) {
                sql.push(" UNION ALL SELECT a.run AS id FROM attributes a WHERE a.name = ");
                sql.bind(name).push(" AND a.value_key >= ");
                sql.bind(key::kind::TEXT).push(" AND a.value_key < ");
                sql.bind(key::kind::end_of(key::kind::TEXT));
            }
        }
        Check::Compare(..) | Check::IsNull | Check::IsNotNull => {}
    }
}

/// `"abc"`, `"bcd"`: at most [`TRIGRAMS_MAX`] of them.
fn trigrams(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let parts = chars.windows(TRIGRAM).take(TRIGRAMS_MAX).map(|window| {
        let part: String = window.iter().collect();
        format!("\"{}\"", part.replace('"', "\"\""))
    });
    parts.collect()
}

/// What has a meaning in a pattern stands for itself.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
