//! Decisions: what a command means for the state as it is. Pure; nothing changes here.
//!
//! One file per subject. A decision is events, a reason to ignore the input, or a [`Rejection`].

pub(crate) mod activity;
pub(crate) mod cancel;
pub(crate) mod chain;
pub(crate) mod child;
pub(crate) mod external;
pub(crate) mod fire;
pub(crate) mod operate;
pub(crate) mod program;
pub(crate) mod queue;
pub(crate) mod reset;
pub(crate) mod retry;
pub(crate) mod signal;
pub(crate) mod start;
pub(crate) mod undo;
pub(crate) mod update;

use alloc::{boxed::Box, string::String, vec::Vec};

use crate::{
    Event, Name, ReplyTo, Timestamp,
    event::{Answer, AnswerOutcome, RejectReason, ReplyRequested},
};

/// What an input that makes a run go on usually comes to: what happened, the next activity and its first attempt.
const EVENTS_USUAL: usize = 4;

/// The events of a transition that begins with this one; those that follow go on in the same list.
pub(crate) fn first(event: Event) -> Vec<Event> {
    let mut events = Vec::with_capacity(EVENTS_USUAL);
    events.push(event);
    events
}

/// An input that is refused, with its bytes kept in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A word for code.
    pub reason: RejectReason,
    /// For people: what is wrong, and what would be right.
    pub message: Box<str>,
    /// What a caller who wants an answer is told.
    pub reply: Option<Box<ReplyRequested>>,
}

impl Rejection {
    /// A rejection that answers nobody.
    #[must_use]
    pub fn new(reason: RejectReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into().into_boxed_str(),
            reply: None,
        }
    }

    /// The same, answered to `reply` if somebody wants an answer.
    #[must_use]
    pub fn answered(mut self, reply: Option<&ReplyTo>, error_type: &'static str) -> Self {
        self.reply = reply.map(|reply| Box::new(refusal(reply, error_type, self.message.clone())));
        self
    }
}

/// Why an input changes nothing although nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// This very input was taken before.
    Repeat,
    /// The attempt, activity or run that it speaks of is over.
    Stale,
    /// What it asks for is so already.
    Already,
    /// It comes too early: not before this instant.
    Early(Timestamp),
}

/// The answer to an input that is refused.
#[must_use]
pub fn refusal(
    reply: &ReplyTo,
    error_type: &'static str,
    message: impl Into<Box<str>>,
) -> ReplyRequested {
    ReplyRequested {
        reply: reply.clone(),
        answer: Answer {
            outcome: AnswerOutcome::Rejected,
            error_type: Some(Name::from(error_type)),
            error_message: Some(message.into()),
            result: None,
        },
        follow: false,
        parent: None,
        update_id: None,
        sender: None,
    }
}

pub(crate) fn accepted(reply: &ReplyTo, follow: bool) -> ReplyRequested {
    ReplyRequested {
        reply: reply.clone(),
        answer: Answer {
            outcome: AnswerOutcome::Accepted,
            error_type: None,
            error_message: None,
            result: None,
        },
        follow,
        parent: None,
        update_id: None,
        sender: None,
    }
}
