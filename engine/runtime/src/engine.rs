//! The engine of one process: a lease, a few lane threads, and a supervisor that moves partitions between them.
//!
//! ```text
//! lease ─assigned, revoked─▶ supervisor ─take, release─▶ lane threads (partition mod threads)
//!                               ▲  every second: commits of positions, statuses, silent threads
//! ```
//! Deliberately absent: what a lane does with its partition ([`crate::lane`]).

mod backlog;
mod delay;
mod durability;
mod ends;
mod layout;
mod queues;
mod replies;
mod stopping;
mod strays;
mod supervisor;
mod thread;
mod topics;
mod view;
mod watch;

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use sagaline_core::Millis;
use sagaline_journal::{
    Error, ErrorKind,
    kafka::{Admin, Kafka, LaneTopics, Lease},
};

pub use durability::{Finding, findings, forgetful};
pub use ends::{InputsWaiting, TasksWaiting};
pub use topics::{DEFAULT_PARTITIONS, missing_topics};
pub use view::{EngineIdentity, EngineView};

use self::{delay::DelayThread, supervisor::Supervisor, topics::TopicBook};
use crate::{
    Keys, Workflows,
    delay::DelayConfig,
    lane::{LaneConfig, LaneShared, LocalTasks},
};

/// How long a clean stop may take before the process lets go of its partitions anyway.
pub const HAND_OVER_MAX: Duration = Duration::from_millis(2_500);

/// How long leaving the group may take after that.
pub const LEAVE_MAX: Duration = Duration::from_millis(400);

/// What an engine is started with.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where the brokers are.
    pub kafka: Kafka,
    /// The namespace.
    pub namespace: String,
    /// Name of the app; all engines of a namespace run the same.
    pub app: String,
    /// Its build, for people.
    pub build: String,
    /// Number of partitions where the topics must be made; otherwise they say it.
    pub partitions: i32,
    /// Lane threads; none: one less than cores, at least one.
    pub lane_threads: Option<NonZeroUsize>,
    /// How many programs a lane keeps in memory; others are rebuilt from history.
    pub programs_kept: NonZeroUsize,
    /// How long the ids of closed workflows are remembered.
    pub closed_retention: Millis,
    /// Keys for tokens and MACs.
    pub keys: Keys,
    /// Topics that take delayed records of anybody.
    pub delay_targets: BTreeSet<String>,
    /// Who runs local activities in this process.
    pub local: Arc<dyn LocalTasks>,
    /// What it is for.
    pub purpose: Purpose,
}

/// What an engine is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// It warns of settings with which something is lost one day.
    #[default]
    Production,
    /// One copy of everything and published keys are as they should be.
    Development,
}

/// A running engine. Dropping it stops it.
#[derive(Debug)]
pub struct Engine {
    view: EngineView,
    supervisor: Option<JoinHandle<Result<(), Error>>>,
}

impl Engine {
    /// Makes what is missing, joins the group and begins to take over partitions.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no broker answers. [`ErrorKind::NotFound`]: topics are missing and may not be made;
    /// the message has the commands. [`ErrorKind::Invalid`]: a setting.
    pub fn start(settings: EngineSettings, workflows: Arc<dyn Workflows>) -> Result<Self, Error> {
        let admin = Admin::open(&settings.kafka)?;
        let book = TopicBook::prepare(admin, &settings, &*workflows)?;
        if settings.purpose == Purpose::Production {
            warn(&book, &settings)?;
        }
        let lane_topics = LaneTopics::of(&settings.namespace);
        let (lease, lease_events) = Lease::open(&settings.kafka, &lane_topics)?;
        let shared = Arc::new(LaneShared::new(LaneConfig {
            namespace: settings.namespace.clone(),
            app: settings.app.clone(),
            build: settings.build.clone(),
            process: watch::random_id(),
            partitions: book.partitions(),
            closed_retention: settings.closed_retention,
            programs_kept: settings.programs_kept,
            keys: settings.keys.clone(),
            topics: book.clone(),
            local: settings.local.clone(),
        }));
        let (view, lives) = EngineView::new(
            &settings,
            book.partitions(),
            book.workers().clone(),
            shared.figures().clone(),
        );
        let delay = DelayThread::start(
            &settings.kafka,
            delay_config(&settings, &book),
            view.delay.clone(),
        )?;
        let (ready, is_ready) = mpsc::channel();
        let supervisor = Supervisor {
            kafka: settings.kafka.clone(),
            lane_topics,
            lease,
            lease_events,
            shared,
            workflows,
            threads_wanted: threads(settings.lane_threads),
            stopping: view.stopping.clone(),
            statuses: view.statuses.clone(),
            ends: view.ends.clone(),
            book,
            delay,
        };
        let handle = std::thread::Builder::new()
            .name("sagaline-engine".to_owned())
            .spawn(move || {
                let _lives = lives;
                supervisor.run(&ready)
            })
            .map_err(|error| {
                let message = format!("no thread for the engine: {error}");
                Error::new(ErrorKind::Unavailable, "thread", message)
            })?;
        // The supervisor says when its threads are up; when it is gone, joining it tells why.
        if is_ready.recv().is_err() {
            let outcome = handle.join().unwrap_or(Ok(()));
            outcome?;
            return Err(Error::new(
                ErrorKind::Internal,
                "engine-start",
                "the engine stopped while starting",
            ));
        }
        Ok(Self {
            view,
            supervisor: Some(handle),
        })
    }

    /// The engine as it is seen from outside.
    #[must_use]
    pub const fn view(&self) -> &EngineView {
        &self.view
    }

    /// Hands over all partitions and leaves the group; takes [`HAND_OVER_MAX`] and [`LEAVE_MAX`] together at most, whatever the
    /// brokers do. What does not end by then ends with the process.
    ///
    /// # Errors
    /// Why the engine had ended by itself.
    pub fn stop(mut self) -> Result<(), Error> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        self.view.stopping.order();
        match self.supervisor.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Error::new(
                ErrorKind::Internal,
                "engine-panic",
                "the engine panicked; its log says where",
            )),
            None => Ok(()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            tracing::error!(%error, "the engine ended with an error");
        }
    }
}

fn delay_config(settings: &EngineSettings, book: &Arc<TopicBook>) -> DelayConfig {
    DelayConfig {
        namespace: settings.namespace.clone(),
        partitions: book.partitions(),
        keys: settings.keys.clone(),
        targets: settings.delay_targets.clone(),
        topics: book.clone(),
    }
}

/// Warns of what loses something one day.
fn warn(book: &TopicBook, settings: &EngineSettings) -> Result<(), Error> {
    book.warn();
    if settings.keys.is_development() {
        tracing::warn!(
            "tokens are signed with the published development key; set keys_file before production"
        );
    }
    for finding in findings(book.admin(), &settings.kafka, &settings.namespace)? {
        tracing::warn!(code = finding.code, "{}", finding.text);
    }
    Ok(())
}

fn threads(wanted: Option<NonZeroUsize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    wanted.map_or_else(|| cores.saturating_sub(1).max(1), NonZeroUsize::get)
}
