//! The list of workflows, the views that people keep of it, and the demo that is offered where it is empty.

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::{Page, refused, see_other, status_of, with_status};
use crate::{
    api::is_foreign,
    pages::{
        act::{Ask, Form},
        calls::problem,
        chrome::{Note, Place},
        columns::Columns,
        filters, form,
        list::{self, Asked, COUNTS, KeptView, KeptViews, ListParts, PAGE_SIZE, QUERY_DEFAULT},
        run::quoted,
        seen::{Counts, Problem, Run, RunPage},
        start::Info,
        told::percent,
    },
};

/// Children that are listed below their parent, of those that failed and of the others.
const CHILDREN_SHOWN: &str = "8";

pub(super) async fn list(page: Page) -> Response {
    let (mut asked, view_problem) = asked(&page).await;
    // A form has each column by itself, an address all of them together.
    if page.said("column").is_some() {
        return see_other(&asked.href(&[]));
    }
    if let Some(field) = page.said("field") {
        let added = (field.trim(), page.of("operator"), page.of("value").trim());
        asked.query = filters::with(&asked.filter(), added);
        return see_other(&asked.href(&[]));
    }
    asked.found = found_meaning(&page, &asked).await;
    let (filter, size) = (asked.filter(), asked.page_size.to_string());
    let query = [
        ("query", filter.as_str()),
        ("sort", &asked.sort),
        ("page_size", &size),
        ("page_token", &asked.after),
    ];
    let (found, chrome, (counts, total), info, views, children) = tokio::join!(
        page.calls.get::<RunPage>("/workflows", &query),
        page.chrome(&"Workflows", Place::Workflows),
        counts(&page),
        page.calls.get::<Info>("/info", &[]),
        page.calls.get::<KeptViews>("/views", &[]),
        children(&page, &asked.unfold),
    );
    let mut chrome = chrome;
    chrome.stream = asked
        .after
        .is_empty()
        .then(|| format!("/read/stream/workflows?query={}", percent(&filter)));
    chrome.note = note(&page);
    let (found, problem) = match found {
        Ok(found) => (found, view_problem),
        Err(problem) => (RunPage::default(), Some(problem)),
    };
    let status = problem.as_ref().map(status_of);
    let info = info.unwrap_or_default();
    let parts = ListParts {
        chrome,
        asked,
        rows: &found.workflows,
        children: &children,
        next: found.next_page_token,
        counts,
        total,
        problem,
        workflows: info.workflows.into_iter().map(|one| one.name).collect(),
        views: views.unwrap_or_default().views,
        welcome: &page.welcome,
    };
    with_status(status.unwrap_or(StatusCode::OK), list::page(parts))
}

/// What is asked of the list, by its address and by the view that it names; and why there is no such view.
async fn asked(page: &Page) -> (Asked, Option<Problem>) {
    let mut asked = Asked {
        query: QUERY_DEFAULT.to_owned(),
        after: page.of("after").to_owned(),
        page_size: page
            .number("size")
            .and_then(|size| u32::try_from(size).ok())
            .unwrap_or(PAGE_SIZE)
            .clamp(1, 500),
        unfold: page.of("unfold").to_owned(),
        ..Asked::default()
    };
    let (mut found, name) = (None, page.of("view"));
    if !name.is_empty() {
        let path = format!("/views/{}", percent(name));
        match page.calls.get::<KeptView>(&path, &[]).await {
            Ok(view) => asked.by_view(name, view.definition.unwrap_or_default()),
            Err(problem) => found = Some(problem),
        }
    }
    // What the address says besides counts more, and makes another list of it.
    let said = |name: &str| page.said(name).map(str::to_owned);
    if let Some(query) = said("query") {
        asked.query = query;
        asked.view = String::new();
    }
    if let Some(sort) = said("sort") {
        asked.sort = sort;
        asked.view = String::new();
    }
    let columns: Option<Columns> = match page.all("column").next() {
        Some(_) => Some(page.all("column").collect::<Columns>().or_least()),
        None => said("columns").map(|columns| columns.split(',').collect()),
    };
    if let Some(columns) = columns {
        asked.columns = columns;
        asked.view = String::new();
    }
    (asked, found)
}

/// Of several things that the field may mean, the first that there is.
async fn found_meaning(page: &Page, asked: &Asked) -> Option<String> {
    let meanings = asked.meanings();
    if meanings.len() == 1 {
        return None;
    }
    for meaning in meanings {
        let query = [("query", meaning.as_str())];
        let counted = page.calls.get::<Counts>("/workflow-counts", &query).await;
        if counted.ok()?.count > 0 {
            return Some(meaning);
        }
    }
    None
}

/// The counts above the list; those that cannot be read are not told.
async fn counts(page: &Page) -> ([Option<u64>; 7], Option<u64>) {
    let one = async |query: &str| {
        let query = [("query", query)];
        let answer = page.calls.get::<Counts>("/workflow-counts", &query).await;
        answer.ok().map(|answer| answer.count)
    };
    let [a, b, c, d, e, f, g] = COUNTS.map(|(_, _, _, query)| one(query));
    let (a, b, c, d, e, f, g, total) = tokio::join!(a, b, c, d, e, f, g, one(""));
    ([a, b, c, d, e, f, g], total)
}

/// The first children of a workflow: those that failed before all others.
async fn children(page: &Page, id: &str) -> Vec<Run> {
    if id.is_empty() {
        return Vec::new();
    }
    let of_run = format!("ParentWorkflowId = {}", quoted(id));
    let some = async |which: &str| {
        let query = format!("{of_run} AND {which}");
        let query = [("query", query.as_str()), ("page_size", CHILDREN_SHOWN)];
        page.calls.get::<RunPage>("/workflows", &query).await
    };
    let (failed, others) = tokio::join!(some("Status = \"Failed\""), some("Status != \"Failed\""));
    let mut rows = failed.unwrap_or_default().workflows;
    rows.extend(others.unwrap_or_default().workflows);
    rows
}

fn note(page: &Page) -> Option<Note> {
    let text = match page.of("done") {
        "view" => "The view is kept.",
        "forget" => "The view is deleted.",
        "demo" => "The demo begins: its runs appear here.",
        _ => return None,
    };
    Some(Note::of(text))
}

/// Keeps the list that the form is about.
pub(super) async fn keep(page: Page, body: String) -> Response {
    let form: Form = form::form(&body);
    let of = |name: &str| form.get(name).map_or("", |value| value.trim());
    let asked = Asked {
        query: of("query").to_owned(),
        sort: of("sort").to_owned(),
        columns: of("columns").split(',').collect(),
        ..Asked::default()
    };
    let name = of("name");
    if name.is_empty() {
        let problem = problem(400, "invalid_view", "a view needs a name");
        return refused(&page, Place::Workflows, "The view is not kept", problem).await;
    }
    match page.calls.ask(list::keep(name, &asked)).await {
        Ok(_) => see_other(&format!("/workflows?view={}&done=view", percent(name))),
        Err(problem) => refused(&page, Place::Workflows, "The view is not kept", problem).await,
    }
}

pub(super) async fn forget(Path(name): Path<String>, page: Page) -> Response {
    let ask = Ask {
        method: "DELETE",
        path: format!("/api/v1/views/{}", percent(&name)),
        body: String::new(),
    };
    match page.calls.ask(ask).await {
        Ok(_) => see_other("/workflows?done=forget"),
        Err(problem) => refused(&page, Place::Workflows, "The view is not deleted", problem).await,
    }
}

/// Begins the demo, for those who may start workflows.
pub(super) async fn demo(headers: HeaderMap, page: Page) -> Response {
    if is_foreign(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let may_act = page.chrome(&"Demo", Place::Workflows).await.may_act();
    match &page.welcome.demo {
        Some(demo) if may_act => {
            demo.take();
            see_other("/workflows?done=demo")
        }
        _ => {
            let problem = problem(404, "not_found", "no demo is offered here");
            refused(&page, Place::Workflows, "There is no demo", problem).await
        }
    }
}
