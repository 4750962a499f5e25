//! Signals from one run to another.
//!
//! ```text
//! sender: ExternalSignalSent ─▶ signal.external ─▶ target: SignalReceived {sender} ─▶ signal.delivered ─▶ sender: ExternalSignalDelivered
//!                                                  no run that takes it            ─▶ signal.refused   ─▶ sender: ExternalSignalFailed
//! ```
//! A refusal is always told, a delivery only to a sender whose program awaits it.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    ActivityId, Failure, Name, Payload, RunId, WorkflowId,
    show::{Attributes, Read, Show},
};

/// The run that sends a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The signal's number there, drawn from the same count as activities.
    pub signal_id: ActivityId,
    /// Whether its program waits until the signal is there.
    pub awaited: bool,
}

impl Show for Sender {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("workflow_id", &self.workflow_id)?;
        map.serialize_entry("run_id", &self.run_id)?;
        map.serialize_entry("signal_id", &self.signal_id)?;
        map.serialize_entry("awaited", &self.awaited)?;
        map.end()
    }
}

impl Read for Sender {
    fn read(shown: &RawValue) -> Result<Self, alloc::string::String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            workflow_id: of.read("workflow_id")?,
            run_id: of.read("run_id")?,
            signal_id: of.read("signal_id")?,
            awaited: of.read("awaited")?,
        })
    }
}

/// Send a signal to another run: what a program wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalExternal {
    /// The next number of the run.
    pub signal_id: ActivityId,
    /// Whose run shall have it.
    pub workflow_id: WorkflowId,
    /// Only this run of it, or the chain that begins with it.
    pub run_id: Option<RunId>,
    /// Only the child of that number.
    pub child_id: Option<ActivityId>,
    /// The signal's name.
    pub signal: Name,
    /// What it carries.
    pub input: Payload,
    /// Whether the program waits until it is there.
    pub awaited: bool,
}

/// A signal of another run, as its target gets it. Authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSignal {
    /// Whose run shall have it.
    pub workflow_id: WorkflowId,
    /// Only this run of it, or the chain that begins with it.
    pub run_id: Option<RunId>,
    /// Only the child of that number which that run started.
    pub child: Option<(RunId, ActivityId)>,
    /// The signal's name.
    pub signal: Name,
    /// What it carries.
    pub input: Payload,
    /// Who sends it.
    pub sender: Sender,
}

/// What became of a signal, as its sender is told. Authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalTold {
    /// Who sent it.
    pub sender: Sender,
    /// To whom.
    pub target: WorkflowId,
    /// What became of it.
    pub outcome: SignalOutcome,
}

/// What became of a signal to another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalOutcome {
    /// It is in the history of this run.
    Delivered(RunId),
    /// No run takes it.
    Refused(Box<Failure>),
}

/// Something for the run that a signal goes to, or for its sender, in another partition or this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalMessage {
    /// To the target.
    Signal(ExternalSignal),
    /// To the sender.
    Told(SignalTold),
}

impl Show for Box<Sender> {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).show(serializer)
    }
}

impl Read for Box<Sender> {
    fn read(shown: &RawValue) -> Result<Self, alloc::string::String> {
        Sender::read(shown).map(Self::new)
    }
}
