//! Limited queues, by a model of its own: how many are outstanding, whose turn it is, and that no place is lost (I8, I17).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use sagaline_core::{
    Event, Limit, Name, QueueAct, QueueTask, RunId, Timestamp, Transition, event::QueueChanged,
};

use super::outside::AttemptKey;
use crate::{
    Violation,
    inputs::{Asks, Input, QueueAsked},
};

/// What one partition knows of limited queues.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) partitions: i32,
    queues: BTreeMap<Name, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    settings: Option<Arc<QueueChanged>>,
    /// Inputs that changed it.
    seen: BTreeSet<(String, String)>,
    /// Attempts that ever came.
    offered: BTreeSet<AttemptKey>,
    waiting: BTreeMap<AttemptKey, Name>,
    outstanding: BTreeSet<AttemptKey>,
    /// Of each run that waits, the runs that had a turn while it did.
    passed: BTreeMap<RunId, BTreeSet<RunId>>,
    /// Attempts that came in the batch that is being taken: whose turn it is was decided before.
    fresh: BTreeSet<AttemptKey>,
    /// When the last tasks were released.
    released: VecDeque<Timestamp>,
}

/// An attempt as it is told by.
pub(super) fn key_of(task: &QueueTask) -> AttemptKey {
    (task.run_id, task.activity_id.get(), task.attempt.get())
}

impl Queues {
    pub(super) const fn new(partitions: i32) -> Self {
        Self {
            partitions,
            queues: BTreeMap::new(),
        }
    }

    /// Whether attempts of a queue go through its home, as far as this partition knows.
    pub(super) fn is_limited(&self, queue: &str) -> bool {
        let queue = self.queues.iter().find(|(name, _)| name.as_str() == queue);
        queue.is_some_and(|(_, queue)| queue.is_limited())
    }

    /// Whether an attempt was released whose end is not known here.
    pub(super) fn is_outstanding(&self, key: &AttemptKey) -> bool {
        self.queues
            .values()
            .any(|queue| queue.outstanding.contains(key))
    }

    pub(super) fn was_offered(&self, queue: &Name, key: &AttemptKey) -> bool {
        self.queues
            .get(queue)
            .is_some_and(|queue| queue.offered.contains(key))
    }

    /// Which change is in force here; 0: none.
    pub(super) fn version(&self, queue: &Name) -> u64 {
        self.queues.get(queue).map_or(0, Queue::version)
    }

    /// Queues that this partition decides on and that are limited, with what is paused.
    pub(super) fn limited(&self, partition: i32) -> Vec<(Name, Vec<Option<Name>>)> {
        let at_home = |queue: &&QueueChanged| queue.home_partition == partition;
        let settings = self.queues.values().filter(|one| one.is_limited());
        let settings = settings
            .filter_map(|one| one.settings.as_deref())
            .filter(at_home);
        let paused =
            |one: &QueueChanged| one.paused.iter().map(|one| one.activity.clone()).collect();
        settings
            .map(|one| (one.queue.clone(), paused(one)))
            .collect()
    }

    /// A batch begins.
    pub(super) fn begin_batch(&mut self) {
        self.queues
            .values_mut()
            .for_each(|queue| queue.fresh.clear());
    }

    /// Takes what a transition without a run says of queues.
    pub(super) fn transition(
        &mut self,
        transition: &Transition,
        by: Option<&Input>,
    ) -> Result<(), Violation> {
        for event in &transition.events {
            let Some(name) = event.queue() else { continue };
            let queue = self.queues.entry(name.clone()).or_default();
            let asked = match by.map(|input| &input.asks) {
                Some(Asks::Queue(asked)) => Some(asked),
                _ => None,
            };
            let taken = queue.event(transition, event, asked);
            taken.map_err(|what| {
                Violation::new("I8", format!("queue {name}: {what}: {event:?} by {by:?}"))
            })?;
        }
        Ok(())
    }

    /// Everything is done: no place is taken, nothing waits.
    pub(super) fn finish(&self) -> Result<(), Violation> {
        let left = |queue: &&Queue| !queue.waiting.is_empty() || !queue.outstanding.is_empty();
        match self.queues.values().find(left) {
            None => Ok(()),
            Some(queue) => Err(Violation::new("I17", format!("a place is lost: {queue:?}"))),
        }
    }
}

impl Queue {
    fn is_limited(&self) -> bool {
        self.settings.as_deref().is_some_and(|one| {
            let unlimited = one.max_outstanding.is_none() && one.rate_per_hour.is_none();
            !unlimited || !one.paused.is_empty()
        })
    }

    fn version(&self) -> u64 {
        self.settings.as_ref().map_or(0, |one| one.version)
    }

    fn event(
        &mut self,
        transition: &Transition,
        event: &Event,
        asked: Option<&QueueAsked>,
    ) -> Result<(), String> {
        match (event, asked) {
            (Event::QueueChanged(change), Some(QueueAsked::Change { act, .. })) => {
                let cause = &transition.cause;
                let identity = (cause.source.to_string(), cause.id.to_string());
                if !self.seen.insert(identity) {
                    return Err("it was changed by the same before".into());
                }
                self.changed(change, act)
            }
            (Event::QueueChanged(change), Some(QueueAsked::Adopt(_, version)))
                if change.version == *version && *version > self.version() =>
            {
                self.settings = Some(Arc::clone(change));
                Ok(())
            }
            (Event::QueueTaskOffered(event), Some(QueueAsked::Offer(key)))
                if key_of(&event.task) == *key =>
            {
                self.offered(&event.task);
                Ok(())
            }
            (Event::QueueTaskReleased(event), None) if event.at_home => {
                self.release(&event.task, transition.at)
            }
            (Event::QueueTaskEnded(event), Some(QueueAsked::End(key)))
                if event.at_home && key_of(&event.task) == *key =>
            {
                self.outstanding.remove(key);
                self.forget(key);
                Ok(())
            }
            // What the partition of the run does is the run's.
            (Event::QueueTaskReleased(event), Some(QueueAsked::Send(key)))
                if !event.at_home && key_of(&event.task) == *key =>
            {
                Ok(())
            }
            (Event::QueueTaskEnded(event), Some(QueueAsked::Send(key)))
                if !event.at_home && key_of(&event.task) == *key =>
            {
                Ok(())
            }
            _ => Err("nobody asked for it".into()),
        }
    }

    /// A person changed it: that, and nothing else.
    fn changed(&mut self, change: &Arc<QueueChanged>, act: &QueueAct) -> Result<(), String> {
        let old = self.settings.as_deref();
        let paused = |one: &QueueChanged| -> BTreeSet<Option<Name>> {
            one.paused.iter().map(|one| one.activity.clone()).collect()
        };
        let mut expected = (
            old.and_then(|old| old.max_outstanding),
            old.and_then(|old| old.rate_per_hour),
            old.map(paused).unwrap_or_default(),
        );
        match act {
            QueueAct::Limit {
                max_outstanding,
                rate_per_hour,
            } => {
                set(&mut expected.0, *max_outstanding);
                set(&mut expected.1, *rate_per_hour);
            }
            QueueAct::Pause(activity) => drop(expected.2.insert(activity.clone())),
            QueueAct::Resume(activity) => drop(expected.2.remove(activity)),
        }
        let got = (change.max_outstanding, change.rate_per_hour, paused(change));
        if got != expected || change.version != self.version() + 1 {
            return Err(format!("{expected:?} was asked for"));
        }
        self.settings = Some(Arc::clone(change));
        // A rate counts from when it is set, and turns from what is paused.
        self.released.clear();
        self.passed.values_mut().for_each(BTreeSet::clear);
        Ok(())
    }

    fn offered(&mut self, task: &QueueTask) {
        let key = key_of(task);
        self.offered.insert(key);
        if self.outstanding.contains(&key) {
            return;
        }
        let mut tasks = self.waiting.iter().filter(|(one, _)| one.0 == key.0);
        let has_turn = tasks.any(|(_, activity)| !self.is_paused(activity));
        self.waiting.insert(key, task.activity.clone());
        let passed = self.passed.entry(task.run_id).or_default();
        if !has_turn {
            passed.clear();
        }
        self.fresh.insert(key);
    }

    fn is_paused(&self, activity: &Name) -> bool {
        let paused = self.settings.iter().flat_map(|one| &one.paused);
        let mut activities = paused.map(|one| &one.activity);
        activities.any(|one| one.as_ref().is_none_or(|one| one == activity))
    }

    fn release(&mut self, task: &QueueTask, at: Timestamp) -> Result<(), String> {
        let key = key_of(task);
        let Some(activity) = self.waiting.get(&key).cloned() else {
            return Err("it does not wait".into());
        };
        if self.is_paused(&activity) {
            return Err("it is paused".into());
        }
        self.forget(&key);
        self.outstanding.insert(key);
        let max = self.settings.as_ref().and_then(|one| one.max_outstanding);
        if max.is_some_and(|max| self.outstanding.len() > max as usize) {
            return Err(format!("{} are outstanding", self.outstanding.len()));
        }
        self.check_rate(at)?;
        self.check_turn(task.run_id)
    }

    fn forget(&mut self, key: &AttemptKey) {
        self.waiting.remove(key);
        if !self.waiting.keys().any(|one| one.0 == key.0) {
            self.passed.remove(&key.0);
        }
    }

    /// In any second no more than the rate, a tenth of it, and one.
    fn check_rate(&mut self, at: Timestamp) -> Result<(), String> {
        let Some(rate) = self.settings.as_ref().and_then(|one| one.rate_per_hour) else {
            return Ok(());
        };
        self.released.push_back(at);
        while self
            .released
            .front()
            .is_some_and(|first| at.since(*first).0 >= 1_000)
        {
            self.released.pop_front();
        }
        let allowed = rate * 11 / 36_000 + 1;
        match self.released.len() as u64 > allowed {
            true => Err(format!("{} went out in a second", self.released.len())),
            false => Ok(()),
        }
    }

    /// No run has a second turn while another waits for its first, unless all that it waits with is paused.
    fn check_turn(&mut self, run_id: RunId) -> Result<(), String> {
        let waits = |other: &RunId| {
            let mut tasks = self.waiting.iter().filter(|(key, _)| key.0 == *other);
            tasks.any(|(key, activity)| !self.fresh.contains(key) && !self.is_paused(activity))
        };
        let waiting: BTreeSet<RunId> = self.passed.keys().copied().filter(waits).collect();
        for (other, passed) in &mut self.passed {
            if *other != run_id && !passed.insert(run_id) && waiting.contains(other) {
                return Err(format!("run {other} waits for its turn"));
            }
        }
        if let Some(passed) = self.passed.get_mut(&run_id) {
            passed.clear();
        }
        Ok(())
    }
}

fn set<T>(limit: &mut Option<T>, change: Limit<T>) {
    match change {
        Limit::Keep => {}
        Limit::Lift => *limit = None,
        Limit::Set(new) => *limit = Some(new),
    }
}
