//! What is asked about one field that is a column.

use sagaline_core::filter::{Check, Comparison, Field, Value};

use super::{
    asked::{Column, Use, words},
    condition::Writer,
    number::Whole,
};
use crate::{
    key,
    sql::{Bind, Sql},
};

/// Never holds.
pub(super) const NEVER: &str = "1 = 0";

/// Always holds.
const ALWAYS: &str = "1 = 1";

/// Writes what makes a test true, or false if `negated`.
pub(super) fn write(
    writer: Writer<'_>,
    sql: &mut Sql,
    field: &Field,
    check: &Check,
    negated: bool,
) {
    let column = Column::of(field, writer.about);
    let one = One {
        writer,
        field,
        column,
    };
    match (check, negated) {
        (Check::IsNull, false) | (Check::IsNotNull, true) => one.null(sql, true),
        (Check::IsNull, true) | (Check::IsNotNull, false) => one.null(sql, false),
        _ if column == Column::Null => {
            sql.push(NEVER);
        }
        (Check::Compare(comparison, value), negated) => {
            one.compare(sql, turned(*comparison, negated), &value.node);
        }
        (Check::In(values), negated) => {
            one.is_in(sql, values.iter().map(|value| &value.node), negated);
        }
        (Check::Between(from, to), negated) => {
            sql.push("(");
            let from_sign = turned(Comparison::GreaterOrEqual, negated);
            one.compare(sql, from_sign, &from.node);
            sql.push(if negated { " OR " } else { " AND " });
            one.compare(sql, turned(Comparison::LessOrEqual, negated), &to.node);
            sql.push(")");
        }
        (Check::StartsWith(value), negated) => one.starts_with(sql, &value.node, negated),
        (Check::Contains(value), negated) => one.contains(sql, &value.node, negated),
    }
}

/// The sign that holds where this one does, or where it does not.
pub(super) const fn turned(comparison: Comparison, negated: bool) -> Comparison {
    match (comparison, negated) {
        (same, false) => same,
        (Comparison::Equal, true) => Comparison::NotEqual,
        (Comparison::NotEqual, true) => Comparison::Equal,
        (Comparison::Greater, true) => Comparison::LessOrEqual,
        (Comparison::GreaterOrEqual, true) => Comparison::Less,
        (Comparison::Less, true) => Comparison::GreaterOrEqual,
        (Comparison::LessOrEqual, true) => Comparison::Greater,
    }
}

/// One field, asked about.
#[derive(Clone, Copy)]
struct One<'a> {
    writer: Writer<'a>,
    field: &'a Field,
    column: Column<'a>,
}

impl One<'_> {
    fn column(self, sql: &mut Sql) {
        self.column.write(sql, self.writer.how, &self.writer.asked);
    }

    fn null(self, sql: &mut Sql, is_null: bool) {
        match (self.column.is_nullable(), is_null) {
            (true, _) => {
                self.column(sql);
                sql.push(if is_null { " IS NULL" } else { " IS NOT NULL" });
            }
            (false, true) => {
                sql.push(NEVER);
            }
            (false, false) => {
                sql.push(ALWAYS);
            }
        }
    }

    fn compare(self, sql: &mut Sql, comparison: Comparison, value: &Value) {
        match (self.column, value) {
            (Column::Duration, Value::Span(span)) => {
                let span = i64::try_from(span.0).unwrap_or(i64::MAX);
                self.duration(sql, comparison, span);
            }
            (_, Value::Number(number)) => self.number(sql, comparison, &Whole::of(number)),
            // Partial indexes know them by these words.
            (_, Value::Bool(value)) => {
                let wanted = *value == (comparison == Comparison::Equal);
                self.column(sql);
                sql.push(if wanted { " = 1" } else { " = 0" });
            }
            (_, value) => match bind(value) {
                Some(_) if comparison == Comparison::NotEqual && words(self.field).is_some() => {
                    self.is_in(sql, std::iter::once(value), true);
                }
                Some(bind) => {
                    self.column(sql);
                    sql.push(sign(comparison)).bind(bind);
                }
                None => {
                    sql.push(NEVER);
                }
            },
        }
    }

    /// Columns have whole numbers; values need not be whole.
    fn number(self, sql: &mut Sql, comparison: Comparison, value: &Whole) {
        let edge = match comparison {
            Comparison::Equal if !value.is_exact => {
                sql.push(NEVER);
                return;
            }
            Comparison::NotEqual if !value.is_exact => return self.null(sql, false),
            Comparison::Equal
            | Comparison::NotEqual
            | Comparison::Greater
            | Comparison::LessOrEqual => value.floor,
            Comparison::GreaterOrEqual | Comparison::Less => value.ceil(),
        };
        self.column(sql);
        sql.push(sign(comparison)).bind(edge);
    }

    /// Of an open run, by when it must have started; never below zero.
    fn duration(self, sql: &mut Sql, comparison: Comparison, span: i64) {
        let now = self.writer.asked.now_ms;
        let edge = now.saturating_sub(span);
        let column = |sql: &mut Sql, name| {
            Column::Int(name).write(sql, self.writer.how, &self.writer.asked);
        };
        sql.push("((");
        column(sql, "r.open");
        sql.push(" = 1 AND ");
        match comparison {
            Comparison::GreaterOrEqual if span == 0 => {
                sql.push(ALWAYS);
            }
            Comparison::Less if span == 0 => {
                sql.push(NEVER);
            }
            // It cannot have started later than now, but for clocks that differ.
            Comparison::Equal | Comparison::NotEqual if span == 0 => {
                column(sql, "r.started_at");
                let is_equal = comparison == Comparison::Equal;
                sql.push(if is_equal { " >= " } else { " < " }).bind(now);
            }
            _ => {
                column(sql, "r.started_at");
                let mirrored = match comparison {
                    Comparison::Equal => " = ",
                    Comparison::NotEqual => " <> ",
                    Comparison::Greater => " < ",
                    Comparison::GreaterOrEqual => " <= ",
                    Comparison::Less => " > ",
                    Comparison::LessOrEqual => " >= ",
                };
                sql.push(mirrored).bind(edge);
            }
        }
        sql.push(") OR ");
        column(sql, "r.took");
        sql.push(sign(comparison)).bind(span).push(")");
    }

    /// Of words, those that are not among them are among the others: an index finds these.
    fn is_in<'v>(self, sql: &mut Sql, values: impl Iterator<Item = &'v Value>, negated: bool) {
        if self.column == Column::Duration {
            let comparison = turned(Comparison::Equal, negated);
            let values: Vec<&Value> = values.collect();
            let sign = if negated { " AND " } else { " OR " };
            return self.each(sql, comparison, &values, sign);
        }
        let binds: Vec<Bind> = values.filter_map(bind).collect();
        let (binds, negated) = match words(self.field).filter(|_| negated) {
            Some(words) => {
                let others = words.iter().map(|word| Bind::from(*word));
                (others.filter(|word| !binds.contains(word)).collect(), false)
            }
            None => (binds, negated),
        };
        match (binds.is_empty(), negated) {
            (true, false) => {
                sql.push(NEVER);
            }
            (true, true) => self.null(sql, false),
            (false, _) => {
                self.column(sql);
                sql.push(if negated { " NOT IN (" } else { " IN (" });
                for (index, bind) in binds.into_iter().enumerate() {
                    sql.push(if index == 0 { "" } else { ", " }).bind(bind);
                }
                sql.push(")");
            }
        }
    }

    fn each(self, sql: &mut Sql, comparison: Comparison, values: &[&Value], sign: &'static str) {
        match values {
            [] => {}
            [one] => self.compare(sql, comparison, one),
            more => {
                let (left, right) = more.split_at(more.len() / 2);
                sql.push("(");
                self.each(sql, comparison, left, sign);
                sql.push(sign);
                self.each(sql, comparison, right, sign);
                sql.push(")");
            }
        }
    }

    fn starts_with(self, sql: &mut Sql, value: &Value, negated: bool) {
        let Value::Text(text) = value else {
            sql.push(NEVER);
            return;
        };
        let from = key::text_key(text);
        let Some(end) = key::behind(&from) else {
            return self.null(sql, negated);
        };
        sql.push("(");
        self.column(sql);
        sql.push(if negated { " < " } else { " >= " }).bind(&*from);
        sql.push(if negated { " OR " } else { " AND " });
        self.column(sql);
        sql.push(if negated { " >= " } else { " < " }).bind(end);
        sql.push(")");
    }

    fn contains(self, sql: &mut Sql, value: &Value, negated: bool) {
        let Value::Text(text) = value else {
            sql.push(NEVER);
            return;
        };
        if text.is_empty() {
            // Every text has it; what is absent has not, nor has it not.
            return match negated {
                true => {
                    sql.push(NEVER);
                }
                false => self.null(sql, false),
            };
        }
        self.writer.asked.place_of(sql);
        self.column.write(sql, Use::Find, &self.writer.asked);
        sql.push(", ").bind(&*key::text_key(text));
        sql.push(if negated { ") = 0" } else { ") > 0" });
    }
}

/// What a column is compared with.
fn bind(value: &Value) -> Option<Bind> {
    match value {
        Value::Text(text) => Some((&*key::text_key(text)).into()),
        Value::Version(version) => key::version_key(version.as_str()).map(Bind::from),
        Value::Time(at) => Some(at.as_millis().into()),
        Value::Bool(value) => Some((*value).into()),
        Value::Number(number) => {
            let whole = Whole::of(number);
            whole.is_exact.then_some(whole.floor.into())
        }
        Value::Span(span) => i64::try_from(span.0).ok().map(Bind::from),
    }
}

pub(super) const fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
    }
}
