//! An attempt of an activity that completes elsewhere, as whoever completes it sees it.
//!
//! What is sent here is what a worker would send.

use sagaline_core::Payload;
use sagaline_journal::{Error as RequestError, ErrorKind};
use serde::Serialize;

use super::{Client, ClientError};
use crate::{
    CompletionToken, Error, Result,
    activity::encode_progress,
    json,
    worker::{answer::Answer, attempt::wall_clock},
};

/// An attempt that waits for somebody to complete it; [`Client::activity`] makes it of the attempt's token.
///
/// The first answer counts. One that comes after the attempt's time ran out, or after its run ended, is ignored: nobody
/// is told.
///
/// # Example: a click on a link in a mail
/// ```no_run
/// use sagaline_sdk::client::{Client, ClientError};
///
/// async fn clicked(client: &Client, token: &str) -> Result<(), ClientError> {
///     client.activity(token.parse()?).complete(&true).await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ActivityHandle {
    client: Client,
    token: CompletionToken,
    /// For people.
    name: String,
}

impl ActivityHandle {
    pub(super) fn new(client: Client, token: CompletionToken) -> Self {
        Self {
            client,
            token,
            name: format!("client-{}", std::process::id()),
        }
    }

    /// Completes it with this result, which is on all replicas when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: the result cannot be written as JSON or is too large, or the token is of another namespace.
    /// [`ErrorKind::Unavailable`]: not acknowledged in time; complete it again, the first one counts.
    pub async fn complete(&self, result: &(impl Serialize + ?Sized)) -> Result<(), ClientError> {
        let result = json::encode("the result", result).map_err(|error| invalid(&error))?;
        match Answer::to(Ok(result)) {
            Answer::Failed(too_large) => Err(invalid(&too_large)),
            answer => self.say(&answer).await,
        }
    }

    /// Fails it; by its policy another attempt follows, which says anew how it is completed.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn fail(&self, error: Error) -> Result<(), ClientError> {
        self.say(&Answer::Failed(error)).await
    }

    /// Says that it stopped, because its workflow asked it to.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn canceled(&self) -> Result<(), ClientError> {
        self.say(&Answer::Canceled(Error::canceled(""))).await
    }

    /// Says that it goes on, and how far it is: at least once per heartbeat time-out, if it has one. Each goes out.
    ///
    /// # Errors
    /// As [`Self::complete`]; progress may have 16 KB.
    pub async fn heartbeat(&self, progress: &(impl Serialize + ?Sized)) -> Result<(), ClientError> {
        let progress: Payload = encode_progress(progress).map_err(|error| invalid(&error))?;
        let at = wall_clock();
        self.say(&Answer::Heartbeat { progress, at }).await
    }

    async fn say(&self, answer: &Answer) -> Result<(), ClientError> {
        let (shared, address) = (&self.client.shared, &self.token.0);
        if address.topic != shared.results {
            let text = format!(
                "the completion token is for {}; this client writes to {}",
                address.topic, shared.results
            );
            return Err(RequestError::new(ErrorKind::Invalid, "completion-token", text).into());
        }
        let record = answer.record(address, &self.name);
        shared.producer.send(record).await?;
        Ok(())
    }
}

fn invalid(error: &Error) -> ClientError {
    RequestError::new(ErrorKind::Invalid, "activity-answer", error.message()).into()
}
