//! The built-in workflow `sagaline.schedule`: a run of it, with the id `schedule/<name>`, is a schedule.
//!
//! Deliberately absent: what is decided, which is the book's. Due times that came are kept in history as a side effect, so
//! neither another time-zone list nor another search changes what has happened.

use std::{
    future::{Future as _, poll_fn},
    mem,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use sagaline_core::{SCHEDULE_ID_PREFIX, Timestamp, error_type};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    Action, Backfill, Description, Overlap, Schedule, Status, Upcoming,
    book::{Book, Filled, Kept, Look, Order, Planned},
    written::{check_name, check_note},
};
use crate::{
    Context, Error, ParentClose, Result, RunChild, Sleep, StartedChild, TimestampExt as _, Until,
    WorkflowCall, call_workflow, json, query, update, workflow,
};

/// Looks and backfills of one activation; then it lets others go first.
const LOOKS_MAX: u32 = 8;

/// How long it then waits.
const BREATH: Duration = Duration::from_millis(1);

/// Most times that one query shows.
const NEXT_MAX: u32 = 1_000;

/// What a schedule begins with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    pub(crate) schedule: Schedule,
    /// What the run before left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
}

impl Begin {
    /// What the next run begins with.
    fn after(book: &Book) -> Self {
        Self {
            schedule: book.schedule.clone(),
            kept: book.kept.clone(),
        }
    }

    pub(crate) fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            kept: None,
        }
    }
}

/// Why somebody pauses or resumes a schedule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    #[serde(default)]
    pub(crate) note: String,
}

impl Note {
    pub(crate) fn new(note: &str) -> Self {
        Self {
            note: note.to_owned(),
        }
    }
}

/// Start one now.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trigger {
    /// The schedule's own unless said.
    #[serde(default)]
    pub(crate) overlap: Option<Overlap>,
}

/// What became of one that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    /// The id under which it was started; none if it was not, or not yet.
    pub workflow_id: Option<String>,
    /// `started`, `waiting` or `skipped`.
    pub outcome: String,
}

/// How many times are to be shown.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Many {
    #[serde(default)]
    pub(crate) count: Option<u32>,
}

#[query]
pub(crate) fn describe(book: &Book) -> Result<Description> {
    let kept = book
        .kept
        .clone()
        .ok_or_else(|| Error::other("it begins just now"))?;
    Ok(Description {
        name: book.name.clone(),
        schedule: book.schedule.clone(),
        next: book.upcoming(10),
        running: kept.running,
        recent: kept.recent.into(),
        waiting: kept.waiting.into(),
        backfills: kept.backfills.into(),
        counts: kept.counts,
        created_at: kept.created_at,
        changed_at: kept.changed_at,
    })
}

#[query]
pub(crate) fn next(book: &Book, many: Many) -> Vec<Upcoming> {
    let many = many.count.unwrap_or(10).min(NEXT_MAX);
    book.upcoming(many as usize)
}

fn check_schedule(_: &Book, schedule: &Schedule) -> Result<()> {
    schedule.check()
}

#[update(name = "update", validate = check_schedule)]
pub(crate) async fn change(cx: Context<Book>, schedule: Schedule) -> Result<()> {
    changed(&cx, |book, now| book.change(schedule, now))?;
    Ok(())
}

fn check_its_note(_: &Book, note: &Note) -> Result<()> {
    check_note(&note.note)?;
    Ok(())
}

#[update(validate = check_its_note)]
pub(crate) async fn pause(cx: Context<Book>, note: Note) -> Result<()> {
    changed(&cx, |book, now| book.pause(true, note.note, now));
    Ok(())
}

#[update(validate = check_its_note)]
pub(crate) async fn resume(cx: Context<Book>, note: Note) -> Result<()> {
    changed(&cx, |book, now| book.pause(false, note.note, now));
    Ok(())
}

#[update]
pub(crate) async fn trigger(cx: Context<Book>, trigger: Trigger) -> Result<Triggered> {
    let planned = changed(&cx, |book, now| book.trigger(trigger.overlap, now));
    let (workflow_id, outcome) = match planned {
        Some(Planned::Started(workflow_id)) => (Some(workflow_id), "started"),
        Some(Planned::Waits) => (None, "waiting"),
        Some(Planned::Skipped) | None => (None, "skipped"),
    };
    Ok(Triggered {
        workflow_id,
        outcome: outcome.to_owned(),
    })
}

fn check_backfill(_: &Book, backfill: &Backfill) -> Result<()> {
    backfill.check()?;
    Ok(())
}

#[update(validate = check_backfill)]
pub(crate) async fn backfill(cx: Context<Book>, backfill: Backfill) -> Result<()> {
    changed(&cx, |book, _| book.backfill(backfill))?;
    Ok(())
}

/// Changes the book and has the workflow look at it.
fn changed<T>(cx: &Context<Book>, change: impl FnOnce(&mut Book, Timestamp) -> T) -> T {
    let now = cx.now();
    cx.with_mut(|book| {
        book.is_changed = true;
        change(book, now)
    })
}

/// A run of it is a schedule.
#[workflow(
    name = "sagaline.schedule",
    queries(describe, next),
    updates(change, pause, resume, trigger, backfill)
)]
pub(crate) async fn schedule(cx: Context<Book>, begin: Begin) -> Result<()> {
    let id = cx.workflow_id().as_str();
    let name = id.strip_prefix(SCHEDULE_ID_PREFIX).unwrap_or_default();
    check_name(name)?;
    let now = cx.now();
    cx.with_mut(|book| book.open(name, begin.schedule, begin.kept, now))?;
    let mut running = Running::of_run_before(&cx);
    let mut waits = Waits::new(&cx);
    loop {
        let is_through = look(&cx)?;
        for order in cx.with_mut(Book::orders) {
            running.obey(&cx, order);
        }
        if cx.is_continue_as_new_suggested() {
            running.hand_on();
            return cx.continue_as_new(&cx.with(Begin::after));
        }
        let wakes_at = match is_through {
            true => cx.with(Book::wakes_at),
            false => Some(cx.now().after(BREATH)),
        };
        let ended = waits.any(&cx, wakes_at, &mut running).await?;
        let now = cx.now();
        for (workflow_id, end) in ended {
            cx.with_mut(|book| book.ended(&workflow_id, end, now));
        }
    }
}

/// Looks for what is due, as often as one activation may; whether it is through.
fn look(cx: &Context<Book>) -> Result<bool> {
    let now = cx.now();
    for _ in 0..LOOKS_MAX {
        let is_due = cx.with(|book| book.wakes_at().is_some_and(|at| at <= now));
        if is_due {
            let look: Look = cx.side_effect("due", || cx.with(|book| book.look(now)))?;
            cx.with_mut(|book| book.take(look, now));
        } else if cx.with(|book| book.room_to_fill() > 0) {
            let filled: Filled = cx.side_effect("backfill", || cx.with(Book::fill))?;
            cx.with_mut(|book| book.take_filled(filled, now));
        } else {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the schedule started and is under way, as far as this run awaits it.
#[derive(Debug, Default)]
struct Running(Vec<(String, StartedChild<IgnoredAny>)>);

type Ended = Vec<(String, (Status, Option<String>))>;

impl Running {
    /// What the run before has handed on.
    fn of_run_before(cx: &Context<Book>) -> Self {
        let carried = cx.carried_children().into_iter();
        let named = carried.filter_map(|child| {
            let workflow_id = child.workflow_id()?.to_owned();
            Some((workflow_id, child))
        });
        Self(named.collect())
    }

    fn hand_on(self) {
        self.0.into_iter().for_each(|(_, child)| child.hand_on());
    }

    fn obey(&mut self, cx: &Context<Book>, order: Order) {
        match order {
            Order::Start { workflow_id } => {
                let started = start(cx, &workflow_id);
                self.0.push((workflow_id, started));
            }
            Order::LetGo { workflow_id } => drop(start(cx, &workflow_id)),
            Order::Cancel { workflow_id } => self.find(&workflow_id, StartedChild::cancel),
            Order::Terminate { workflow_id } => self.find(&workflow_id, StartedChild::terminate),
        }
    }

    fn find(&self, workflow_id: &str, act: impl FnOnce(&StartedChild<IgnoredAny>)) {
        let found = self.0.iter().find(|(id, _)| id == workflow_id);
        if let Some((_, child)) = found {
            act(child);
        }
    }

    /// Those that have ended since.
    fn ended(&mut self, task: &mut TaskContext<'_>) -> Ended {
        let mut ended = Vec::new();
        self.0
            .retain_mut(|(workflow_id, child)| match Pin::new(child).poll(task) {
                Poll::Ready(end) => {
                    ended.push((mem::take(workflow_id), status(end)));
                    false
                }
                Poll::Pending => true,
            });
        ended
    }
}

fn start(cx: &Context<Book>, workflow_id: &str) -> StartedChild<IgnoredAny> {
    let child = cx.with(|book| planned(cx, &book.schedule.action));
    child.id(workflow_id).start()
}

/// A child that goes on whatever becomes of the schedule.
fn planned(cx: &Context<Book>, action: &Action) -> RunChild<IgnoredAny> {
    let mut call: WorkflowCall<IgnoredAny> = call_workflow(&action.workflow, &action.input);
    if let Some(version) = &action.version {
        call = call.version(version);
    }
    let mut child = cx.child(call).on_parent_close(ParentClose::Abandon);
    for (name, value) in &action.attributes {
        child = child.attribute(name, value);
    }
    for (name, value) in &action.memo {
        child = child.memo(name, value);
    }
    if let Some(limit) = action.run_timeout {
        child = child.run_timeout(limit.to_duration());
    }
    match action.execution_timeout {
        Some(limit) => child.execution_timeout(limit.to_duration()),
        None => child,
    }
}

/// How a child ended, in the API's word, and why.
fn status(end: Result<IgnoredAny>) -> (Status, Option<String>) {
    let Err(error) = end else {
        return (Status::Completed, None);
    };
    let status = match error.error_type() {
        // It returned something else than JSON, which is nobody's business here.
        json::UNDECODABLE => return (Status::Completed, None),
        error_type::CANCELED => Status::Canceled,
        error_type::TERMINATED => Status::Terminated,
        error_type::ALREADY_STARTED => Status::AlreadyStarted,
        error_type::RUN_TIMEOUT | error_type::EXECUTION_TIMEOUT => Status::TimedOut,
        _ => Status::Failed,
    };
    (status, Some(error.to_string()))
}

/// What a schedule waits for: the next due time, an update, or the end of what it started. What goes on being waited for
/// leaves no events.
struct Waits {
    sleep: Option<Sleep>,
    changed: Until<Book, fn(&Book) -> bool>,
}

impl Waits {
    fn new(cx: &Context<Book>) -> Self {
        Self {
            sleep: None,
            changed: until_changed(cx),
        }
    }

    /// Waits for any of them, and says what has ended.
    async fn any(
        &mut self,
        cx: &Context<Book>,
        wakes_at: Option<Timestamp>,
        running: &mut Running,
    ) -> Result<Ended> {
        if self.sleep.as_ref().map(Sleep::due_at) != wakes_at {
            self.sleep = wakes_at.map(|at| cx.sleep_until(at));
        }
        poll_fn(|task| {
            let ended = running.ended(task);
            let mut is_over = !ended.is_empty();
            if let Poll::Ready(changed) = Pin::new(&mut self.changed).poll(task) {
                changed?;
                cx.with_mut(|book| book.is_changed = false);
                self.changed = until_changed(cx);
                is_over = true;
            }
            if let Some(sleep) = &mut self.sleep
                && let Poll::Ready(slept) = Pin::new(sleep).poll(task)
            {
                slept?;
                self.sleep = None;
                is_over = true;
            }
            match is_over {
                true => Poll::Ready(Ok(ended)),
                false => Poll::Pending,
            }
        })
        .await
    }
}

fn until_changed(cx: &Context<Book>) -> Until<Book, fn(&Book) -> bool> {
    let is_changed: fn(&Book) -> bool = |book| book.is_changed;
    cx.until(is_changed).named("a change of the schedule")
}
