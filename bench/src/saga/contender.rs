//! Who does the sagas: their processes, their topics, what a start and a reply look like.

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
};
use sagaline_journal::wire::{ce_type, header, outcome, topic};

use crate::{
    bare,
    kafka::{PARTITIONS, Topics},
    sagaline,
};

/// One way to do the same sagas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The bare loop with a worker that is as bare: tasks without headers.
    Minimal,
    /// A loop without an engine, and the worker that Sagaline has.
    Bare,
    /// Engine and worker of an app.
    Sagaline,
    /// The same with local activities, in the engine's process.
    Local,
}

impl Contender {
    /// In the order in which they are measured.
    pub(super) fn all(minimal: bool, local: bool) -> Vec<Self> {
        let minimal = minimal.then_some(Self::Minimal);
        let local = local.then_some(Self::Local);
        let always = [Self::Bare, Self::Sagaline];
        minimal.into_iter().chain(always).chain(local).collect()
    }

    /// Its name in tables, and part of its topics' names.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Bare => "bare",
            Self::Sagaline => "sagaline",
            Self::Local => "local",
        }
    }

    /// The key of one of its figures in a row's JSON.
    pub(super) fn key(self, figure: &str) -> String {
        match (self, figure) {
            (Self::Minimal | Self::Bare | Self::Local, _) => format!("{}_{figure}", self.name()),
            (Self::Sagaline, "per_s" | "p50_ms" | "p99_ms") => format!("sagaline_{figure}"),
            (Self::Sagaline, _) => figure.to_owned(),
        }
    }

    /// This binary's hidden subcommands that are its engine and its worker.
    pub(super) const fn subcommands(self) -> [&'static str; 2] {
        match self {
            Self::Minimal => ["minimal-engine", "minimal-worker"],
            Self::Bare => ["bare-engine", "sagaline-worker"],
            Self::Sagaline => ["sagaline-engine", "sagaline-worker"],
            // It has nothing to do.
            Self::Local => ["sagaline-local-engine", "sagaline-worker"],
        }
    }

    /// Makes the topics, unless its engine does.
    pub(super) fn make_topics(self, topics: &Topics) -> Result<()> {
        let namespace = topics.namespace();
        match self {
            Self::Minimal | Self::Bare => topics.create(&[
                (topic::inbox(namespace), PARTITIONS),
                (topic::results(namespace), PARTITIONS),
                (topic::journal(namespace), PARTITIONS),
                (topic::tasks(namespace, bare::QUEUE), PARTITIONS),
                (topic::replies(namespace), 1),
            ]),
            Self::Sagaline | Self::Local => Ok(()),
        }
    }

    /// The headers of a start record.
    pub(super) fn start_headers(self, namespace: &str, saga: &str) -> Option<OwnedHeaders> {
        match self {
            Self::Minimal | Self::Bare => None,
            Self::Sagaline | Self::Local => {
                let replies = topic::replies(namespace);
                let headers = [
                    (header::CE_TYPE, ce_type::WORKFLOW_START),
                    (header::CE_ID, saga),
                    (header::WORKFLOW, sagaline::WORKFLOW),
                    (header::REPLY_TOPIC, &replies),
                    (header::CORRELATION, saga),
                ];
                let add = |all: OwnedHeaders, (key, value): (&str, &str)| {
                    let value = Some(value);
                    all.insert(Header { key, value })
                };
                let none = OwnedHeaders::new_with_capacity(headers.len());
                Some(headers.into_iter().fold(none, add))
            }
        }
    }

    /// The saga that a reply says is closed; of any other reply `None`.
    pub(super) fn closed<'a>(self, reply: &'a BorrowedMessage<'_>) -> Result<Option<&'a str>> {
        match self {
            Self::Minimal | Self::Bare => {
                let key = reply.key().map(str::from_utf8).transpose()?;
                Ok(key.filter(|_| reply.payload() == Some(bare::COMPLETED)))
            }
            Self::Sagaline | Self::Local => match text(reply, header::OUTCOME)? {
                outcome::ACCEPTED => Ok(None),
                outcome::COMPLETED => text(reply, header::CORRELATION).map(Some),
                other => bail!("a saga is {other}: {}", text(reply, header::ERROR_MESSAGE)?),
            },
        }
    }
}

fn text<'a>(reply: &'a BorrowedMessage<'_>, name: &str) -> Result<&'a str> {
    let headers = reply.headers().context("a reply without headers")?;
    let found = headers.iter().find(|header| header.key == name);
    let value = found.and_then(|header| header.value);
    Ok(str::from_utf8(
        value.with_context(|| format!("a reply without {name}"))?,
    )?)
}
