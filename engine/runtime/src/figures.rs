//! What all lanes of a process measure together, since it began: for metrics, and for nothing else.
//!
//! Sums of the process go on when a partition goes to another, as counters must. Each is an atomic that is added to: some
//! nanoseconds beside a step that takes some ten thousand. Deliberately absent: what a lane's status says at any time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sagaline_core::{Event, Millis, Name, State, Transition, event::Outcome};

/// Activities that are told of by name; all others are one.
pub const ACTIVITIES_SHOWN_MAX: usize = 64;

/// What those beyond [`ACTIVITIES_SHOWN_MAX`] are called. No activity is: a name with a space would have to be meant.
pub const OTHER_ACTIVITIES: &str = "(all others)";

/// Values by how large they are.
#[derive(Debug)]
pub struct Histogram {
    /// Largest value of each class, ascending; one more class has all above.
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Largest value of each class but the last.
    pub bounds: &'static [u64],
    /// Values in each class; one more than there are bounds.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: std::iter::repeat_with(AtomicU64::default)
                .take(bounds.len() + 1)
                .collect(),
            sum: AtomicU64::default(),
        }
    }

    fn observe(&self, value: u64) {
        let class = self.bounds.partition_point(|&bound| bound < value);
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What it has now.
    #[must_use]
    pub fn read(&self) -> Reading {
        let counts = self.counts.iter();
        Reading {
            bounds: self.bounds,
            counts: counts.map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// Milliseconds of what a machine does.
const MACHINE_MS: &[u64] = &[
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000,
];

/// Milliseconds of steps, which may wait for people.
const STEP_MS: &[u64] = &[
    10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000,
    86_400_000,
];

/// How many there are of something.
const COUNTS: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/// What all lanes of a process measure together.
#[derive(Debug)]
pub struct Figures {
    batch: Histogram,
    commit: Histogram,
    wait: Histogram,
    takeover: Histogram,
    started: AtomicU64,
    /// By [`Outcome`], in the order of [`OUTCOMES`].
    closed: [AtomicU64; OUTCOMES.len()],
    activities: Mutex<BTreeMap<Name, Arc<OfActivity>>>,
}

/// Every way in which a run ends.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Completed,
    Outcome::Failed,
    Outcome::Canceled,
    Outcome::Terminated,
    Outcome::TimedOut,
    Outcome::ContinuedAsNew,
];

impl Default for Figures {
    fn default() -> Self {
        Self {
            batch: Histogram::new(COUNTS),
            commit: Histogram::new(MACHINE_MS),
            wait: Histogram::new(MACHINE_MS),
            takeover: Histogram::new(MACHINE_MS),
            started: AtomicU64::default(),
            closed: std::array::from_fn(|_| AtomicU64::default()),
            activities: Mutex::default(),
        }
    }
}

/// What is measured of activities of one name.
#[derive(Debug)]
struct OfActivity {
    took: Histogram,
    failed: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityFigures {
    /// Name of the activities.
    pub activity: Name,
    /// Milliseconds from when one was scheduled to its outcome, all attempts and what is between them included.
    pub took_ms: Reading,
    /// Attempts that failed.
    pub failed_attempts: u64,
}

impl Figures {
    /// Records of batches with transitions, in the journal.
    #[must_use]
    pub fn batch_records(&self) -> Reading {
        self.batch.read()
    }

    /// Milliseconds from when a batch is sent to when it is known to be in the journal.
    #[must_use]
    pub fn commit_ms(&self) -> Reading {
        self.commit.read()
    }

    /// Milliseconds from when the broker has an input to when it is decided on.
    #[must_use]
    pub fn input_wait_ms(&self) -> Reading {
        self.wait.read()
    }

    /// Milliseconds from when a partition is given to this process to when it owns it.
    #[must_use]
    pub fn takeover_ms(&self) -> Reading {
        self.takeover.read()
    }

    /// Runs that were started.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Runs that ended, by how they did.
    #[must_use]
    pub fn closed(&self) -> [(Outcome, u64); OUTCOMES.len()] {
        let counts = self.closed.each_ref();
        let mut counts = counts.into_iter();
        OUTCOMES.map(|outcome| {
            let count = counts.next().map(|count| count.load(Ordering::Relaxed));
            (outcome, count.unwrap_or_default())
        })
    }

    /// What is measured of activities, by name.
    #[must_use]
    pub fn activities(&self) -> Vec<ActivityFigures> {
        let activities = self.activities.lock();
        let activities = activities.unwrap_or_else(PoisonError::into_inner);
        let figures = activities.iter().map(|(activity, of)| ActivityFigures {
            activity: activity.clone(),
            took_ms: of.took.read(),
            failed_attempts: of.failed.load(Ordering::Relaxed),
        });
        figures.collect()
    }

    /// A batch of so many records is known to be in the journal.
    pub(crate) fn committed(&self, records: usize, took: Millis) {
        self.batch.observe(records as u64);
        self.commit.observe(took.0);
    }

    /// An input is decided on.
    pub(crate) fn input(&self, waited: Millis) {
        self.wait.observe(waited.0);
    }

    /// A partition is owned.
    pub(crate) fn taken_over(&self, took: Millis) {
        self.takeover.observe(took.0);
    }

    fn close(&self, outcome: Outcome) {
        // The order of the variants is that of `OUTCOMES`.
        if let Some(count) = self.closed.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The activities of a name; of a new one beyond the limit, those of all others.
    fn of_activity(&self, activity: &Name) -> Arc<OfActivity> {
        let activities = self.activities.lock();
        let mut activities = activities.unwrap_or_else(PoisonError::into_inner);
        let is_shown = activities.contains_key(activity) || activities.len() < ACTIVITIES_SHOWN_MAX;
        let name = match is_shown {
            true => activity.clone(),
            false => Name::from(OTHER_ACTIVITIES),
        };
        let new = || {
            Arc::new(OfActivity {
                took: Histogram::new(STEP_MS),
                failed: AtomicU64::default(),
            })
        };
        activities.entry(name).or_insert_with(new).clone()
    }
}

/// One lane's way to the figures: it asks for each activity once.
#[derive(Debug, Default)]
pub(crate) struct Measuring {
    activities: HashMap<Name, Arc<OfActivity>>,
}

/// Most names that a lane keeps; strangers' activities do not fill memory.
const NAMES_KEPT_MAX: usize = 1_000;

impl Measuring {
    /// Measures what a transition says; `state` is the journal's: what ends now was begun in an earlier batch.
    pub(crate) fn transition(&mut self, figures: &Figures, transition: &Transition, state: &State) {
        for event in &transition.events {
            match event {
                Event::WorkflowStarted(_) => {
                    figures.started.fetch_add(1, Ordering::Relaxed);
                }
                Event::WorkflowCompleted(_) => figures.close(Outcome::Completed),
                Event::WorkflowFailed(_) => figures.close(Outcome::Failed),
                Event::WorkflowCanceled(_) => figures.close(Outcome::Canceled),
                Event::WorkflowTerminated(_) => figures.close(Outcome::Terminated),
                Event::WorkflowTimedOut(_) => figures.close(Outcome::TimedOut),
                Event::WorkflowContinuedAsNew(_) => figures.close(Outcome::ContinuedAsNew),
                Event::ActivityAttemptFailed(event) => {
                    let of = self.of_activity(figures, &event.activity);
                    of.failed.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
            let (activity_id, activity) = match event {
                Event::ActivityCompleted(event) => (event.activity_id, &event.activity),
                Event::ActivityFailed(event) => (event.activity_id, &event.activity),
                Event::ActivityTimedOut(event) => (event.activity_id, &event.activity),
                Event::ActivityCanceled(event) => (event.activity_id, &event.activity),
                _ => continue,
            };
            let run = transition.workflow_id.as_ref().and_then(|id| state.run(id));
            let run = run.filter(|run| Some(run.run_id) == transition.run_id);
            if let Some(pending) = run.and_then(|run| run.activity(activity_id)) {
                let took = transition.at.since(pending.scheduled_at);
                self.of_activity(figures, activity).took.observe(took.0);
            }
        }
    }

    fn of_activity(&mut self, figures: &Figures, activity: &Name) -> &OfActivity {
        if !self.activities.contains_key(activity) {
            if self.activities.len() >= NAMES_KEPT_MAX {
                self.activities.clear();
            }
            let of = figures.of_activity(activity);
            self.activities.insert(activity.clone(), of);
        }
        &self.activities[activity]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_class_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::new(&[1, 10, 100]);

        for value in [0, 1, 2, 10, 11, 100, 101, 5_000] {
            histogram.observe(value);
        }

        let read = histogram.read();
        assert_eq!(read.counts, [2, 2, 2, 2]);
        assert_eq!(read.sum, 5_225);
    }

    #[test]
    fn each_end_of_a_run_is_counted_as_what_it_is() {
        let figures = Figures::default();
        for (times, outcome) in (1..).zip(OUTCOMES) {
            (0..times).for_each(|_| figures.close(outcome));
        }

        let counts: Vec<(Outcome, u64)> = figures.closed().into();

        let expected: Vec<(Outcome, u64)> = OUTCOMES.into_iter().zip(1..).collect();
        assert_eq!(counts, expected);
    }

    #[test]
    fn activities_beyond_the_limit_are_one() {
        let figures = Figures::default();
        let mut measuring = Measuring::default();
        for number in 0..ACTIVITIES_SHOWN_MAX + 10 {
            let name = Name::new(&format!("a-{number}")).unwrap();
            let of = measuring.of_activity(&figures, &name);
            of.failed.fetch_add(1, Ordering::Relaxed);
        }

        let all = figures.activities();

        assert_eq!(all.len(), ACTIVITIES_SHOWN_MAX + 1);
        let others = all
            .iter()
            .find(|one| one.activity.as_str() == OTHER_ACTIVITIES);
        assert_eq!(others.map(|one| one.failed_attempts), Some(10));
        assert!(measuring.activities.len() <= NAMES_KEPT_MAX);
    }
}
