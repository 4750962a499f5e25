//! The closed sets of words inside events: outcomes, kinds of incident, reasons of rejection.
//!
//! In Avro each is an enum with the names of the code; on the wire and for people each variant has one word.

use alloc::{boxed::Box, format, string::String};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    IdReuse, Name, Payload,
    show::{Attributes, Read, Show, Shown},
};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It returned.
    Completed,
    /// It failed.
    Failed,
    /// It was cancelled.
    Canceled,
    /// It was terminated.
    Terminated,
    /// Its time ran out.
    TimedOut,
    /// Another run goes on in its place.
    ContinuedAsNew,
}

impl Outcome {
    /// The status of a run that ended so, as the API writes it.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::TimedOut => "TimedOut",
            Self::ContinuedAsNew => "ContinuedAsNew",
        }
    }
}

/// Why a run waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IncidentKind {
    /// An activity's attempts are used up and its policy says `park`.
    AttemptsExhausted,
    /// The program differs from history.
    Nondeterminism,
    /// The program panicked.
    Panic,
    /// No owner has the program.
    DefinitionMissing,
    /// A compensation is used up, or a completed step has none.
    CompensationFailed,
    /// Activating the run stopped its engine.
    Quarantined,
    /// The program asked for more than a limit allows.
    Limit,
    /// The program waits for nothing that could come.
    Deadlock,
}

/// An answer to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What became of it.
    pub outcome: AnswerOutcome,
    /// `sl-error-type`.
    pub error_type: Option<Name>,
    /// `sl-error-message`.
    pub error_message: Option<Box<str>>,
    /// The result.
    pub result: Option<Payload>,
}

impl Read for Answer {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            outcome: of.read("outcome")?,
            error_type: of.read("error_type")?,
            error_message: of.read("error_message")?,
            result: of.read("result")?,
        })
    }
}

impl Show for Answer {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("outcome", self.outcome.as_str())?;
        map.serialize_entry("error_type", &self.error_type)?;
        map.serialize_entry("error_message", &self.error_message)?;
        map.serialize_entry("result", &Shown(&self.result))?;
        map.end()
    }
}

/// Declares an enum whose variants are Avro symbols (as in the code) and have a word on the wire and for people.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)* }) => {
        impl $name {
            /// All words, in order.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The word on the wire and for people.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }
        impl Show for $name {
            fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl Read for $name {
            fn read(shown: &RawValue) -> Result<Self, String> {
                match shown.get().trim_matches('"') {
                    $( $word => Ok(Self::$variant), )*
                    other => Err(format!("`{other}` is none of {:?}", Self::WORDS)),
                }
            }
        }
    };
}

words!(IncidentKind {
    AttemptsExhausted = "attempts-exhausted",
    Nondeterminism = "nondeterminism",
    Panic = "panic",
    DefinitionMissing = "definition-missing",
    CompensationFailed = "compensation-failed",
    Quarantined = "quarantined",
    Limit = "limit",
    Deadlock = "deadlock",
});

words!(Outcome {
    Completed = "completed",
    Failed = "failed",
    Canceled = "canceled",
    Terminated = "terminated",
    TimedOut = "timed-out",
    ContinuedAsNew = "continued-as-new",
});

/// `sl-outcome` of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerOutcome {
    /// Journaled.
    Accepted,
    /// The run completed.
    Completed,
    /// The run failed.
    Failed,
    /// The run was cancelled.
    Canceled,
    /// The run was terminated.
    Terminated,
    /// Refused.
    Rejected,
    /// The run's time ran out.
    TimedOut,
}

words!(AnswerOutcome {
    Accepted = "accepted",
    Completed = "completed",
    Failed = "failed",
    Canceled = "canceled",
    Terminated = "terminated",
    Rejected = "rejected",
    TimedOut = "timed-out",
});

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectReason {
    /// It has no key.
    NoKey,
    /// Its key is no workflow id: empty, too long or not UTF-8.
    BadKey,
    /// Key and `ce_subject` are both there and differ.
    KeyMismatch,
    /// Its `ce_type` is missing or unknown.
    UnknownType,
    /// Its `ce_type` is known, but not accepted on this topic.
    WrongTopic,
    /// A required header is missing.
    MissingHeader,
    /// A header's value is none of those allowed.
    BadHeader,
    /// It asks for something that this version does not have.
    Unsupported,
    /// A structured CloudEvent could not be read.
    BadEnvelope,
    /// No owner has, or had, a workflow of that name.
    UnknownWorkflow,
    /// The workflow has no open run (or not that one).
    NoOpenRun,
    /// The token or the MAC is missing, forged, or signed by a key that is not known.
    Forged,
    /// It was forwarded once already and still lies in the wrong partition.
    Misrouted,
    /// Value or headers are over their limit.
    TooLarge,
    /// The reply topic is not on the allow-list.
    BadReplyTopic,
    /// The run's history is at its limit.
    HistoryFull,
    /// Its workflow id is one of Sagaline's own, and its workflow is not; or the other way round.
    ReservedId,
}

words!(RejectReason {
    NoKey = "no-key",
    BadKey = "bad-key",
    KeyMismatch = "key-mismatch",
    UnknownType = "unknown-type",
    WrongTopic = "wrong-topic",
    MissingHeader = "missing-header",
    BadHeader = "bad-header",
    Unsupported = "unsupported",
    BadEnvelope = "bad-envelope",
    UnknownWorkflow = "unknown-workflow",
    NoOpenRun = "no-open-run",
    Forged = "forged",
    Misrouted = "misrouted",
    TooLarge = "too-large",
    BadReplyTopic = "bad-reply-topic",
    HistoryFull = "history-full",
    ReservedId = "reserved-id",
});

/// What the end of a run means for its children that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParentClosePolicy {
    /// They end at once.
    #[default]
    Terminate,
    /// They are asked to stop, and compensate what they have done.
    Cancel,
    /// They go on, and what they have done is theirs to undo.
    Abandon,
}

words!(ParentClosePolicy {
    Terminate = "terminate",
    Cancel = "cancel",
    Abandon = "abandon",
});

words!(IdReuse {
    RejectDuplicate = "reject-duplicate",
    AllowDuplicate = "allow-duplicate",
    AllowDuplicateFailedOnly = "allow-duplicate-failed-only",
});
