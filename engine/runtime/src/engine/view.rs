//! An engine as it is seen from outside: by whoever serves readiness and metrics, and by whoever started it.
//!
//! Deliberately absent: any way to change something.

use std::sync::{Arc, Weak};

use sagaline_core::Timestamp;

use super::{
    EngineSettings,
    delay::DelayFigures,
    ends::{Ends, InputsWaiting, TasksWaiting},
    queues::Queues,
    stopping::Stopping,
    watch::Statuses,
};
use crate::{
    clock,
    delay::TierStatus,
    figures::Figures,
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
    figures: Arc<Figures>,
    pub(super) ends: Arc<Ends>,
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
    pub(super) fn new(
        settings: &EngineSettings,
        partitions: i32,
        workers: Arc<Queues>,
        figures: Arc<Figures>,
    ) -> (Self, Arc<Lives>) {
        let lives = Arc::new(Lives);
        let view = Self {
            identity: Arc::new(EngineIdentity {
                namespace: settings.namespace.clone(),
                app: settings.app.clone(),
                build: settings.build.clone(),
                started_at: clock::now().wall,
            }),
            partitions,
            statuses: Arc::default(),
            delay: Arc::default(),
            workers,
            figures,
            ends: Arc::default(),
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

    /// Of the task queues that this process has sent tasks to and whose workers' group can be seen: what that had committed
    /// when it was last asked, some two seconds ago, by partition.
    #[must_use]
    pub fn tasks_committed(&self) -> Vec<(String, Vec<i64>)> {
        let committed = self.workers.committed().into_iter();
        committed
            .map(|(_, queue, offsets)| (queue, offsets))
            .collect()
    }

    /// What its lanes have measured together, since it began.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// How much waits in inbox and results, by partition of its own: as was last asked, at most some ten seconds ago.
    #[must_use]
    pub fn inputs_waiting(&self) -> Vec<InputsWaiting> {
        self.ends.inputs(&self.statuses.all())
    }

    /// How much waits in the task queues that this process has sent tasks to, as was last asked.
    #[must_use]
    pub fn tasks_waiting(&self) -> Vec<TasksWaiting> {
        self.ends.tasks(clock::now().wall)
    }

    /// Whether the engine has partitions, owns all of them, and goes on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let statuses = self.statuses.all();
        let goes_on = !self.is_stopping() && !self.has_ended();
        goes_on && !statuses.is_empty() && statuses.iter().all(LaneStatus::is_ready)
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

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        num::NonZeroUsize,
    };

    use sagaline_core::Millis;
    use sagaline_journal::kafka::Kafka;

    use super::*;
    use crate::{Keys, Purpose};

    fn view() -> (EngineView, Arc<Lives>) {
        let kafka = Kafka::new("127.0.0.1:1", BTreeMap::new()).unwrap();
        let workers = Arc::new(Queues::new(kafka.clone(), "shop"));
        let settings = EngineSettings {
            kafka,
            namespace: "shop".to_owned(),
            app: "app".to_owned(),
            build: "1".to_owned(),
            partitions: 2,
            lane_threads: None,
            programs_kept: NonZeroUsize::MIN,
            closed_retention: Millis(0),
            keys: Keys::development(),
            delay_targets: BTreeSet::new(),
            local: Arc::new(crate::lane::NoLocalTasks),
            purpose: Purpose::Development,
        };
        EngineView::new(&settings, 2, workers, Arc::default())
    }

    fn lane(partition: i32, stage: Stage) -> LaneStatus {
        LaneStatus {
            partition,
            stage,
            epoch: 1,
            positions: (0, 0),
            open_runs: 0,
            closed_ids: 0,
            runs_with_deadline: 0,
            open_incidents: 0,
            queues: [].into(),
            queues_left_out: 0,
            as_of: Timestamp::default(),
            effects: 0,
            dropped: 0,
            clock_skew_ms: 0,
            clock_trusted: true,
            rival: None,
            error: None,
            batches: 0,
            events: 0,
            repeats: 0,
            stale: 0,
            rejected: 0,
            forwarded: 0,
        }
    }

    #[test]
    fn an_engine_is_ready_once_it_owns_all_that_it_has() {
        let (view, _lives) = view();
        assert!(!view.is_ready(), "it has none");

        view.statuses.put(lane(0, Stage::Active));
        view.statuses.put(lane(1, Stage::TakingOver));
        assert!(!view.is_ready());

        view.statuses.put(lane(1, Stage::Active));
        assert!(view.is_ready());
    }

    #[test]
    fn an_engine_that_stops_or_has_ended_is_not_ready_whatever_its_lanes_said_last() {
        let (stops, _lives) = view();
        stops.statuses.put(lane(0, Stage::Active));
        stops.stopping.order();
        assert!(!stops.is_ready() && !stops.has_ended());

        let (ends, lives) = view();
        ends.statuses.put(lane(0, Stage::Active));
        drop(lives);
        assert!(!ends.is_ready() && ends.has_ended());
    }
}
