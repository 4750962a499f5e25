//! The history of a run, read from the journal by the places that the projection has.
//!
//! ```text
//! places of a window of events ─▶ their records ─▶ events that are wanted ─▶ a page, or lines until the end
//! ```
//! Invariant: a page costs at most [`SCANNED_MAX`] events, whatever it is asked for; its token goes on where it stopped.

mod filter;
mod lines;
mod shorten;
mod token;

use std::{ops::Range, time::Duration};

use axum::{extract::State, response::Response};
use sagaline_core::{RunId, Seq, Timestamp, WorkflowId, show::Read as _};
use sagaline_projection::StoredRun;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use self::{
    filter::Wanted,
    shorten::{Payloads, shortened},
    token::Token,
};
use super::{
    Api, answer,
    call::Call,
    walk::{self, Order, Walk},
};
use crate::problem::Problem;

/// Events of a page, unless said.
const PAGE_SIZE_DEFAULT: usize = 200;

/// Most events of a page.
const PAGE_SIZE_MAX: usize = 1_000;

/// Most events that are looked at for one page.
const SCANNED_MAX: u64 = 5_000;

/// Most bytes of a page's events: one more event is not added.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A page of events.
#[derive(Serialize)]
struct Page<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    events: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

/// What is asked for.
struct Asked {
    /// Only these positions.
    seqs: Range<Seq>,
    /// Where a page before ended.
    token: Option<Token>,
    order: Order,
    wanted: Wanted,
    payloads: Payloads,
    page_size: usize,
    wait: Option<Duration>,
}

pub(super) const KNOWN: [&str; 15] = [
    "run_id",
    "workflow_id",
    "after",
    "before",
    "at",
    "order",
    "type",
    "activity_id",
    "text",
    "failures",
    "page_size",
    "page_token",
    "payloads",
    "wait",
    "consistency",
];

pub(crate) async fn history(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&KNOWN)?;
    let (id, run_id) = (call.workflow_id()?, call.run_id()?);
    let mut asked = Asked::of(&call)?;
    api.fresh(&id, call.consistency()?).await?;
    let run = api.found(&id, run_id).await?;
    refuse_deleted(&run)?;
    asked.goes_on_in(run.run.run_id)?;
    if let Some(at) = instant(&call)? {
        let seq = seek(&api, &run, at).await?;
        asked.seqs.start = asked.seqs.start.max(seq);
    }
    if wants_lines(&call) {
        return Ok(lines::stream(api, run, asked));
    }
    let page = page(&api, &run, &asked).await?;
    let (mut events, mut next) = page;
    let run_id = run.run.run_id;
    if let (true, Some(wait), None) = (events.is_empty(), asked.wait, &next)
        && run.run.closed.is_none()
        && asked.order == Order::Ascending
    {
        let seen = run.run.seq;
        let newer = api
            .until((&id, wait), || async {
                let run = api.stored(&id, Some(run_id)).await?;
                Ok(run.filter(|run| run.run.seq > seen))
            })
            .await?;
        if let Some(run) = newer {
            (events, next) = self::page(&api, &run, &asked).await?;
        }
    }
    Ok(answer::json(&Page {
        workflow_id: &id,
        run_id,
        events,
        next_page_token: next.map(|seq| Token::new(run_id, asked.order, seq).to_string()),
    }))
}

/// Of a deleted run nothing is shown.
pub(super) fn refuse_deleted(run: &StoredRun) -> Result<(), Problem> {
    match &run.deleted {
        None => Ok(()),
        Some(_) => {
            let text = format!(
                "run {} of workflow {} is deleted",
                run.run.run_id, run.workflow_id
            );
            Err(Problem::new(
                axum::http::StatusCode::GONE,
                "workflow_deleted",
                text,
            ))
        }
    }
}

fn wants_lines(call: &Call) -> bool {
    let accept = call.headers.get_all("accept").iter();
    let mut accept = accept.filter_map(|accept| accept.to_str().ok());
    accept.any(|accept| accept.contains("application/x-ndjson"))
}

fn instant(call: &Call) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = call.param("at") else {
        return Ok(None);
    };
    let json = to_raw_value(text).ok();
    let at = json.and_then(|json| Timestamp::read(&json).ok());
    at.map(Some).ok_or_else(|| {
        let text = "parameter `at`: an instant of RFC 3339 as 2030-01-01T09:00:00Z is expected";
        Problem::bad_request("invalid_parameter", text)
    })
}

impl Asked {
    fn of(call: &Call) -> Result<Self, Problem> {
        let position = "the position of an event is expected";
        let after: Option<Seq> = call.parsed("after", position)?;
        let before: Option<Seq> = call.parsed("before", position)?;
        let token = call.param("page_token").map(Token::read).transpose()?;
        let order = match call.param("order") {
            None | Some("asc") => Order::Ascending,
            Some("desc") => Order::Descending,
            Some(_) => {
                let text = "parameter `order`: asc or desc is expected";
                return Err(Problem::bad_request("invalid_parameter", text));
            }
        };
        let first = after.map_or(1, |after| after.saturating_add(1));
        let end = before.unwrap_or(Seq::MAX);
        let page_size = call.parsed("page_size", "a number from 1 is expected")?;
        let page_size = page_size.unwrap_or(PAGE_SIZE_DEFAULT);
        if !(1..=PAGE_SIZE_MAX).contains(&page_size) {
            let text = format!("parameter `page_size`: 1 to {PAGE_SIZE_MAX} are allowed");
            return Err(Problem::bad_request("invalid_parameter", text));
        }
        Ok(Self {
            seqs: first..end,
            token,
            order,
            wanted: Wanted::of(call)?,
            payloads: Payloads::of(call)?,
            page_size,
            wait: call.wait()?,
        })
    }

    /// Goes on where the page before ended, which was one of that run.
    fn goes_on_in(&mut self, run_id: RunId) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        let seq = token.seq_of(run_id, self.order)?;
        match self.order {
            Order::Ascending => self.seqs.start = self.seqs.start.max(seq),
            Order::Descending => self.seqs.end = self.seqs.end.min(seq),
        }
        Ok(())
    }

    fn walk<'a>(&self, api: &'a Api, run: &'a StoredRun) -> Walk<'a> {
        Walk::within(api, run, (self.seqs.clone(), self.order))
    }
}

/// The events of a page, and the token of the next.
async fn page(
    api: &Api,
    run: &StoredRun,
    asked: &Asked,
) -> Result<(Vec<Box<RawValue>>, Option<Seq>), Problem> {
    let mut walk = asked.walk(api, run);
    let (mut events, mut bytes, mut scanned) = (Vec::new(), 0, 0);
    while scanned < SCANNED_MAX {
        let Some(window) = walk.next().await? else {
            return Ok((events, None));
        };
        scanned += window.len();
        let wanted = window
            .shown()
            .filter(|(_, event)| asked.wanted.selects(event));
        for (seq, event) in wanted {
            let json = shortened(&event, asked.payloads)?;
            bytes += json.get().len();
            if events.len() >= asked.page_size || (bytes > PAGE_BYTES_MAX && !events.is_empty()) {
                let edge = match asked.order {
                    Order::Ascending => seq,
                    Order::Descending => seq + 1,
                };
                return Ok((events, Some(edge)));
            }
            events.push(json);
        }
    }
    Ok((events, walk.edge()))
}

/// Position of the first event that is not before an instant.
async fn seek(api: &Api, run: &StoredRun, at: Timestamp) -> Result<Seq, Problem> {
    let (mut low, mut high) = (1, run.run.seq.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let one = walk::records(api, run, middle..middle + 1).await?;
        let is_before = one.last().is_some_and(|one| one.transition.at < at);
        match is_before {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}
