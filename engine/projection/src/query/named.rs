//! Which search attributes there are: for those who write filters.

use sagaline_journal::Error;
use sqlx::Row as _;

use super::count::{COUNT_EXACT_MAX, unsigned};
use crate::{
    key::{self, kind},
    sql::Sql,
    store::{Projection, unavailable},
};

/// Most attributes that are told of: the first by name.
pub const ATTRIBUTES_MAX: usize = 500;

/// A search attribute that runs have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAttribute {
    /// Its name.
    pub name: String,
    /// What its values are, and how many runs have one of that kind, the first by kind.
    pub kinds: Vec<(AttributeKind, u64)>,
    /// Whether these counts are all: of a kind at most [`COUNT_EXACT_MAX`] runs are counted.
    pub exact: bool,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// Something that no filter tests, an object for one.
    Other,
}

impl AttributeKind {
    /// Each with the beginning of its keys, and what is behind them.
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Bool, kind::BOOL, kind::NUMBER),
        (Self::Number, kind::NUMBER, "2"),
        (Self::Text, kind::TEXT, kind::LIST),
        (Self::List, kind::LIST, kind::OTHER),
        (Self::Other, kind::OTHER, kind::ELEMENT),
    ];

    /// As the API has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Number => "number",
            Self::Text => "text",
            Self::List => "list",
            Self::Other => "other",
        }
    }
}

impl Projection {
    /// The search attributes that runs have, by name, at most [`ATTRIBUTES_MAX`]; and whether there are more.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn attributes(&self) -> Result<(Vec<NamedAttribute>, bool), Error> {
        let mut attributes: Vec<NamedAttribute> = Vec::new();
        let mut last: Option<String> = None;
        // From name to name along the index: there are few, of however many runs.
        while let Some(name) = self.attribute_behind(last.as_deref()).await? {
            if attributes.len() == ATTRIBUTES_MAX {
                return Ok((attributes, true));
            }
            attributes.push(self.attribute(&name).await?);
            last = Some(name);
        }
        Ok((attributes, false))
    }

    /// Whether a run has this search attribute.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn has_attribute(&self, name: &str) -> Result<bool, Error> {
        let mut sql = Sql::new("SELECT COUNT(*) FROM (SELECT 1 FROM attributes WHERE name = ");
        sql.bind(key::text_key(name).into_owned())
            .push(" LIMIT 1) x");
        Ok(self.number(sql).await? > 0)
    }

    /// The key of the first name behind this one.
    async fn attribute_behind(&self, last: Option<&str>) -> Result<Option<String>, Error> {
        let mut sql = Sql::new("SELECT name FROM attributes");
        if let Some(last) = last {
            sql.push(" WHERE name > ").bind(last);
        }
        sql.push(" ORDER BY name LIMIT 1");
        let rows = self.rows(sql).await?;
        let name = rows.first().map(|row| row.try_get(0));
        name.transpose().map_err(unavailable)
    }

    async fn attribute(&self, name: &str) -> Result<NamedAttribute, Error> {
        let (mut kinds, mut exact) = (Vec::new(), true);
        for (kind, from, to) in AttributeKind::ALL {
            let mut sql =
                Sql::new("SELECT COUNT(*) FROM (SELECT run FROM attributes WHERE name = ");
            sql.bind(name).push(" AND value_key >= ").bind(from);
            sql.push(" AND value_key < ").bind(to);
            let most = i64::try_from(COUNT_EXACT_MAX).unwrap_or(i64::MAX);
            sql.push(" LIMIT ").bind(most.saturating_add(1)).push(") x");
            let count = self.number(sql).await?;
            exact &= count <= most;
            if count > 0 {
                kinds.push((kind, unsigned(count.min(most))));
            }
        }
        Ok(NamedAttribute {
            name: key::text_of(name).into_owned(),
            kinds,
            exact,
        })
    }
}
