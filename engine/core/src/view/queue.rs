//! A limited queue as people see it.

use alloc::{format, string::String, vec::Vec};

use serde::Serialize;

use super::closed;
use crate::{Name, PausedType, Queue, Timestamp, event::QueueChanged, show::Shown};

/// What limits a queue and what waits at its home, as `GET /task-queues/{name}` has it.
#[derive(Debug, Serialize)]
pub struct QueueView<'a> {
    /// Most tasks that workers may have at once.
    pub max_outstanding: Option<u32>,
    /// How many tasks are released in a second.
    pub rate_per_second: Option<f64>,
    /// Nothing is released at all; `paused` has single activities, too.
    pub is_paused: bool,
    /// Of which activities nothing is released.
    pub paused: Vec<PauseView<'a>>,
    /// Tasks that wait for their turn.
    pub waiting: usize,
    /// Tasks that wait because their activity is paused.
    pub held_back: usize,
    /// Tasks that were released and whose attempts have not ended.
    pub outstanding: usize,
    home_partition: Option<i32>,
    changed_at: Option<Shown<'a, Timestamp>>,
    changed_by: Option<&'a str>,
    reason: Option<&'a str>,
}

/// Something that is paused on a queue.
#[derive(Debug, Serialize)]
pub struct PauseView<'a> {
    /// Which activity; none: every one.
    pub activity: Option<&'a Name>,
    since: Shown<'a, Timestamp>,
    by: &'a str,
    reason: Option<&'a str>,
    #[serde(skip)]
    paused: &'a PausedType,
}

impl PauseView<'_> {
    /// `by ada: "the bank is down"`
    #[must_use]
    pub fn text(&self) -> String {
        paused_by(self.paused)
    }
}

impl<'a> QueueView<'a> {
    /// The view of a queue as its home knows it.
    #[must_use]
    pub fn of(queue: &'a Queue) -> Self {
        let settings = queue.settings();
        let paused = settings.map_or(&[][..], |one| &one.paused);
        Self {
            max_outstanding: settings.and_then(|one| one.max_outstanding),
            rate_per_second: settings.and_then(per_second),
            is_paused: paused.iter().any(|one| one.activity.is_none()),
            paused: paused.iter().map(pause).collect(),
            waiting: queue.waiting(),
            held_back: queue.held_back(),
            outstanding: queue.outstanding(),
            home_partition: settings.map(|one| one.home_partition),
            changed_at: queue.changed_at().map(Shown),
            changed_by: settings.map(|one| actor(&one.actor)),
            reason: settings.and_then(|one| one.reason.as_deref()),
        }
    }
}

fn pause(paused: &PausedType) -> PauseView<'_> {
    PauseView {
        activity: paused.activity.as_ref(),
        since: Shown(&paused.at),
        by: actor(&paused.actor),
        reason: paused.reason.as_deref(),
        paused,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no rate is near 2^53 an hour")]
fn per_second(settings: &QueueChanged) -> Option<f64> {
    Some(settings.rate_per_hour? as f64 / 3_600.0)
}

pub(super) fn actor(actor: &Name) -> &str {
    closed::actor(actor.as_str()).unwrap_or(actor.as_str())
}

/// `by ada: "the bank is down"`
pub(super) fn paused_by(paused: &PausedType) -> String {
    by(&paused.actor, paused.reason.as_deref())
}

/// `by ada: "the bank is down"`
pub(super) fn by(who: &Name, reason: Option<&str>) -> String {
    let reason = reason.map_or_else(String::new, |reason| format!(": \"{reason}\""));
    format!("by {}{reason}", actor(who))
}

/// `10 at once and 5 a second`; none: no limit.
pub fn limits(queue: &Queue) -> Option<String> {
    let settings = queue.settings()?;
    let at_once = settings.max_outstanding.map(|max| format!("{max} at once"));
    let rate = settings.rate_per_hour.map(|rate| match rate {
        _ if rate.is_multiple_of(3_600) => format!("{} a second", rate / 3_600),
        _ if rate.is_multiple_of(60) => format!("{} a minute", rate / 60),
        _ => format!("{rate} an hour"),
    });
    match (at_once, rate) {
        (Some(at_once), Some(rate)) => Some(format!("{at_once} and {rate}")),
        (at_once, rate) => at_once.or(rate),
    }
}
