//! What stands around the requests of a client: given a trace, counted, refused.

use std::{fmt, sync::Arc};

use sagaline_journal::{
    Error, ErrorKind,
    wire::{ce_type, header},
};

use super::{ClientError, Request};
use crate::BoxFuture;

/// Stands around requests of a client; [`Client::intercept`](super::Client::intercept) puts it there.
///
/// Deliberately absent: payloads, which a [`Codec`](crate::Codec) changes, and the answers' contents.
///
/// # Example: every start is told within which trace it is
/// ```
/// use sagaline_sdk::client::{CallKind, ClientCall, ClientError, ClientInterceptor};
///
/// struct Traced;
///
/// impl ClientInterceptor for Traced {
///     fn before(&self, call: &mut ClientCall) -> Result<(), ClientError> {
///         if call.kind() == CallKind::Start {
///             // What the tracing library says of the current span.
///             call.traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
///         }
///         Ok(())
///     }
/// }
///
/// // As the client does it: `client.intercept(Traced).start(…)`.
/// let mut call = ClientCall::new(CallKind::Start, "order-1", Some("order"));
/// Traced.before(&mut call).unwrap();
/// assert_eq!(call.headers().next().unwrap().0, "traceparent");
/// ```
pub trait ClientInterceptor: Send + Sync + 'static {
    /// Looks at a request before it is sent, and may add to it.
    ///
    /// # Errors
    /// It is not sent; whoever asked is told so.
    fn before(&self, call: &mut ClientCall) -> Result<(), ClientError> {
        let _ = call;
        Ok(())
    }

    /// Makes the request by awaiting `asked`, which ends with its first answer: accepted, answered, or refused. How a run ends
    /// that a start began is heard later, and not here.
    fn around<'a>(
        &'a self,
        call: &'a ClientCall,
        asked: BoxFuture<'a, Result<(), ClientError>>,
    ) -> BoxFuture<'a, Result<(), ClientError>> {
        let _ = call;
        asked
    }
}

/// A request of a client.
#[derive(Clone, Debug)]
pub struct ClientCall {
    kind: CallKind,
    workflow_id: String,
    name: Option<String>,
    added: Vec<(&'static str, String)>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// Starts a workflow.
    Start,
    /// Starts a workflow unless it is open, and sends it a signal.
    SignalWithStart,
    /// Starts a workflow unless it is open, and asks it to change.
    UpdateWithStart,
    /// Sends a run a signal.
    Signal,
    /// Asks a run something.
    Query,
    /// Asks a run to change.
    Update,
    /// Asks a run to stop.
    Cancel,
    /// Ends a run.
    Terminate,
    /// Asks how a run is doing.
    Describe,
}

impl ClientCall {
    /// As a test of an interceptor makes it.
    #[must_use]
    pub fn new(kind: CallKind, workflow_id: &str, name: Option<&str>) -> Self {
        Self {
            kind,
            workflow_id: workflow_id.to_owned(),
            name: name.map(str::to_owned),
            added: Vec::new(),
        }
    }

    pub(super) fn of(request: &Request) -> Self {
        let (kind, name) = match request.ce_type() {
            ce_type::WORKFLOW_START => (CallKind::Start, header::WORKFLOW),
            ce_type::WORKFLOW_SIGNAL_WITH_START => (CallKind::SignalWithStart, header::WORKFLOW),
            ce_type::WORKFLOW_UPDATE_WITH_START => (CallKind::UpdateWithStart, header::WORKFLOW),
            ce_type::WORKFLOW_SIGNAL => (CallKind::Signal, header::SIGNAL),
            ce_type::WORKFLOW_QUERY => (CallKind::Query, header::QUERY),
            ce_type::WORKFLOW_UPDATE => (CallKind::Update, header::UPDATE),
            ce_type::WORKFLOW_CANCEL => (CallKind::Cancel, ""),
            ce_type::WORKFLOW_TERMINATE => (CallKind::Terminate, ""),
            _ => (CallKind::Describe, ""),
        };
        Self::new(kind, request.workflow_id(), request.value_of(name))
    }

    /// What it asks for.
    #[must_use]
    pub const fn kind(&self) -> CallKind {
        self.kind
    }

    /// About which workflow.
    #[must_use]
    pub fn workflow_id(&self) -> &str {
        &self.workflow_id
    }

    /// The name of the workflow that is started, or of the signal, query or update.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Says within which trace (W3C) it is made: of a start, all activities and children of the run are told.
    pub fn traceparent(&mut self, parent: impl Into<String>) {
        self.added.push((header::TRACEPARENT, parent.into()));
    }

    /// What vendors add to the trace context.
    pub fn tracestate(&mut self, state: impl Into<String>) {
        self.added.push((header::TRACESTATE, state.into()));
    }

    /// What interceptors have added to it.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.added.iter().map(|(name, value)| (*name, &**value))
    }
}

/// All that stand around the requests of a client, the innermost first.
#[derive(Clone, Default)]
pub(super) struct Around(Vec<Arc<dyn ClientInterceptor>>);

impl Around {
    pub(super) fn add(&mut self, interceptor: Arc<dyn ClientInterceptor>) {
        self.0.push(interceptor);
    }

    /// The outermost looks first.
    pub(super) fn before(&self, call: &mut ClientCall) -> Result<(), ClientError> {
        let mut inwards = self.0.iter().rev();
        inwards.try_for_each(|interceptor| interceptor.before(call))
    }

    /// Makes the request within all of them.
    pub(super) async fn ask<T: Send>(
        &self,
        call: &ClientCall,
        asked: impl Future<Output = Result<T, ClientError>> + Send,
    ) -> Result<T, ClientError> {
        let mut answer = None;
        let asked: BoxFuture<'_, _> = Box::pin(async {
            answer = Some(asked.await?);
            Ok(())
        });
        let around = self.0.iter();
        let around = around.fold(asked, |asked, interceptor| interceptor.around(call, asked));
        around.await?;
        answer.ok_or_else(|| {
            let text = "an interceptor of the client said that all is well, and had not asked";
            Error::new(ErrorKind::Internal, "client-internal", text).into()
        })
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Around").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Notes what it sees, and refuses what is about one workflow.
    struct Noting(&'static str, Arc<Mutex<Vec<String>>>);

    impl Noting {
        fn note(&self, call: &ClientCall, what: &str) {
            let note = format!("{} {what} {:?} {:?}", self.0, call.kind(), call.name());
            self.1.lock().unwrap().push(note);
        }
    }

    impl ClientInterceptor for Noting {
        fn before(&self, call: &mut ClientCall) -> Result<(), ClientError> {
            self.note(call, "before");
            call.traceparent(self.0);
            match call.workflow_id() {
                "secret" => Err(Error::new(ErrorKind::Invalid, "client-denied", "not you").into()),
                _ => Ok(()),
            }
        }

        fn around<'a>(
            &'a self,
            call: &'a ClientCall,
            asked: BoxFuture<'a, Result<(), ClientError>>,
        ) -> BoxFuture<'a, Result<(), ClientError>> {
            Box::pin(async move {
                self.note(call, "begins");
                let ended = asked.await;
                self.note(call, if ended.is_ok() { "answered" } else { "refused" });
                ended
            })
        }
    }

    fn two() -> (Around, Arc<Mutex<Vec<String>>>) {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let mut around = Around::default();
        for name in ["inner", "outer"] {
            around.add(Arc::new(Noting(name, notes.clone())));
        }
        (around, notes)
    }

    fn start(workflow_id: &str) -> ClientCall {
        let request = Request::new(ce_type::WORKFLOW_START, workflow_id);
        ClientCall::of(&request.header(header::WORKFLOW, "order"))
    }

    #[tokio::test]
    async fn the_one_that_was_put_there_last_is_outermost() {
        let (around, notes) = two();
        let mut call = start("o-1");

        around.before(&mut call).unwrap();
        let answer = around.ask(&call, async { Ok(7) }).await.unwrap();

        assert_eq!(answer, 7);
        let notes: Vec<String> = notes.lock().unwrap().clone();
        let of = |name, what| format!("{name} {what} Start Some(\"order\")");
        assert_eq!(
            notes,
            [
                of("outer", "before"),
                of("inner", "before"),
                of("outer", "begins"),
                of("inner", "begins"),
                of("inner", "answered"),
                of("outer", "answered"),
            ]
        );
        let traces: Vec<&str> = call.headers().map(|(_, value)| value).collect();
        assert_eq!(traces, ["outer", "inner"]);
    }

    #[tokio::test]
    async fn what_one_refuses_is_not_sent_and_what_was_refused_is_seen() {
        let (around, notes) = two();

        let denied = around.before(&mut start("secret")).unwrap_err();
        let call = start("o-1");
        let refused = around.ask(&call, async {
            Err::<(), _>(Error::new(ErrorKind::Conflict, "workflow-closed", "closed").into())
        });

        assert_eq!(denied.kind(), Some(ErrorKind::Invalid));
        assert_eq!(refused.await.unwrap_err().kind(), Some(ErrorKind::Conflict));
        let notes = notes.lock().unwrap();
        assert!(notes[0].starts_with("outer before"), "{notes:?}");
        assert!(notes[1].starts_with("outer begins"), "{notes:?}");
        assert!(
            notes.last().unwrap().starts_with("outer refused"),
            "{notes:?}"
        );
    }

    /// Says that all is well, and asks nobody.
    struct Lazy;

    impl ClientInterceptor for Lazy {
        fn around<'a>(
            &'a self,
            _: &'a ClientCall,
            _: BoxFuture<'a, Result<(), ClientError>>,
        ) -> BoxFuture<'a, Result<(), ClientError>> {
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test]
    async fn one_that_does_not_ask_is_an_error() {
        let mut around = Around::default();
        around.add(Arc::new(Lazy));

        let error = around.ask(&start("o-1"), async { Ok(7) }).await;

        assert_eq!(error.unwrap_err().kind(), Some(ErrorKind::Internal));
    }
}
