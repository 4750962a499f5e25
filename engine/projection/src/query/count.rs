//! How many runs a filter means, in all and in groups.
//!
//! Words are counted one by one, up to a limit each: for what is rare the count is exact, whatever is common.

use sagaline_core::filter::{
    Check, Comparison, Condition, Field, Filter, Kind, Spanned, Test, Value,
};
use sagaline_journal::{Error, ErrorKind};
use sqlx::Row as _;

use super::{
    Seen,
    asked::{About, Asked, Column, Use},
    list::{Only, Plan},
};
use crate::{
    key,
    sql::Sql,
    store::{Projection, unavailable},
};

/// Up to so many runs are counted one by one; of more it is only said that they are more.
pub const COUNT_EXACT_MAX: u64 = 100_000;

/// Most groups that are told of: the largest.
pub const GROUPS_MAX: usize = 1_000;

/// How many runs there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// So many, or more if it is not exact.
    pub count: u64,
    /// They were all counted, and those of each group.
    pub exact: bool,
    /// By the values of the field that was asked for. Of a field with few words all that there are of, in their order;
    /// else the largest first.
    pub groups: Vec<CountGroup>,
}

/// Runs with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountGroup {
    /// The value, as it is written; none where it is null.
    pub value: Option<String>,
    /// So many runs have it.
    pub count: u64,
}

impl Projection {
    /// Counts the runs that a filter means, and those of each value of a field.
    ///
    /// # Errors
    /// `projection-group-by`: by that field nothing is grouped. `projection-unavailable`: the database does not answer.
    pub async fn count(
        &self,
        filter: &Filter,
        group_by: Option<&Field>,
        seen: &Seen<'_>,
    ) -> Result<Counts, Error> {
        match group_by.map(|field| (field, values(field))) {
            None => self.count_only(filter, Only::All, seen).await,
            Some((field, Some(values))) => self.count_each(filter, field, values, seen).await,
            Some((field, None)) => self.count_groups(filter, field, seen).await,
        }
    }

    /// Counts the runs that offer choices to a person.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn count_decisions(&self, filter: &Filter, seen: &Seen<'_>) -> Result<Counts, Error> {
        self.count_only(filter, Only::Decisions, seen).await
    }

    async fn count_only(
        &self,
        filter: &Filter,
        only: Only<'_>,
        seen: &Seen<'_>,
    ) -> Result<Counts, Error> {
        let asked = Asked::new(seen, self.shared.dialect);
        let plan = Plan::of(self, filter, only, asked).await?;
        let mut sql = Sql::new("SELECT COUNT(*) FROM (SELECT r.id AS id FROM runs r");
        plan.conditions(&mut sql);
        sql.push(" LIMIT ")
            .bind(signed(COUNT_EXACT_MAX + 1))
            .push(") x");
        let count = unsigned(self.number(sql).await?);
        Ok(Counts {
            count: count.min(COUNT_EXACT_MAX),
            exact: count <= COUNT_EXACT_MAX,
            groups: Vec::new(),
        })
    }

    /// Counts each value that a field can have by itself.
    async fn count_each(
        &self,
        filter: &Filter,
        field: &Field,
        values: Vec<(String, Value)>,
        seen: &Seen<'_>,
    ) -> Result<Counts, Error> {
        let mut all = Counts {
            count: 0,
            exact: true,
            groups: Vec::new(),
        };
        for (text, value) in values {
            let filter = narrowed(filter, field, value);
            let of_value = self.count_only(&filter, Only::All, seen).await?;
            all.count = all.count.saturating_add(of_value.count);
            all.exact &= of_value.exact;
            if of_value.count > 0 {
                all.groups.push(CountGroup {
                    value: Some(text),
                    count: of_value.count,
                });
            }
        }
        let total = self.count_only(filter, Only::All, seen).await?;
        let without = total.count.saturating_sub(all.count);
        if total.exact && all.exact && without > 0 {
            all.groups.push(CountGroup {
                value: None,
                count: without,
            });
        }
        all.count = all.count.max(total.count);
        all.exact &= total.exact;
        Ok(all)
    }

    /// Counts whatever values there are.
    async fn count_groups(
        &self,
        filter: &Filter,
        field: &Field,
        seen: &Seen<'_>,
    ) -> Result<Counts, Error> {
        if !matches!(field.kind(), Kind::Text | Kind::Version) {
            let text = format!("runs are not grouped by {}", field.name());
            return Err(Error::new(ErrorKind::Invalid, "projection-group-by", text));
        }
        let asked = Asked::new(seen, self.shared.dialect);
        let plan = Plan::of(self, filter, Only::All, asked).await?;
        let column = match field {
            // As it is written.
            Field::Version => Column::Text("r.version"),
            field => Column::of(field, About::Run),
        };
        let mut sql = Sql::new("SELECT g, COUNT(*) AS n FROM (SELECT ");
        column.write(&mut sql, Use::Find, &asked);
        sql.push(" AS g FROM runs r");
        plan.conditions(&mut sql);
        sql.push(") x GROUP BY g ORDER BY n DESC, g LIMIT ");
        sql.bind(signed(GROUPS_MAX as u64 + 1));
        let rows = self.rows(sql).await?;
        let groups = rows.iter().map(|row| {
            let value: Option<String> = row.try_get(0)?;
            Ok(CountGroup {
                value: value.map(|value| key::text_of(&value).into_owned()),
                count: unsigned(row.try_get(1)?),
            })
        });
        let mut groups: Vec<CountGroup> = groups.collect::<Result<_, _>>().map_err(unavailable)?;
        let total = match groups.len() > GROUPS_MAX {
            true => self.count_only(filter, Only::All, seen).await?,
            false => Counts {
                count: groups.iter().map(|group| group.count).sum(),
                exact: true,
                groups: Vec::new(),
            },
        };
        groups.truncate(GROUPS_MAX);
        Ok(Counts { groups, ..total })
    }
}

/// All values that a field can have, as they are written; none of fields that can have any.
fn values(field: &Field) -> Option<Vec<(String, Value)>> {
    match field.kind() {
        Kind::Word(words) => {
            let words = words.iter();
            Some(
                words
                    .map(|word| ((*word).to_owned(), Value::Text((*word).into())))
                    .collect(),
            )
        }
        Kind::Bool => Some(
            [true, false]
                .map(|value| (value.to_string(), Value::Bool(value)))
                .into(),
        ),
        Kind::Text | Kind::Version | Kind::Number | Kind::Time | Kind::Span | Kind::Any => None,
    }
}

/// The filter for one value of a field.
fn narrowed(filter: &Filter, field: &Field, value: Value) -> Filter {
    let spanned = 0..0;
    let test = Condition::Test(Test {
        field: Spanned {
            node: field.clone(),
            span: spanned.clone(),
        },
        check: Check::Compare(
            Comparison::Equal,
            Spanned {
                node: value,
                span: spanned,
            },
        ),
    });
    Filter {
        condition: Some(match &filter.condition {
            Some(condition) => Condition::All(vec![condition.clone(), test]),
            None => test,
        }),
        order: Vec::new(),
    }
}

pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
