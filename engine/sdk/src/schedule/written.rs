//! A schedule as people write it: when, what, and what happens when one is still under way.

use std::collections::BTreeMap;

use sagaline_core::{
    Fields, Name, OUR_NAMES, SCHEDULE_ID_PREFIX, WORKFLOW_ID_BYTES_MAX, is_field_name,
    workflow_of_id,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Instant, Span, Spec, invalid::Invalid, spec::Times};
use crate::Result;

/// Longest schedule, as JSON: beside what it knows it is the input of the run that goes on with it.
const SCHEDULE_BYTES_MAX: usize = 256 * 1024;

/// Longest note.
const NOTE_BYTES_MAX: usize = 4 * 1024;

/// The shortest catch-up window: what is late by less is never taken for missed.
const CATCH_UP_MIN_MS: u64 = 10_000;

/// How long before now something due is still caught up with, unless said.
const CATCH_UP_DEFAULT: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

/// What a due time adds to the id of the workflow that is started, at most: `/` and an instant with microseconds.
const DUE_BYTES_MAX: usize = 28;

/// Something that starts by itself.
///
/// # Example: a report each night, in Zurich
/// ```
/// use sagaline_sdk::schedule::{Action, Overlap, Schedule, Spec};
///
/// let spec = Spec::cron("30 2 * * *").in_time_zone("Europe/Zurich");
/// let schedule = Schedule::new(spec, Action::new("report", &"Zurich")).overlap(Overlap::BufferOne);
///
/// assert!(schedule.check().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When it is due.
    #[serde(default)]
    pub spec: Spec,
    /// What is started then.
    pub action: Action,
    /// What happens to one that is due while another is under way.
    #[serde(default)]
    pub overlap: Overlap,
    /// What was due so long ago, while no engine ran, is still taken; what was due before is counted as missed. 365 days
    /// unless said, and at least 10 seconds.
    #[serde(default = "catch_up_default")]
    pub catch_up: Span,
    /// Whether it pauses by itself when what it started fails or runs out of time.
    #[serde(default)]
    pub pause_on_failure: bool,
    /// Whether it takes nothing by itself now; what is asked for by hand is taken all the same.
    #[serde(default)]
    pub paused: bool,
    /// For people: why it is paused, or resumed.
    #[serde(default)]
    pub note: String,
    /// How many it still takes by itself; for ever unless said.
    #[serde(default)]
    pub remaining: Option<u64>,
}

/// What a schedule starts: a workflow, under the id `<schedule>/<due time>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its name.
    pub workflow: String,
    /// Its version; the highest at that time unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its input.
    #[serde(default)]
    pub input: Json,
    /// Its search attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Json>,
    /// Its memo.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memo: BTreeMap<String, Json>,
    /// How long its run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<Span>,
    /// How long it and the runs that continue it may take together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout: Option<Span>,
}

/// What happens to one that is due while another that the schedule started is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is not started.
    #[default]
    Skip,
    /// It waits until the other has ended; if one waits already, it is not started.
    BufferOne,
    /// It waits until all before it have ended. Of more than 1,000 that wait the latest are not started.
    BufferAll,
    /// The other is asked to stop, which compensates what it has done; then it starts. Of several that wait for that, the
    /// last is started.
    CancelOther,
    /// The other ends at once, as it is; then it starts. Of several that wait for that, the last is started.
    TerminateOther,
    /// It starts beside the other.
    AllowAll,
}

/// Start what was due in the past, or will be in the future, as if it were due now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    /// The first due time that counts.
    pub from: Instant,
    /// The last.
    pub to: Instant,
    /// What happens while another is under way; one behind the other unless said.
    #[serde(default = "Backfill::overlap_default")]
    pub overlap: Overlap,
}

impl Overlap {
    /// Whether each that is due may be started at last.
    pub(super) const fn takes_all(self) -> bool {
        matches!(self, Self::BufferAll | Self::AllowAll)
    }
}

impl Backfill {
    pub(crate) const fn overlap_default() -> Overlap {
        Overlap::BufferAll
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        match self.from <= self.to {
            true => Ok(()),
            false => Err(Invalid::new("`to` is before `from`").within("backfill")),
        }
    }
}

/// A JSON value, handed on as it was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The JSON text of a value; `null` if it has none.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Self {
        serde_json::value::to_raw_value(value).map_or_else(|_| Self::default(), Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl Default for Json {
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

fn catch_up_default() -> Span {
    CATCH_UP_DEFAULT.into()
}

impl Schedule {
    /// One that is due by `spec` and starts `action`; all else is as unless said.
    #[must_use]
    pub fn new(spec: Spec, action: Action) -> Self {
        Self {
            spec,
            action,
            catch_up: catch_up_default(),
            ..Self::default()
        }
    }

    /// The same with another rule for one that is due while another is under way.
    #[must_use]
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Says whether it can be one.
    ///
    /// # Errors
    /// It says what is not allowed; the message names the field.
    pub fn check(&self) -> Result<()> {
        self.checked()?;
        Ok(())
    }

    /// The same, with its due times ready to be searched.
    pub(super) fn checked(&self) -> Result<Times, Invalid> {
        let times = self.spec.times().map_err(|wrong| wrong.within("spec"))?;
        self.action
            .check()
            .map_err(|wrong| wrong.within("action"))?;
        if self.catch_up.as_millis() < CATCH_UP_MIN_MS {
            let text = format!("`{}`: 10s and more are allowed", self.catch_up);
            return Err(Invalid::new(text).within("catch_up"));
        }
        check_note(&self.note)?;
        let bytes = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if bytes > SCHEDULE_BYTES_MAX {
            let text = format!("{bytes} bytes of JSON; {SCHEDULE_BYTES_MAX} are allowed");
            return Err(Invalid::new(text).within("schedule"));
        }
        Ok(times)
    }
}

/// Says whether a note is short enough.
pub(super) fn check_note(note: &str) -> Result<(), Invalid> {
    if note.len() <= NOTE_BYTES_MAX {
        return Ok(());
    }
    let text = format!("{} bytes; {NOTE_BYTES_MAX} are allowed", note.len());
    Err(Invalid::new(text).within("note"))
}

/// Says whether a schedule can have that name: the ids of what it starts begin with it.
pub(crate) fn check_name(name: &str) -> Result<(), Invalid> {
    let most = WORKFLOW_ID_BYTES_MAX - SCHEDULE_ID_PREFIX.len().max(DUE_BYTES_MAX);
    if name.is_empty() || name.len() > most {
        let text = format!("{} bytes; 1 to {most} are allowed", name.len());
        return Err(Invalid::new(text).within("name of a schedule"));
    }
    if workflow_of_id(&format!("{name}/")).is_some() {
        let text =
            format!("`{name}`: an id of a workflow that began so would be of Sagaline's own");
        return Err(Invalid::new(text).within("name of a schedule"));
    }
    Ok(())
}

impl Action {
    /// The workflow of that name with that input.
    #[must_use]
    pub fn new(workflow: impl Into<String>, input: &(impl Serialize + ?Sized)) -> Self {
        Self {
            workflow: workflow.into(),
            input: Json::of(input),
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        Name::new(&self.workflow)
            .map_err(|wrong| Invalid::new(wrong.to_string()).within("workflow"))?;
        if self.workflow.starts_with(OUR_NAMES) {
            let text = format!("`{}` is Sagaline's own", self.workflow);
            return Err(Invalid::new(text).within("workflow"));
        }
        if let Some(version) = &self.version {
            semver::Version::parse(version)
                .map_err(|wrong| Invalid::new(format!("`{version}`: {wrong}")).within("version"))?;
        }
        check_fields("attributes", &self.attributes)?;
        check_fields("memo", &self.memo)
    }
}

fn check_fields(what: &str, fields: &BTreeMap<String, Json>) -> Result<(), Invalid> {
    let wrong = |text: String| Invalid::new(text).within(what);
    let mut checked = BTreeMap::new();
    for (name, value) in fields {
        let name = Name::new(name)
            .ok()
            .filter(|name| is_field_name(name.as_str()))
            .ok_or_else(|| wrong(format!("`{name}`: this is no name of one")))?;
        checked.insert(name, Box::from(value.as_str()));
    }
    Fields::new(checked)
        .map(|_| ())
        .map_err(|over| wrong(format!("{over:?}")))
}
