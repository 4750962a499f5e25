//! What is asked about a search attribute: of its rows, one by one.
//!
//! The row with `ordinal` 0 has what the attribute is; of a list the others have its elements. A value of another kind is
//! neither the same nor another: rows of other kinds fit neither a test nor its opposite.

use sagaline_core::filter::{Check, Comparison, Value};

use super::{
    condition::Writer,
    test::{NEVER, sign, turned},
};
use crate::{
    key::{self, AttributeKey, KEY_CHARS_MAX, kind},
    sql::Sql,
};

/// Writes what makes a test true, or false if `negated`.
pub(super) fn test(writer: Writer<'_>, sql: &mut Sql, name: &str, check: &Check, negated: bool) {
    match (check, negated) {
        (Check::IsNull, false) | (Check::IsNotNull, true) => {
            sql.push("NOT ");
            has(sql, name, |_| {});
        }
        (Check::IsNull, true) | (Check::IsNotNull, false) => has(sql, name, |_| {}),
        (Check::Between(from, to), negated) => {
            let from = (Comparison::GreaterOrEqual, &from.node);
            let to = (Comparison::LessOrEqual, &to.node);
            sql.push("(");
            has_compared(sql, name, from, negated);
            sql.push(if negated { " OR " } else { " AND " });
            has_compared(sql, name, to, negated);
            sql.push(")");
        }
        (Check::Compare(comparison, value), negated) => {
            has_compared(sql, name, (*comparison, &value.node), negated);
        }
        (Check::In(values), negated) => {
            let values: Vec<&Value> = values.iter().map(|value| &value.node).collect();
            if negated && !are_of_one_kind(&values) {
                // With some of them it cannot be compared at all.
                sql.push(NEVER);
                return;
            }
            has(sql, name, |sql| {
                sql.push(" AND ");
                is_in(sql, &values, negated);
            });
        }
        (Check::StartsWith(value), negated) => match &value.node {
            Value::Text(text) => has(sql, name, |sql| starts_with(sql, text, negated)),
            _ => {
                sql.push(NEVER);
            }
        },
        (Check::Contains(value), negated) => contains(writer, sql, name, &value.node, negated),
    }
}

/// That the run has a row of that name for which something holds.
fn has(sql: &mut Sql, name: &str, what: impl FnOnce(&mut Sql)) {
    sql.push("EXISTS (SELECT 1 FROM attributes a WHERE a.run = (r.id + 0) AND a.name = ");
    sql.bind(name);
    sql.push(" AND a.ordinal = 0");
    what(sql);
    sql.push(")");
}

fn has_compared(sql: &mut Sql, name: &str, test: (Comparison, &Value), negated: bool) {
    let (comparison, value) = test;
    has(sql, name, |sql| {
        sql.push(" AND ");
        compare(sql, turned(comparison, negated), value);
    });
}

/// What a row must be to stand so to a value. Keys that are not cut say all: what is behind them is in no index.
pub(super) fn compare(sql: &mut Sql, comparison: Comparison, value: &Value) {
    let Some(AttributeKey { key, rest }) = AttributeKey::of(value) else {
        sql.push(NEVER);
        return;
    };
    let (kind, end) = bounds(&key);
    let is_cut = key.chars().count() == KEY_CHARS_MAX;
    sql.push("(");
    // One bound of each side: of two the database may take the worse.
    if let Comparison::NotEqual | Comparison::Less | Comparison::LessOrEqual = comparison {
        sql.push("a.value_key >= ").bind(kind).push(" AND ");
    }
    if let Comparison::NotEqual | Comparison::Greater | Comparison::GreaterOrEqual = comparison {
        sql.push("a.value_key < ").bind(end).push(" AND ");
    }
    if !is_cut {
        sql.push("a.value_key").push(sign(comparison));
        sql.bind(key).push(")");
        return;
    }
    let outer = match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual | Comparison::Greater | Comparison::GreaterOrEqual => " >= ",
        Comparison::Less | Comparison::LessOrEqual => " <= ",
    };
    match comparison {
        Comparison::NotEqual => {
            sql.push("(a.value_key <> ").bind(&*key);
            sql.push(" OR a.value_rest <> ").bind(rest).push("))");
        }
        _ => {
            sql.push("a.value_key").push(outer).bind(&*key);
            sql.push(" AND (a.value_key <> ").bind(key);
            sql.push(" OR a.value_rest").push(sign(comparison));
            sql.bind(rest).push("))");
        }
    }
}

/// Where the keys of a key's kind begin, and what is behind them.
fn bounds(key: &str) -> (&'static str, &'static str) {
    let kind = match key.as_bytes() {
        [b'0', ..] => kind::BOOL,
        [b'1', ..] => kind::NUMBER,
        _ => kind::TEXT,
    };
    (kind, kind::end_of(kind))
}

/// Whether each can be compared with what another can.
pub(super) fn are_of_one_kind(values: &[&Value]) -> bool {
    let mut kinds = values
        .iter()
        .filter_map(|value| AttributeKey::of(value))
        .map(|key| bounds(&key.key).0);
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first)
}

/// What a row must be to be one of some values, or none of them if `negated`; then they are of one kind.
pub(super) fn is_in(sql: &mut Sql, values: &[&Value], negated: bool) {
    let keys: Vec<AttributeKey> = values
        .iter()
        .filter_map(|value| AttributeKey::of(value))
        .collect();
    let Some(first) = keys.first() else {
        sql.push(NEVER);
        return;
    };
    sql.push("(");
    if negated {
        let (kind, end) = bounds(&first.key);
        sql.push("a.value_key >= ").bind(kind);
        sql.push(" AND a.value_key < ").bind(end).push(" AND NOT ");
    }
    // Keys that are cut are compared in full.
    sql.push("(a.value_key IN (");
    for (index, key) in keys.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).bind(&*key.key);
    }
    sql.push(")");
    if keys
        .iter()
        .any(|key| key.key.chars().count() == KEY_CHARS_MAX)
    {
        sql.push(" AND a.value_rest IN (");
        for (index, key) in keys.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            sql.bind(&*key.rest);
        }
        sql.push(") AND (a.value_key || a.value_rest) IN (");
        for (index, key) in keys.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            sql.bind(format!("{}{}", key.key, key.rest));
        }
        sql.push(")");
    }
    sql.push("))");
}

/// ` AND …`: the row is a text with this beginning, or one without.
pub(super) fn starts_with(sql: &mut Sql, text: &str, negated: bool) {
    let whole = format!("{}{}", kind::TEXT, key::text_key(text));
    let (kind, end) = bounds(&whole);
    if negated {
        sql.push(" AND a.value_key >= ").bind(kind);
        sql.push(" AND a.value_key < ")
            .bind(end)
            .push(" AND NOT (1 = 1");
    }
    match whole.char_indices().nth(KEY_CHARS_MAX) {
        None => {
            sql.push(" AND a.value_key >= ").bind(&*whole);
            let end = key::behind(&whole).unwrap_or_else(|| end.to_owned());
            sql.push(" AND a.value_key < ").bind(end);
        }
        Some((at, _)) => {
            let (key, rest) = whole.split_at(at);
            let length = i64::try_from(rest.chars().count()).unwrap_or(i64::MAX);
            sql.push(" AND a.value_key = ").bind(key);
            sql.push(" AND substr(a.value_rest, 1, CAST(").bind(length);
            sql.push(" AS INTEGER)) = ").bind(rest);
        }
    }
    if negated {
        sql.push(")");
    }
}

/// A text has it within, a list as an element; of other values with what is no text nothing is said.
fn contains(writer: Writer<'_>, sql: &mut Sql, name: &str, value: &Value, negated: bool) {
    let element = |sql: &mut Sql| {
        let Some(AttributeKey { key, rest }) = AttributeKey::of_element(value) else {
            return;
        };
        sql.push("EXISTS (SELECT 1 FROM attributes a WHERE a.run = (r.id + 0) AND a.name = ");
        sql.bind(name).push(" AND a.value_key = ").bind(key);
        sql.push(" AND a.value_rest = ").bind(rest).push(")");
    };
    sql.push("(");
    match negated {
        false => element(sql),
        true => {
            has(sql, name, |sql| {
                sql.push(" AND a.value_key = ").bind(kind::LIST);
            });
            sql.push(" AND NOT ");
            element(sql);
        }
    }
    if let Value::Text(text) = value {
        sql.push(" OR ");
        has(sql, name, |sql| {
            sql.push(" AND a.value_key >= ").bind(kind::TEXT);
            sql.push(" AND a.value_key < ")
                .bind(kind::end_of(kind::TEXT));
            if text.is_empty() {
                // Every text has it.
                sql.push(if negated { " AND 1 = 0" } else { "" });
                return;
            }
            sql.push(" AND ");
            writer.asked.place_of(sql);
            sql.push("substr(a.value_key || a.value_rest, 2), ");
            sql.bind(&*key::text_key(text));
            sql.push(if negated { ") = 0" } else { ") > 0" });
        });
    }
    sql.push(")");
}
