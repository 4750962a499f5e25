//! A task queue that somebody limited: what limits it, which every partition knows, and at its home what waits for its turn.
//!
//! Invariant: no more tasks are outstanding than the limit allows when one is released, and none is released before the rate
//! allows it. Deliberately absent: queues that nobody ever limited.

mod line;

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::Position;
use crate::{
    Cause, Event, IdentityRing, Name, PausedType, QueueTask, Timestamp, event::QueueChanged,
    queue::TaskKey,
};
use line::Line;

/// Most tasks that one batch releases of one queue.
pub(crate) const RELEASES_MAX: usize = 500;

/// As much of what the rate allows may be made up for at once: batches come when they come.
const BURST_US: u64 = 100_000;

/// Microseconds in an hour.
const HOUR_US: u64 = 3_600_000_000;

/// What a partition knows of a limited queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    settings: Option<Arc<QueueChanged>>,
    changed_at: Timestamp,
    /// Changes whose repeats change nothing.
    pub(crate) seen: IdentityRing,
    line: Line,
    /// Before it no task is released.
    ready_at: Timestamp,
    pub(super) changed: Position,
}

impl Queue {
    /// One as its settings say, for those who only show what limits it: they know of no task that waits.
    #[must_use]
    pub fn shown(settings: QueueChanged, changed_at: Timestamp) -> Self {
        Self {
            settings: Some(Arc::new(settings)),
            changed_at,
            ..Self::default()
        }
    }

    /// What limits it.
    #[must_use]
    pub fn settings(&self) -> Option<&QueueChanged> {
        self.settings.as_deref()
    }

    /// When that was changed last; none: never.
    #[must_use]
    pub fn changed_at(&self) -> Option<&Timestamp> {
        self.settings.as_ref().map(|_| &self.changed_at)
    }

    /// How many tasks wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }

    /// How many tasks wait because their activity is paused.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.line.held_back()
    }

    /// How many tasks are released whose attempts have not ended.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.line.outstanding()
    }

    /// Since when the oldest of those that wait does; those of a paused activity included.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.line.oldest()
    }

    /// What keeps tasks of an activity here, if a person does.
    #[must_use]
    pub fn pause_of(&self, activity: &Name) -> Option<&PausedType> {
        self.paused().iter().find(|one| one.covers(activity))
    }

    /// Which of its changes is in force; 0 before the first.
    pub(crate) fn version(&self) -> u64 {
        self.settings
            .as_ref()
            .map_or(0, |settings| settings.version)
    }

    pub(crate) fn paused(&self) -> &[PausedType] {
        self.settings
            .as_ref()
            .map_or(&[], |settings| &settings.paused)
    }

    /// Whether an attempt waits here or is outstanding.
    pub(crate) fn knows(&self, task: &QueueTask) -> bool {
        self.line.knows(task)
    }

    /// Whether the home released it and does not know that it has ended.
    pub(crate) fn is_outstanding(&self, key: &TaskKey) -> bool {
        self.line.is_outstanding(key)
    }

    /// The tasks whose turn it is, one of each run and then the next of each; without those that end anyway.
    pub(crate) fn turns(&self, now: Timestamp, ending: &BTreeSet<TaskKey>) -> Vec<QueueTask> {
        self.line.next(self.allowed(now), ending)
    }

    /// When a task is to be released, if one waits and may go; at once if that is past.
    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        (self.line.waiting() > 0 && self.free() > 0).then_some(match self.interval_us() {
            0 => Timestamp::default(),
            _ => self.ready_at,
        })
    }

    /// How many more may be outstanding.
    fn free(&self) -> usize {
        let max = self.settings.as_ref().and_then(|one| one.max_outstanding);
        max.map_or(usize::MAX, |max| {
            (max as usize).saturating_sub(self.line.outstanding())
        })
    }

    fn allowed(&self, now: Timestamp) -> usize {
        let free = self.free().min(RELEASES_MAX);
        let interval = self.interval_us();
        if interval == 0 {
            return free;
        }
        let ready_at = self.ready_from(now);
        let Some(credit) = now
            .as_micros()
            .checked_sub(ready_at.as_micros())
            .and_then(|one| u64::try_from(one).ok())
        else {
            return 0;
        };
        let by_rate = credit.checked_div(interval).unwrap_or(0).saturating_add(1);
        free.min(usize::try_from(by_rate).unwrap_or(usize::MAX))
    }

    /// Microseconds between two releases; 0 without a rate.
    fn interval_us(&self) -> u64 {
        let rate = self.settings.as_ref().and_then(|one| one.rate_per_hour);
        rate.and_then(|rate| HOUR_US.checked_div(rate)).unwrap_or(0)
    }

    fn after_interval(&self, from: Timestamp) -> Timestamp {
        let interval = i64::try_from(self.interval_us()).unwrap_or(i64::MAX);
        Timestamp::from_micros(from.as_micros().saturating_add(interval))
    }

    /// From when on releases are counted: what was not used for long is not made up for.
    fn ready_from(&self, now: Timestamp) -> Timestamp {
        let burst = BURST_US.saturating_sub(self.interval_us());
        let burst = i64::try_from(burst).unwrap_or(i64::MAX);
        let earliest = now.as_micros().saturating_sub(burst);
        self.ready_at.max(Timestamp::from_micros(earliest))
    }

    /// Takes what a record of its home's partition says of it, as a reader of the journal.
    pub fn event(&mut self, cause: &Cause, at: Timestamp, event: &Event) {
        if let Some((_, happened)) = Happened::of(cause, at, event) {
            self.apply(&happened);
        }
    }

    pub(super) fn apply(&mut self, happened: &Happened) {
        match happened {
            Happened::Changed { change, at, by } => {
                if let Some(identity) = by {
                    self.seen.insert(*identity);
                }
                if change.version > self.version() {
                    let interval = self.interval_us();
                    self.settings = Some(Arc::clone(change));
                    if self.interval_us() != interval {
                        self.ready_at = self.ready_at.min(self.after_interval(*at));
                    }
                    self.changed_at = *at;
                    self.line.pause(&change.paused);
                }
            }
            Happened::Offered { task, at } => {
                let is_paused = self.pause_of(&task.activity).is_some();
                self.line.offer(task, *at, is_paused);
            }
            Happened::Released { task, at } => {
                if self.line.release(task, *at) {
                    self.ready_at = self.after_interval(self.ready_from(*at));
                }
            }
            Happened::Ended { task } => self.line.end(task),
        }
    }
}

/// Something that happened to a queue, to be applied when its batch is known valid.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    Changed {
        change: Arc<QueueChanged>,
        at: Timestamp,
        /// The input that changed it, where a person did.
        by: Option<crate::Identity>,
    },
    Offered {
        task: QueueTask,
        at: Timestamp,
    },
    Released {
        task: QueueTask,
        at: Timestamp,
    },
    Ended {
        task: QueueTask,
    },
}

impl Happened {
    /// What an event says of a queue in the partition that journals it, and of which.
    pub(crate) fn of<'a>(
        cause: &Cause,
        at: Timestamp,
        event: &'a Event,
    ) -> Option<(&'a Name, Self)> {
        if let Event::QueueChanged(change) = event {
            let is_home = cause.partition == change.home_partition;
            let changed = Self::Changed {
                change: Arc::clone(change),
                at,
                by: is_home.then(|| cause.identity()),
            };
            return Some((&change.queue, changed));
        }
        if let Event::QueueTaskOffered(offered) = event {
            let task = offered.task.clone();
            return Some((&offered.queue, Self::Offered { task, at }));
        }
        if let Event::QueueTaskReleased(released) = event {
            let task = released.task.clone();
            let at_home = released.at_home.then_some(Self::Released { task, at });
            return at_home.map(|happened| (&released.queue, happened));
        }
        if let Event::QueueTaskEnded(ended) = event {
            let task = ended.task.clone();
            let at_home = ended.at_home.then_some(Self::Ended { task });
            return at_home.map(|happened| (&ended.queue, happened));
        }
        None
    }
}

/// A change of a queue with the place of its record.
#[derive(Clone, Debug)]
pub(super) struct QueueDelta {
    pub(super) queue: Name,
    pub(super) happened: Happened,
    /// None until it is settled.
    pub(super) position: Option<Position>,
}

/// Whether attempts go through the home of a queue with these settings.
pub(crate) fn is_limited(settings: &QueueChanged) -> bool {
    settings.max_outstanding.is_some()
        || settings.rate_per_hour.is_some()
        || !settings.paused.is_empty()
}
