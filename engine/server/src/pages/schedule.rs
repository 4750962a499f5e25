//! Schedules: the list, the page of one with what it started and starts next, and the form that makes or changes one.
//!
//! Invariant: the form has every part of a schedule, so that changing one part leaves the others as they were. JSON in it
//! goes on verbatim.

mod form;

use askama::Template;
use serde::Deserialize;

pub(crate) use self::form::{Filled, ask};
use super::{
    chrome::{Chrome, Place},
    run::quoted,
    seen::Fields,
    start::KnownWorkflow,
    state::State,
    time::At,
    told::{Json, Told, percent},
};

/// A row of `GET /schedules`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Listed {
    pub(crate) name: Told,
    /// None: it did not answer in time.
    pub(crate) description: Option<Description>,
}

/// `GET /schedules`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SchedulePage {
    pub(crate) schedules: Vec<Listed>,
    pub(crate) next_page_token: Option<Told>,
}

/// What a schedule says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Description {
    pub(crate) name: Told,
    pub(crate) schedule: Schedule,
    pub(crate) next: Vec<Upcoming>,
    pub(crate) running: Vec<Taken>,
    pub(crate) recent: Vec<Taken>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) backfills: Vec<Backfill>,
    pub(crate) counts: Tally,
    pub(crate) created_at: Option<At>,
    pub(crate) changed_at: Option<At>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Schedule {
    pub(crate) spec: Spec,
    pub(crate) action: Action,
    pub(crate) overlap: String,
    pub(crate) catch_up: Told,
    pub(crate) pause_on_failure: bool,
    pub(crate) paused: bool,
    pub(crate) note: Told,
    pub(crate) remaining: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    pub(crate) cron: Vec<Told>,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) calendars: Option<Json>,
    pub(crate) exclude: Option<Json>,
    pub(crate) start_at: Option<Told>,
    pub(crate) end_at: Option<Told>,
    pub(crate) jitter: Option<Told>,
    pub(crate) time_zone: Told,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Interval {
    pub(crate) every: Told,
    pub(crate) offset: Option<Told>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Action {
    pub(crate) workflow: Told,
    pub(crate) version: Option<Told>,
    pub(crate) input: Option<Json>,
    pub(crate) attributes: Fields,
    pub(crate) memo: Fields,
    pub(crate) run_timeout: Option<Told>,
    pub(crate) execution_timeout: Option<Told>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Upcoming {
    pub(crate) due_at: At,
    pub(crate) begins_at: At,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Taken {
    pub(crate) workflow_id: Told,
    pub(crate) due_at: Option<At>,
    pub(crate) mode: String,
    pub(crate) started_at: Option<At>,
    pub(crate) status: String,
    pub(crate) closed_at: Option<At>,
    pub(crate) failure: Option<Told>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    pub(crate) due_at: Option<At>,
    pub(crate) overlap: String,
    pub(crate) mode: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Backfill {
    pub(crate) from: At,
    pub(crate) to: At,
    #[serde(default)]
    pub(crate) overlap: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tally {
    pub(crate) taken: u64,
    pub(crate) skipped: u64,
    pub(crate) missed: u64,
    pub(crate) repeated: u64,
    pub(crate) failed: u64,
}

/// The rules for one that is due while another is under way, with what they mean.
pub(crate) const OVERLAPS: [(&str, &str); 6] = [
    ("skip", "do not start it"),
    (
        "buffer_one",
        "start it once the other has ended; one may wait",
    ),
    ("buffer_all", "start it once all before it have ended"),
    (
        "cancel_other",
        "cancel the other, which compensates, then start it",
    ),
    ("terminate_other", "terminate the other, then start it"),
    ("allow_all", "start it beside the other"),
];

impl Description {
    /// The sign of the schedule itself.
    pub(crate) fn state(&self) -> State {
        let (word, class, icon) = match (self.schedule.paused, self.next.is_empty()) {
            (true, _) => ("paused", "quiet", "paused"),
            (false, true) => ("used up", "quiet", "done"),
            (false, false) => ("on", "running", "clock"),
        };
        State {
            word,
            class,
            icon,
            status: "",
        }
    }

    /// What it says in a sentence, but for when: that counts down.
    fn says(&self) -> &'static str {
        match (
            self.schedule.paused,
            self.next.is_empty(),
            self.running.is_empty(),
        ) {
            (true, ..) => "Paused: nothing is started by itself.",
            (false, true, _) => "Nothing is due any more.",
            (false, false, true) => "The next one starts",
            (false, false, false) => "One is under way; the next is due",
        }
    }

    /// What ended, the newest first.
    fn ended(&self) -> impl Iterator<Item = &Taken> {
        self.recent.iter().rev()
    }
}

impl Spec {
    /// `30 2 * * * in Europe/Zurich`, `every 15m`
    pub(crate) fn in_words(&self) -> Told {
        let mut parts: Vec<String> = self.cron.iter().map(|cron| cron.raw().to_owned()).collect();
        parts.extend(self.intervals.iter().map(Interval::in_words));
        let has = |json: &Option<Json>| json.as_ref().is_some_and(|json| json.raw() != "[]");
        parts.extend(has(&self.calendars).then(|| "by calendar".to_owned()));
        let mut text = parts.join(", or ");
        if !self.time_zone.raw().is_empty() {
            text.push_str(&format!(" in {}", self.time_zone.raw()));
        }
        if has(&self.exclude) {
            text.push_str(", with exclusions");
        }
        Told::from(text.as_str())
    }
}

impl Interval {
    fn in_words(&self) -> String {
        match &self.offset {
            Some(offset) => format!("every {} + {}", self.every.raw(), offset.raw()),
            None => format!("every {}", self.every.raw()),
        }
    }
}

impl Taken {
    fn state(&self) -> State {
        match self.status.as_str() {
            "AlreadyStarted" => State {
                word: "was there already",
                class: "quiet",
                icon: "done",
                status: "",
            },
            status => State::of(status, None),
        }
    }
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage {
    chrome: Chrome,
    rows: Vec<Listed>,
    has_more: bool,
}

/// The list.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn list(chrome: Chrome, found: SchedulePage) -> askama::Result<String> {
    SchedulesPage {
        chrome,
        rows: found.schedules,
        has_more: found.next_page_token.is_some(),
    }
    .render()
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct OnePage {
    chrome: Chrome,
    one: Description,
    state: State,
    base: String,
}

/// The page of one.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(chrome: Chrome, one: Description) -> askama::Result<String> {
    OnePage {
        chrome,
        state: one.state(),
        base: format!("/schedules/{}", one.name.path()),
        one,
    }
    .render()
}

impl OnePage {
    /// Why it was started, in words.
    fn why(&self, mode: &str) -> &'static str {
        match mode {
            "hand" => "by hand",
            "backfill" => "backfill",
            _ => "its time",
        }
    }

    /// A rule in words.
    fn overlap(&self, overlap: &str) -> &'static str {
        let known = OVERLAPS.iter().find(|(slug, _)| *slug == overlap);
        known.map_or("as the schedule says", |(_, words)| words)
    }

    /// The filter that means all that it started.
    fn started_query(&self) -> String {
        let ids = quoted(&format!("{}/", self.one.name.raw()));
        percent(&format!("WorkflowId STARTS_WITH {ids}"))
    }
}

#[derive(Template)]
#[template(path = "schedule_form.html")]
struct FormPage {
    chrome: Chrome,
    form: Filled,
    /// The name of the schedule that is changed; none: it is a new one.
    changed: Option<Told>,
    workflows: Vec<KnownWorkflow>,
}

/// The page that makes one, or changes the one of that name.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn form_page(
    chrome: Chrome,
    form: Filled,
    changed: Option<Told>,
    workflows: Vec<KnownWorkflow>,
) -> askama::Result<String> {
    FormPage {
        chrome,
        form,
        changed,
        workflows,
    }
    .render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_due_is_told_in_words() {
        let told = |json: &str| {
            let spec: Spec = serde_json::from_str(json).unwrap();
            spec.in_words().raw().to_owned()
        };

        assert_eq!(
            told(r#"{"cron":["30 2 * * *"],"time_zone":"Europe/Zurich","exclude":["@yearly"]}"#),
            "30 2 * * * in Europe/Zurich, with exclusions"
        );
        assert_eq!(
            told(r#"{"intervals":[{"every":"1h","offset":"15m"}],"calendars":[{"hour":3}]}"#),
            "every 1h + 15m, or by calendar"
        );
    }
}
