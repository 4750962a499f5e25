//! The history of a run as rows: a window of it, filtered, each event with one line that says what it is.

use super::{
    seen::{Details, Event},
    time::took,
    told::{Marked, Told, VALUE_BYTES_MAX, percent},
};

/// Events of a window.
pub(crate) const WINDOW: u64 = 200;

/// What is asked of the history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// `compact`, `full` or `json`.
    pub(crate) show: String,
    pub(crate) find: String,
    pub(crate) of_type: String,
    pub(crate) activity_id: Option<u64>,
    pub(crate) only_failures: bool,
    /// The first event of the window, or one near it.
    pub(crate) at: Option<u64>,
    /// The instant at which the window begins.
    pub(crate) since: Option<String>,
    /// Where a search goes on that has looked at much and found little.
    pub(crate) token: String,
}

impl Asked {
    /// Not every event is wanted.
    pub(crate) fn is_filtered(&self) -> bool {
        self.only_failures
            || !self.find.is_empty()
            || !self.of_type.is_empty()
            || self.activity_id.is_some()
    }

    /// `?tab=history…`: the same part of the page with another window of what is wanted.
    fn href(&self, show: &str, window: (&str, &str)) -> String {
        let activity_id = self.activity_id.map(|id| id.to_string());
        let only = if self.only_failures { "failures" } else { "" };
        let all = [
            ("show", show),
            ("find", &self.find),
            ("type", &self.of_type),
            ("only", only),
            ("activity_id", activity_id.as_deref().unwrap_or_default()),
            window,
        ];
        let given = all.iter().filter(|(_, value)| !value.is_empty());
        let given: String = given
            .map(|(name, value)| format!("&{name}={}", percent(value)))
            .collect();
        format!("?tab=history{given}")
    }
}

/// A window of a history.
#[derive(Debug)]
pub(crate) struct History<'a> {
    pub(crate) show: &'static str,
    pub(crate) find: Told,
    pub(crate) of_type: Told,
    pub(crate) only_failures: bool,
    pub(crate) activity_id: Option<u64>,
    /// Where the window begins, as it was asked for.
    pub(crate) from: String,
    /// Not every event is shown.
    pub(crate) is_filtered: bool,
    pub(crate) rows: Vec<EventRow<'a>>,
    /// Where the windows before and after are, the first and the last.
    pub(crate) first: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<String>,
    /// Where a search goes on that has looked at much.
    pub(crate) further: Option<String>,
    /// How much of each value is shown.
    pub(crate) value_bytes_max: usize,
}

/// One event.
#[derive(Debug)]
pub(crate) struct EventRow<'a> {
    pub(crate) event: &'a Event,
    /// Since the event before it.
    pub(crate) since: Option<String>,
    pub(crate) summary: String,
    pub(crate) who: Told,
    /// A run may be reset to it.
    pub(crate) can_reset: bool,
}

impl<'a> History<'a> {
    /// How the history is shown.
    pub(crate) fn show(asked: &Asked) -> &'static str {
        match asked.show.as_str() {
            "full" => "full",
            "json" => "json",
            _ if asked.is_filtered() || asked.at.is_some() || asked.since.is_some() => "full",
            _ => "compact",
        }
    }

    /// The window that is asked for, of these events; `total` is how many the history has, `token` where a search of it goes on.
    pub(crate) fn of(asked: &Asked, (events, token): (&'a [Event], &str), total: u64) -> Self {
        let show = Self::show(asked);
        let rows = match show {
            "compact" => Vec::new(),
            _ => rows(events),
        };
        let is_filtered = asked.is_filtered();
        let first = events.first().map_or(total + 1, |event| event.seq);
        let last = events.last().map_or(total, |event| event.seq);
        let at = |seq: u64| asked.href(show, ("at", &seq.to_string()));
        let has_before = first > 1 && (!is_filtered || asked.at.is_some_and(|at| at > 1));
        let most = if show == "json" {
            JSON_BYTES_MAX
        } else {
            VALUES_BYTES_MAX
        };
        Self {
            show,
            find: Told::from(asked.find.as_str()),
            of_type: Told::from(asked.of_type.as_str()),
            only_failures: asked.only_failures,
            activity_id: asked.activity_id,
            from: match (asked.at, &asked.since) {
                (Some(at), _) => at.to_string(),
                (None, since) => since.clone().unwrap_or_default(),
            },
            is_filtered,
            first: has_before.then(|| at(1)),
            // What is before a window of a search is not known until it is searched.
            before: (has_before && !is_filtered).then(|| at(first.saturating_sub(WINDOW).max(1))),
            after: (token.is_empty() && last < total).then(|| at(last + 1)),
            last: (!is_filtered && last < total)
                .then(|| at(total.saturating_sub(WINDOW - 1).max(1))),
            further: (!token.is_empty()).then(|| asked.href(show, ("token", token))),
            value_bytes_max: (most / rows.len().max(1)).clamp(VALUE_BYTES_MIN, VALUE_BYTES_MAX),
            rows,
        }
    }
}

/// A window has at most so many bytes of values, so that its page stays small.
const VALUES_BYTES_MAX: usize = 24 * 1024;
const JSON_BYTES_MAX: usize = 72 * 1024;

/// So much of a value is always shown.
const VALUE_BYTES_MIN: usize = 110;

/// The lines of a window have at most so many characters, and each has at least some.
const LINES_CHARS_MAX: usize = 26_000;
const LINE_CHARS_MIN: usize = 120;
const LINE_CHARS_MAX: usize = 600;

/// Events as rows.
pub(crate) fn rows(events: &[Event]) -> Vec<EventRow<'_>> {
    let mut before: Option<&Event> = None;
    let chars = (LINES_CHARS_MAX / events.len().max(1)).clamp(LINE_CHARS_MIN, LINE_CHARS_MAX);
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let since = before.map(|before| event.at.ms() - before.at.ms());
        rows.push(EventRow {
            event,
            since: since.filter(|ms| *ms > 0).map(took),
            summary: short(summary(event, &event.details()), chars),
            who: who(event),
            can_reset: event.seq > 1,
        });
        before = Some(event);
    }
    rows
}

/// Events that are messages of a run: signals and updates.
pub(crate) const MESSAGES: &str = "SignalReceived,UpdateAccepted,UpdateCompleted,UpdateRejected,ExternalSignalSent,ExternalSignalFailed";

/// So many characters of a line, and a mark where there are more.
fn short(mut line: String, chars: usize) -> String {
    if let Some((at, _)) = line.char_indices().nth(chars) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// Who brought it about: a person or program of ours without our prefix, the engine's own clock as such.
fn who(event: &Event) -> Told {
    let source = event.cause.as_ref().map_or("", |cause| cause.source.raw());
    let known = ["sagaline.http/", "sagaline.cli/", "sagaline."];
    let short = known.iter().find_map(|prefix| source.strip_prefix(prefix));
    Told::from(short.unwrap_or(source))
}

/// An event in one line.
fn summary(event: &Event, details: &Details) -> String {
    let mut parts = whats(details);
    parts.extend(whys(details));
    let values = [&details.input, &details.result, &details.value];
    let value = values.into_iter().flatten().next();
    parts.extend(value.map(|json| json.beginning().line().to_string()));
    let worker = details.worker.as_ref();
    parts.extend(worker.map(|worker| format!("worker {}", worker.line())));
    match parts.is_empty() {
        true => event.attributes.line().to_string(),
        false => parts.join(", "),
    }
}

/// What it is about, and when.
fn whats(details: &Details) -> Vec<String> {
    let line = |text: &Told| text.line().to_string();
    let names = [
        &details.activity,
        &details.signal,
        &details.update,
        &details.workflow,
        &details.name,
    ];
    let mut parts: Vec<String> = Vec::new();
    parts.extend(names.into_iter().flatten().next().map(line));
    parts.extend(details.workflow_id.as_ref().map(line));
    parts.extend(details.attempt.map(|attempt| format!("attempt {attempt}")));
    parts.extend(details.due_at.map(|at| format!("due {}", at.full())));
    let waits = details.waits.iter();
    parts
        .extend(waits.map(|wait| format!("waits for {} {}", Marked(&wait.kind), wait.name.line())));
    parts
}

/// Why, by whom, and what follows.
fn whys(details: &Details) -> Vec<String> {
    let line = |text: &Told| text.line().to_string();
    let mut parts: Vec<String> = Vec::new();
    if let Some(failure) = &details.failure {
        let (error_type, message) = (failure.r#type.line(), failure.message.line());
        parts.push(format!("{error_type}: {message}"));
    }
    let next = details.next_attempt_at;
    parts.extend(next.map(|at| format!("next at {}", at.clock())));
    parts.extend(details.outcome.as_ref().map(line));
    parts.extend(details.act.as_ref().map(line));
    let actor = details.actor.as_ref();
    parts.extend(actor.map(|actor| format!("by {}", actor.line())));
    let reason = details.reason.as_ref();
    parts.extend(reason.map(|reason| format!("\"{}\"", reason.line())));
    parts
}
