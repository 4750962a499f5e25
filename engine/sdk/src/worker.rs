//! Workers: they take tasks from Kafka, run activities, and answer.
//!
//! ```text
//! tasks.<queue> ─▶ QueueWorker ─▶ one future per attempt ─▶ answer, acknowledged ─▶ offset committed
//! control ─▶ those of a cancelled task are told
//! ```
//! Deliberately absent: retries and time; the engine decides both. Invariant: an offset is committed only when every task
//! before it was answered, or is long and sends heartbeats, and all that is on all replicas.

pub(crate) mod answer;
pub(crate) mod attempt;
mod control;
mod local;
mod offsets;
mod open;
mod port;
mod queue;
mod recent;
mod saying;
mod task;

use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    num::NonZeroUsize,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::try_join_all;
pub use local::LocalWorker;
use sagaline_core::LOCAL_QUEUE;
pub use sagaline_journal::{Error, ErrorKind, kafka::Kafka};
use sagaline_journal::{
    kafka::{GroupConsumer, GroupSettings, Producer},
    wire::topic,
};
pub use sagaline_runtime::Keys;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};

use self::{
    attempt::Attempts,
    port::Port,
    queue::{Limits, QueueWorker},
};
use crate::{Activities, Codec, activity::Data, codec::Coding, duration::millis};

/// A process that runs activities: it joins the consumer group of each of its task queues.
///
/// Any number of workers may serve a queue, in any language; Kafka spreads the tasks over them. A worker that dies loses
/// nothing: what it had not answered is read again by another.
///
/// # Example: a worker until somebody presses Ctrl-C
/// ```no_run
/// use sagaline_sdk::{Result, activities, activity, worker::{Kafka, Worker}};
///
/// #[activity]
/// async fn greet(name: &str) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kafka = Kafka::new("127.0.0.1:9092", Default::default())?;
/// let stop = async { std::future::pending().await }; // e.g. tokio::signal::ctrl_c()
/// Worker::new(kafka).activities(activities![greet]).run(stop).await?;
/// # Ok(())
/// # }
/// ```
pub struct Worker {
    kafka: Kafka,
    namespace: String,
    name: String,
    activities: Activities,
    data: Data,
    coding: Coding,
    default_queue: String,
    queues: Option<BTreeSet<String>>,
    max_in_flight: NonZeroUsize,
    drain: Duration,
}

/// Attempts that run at the same time unless said.
const IN_FLIGHT_DEFAULT: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// How long a stopping worker waits for what it has begun, unless said.
const DRAIN_DEFAULT: Duration = Duration::from_secs(30);

/// A worker that died is noticed after this.
const SESSION: Duration = Duration::from_secs(10);

/// How long a rebalance waits for what is running on the partitions that go.
const HAND_OVER_MAX: Duration = Duration::from_secs(3);

impl Worker {
    /// A worker of the namespace `sagaline` without activities.
    #[must_use]
    pub fn new(kafka: Kafka) -> Self {
        Self {
            kafka,
            namespace: "sagaline".into(),
            name: format!("worker-{}", std::process::id()),
            activities: Activities::new(),
            data: Data::default(),
            coding: Coding::default(),
            default_queue: "default".into(),
            queues: None,
            max_in_flight: IN_FLIGHT_DEFAULT,
            drain: DRAIN_DEFAULT,
        }
    }

    /// Works in another namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Its name on every page; `worker-<process id>` unless said.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Runs these, too.
    ///
    /// # Panics
    /// When an activity of the same name is there: which one should run?
    #[must_use]
    pub fn activities(mut self, activities: Activities) -> Self {
        self.activities = self.activities.and(activities);
        self
    }

    /// Gives its activities a value that [`ActivityContext::data`](crate::ActivityContext::data) finds by its type.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data = self.data.with(value);
        self
    }

    /// Encodes what its activities return, and decodes what they are given.
    ///
    /// # Panics
    /// Its content type is one of JSON.
    #[must_use]
    pub fn codec(self, codec: impl Codec) -> Self {
        self.coding(Coding::by(codec))
    }

    /// The same with a codec that others have, too.
    #[doc(hidden)]
    #[must_use]
    pub fn coding(mut self, coding: Coding) -> Self {
        self.coding = coding;
        self
    }

    /// The task queue of activities that name none; `default` unless said.
    #[must_use]
    pub fn default_queue(mut self, queue: impl Into<String>) -> Self {
        self.default_queue = queue.into();
        self
    }

    /// Takes tasks of these queues only; otherwise of all that its activities name.
    #[must_use]
    pub fn queues<Q: Into<String>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.queues = Some(queues.into_iter().map(Into::into).collect());
        self
    }

    /// How many attempts run at the same time; 64 unless said.
    #[must_use]
    pub fn max_in_flight(mut self, attempts: NonZeroUsize) -> Self {
        self.max_in_flight = attempts;
        self
    }

    /// How long it waits, when it stops, for what it has begun; 30 s unless said. What takes longer is begun again by
    /// another worker. It does not wait for attempts that send heartbeats and have run for 30 s.
    #[must_use]
    pub fn drain(mut self, wait: Duration) -> Self {
        self.drain = wait;
        self
    }

    /// Works until `stop` is ready, then ends what it has begun and leaves its groups.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: there is no queue to work on, one is that of local activities, or Kafka's client refuses a setting.
    /// [`ErrorKind::Internal`]: a consumer ended by itself.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let queues = self
            .queues
            .clone()
            .unwrap_or_else(|| self.activities.queues(&self.default_queue));
        if queues.is_empty() {
            let message = "a worker without activities and without queues has nothing to do";
            return Err(Error::new(ErrorKind::Invalid, "worker-idle", message));
        }
        if queues.contains(LOCAL_QUEUE) {
            let text = format!(
                "{LOCAL_QUEUE} is the queue of local activities: engines run those, and no worker takes tasks of it"
            );
            return Err(Error::new(ErrorKind::Invalid, "worker-queue", text));
        }
        let producer = Producer::open(&self.kafka)?;
        let limits = Limits {
            permits: Arc::new(Semaphore::new(self.max_in_flight.get())),
            drain: self.drain,
        };
        let attempts = Arc::new(Attempts {
            activities: self.activities.clone(),
            data: self.data.clone(),
            coding: self.coding.clone(),
            worker: self.name.clone(),
            now: attempt::wall_clock,
        });
        let (stopping, stopped) = watch::channel(false);
        let (mut workers, mut to_cancel) = (Vec::new(), Vec::new());
        for queue in &queues {
            let (sender, canceled) = mpsc::unbounded_channel();
            to_cancel.push(sender);
            let port = Port {
                tasks: GroupConsumer::open(&self.kafka, &self.group(queue))?,
                answers: producer.bulk(),
                canceled,
            };
            let worker = QueueWorker::new(attempts.clone(), port, limits.clone());
            // On a thread of the runtime, where attempts begin without waking another.
            let running = tokio::spawn(worker.run(stopped.clone()));
            workers.push(Running(running));
        }
        tracing::info!(worker = self.name, ?queues, "the worker takes tasks");
        let work = try_join_all(workers);
        let stop = async {
            stop.await;
            stopping.send_replace(true);
            tracing::info!(
                worker = self.name,
                drain_ms = millis(self.drain),
                "the worker stops"
            );
            std::future::pending::<()>().await;
        };
        let control = topic::control(&self.namespace).into();
        tokio::select! {
            ended = work => ended.map(drop),
            () = stop => unreachable!("it never ends"),
            never = control::follow(self.kafka.clone(), control, to_cancel) => match never {},
        }
    }

    fn group(&self, queue: &str) -> GroupSettings {
        GroupSettings {
            group: topic::worker_group(&self.namespace, queue),
            topics: vec![topic::tasks(&self.namespace, queue)],
            records_max: self.max_in_flight.get(),
            fetch_bytes: None,
            session: SESSION,
            hand_over_max: HAND_OVER_MAX,
        }
    }
}

/// A queue's worker; dropped, it ends where it is.
struct Running(JoinHandle<Result<(), Error>>);

impl Future for Running {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|ended| {
            ended.unwrap_or_else(|error| {
                let text = format!("the worker of a task queue ended by itself: {error}");
                Err(Error::new(ErrorKind::Internal, "worker-consumer", text))
            })
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("activities", &self.activities)
            .finish_non_exhaustive()
    }
}
