//! Who does the sagas: their processes, their topics, what a start and a reply look like.

use rdkafka::{
    Message as _,
    message::{BorrowedMessage, OwnedHeaders},
};
use sagaline_journal::wire::topic;

use crate::{bare, kafka::PARTITIONS};

/// One way to do the same sagas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A loop without an engine.
    Bare,
}

impl Contender {
    /// In the order in which they are measured.
    pub(super) const ALL: [Self; 1] = [Self::Bare];

    /// Its name in tables, and part of its topics' names.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
        }
    }

    /// The key of one of its figures in a row's JSON.
    pub(super) fn key(self, figure: &str) -> String {
        match self {
            Self::Bare => format!("bare_{figure}"),
        }
    }

    /// This binary's hidden subcommands that are its engine and its worker.
    pub(super) const fn subcommands(self) -> [&'static str; 2] {
        match self {
            Self::Bare => ["bare-engine", "bare-worker"],
        }
    }

    /// The topics that must be there before its processes start, with their partitions.
    pub(super) fn topics(self, namespace: &str) -> Vec<(String, i32)> {
        match self {
            Self::Bare => vec![
                (topic::inbox(namespace), PARTITIONS),
                (topic::results(namespace), PARTITIONS),
                (topic::journal(namespace), PARTITIONS),
                (topic::tasks(namespace, bare::QUEUE), PARTITIONS),
                (topic::replies(namespace), 1),
            ],
        }
    }

    /// The headers of a start record.
    pub(super) fn start_headers(self, _saga: &str) -> Option<OwnedHeaders> {
        match self {
            Self::Bare => None,
        }
    }

    /// The saga that a reply says is closed; any other reply is `None`.
    pub(super) fn closed<'a>(self, reply: &'a BorrowedMessage<'_>) -> Option<&'a str> {
        match self {
            Self::Bare => {
                (reply.payload() == Some(bare::COMPLETED)).then(|| reply.key_view()?.ok())?
            }
        }
    }
}
