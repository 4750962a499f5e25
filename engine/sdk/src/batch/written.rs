//! A batch as it is written: what is done, by whom, how fast, and on what.

use std::collections::BTreeMap;

use sagaline_core::{Name, filter::FILTER_BYTES_MAX};
use sagaline_journal::wire::act;
use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::{
    Error, Result, SignalCall,
    schedule::{Invalid, Json},
};

/// Most bytes of all that one batch acts on, as JSON: it is carried from run to run.
pub const TARGETS_BYTES_MAX: usize = 28 * 1024 * 1024;

/// As many targets are told at once.
pub const TOLD_AT_ONCE_MAX: usize = 500;

/// Longest arguments of an act: they stand in the history once for each chunk.
const ARGUMENTS_BYTES_MAX: usize = 64 * 1024;

/// Longest reason.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// The slowest rate.
const PER_SECOND_MIN: f64 = 0.01;

/// The fastest.
const PER_SECOND_MAX: f64 = 1_000_000.0;

/// One act on many workflows.
///
/// # Example: two orders are cancelled, slowly
/// ```
/// use sagaline_sdk::batch::{Batch, Target};
///
/// let batch = Batch::cancel("the shop closes").per_second(0.5);
/// let targets = ["order-1", "order-2"].map(Target::workflow);
///
/// assert_eq!(batch.act, "cancel");
/// assert_eq!(targets[1].workflow_id, "order-2");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// `cancel`, `terminate`, `signal`, or one of an operator, in the protocol's words.
    pub act: String,
    /// Its arguments: `{"compensate"}` of `cancel` and `terminate`, `{"name","input"}` of `signal`, else the body of the act.
    #[serde(default)]
    pub arguments: Json,
    /// Why: it is kept in the histories of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who does it.
    pub actor: String,
    /// The filter that meant them, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// At most so many each second; as fast as it goes unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// How many it acts on.
    pub matched: u64,
}

/// What a batch acts on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The workflow.
    pub workflow_id: String,
    /// Only this run of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Which activity of it, for acts on activities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_id: Option<u32>,
    /// Which incident of that run, for acts on incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_seq: Option<u64>,
}

/// Some of what a batch acts on; the signal [`TARGETS`](super::TARGETS) carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// They are acted on in this order.
    pub targets: Vec<Target>,
}

impl Target {
    /// Whatever run of a workflow is open.
    pub fn workflow(workflow_id: impl Into<String>) -> Self {
        Self {
            workflow_id: workflow_id.into(),
            ..Self::default()
        }
    }
}

impl Batch {
    /// Does an act with these arguments.
    pub fn new(act: impl Into<String>, arguments: &(impl Serialize + ?Sized)) -> Self {
        Self {
            act: act.into(),
            arguments: Json::of(arguments),
            ..Self::default()
        }
    }

    /// Asks workflows to stop; what they have done is compensated.
    #[must_use]
    pub fn cancel(reason: &str) -> Self {
        Self::new(Template::CANCEL, &()).reason(reason)
    }

    /// Ends workflows at once; what they have done is left as it is.
    #[must_use]
    pub fn terminate(reason: &str) -> Self {
        Self::new(Template::TERMINATE, &()).reason(reason)
    }

    /// Holds workflows up.
    #[must_use]
    pub fn pause(reason: &str) -> Self {
        Self::new(act::PAUSE, &()).reason(reason)
    }

    /// Lets paused workflows go on.
    #[must_use]
    pub fn resume(reason: &str) -> Self {
        Self::new(act::RESUME, &()).reason(reason)
    }

    /// Has workflows go on from this event of theirs; the runs that they are in end.
    #[must_use]
    pub fn reset(event_seq: u64, reason: &str) -> Self {
        let to = BTreeMap::from([("event_seq", event_seq)]);
        Self::new(act::RESET, &to).reason(reason)
    }

    /// Sends workflows a message.
    ///
    /// # Errors
    /// The message cannot be written as JSON.
    pub fn signal<H>(call: SignalCall<H>) -> Result<Self> {
        #[derive(Serialize)]
        struct Message<'a> {
            name: &'a str,
            input: Json,
        }
        let message = call.erase();
        let (name, input) = (message.name?, message.input?);
        let input = Json::of(&sagaline_core::show::Shown(&input));
        Ok(Self::new(
            Template::SIGNAL,
            &Message {
                name: name.as_str(),
                input,
            },
        ))
    }

    /// Says why.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says who does it.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Does at most so many each second.
    #[must_use]
    pub const fn per_second(mut self, rate: f64) -> Self {
        self.per_second = Some(rate);
        self
    }

    /// Says whether it can be one.
    ///
    /// # Errors
    /// It says what is not allowed; the message names the field.
    pub fn check(&self) -> Result<()> {
        self.checked().map(drop).map_err(Error::from)
    }

    /// The same, with the form of its acts.
    pub(super) fn checked(&self) -> Result<Template, Invalid> {
        let within = |field: &str, text: String| Invalid::new(text).within(field);
        Name::new(&self.actor).map_err(|wrong| within("actor", wrong.to_string()))?;
        for (field, text, most) in [
            ("reason", &self.reason, REASON_BYTES_MAX),
            ("query", &self.query, FILTER_BYTES_MAX),
        ] {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > most {
                return Err(within(field, format!("{bytes} bytes; {most} are allowed")));
            }
        }
        if let Some(rate) = self.per_second
            && !(PER_SECOND_MIN..=PER_SECOND_MAX).contains(&rate)
        {
            let text = format!("{rate}; {PER_SECOND_MIN} to {PER_SECOND_MAX} are allowed");
            return Err(within("per_second", text));
        }
        let bytes = self.arguments.as_str().len();
        if bytes > ARGUMENTS_BYTES_MAX {
            let text = format!("{bytes} bytes; {ARGUMENTS_BYTES_MAX} are allowed in a batch");
            return Err(within("arguments", text));
        }
        Template::of(self)
    }
}
