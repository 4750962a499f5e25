//! Batches: begun, looked at and stopped by whoever has a client and the keys.

use std::fmt;

use sagaline_core::{BATCH_WORKFLOW, Payload};
use sagaline_journal::{
    Error, ErrorKind,
    wire::{ce_type, header, id_conflict},
};

use super::{Client, ClientError, Request};
use crate::{
    batch::{
        Batch, Description, GO, TARGETS, TARGETS_BYTES_MAX, TOLD_AT_ONCE_MAX, Target, Told, begin,
        workflow::describe, workflow_id,
    },
    json,
};

/// A batch of an id, there or not; [`Client::batch`] makes it.
///
/// What it is given it does to the end, whatever crashes; what each act was answered is counted. Begun again under the same id
/// it does nothing again. Only those who have the [`keys`](Client::keys) may begin one.
///
/// # Example: two orders are cancelled
/// ```no_run
/// use sagaline_sdk::{
///     batch::{Batch, Target},
///     client::{Client, ClientError},
/// };
///
/// # async fn example(client: Client) -> Result<(), ClientError> {
/// let batch = client.batch("closing-2026-11");
/// let orders = ["order-1", "order-2"].map(Target::workflow);
/// batch.begin(Batch::cancel("the shop closes").actor("ada"), &orders).await?;
/// println!("{} done", batch.describe().await?.tally.done);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BatchHandle {
    client: Client,
    id: String,
}

impl Client {
    /// The batch of that id, there or not.
    #[must_use]
    pub fn batch(&self, id: impl Into<String>) -> BatchHandle {
        BatchHandle {
            client: self.clone(),
            id: id.into(),
        }
    }
}

impl BatchHandle {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Begins it. Returns when all that it acts on is in the journal: then it is done, whatever crashes. Before that nothing
    /// is done.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`]: there is one of that id. [`ErrorKind::Invalid`]: it says what is not allowed, it acts on too
    /// much, or the keys are not the engine's. [`ErrorKind::Unavailable`]: no engine answered in time.
    pub async fn begin(&self, mut batch: Batch, targets: &[Target]) -> Result<(), ClientError> {
        let id = workflow_id(&self.id).map_err(|error| invalid(error.message()))?;
        batch.matched = targets.len() as u64;
        let input = begin(batch).map_err(|error| invalid(error.message()))?;
        let mut told = Vec::new();
        for some in targets.chunks(TOLD_AT_ONCE_MAX) {
            let some = Told {
                targets: some.to_vec(),
            };
            told.push(json::encode(TARGETS, &some).map_err(|error| invalid(error.message()))?);
        }
        let bytes: usize = told.iter().map(|some| some.data().len()).sum();
        if bytes > TARGETS_BYTES_MAX {
            let text = format!(
                "what the batch acts on has {bytes} bytes; {TARGETS_BYTES_MAX} are allowed: make several batches of it"
            );
            return Err(invalid(&text));
        }
        let start = Request::new(ce_type::WORKFLOW_START, &id)
            .header(header::WORKFLOW, BATCH_WORKFLOW)
            .header(header::ID_CONFLICT, id_conflict::FAIL)
            .value(input);
        self.client.tell(start.signed()).await?;
        for some in told {
            self.signal(&id, TARGETS, some).await?;
        }
        self.signal(&id, GO, Payload::json(*b"null")).await
    }

    async fn signal(&self, id: &str, name: &str, input: Payload) -> Result<(), ClientError> {
        let request = Request::new(ce_type::WORKFLOW_SIGNAL, id).header(header::SIGNAL, name);
        self.client.tell(request.value(input).signed()).await
    }

    /// How far it is, as long as it is open.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Conflict`]: there is none of that id, or it has ended.
    /// [`ErrorKind::Unavailable`]: no engine answered in time.
    pub async fn describe(&self) -> Result<Description, ClientError> {
        let id = workflow_id(&self.id).map_err(|error| invalid(error.message()))?;
        self.client.query(&id, describe()).await
    }

    /// Stops it: what it has begun it ends, and the rest is left.
    ///
    /// # Errors
    /// As of [`describe`](Self::describe).
    pub async fn cancel(&self, reason: &str) -> Result<(), ClientError> {
        let id = workflow_id(&self.id).map_err(|error| invalid(error.message()))?;
        self.client.cancel(&id, reason).await
    }
}

fn invalid(text: &str) -> ClientError {
    Error::new(ErrorKind::Invalid, "request-rejected", text).into()
}

impl fmt::Debug for BatchHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
