//! The page of a run, and what it reads for it.

use std::ops::Range;

use axum::{extract::Path, response::Response};
use futures_util::future::{join_all, try_join_all};

use super::{Page, html, queues, refused, with_status};
use crate::pages::{
    act::{Act, ActivityAct},
    chrome::{Chrome, Note, Place},
    history::{self, Asked, History, WINDOW},
    link::Linked,
    plain,
    queue::Queue,
    rejected::RejectedPage,
    run::{self, Known, RunParts, Tab, quoted},
    seen::{Event, HistoryPage, Problem, Run, RunPage},
    start::Info,
    timeline::Timeline,
    told::{Told, percent},
};

/// Events of a history that are drawn: all of a short one, the first and the last of a long one.
const DRAWN_MAX: u64 = DRAWN_FIRST + DRAWN_LAST;
const DRAWN_FIRST: u64 = 250;
const DRAWN_LAST: u64 = 750;

/// Events that one call reads.
const READ_AT_ONCE: u64 = 250;

/// Messages that are listed.
const MESSAGES_MAX: &str = "100";

/// Calls for one page of a search that finds nothing.
const SEARCHES_MAX: usize = 4;

/// Children that are listed on the page.
const CHILDREN_MAX: &str = "50";

/// Children of each of them, and how many of them are unfolded.
const GRANDCHILDREN_MAX: &str = "5";
const UNFOLDED_MAX: usize = 12;

/// Queues of pending activities of which it is told who reads them.
const QUEUES_MAX: usize = 2;

/// The newest run of an id.
pub(super) async fn newest(Path(Linked(id)): Path<Linked>, page: Page) -> Response {
    answer(&page, &id, "").await
}

pub(super) async fn run(
    Path((Linked(id), run_id)): Path<(Linked, String)>,
    page: Page,
) -> Response {
    answer(&page, &id, &run_id).await
}

async fn answer(page: &Page, id: &str, run_id: &str) -> Response {
    let run = match described(page, id, run_id).await {
        Ok(run) => run,
        Err(problem) if problem.code.raw() == "workflow_not_found" => {
            let chrome = page.chrome(&"No run", Place::Workflows).await;
            let query = [("workflow_id", id), ("page_size", "1")];
            let inputs = page
                .calls
                .get::<RejectedPage>("/inputs/rejected", &query)
                .await;
            let rejected = inputs.unwrap_or_default().inputs.len();
            let shown = plain::no_run(chrome, id, rejected);
            return with_status(axum::http::StatusCode::NOT_FOUND, shown);
        }
        Err(problem) => {
            return refused(page, Place::Workflows, "This run cannot be shown", problem).await;
        }
    };
    html(shown(page, &run).await)
}

/// What is known of a run. While the database does not answer, its owner is asked.
pub(super) async fn described(page: &Page, id: &str, run_id: &str) -> Result<Run, Problem> {
    let path = format!("/workflows/{}", percent(id));
    let described = page.calls.get(&path, &[("run_id", run_id)]).await;
    match described {
        Err(problem) if problem.code.raw() == "projection_unavailable" => {
            let query = [("run_id", run_id), ("consistency", "strong")];
            page.calls.get(&path, &query).await
        }
        described => described,
    }
}

async fn shown(page: &Page, run: &Run) -> askama::Result<String> {
    let id = run.workflow_id.path();
    let (tab, asked) = (Tab::of(page.of("tab")), asked(page, run));
    let runs = format!("/workflows/{id}/runs");
    let (runs, mut chrome, events, children, known, seen) = tokio::join!(
        page.calls.get::<RunPage>(&runs, &[]),
        chrome(page, run),
        events(page, run, tab, &asked),
        async {
            match tab {
                Tab::Children => children(page, run).await,
                _ => Vec::new(),
            }
        },
        known(page, run),
        read_queues(page, run),
    );
    let runs = runs.unwrap_or_default();
    let (events, token) = match events {
        Ok(found) => found,
        Err(problem) => {
            let title = Some("What happened in this run cannot be read".into());
            chrome.problem = Some(Problem { title, ..problem });
            Default::default()
        }
    };
    chrome.note = chrome
        .note
        .map(|note| with_attempt(note, page, run, &events));
    let total = run.history_events.unwrap_or_default();
    let history = match tab {
        Tab::History => History::of(&asked, (&events, &token), total),
        _ => History::of(&Asked::default(), (&[], ""), total),
    };
    let now = run.server_time.unwrap_or(chrome.now);
    run::page(RunParts {
        chrome,
        run,
        runs: &runs.workflows,
        child_rows: &children,
        timeline: Timeline::of(run, &events, now),
        messages: history::rows(if tab == Tab::Messages { &events } else { &[] }),
        has_more_messages: tab == Tab::Messages && !token.is_empty(),
        history,
        known,
        queues: seen,
        tab,
        zoom: page
            .number("zoom")
            .and_then(|zoom| u32::try_from(zoom).ok())
            .unwrap_or(1),
        whole: Some(page.of("all")).filter(|whole| !whole.is_empty()),
    })
}

async fn chrome(page: &Page, run: &Run) -> Chrome {
    let mut chrome = page.chrome(&run.workflow_id.line(), Place::Workflows).await;
    chrome.now = run.server_time.unwrap_or(chrome.now);
    chrome.stream = run
        .is_open()
        .then(|| format!("/read/stream{}", run.workflow_id.page()));
    chrome.note = note(page, run);
    chrome
}

/// What was just done, told by its word: an address cannot make a page say anything else.
fn note(page: &Page, run: &Run) -> Option<Note> {
    let word = page.of("done");
    let of_activity = word
        .strip_prefix("activity-")
        .and_then(ActivityAct::of)
        .map(ActivityAct::note);
    let text = of_activity
        .or_else(|| Act::of(word).map(Act::note))
        .or((word == "start").then_some("Started."))?;
    let event = page.number("event");
    Some(Note {
        text: text.into(),
        at: None,
        event,
        href: event.map(|event| event_href(run, event)),
    })
}

/// `Attempt 9 sent at 10:41:26.`, where what a retry brought about is among the events that are shown.
fn with_attempt(note: Note, page: &Page, run: &Run, events: &[Event]) -> Note {
    let is_retry = page.of("done").strip_prefix("activity-") == Some(ActivityAct::Retry.word());
    let mut shown = events.iter().filter(|_| is_retry);
    let Some(asked) = shown.find(|event| Some(event.seq) == note.event) else {
        return note;
    };
    let is_sent = |event: &&Event| {
        event.cause == asked.cause && event.r#type.raw() == "ActivityAttemptScheduled"
    };
    let sent = [asked].into_iter().chain(shown).find(is_sent);
    match sent.and_then(|event| Some((event, event.details().attempt?))) {
        Some((sent, attempt)) => Note {
            text: format!("Attempt {attempt} sent").into(),
            at: Some(sent.at),
            event: Some(sent.seq),
            href: Some(event_href(run, sent.seq)),
        },
        None => note,
    }
}

/// An event in its history.
fn event_href(run: &Run, seq: u64) -> String {
    format!("{}?tab=history&show=full&at={seq}#event-{seq}", run.href())
}

fn asked(page: &Page, run: &Run) -> Asked {
    let from = page.of("at").trim();
    let at = from.parse().ok();
    Asked {
        show: page.of("show").to_owned(),
        find: page.of("find").to_owned(),
        of_type: page.of("type").to_owned(),
        activity_id: page.number("activity_id"),
        only_failures: page.of("only") == "failures",
        // A position is one from 1 to the last.
        at: at.map(|at: u64| at.clamp(1, run.history_events.unwrap_or(u64::MAX).max(1))),
        since: (at.is_none() && !from.is_empty()).then(|| from.to_owned()),
        token: page.of("token").to_owned(),
    }
}

/// The events that a part of the page needs; a token where there are more of them than are shown.
async fn events(
    page: &Page,
    run: &Run,
    tab: Tab,
    asked: &Asked,
) -> Result<(Vec<Event>, String), Problem> {
    match tab {
        Tab::History if History::show(asked) != "compact" => window(page, run, asked).await,
        Tab::Timeline | Tab::History => Ok((drawn(page, run, "none").await?, String::new())),
        Tab::Messages => messages(page, run).await,
        Tab::Children | Tab::Definition => Ok(Default::default()),
    }
}

/// A window of the history, as it is filtered. One that begins at an event shows some before it.
async fn window(page: &Page, run: &Run, asked: &Asked) -> Result<(Vec<Event>, String), Problem> {
    let total = run.history_events.unwrap_or_default();
    let at = asked.at.map(|at| match asked.is_filtered() {
        true => at,
        // The last window is a whole one.
        false => at.min(total.saturating_sub(WINDOW - 1).max(1)),
    });
    let after = at.map_or(0, |at| at.saturating_sub(1)).to_string();
    let since = asked.since.as_deref().map(|since| instant(since, run));
    let activity_id = asked
        .activity_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    let is_whole = page.of("all").starts_with("event-") || asked.show == "json";
    let query = [
        ("after", after.as_str()),
        ("at", since.as_deref().unwrap_or_default()),
        ("page_size", &WINDOW.to_string()),
        ("type", &asked.of_type),
        ("activity_id", &activity_id),
        ("text", &asked.find),
        ("failures", if asked.only_failures { "true" } else { "" }),
        ("payloads", if is_whole { "full" } else { "short" }),
    ];
    let (events, token) = searched(page, run, &query, &asked.token).await?;
    // A window that is full, or is all that there is, needs no search to go on.
    let is_searched = asked.is_filtered() && events.len() as u64 != WINDOW;
    Ok((events, if is_searched { token } else { String::new() }))
}

/// The newest messages of a run, in order.
async fn messages(page: &Page, run: &Run) -> Result<(Vec<Event>, String), Problem> {
    let query = [
        ("type", history::MESSAGES),
        ("order", "desc"),
        ("page_size", MESSAGES_MAX),
        ("payloads", "short"),
    ];
    let (mut events, token) = searched(page, run, &query, "").await?;
    events.reverse();
    Ok((events, token))
}

/// A page of a history. The API looks at so many events a call, so it is asked again as long as it finds nothing.
async fn searched(
    page: &Page,
    run: &Run,
    query: &[(&str, &str)],
    token: &str,
) -> Result<(Vec<Event>, String), Problem> {
    let path = format!("/workflows/{}/history", run.workflow_id.path());
    let mut token = token.to_owned();
    for _ in 0..SEARCHES_MAX {
        let mut query = query.to_vec();
        query.extend([("run_id", run.run_id.raw()), ("page_token", &token)]);
        let found = page.calls.get::<HistoryPage>(&path, &query).await?;
        token = found
            .next_page_token
            .map_or(String::new(), |next| next.raw().to_owned());
        if !found.events.is_empty() || token.is_empty() {
            return Ok((found.events, token));
        }
    }
    Ok((Vec::new(), token))
}

/// An instant as the API reads it; a time of day is the first one after the start of the run.
fn instant(text: &str, run: &Run) -> String {
    let of_day = run.started_at.and_then(|at| at.next(text));
    of_day.map_or_else(|| text.to_owned(), |at| at.iso())
}

/// All events, or the first and last of them, in order; several stretches are read at a time.
async fn drawn(page: &Page, run: &Run, payloads: &str) -> Result<Vec<Event>, Problem> {
    let stretches = stretches(run.history_events.unwrap_or_default());
    let read = stretches.map(|seqs| stretch(page, run, seqs, payloads));
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

/// The positions that are drawn of so many.
fn stretches(total: u64) -> impl Iterator<Item = Range<u64>> {
    let left_out = match total > DRAWN_MAX {
        true => DRAWN_FIRST..total - DRAWN_LAST,
        false => total..total,
    };
    let of = |all: Range<u64>| {
        let step = usize::try_from(READ_AT_ONCE).unwrap_or(usize::MAX);
        let firsts = all.clone().step_by(step);
        firsts.map(move |first| first + 1..all.end.min(first + READ_AT_ONCE) + 1)
    };
    of(0..left_out.start).chain(of(left_out.end..total))
}

/// The events at these positions.
async fn stretch(
    page: &Page,
    run: &Run,
    mut seqs: Range<u64>,
    payloads: &str,
) -> Result<Vec<Event>, Problem> {
    let path = format!("/workflows/{}/history", run.workflow_id.path());
    let size = READ_AT_ONCE.to_string();
    let mut events: Vec<Event> = Vec::new();
    while !seqs.is_empty() {
        let query = [
            ("run_id", run.run_id.raw()),
            ("after", &(seqs.start - 1).to_string()),
            ("before", &seqs.end.to_string()),
            ("page_size", &size),
            ("payloads", payloads),
        ];
        let history = page.calls.get::<HistoryPage>(&path, &query).await?;
        let last = history.events.last().map(|event| event.seq);
        let Some(last) = last.filter(|last| *last >= seqs.start) else {
            break;
        };
        seqs.start = last + 1;
        events.extend(history.events);
    }
    Ok(events)
}

/// The children as the list knows them, failed ones first; below each those that it has started, to the third level.
async fn children(page: &Page, run: &Run) -> Vec<(u8, Run)> {
    let first = children_of(page, run, CHILDREN_MAX).await;
    let (mut tree, mut unfolded) = (Vec::new(), 0);
    for child in first {
        let below = below(page, &child, &mut unfolded).await;
        tree.push((1, child));
        for grandchild in below {
            let below = self::below(page, &grandchild, &mut unfolded).await;
            tree.push((2, grandchild));
            tree.extend(below.into_iter().map(|one| (3, one)));
        }
    }
    tree
}

/// Some children of a child, as long as not too many are unfolded.
async fn below(page: &Page, run: &Run, unfolded: &mut usize) -> Vec<Run> {
    let has_some = run.children.as_ref().is_some_and(|all| all.total > 0);
    if !has_some || *unfolded == UNFOLDED_MAX {
        return Vec::new();
    }
    *unfolded += 1;
    children_of(page, run, GRANDCHILDREN_MAX).await
}

async fn children_of(page: &Page, run: &Run, most: &str) -> Vec<Run> {
    let of_run = format!("ParentWorkflowId = {}", quoted(run.workflow_id.raw()));
    let failed = format!("{of_run} AND Status = \"Failed\"");
    let others = format!("{of_run} AND Status != \"Failed\"");
    let mut rows: Vec<Run> = Vec::new();
    for query in [failed, others] {
        let query = [("query", query.as_str()), ("page_size", most)];
        let found = page.calls.get::<RunPage>("/workflows", &query).await;
        rows.extend(found.unwrap_or_default().workflows);
    }
    rows
}

/// The queues that its pending activities wait in, as far as Kafka says in time who reads them.
async fn read_queues(page: &Page, run: &Run) -> Vec<Queue> {
    let mut names: Vec<&Told> = Vec::new();
    for activity in &run.pending_activities {
        if names.len() < QUEUES_MAX && !names.contains(&&activity.task_queue) {
            names.push(&activity.task_queue);
        }
    }
    let seen = names.into_iter().map(|name| queues::lately(page, name));
    join_all(seen).await.into_iter().flatten().collect()
}

/// Names that the run's workflow takes messages by, as far as the app says and the run has waited for them.
pub(super) async fn known(page: &Page, run: &Run) -> Known {
    let info = page
        .calls
        .get::<Info>("/info", &[])
        .await
        .unwrap_or_default();
    let of = info
        .workflows
        .into_iter()
        .find(|one| Some(&one.name) == run.workflow.as_ref())
        .unwrap_or_default();
    let mut signals = of.signals;
    signals.extend(
        run.waits
            .iter()
            .filter(|wait| wait.kind == "signal")
            .map(|wait| wait.name.clone()),
    );
    signals.sort();
    signals.dedup();
    Known {
        signals,
        queries: of.queries,
        updates: of.updates,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_drawn_whole_or_from_both_ends() {
        let of = |total| stretches(total).collect::<Vec<_>>();

        assert_eq!(of(0), []);
        assert_eq!(of(251), [1..251, 251..252]);
        assert_eq!(of(1_000).last(), Some(&(751..1_001)));
        let long = of(40_000);
        assert_eq!((&long[0], &long[1]), (&(1..251), &(39_251..39_501)));
        assert_eq!(long.last().unwrap().end, 40_001);
        let drawn: u64 = long.iter().map(|seqs| seqs.end - seqs.start).sum();
        assert_eq!(drawn, DRAWN_FIRST + DRAWN_LAST);
    }
}
