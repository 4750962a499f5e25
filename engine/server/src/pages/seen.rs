//! What the API says, as pages read it: the shapes of `GET /workflows`, `/workflows/{id}`, its history, and `/incidents`.
//!
//! Keys that a page does not show are passed over; a key that is missing is taken for null, so that an older answer still
//! makes a page.

use serde::Deserialize;

use super::{
    link,
    time::At,
    told::{Json, Told},
};

/// A run: a row of the list, or all about it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Run {
    pub(crate) workflow_id: Told,
    pub(crate) run_id: Told,
    pub(crate) workflow: Option<Told>,
    pub(crate) version: Option<Told>,
    pub(crate) status: String,
    pub(crate) situation: Option<String>,
    pub(crate) waiting_for: WaitingFor,
    pub(crate) waits: Vec<Wait>,
    pub(crate) task_queue: Option<Told>,
    pub(crate) attempt: Option<u32>,
    pub(crate) maximum_attempts: Option<u32>,
    pub(crate) next_attempt_at: Option<At>,
    pub(crate) last_failure: Option<LastFailure>,
    pub(crate) started_at: Option<At>,
    pub(crate) closed_at: Option<At>,
    pub(crate) parent: Option<Parent>,
    pub(crate) children: Option<Children>,
    pub(crate) compensation: Option<Compensation>,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) attributes: Fields,
    pub(crate) input: Option<Json>,
    pub(crate) result: Option<Json>,
    pub(crate) failure: Option<Failure>,
    pub(crate) memo: Fields,
    pub(crate) continued_from: Option<Told>,
    pub(crate) continued_as: Option<Told>,
    pub(crate) reset_of: Option<Told>,
    pub(crate) history_events: Option<u64>,
    pub(crate) history_bytes: Option<u64>,
    pub(crate) journal_partition: Option<i32>,
    pub(crate) as_of: Option<At>,
    pub(crate) server_time: Option<At>,
    pub(crate) pending_activities: Vec<Activity>,
    pub(crate) pending_timers: Vec<Timer>,
    pub(crate) pending_children: Option<PendingChildren>,
}

impl Run {
    pub(crate) const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// `order@1`; a trailing `.0` of the version is left out.
    pub(crate) fn workflow_and_version(&self) -> Told {
        let name = self.workflow.as_ref().map_or("", Told::raw);
        match &self.version {
            Some(version) => Told::from(format!("{name}@{}", short(version.raw())).as_str()),
            None => Told::from(name),
        }
    }

    /// Its page: of the newest run of the id, unless it is another.
    pub(crate) fn href(&self) -> String {
        link::to_run(self.workflow_id.raw(), self.run_id.raw())
    }

    /// The last of `1.2.3-…`: enough to tell runs of an id apart.
    pub(crate) fn short_run_id(&self) -> Told {
        let id = self.run_id.raw();
        Told::from(id.get(..id.floor_char_boundary(8)).unwrap_or(id))
    }
}

fn short(version: &str) -> &str {
    let mut short = version;
    while let Some(shorter) = short.strip_suffix(".0") {
        short = shorter;
    }
    short
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WaitingFor {
    pub(crate) text: Told,
    pub(crate) kind: String,
    pub(crate) until: Option<At>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wait {
    pub(crate) kind: String,
    pub(crate) name: Told,
    pub(crate) since: Option<At>,
    pub(crate) deadline: Option<At>,
    pub(crate) choices: Vec<Choice>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Choice {
    pub(crate) label: Told,
    pub(crate) input: Option<Json>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LastFailure {
    pub(crate) r#type: Told,
    pub(crate) message: Told,
    pub(crate) details: Option<Json>,
    pub(crate) at: Option<At>,
    pub(crate) took_ms: Option<i64>,
    pub(crate) worker: Option<Told>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) r#type: Told,
    pub(crate) message: Told,
    pub(crate) details: Option<Json>,
    pub(crate) non_retryable: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parent {
    pub(crate) workflow_id: Told,
    pub(crate) run_id: Told,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Children {
    pub(crate) total: u64,
    pub(crate) running: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) canceled: u64,
}

impl Children {
    /// Ended somehow, and those that are still to be started.
    pub(crate) fn not_started(&self) -> u64 {
        let started = [self.running, self.completed, self.failed, self.canceled];
        self.total
            .saturating_sub(started.into_iter().fold(0, u64::saturating_add))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PendingChildren {
    pub(crate) first: Vec<PendingChild>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PendingChild {
    pub(crate) workflow_id: Told,
    pub(crate) workflow: Told,
    pub(crate) started_at: Option<At>,
    #[serde(default)]
    pub(crate) cancel_requested: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Compensation {
    pub(crate) state: String,
    pub(crate) reason: Option<Told>,
    pub(crate) completed_steps: u64,
    pub(crate) registered: u64,
    pub(crate) done: u64,
    pub(crate) steps: Option<Vec<CompensationStep>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CompensationStep {
    pub(crate) of: Told,
    pub(crate) activity: Told,
    pub(crate) state: String,
    pub(crate) attempt: Option<u32>,
    pub(crate) next_attempt_at: Option<At>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Activity {
    pub(crate) activity: Told,
    pub(crate) activity_id: u64,
    pub(crate) attempt: u32,
    pub(crate) maximum_attempts: Option<u32>,
    pub(crate) attempts_left: Option<u32>,
    pub(crate) state: String,
    pub(crate) task_queue: Told,
    pub(crate) scheduled_at: Option<At>,
    pub(crate) started_at: Option<At>,
    pub(crate) last_failure: Option<LastFailure>,
    pub(crate) failures: Vec<FailureCount>,
    pub(crate) next_attempt_at: Option<At>,
    pub(crate) last_heartbeat_at: Option<At>,
    pub(crate) retry: Option<Json>,
    pub(crate) timeouts_ms: Timeouts,
    pub(crate) idempotency_key: Told,
    pub(crate) input: Option<Json>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FailureCount {
    pub(crate) r#type: Told,
    pub(crate) count: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Timeouts {
    pub(crate) schedule_to_start: Option<i64>,
    pub(crate) start_to_close: Option<i64>,
    pub(crate) schedule_to_close: Option<i64>,
    pub(crate) heartbeat: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Timer {
    pub(crate) id: u64,
    pub(crate) due_at: At,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Incident {
    pub(crate) id: Told,
    pub(crate) workflow_id: Told,
    pub(crate) run_id: Told,
    pub(crate) workflow: Told,
    pub(crate) version: Told,
    pub(crate) kind: String,
    pub(crate) activity: Option<Told>,
    pub(crate) activity_id: Option<u64>,
    pub(crate) attempt: Option<u32>,
    pub(crate) maximum_attempts: Option<u32>,
    pub(crate) error_type: Told,
    pub(crate) message: Told,
    pub(crate) since: Option<At>,
    pub(crate) times: u32,
    pub(crate) input: Option<Json>,
    pub(crate) attributes: Fields,
    pub(crate) resolution: Option<Resolution>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resolution {
    pub(crate) act: Told,
    pub(crate) actor: Told,
    pub(crate) reason: Option<Told>,
    pub(crate) at: Option<At>,
}

impl Incident {
    /// `order@1`
    pub(crate) fn workflow_and_version(&self) -> Told {
        Told::from(format!("{}@{}", self.workflow.raw(), short(self.version.raw())).as_str())
    }

    /// Its kind in words.
    pub(crate) fn kind_in_words(&self) -> &'static str {
        match self.kind.as_str() {
            "attempts-exhausted" => "attempts used up",
            "nondeterminism" => "program differs from history",
            "panic" => "program panicked",
            "definition-missing" => "definition missing",
            "compensation-failed" => "compensation failed",
            "quarantined" => "quarantined: its activation stopped the engine 3 times in a row",
            "limit" => "more than a limit allows",
            "deadlock" => "waits for nothing that could come",
            _ => "needs a person",
        }
    }
}

/// Named values: attributes, memo.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<(Told, Json)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Option::<std::collections::BTreeMap<Told, Json>>::deserialize(deserializer)?;
        Ok(Self(fields.unwrap_or_default().into_iter().collect()))
    }
}

impl Fields {
    pub(crate) fn get(&self, name: &Told) -> Option<&Json> {
        let mut fields = self.iter();
        fields
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Told, Json)> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One event of a history.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) at: At,
    pub(crate) r#type: Told,
    pub(crate) attributes: Json,
    #[serde(default)]
    pub(crate) cause: Option<Cause>,
    #[serde(default)]
    pub(crate) partition: Option<i32>,
    #[serde(default)]
    pub(crate) offset: Option<i64>,
}

/// What brought an event about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Cause {
    pub(crate) source: Told,
    pub(crate) id: Told,
    pub(crate) topic: Told,
    pub(crate) partition: Option<i32>,
    pub(crate) offset: Option<i64>,
}

impl Event {
    /// What pages show of its attributes; nothing of those that cannot be read.
    pub(crate) fn details(&self) -> Details {
        serde_json::from_str(self.attributes.raw()).unwrap_or_default()
    }

    pub(crate) fn is_failure(&self) -> bool {
        let name = self.r#type.raw();
        ["Failed", "TimedOut", "Rejected", "IncidentRaised"]
            .iter()
            .any(|end| name.ends_with(end))
    }
}

/// The attributes of events that pages know.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    pub(crate) activity_id: Option<u64>,
    pub(crate) activity: Option<Told>,
    pub(crate) attempt: Option<u32>,
    pub(crate) failure: Option<Failure>,
    pub(crate) next_attempt_at: Option<At>,
    pub(crate) worker: Option<Told>,
    pub(crate) task_queue: Option<Told>,
    pub(crate) compensable: Option<bool>,
    pub(crate) compensates: Option<u64>,
    pub(crate) child_id: Option<u64>,
    pub(crate) child_step: Option<Told>,
    pub(crate) workflow: Option<Told>,
    pub(crate) version: Option<Told>,
    pub(crate) workflow_id: Option<Told>,
    pub(crate) timer_id: Option<u64>,
    pub(crate) due_at: Option<At>,
    pub(crate) start_at: Option<At>,
    pub(crate) signal: Option<Told>,
    pub(crate) signal_id: Option<u64>,
    pub(crate) update: Option<Told>,
    pub(crate) update_id: Option<Told>,
    pub(crate) kind: Option<Told>,
    pub(crate) name: Option<Told>,
    pub(crate) act: Option<Told>,
    pub(crate) actor: Option<Told>,
    pub(crate) reason: Option<Told>,
    pub(crate) outcome: Option<Told>,
    pub(crate) incident_seq: Option<u64>,
    pub(crate) waits: Vec<Wait>,
    pub(crate) new_run_id: Option<Told>,
    pub(crate) input: Option<Json>,
    pub(crate) result: Option<Json>,
    pub(crate) value: Option<Json>,
}

/// A page of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunPage {
    /// Called `runs` where they are those of one workflow.
    #[serde(alias = "runs")]
    pub(crate) workflows: Vec<Run>,
    pub(crate) next_page_token: Option<Told>,
    pub(crate) as_of: Option<At>,
}

/// A page of a history.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HistoryPage {
    pub(crate) events: Vec<Event>,
    pub(crate) next_page_token: Option<Told>,
}

/// A page of incidents.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IncidentPage {
    pub(crate) incidents: Vec<Incident>,
    pub(crate) next_page_token: Option<Told>,
    pub(crate) as_of: Option<At>,
}

/// How many runs there are, in all or of each kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    pub(crate) count: u64,
    pub(crate) exact: Option<bool>,
    pub(crate) groups: Vec<CountGroup>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CountGroup {
    pub(crate) values: Vec<Option<Told>>,
    pub(crate) count: u64,
}

/// Why the API did not answer as it was asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) title: Option<Told>,
    pub(crate) status: u16,
    pub(crate) detail: Option<Told>,
    pub(crate) code: Told,
    pub(crate) hint: Option<Told>,
    pub(crate) position: Option<usize>,
}
