//! Messages for a run's handlers, and questions: of the open run of an id, or of one run and no other.

use sagaline_journal::{
    Error,
    wire::{ce_type, header, outcome},
};
use serde::de::DeserializeOwned;

use super::{Client, ClientError, Handle, UpdateWorkflow, handle, request::Request};
use crate::{QueryCall, SignalCall, UpdateCall};

impl Client {
    /// Sends the open run of an id a message that a handler takes. Returns when that is in the journal.
    ///
    /// # Errors
    /// As [`Client::signal`].
    pub async fn send<H>(&self, workflow_id: &str, call: SignalCall<H>) -> Result<(), ClientError> {
        self.tell(signal(workflow_id, call)?).await
    }

    /// Asks the open run of an id something, which changes nothing.
    ///
    /// # Errors
    /// [`ClientError::Failed`]: the query says so, or the run's program cannot answer.
    /// [`ErrorKind::NotFound`](sagaline_journal::ErrorKind::NotFound),
    /// [`ErrorKind::Conflict`](sagaline_journal::ErrorKind::Conflict): no run of that id is known, or open.
    /// [`ErrorKind::Unavailable`](sagaline_journal::ErrorKind::Unavailable): no engine answered in time.
    pub async fn query<R: DeserializeOwned, H>(
        &self,
        workflow_id: &str,
        call: QueryCall<R, H>,
    ) -> Result<R, ClientError> {
        self.answered(query(workflow_id, call)?).await
    }

    /// Asks the open run of an id to change.
    ///
    /// Awaited, it gives the answer once the update has ended.
    pub fn update<A, H>(&self, workflow_id: &str, call: UpdateCall<A, H>) -> UpdateWorkflow<A> {
        UpdateWorkflow::new(self.clone(), update(workflow_id, call))
    }

    /// Asks, and reads the answer.
    async fn answered<R: DeserializeOwned>(&self, request: Request) -> Result<R, ClientError> {
        let (reply, _) = self.ask(request).await?;
        match reply.outcome.as_str() {
            outcome::COMPLETED => handle::read("answer", &reply.value),
            _ => Err(ClientError::Failed(handle::failure(reply))),
        }
    }
}

impl<R> Handle<R> {
    /// Sends this run a message that a handler takes. Returns when that is in the journal.
    ///
    /// # Errors
    /// As [`Client::signal`].
    pub async fn send<H>(&self, call: SignalCall<H>) -> Result<(), ClientError> {
        let request = signal(&self.workflow_id, call)?.header(header::RUN_ID, &self.run_id);
        self.client.tell(request).await
    }

    /// Asks this run something, which changes nothing.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn query<A: DeserializeOwned, H>(
        &self,
        call: QueryCall<A, H>,
    ) -> Result<A, ClientError> {
        let request = query(&self.workflow_id, call)?.header(header::RUN_ID, &self.run_id);
        self.client.answered(request).await
    }

    /// Asks this run to change.
    ///
    /// Awaited, it gives the answer once the update has ended.
    pub fn update<A, H>(&self, call: UpdateCall<A, H>) -> UpdateWorkflow<A> {
        let request = update(&self.workflow_id, call);
        let request = request.map(|request| request.header(header::RUN_ID, &self.run_id));
        UpdateWorkflow::new(self.client.clone(), request)
    }
}

fn signal<H>(workflow_id: &str, call: SignalCall<H>) -> Result<Request, Error> {
    let message = (header::SIGNAL, call.erase());
    Request::message(ce_type::WORKFLOW_SIGNAL, workflow_id, message)
}

fn query<R, H>(workflow_id: &str, call: QueryCall<R, H>) -> Result<Request, Error> {
    let message = (header::QUERY, call.erase());
    Request::message(ce_type::WORKFLOW_QUERY, workflow_id, message)
}

fn update<A, H>(workflow_id: &str, call: UpdateCall<A, H>) -> Result<Request, Error> {
    let message = (header::UPDATE, call.erase());
    Request::message(ce_type::WORKFLOW_UPDATE, workflow_id, message)
}
