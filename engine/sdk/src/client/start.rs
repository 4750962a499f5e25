//! Starting a workflow: the call, the id, and the rules for when the id is in use.

use std::{
    fmt,
    future::IntoFuture,
    marker::PhantomData,
    time::{Duration, SystemTime},
};

use sagaline_core::{Millis, Timestamp, show::Shown};
use sagaline_journal::{
    Error, ErrorKind,
    wire::{ce_type, header, id_conflict, id_reuse},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Client, ClientError, Handle, UpdateWorkflow, request::Request};
use crate::{
    BoxFuture, Retry, SignalCall, UpdateCall,
    duration::millis,
    workflow::{ErasedWorkflowCall, Message},
};

/// What a start does while a run of the same id is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdConflict {
    /// Nothing: the handle is of the open run.
    #[default]
    UseExisting,
    /// It is refused.
    Fail,
    /// The open run is terminated and a new one started.
    TerminateExisting,
}

/// What a start does when the last run of the same id is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdReuse {
    /// It is refused.
    #[default]
    RejectDuplicate,
    /// A new run starts.
    AllowDuplicate,
    /// A new run starts unless the last one completed.
    AllowDuplicateFailedOnly,
}

/// A start that `.await` sends; [`Client::start`] makes it.
///
/// # Errors
/// Awaited: [`ErrorKind::Conflict`] when the id rules refuse it, [`ErrorKind::NotFound`] when no engine knows the workflow,
/// [`ErrorKind::Unavailable`] when no engine answered in time: the start is in the inbox all the same.
#[must_use = "a start is sent when it is awaited"]
pub struct StartWorkflow<R> {
    client: Client,
    call: ErasedWorkflowCall,
    workflow_id: String,
    id: Option<String>,
    id_conflict: IdConflict,
    id_reuse: IdReuse,
    run_timeout: Option<Duration>,
    execution_timeout: Option<Duration>,
    trace: Vec<(&'static str, String)>,
    message: Option<(With, Message)>,
    start_at: Option<Timestamp>,
    retry: Option<Retry>,
    /// Search attributes and memo, as JSON objects in these headers.
    about: Vec<(&'static str, Result<String, Error>)>,
    result: PhantomData<fn() -> R>,
}

impl<R> StartWorkflow<R> {
    pub(super) fn new(client: Client, call: ErasedWorkflowCall, workflow_id: String) -> Self {
        Self {
            client,
            call,
            workflow_id,
            id: None,
            id_conflict: IdConflict::default(),
            id_reuse: IdReuse::default(),
            run_timeout: None,
            execution_timeout: None,
            trace: Vec::new(),
            message: None,
            start_at: None,
            retry: None,
            about: Vec::new(),
            result: PhantomData,
        }
    }

    /// Says which start this is: sent again under the same key, it does nothing again.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.id = Some(key.into());
        self
    }

    /// What to do while a run of the id is open; `UseExisting` unless said.
    pub fn id_conflict(mut self, rule: IdConflict) -> Self {
        self.id_conflict = rule;
        self
    }

    /// What to do when the last run of the id is closed; `RejectDuplicate` unless said.
    pub fn id_reuse(mut self, rule: IdReuse) -> Self {
        self.id_reuse = rule;
        self
    }

    /// Lets the run take this long; for ever unless said. Then what it has done is undone, and it ends as timed out.
    pub fn run_timeout(mut self, limit: Duration) -> Self {
        self.run_timeout = Some(limit);
        self
    }

    /// Lets the run and those that continue it take this long together; for ever unless said.
    pub fn execution_timeout(mut self, limit: Duration) -> Self {
        self.execution_timeout = Some(limit);
        self
    }

    /// Says within which trace (W3C: `traceparent`) it is started: all its activities and children are told.
    pub fn traceparent(mut self, parent: impl Into<String>) -> Self {
        self.trace.push((header::TRACEPARENT, parent.into()));
        self
    }

    /// What vendors add to the trace context; without a [`traceparent`](Self::traceparent) it is not looked at.
    pub fn tracestate(mut self, state: impl Into<String>) -> Self {
        self.trace.push((header::TRACESTATE, state.into()));
        self
    }

    /// Gives the run search attributes, by which lists find it: [`Attributes`](crate::Attributes), a struct or a map, a field each.
    pub fn attributes(self, fields: &(impl Serialize + ?Sized)) -> Self {
        self.about(header::ATTRIBUTES, "attributes", fields)
    }

    /// Gives the run a memo, which is for people, likewise.
    pub fn memo(self, fields: &(impl Serialize + ?Sized)) -> Self {
        self.about(header::MEMO, "memo", fields)
    }

    fn about(
        mut self,
        header: &'static str,
        what: &str,
        fields: &(impl Serialize + ?Sized),
    ) -> Self {
        let json = serde_json::to_string(fields).map_err(|error| {
            Error::new(
                ErrorKind::Invalid,
                "request-rejected",
                format!("{what}: {error}"),
            )
        });
        self.about.push((header, json));
        self
    }

    /// Sends the run a message with its start; one that is open already is sent only the message.
    ///
    /// The message has at most 20 KB: it travels in a header.
    pub fn send<H>(mut self, call: SignalCall<H>) -> Self {
        self.message = Some((With::Signal, call.erase()));
        self
    }

    /// Asks the run to change with its start; one that is open already is only asked to change.
    ///
    /// Awaited, it gives the update's answer. The update's input has at most 20 KB: it travels in a header.
    pub fn update<A, H>(mut self, call: UpdateCall<A, H>) -> UpdateWorkflow<A> {
        self.message = Some((With::Update, call.erase()));
        UpdateWorkflow::new(self.client.clone(), self.into_request())
    }

    /// Lets it begin then, and not before; in the past: at once. Until then it is open, and can be signalled, paused, cancelled.
    pub fn start_at(mut self, at: Timestamp) -> Self {
        self.start_at = Some(at);
        self
    }

    /// The same, counted from now by the clock of this machine.
    pub fn start_delay(self, delay: Duration) -> Self {
        let at = now().plus(Millis(millis(delay)));
        self.start_at(at)
    }

    /// Tries it again when it fails or its run time-out passes, as a new run of the same id with the same input, once what it
    /// had done is undone; never unless said. Whoever waits for the result hears of the last run alone.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Starts it and waits for its result.
    ///
    /// # Errors
    /// Those of the start, and those of [`Handle::result`].
    pub async fn execute(self) -> Result<R, ClientError>
    where
        R: DeserializeOwned + 'static,
    {
        self.await?.result().await
    }

    async fn begin(self) -> Result<Handle<R>, ClientError> {
        let (client, workflow_id) = (self.client.clone(), self.workflow_id.clone());
        let (accepted, waiting) = client.ask(self.into_request()?).await?;
        Ok(Handle::new(client, workflow_id, accepted.run_id, waiting))
    }

    fn into_request(self) -> Result<Request, Error> {
        let conflict = match self.id_conflict {
            IdConflict::UseExisting => id_conflict::USE_EXISTING,
            IdConflict::Fail => id_conflict::FAIL,
            IdConflict::TerminateExisting => id_conflict::TERMINATE_EXISTING,
        };
        let reuse = match self.id_reuse {
            IdReuse::RejectDuplicate => id_reuse::REJECT_DUPLICATE,
            IdReuse::AllowDuplicate => id_reuse::ALLOW_DUPLICATE,
            IdReuse::AllowDuplicateFailedOnly => id_reuse::ALLOW_DUPLICATE_FAILED_ONLY,
        };
        let input = self
            .call
            .input
            .map_err(|error| Error::new(ErrorKind::Invalid, "workflow-input", error.message()))?;
        let ce_type = match &self.message {
            None => ce_type::WORKFLOW_START,
            Some((With::Signal, _)) => ce_type::WORKFLOW_SIGNAL_WITH_START,
            Some((With::Update, _)) => ce_type::WORKFLOW_UPDATE_WITH_START,
        };
        let mut request = Request::new(ce_type, &self.workflow_id)
            .header(header::WORKFLOW, self.call.workflow.as_str())
            .header(header::ID_CONFLICT, conflict)
            .header(header::ID_REUSE, reuse)
            .value(input);
        for (name, value) in self.trace {
            request = request.header(name, value);
        }
        for (header, json) in self.about {
            request = request.header(header, json?);
        }
        if let Some(version) = self.call.version {
            request = request.header(header::VERSION, version);
        }
        for (name, limit) in [
            (header::RUN_TIMEOUT_MS, self.run_timeout),
            (header::EXECUTION_TIMEOUT_MS, self.execution_timeout),
        ] {
            if let Some(limit) = limit {
                request = request.header(name, millis(limit).to_string());
            }
        }
        if let Some((with, message)) = self.message {
            let (name, input) = match with {
                With::Signal => (header::SIGNAL, header::SIGNAL_INPUT),
                With::Update => (header::UPDATE, header::UPDATE_INPUT),
            };
            request = request.beside((name, input), message)?;
        }
        if let Some(at) = self.start_at {
            request = request.header(header::START_AT, at.up_to_millis().to_rfc3339());
        }
        if let Some(retry) = self.retry {
            let policy = retry.into_workflow_policy().map_err(|out| {
                Error::new(
                    ErrorKind::Invalid,
                    "workflow-retry",
                    format!("retry: {out}"),
                )
            })?;
            let json = serde_json::to_string(&Shown(&policy)).unwrap_or_default();
            request = request.header(header::RETRY, json);
        }
        Ok(match self.id {
            Some(id) => request.id(id),
            None => request,
        })
    }
}

/// What a start comes with.
#[derive(Clone, Copy, Debug)]
enum With {
    Signal,
    Update,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client is no part of the engine: nothing of it is replayed"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::default().plus(Millis(millis(since.unwrap_or_default())))
}

impl<R: 'static> IntoFuture for StartWorkflow<R> {
    type Output = Result<Handle<R>, ClientError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<R> fmt::Debug for StartWorkflow<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartWorkflow")
            .field("call", &self.call)
            .field("workflow_id", &self.workflow_id)
            .finish_non_exhaustive()
    }
}
