//! An update, as whoever asks for it sees it: sent, accepted, ended.

use std::{fmt, future::IntoFuture, marker::PhantomData};

use sagaline_journal::{
    Error,
    wire::{header, outcome},
};
use serde::de::DeserializeOwned;

use super::{Client, ClientError, handle, replies::Waiting, request::Request};
use crate::{BoxFuture, codec::Coding};

/// An update that `.await` sends, and awaits the end of; [`Client::update`] makes it.
///
/// # Errors
/// Awaited: [`ClientError::Rejected`] when the workflow does not want it, [`ClientError::Failed`] when it came to nothing;
/// [`ErrorKind::Conflict`](sagaline_journal::ErrorKind::Conflict) and
/// [`ErrorKind::NotFound`](sagaline_journal::ErrorKind::NotFound) when there is no open run,
/// [`ErrorKind::Unavailable`](sagaline_journal::ErrorKind::Unavailable) when no engine answered in time: the update is in
/// the inbox all the same.
#[must_use = "an update is sent when it is awaited"]
pub struct UpdateWorkflow<A> {
    client: Client,
    request: Result<Request, Error>,
    answer: PhantomData<fn() -> A>,
}

/// An update that was accepted.
pub struct UpdateHandle<A> {
    waiting: Waiting,
    coding: Coding,
    run_id: String,
    answer: PhantomData<fn() -> A>,
}

impl<A> UpdateWorkflow<A> {
    pub(super) fn new(client: Client, request: Result<Request, Error>) -> Self {
        Self {
            client,
            request,
            answer: PhantomData,
        }
    }

    /// Says which update this is: sent again under the same id, it is not done again, and answers the same.
    pub fn update_id(mut self, id: &str) -> Self {
        self.request = self
            .request
            .map(|request| request.header(header::UPDATE_ID, id));
        self
    }

    /// Sends it, and waits only until it is accepted: the run will do it, whatever crashes.
    ///
    /// # Errors
    /// Those of the update that come before it has ended.
    pub async fn accepted(self) -> Result<UpdateHandle<A>, ClientError> {
        let (first, waiting) = self.client.ask_update(self.request?).await?;
        Ok(UpdateHandle {
            waiting,
            coding: self.client.coding,
            run_id: first.run_id,
            answer: PhantomData,
        })
    }
}

impl<A> UpdateHandle<A> {
    /// The run that does it.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Waits for its end, however long that takes, and gives its answer.
    ///
    /// # Errors
    /// [`ClientError::Failed`]: it came to nothing, or the run closed before (`sagaline.Closed`).
    /// [`ClientError::Request`]: the answer cannot be heard any more, or not be understood.
    pub async fn result(&self) -> Result<A, ClientError>
    where
        A: DeserializeOwned,
    {
        let last = self.waiting.last().await?.decoded(&self.coding);
        match last.outcome.as_str() {
            outcome::COMPLETED => handle::read("answer of the update", &last.value),
            _ => Err(ClientError::Failed(handle::failure(last))),
        }
    }
}

impl<A: DeserializeOwned + 'static> IntoFuture for UpdateWorkflow<A> {
    type Output = Result<A, ClientError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.accepted().await?.result().await })
    }
}

impl<A> fmt::Debug for UpdateWorkflow<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateWorkflow")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for UpdateHandle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateHandle")
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}
