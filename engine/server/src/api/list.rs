//! Lists of runs, and how many there are.

use axum::{extract::State, response::Response};
use sagaline_core::{
    Timestamp,
    filter::{Direction, Field, Filter, InvalidQuery, OrderBy, Spanned},
    show::Shown,
    view::Row,
};
use sagaline_projection::{List, Seen, StoredRun};
use serde::Serialize;

use super::{Api, answer, call::Call, journal::now, reads::unread_error};
use crate::problem::Problem;

/// Rows of a page, unless said.
const PAGE_SIZE_DEFAULT: usize = 50;

/// Most rows of a page.
pub(super) const PAGE_SIZE_MAX: usize = 1_000;

#[derive(Serialize)]
struct Workflows<'a> {
    workflows: Vec<Row<'a>>,
    next_page_token: Option<String>,
    as_of: Shown<'a, Timestamp>,
    server_time: Shown<'a, Timestamp>,
}

#[derive(Serialize)]
struct Counted<'a> {
    count: u64,
    /// False: there are at least so many.
    exact: bool,
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    /// The value of the field; null where it has none.
    values: [Option<&'a str>; 1],
    count: u64,
}

pub(crate) async fn workflows(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["query", "sort", "page_size", "page_token", "consistency"])?;
    let (filter, page_size) = (call.filter()?, call.page_size()?);
    api.all_fresh(call.consistency()?).await?;
    api.knows_sort(&call, &filter).await?;
    let unread = api.unread();
    let list = List {
        filter: &filter,
        seen: Seen {
            now: now(),
            unread: &unread,
        },
        page_size,
        page_token: call.param("page_token"),
    };
    let page = api.projection().list(&list).await;
    let page = page.map_err(|error| unread_error(&error))?;
    let around = api.around(&page.rows).await?;
    let rows = page
        .rows
        .iter()
        .map(|run: &StoredRun| around.view(run).row());
    Ok(answer::json(&Workflows {
        workflows: rows.collect(),
        next_page_token: page.next_page_token,
        as_of: Shown(&page.as_of),
        server_time: Shown(&around.now),
    }))
}

pub(crate) async fn count(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["query", "group_by", "consistency"])?;
    let filter = call.filter()?;
    let group_by = call.param("group_by").map(field).transpose()?;
    api.all_fresh(call.consistency()?).await?;
    let unread = api.unread();
    let seen = Seen {
        now: now(),
        unread: &unread,
    };
    let counts = api
        .projection()
        .count(&filter, group_by.as_ref(), &seen)
        .await;
    let counts = counts.map_err(|error| unread_error(&error))?;
    let groups = counts.groups.iter().map(|group| Group {
        values: [group.value.as_deref()],
        count: group.count,
    });
    Ok(answer::json(&Counted {
        count: counts.count,
        exact: counts.exact,
        groups: groups.collect(),
    }))
}

/// A field by its name.
fn field(name: &str) -> Result<Field, Problem> {
    let known = Field::KNOWN.into_iter();
    let mut known = known.filter(|field| field.name().eq_ignore_ascii_case(name));
    if let Some(field) = known.next() {
        return Ok(field);
    }
    match ordered(&format!("ORDER BY {name}")).as_deref() {
        Ok([order]) if order.direction == Direction::Ascending => Ok(order.field.node.clone()),
        _ => {
            let text = format!("parameter `group_by`: `{name}` is no field of the filter language");
            Err(Problem::bad_request("invalid_parameter", text)
                .hint("counts are grouped by one field"))
        }
    }
}

fn ordered(text: &str) -> Result<Vec<OrderBy>, InvalidQuery> {
    Filter::parse(text).map(|filter| filter.order)
}

/// Columns of a list by the names of their keys, for `sort`.
const COLUMNS: [(&str, Field); 15] = [
    ("started_at", Field::StartTime),
    ("closed_at", Field::CloseTime),
    ("took", Field::Duration),
    ("status", Field::Status),
    ("situation", Field::Situation),
    ("workflow_id", Field::WorkflowId),
    ("run_id", Field::RunId),
    ("workflow", Field::WorkflowType),
    ("version", Field::Version),
    ("task_queue", Field::TaskQueue),
    ("attempt", Field::Attempt),
    ("next_attempt_at", Field::NextAttemptAt),
    ("last_failure", Field::LastFailureType),
    ("compensation", Field::Compensation),
    ("incidents", Field::Incidents),
];

impl Call {
    /// The filter of the parameter `query`, in the order of `sort`.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let text = self.param("query").unwrap_or_default();
        let mut filter = parsed(text)?;
        let Some(sort) = self.param("sort") else {
            return Ok(filter);
        };
        if !filter.order.is_empty() {
            let text = "`sort` and ORDER BY of the query do not go together";
            return Err(Problem::bad_request("invalid_parameter", text));
        }
        for name in sort.split(',').filter(|name| !name.is_empty()) {
            filter.order.push(sorted(name)?);
        }
        Ok(filter)
    }

    pub(super) fn page_size(&self) -> Result<usize, Problem> {
        let expected = "a number from 1 is expected";
        let size = self.parsed("page_size", expected)?;
        let size = size.unwrap_or(PAGE_SIZE_DEFAULT);
        match (1..=PAGE_SIZE_MAX).contains(&size) {
            true => Ok(size),
            false => {
                let text = format!("parameter `page_size`: 1 to {PAGE_SIZE_MAX} are allowed");
                Err(Problem::bad_request("invalid_parameter", text))
            }
        }
    }
}

fn sorted(name: &str) -> Result<OrderBy, Problem> {
    let (name, direction) = match name.strip_prefix('-') {
        Some(name) => (name, Direction::Descending),
        None => (name, Direction::Ascending),
    };
    let column = COLUMNS.into_iter().find(|(column, _)| *column == name);
    let field = match column {
        Some((_, field)) => field,
        None => field(name).map_err(|_| unsortable(name))?,
    };
    Ok(OrderBy {
        field: Spanned {
            node: field,
            span: 0..0,
        },
        direction,
    })
}

fn unsortable(name: &str) -> Problem {
    let columns: Vec<&str> = COLUMNS.iter().map(|(column, _)| *column).collect();
    let text = format!("parameter `sort`: `{name}` is no column, and no attribute that runs have");
    Problem::bad_request("invalid_parameter", text).hint(format!(
        "columns are {}; `-` before it begins at the other end; GET /api/v1/attributes has the attributes",
        columns.join(", ")
    ))
}

impl Api {
    /// Refuses a `sort` by what no run has: it would be misspelt.
    pub(super) async fn knows_sort(&self, call: &Call, filter: &Filter) -> Result<(), Problem> {
        let sorts = call.param("sort").is_some();
        for order in filter.order.iter().filter(|_| sorts) {
            if let Field::Attribute(name) = &order.field.node {
                let known = self.projection().has_attribute(name.as_str()).await;
                if !known.map_err(|error| unread_error(&error))? {
                    return Err(unsortable(name.as_str()));
                }
            }
        }
        Ok(())
    }
}

/// The filter that a text is.
pub(super) fn parsed(text: &str) -> Result<Filter, Problem> {
    Filter::parse(text).map_err(invalid)
}

/// A text that is no filter.
fn invalid(invalid: InvalidQuery) -> Problem {
    let mut problem =
        Problem::bad_request(InvalidQuery::CODE, format!("the query is wrong {invalid}"));
    problem.position = Some(invalid.position());
    problem.hint = invalid.hint;
    problem
}

#[cfg(test)]
mod tests {
    use super::{super::call::tests::call, *};

    #[test]
    fn counts_are_grouped_by_one_field() {
        assert_eq!(field("status").unwrap(), Field::Status);
        assert_eq!(field("customer").unwrap().name(), "customer");
        for wrong in ["Status,WorkflowType", "Status DESC", "a b", ""] {
            let problem = field(wrong).unwrap_err();
            assert_eq!(problem.code, "invalid_parameter", "{wrong}");
        }
    }

    #[test]
    fn a_wrong_filter_says_where() {
        let wrong = call(&[], "query=Status%20%3D", "").filter().unwrap_err();

        assert_eq!((wrong.code, wrong.position), ("invalid_query", Some(8)));
    }

    #[test]
    fn a_list_is_sorted_by_its_columns_and_by_attributes() {
        let of = |query: &str| call(&[], query, "").filter();

        let filter = of("sort=-started_at,total").unwrap();
        let fields: Vec<&str> = filter
            .order
            .iter()
            .map(|one| one.field.node.name())
            .collect();
        assert_eq!(fields, ["StartTime", "total"]);
        assert_eq!(filter.order[0].direction, Direction::Descending);
        assert!(of("sort=a%20b").is_err());
        assert!(of("query=ORDER%20BY%20Status&sort=status").is_err());
        assert!(call(&[], "page_size=0", "").page_size().is_err());
        assert!(call(&[], "page_size=1001", "").page_size().is_err());
    }
}
