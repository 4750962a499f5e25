//! A started run, as its starter sees it.

use std::{fmt, marker::PhantomData};

use sagaline_core::{Failure, Name, Payload};
use sagaline_journal::{
    Error as RequestError, ErrorKind,
    wire::{ce_type, header, outcome},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Client, ClientError,
    replies::{Reply, Waiting},
    request::Request,
};
use crate::{Error, json};

/// A run that this client started, or found open under the id.
pub struct Handle<R> {
    pub(super) client: Client,
    pub(super) workflow_id: String,
    pub(super) run_id: String,
    waiting: Waiting,
    result: PhantomData<fn() -> R>,
}

impl<R> Handle<R> {
    pub(super) fn new(
        client: Client,
        workflow_id: String,
        run_id: String,
        waiting: Waiting,
    ) -> Self {
        Self {
            client,
            workflow_id,
            run_id,
            waiting,
            result: PhantomData,
        }
    }

    /// The workflow id.
    #[must_use]
    pub fn workflow_id(&self) -> &str {
        &self.workflow_id
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Waits for the run's end, however long that takes, and gives what it returned.
    ///
    /// # Errors
    /// [`ClientError::Failed`], [`ClientError::Canceled`], [`ClientError::Terminated`]: the run ended so, after what it
    /// had done was compensated. [`ClientError::Request`]: the answer cannot be heard any more, or not be understood.
    pub async fn result(&self) -> Result<R, ClientError>
    where
        R: DeserializeOwned,
    {
        let last = self.waiting.last().await?;
        self.read(last.decoded(&self.client.coding))
    }

    /// Sends this run a message. Returns when that is in the journal.
    ///
    /// # Errors
    /// As [`Client::signal`].
    pub async fn signal<T: Serialize + ?Sized>(
        &self,
        signal: &str,
        input: &T,
    ) -> Result<(), ClientError> {
        let request = Request::signal(&self.workflow_id, signal, input)?;
        let request = request.header(header::RUN_ID, &self.run_id);
        self.client.tell(request).await
    }

    /// Asks this run to stop; what it has done is compensated. Returns when that is in the journal.
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub async fn cancel(&self, reason: &str) -> Result<(), ClientError> {
        let request = Request::stop(ce_type::WORKFLOW_CANCEL, &self.workflow_id, reason);
        self.client
            .tell(request.header(header::RUN_ID, &self.run_id))
            .await
    }

    /// Ends this run at once; what it has done is left as it is.
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub async fn terminate(&self, reason: &str) -> Result<(), ClientError> {
        let request = Request::stop(ce_type::WORKFLOW_TERMINATE, &self.workflow_id, reason);
        self.client
            .tell(request.header(header::RUN_ID, &self.run_id))
            .await
    }

    fn read(&self, last: Reply) -> Result<R, ClientError>
    where
        R: DeserializeOwned,
    {
        match last.outcome.as_str() {
            outcome::COMPLETED => read(&format!("result of {}", self.workflow_id), &last.value),
            outcome::CANCELED => Err(ClientError::Canceled(last.error_message)),
            outcome::TERMINATED => Err(ClientError::Terminated(last.error_message)),
            outcome::TIMED_OUT => Err(ClientError::TimedOut(failure(last))),
            _ => Err(ClientError::Failed(failure(last))),
        }
    }
}

/// Reads what a run returned, or one of its handlers.
pub(super) fn read<R: DeserializeOwned>(what: &str, value: &Payload) -> Result<R, ClientError> {
    json::decode(what, value).map_err(|error| {
        RequestError::new(ErrorKind::Invalid, "workflow-result", error.message()).into()
    })
}

/// The error that an answer tells of.
pub(super) fn failure(last: Reply) -> Error {
    let error_type = Name::new(&last.error_type).unwrap_or_else(|_| Name::from("Failed"));
    let failure = Failure::new(error_type, last.error_message);
    Error::from_failure(match last.value.data() {
        [] => failure,
        _ => failure.with_details(last.value),
    })
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("workflow_id", &self.workflow_id)
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}
