//! The history of a run as a server has it, page by page, and what comes after.

use std::time::Duration;

use sagaline_core::{RunId, WorkflowId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    cli::api::{Api, Path},
    clock::Deadline,
    fault::Outcome,
};

/// Events of a page: as many as there may be.
const PAGE_SIZE: &str = "1000";

/// The pages of a history.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    api: &'a Api,
    id: &'a WorkflowId,
    run_id: Option<RunId>,
    /// The token of the next page; none: nothing more is there now.
    token: Option<Option<String>>,
    /// Position of the last event.
    last: u64,
    named: String,
}

/// A page, as the API answers it.
#[derive(Deserialize)]
struct Page {
    run_id: RunId,
    events: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

/// All of them as one.
#[derive(Serialize)]
pub(crate) struct Whole<'a> {
    workflow_id: &'a WorkflowId,
    run_id: Option<RunId>,
    events: Vec<Box<RawValue>>,
    next_page_token: Option<()>,
}

/// What is looked at of an event here.
#[derive(Deserialize)]
struct Position {
    seq: u64,
}

impl<'a> Pages<'a> {
    /// Those of a run, from its first event.
    pub(crate) fn of(api: &'a Api, id: &'a WorkflowId, run_id: Option<RunId>) -> Self {
        Self {
            api,
            id,
            run_id,
            token: Some(None),
            last: 0,
            named: String::new(),
        }
    }

    /// The events of the next page; none: those were all.
    pub(crate) fn next(&mut self) -> Outcome<Option<Vec<Box<RawValue>>>> {
        let Some(token) = self.token.take() else {
            return Ok(None);
        };
        let path = self.path().param("page_size", PAGE_SIZE);
        let page: Page = self.api.read(&path.maybe("page_token", token.as_ref()))?;
        // A page that leads to itself would have no end.
        let next = page.next_page_token.clone();
        self.token = next.filter(|next| Some(next) != token.as_ref()).map(Some);
        self.take(page).map(Some)
    }

    /// Waits for events behind the last, for a turn that ends with the deadline; none come when that has passed.
    pub(crate) fn newer(&mut self, turn: (Deadline, Duration)) -> Outcome<Vec<Box<RawValue>>> {
        if self.token.is_some() {
            return Ok(self.next()?.unwrap_or_default());
        }
        let path = self.path().param("page_size", PAGE_SIZE);
        let path = path.param("after", &self.last.to_string());
        // Once there was a page, it is known that a server is there.
        let answer = match self.named.is_empty() {
            true => self.api.wait(&path, turn)?,
            false => self.api.patiently(&path, turn)?,
        };
        let page: Page = self.api.parsed(&answer.json)?;
        self.token = page.next_page_token.clone().map(Some);
        self.take(page)
    }

    /// Whether more is there already.
    pub(crate) const fn has_more(&self) -> bool {
        self.token.is_some()
    }

    fn path(&self) -> Path {
        Path::run(self.id, self.run_id).then("history")
    }

    /// From now on it is this run, whatever starts later.
    fn take(&mut self, page: Page) -> Outcome<Vec<Box<RawValue>>> {
        self.run_id = Some(page.run_id);
        self.named = page.run_id.to_string();
        if let Some(last) = page.events.last() {
            let Position { seq } = self.api.parsed(last)?;
            self.last = self.last.max(seq);
        }
        Ok(page.events)
    }

    /// Which run it is, once a page has said so.
    pub(crate) const fn run_id(&self) -> Option<RunId> {
        self.run_id
    }

    /// The run, by its names.
    pub(crate) fn run(&self) -> (&str, &str) {
        (self.id.as_str(), &self.named)
    }

    /// A document of these events.
    pub(crate) fn whole(&self, events: Vec<Box<RawValue>>) -> Whole<'_> {
        Whole {
            workflow_id: self.id,
            run_id: self.run_id,
            events,
            next_page_token: None,
        }
    }
}
