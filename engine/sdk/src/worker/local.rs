//! Runs local activities inside the engine's process: a queue's worker whose tasks come by a channel instead of a topic.
//!
//! ```text
//! lane ─offer─▶ channel ─▶ QueueWorker ─▶ one future per attempt ─▶ answer to <ns>.results, acknowledged
//!      ─cancel▶ those of a cancelled task are told
//! ```
//! Deliberately absent: offsets. What was taken and not answered dies with the process, and the next owner offers it again.

use std::{
    fmt,
    future::Future,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sagaline_core::{OUR_NAMES, Timestamp};
use sagaline_journal::{Error, NewRecord, kafka::Producer, wire::header};
use sagaline_runtime::{
    Keys,
    lane::{LocalTasks, Offered},
};
use tokio::sync::{Semaphore, mpsc, watch};

use super::{
    Worker, attempt,
    attempt::Attempts,
    offsets::Place,
    port::{Event, Port, Tasks},
    queue::{Limits, QueueWorker},
};
use crate::{Activities, batch::acting::Acting};

/// A stopping process waits no longer for local activities: they are short, and the next owner begins again what is not.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What runs an app's local activities in the engine's process; [`Worker::local`] makes it.
#[must_use = "it runs nothing until it is run"]
pub struct LocalWorker {
    here: Arc<Here>,
    attempts: Arc<Attempts>,
    tasks: Offers,
    canceled: Canceled,
    answers: Producer,
    limits: Limits,
}

impl Worker {
    /// The same activities with the same data for local calls, at most so many at the same time: for the process of an engine,
    /// which is given [`LocalWorker::tasks`]. With those of built-in workflows, whose acts are signed by these keys.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](sagaline_journal::ErrorKind::Invalid): Kafka's client refuses a setting.
    pub fn local(&self, max_in_flight: NonZeroUsize, keys: Keys) -> Result<LocalWorker, Error> {
        let acting = Acting::open(&self.kafka, &self.namespace, keys)?;
        let activities = self.activities.clone().and(Activities::built_in());
        let (here, tasks, canceled) = Here::new(activities.clone(), max_in_flight);
        Ok(LocalWorker {
            limits: Limits {
                permits: here.permits.clone(),
                drain: self.drain.min(DRAIN_MAX),
            },
            here: Arc::new(here),
            attempts: Arc::new(Attempts {
                activities,
                data: self.data.clone().with(Arc::new(acting)),
                coding: self.coding.clone(),
                worker: format!("engine-{}", std::process::id()),
                now: attempt::wall_clock,
            }),
            tasks,
            canceled,
            answers: Producer::open(&self.kafka)?,
        })
    }
}

impl fmt::Debug for LocalWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalWorker")
            .field("here", &self.here)
            .finish_non_exhaustive()
    }
}

impl LocalWorker {
    /// Where the engine's lanes offer tasks: also before it runs.
    #[must_use]
    pub fn tasks(&self) -> Arc<dyn LocalTasks> {
        self.here.clone()
    }

    /// Works until `stop` is ready, then takes nothing more and ends what it has begun, for 5 s at most.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](sagaline_journal::ErrorKind::Internal): it ended by itself.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let port = Port {
            tasks: self.tasks,
            answers: self.answers.bulk(),
            canceled: self.canceled,
        };
        let (stopping, stopped) = watch::channel(false);
        let worker = QueueWorker::new(self.attempts, port, self.limits);
        let stop = async {
            stop.await;
            self.here.stopping.store(true, Ordering::SeqCst);
            stopping.send_replace(true);
        };
        // On a thread of the runtime, where attempts begin without waking another.
        let running = super::Running(tokio::spawn(worker.run(stopped)));
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => return ended,
            () = stop => {}
        }
        running.await
    }
}

/// What lanes see of it.
#[derive(Debug)]
pub(super) struct Here {
    activities: Activities,
    tasks: mpsc::Sender<NewRecord>,
    pub(super) permits: Arc<Semaphore>,
    cancel: mpsc::UnboundedSender<Arc<str>>,
    stopping: AtomicBool,
}

type Canceled = mpsc::UnboundedReceiver<Arc<str>>;

impl Here {
    /// With what comes out at the other end: tasks, and ids of those that shall stop.
    pub(super) fn new(
        activities: Activities,
        max_in_flight: NonZeroUsize,
    ) -> (Self, Offers, Canceled) {
        let (tasks, offers) = mpsc::channel(max_in_flight.get());
        let (cancel, canceled) = mpsc::unbounded_channel();
        let here = Self {
            activities,
            tasks,
            permits: Arc::new(Semaphore::new(max_in_flight.get())),
            cancel,
            stopping: AtomicBool::new(false),
        };
        (here, Offers { offers, next: 0 }, canceled)
    }

    /// Whether one more would run at once, as far as others are not faster.
    fn has_room(&self) -> bool {
        let begun_soon = self.tasks.max_capacity() - self.tasks.capacity();
        begun_soon < self.permits.available_permits() && !self.stopping.load(Ordering::SeqCst)
    }
}

impl LocalTasks for Here {
    fn offer(&self, task: NewRecord) -> Offered {
        let activity = task.headers.get(header::ACTIVITY).unwrap_or_default();
        let activity = String::from_utf8_lossy(activity);
        if self.activities.find(&activity).is_none() {
            let known = self.activities.names();
            let known: Vec<_> = known.filter(|name| !name.starts_with(OUR_NAMES)).collect();
            let known = match *known {
                [] => "none".to_owned(),
                _ => known.join(", "),
            };
            let text = format!(
                "the program of this engine has no activity `{activity}`; it has: {known}. Local activities run in the \
                 engine's process: give it to the app by `.activities(…)`, or leave out `.local()`, and a worker runs it"
            );
            return Offered::Nobody(text.into());
        }
        match self.has_room() && self.tasks.try_send(task).is_ok() {
            true => Offered::Taken,
            false => Offered::Full,
        }
    }

    fn cancel(&self, task_id: &str) {
        // Nobody hears it of a worker that ended.
        drop(self.cancel.send(task_id.into()));
    }
}

/// Tasks that were taken and have not begun.
#[derive(Debug)]
pub(super) struct Offers {
    offers: mpsc::Receiver<NewRecord>,
    /// Each has an offset, as in a topic.
    next: i64,
}

impl Offers {
    fn event(&mut self, task: &NewRecord) -> Event {
        let offset = self.next;
        self.next += 1;
        Event::Record(task.placed(offset, Timestamp::default()))
    }
}

impl Tasks for Offers {
    async fn next(&mut self) -> Option<Event> {
        let task = self.offers.recv().await?;
        Some(self.event(&task))
    }

    async fn next_change(&mut self) -> Option<Event> {
        std::future::pending().await
    }

    fn try_next(&mut self) -> Option<Event> {
        let task = self.offers.try_recv().ok()?;
        Some(self.event(&task))
    }

    fn commit(&self, _: &Place, _: i64) {}

    async fn close(self) {}
}
