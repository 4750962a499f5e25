//! SQL text and what is bound to it: the only way in which statements are made here.
//!
//! Placeholders are `$1`, `$2` …, which both databases take; SQLite looks each of them up among all others, so that statements of
//! many rows have `?` there. Invariant: text of strangers is bound, never part of a statement.

use sqlx::{Any, any::AnyArguments, query::Query};

use std::fmt::Write as _;

use crate::database::Dialect;

/// A value that is bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bind {
    /// A number, or none.
    Int(Option<i64>),
    /// A text, or none.
    Text(Option<String>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Bind {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<&str>> for Bind {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Bind {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

/// A statement in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    text: String,
    binds: Vec<Bind>,
    /// Placeholders have no numbers.
    is_plain: bool,
}

impl Sql {
    /// Begins with this text, which is ours.
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            binds: Vec::new(),
            is_plain: false,
        }
    }

    /// The same for many rows, on this database.
    pub(crate) fn of_rows(dialect: Dialect, text: &'static str) -> Self {
        Self {
            is_plain: dialect == Dialect::Sqlite,
            ..Self::new(text)
        }
    }

    /// Goes on with this text, which is ours.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Puts a value here.
    pub(crate) fn bind(&mut self, value: impl Into<Bind>) -> &mut Self {
        self.binds.push(value.into());
        match self.is_plain {
            true => self.text.push('?'),
            false => {
                write!(self.text, "${}", self.binds.len()).expect("a String takes all text");
            }
        }
        self
    }

    /// Puts values here: `(…, …), (…, …)`.
    pub(crate) fn rows(&mut self, rows: impl IntoIterator<Item = Vec<Bind>>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.push(if index == 0 { "(" } else { ", (" });
            for (index, value) in row.into_iter().enumerate() {
                if index > 0 {
                    self.push(", ");
                }
                self.bind(value);
            }
            self.push(")");
        }
        self
    }

    /// The statement.
    pub(crate) fn query(self) -> Query<'static, Any, AnyArguments> {
        let query = sqlx::query(sqlx::AssertSqlSafe(self.text));
        self.binds
            .into_iter()
            .fold(query, |query, bind| match bind {
                Bind::Int(value) => query.bind(value),
                Bind::Text(value) => query.bind(value),
                Bind::Bytes(value) => query.bind(value),
            })
    }
}
