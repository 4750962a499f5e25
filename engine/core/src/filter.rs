//! The filter language: which runs, activities or incidents are meant, and in which order they come.
//!
//! ```text
//! WorkflowType = "order" AND (Attempt > 3 OR total >= 100.50) ORDER BY StartTime DESC
//! ```
//! [`Filter::parse`] turns text of strangers into this tree, with the place of every part, so that others can translate
//! it; [`Filter::selects`] asks it about what is seen. Deliberately absent: clocks and SQL. Invariant: a comparison with
//! what is absent is neither true nor false, as in SQL. Every field and operator: `docs/reference/filters.md`.

mod comparison;
mod evaluate;
mod field;
mod invalid;
mod number;
mod parse;
mod print;
mod subject;
mod token;
mod value;
mod version;

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

pub use comparison::Comparison;
pub use evaluate::SortKey;
pub use field::{Field, Kind};
pub use invalid::InvalidQuery;
pub use number::Number;
pub use subject::Subject;
pub use value::Value;
pub use version::Version;

use crate::view::View;

/// Longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 16 * 1024;

/// Most parentheses and `NOT`s within each other.
pub const FILTER_DEPTH_MAX: usize = 32;

/// Most values that a filter compares with and fields that it asks about, in all.
pub const FILTER_TERMS_MAX: usize = 1_000;

/// Most fields that a filter orders by.
pub const FILTER_ORDER_MAX: usize = 8;

/// What is meant, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What must hold; without it everything is meant.
    pub condition: Option<Condition>,
    /// The order: by the first, where that is the same by the second …
    pub order: Vec<OrderBy>,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// One of them; at least two.
    Any(Vec<Self>),
    /// All of them; at least two.
    All(Vec<Self>),
    /// The opposite; of what is neither true nor false, the same.
    Not(Box<Self>),
    /// Something about a field.
    Test(Test),
}

/// Something about a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The field.
    pub field: Spanned<Field>,
    /// What must hold of its value. The values are of the field's [`Kind`].
    pub check: Check,
}

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `= != > >= < <=`.
    Compare(Comparison, Spanned<Value>),
    /// `IN (…)`: it is one of them; at least one.
    In(Vec<Spanned<Value>>),
    /// `BETWEEN x AND y`: both ends belong to it.
    Between(Spanned<Value>, Spanned<Value>),
    /// `STARTS_WITH`: always with a text.
    StartsWith(Spanned<Value>),
    /// `CONTAINS`: the text has it within, or the list as an element.
    Contains(Spanned<Value>),
    /// `IS NULL`.
    IsNull,
    /// `IS NOT NULL`.
    IsNotNull,
}

/// By which field, and which end comes first. What lacks the field comes last either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// The field.
    pub field: Spanned<Field>,
    /// Which end comes first.
    pub direction: Direction,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The smallest, the oldest.
    Ascending,
    /// The largest, the newest.
    Descending,
}

/// A part of a filter and the bytes of the text where it stands. Where it stands is no part of what it says: parts are
/// equal when they say the same.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The part.
    pub node: T,
    /// Where it stands.
    pub span: Range<usize>,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl Filter {
    /// Reads a filter; an empty text means everything.
    ///
    /// # Errors
    /// The text is no filter: says where, what was found there and what was expected.
    ///
    /// # Example: payments that fail again and again
    /// ```
    /// use sagaline_core::filter::Filter;
    ///
    /// let filter = Filter::parse("Activity = 'charge' and Attempt >= 5").unwrap();
    /// assert_eq!(filter.to_string(), r#"Activity = "charge" AND Attempt >= 5"#);
    ///
    /// let invalid = Filter::parse("Attempt >= often").unwrap_err();
    /// assert_eq!(invalid.to_string(), "at byte 11: found `often`, expected a number");
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        parse::filter(text)
    }

    /// Whether it means this. What is neither true nor false is not meant.
    #[must_use]
    pub fn selects(&self, subject: &Subject<'_>) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| evaluate::holds(condition, subject) == Some(true))
    }

    /// Whether it means a run: that is asked once for each of its pending activities, and one of them is enough.
    #[must_use]
    pub fn selects_run(&self, view: &View<'_>) -> bool {
        let mut activities = view.run.activities.iter();
        match self.fields().any(Field::is_of_activity) && !view.run.activities.is_empty() {
            true => activities.any(|one| self.selects(&Subject::activity(view, one))),
            false => self.selects(&Subject::run(view)),
        }
    }

    /// What its order sorts by.
    #[must_use]
    pub fn sort_key<'a>(&self, subject: &Subject<'a>) -> SortKey<'a> {
        SortKey::of(&self.order, subject)
    }

    /// The fields that it speaks of, one as often as it does.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let mut fields = Vec::new();
        if let Some(condition) = &self.condition {
            condition.add_fields(&mut fields);
        }
        fields.extend(self.order.iter().map(|by| &by.field.node));
        fields.into_iter()
    }
}

impl Condition {
    fn add_fields<'a>(&'a self, fields: &mut Vec<&'a Field>) {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().for_each(|part| part.add_fields(fields));
            }
            Self::Not(part) => part.add_fields(fields),
            Self::Test(test) => fields.push(&test.field.node),
        }
    }
}
