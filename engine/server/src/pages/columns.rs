//! Columns of the list of workflows: those that every run has, and search attributes by their names.
//!
//! In an address a column is its slug. An attribute's is its name as the filter language has it: in backticks where it would
//! be taken for something else. What is neither is left out.

use std::{collections::BTreeSet, fmt};

use sagaline_core::filter::{Field, Filter};

use super::{seen::Run, told::Told};

/// Attributes that are columns at a time.
const ATTRIBUTES_MAX: usize = 20;

/// Attributes that are offered: the first by name of those that the rows have.
const OFFERED_MAX: usize = 50;

/// A column but those of status and id, which are always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it is called in addresses.
    pub(crate) slug: String,
    /// What stands above it: of an attribute its name.
    pub(crate) title: Told,
    /// What the API sorts by; empty: it does not.
    pub(crate) sort: String,
    /// What it shows, for templates and styles; `attribute` of every attribute.
    pub(crate) class: &'static str,
}

/// Slug, title, what the API sorts by, and whether it is there unless others are wanted.
const COLUMNS: [(&str, &str, &str, bool); 10] = [
    ("workflow", "Workflow", "workflow", true),
    ("attempt", "Attempt", "attempt", true),
    ("next_attempt", "Next", "next_attempt_at", true),
    ("last_failure", "Last failure", "last_failure", false),
    ("started", "Started", "started_at", true),
    ("closed", "Closed", "closed_at", false),
    ("took", "Took", "took", false),
    ("children", "Children", "", false),
    ("queue", "Queue", "task_queue", false),
    ("attributes", "Attributes", "", false),
];

const ATTRIBUTE: &str = "attribute";

impl Column {
    fn built_in((slug, title, sort, _): (&'static str, &str, &str, bool)) -> Self {
        Self {
            slug: slug.to_owned(),
            title: title.into(),
            sort: sort.to_owned(),
            class: slug,
        }
    }

    /// By its slug.
    fn of(slug: &str) -> Option<Self> {
        let mut built_in = COLUMNS.into_iter();
        match built_in.find(|(known, ..)| *known == slug) {
            Some(column) => Some(Self::built_in(column)),
            None => Self::attribute(slug),
        }
    }

    /// An attribute, as the filter language writes it.
    fn attribute(written: &str) -> Option<Self> {
        let order = Filter::parse(&format!("ORDER BY {written}")).ok()?.order;
        let [by] = order.as_slice() else { return None };
        let field @ Field::Attribute(name) = &by.field.node else {
            return None;
        };
        let plain = field.to_string();
        let is_taken =
            |(slug, _, sort, _): &(&str, &str, &str, bool)| *slug == plain || *sort == plain;
        let quoted = format!("`{name}`");
        Some(Self {
            slug: match COLUMNS.iter().any(is_taken) {
                true => quoted.clone(),
                false => plain,
            },
            title: name.as_str().into(),
            // Columns of the API have names of their own: an attribute's is never one of them.
            sort: quoted,
            class: ATTRIBUTE,
        })
    }

    /// Whether that is how the API is asked to sort by it.
    pub(crate) fn is_sorted_by(&self, sort: &str) -> bool {
        let is_plain = || self.class == ATTRIBUTE && self.slug == sort;
        !sort.is_empty() && (self.sort == sort || is_plain())
    }
}

/// Those that are wanted, in their order; none: the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns(Vec<Column>);

impl<'a> FromIterator<&'a str> for Columns {
    fn from_iter<I: IntoIterator<Item = &'a str>>(slugs: I) -> Self {
        let mut columns: Vec<Column> = Vec::new();
        let mut attributes = 0;
        for column in slugs.into_iter().filter_map(|slug| Column::of(slug.trim())) {
            let is_attribute = column.class == ATTRIBUTE;
            if columns.contains(&column) || (is_attribute && attributes == ATTRIBUTES_MAX) {
                continue;
            }
            attributes += usize::from(is_attribute);
            columns.push(column);
        }
        Self(columns)
    }
}

impl Columns {
    pub(crate) fn are_usual(&self) -> bool {
        self.0.is_empty()
    }

    /// The same, or the one that is left when nothing is wanted.
    pub(crate) fn or_least(self) -> Self {
        match self.0.is_empty() {
            true => COLUMNS.iter().take(1).map(|(slug, ..)| *slug).collect(),
            false => self,
        }
    }

    pub(crate) fn slugs(&self) -> Vec<&str> {
        self.0.iter().map(|column| column.slug.as_str()).collect()
    }

    /// What is shown: those that every list has in their own order, then attributes.
    pub(crate) fn shown(&self) -> Vec<Column> {
        let is_wanted = |(slug, _, _, is_usual): &(&str, &str, &str, bool)| match self.are_usual() {
            true => *is_usual,
            false => self.0.iter().any(|column| column.class == *slug),
        };
        let built_in = COLUMNS.into_iter().filter(is_wanted).map(Column::built_in);
        let attributes = self.0.iter().filter(|column| column.class == ATTRIBUTE);
        built_in.chain(attributes.cloned()).collect()
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.slugs().join(","))
    }
}

/// What may be shown: all that every list has, the attributes that are shown, and those that these rows have.
pub(crate) fn offered<'a>(shown: &[Column], rows: impl Iterator<Item = &'a Run>) -> Vec<Column> {
    let mut offered: Vec<Column> = COLUMNS.into_iter().map(Column::built_in).collect();
    offered.extend(shown.iter().filter(|one| one.class == ATTRIBUTE).cloned());
    let names = rows.flat_map(|run| run.attributes.iter());
    let names: BTreeSet<&str> = names.map(|(name, _)| name.raw()).collect();
    for name in names.into_iter().take(OFFERED_MAX) {
        let column = Column::attribute(&format!("`{name}`"));
        offered.extend(column.filter(|column| !shown.contains(column)));
    }
    offered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(slugs: &str) -> Columns {
        slugs.split(',').collect()
    }

    #[test]
    fn attributes_are_columns_by_their_names_and_what_is_neither_is_left_out() {
        let wanted = columns("amount,attempt,`queue`,amount, ,no such,`a b`,<b>,Status,started");

        assert_eq!(wanted.to_string(), "amount,attempt,`queue`,started");
        assert_eq!(columns(&wanted.to_string()), wanted);
        let shown: Vec<(&str, String)> = wanted
            .shown()
            .iter()
            .map(|column| (column.class, column.title.line().to_string()))
            .collect();
        let is = |class, title: &str| (class, title.to_owned());
        assert_eq!(
            shown,
            [
                is("attempt", "Attempt"),
                is("started", "Started"),
                is("attribute", "amount"),
                is("attribute", "queue"),
            ]
        );
    }

    #[test]
    fn an_attribute_that_is_called_like_a_column_or_a_field_stands_in_backticks() {
        for name in ["queue", "took", "started_at", "Status", "status", "and"] {
            let quoted = format!("`{name}`");
            let column = Column::of(&quoted).unwrap();

            assert_eq!((&column.slug, &column.sort), (&quoted, &quoted));
            assert_eq!(column.title.raw(), name);
        }
        assert_eq!(Column::of("`amount`").unwrap().slug, "amount");
    }

    #[test]
    fn a_column_is_sorted_by_as_the_api_writes_it() {
        let amount = Column::of("amount").unwrap();
        let took = Column::of("`took`").unwrap();

        assert!(amount.is_sorted_by("`amount`") && amount.is_sorted_by("amount"));
        assert!(took.is_sorted_by("`took`") && !took.is_sorted_by("took"));
        assert!(!Column::of("children").unwrap().is_sorted_by(""));
    }

    #[test]
    fn there_are_only_so_many_attributes_at_a_time() {
        let many: Vec<String> = (0..100).map(|number| format!("a{number}")).collect();
        let wanted: Columns = many.iter().map(String::as_str).collect();

        assert_eq!(wanted.slugs().len(), ATTRIBUTES_MAX);
    }
}
