//! Clients: they start workflows, ask them to stop, and hear how they end.
//!
//! ```text
//! Client ─▶ inbox ─▶ engine ─▶ <ns>.replies ─▶ Replies, by correlation ─▶ Handle
//! ```
//! Deliberately absent: HTTP. Everything here is a record, so it works wherever Kafka can be reached, and a start is
//! durable before any engine has seen it.

mod activity;
mod batch;
mod error;
mod handle;
mod intercept;
mod message;
mod raw;
mod replies;
mod request;
mod reset;
mod schedule;
mod start;
mod update;

use std::{fmt, sync::Arc, time::Duration};

use sagaline_journal::{
    Error, ErrorKind,
    kafka::{Admin, Follower, From, Kafka, Producer, TopicState},
    wire::{ce_type, header, outcome, topic},
};
pub use sagaline_runtime::Keys;
use serde::Serialize;

use self::intercept::Around;
use self::replies::{Replies, Waiting};
pub use self::{
    activity::ActivityHandle,
    batch::BatchHandle,
    error::ClientError,
    handle::Handle,
    intercept::{CallKind, ClientCall, ClientInterceptor},
    raw::{RawAnswer, RawAnswers, RawRequest},
    reset::Reset,
    schedule::ScheduleHandle,
    start::{IdConflict, IdReuse, StartWorkflow},
    update::{UpdateHandle, UpdateWorkflow},
};
pub(crate) use self::{
    replies::{REPLY_PARTITION, Reply},
    request::Request,
};
use crate::{Codec, CompletionToken, WorkflowCall, codec::Coding};

/// How long a request waits for an engine's answer, unless said.
const ANSWER_WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// A connection to the workflows of a namespace. Cheap to clone; clones share it.
///
/// It needs a tokio runtime, on which it follows the answers.
///
/// # Example: start a workflow and wait for its end
/// ```no_run
/// use sagaline_sdk::{Context, Result, client::{Client, ClientError}, worker::Kafka, workflow};
///
/// #[workflow]
/// async fn greeting(_cx: Context, name: String) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ClientError> {
/// let kafka = Kafka::new("127.0.0.1:9092", Default::default())?;
/// let client = Client::connect(kafka, "sagaline").await?;
///
/// let handle = client.start(greeting("world".into()), "greeting-1").await?;
/// println!("run {}", handle.run_id());
/// println!("{}", handle.result().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    coding: Coding,
    keys: Keys,
    around: Around,
}

struct Shared {
    producer: Producer,
    inbox: Arc<str>,
    results: Arc<str>,
    partitions: i32,
    replies: Replies,
    answer_wait: Duration,
}

impl Client {
    /// Connects to a namespace.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: the namespace has no topics yet; an engine makes them when it starts.
    /// [`ErrorKind::Unavailable`]: the brokers do not answer.
    pub async fn connect(kafka: Kafka, namespace: &str) -> Result<Self, ClientError> {
        let (inbox, replies) = (topic::inbox(namespace), topic::replies(namespace));
        let results = topic::results(namespace).into();
        let connecting = tokio::task::spawn_blocking(move || {
            let partitions = partitions(&kafka, &inbox)?;
            let follower = Follower::open(&kafka, &replies, Replies::PARTITION, From::End)?;
            Ok::<_, Error>((
                Producer::open(&kafka)?,
                inbox,
                partitions,
                follower,
                replies,
            ))
        });
        let ended = connecting.await.map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "client-internal",
                format!("connect: {error}"),
            )
        })?;
        let (producer, inbox, partitions, follower, replies) = ended?;
        let replies = Replies::follow(&replies, follower);
        let inbox = inbox.into();
        let shared = Shared {
            producer,
            inbox,
            results,
            partitions,
            replies,
            answer_wait: ANSWER_WAIT_DEFAULT,
        };
        Ok(Self {
            shared: Arc::new(shared),
            coding: Coding::default(),
            keys: Keys::development(),
            around: Around::default(),
        })
    }

    /// Signs with these keys what only those who have them may do; those of development unless said.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Puts an interceptor around all its requests: around those, too, that were put there before.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl ClientInterceptor) -> Self {
        self.around.add(Arc::new(interceptor));
        self
    }

    /// Encodes what it sends, and decodes what it hears.
    ///
    /// # Panics
    /// Its content type is one of JSON.
    #[must_use]
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.coding = Coding::by(codec);
        self
    }

    /// The same with a codec that others have, too.
    #[doc(hidden)]
    #[must_use]
    pub fn coding(mut self, coding: Coding) -> Self {
        self.coding = coding;
        self
    }

    /// Starts a workflow under an id, of which at most one run is open at a time.
    ///
    /// Awaited, it gives a [`Handle`] once the start is in the journal.
    pub fn start<R, W>(
        &self,
        call: WorkflowCall<R, W>,
        workflow_id: impl Into<String>,
    ) -> StartWorkflow<R> {
        StartWorkflow::new(self.clone(), call.erase(), workflow_id.into())
    }

    /// Asks the open run of an id to stop; what it has done is compensated. Returns when that is in the journal.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Conflict`]: no run of that id is known, or open.
    /// [`ErrorKind::Unavailable`]: no engine answered in time; the request stays in the inbox.
    pub async fn cancel(&self, workflow_id: &str, reason: &str) -> Result<(), ClientError> {
        self.tell(Request::stop(ce_type::WORKFLOW_CANCEL, workflow_id, reason))
            .await
    }

    /// Ends the open run of an id at once; what it has done is left as it is.
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub async fn terminate(&self, workflow_id: &str, reason: &str) -> Result<(), ClientError> {
        self.tell(Request::stop(
            ce_type::WORKFLOW_TERMINATE,
            workflow_id,
            reason,
        ))
        .await
    }

    /// Ends the open run of an id after what it has done is compensated.
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub async fn terminate_and_compensate(
        &self,
        workflow_id: &str,
        reason: &str,
    ) -> Result<(), ClientError> {
        let request = Request::stop(ce_type::WORKFLOW_TERMINATE, workflow_id, reason);
        self.tell(request.header(header::COMPENSATE, "true")).await
    }

    /// Sends the open run of an id a message. Returns when that is in the journal.
    ///
    /// # Errors
    /// As [`Client::cancel`]; [`ErrorKind::Invalid`]: the message cannot be written as JSON.
    pub async fn signal<T: Serialize + ?Sized>(
        &self,
        workflow_id: &str,
        signal: &str,
        input: &T,
    ) -> Result<(), ClientError> {
        self.tell(Request::signal(workflow_id, signal, input)?)
            .await
    }

    /// An attempt that said that it is [completed later](crate::ActivityContext::complete_later), to be completed here.
    #[must_use]
    pub fn activity(&self, token: CompletionToken) -> ActivityHandle {
        ActivityHandle::new(self.clone(), token)
    }

    /// How the last run of an id is doing: the JSON of `GET /workflows/{id}`. Of a closed one its owner remembers status,
    /// run id and time for `closed_retention`; everything else is null.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: none is known. [`ErrorKind::Unavailable`]: no engine answered in time.
    pub async fn describe(&self, workflow_id: &str) -> Result<serde_json::Value, ClientError> {
        let request = Request::new(ce_type::WORKFLOW_DESCRIBE, workflow_id);
        let (reply, _) = self.ask(request).await?;
        serde_json::from_slice(reply.value.data()).map_err(|error| {
            let text = format!("the description of {workflow_id} cannot be read: {error}");
            Error::new(ErrorKind::Internal, "client-internal", text).into()
        })
    }

    /// Sends a request and waits until it is in the journal.
    async fn tell(&self, request: Request) -> Result<(), ClientError> {
        self.ask(request).await.map(drop)
    }

    /// Sends a request and waits for its first answer; a refusal is an error.
    async fn ask(&self, request: Request) -> Result<(Reply, Waiting), ClientError> {
        self.first_answer(request, |first| error::refused(&first))
            .await
    }

    /// The same of an update, which its workflow may refuse.
    async fn ask_update(&self, request: Request) -> Result<(Reply, Waiting), ClientError> {
        self.first_answer(request, error::refused_update).await
    }

    async fn first_answer(
        &self,
        mut request: Request,
        refused: fn(Reply) -> ClientError,
    ) -> Result<(Reply, Waiting), ClientError> {
        let mut call = ClientCall::of(&request);
        self.around.before(&mut call)?;
        for (name, value) in call.headers() {
            request = request.header(name, value);
        }
        let asked = async {
            let (first, waiting) = self.answer_to(request).await?;
            match first.outcome.as_str() {
                outcome::REJECTED => Err(refused(first)),
                _ => Ok((first, waiting)),
            }
        };
        self.around.ask(&call, asked).await
    }

    /// Sends a request and waits for its first answer.
    async fn answer_to(&self, request: Request) -> Result<(Reply, Waiting), ClientError> {
        let shared = &self.shared;
        let request = request.coded(&self.coding)?;
        let workflow_id = request.workflow_id().to_owned();
        let mut waiting = shared.replies.expect();
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
        shared.producer.send(record).await?;
        let Ok(first) = tokio::time::timeout(shared.answer_wait, waiting.first()).await else {
            let text = format!(
                "no engine answered within {} s; the request for {workflow_id} stays in the inbox",
                shared.answer_wait.as_secs()
            );
            return Err(Error::new(ErrorKind::Unavailable, "client-no-answer", text).into());
        };
        Ok((first?.decoded(&self.coding), waiting))
    }
}

fn partitions(kafka: &Kafka, inbox: &str) -> Result<i32, Error> {
    match Admin::open(kafka)?.topic(inbox)? {
        TopicState::Present(info) => Ok(info.partitions),
        TopicState::Missing => {
            let text =
                format!("the topic {inbox} is not there: an engine makes it when it first starts");
            Err(Error::new(ErrorKind::NotFound, "client-no-inbox", text))
        }
        TopicState::Denied => {
            let text = format!("the principal may not see the topic {inbox}");
            Err(Error::new(ErrorKind::Invalid, "client-denied", text))
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("inbox", &self.shared.inbox)
            .finish_non_exhaustive()
    }
}
