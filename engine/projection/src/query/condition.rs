//! A filter's condition in SQL.
//!
//! What is neither true nor false is left out of lists, as what is false is. So a part is written either as what makes it
//! true or as what makes it false, and `NOT` only turns round which of the two. Invariant: what a run is selected by here is
//! what core selects it by; a test compares them. Deliberately absent: which index finds it (`search.rs`).

use sagaline_core::filter::{Check, Comparison, Condition, Field, Filter, Test, Value};

use super::{
    asked::{About, Asked, Use},
    attribute, test,
};
use crate::sql::Sql;

/// A part of a condition that must hold, or must not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'f> {
    pub(super) condition: &'f Condition,
    pub(super) negated: bool,
}

/// All that must hold together.
pub(super) fn parts(filter: &Filter) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    if let Some(condition) = &filter.condition {
        let negated = false;
        Part { condition, negated }.flatten(&mut parts);
    }
    parts
}

impl<'f> Part<'f> {
    /// The same about another part of it.
    pub(super) const fn with(self, condition: &'f Condition) -> Self {
        Self { condition, ..self }
    }

    fn flatten(self, parts: &mut Vec<Self>) {
        match (self.condition, self.negated) {
            (Condition::All(all), false) | (Condition::Any(all), true) => {
                all.iter().for_each(|one| self.with(one).flatten(parts));
            }
            (Condition::Not(condition), negated) => {
                let negated = !negated;
                Self { condition, negated }.flatten(parts);
            }
            _ => parts.push(self),
        }
    }

    /// Whether it asks about pending activities.
    pub(super) fn is_of_activity(self) -> bool {
        match self.condition {
            Condition::Any(parts) | Condition::All(parts) => {
                parts.iter().any(|part| self.with(part).is_of_activity())
            }
            Condition::Not(part) => self.with(part).is_of_activity(),
            Condition::Test(test) => test.field.node.is_of_activity(),
        }
    }

    /// Whether it wants one value of a field of which an index has the runs of each value in the order of time.
    pub(super) fn is_one_value(self, asked: &Asked<'_>) -> bool {
        let Condition::Test(test) = self.condition else {
            return false;
        };
        let is_equal = match &test.check {
            Check::Compare(Comparison::Equal, _) => !self.negated,
            Check::Compare(Comparison::NotEqual, _) => self.negated,
            _ => false,
        };
        is_equal
            && match test.field.node {
                Field::Status
                | Field::WorkflowType
                | Field::Version
                | Field::Compensation
                | Field::ParentWorkflowId => true,
                Field::Open | Field::NeedsPerson => is_true(&test.check, self.negated),
                Field::Situation => asked.unread.is_empty(),
                _ => false,
            }
    }

    /// Whether it holds of no closed run.
    pub(super) fn is_of_open_runs(self) -> bool {
        let Condition::Test(test) = self.condition else {
            return self.is_of_activity() && !self.may_hold_of_idle();
        };
        match test.field.node {
            Field::Open | Field::NeedsPerson => is_true(&test.check, self.negated),
            Field::Situation => match test.check {
                Check::IsNull => self.negated,
                Check::IsNotNull => !self.negated,
                _ => true,
            },
            _ => self.is_of_activity() && !self.may_hold_of_idle(),
        }
    }

    /// Whether it asks when runs started.
    pub(super) fn is_of_start(self) -> bool {
        matches!(self.condition, Condition::Test(test) if test.field.node == Field::StartTime)
    }

    /// Before which instant runs started of which this holds, as far as that follows from when they closed, or from how long they
    /// took.
    pub(super) fn starts_by_ms(self, now_ms: i64) -> Option<i64> {
        let Condition::Test(test) = self.condition else {
            return None;
        };
        let at_least = match (&test.check, self.negated) {
            (
                Check::Compare(
                    Comparison::Greater | Comparison::GreaterOrEqual | Comparison::Equal,
                    value,
                )
                | Check::Between(value, _),
                false,
            )
            | (Check::Compare(Comparison::Less | Comparison::LessOrEqual, value), true) => {
                Some(&value.node)
            }
            _ => None,
        };
        if let (Field::Duration, Some(Value::Span(span))) = (&test.field.node, at_least) {
            let span = i64::try_from(span.0).unwrap_or(i64::MAX);
            return Some(
                now_ms
                    .saturating_sub(span)
                    .saturating_add(CLOCKS_DIFFER_MS_MAX),
            );
        }
        if test.field.node != Field::CloseTime {
            return None;
        }
        let at_most = match (&test.check, self.negated) {
            (
                Check::Compare(
                    Comparison::Less | Comparison::LessOrEqual | Comparison::Equal,
                    value,
                )
                | Check::Between(_, value),
                false,
            )
            | (
                Check::Compare(
                    Comparison::Greater | Comparison::GreaterOrEqual | Comparison::NotEqual,
                    value,
                ),
                true,
            ) => Some(&value.node),
            _ => None,
        };
        match at_most {
            Some(Value::Time(at)) => Some(at.as_millis()),
            _ => None,
        }
    }

    /// Whether it can hold of a run without pending activities.
    pub(super) fn may_hold_of_idle(self) -> bool {
        match self.condition {
            Condition::Any(parts) if !self.negated => {
                parts.iter().any(|part| self.with(part).may_hold_of_idle())
            }
            Condition::All(parts) if self.negated => {
                parts.iter().any(|part| self.with(part).may_hold_of_idle())
            }
            Condition::Any(parts) | Condition::All(parts) => {
                parts.iter().all(|part| self.with(part).may_hold_of_idle())
            }
            Condition::Not(condition) => {
                let negated = !self.negated;
                Part { condition, negated }.may_hold_of_idle()
            }
            Condition::Test(test) if test.field.node.is_of_activity() => match test.check {
                Check::IsNull => !self.negated,
                Check::IsNotNull => self.negated,
                _ => false,
            },
            Condition::Test(_) => true,
        }
    }
}

/// A run closed at most so much later than it is looked at: engines' clocks differ by far less.
const CLOCKS_DIFFER_MS_MAX: i64 = 60_000;

/// Whether it asks for what is true.
pub(super) fn is_true(check: &Check, negated: bool) -> bool {
    match check {
        Check::Compare(comparison, value) => {
            let wanted = (value.node == Value::Bool(true)) == (*comparison == Comparison::Equal);
            wanted != negated
        }
        _ => false,
    }
}

/// Writes conditions about one subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) about: About,
    pub(super) how: Use,
}

impl Writer<'_> {
    /// ` AND …` for what must hold of a run, or of an incident.
    pub(super) fn all_of(self, sql: &mut Sql, parts: &[Part<'_>]) {
        let is_of_activity = |part: &&Part<'_>| self.about == About::Run && part.is_of_activity();
        let others = parts.iter().filter(|part| !is_of_activity(part));
        let others: Vec<Part<'_>> = others.copied().collect();
        if !others.is_empty() {
            sql.push(" AND ");
            self.joined(sql, &others, " AND ");
        }
        let of_activities: Vec<Part<'_>> = parts.iter().filter(is_of_activity).copied().collect();
        if !of_activities.is_empty() {
            self.of_activities(sql, &of_activities);
        }
    }

    /// One pending activity must fit with all of it; a run that has none is looked at by itself. Here and of attributes, the run's
    /// column is an expression, lest SQLite goes from these rows to their runs and sorts all that it finds.
    fn of_activities(self, sql: &mut Sql, parts: &[Part<'_>]) {
        sql.push(" AND (EXISTS (SELECT 1 FROM pending p WHERE p.run_id = (r.run_id || '')");
        let about = |about| Self { about, ..self };
        about(About::Activity).all_of(sql, parts);
        sql.push(")");
        if parts.iter().all(|part| part.may_hold_of_idle()) {
            sql.push(" OR (NOT EXISTS (SELECT 1 FROM pending p WHERE p.run_id = (r.run_id || ''))");
            about(About::Idle).all_of(sql, parts);
            sql.push(")");
        }
        sql.push(")");
    }

    /// What makes a part hold.
    pub(super) fn part<'f>(self, sql: &mut Sql, part: Part<'f>) {
        let all = |conditions: &'f [Condition]| -> Vec<Part<'f>> {
            conditions.iter().map(|one| part.with(one)).collect()
        };
        match part.condition {
            Condition::Any(parts) => {
                let sign = if part.negated { " AND " } else { " OR " };
                self.joined(sql, &all(parts), sign);
            }
            Condition::All(parts) => {
                let sign = if part.negated { " OR " } else { " AND " };
                self.joined(sql, &all(parts), sign);
            }
            Condition::Not(condition) => {
                let negated = !part.negated;
                self.part(sql, Part { condition, negated });
            }
            Condition::Test(test) => self.test(sql, test, part.negated),
        }
    }

    /// Halves within halves: databases limit how deep an expression is, and `a OR b OR c` is three deep.
    fn joined(self, sql: &mut Sql, parts: &[Part<'_>], sign: &'static str) {
        match parts {
            [] => {}
            [one] => self.part(sql, *one),
            more => {
                let (left, right) = more.split_at(more.len() / 2);
                sql.push("(");
                self.joined(sql, left, sign);
                sql.push(sign);
                self.joined(sql, right, sign);
                sql.push(")");
            }
        }
    }

    fn test(self, sql: &mut Sql, one: &Test, negated: bool) {
        match &one.field.node {
            Field::Attribute(name) => {
                attribute::test(self, sql, name.as_str(), &one.check, negated);
            }
            field => test::write(self, sql, field, &one.check, negated),
        }
    }
}
