//! An attempt of an activity that completes elsewhere, as whoever completes it sees it.
//!
//! What is sent here is what a worker would send.

use sagaline_core::Payload;
use sagaline_journal::{Error as RequestError, ErrorKind, NewRecord};
use serde::Serialize;

use super::{Client, ClientError};
use crate::{
    CompletionToken, Error, Result,
    activity::encode_progress,
    codec::Coding,
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
        let answer = completed(result, &self.client.coding)?;
        self.say(&answer).await
    }

    /// Fails it; by its policy another attempt follows, which says anew how it is completed.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn fail(&self, error: Error) -> Result<(), ClientError> {
        let coding = &self.client.coding;
        let error = error.map_failure(|failure| coding.encode_details(failure));
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
        let progress: Result<Payload> = encode_progress(progress);
        let progress = progress.and_then(|progress| self.client.coding.encode_progress(progress));
        let progress = progress.map_err(|error| invalid(&error))?;
        let at = wall_clock();
        self.say(&Answer::Heartbeat { progress, at }).await
    }

    async fn say(&self, answer: &Answer) -> Result<(), ClientError> {
        let shared = &self.client.shared;
        let record = record(&shared.results, &self.token, answer, &self.name)?;
        shared.producer.send(record).await?;
        Ok(())
    }
}

fn completed(result: &(impl Serialize + ?Sized), coding: &Coding) -> Result<Answer, ClientError> {
    let result = json::encode("the result", result).and_then(|result| coding.encode(result));
    let result = result.map_err(|error| invalid(&error))?;
    match Answer::to(Ok(result)) {
        Answer::Failed(too_large) => Err(invalid(&too_large)),
        answer => Ok(answer),
    }
}

/// The record of an answer, for a client that writes to `results`.
fn record(
    results: &str,
    token: &CompletionToken,
    answer: &Answer,
    name: &str,
) -> Result<NewRecord, RequestError> {
    let address = &token.0;
    if *address.topic != *results {
        let text = format!(
            "the completion token is for {}; this client writes to {results}",
            address.topic
        );
        return Err(RequestError::new(
            ErrorKind::Invalid,
            "completion-token",
            text,
        ));
    }
    Ok(answer.record(address, name))
}

fn invalid(error: &Error) -> ClientError {
    RequestError::new(ErrorKind::Invalid, "activity-answer", error.message()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ActivityContext;

    fn code(error: &ClientError) -> (&'static str, String) {
        match error {
            ClientError::Request(error) => (error.code(), error.message().to_owned()),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_result_that_cannot_be_sent_is_the_caller_s_error_and_the_attempt_still_waits() {
        let large = "x".repeat(sagaline_core::PAYLOAD_BYTES_MAX);
        let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);

        let too_large = completed(&large, &Coding::default()).unwrap_err();
        let not_json = completed(&keys_are_no_text, &Coding::default()).unwrap_err();

        assert_eq!(
            code(&too_large),
            (
                "activity-answer",
                "the result has 921602 bytes; 921600 are allowed".to_owned()
            )
        );
        assert_eq!(code(&not_json).0, "activity-answer");
        assert!(matches!(
            completed(&7, &Coding::default()),
            Ok(Answer::Completed(_))
        ));
    }

    #[test]
    fn a_token_of_another_namespace_is_refused() {
        let token = ActivityContext::local().completion_token();
        let answer = completed(&7, &Coding::default()).unwrap();

        let sent = record("local", &token, &answer, "client-1").unwrap();
        let refused = record("shop.results", &token, &answer, "client-1").unwrap_err();

        assert_eq!((&*sent.topic, sent.partition), ("local", 0));
        assert_eq!(refused.code(), "completion-token");
        assert_eq!(
            refused.message(),
            "the completion token is for local; this client writes to shop.results"
        );
    }
}
