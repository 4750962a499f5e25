//! The page of one run: what it does, why it does not go on, and what can be done.

use askama::{Template, filters::Safe};
use sagaline_core::filter::Filter;

use super::{
    chrome::{Chrome, Sentence},
    history::{EventRow, History, MESSAGES},
    queue::Queue,
    seen::{Activity, Run},
    state::State,
    timeline::{Attempt, End, Lane, LaneKind, Timeline, svg},
    told::{Json, Told, percent},
};
// The template of the layout names it.
use super::chrome::Place;

/// Most pending activities, and timers, that are shown one by one.
const PENDING_SHOWN_MAX: usize = 50;

/// Most compensations that are named in their line.
const STEPS_SHOWN_MAX: usize = 20;

/// Most attempts in the table of calls.
const ATTEMPTS_LISTED_MAX: usize = 100;

/// Longest value of an attribute that a link filters by.
const FILTERED_BYTES_MAX: usize = 500;

/// So much of each message is shown in their list.
const MESSAGE_BYTES_MAX: usize = 400;

/// Types of events, for the filter.
const EVENT_TYPES: [&str; 14] = [
    "WorkflowStarted",
    "ActivityScheduled",
    "ActivityAttemptScheduled",
    "ActivityStarted",
    "ActivityCompleted",
    "ActivityAttemptFailed",
    "ActivityFailed",
    "TimerStarted",
    "TimerFired",
    "SignalReceived",
    "ChildStarted",
    "CompensationStarted",
    "IncidentRaised",
    "IncidentResolved",
];

/// A part of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    #[default]
    Timeline,
    History,
    Children,
    Messages,
    Definition,
}

impl Tab {
    /// As it stands in the URL; what is none is the timeline.
    pub(crate) fn of(slug: &str) -> Self {
        let all = [
            Self::History,
            Self::Children,
            Self::Messages,
            Self::Definition,
        ];
        all.into_iter()
            .find(|tab| tab.slug() == slug)
            .unwrap_or_default()
    }

    const fn slug(self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::History => "history",
            Self::Children => "children",
            Self::Messages => "messages",
            Self::Definition => "definition",
        }
    }
}

struct TabLink {
    slug: &'static str,
    title: &'static str,
    count: Option<u64>,
}

/// Names that a workflow is known to take messages by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) signals: Vec<Told>,
    pub(crate) queries: Vec<Told>,
    pub(crate) updates: Vec<Told>,
}

/// What the page is made of.
pub(crate) struct RunParts<'a> {
    pub(crate) chrome: Chrome,
    pub(crate) run: &'a Run,
    /// The runs of the id, newest first.
    pub(crate) runs: &'a [Run],
    /// The children with their level, as the list knows them.
    pub(crate) child_rows: &'a [(u8, Run)],
    pub(crate) timeline: Timeline,
    pub(crate) history: History<'a>,
    pub(crate) messages: Vec<EventRow<'a>>,
    /// There are older ones than these.
    pub(crate) has_more_messages: bool,
    pub(crate) known: Known,
    /// The queues of pending activities, as far as they are known.
    pub(crate) queues: Vec<Queue>,
    pub(crate) tab: Tab,
    pub(crate) zoom: u32,
    /// The value that is shown whole: `input`, `event-12`.
    pub(crate) whole: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    chrome: Chrome,
    run: &'a Run,
    runs: &'a [Run],
    this_run: usize,
    child_rows: &'a [(u8, Run)],
    state: State,
    sentence: Sentence,
    timeline: Timeline,
    svg: Safe<String>,
    history: History<'a>,
    messages: Vec<EventRow<'a>>,
    has_more_messages: bool,
    known: Known,
    queues: Vec<Queue>,
    tabs: [TabLink; 5],
    tab: Tab,
    zoom: u32,
    whole: Option<&'a str>,
    base: String,
}

/// The page.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(parts: RunParts<'_>) -> askama::Result<String> {
    let run = parts.run;
    let base = run.href();
    let drawn = match parts.tab {
        Tab::Timeline => svg(&parts.timeline),
        _ => String::new(),
    };
    // How many messages there are is known where all of them were read.
    let messages = (parts.tab == Tab::Messages && !parts.has_more_messages)
        .then_some(parts.messages.len() as u64);
    let link = |slug, title, count| TabLink { slug, title, count };
    let place = parts
        .runs
        .iter()
        .rev()
        .position(|other| other.run_id == run.run_id);
    RunPage {
        state: parts.chrome.state(run),
        sentence: parts.chrome.sentence(run),
        this_run: place.map_or(1, |place| place + 1),
        tabs: [
            link("timeline", "Timeline", None),
            link("history", "History", run.history_events),
            link(
                "children",
                "Children",
                Some(run.children.as_ref().map_or(0, |children| children.total)),
            ),
            link("messages", "Messages", messages),
            link("definition", "Definition", None),
        ],
        svg: Safe(drawn),
        base,
        chrome: parts.chrome,
        run,
        runs: parts.runs,
        child_rows: parts.child_rows,
        timeline: parts.timeline,
        history: parts.history,
        messages: parts.messages,
        has_more_messages: parts.has_more_messages,
        known: parts.known,
        queues: parts.queues,
        tab: parts.tab,
        zoom: parts.zoom.clamp(1, ZOOM_MAX),
        whole: parts.whole,
    }
    .render()
}

/// The widest picture, in widths of the window.
const ZOOM_MAX: u32 = 8;

impl RunPage<'_> {
    /// A value of its own: what a page shows at once, or all of it.
    fn json(&self, json: &Json, name: &str) -> Safe<String> {
        #[derive(Template)]
        #[template(
            ext = "html",
            source = "<pre tabindex=\"0\">{{ text }}</pre>{% if let Some(size) = more %}<a href=\"{{ base }}?all={{ name }}#v-{{ name }}\">show all ({{ size }})</a>{% endif %}"
        )]
        struct Value<'a> {
            text: String,
            more: Option<String>,
            base: &'a str,
            name: &'a str,
        }
        let is_whole = self.whole == Some(name) || !json.is_cut();
        let value = Value {
            text: if is_whole { json.all() } else { json.start() },
            more: (!is_whole).then(|| json.size()),
            base: &self.base,
            name,
        };
        Safe(value.render().unwrap_or_default())
    }

    /// The list of runs whose attribute is the same.
    fn by_attribute(&self, name: &Told, json: &Json) -> String {
        let (name, value) = (name.raw(), json.raw());
        // A list, or what makes no address, leads to all that have one.
        let is_plain = value.len() <= FILTERED_BYTES_MAX && !value.starts_with(['[', '{']);
        let filter = match (is_plain, value.starts_with('"')) {
            (true, true) => format!("`{name}` = {}", quoted(json.plain().raw())),
            (true, false) => format!("`{name}` = {value}"),
            (false, _) => format!("`{name}` IS NOT NULL"),
        };
        // As people write it: a name that could be nothing else stands without quotes.
        let filter = Filter::parse(&filter).map_or(filter, |filter| filter.to_string());
        format!("/workflows?query={}", percent(&filter))
    }

    fn children_query(&self) -> String {
        percent(&format!(
            "ParentWorkflowId = {}",
            quoted(self.run.workflow_id.raw())
        ))
    }

    fn failed_children(&self) -> String {
        let query = format!(
            "ParentWorkflowId = {} AND Status = \"Failed\"",
            quoted(self.run.workflow_id.raw())
        );
        format!("/workflows?query={}", percent(&query))
    }

    /// `2 workers, 3,210 waiting`: who reads the queue of an activity, where that is known.
    fn readers(&self, activity: &Activity) -> Option<String> {
        let mut queues = self.queues.iter();
        queues
            .find(|queue| queue.name == activity.task_queue)?
            .readers()
    }

    /// The activity that the button beside the sentence tries again.
    fn retryable(&self) -> Option<&Activity> {
        self.run
            .pending_activities
            .iter()
            .find(|activity| activity.state == "retrying")
    }

    /// The signal that is waited for, to begin with.
    fn waited_signal(&self) -> &str {
        let wait = self.run.waits.iter().find(|wait| wait.kind == "signal");
        wait.map_or("", |wait| wait.name.raw())
    }

    fn lane_class(&self, lane: &Lane) -> &'static str {
        match lane.end {
            End::Open if lane.coming.is_some() => "retrying",
            End::Open => "running",
            End::Done => "done",
            End::Failed | End::TimedOut => "failed",
            End::Canceled => "quiet",
        }
    }

    fn shown<'a>(&self, lane: &'a Lane) -> &'a [Attempt] {
        lane.attempts
            .get(..ATTEMPTS_LISTED_MAX)
            .unwrap_or(&lane.attempts)
    }

    fn is_all(&self, row: &EventRow<'_>) -> bool {
        self.whole.and_then(|whole| whole.strip_prefix("event-"))
            == Some(row.event.seq.to_string().as_str())
    }

    fn event_json(&self, row: &EventRow<'_>) -> String {
        let json = &row.event.attributes;
        match self.is_all(row) {
            true => json.all(),
            false => json.start_of(self.history.value_bytes_max),
        }
    }

    /// The address that shows all of an event, where not all of it is shown.
    fn whole(&self, row: &EventRow<'_>) -> Option<String> {
        let (seq, json) = (row.event.seq, &row.event.attributes);
        let is_cut = json.raw().len() > self.history.value_bytes_max || json.is_short();
        (is_cut && !self.is_all(row)).then(|| {
            let show = self.history.show;
            format!("?tab=history&show={show}&at={seq}&all=event-{seq}#event-{seq}")
        })
    }

    /// All messages, as events.
    fn all_messages(&self) -> String {
        format!("?tab=history&show=full&type={}", percent(MESSAGES))
    }
}

/// A text of the filter language.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
