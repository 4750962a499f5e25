//! Questions to a program: what it is asked between its activations, and what it may answer.
//!
//! Invariant: a question changes nothing. A program that commands something all the same is dropped, and rebuilt from
//! what its run remembers.

use alloc::{format, string::String, vec::Vec};

use crate::{Failure, Name, Payload, RunId, WorkflowId, error_type};

/// What a program is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// A query: what it answers.
    Query {
        /// Its name.
        query: &'a Name,
        /// What it asks with.
        input: &'a Payload,
    },
    /// Whether it would take an update now; it answers nothing.
    Validate {
        /// The update's name.
        update: &'a Name,
        /// Its input.
        input: &'a Payload,
    },
}

/// A question, and about whom.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The run.
    pub run_id: RunId,
    /// The run's workflow id.
    pub workflow_id: &'a WorkflowId,
    /// What is asked.
    pub question: Question<'a>,
}

/// What a program says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquired {
    /// The answer.
    Answered(Payload),
    /// It has none, or does not want the update.
    Refused(Failure),
    /// It did more than answer: it is not what its history says any more.
    Changed,
}

impl Question<'_> {
    /// That the program has no handler of that name; `known` are those that it has.
    #[must_use]
    pub fn unknown(&self, known: impl IntoIterator<Item = &'static str>) -> Failure {
        let (what, name, error_type) = match self {
            Self::Query { query, .. } => ("query", query, error_type::UNKNOWN_QUERY),
            Self::Validate { update, .. } => ("update", update, error_type::UNKNOWN_UPDATE),
        };
        let known: Vec<&str> = known.into_iter().collect();
        let known = match known.is_empty() {
            true => String::from("none"),
            false => known.join(", "),
        };
        let message = format!("the workflow has no {what} {name}; known are: {known}");
        Failure::new(Name::from(error_type), message).non_retryable()
    }
}
