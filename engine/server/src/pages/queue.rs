//! A task queue: who reads it, what waits in it, what limits it, and by whom.

use askama::Template;
use serde::Deserialize;

use super::{
    act::shell,
    chrome::{Chrome, Place},
    state::State,
    time::{At, age, number},
    told::{Marked, Told, percent},
};

/// Workers, and activities that are held, of which a page has each.
const ROWS_MAX: usize = 200;

/// `GET /task-queues/{name}`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Queue {
    pub(crate) name: Told,
    /// None: Kafka did not say.
    pub(crate) workers: Option<Vec<Worker>>,
    pub(crate) backlog: Option<i64>,
    pub(crate) pending: u64,
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) rates: Option<Rates>,
    /// None: nothing limits it, nor did.
    pub(crate) limits: Option<Limits>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Worker {
    id: Told,
    client_id: Told,
    host: Told,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rates {
    added_per_second: f64,
    taken_per_second: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    pub(crate) max_outstanding: Option<u32>,
    pub(crate) rate_per_second: Option<f64>,
    pub(crate) paused: Vec<Paused>,
    waiting: Option<u64>,
    held_back: Option<u64>,
    pub(crate) outstanding: Option<u64>,
    changed_at: Option<At>,
    changed_by: Told,
    reason: Option<Told>,
}

/// Of what nothing goes out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Paused {
    /// None: of the whole queue.
    pub(crate) activity: Option<Told>,
    since: Option<At>,
    by: Told,
    reason: Option<Told>,
}

impl Queue {
    /// Its page.
    pub(crate) fn href(&self) -> String {
        format!("/task-queues/{}", self.name.path())
    }

    pub(crate) fn paused(&self) -> &[Paused] {
        self.limits.as_ref().map_or(&[], |limits| &limits.paused)
    }

    /// Whether nothing of it goes out at all.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused().iter().any(|one| one.activity.is_none())
    }

    /// `2 workers, 3,210 waiting`, as far as Kafka says.
    pub(crate) fn readers(&self) -> Option<String> {
        let workers = match self.workers.as_ref()?.len() {
            0 => "no worker".to_owned(),
            1 => "1 worker".to_owned(),
            count => format!("{} workers", number(count as u64)),
        };
        let waiting = u64::try_from(self.backlog.unwrap_or(-1)).ok();
        Some(match waiting {
            Some(waiting) => format!("{workers}, {} waiting", number(waiting)),
            None => workers,
        })
    }

    /// `12 activities are pending; 3 tasks are with workers.`
    pub(crate) fn in_numbers(&self) -> String {
        let pending = match self.pending {
            1 => "1 activity is pending".to_owned(),
            count => format!("{} activities are pending", number(count)),
        };
        let limits = self.limits.as_ref();
        match limits.and_then(|limits| limits.outstanding) {
            None | Some(0) => format!("{pending}."),
            Some(1) => format!("{pending}; 1 task is with a worker."),
            Some(count) => format!("{pending}; {} tasks are with workers.", number(count)),
        }
    }
}

impl Limits {
    /// How many go out in a second, a minute or an hour: in the shortest time of which that is a whole number.
    pub(crate) fn rate(&self) -> Option<(f64, &'static str)> {
        // The journal has whole tasks an hour, so that division has cut off some of it.
        let per_hour = (self.rate_per_second? * 3_600.0).round();
        let rates = [(per_hour / 3_600.0, "s"), (per_hour / 60.0, "min")];
        let whole = rates.into_iter().find(|(rate, _)| rate.fract() == 0.0);
        Some(whole.unwrap_or((per_hour, "h")))
    }
}

#[derive(Template)]
#[template(path = "task_queue.html")]
struct QueuePage {
    chrome: Chrome,
    queue: Queue,
    base: String,
}

/// The page of one.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(chrome: Chrome, queue: Queue) -> askama::Result<String> {
    QueuePage {
        base: queue.href(),
        chrome,
        queue,
    }
    .render()
}

impl QueuePage {
    fn state(&self) -> State {
        let of = |word, class, icon| State {
            word,
            class,
            icon,
            status: "",
        };
        let workers = self.queue.workers.as_ref();
        match (workers.map(Vec::len), self.queue.backlog) {
            _ if self.queue.is_paused() => of("paused", "quiet", "paused"),
            (Some(0), Some(1..)) => of("no worker", "retrying", "no-worker"),
            (Some(0), _) => of("no worker", "quiet", "waiting"),
            (None, _) => of("not known", "quiet", "waiting"),
            _ => of("read", "running", "open"),
        }
    }

    fn workers(&self) -> &[Worker] {
        let workers = self.queue.workers.as_deref().unwrap_or_default();
        workers.get(..ROWS_MAX).unwrap_or(workers)
    }

    fn held(&self) -> &[Paused] {
        let paused = self.queue.paused();
        paused.get(..ROWS_MAX).unwrap_or(paused)
    }

    /// What holds its tasks up, or that nothing does.
    fn says(&self) -> String {
        if self.queue.is_paused() {
            return "Paused: no task of it goes out until it is resumed.".to_owned();
        }
        let limits = self.queue.limits.as_ref();
        let at_once = limits.and_then(|limits| limits.max_outstanding);
        let at_once = at_once.map(|most| format!("{} at once", number(most.into())));
        let rate = limits.and_then(Limits::rate).map(|(rate, unit)| {
            let unit = UNITS.iter().find(|(word, _)| *word == unit);
            format!("{rate} {}", unit.map_or("", |(_, words)| words))
        });
        match (at_once, rate, self.queue.paused().len()) {
            (None, None, 0) => "Nothing limits it.".to_owned(),
            (None, None, _) => "Some of its activities are paused.".to_owned(),
            (Some(one), None, _) | (None, Some(one), _) => {
                format!("At most {one} go to workers.")
            }
            (Some(at_once), Some(rate), _) => {
                format!("At most {at_once} and {rate} go to workers.")
            }
        }
    }

    /// How long the oldest attempt waits.
    fn oldest(&self) -> Option<String> {
        self.queue.oldest_ms.map(age)
    }

    /// Its runs in the list.
    fn runs_query(&self) -> String {
        percent(&format!(
            "TaskQueue = {}",
            super::run::quoted(self.queue.name.raw())
        ))
    }

    /// `4.2 came and 3.9 went in a second`
    fn rates(&self) -> Option<String> {
        let Rates {
            added_per_second,
            taken_per_second,
        } = self.queue.rates?;
        Some(format!(
            "{added_per_second:.1} came and {taken_per_second:.1} went in a second"
        ))
    }

    /// Its name, for a shell.
    fn quoted(&self) -> String {
        shell(&self.queue.name)
    }

    fn resume(&self, paused: &Paused) -> String {
        let activity = paused.activity.as_ref();
        let activity = activity.map(|name| format!("?activity={}", name.path()));
        format!("{}/resume{}", self.base, activity.unwrap_or_default())
    }
}

/// Units of a rate: as forms have them, and in words.
pub(crate) const UNITS: [(&str, &str); 3] =
    [("s", "a second"), ("min", "a minute"), ("h", "an hour")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_in_the_unit_in_which_it_is_whole() {
        for (per_hour, told) in [
            (180_000.0, (50.0, "s")),
            (1_800.0, (30.0, "min")),
            (100.0, (100.0, "h")),
            (1.0, (1.0, "h")),
        ] {
            let limits = Limits {
                rate_per_second: Some(per_hour / 3_600.0),
                ..Limits::default()
            };
            assert_eq!(limits.rate(), Some(told));
        }
    }
}
