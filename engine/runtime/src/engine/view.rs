//! An engine as it is seen from outside: by whoever serves readiness and metrics, and by whoever started it.
//!
//! Deliberately absent: any way to change something.

use std::sync::{Arc, Weak};

use sagaline_core::Timestamp;

use super::{
    EngineSettings, delay::DelayFigures, queues::Queues, stopping::Stopping, topics::TopicBook,
    watch::Statuses,
};
use crate::{
    clock,
    delay::TierStatus,
    lane::{LaneStatus, Stage},
};

/// An engine as it is seen from outside, also while it stops and once it has ended. Clones see the same engine.
#[derive(Clone, Debug)]
pub struct EngineView {
    identity: Arc<EngineIdentity>,
    partitions: i32,
    pub(super) statuses: Arc<Statuses>,
    pub(super) delay: Arc<DelayFigures>,
    workers: Arc<Queues>,
    pub(super) stopping: Arc<Stopping>,
    /// There as long as the engine's thread is.
    lives: Weak<Lives>,
}

/// What an engine was started as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineIdentity {
    /// The namespace.
    pub namespace: String,
    /// Name of the app.
    pub app: String,
    /// Its build, for people.
    pub build: String,
    /// When it was started, by this machine's clock.
    pub started_at: Timestamp,
}

/// Held by the engine's thread until it ends.
#[derive(Debug)]
pub(super) struct Lives;

impl EngineView {
    /// Of an engine that is about to start; what its thread is to hold comes with it.
    pub(super) fn new(settings: &EngineSettings, book: &TopicBook) -> (Self, Arc<Lives>) {
        let lives = Arc::new(Lives);
        let view = Self {
            identity: Arc::new(EngineIdentity {
                namespace: settings.namespace.clone(),
                app: settings.app.clone(),
                build: settings.build.clone(),
                started_at: clock::now().wall,
            }),
            partitions: book.partitions(),
            statuses: Arc::default(),
            delay: Arc::default(),
            workers: book.workers().clone(),
            stopping: Arc::default(),
            lives: Arc::downgrade(&lives),
        };
        (view, lives)
    }

    /// What it was started as.
    #[must_use]
    pub fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    /// How the lanes of this process are doing, by partition.
    #[must_use]
    pub fn statuses(&self) -> Vec<LaneStatus> {
        self.statuses.all()
    }

    /// How many partitions the namespace's topics have: those that were there, else those that the settings say.
    #[must_use]
    pub const fn partitions(&self) -> i32 {
        self.partitions
    }

    /// How the delay service of this process is doing, by tier.
    #[must_use]
    pub fn delay_statuses(&self) -> Vec<TierStatus> {
        self.delay.all()
    }

    /// The task queues that this process has sent tasks to and whose workers' group can be seen, and whether that has
    /// members.
    #[must_use]
    pub fn queues_with_workers(&self) -> Vec<(String, bool)> {
        self.workers.with_workers()
    }

    /// Whether the engine has partitions and owns all of them.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let statuses = self.statuses.all();
        !statuses.is_empty() && statuses.iter().all(LaneStatus::is_ready) && !self.is_stopping()
    }

    /// Whether it was told to stop, or stops by itself.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_ordered()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.lives.strong_count() == 0
    }
}

impl LaneStatus {
    /// Whether the lane owns its partition and nothing is wrong with that.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Active && self.clock_trusted && self.rival.is_none()
    }
}
