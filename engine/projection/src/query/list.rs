//! Lists of runs, page by page.
//!
//! ```text
//! filter ─▶ parts ─▶ which index drives it (search.rs) ─▶ branches of the order ─▶ rows of a page
//! ```
//! A branch is a stretch of the order that one index has: runs that have the first key, then those that lack it. Deliberately
//! absent: offsets; a page begins behind the last row of the one before.

use sagaline_core::filter::Filter;
use sagaline_journal::{Error, ErrorKind};

use super::{
    List, Page,
    asked::{About, Asked, Column, Use},
    condition::{self, Part, Writer},
    order::{self, Key, KeyValue},
    read::{self, AsOf},
    search::{Id, Search},
    token::{self, Behind},
};
use crate::{sql::Sql, state::StoredRun, store::Projection};

/// Most rows of a page.
pub const PAGE_SIZE_MAX: usize = 1_000;

/// What else must hold of the runs of a list, beside its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only<'a> {
    /// Nothing.
    All,
    /// They offer choices to a person.
    Decisions,
    /// Their ids have this within, in small or capital letters.
    Id(&'a str),
    /// This run started them.
    ChildrenOf(&'a str),
}

/// What a list of runs is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    pub(super) asked: Asked<'a>,
    parts: Vec<Part<'a>>,
    only: Only<'a>,
    driver: Driver<'a>,
    /// Its order is that of time.
    is_by_time: bool,
}

/// What a statement goes along.
#[derive(Clone, Debug)]
enum Driver<'a> {
    /// The order.
    Order,
    /// Runs that an index finds; they are few. And which parts of the condition that settles.
    Few(Search<'a>, Vec<usize>),
    /// Runs that are few because of what else must hold of them.
    Only,
}

/// A stretch of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// All of it.
    All,
    /// Those that have the first key.
    Has,
    /// Those that lack it.
    Lacks,
    /// Those that are open, in the order of how long they go on.
    Open,
    /// Those that are closed, in the order of how long they took.
    Closed,
}

impl<'a> Plan<'a> {
    /// How the runs of a filter are found.
    pub(super) async fn of(
        projection: &Projection,
        filter: &'a Filter,
        only: Only<'a>,
        asked: Asked<'a>,
    ) -> Result<Self, Error> {
        let parts = condition::parts(filter);
        let mut driver = match only {
            Only::All | Only::Id(_) => Driver::Order,
            Only::Decisions | Only::ChildrenOf(_) => Driver::Only,
        };
        let mut least = projection.shared.few + 1;
        let id = match only {
            Only::Id(text) => Id::new(text, true).map(|id| (Search::Id(id), Vec::new())),
            Only::All | Only::Decisions | Only::ChildrenOf(_) => None,
        };
        for (mut search, settled) in Search::of(&parts).into_iter().chain(id) {
            if matches!(driver, Driver::Only) {
                break;
            }
            if let Search::Id(id) = &mut search {
                id.narrow(projection).await?;
            }
            let mut sql = Sql::new("SELECT COUNT(*) FROM (SELECT id FROM (");
            search.write(&mut sql, asked);
            sql.push(") x LIMIT ").bind(least).push(") y");
            let found = projection.number(sql).await?;
            if found < least {
                least = found;
                driver = Driver::Few(search, settled);
            }
        }
        let first = order::of_runs(filter).first().map(|key| key.column);
        Ok(Self {
            asked,
            parts,
            only,
            driver,
            is_by_time: first == Some(Column::Int("r.started_at")),
        })
    }

    /// How columns of the order are written.
    const fn how(&self) -> Use {
        match self.driver {
            Driver::Order => Use::Find,
            Driver::Few(..) | Driver::Only => Use::Check,
        }
    }

    /// ` WHERE …`
    pub(super) fn conditions(&self, sql: &mut Sql) {
        sql.push(" WHERE r.listed = 1");
        match self.only {
            Only::All => {}
            Only::Decisions => {
                sql.push(" AND r.decisions > 0");
            }
            Only::ChildrenOf(run_id) => {
                sql.push(" AND r.parent_run_id = ").bind(run_id);
            }
            Only::Id(text) => {
                sql.push(" AND ");
                self.asked.place_of(sql);
                sql.push("lower(r.workflow_id), ");
                let text = text.to_ascii_lowercase();
                sql.bind(&*crate::key::text_key(&text)).push(") > 0");
            }
        }
        if let Driver::Few(search, _) = &self.driver {
            sql.push(" AND ").push(search.column());
            sql.push(" IN (SELECT id FROM (");
            search.write(sql, self.asked);
            sql.push(") f)");
        }
        let leading = self.leading();
        let settled = match &self.driver {
            Driver::Few(_, settled) => &**settled,
            Driver::Order | Driver::Only => &[],
        };
        let asked_about = self.parts.iter().enumerate();
        let (leading, others): (Vec<_>, Vec<_>) = asked_about
            .filter(|(index, _)| !settled.contains(index))
            .partition(|(index, _)| leading.contains(index));
        let all = |parts: Vec<(usize, &Part<'a>)>| -> Vec<Part<'a>> {
            parts.into_iter().map(|(_, part)| *part).collect()
        };
        let (asked, about) = (self.asked, About::Run);
        for (parts, how) in [(all(leading), Use::Find), (all(others), Use::Check)] {
            Writer { asked, about, how }.all_of(sql, &parts);
        }
        if self.goes_by_time() {
            // No run closes before it starts, nor takes longer than until now.
            let starts_by = self
                .parts
                .iter()
                .filter_map(|part| part.starts_by_ms(self.asked.now_ms));
            if let Some(at) = starts_by.min() {
                sql.push(" AND r.started_at <= ").bind(at);
            }
        }
    }

    /// Whether only open runs are meant.
    fn is_of_open_runs(&self) -> bool {
        self.parts.iter().any(|part| part.is_of_open_runs())
    }

    const fn goes_by_time(&self) -> bool {
        matches!(self.driver, Driver::Order) && self.is_by_time
    }

    /// The parts that bound the stretch of the index that is gone along: times of start, and one value of a field of which an
    /// index has each value's runs in the order of time.
    fn leading(&self) -> Vec<usize> {
        if !self.goes_by_time() {
            return Vec::new();
        }
        let parts = || self.parts.iter().enumerate();
        let one_value = parts().find(|(_, part)| part.is_one_value(&self.asked));
        let of_start = parts().filter(|(_, part)| part.is_of_start());
        let leading = of_start.chain(one_value);
        leading.map(|(index, _)| index).collect()
    }

    /// The rows of one stretch, at most so many.
    async fn branch(
        &self,
        projection: &Projection,
        branch: Branch,
        paging: &Paging<'_>,
        limit: usize,
    ) -> Result<Vec<(Vec<KeyValue>, StoredRun)>, Error> {
        let Paging {
            keys,
            behind,
            as_of,
        } = paging;
        let mut sql = Sql::new("SELECT ");
        sql.push(read::RUN);
        for name in order::NAMES.iter().take(keys.len()) {
            sql.push(", x.").push(name);
        }
        sql.push(" FROM (SELECT r.id AS id");
        order::columns(&mut sql, keys, &self.asked);
        self.from(&mut sql, branch, keys);
        if let Some(values) = behind {
            self.behind(&mut sql, branch, keys, values);
        }
        self.order_by(&mut sql, branch, keys);
        sql.push(" LIMIT ")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        sql.push(") x JOIN runs r ON r.id = x.id JOIN states s ON s.id = x.id");
        order::by_names(&mut sql, keys);
        let rows = projection.rows(sql).await?;
        let rows = rows
            .iter()
            .map(|row| Ok((read::keys(row, 4, keys)?, read::run(row, as_of)?)));
        rows.collect()
    }

    /// ` FROM … WHERE …` of a stretch.
    fn from(&self, sql: &mut Sql, branch: Branch, keys: &[Key<'_>]) {
        let first = keys.first().map(|key| key.column);
        match (first, branch, self.how()) {
            (Some(Column::Attribute(name)), Branch::Has, Use::Find) => {
                // Not the other way round: the order is the attribute's.
                sql.push(" FROM attributes k CROSS JOIN runs r");
                self.conditions(sql);
                sql.push(" AND r.id = k.run AND k.name = ")
                    .bind(name.as_str());
                sql.push(" AND k.value_key < 'e'");
            }
            (first, branch, how) => {
                sql.push(" FROM runs r");
                self.conditions(sql);
                let first = first.unwrap_or(Column::Null);
                match branch {
                    Branch::All => {}
                    Branch::Open => {
                        sql.push(" AND r.open = 1");
                    }
                    Branch::Closed => {
                        sql.push(" AND r.took IS NOT NULL");
                    }
                    Branch::Has => {
                        sql.push(" AND ");
                        first.write(sql, how, &self.asked);
                        sql.push(" IS NOT NULL");
                        if first.is_of_activity() && how == Use::Find {
                            sql.push(" AND r.activity IS NOT NULL");
                        }
                    }
                    Branch::Lacks => {
                        if first == Column::Int("r.closed_at") {
                            sql.push(" AND r.open = 1");
                        }
                        sql.push(" AND ");
                        first.write(sql, Use::Check, &self.asked);
                        sql.push(" IS NULL");
                    }
                }
            }
        }
    }

    fn behind(&self, sql: &mut Sql, branch: Branch, keys: &[Key<'_>], values: &[KeyValue]) {
        let keys = self.along(branch, keys);
        let values = match (branch, values) {
            (Branch::Lacks, [_, values @ ..]) => values.to_vec(),
            (Branch::Open, [KeyValue::Int(goes_on), values @ ..]) => {
                let started_at = self.asked.now_ms.saturating_sub(*goes_on);
                [&[KeyValue::Int(started_at)], values].concat()
            }
            (_, values) => values.to_vec(),
        };
        order::behind(sql, &keys, &values, self.how(), &self.asked);
    }

    fn order_by(&self, sql: &mut Sql, branch: Branch, keys: &[Key<'_>]) {
        let keys = self.along(branch, keys);
        order::by(sql, &keys, self.how(), &self.asked);
    }

    /// The keys as a stretch has them, in the columns of its index.
    fn along<'k>(&self, branch: Branch, keys: &[Key<'k>]) -> Vec<Key<'k>> {
        let mut keys = keys.to_vec();
        let Some(first) = keys.first_mut() else {
            return keys;
        };
        match branch {
            Branch::All => {}
            // What goes on longest started first.
            Branch::Open => *first = first.there(Column::Int("r.started_at")).turned(),
            Branch::Closed => *first = first.there(Column::Int("r.took")),
            Branch::Lacks => {
                keys.remove(0);
            }
            Branch::Has => {
                let is_attribute = matches!(first.column, Column::Attribute(_));
                *first = first.there(first.column);
                if is_attribute && self.how() == Use::Find {
                    let columns = [
                        Column::Text("k.value_key"),
                        Column::Int("k.started_at"),
                        Column::Int("k.run"),
                    ];
                    // Others between them are the run's.
                    let is_alone = keys.len() == columns.len();
                    let places = keys.iter_mut().zip(columns);
                    for (key, column) in places.take(if is_alone { columns.len() } else { 1 }) {
                        *key = key.there(column);
                    }
                }
            }
        }
        keys
    }
}

/// Where a page begins.
struct Paging<'a> {
    keys: &'a [Key<'a>],
    behind: Option<Vec<KeyValue>>,
    as_of: &'a AsOf,
}

/// The stretches of an order, one after the other; the two of how long runs take are one within the other.
const fn branches(first: Column<'_>, is_behind_null: bool) -> &'static [Branch] {
    match first {
        Column::Duration => &[Branch::Open, Branch::Closed],
        _ if is_behind_null => &[Branch::Lacks],
        _ => &[Branch::Has, Branch::Lacks],
    }
}

impl Projection {
    /// A page of the runs that a filter means, in its order; without one the newest come first.
    ///
    /// # Errors
    /// `projection-page-token`, `projection-page-size`: the call is wrong. `projection-unavailable`: the database does not answer.
    pub async fn list(&self, list: &List<'_>) -> Result<Page<StoredRun>, Error> {
        self.list_only(list, Only::All).await
    }

    pub(super) async fn list_only(
        &self,
        list: &List<'_>,
        only: Only<'_>,
    ) -> Result<Page<StoredRun>, Error> {
        let size = page_size(list.page_size)?;
        let keys = order::of_runs(list.filter);
        let name = format!("{only:?} {}", list.filter);
        let mut asked = Asked::new(&list.seen, self.shared.dialect);
        let behind = match list.page_token {
            Some(token) => {
                let behind = token::read(token, &name, &keys)?;
                asked.now_ms = behind.now_ms;
                Some(behind.keys)
            }
            None => None,
        };
        let plan = Plan::of(self, list.filter, only, asked).await?;
        let as_of = AsOf::read(self).await?;
        let paging = Paging {
            keys: &keys,
            behind,
            as_of: &as_of,
        };
        let rows = self.page(&plan, &paging, size + 1).await?;
        Ok(cut(rows, size, &as_of, (&name, asked.now_ms)))
    }

    /// So many rows from where a page begins.
    async fn page(
        &self,
        plan: &Plan<'_>,
        paging: &Paging<'_>,
        limit: usize,
    ) -> Result<Vec<(Vec<KeyValue>, StoredRun)>, Error> {
        let first = paging.keys.first().map_or(Column::Null, |key| key.column);
        if first != Column::Duration && !first.is_nullable() {
            return plan.branch(self, Branch::All, paging, limit).await;
        }
        let last = paging.behind.as_ref().and_then(|values| values.first());
        let is_behind_null = last == Some(&KeyValue::Null);
        let mut rows = Vec::new();
        for branch in branches(first, is_behind_null) {
            let from_start = Paging {
                behind: None,
                ..*paging
            };
            // Those that lack the key come behind all that have it.
            let paging = match (branch, is_behind_null) {
                (Branch::Lacks, false) => &from_start,
                _ => paging,
            };
            let wanted = match branch {
                Branch::Closed if plan.is_of_open_runs() => 0,
                Branch::Closed => limit,
                _ => limit - rows.len(),
            };
            if wanted > 0 {
                rows.extend(plan.branch(self, *branch, paging, wanted).await?);
            }
        }
        rows.sort_by(|(a, _), (b, _)| order::compare(paging.keys, a, b));
        rows.truncate(limit);
        Ok(rows)
    }
}

/// Checks how many rows a page is to have.
pub(super) fn page_size(size: usize) -> Result<usize, Error> {
    match size {
        1..=PAGE_SIZE_MAX => Ok(size),
        _ => {
            let text = format!("a page of {size} rows: 1 to {PAGE_SIZE_MAX} are allowed");
            Err(Error::new(ErrorKind::Invalid, "projection-page-size", text))
        }
    }
}

/// A page of rows, of which one more than it has was read.
pub(super) fn cut<T>(
    mut rows: Vec<(Vec<KeyValue>, T)>,
    size: usize,
    as_of: &AsOf,
    (list, now_ms): (&str, i64),
) -> Page<T> {
    let has_more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().map(|(keys, _)| keys.clone());
    Page {
        next_page_token: last
            .filter(|_| has_more)
            .map(|keys| token::write(list, Behind { keys, now_ms })),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        as_of: as_of.latest(),
    }
}
