//! Requests made of what records are made of, for whoever hands payloads on as they are: servers, gateways.
//!
//! Deliberately absent: types of workflows, and what an answer means. Names are those of [`sagaline_journal::wire`].

use sagaline_core::{Cause, Payload, RunId, Seq, WorkflowId, run_id_of_appended};
use sagaline_journal::{Error, ErrorKind, wire::outcome};

use super::{Client, Request, replies::Reply, replies::Waiting, request::new_id};

/// A request about one workflow, made of a record's parts; [`Client::send_raw`] sends it.
#[derive(Debug)]
pub struct RawRequest(Request);

/// What comes back for a request that is in the inbox. Dropped, it is no longer waited for.
#[derive(Debug)]
pub struct RawAnswers {
    waiting: Waiting,
    cause: Cause,
    new_run: Option<RunId>,
}

/// One answer, its payload as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// One of [`outcome`].
    pub outcome: String,
    /// The run that it is of.
    pub run_id: Option<RunId>,
    /// Where in the run's history the request stands.
    pub event_seq: Option<Seq>,
    /// The error's type, empty where there is none.
    pub error_type: String,
    /// The error's message.
    pub error_message: String,
    /// The result, or details of the error.
    pub value: Payload,
}

impl RawRequest {
    /// A request of that type; `source` is who asks, and the first half of its identity.
    #[must_use]
    pub fn new(ce_type: &'static str, workflow_id: &WorkflowId, source: &str) -> Self {
        let request = Request::new(ce_type, workflow_id.as_str()).source(source);
        Self(request.id(new_id().to_string()))
    }

    /// Says which request this is: the same again does nothing again.
    #[must_use]
    pub fn id(self, id: impl Into<String>) -> Self {
        Self(self.0.id(id.into()))
    }

    /// Adds a header, if there is a value for it.
    #[must_use]
    pub fn header(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => Self(self.0.header(name, value)),
            None => self,
        }
    }

    /// What it carries for the app, which the client's codec encodes.
    #[must_use]
    pub fn value(self, value: Payload) -> Self {
        Self(self.0.value(value))
    }

    /// What it carries for the engine.
    #[must_use]
    pub fn plain(self, value: Payload) -> Self {
        Self(self.0.plain(value))
    }

    /// The input of a message that goes with a start, in this header.
    #[must_use]
    pub fn beside(self, header: &'static str, input: Payload) -> Self {
        Self(self.0.payload_beside(header, input))
    }

    /// Signs it with the client's keys: only those who have them may operate.
    #[must_use]
    pub fn signed(self) -> Self {
        Self(self.0.signed())
    }
}

impl Client {
    /// Sends a request; it is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: it is too large. [`ErrorKind::Unavailable`]: not acknowledged in time, it may be there or not.
    pub async fn send_raw(&self, request: RawRequest) -> Result<RawAnswers, Error> {
        let shared = &self.shared;
        let RawRequest(request) = request;
        let request = request.coded(&self.coding)?;
        let workflow_id = WorkflowId::new(request.workflow_id())
            .map_err(|error| Error::new(ErrorKind::Invalid, "workflow-id", error.to_string()))?;
        let (source, id) = request.identity();
        let waiting = shared.replies.expect();
        let is_signed = request.is_signed();
        let mut record = request.into_record(
            &shared.inbox,
            shared.partitions,
            shared.replies.topic(),
            waiting.correlation(),
        )?;
        if is_signed {
            self.keys.sign_record(&mut record);
        }
        let partition = record.partition;
        let appended = shared.producer.append(record).await?;
        let cause = Cause {
            source: source.into(),
            id: id.into(),
            topic: shared.inbox.clone(),
            partition,
            offset: appended.offset,
        };
        let namespace = shared
            .inbox
            .rsplit_once('.')
            .map(|(namespace, _)| namespace);
        let new_run = namespace.zip(appended.at).map(|(namespace, at)| {
            run_id_of_appended(namespace, &workflow_id, cause.identity(), at)
        });
        Ok(RawAnswers {
            waiting,
            cause,
            new_run,
        })
    }
}

impl RawAnswers {
    /// The first answer, however long that takes.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: answers are no longer heard.
    pub async fn first(&mut self) -> Result<RawAnswer, Error> {
        self.waiting.first().await.map(RawAnswer::of)
    }

    /// The last one: how what was asked for has ended.
    ///
    /// # Errors
    /// As of [`Self::first`].
    pub async fn last(&self) -> Result<RawAnswer, Error> {
        self.waiting.last().await.map(RawAnswer::of)
    }

    /// What its events say that they come of.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The run that it makes if it is a start that makes one; unknown where the broker has not said when it was appended.
    #[must_use]
    pub const fn new_run(&self) -> Option<RunId> {
        self.new_run
    }
}

impl RawAnswer {
    fn of(reply: Reply) -> Self {
        Self {
            outcome: reply.outcome,
            run_id: reply.run_id.parse().ok(),
            event_seq: reply.event_seq,
            error_type: reply.error_type,
            error_message: reply.error_message,
            value: reply.value,
        }
    }

    /// Whether it is a refusal.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.outcome == outcome::REJECTED
    }

    /// Whether no other follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.outcome != outcome::ACCEPTED
    }
}
