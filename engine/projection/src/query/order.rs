//! In which order rows come, and what comes behind one of them.
//!
//! Invariant: the last keys tell any two rows apart, so that paging neither leaves out nor repeats a row that stays as it is.
//! What lacks a key comes last, whichever end comes first.

use sagaline_core::filter::{Direction, Filter};
use serde::{Deserialize, Serialize};

use super::asked::{About, Asked, Column, Use};
use crate::sql::Sql;

/// What is sorted by, and which end comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) column: Column<'a>,
    pub(super) direction: Direction,
    /// Rows may lack it.
    pub(super) is_nullable: bool,
}

/// What a row has there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum KeyValue {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Nothing.
    Null,
}

/// The names of keys in statements that are within others.
pub(super) const NAMES: [&str; KEYS_MAX] = [
    "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10",
];

/// Those of a filter, and those that tell rows apart.
const KEYS_MAX: usize = sagaline_core::filter::FILTER_ORDER_MAX + 3;

/// The keys of runs: the newest first, unless the filter says something else.
pub(super) fn of_runs(filter: &Filter) -> Vec<Key<'_>> {
    let mut keys = of_filter(filter, About::Run);
    let direction = keys
        .last()
        .map_or(Direction::Descending, |key| key.direction);
    // As the index of ids has them.
    let tie = match keys.last().map(|key| key.column) {
        Some(Column::Text("r.workflow_id")) => "r.first_offset",
        _ => "r.started_at",
    };
    for column in [tie, "r.id"] {
        keys.push(Key::new(Column::Int(column), direction));
    }
    keys
}

/// The keys of incidents: what waits longest first, or what was solved last.
pub(super) fn of_incidents(filter: &Filter, are_open: bool) -> Vec<Key<'_>> {
    let mut keys = of_filter(filter, About::Incident);
    let (column, direction) = match are_open {
        true => ("i.since", Direction::Ascending),
        false => ("i.resolved_at", Direction::Descending),
    };
    for column in [column, "r.id", "i.seq"] {
        keys.push(Key::new(Column::Int(column), direction));
    }
    keys
}

/// The keys of inputs that could not be taken: the newest first.
pub(super) fn of_rejected() -> Vec<Key<'static>> {
    let columns = ["at", "partition", "record_offset"].into_iter();
    let keys = columns.map(|column| Key::new(Column::Int(column), Direction::Descending));
    keys.collect()
}

fn of_filter(filter: &Filter, about: About) -> Vec<Key<'_>> {
    let keys = filter.order.iter();
    keys.map(|by| Key::new(Column::of(&by.field.node, about), by.direction))
        .collect()
}

impl<'a> Key<'a> {
    fn new(column: Column<'a>, direction: Direction) -> Self {
        Self {
            column,
            direction,
            is_nullable: column.is_nullable(),
        }
    }

    /// The same in a stretch of which every row has it, in this column.
    pub(super) const fn there(self, column: Column<'a>) -> Self {
        Self {
            column,
            is_nullable: false,
            ..self
        }
    }

    /// The same from the other end.
    pub(super) const fn turned(self) -> Self {
        let direction = match self.direction {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        };
        Self { direction, ..self }
    }

    const fn is_up(&self) -> bool {
        matches!(self.direction, Direction::Ascending)
    }
}

/// `, … AS k0, … AS k1`
pub(super) fn columns(sql: &mut Sql, keys: &[Key<'_>], asked: &Asked<'_>) {
    for (key, name) in keys.iter().zip(NAMES) {
        sql.push(", ");
        key.column.write(sql, Use::Find, asked);
        sql.push(" AS ").push(name);
    }
}

/// ` ORDER BY …` of what is selected.
pub(super) fn by(sql: &mut Sql, keys: &[Key<'_>], how: Use, asked: &Asked<'_>) {
    for (index, key) in keys.iter().enumerate() {
        sql.push(if index == 0 { " ORDER BY " } else { ", " });
        if key.is_nullable {
            key.column.write(sql, how, asked);
            sql.push(" IS NULL, ");
        }
        key.column.write(sql, how, asked);
        sql.push(if key.is_up() { "" } else { " DESC" });
    }
}

/// ` ORDER BY …` of a statement around it.
pub(super) fn by_names(sql: &mut Sql, keys: &[Key<'_>]) {
    for (index, (key, name)) in keys.iter().zip(NAMES).enumerate() {
        sql.push(if index == 0 { " ORDER BY " } else { ", " });
        if key.is_nullable {
            sql.push(name).push(" IS NULL, ");
        }
        sql.push(name).push(if key.is_up() { "" } else { " DESC" });
    }
}

/// ` AND …`: what comes behind a row.
pub(super) fn behind(
    sql: &mut Sql,
    keys: &[Key<'_>],
    values: &[KeyValue],
    how: Use,
    asked: &Asked<'_>,
) {
    let (Some(first), Some(value)) = (keys.first(), values.first()) else {
        return;
    };
    // The same once more, such that an index begins there.
    if how == Use::Find && *value != KeyValue::Null && !first.is_nullable {
        sql.push(" AND ");
        first.column.write(sql, how, asked);
        sql.push(if first.is_up() { " >= " } else { " <= " });
        bind(sql, value);
    }
    sql.push(" AND ");
    rest_behind(sql, keys, values, how, asked);
}

fn rest_behind(sql: &mut Sql, keys: &[Key<'_>], values: &[KeyValue], how: Use, asked: &Asked<'_>) {
    let ([key, keys @ ..], [value, values @ ..]) = (keys, values) else {
        // Behind itself comes nothing.
        sql.push("1 = 0");
        return;
    };
    let column = |sql: &mut Sql| key.column.write(sql, how, asked);
    if *value == KeyValue::Null {
        sql.push("(");
        column(sql);
        sql.push(" IS NULL AND ");
        rest_behind(sql, keys, values, how, asked);
        sql.push(")");
        return;
    }
    sql.push("(");
    column(sql);
    sql.push(if key.is_up() { " > " } else { " < " });
    bind(sql, value);
    if key.is_nullable {
        sql.push(" OR ");
        column(sql);
        sql.push(" IS NULL");
    }
    sql.push(" OR (");
    column(sql);
    sql.push(" = ");
    bind(sql, value);
    sql.push(" AND ");
    rest_behind(sql, keys, values, how, asked);
    sql.push("))");
}

fn bind(sql: &mut Sql, value: &KeyValue) {
    match value {
        KeyValue::Int(value) => sql.bind(*value),
        KeyValue::Text(value) => sql.bind(&**value),
        KeyValue::Null => sql.push("NULL"),
    };
}

/// Which of two rows comes first.
pub(super) fn compare(keys: &[Key<'_>], a: &[KeyValue], b: &[KeyValue]) -> std::cmp::Ordering {
    let mut orders = keys.iter().zip(a).zip(b).map(|((key, a), b)| match (a, b) {
        // The last of its variants.
        (KeyValue::Null, _) | (_, KeyValue::Null) => a.cmp(b),
        _ if key.is_up() => a.cmp(b),
        _ => b.cmp(a),
    });
    orders
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}
