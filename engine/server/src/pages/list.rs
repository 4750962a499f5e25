//! The list of workflows: what is there, what needs somebody, and acts on one or on many.

use askama::Template;
use sagaline_core::{RunId, filter::Field};
use serde::Deserialize;

use super::{
    act::Ask,
    chrome::{Chrome, Place},
    columns::{self, Column, Columns},
    filters::{self, Menu, OPERATORS},
    routes::Welcome,
    run::quoted,
    seen::{Problem, Run},
    state::State,
    time::number,
    told::{Marked, Told, percent},
};
use crate::offer::DemoOffer;

/// A count above the list, which is a filter.
#[derive(Clone, Debug)]
pub(crate) struct CountLink {
    pub(crate) title: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) class: &'static str,
    pub(crate) query: &'static str,
    pub(crate) count: Option<u64>,
}

/// The counts, with what each filters by. The first four are parts of those that are open.
pub(crate) const COUNTS: [(&str, &str, &str, &str); 7] = [
    ("Needs you", "incident", "incident", "NeedsPerson = true"),
    (
        "Retrying",
        "retrying",
        "retrying",
        "Situation = \"retrying\"",
    ),
    (
        "Compensating",
        "compensating",
        "compensating",
        "Situation = \"compensating\"",
    ),
    (
        "No worker",
        "no-worker",
        "retrying",
        "Situation = \"no-worker\"",
    ),
    ("Open", "open", "running", "Open = true"),
    ("Completed", "done", "done", "Status = \"Completed\""),
    ("Failed", "failed", "failed", "Status = \"Failed\""),
];

/// What the list shows where its URL says nothing: children are their parents' business.
pub(crate) const QUERY_DEFAULT: &str = "ParentWorkflowId IS NULL";

/// Filters that come with the program; `TODAY` is the midnight before now, in UTC.
const VIEWS: [(&str, &str, &str); 6] = [
    ("Needs you", "NeedsPerson = true", ""),
    (
        "Retrying, by next attempt",
        "Situation = \"retrying\"",
        "next_attempt_at",
    ),
    ("Slow: open, oldest first", "Open = true", "started_at"),
    (
        "Failed today",
        "Status = \"Failed\" AND CloseTime >= \"TODAY\"",
        "-closed_at",
    ),
    ("Without children", QUERY_DEFAULT, ""),
    ("All", "", ""),
];

/// What is asked of the list, as it stands in the URL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// What stands in the field.
    pub(crate) query: String,
    pub(crate) sort: String,
    pub(crate) columns: Columns,
    pub(crate) after: String,
    pub(crate) page_size: u32,
    /// The kept view that it is, unless anything of it was changed.
    pub(crate) view: String,
    /// The workflow whose children are listed below it.
    pub(crate) unfold: String,
    /// What plain text in the field was found to mean.
    pub(crate) found: Option<String>,
}

impl Asked {
    /// The filter: what has no operator is looked for in ids.
    pub(crate) fn filter(&self) -> String {
        match &self.found {
            Some(found) => found.clone(),
            None => self.meanings().swap_remove(0),
        }
    }

    /// What the field may mean, the first that finds something: text without an operator is a part of an id, as it is written, or
    /// in small or capital letters; else a run's id, or an activity's number.
    pub(crate) fn meanings(&self) -> Vec<String> {
        let text = self.query.trim();
        let upper = format!(" {} ", text.to_uppercase());
        let words = [
            " AND ",
            " OR ",
            " NOT ",
            " IN ",
            " BETWEEN ",
            " IS ",
            " STARTS_WITH ",
            " CONTAINS ",
            " ORDER BY ",
        ];
        let is_filter =
            text.contains(['=', '<', '>', '"']) || words.iter().any(|word| upper.contains(word));
        if text.is_empty() || is_filter {
            return vec![text.to_owned()];
        }
        let mut texts = vec![text.to_owned()];
        for other in [text.to_lowercase(), text.to_uppercase()] {
            if !texts.contains(&other) {
                texts.push(other);
            }
        }
        let within = |text: &String| format!("WorkflowId CONTAINS {}", quoted(text));
        let mut meanings: Vec<String> = texts.iter().map(within).collect();
        if text.parse::<RunId>().is_ok() {
            meanings.push(format!("RunId = {}", quoted(text)));
        }
        if let Ok(number) = text.parse::<u32>() {
            meanings.push(format!("ActivityId = {number}"));
        }
        meanings
    }

    /// The same list with another query, sort or page.
    pub(crate) fn href(&self, changed: &[(&str, &str)]) -> String {
        let columns = self.columns.to_string();
        let size = self.page_size.to_string();
        let size = if self.page_size == PAGE_SIZE {
            ""
        } else {
            &size
        };
        let all = [
            ("query", self.query.as_str()),
            ("sort", &self.sort),
            ("columns", &columns),
            ("size", size),
        ];
        let of = |name: &str| {
            changed
                .iter()
                .find(|(changed, _)| *changed == name)
                .map(|(_, value)| *value)
        };
        // No filter is said, too: without a word the list leaves children out.
        let mut parts: Vec<String> = all
            .iter()
            .map(|(name, value)| (*name, of(name).unwrap_or(value)))
            .filter(|(name, value)| *name == "query" || !value.is_empty())
            .map(|(name, value)| format!("{name}={}", percent(value)))
            .collect();
        let unfold = of("unfold").filter(|id| !id.is_empty());
        parts.extend(unfold.map(|id| format!("unfold={}", percent(id))));
        parts.extend(of("after").map(|after| format!("after={}", percent(after))));
        format!("/workflows?{}", parts.join("&"))
    }
}

/// A filter that somebody keeps.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeptView {
    pub(crate) name: Told,
    pub(crate) definition: Option<ViewDefinition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ViewDefinition {
    pub(crate) query: String,
    pub(crate) sort: Option<String>,
    pub(crate) columns: Option<Vec<String>>,
}

/// `GET /views`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeptViews {
    pub(crate) views: Vec<KeptView>,
}

impl Asked {
    /// What a kept view asks for.
    pub(crate) fn by_view(&mut self, name: &str, definition: ViewDefinition) {
        self.view = name.to_owned();
        self.query = definition.query;
        self.sort = definition.sort.unwrap_or_default();
        let columns = definition.columns.unwrap_or_default();
        self.columns = columns.iter().map(String::as_str).collect();
    }
}

/// What the API is asked, to keep a list under a name.
pub(crate) fn keep(name: &str, asked: &Asked) -> Ask {
    let columns = asked.columns.slugs();
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let body = serde_json::json!({
        "query": asked.filter(),
        "sort": given(&asked.sort),
        "columns": Some(columns).filter(|columns| !columns.is_empty()),
    });
    Ask {
        method: "PUT",
        path: format!("/api/v1/views/{}", percent(name)),
        body: body.to_string(),
    }
}

/// Where commands look for brokers unless they are told.
const KAFKA_DEFAULT: &str = "127.0.0.1:9092";

/// Rows of a page, unless others are wanted.
pub(crate) const PAGE_SIZE: u32 = 50;

/// Rows that a page may have.
const SIZES: [u32; 4] = [25, PAGE_SIZE, 100, 500];

/// What the page is made of.
pub(crate) struct ListParts<'a> {
    pub(crate) chrome: Chrome,
    pub(crate) asked: Asked,
    pub(crate) rows: &'a [Run],
    /// Children of the one that is unfolded: as many as are shown.
    pub(crate) children: &'a [Run],
    pub(crate) next: Option<Told>,
    /// In the order of [`COUNTS`].
    pub(crate) counts: [Option<u64>; 7],
    /// All runs, whatever the filter says.
    pub(crate) total: Option<u64>,
    /// Why the filter, or the list, could not be read.
    pub(crate) problem: Option<Problem>,
    /// Names of workflows, for the filter.
    pub(crate) workflows: Vec<Told>,
    pub(crate) views: Vec<KeptView>,
    /// What a newcomer is told.
    pub(crate) welcome: &'a Welcome,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage<'a> {
    chrome: Chrome,
    asked: Asked,
    query: Told,
    rows: &'a [Run],
    children: &'a [Run],
    next: Option<Told>,
    counts: Vec<CountLink>,
    total: Option<u64>,
    problem: Option<Problem>,
    workflows: Vec<Told>,
    menus: [Menu; 2],
    views: Vec<KeptView>,
    welcome: &'a Welcome,
    columns: Vec<Column>,
    /// Those that may be shown.
    offered: Vec<Column>,
}

/// The page.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(parts: ListParts<'_>) -> askama::Result<String> {
    let counts = COUNTS.iter().zip(parts.counts);
    let counts = counts.map(|(&(title, icon, class, query), count)| CountLink {
        title,
        icon,
        class,
        query,
        count,
    });
    let columns = parts.asked.columns.shown();
    let rows = parts.rows.iter().chain(parts.children);
    let filter = parts.asked.filter();
    ListPage {
        menus: [
            filters::by_workflow(&filter, &parts.workflows),
            filters::by_start(&filter, parts.chrome.now),
        ],
        offered: columns::offered(&columns, rows),
        columns,
        counts: counts.collect(),
        query: Told::from(parts.asked.query.as_str()),
        chrome: parts.chrome,
        rows: parts.rows,
        children: parts.children,
        next: parts.next,
        total: parts.total,
        problem: parts.problem,
        workflows: parts.workflows,
        views: parts.views,
        welcome: parts.welcome,
        asked: parts.asked,
    }
    .render()
}

impl ListPage<'_> {
    fn with_query(&self, query: &str) -> String {
        self.asked.href(&[("query", query)])
    }

    fn with_view(&self, query: &str, sort: &str) -> String {
        self.asked.href(&[("query", query), ("sort", sort)])
    }

    /// Sorted by that column; once more: the other way round.
    fn sorted(&self, column: &Column) -> String {
        let sort = match self.direction(column) {
            Some("descending") => column.sort.clone(),
            _ => format!("-{}", column.sort),
        };
        self.by(&sort)
    }

    /// The same of a column that is always there, from its least on.
    fn sorted_by(&self, sort: &str) -> String {
        let sort = match self.direction_by(sort) {
            Some("ascending") => format!("-{sort}"),
            _ => sort.to_owned(),
        };
        self.by(&sort)
    }

    /// The same list, sorted so: an order of the filter's own gives way.
    fn by(&self, sort: &str) -> String {
        let query = filters::unordered(&self.asked.query);
        self.asked.href(&[("query", &query), ("sort", sort)])
    }

    fn direction_by(&self, sort: &str) -> Option<&'static str> {
        match self.asked.sort.strip_prefix('-') {
            Some(by) if by == sort => Some("descending"),
            None if self.asked.sort == sort => Some("ascending"),
            _ => None,
        }
    }

    /// `433 open, 12,520 closed`, where both are known.
    fn open_and_closed(&self) -> Option<String> {
        let open = self.counts.iter().find(|one| one.title == "Open")?.count?;
        let closed = self.total?.saturating_sub(open);
        Some(format!("{} open, {} closed", number(open), number(closed)))
    }

    /// The same list with so many rows.
    fn sized(&self, size: &u32) -> String {
        self.asked.href(&[("size", &size.to_string())])
    }

    const fn is_sized(&self, size: &u32) -> bool {
        self.asked.page_size == *size
    }

    /// What is listed, as the API says it.
    fn export(&self) -> String {
        let filter = percent(&self.asked.filter());
        let sort = percent(&self.asked.sort);
        let size = SIZES.into_iter().max().unwrap_or(PAGE_SIZE);
        let sort = if sort.is_empty() {
            sort
        } else {
            format!("&sort={sort}")
        };
        format!("/read/workflows?query={filter}{sort}&page_size={size}")
    }

    /// How it is sorted by that column.
    fn direction(&self, column: &Column) -> Option<&'static str> {
        let has_order = filters::unordered(&self.asked.query) != self.asked.query;
        let sort = if has_order {
            return None;
        } else if self.asked.sort.is_empty() {
            "-started_at"
        } else {
            &self.asked.sort
        };
        match sort.strip_prefix('-') {
            Some(by) if column.is_sorted_by(by) => Some("descending"),
            None if column.is_sorted_by(sort) => Some("ascending"),
            _ => None,
        }
    }

    fn next_href(&self) -> Option<String> {
        self.next
            .as_ref()
            .map(|next| self.asked.href(&[("after", next.raw())]))
    }

    /// The list says nothing of itself where it leaves out children only.
    fn is_filtered(&self) -> bool {
        let query = self.asked.query.trim();
        !query.is_empty() && (query != QUERY_DEFAULT || self.total.unwrap_or_default() > 0)
    }

    /// The same list with the children of a run below it, or without them again.
    fn unfolded(&self, run: &Run) -> String {
        let id = run.workflow_id.raw();
        let id = if self.is_unfolded(run) { "" } else { id };
        let anchor = run.run_id.path();
        format!("{}#run-{anchor}", self.asked.href(&[("unfold", id)]))
    }

    fn built_in(&self) -> [(&'static str, String, &'static str); 6] {
        let today = self.chrome.now.midnight().iso();
        VIEWS.map(|(title, query, sort)| (title, query.replace("TODAY", &today), sort))
    }

    /// What the list shows, by the name of its view.
    fn view(&self) -> Told {
        if !self.asked.view.is_empty() {
            return Told::from(self.asked.view.as_str());
        }
        let mut views = self.built_in().into_iter();
        let shown =
            views.find(|(_, query, sort)| *query == self.asked.query && *sort == self.asked.sort);
        shown.map_or("Views", |(title, ..)| title).into()
    }

    fn is_unfolded(&self, run: &Run) -> bool {
        self.asked.unfold == run.workflow_id.raw()
    }

    fn children_query(&self, run: &Run) -> String {
        let of_run = format!("ParentWorkflowId = {}", quoted(run.workflow_id.raw()));
        self.asked.href(&[("query", &of_run)])
    }

    fn offers_demo(&self) -> bool {
        let demo = self.welcome.demo.as_ref();
        self.chrome.may_act() && demo.is_some_and(DemoOffer::is_open)
    }

    /// A workflow to begin with, for commands.
    fn first_workflow(&self) -> Told {
        self.workflows
            .first()
            .cloned()
            .unwrap_or_else(|| "NAME".into())
    }

    fn has(&self, column: &Column) -> bool {
        self.columns.contains(column)
    }

    fn state(&self, run: &Run) -> State {
        self.chrome.state(run)
    }

    /// The place that a wrong filter is wrong at: what is before it, and from there on.
    fn wrong(&self) -> Option<(Told, Told)> {
        let at = self.problem.as_ref()?.position?;
        let query = &self.asked.query;
        // The API counts bytes; where the field has plain text, it is of another query than the field's.
        let (before, after) = query.split_at_checked(at).unwrap_or((query, ""));
        Some((before.into(), after.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> String {
        Asked {
            query: query.to_owned(),
            ..Asked::default()
        }
        .filter()
    }

    #[test]
    fn text_without_an_operator_is_looked_for_in_ids() {
        assert_eq!(filter(" order-7 "), "WorkflowId CONTAINS \"order-7\"");
        assert_eq!(filter("a\\b'c"), "WorkflowId CONTAINS \"a\\b'c\"");
        assert_eq!(filter(""), "");
        assert_eq!(filter("Status = \"Running\""), "Status = \"Running\"");
        assert_eq!(filter("customer is null"), "customer is null");
    }

    #[test]
    fn text_may_be_in_other_letters_a_run_or_an_activity() {
        let of = |query: &str| {
            let query = query.to_owned();
            let asked = Asked {
                query,
                ..Asked::default()
            };
            asked.meanings()
        };

        let letters = ["Ab", "ab", "AB"].map(|text| format!("WorkflowId CONTAINS \"{text}\""));
        assert_eq!(of("Ab"), letters);
        assert_eq!(of("7"), ["WorkflowId CONTAINS \"7\"", "ActivityId = 7"]);
        let run = "12cc9ee4-3941-5d7d-a5cf-0845ec04f503";
        assert_eq!(of(run).last(), Some(&format!("RunId = \"{run}\"")));
        assert_eq!(of("a = 1"), ["a = 1"]);
    }

    #[test]
    fn links_keep_what_they_do_not_change() {
        let asked = Asked {
            query: "a = 1 & b".to_owned(),
            sort: "-started_at".to_owned(),
            page_size: PAGE_SIZE,
            ..Asked::default()
        };

        assert_eq!(
            asked.href(&[("sort", "")]),
            "/workflows?query=a%20%3D%201%20%26%20b"
        );
        assert_eq!(
            asked.href(&[("query", ""), ("after", "x/y")]),
            "/workflows?query=&sort=-started_at&after=x%2Fy"
        );
    }
}
