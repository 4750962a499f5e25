//! What every input record asks, as its sender knows it: what the checks hold the engine's answers against.
//!
//! The header [`MARK`] carries a record's number, also over a forward: headers that are not ours are handed on.

use std::sync::Arc;

use sagaline_core::{
    IdConflict, IdReuse, Name, OptionsChange, QueueAct, RunId, WorkflowId, event::RejectReason,
};
use sagaline_journal::{Headers, NewRecord, Record, wire::header};

/// Names the record's number in [`Inputs`].
pub(crate) const MARK: &str = "x-sim";

/// All input records that clients and workers made, by number.
#[derive(Debug, Default)]
pub(crate) struct Inputs(Vec<Input>);

/// One input record.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) workflow_id: Option<WorkflowId>,
    /// `ce_source` and `ce_id`; without them its place is its identity.
    pub(crate) identity: Option<(String, String)>,
    pub(crate) asks: Asks,
}

/// What it asks.
#[derive(Clone, Debug)]
pub(crate) enum Asks {
    Start(StartAsked),
    Cancel(StopAsked),
    Terminate(StopAsked),
    Signal(SignalAsked),
    /// A start that comes with a signal.
    StartWith(StartAsked, SignalAsked),
    Update(UpdateAsked),
    /// Another run's signal.
    SignalOf(SignalKey, SignalAsked),
    /// What became of a run's signal: it is there, or was refused by that type of error.
    SignalTold(SignalKey, Option<String>),
    /// A person steps in.
    Operate(OperateAsked),
    /// Also a query: it is answered and changes nothing.
    Describe,
    Report(Reported),
    /// An attempt is due: run, activity, attempt.
    RetryDue(RunId, u32, u32),
    /// Something about a limited queue.
    Queue(QueueAsked),
    /// A run wants its child to stop.
    StopChild(StopChildAsked),
    /// A child, by its parent's run and its number there, has ended.
    ChildClosed(ChildKey),
    /// It is to go to a topic of its sender's.
    Delayed,
    /// It must be refused for this reason.
    Bad(RejectReason),
}

#[derive(Clone, Debug)]
pub(crate) struct StartAsked {
    pub(crate) id_conflict: IdConflict,
    pub(crate) id_reuse: IdReuse,
    pub(crate) wants_reply: bool,
    /// It names a version that may be known or not.
    pub(crate) may_be_unknown: bool,
    /// It is the start of this child.
    pub(crate) parent: Option<ChildKey>,
}

/// A child: its parent's run, and its number there.
pub(crate) type ChildKey = (RunId, u32);

/// A signal to another run: its sender's run, and its number there.
pub(crate) type SignalKey = (RunId, u32);

/// What a run wants of its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StopChildAsked {
    pub(crate) of: ChildKey,
    /// At once, and not only to be asked to stop.
    pub(crate) terminate: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct StopAsked {
    pub(crate) compensate: bool,
    pub(crate) wants_reply: bool,
}

/// A message for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignalAsked {
    pub(crate) signal: String,
    pub(crate) input: Vec<u8>,
    pub(crate) wants_reply: bool,
}

/// A request to change, whose sender always wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpdateAsked {
    pub(crate) update_id: String,
    pub(crate) number: u64,
}

impl UpdateAsked {
    pub(crate) fn input(&self) -> Vec<u8> {
        self.number.to_string().into_bytes()
    }
}

impl Asks {
    /// A start, with or without a message.
    pub(crate) const fn start(&self) -> Option<&StartAsked> {
        match self {
            Self::Start(asked) | Self::StartWith(asked, _) => Some(asked),
            _ => None,
        }
    }

    /// A signal, with or without a start.
    pub(crate) const fn signal(&self) -> Option<&SignalAsked> {
        match self {
            Self::Signal(asked) | Self::StartWith(_, asked) | Self::SignalOf(_, asked) => {
                Some(asked)
            }
            _ => None,
        }
    }
}

/// What a person does, and who wants to know.
#[derive(Clone, Debug)]
pub(crate) struct OperateAsked {
    /// Only to this run.
    pub(crate) run_id: Option<RunId>,
    pub(crate) act: ByHand,
    pub(crate) wants_reply: bool,
}

/// What a person does to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ByHand {
    Pause,
    Resume,
    /// It is to be closed.
    Delete,
    /// To this event.
    Reset(u64),
    /// To an activity, perhaps although a worker may be at it.
    Activity {
        id: u32,
        act: OnActivity,
        even_if_running: bool,
    },
    /// To an incident, by the position of its first event.
    Incident {
        seq: u64,
        act: OnIncident,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnActivity {
    Pause,
    Resume,
    Retry(Option<Vec<u8>>),
    Complete(Vec<u8>),
    Fail,
    /// None: what cannot be.
    Update(Option<OptionsChange>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnIncident {
    Retry(Option<Vec<u8>>),
    Skip(Vec<u8>),
    Fail,
}

/// What a person, or another partition, says of a limited queue: attempts by run, activity and attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueAsked {
    Change {
        act: QueueAct,
        wants_reply: bool,
    },
    /// Its home changed it: which, and to which version.
    Adopt(Name, u64),
    Offer((RunId, u32, u32)),
    Send((RunId, u32, u32)),
    End((RunId, u32, u32)),
}

impl What {
    /// Whether the attempt is over with it.
    pub(crate) const fn is_final(&self) -> bool {
        !matches!(self, Self::Started | Self::Heartbeat(_))
    }
}

/// What a worker says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) run_id: RunId,
    pub(crate) activity_id: u32,
    pub(crate) attempt: u32,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Started,
    Heartbeat(Option<Vec<u8>>),
    Completed(Vec<u8>),
    Failed {
        error_type: String,
        non_retryable: bool,
    },
    Canceled,
}

impl Input {
    /// What an engine's record asks.
    pub(crate) fn of_engine(record: &NewRecord, asks: Asks) -> Option<Self> {
        let text = |name| std::str::from_utf8(record.headers.get(name)?).ok();
        let key = std::str::from_utf8(record.key.as_deref()?).ok()?;
        Some(Self {
            workflow_id: WorkflowId::new(key).ok(),
            identity: Some((
                text(header::CE_SOURCE)?.to_owned(),
                text(header::CE_ID)?.to_owned(),
            )),
            asks,
        })
    }
}

impl Inputs {
    /// Remembers an input and marks its record.
    pub(crate) fn add(&mut self, record: &mut NewRecord, input: Input) {
        record.push_header(MARK, self.0.len().to_string());
        self.0.push(input);
    }

    /// The number that the next one gets.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What a record asks; none: it was not a client's or worker's.
    pub(crate) fn of(&self, record: &Record) -> Option<&Input> {
        let text = std::str::from_utf8(record.header(MARK)?).ok()?;
        self.0.get(text.parse::<usize>().ok()?)
    }
}

/// A record for an input topic with the headers of CloudEvents.
pub(crate) fn draft(topic: &Arc<str>, partition: i32, key: &str, ce_type: &str) -> NewRecord {
    let mut record = NewRecord {
        topic: topic.clone(),
        partition,
        key: Some(key.as_bytes().to_vec()),
        value: None,
        headers: Headers::new(),
    };
    record.push_header(header::CE_TYPE, ce_type);
    record
}

/// Adds an identity to a record.
pub(crate) fn identify(record: &mut NewRecord, source: &str, id: &str) {
    if !source.is_empty() {
        record.push_header(header::CE_SOURCE, source);
    }
    record.push_header(header::CE_ID, id);
}
