//! Where inputs and task queues end, so that it can be told how much waits in them, and for how long at least.
//!
//! ```text
//!   marks of a partition    40 at 10:00   55 at 10:05   55 … end
//!   committed is 42         what is before 55 was there at 10:05: the oldest that waits is as old, or older
//! ```
//! Deliberately absent: reads of records. It asks for numbers alone, on a thread that nobody waits for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, mpsc},
    time::Duration,
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{
    Error,
    kafka::{Admin, Kafka},
    wire::topic,
};

use super::{
    queues::Queues,
    watch::{Statuses, lock},
};
use crate::{
    clock,
    lane::{LaneStatus, Stage},
};

/// From one round to the next.
const ROUND_EVERY: Millis = Millis(5_000);

/// How often the thread looks whether it is to stop.
const TURN: Duration = Duration::from_millis(200);

/// Most marks of a partition; of more, every second goes.
const MARKS_MAX: usize = 256;

/// How much waits in a partition of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputsWaiting {
    /// The partition.
    pub partition: i32,
    /// Offsets of the inbox that are not journaled.
    pub inbox: u64,
    /// The same of results.
    pub results: u64,
}

/// How much waits in a task queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TasksWaiting {
    /// The queue.
    pub queue: String,
    /// Offsets of its topic that its workers' group has not committed.
    pub waiting: u64,
    /// For how long the oldest of them has waited, at least.
    pub oldest_ms: u64,
}

/// What was last asked.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Ends of inbox and results.
    inputs: BTreeMap<i32, (i64, i64)>,
    /// By queue, its partitions.
    tasks: BTreeMap<String, Vec<Line>>,
}

/// What waits in one partition of a queue's topic.
#[derive(Debug, Default)]
struct Line {
    waiting: i64,
    /// Ends, and when they were first seen: oldest first, none at or below what is committed.
    marks: VecDeque<(i64, Timestamp)>,
}

impl Line {
    fn learn(&mut self, at: Timestamp, next: i64, end: i64) {
        self.waiting = (end - next).max(0);
        while self.marks.pop_front_if(|mark| mark.0 <= next).is_some() {}
        if self.waiting > 0 && self.marks.back().is_none_or(|mark| mark.0 < end) {
            self.marks.push_back((end, at));
        }
        if self.marks.len() > MARKS_MAX {
            let mut is_kept = false;
            self.marks.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.marks.front().map(|mark| mark.1)
    }
}

impl Ends {
    /// How much waits for the lanes that own their partitions.
    pub(super) fn inputs(&self, lanes: &[LaneStatus]) -> Vec<InputsWaiting> {
        let known = lock(&self.0);
        let owned = lanes.iter().filter(|lane| lane.stage == Stage::Active);
        let waiting = owned.filter_map(|lane| {
            let (inbox, results) = known.inputs.get(&lane.partition)?;
            let left = |end: i64, position: i64| u64::try_from(end - position).unwrap_or(0);
            Some(InputsWaiting {
                partition: lane.partition,
                inbox: left(*inbox, lane.positions.0),
                results: left(*results, lane.positions.1),
            })
        });
        waiting.collect()
    }

    /// How much waits in each queue.
    pub(super) fn tasks(&self, now: Timestamp) -> Vec<TasksWaiting> {
        let known = lock(&self.0);
        let of_queue = |(queue, lines): (&String, &Vec<Line>)| {
            let waiting: i64 = lines.iter().map(|line| line.waiting).sum();
            let oldest = lines.iter().filter_map(Line::oldest).min();
            TasksWaiting {
                queue: queue.clone(),
                waiting: u64::try_from(waiting).unwrap_or(0),
                oldest_ms: oldest.map_or(0, |at| now.since(at).0),
            }
        };
        known.tasks.iter().map(of_queue).collect()
    }

    /// Asks again and again, until it is stopped.
    pub(super) fn serve(
        &self,
        kafka: &Kafka,
        namespace: &str,
        (statuses, queues): (&Statuses, &Queues),
        stopped: impl Fn() -> bool,
    ) {
        // Nobody sends: it is waited for in turns.
        let (_kept, never) = mpsc::channel::<()>();
        let admin = match Admin::open(kafka) {
            Ok(admin) => admin,
            Err(error) => return tracing::warn!(%error, "how much waits is not known"),
        };
        let mut next_round = clock::monotonic();
        while !stopped() {
            if next_round <= clock::monotonic() {
                let round = self.round(&admin, namespace, (statuses, queues), &stopped);
                if let Err(error) = round {
                    tracing::debug!(%error, "how much waits is not known just now");
                }
                next_round = Millis(clock::monotonic().0 + ROUND_EVERY.0);
            }
            let _ = never.recv_timeout(TURN);
        }
    }

    fn round(
        &self,
        admin: &Admin,
        namespace: &str,
        (statuses, queues): (&Statuses, &Queues),
        stopped: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let (inbox, results) = (topic::inbox(namespace), topic::results(namespace));
        let owned = statuses.all().into_iter();
        for lane in owned.filter(|lane| lane.stage == Stage::Active) {
            if stopped() {
                return Ok(());
            }
            let partition = lane.partition;
            let ends = (
                admin.end(&inbox, partition)?,
                admin.end(&results, partition)?,
            );
            lock(&self.0).inputs.insert(partition, ends);
        }
        for (topic, queue, committed) in queues.committed() {
            for (partition, committed) in (0..).zip(committed) {
                if stopped() {
                    return Ok(());
                }
                let (begin, end) = admin.bounds(&topic, partition)?;
                let mut known = lock(&self.0);
                let lines = known.tasks.entry(queue.clone()).or_default();
                let at = usize::try_from(partition).unwrap_or_default();
                if lines.len() <= at {
                    lines.resize_with(at + 1, Line::default);
                }
                lines[at].learn(clock::now().wall, committed.max(begin), end);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_oldest_that_waits_is_as_old_as_the_first_look_at_it() {
        let mut line = Line::default();
        let mut seen = |second, next, end| {
            line.learn(at(second), next, end);
            (line.waiting, line.oldest())
        };

        assert_eq!(seen(0, 40, 40), (0, None));
        assert_eq!(seen(5, 40, 50), (10, Some(at(5))));
        assert_eq!(seen(10, 42, 55), (13, Some(at(5))), "50 is not done");
        assert_eq!(seen(15, 52, 55), (3, Some(at(10))));
        assert_eq!(seen(20, 55, 55), (0, None));
    }

    #[test]
    fn a_long_wait_is_remembered_in_little_memory() {
        let mut line = Line::default();
        for second in 0..10_000 {
            line.learn(at(second), 0, second + 1);
        }

        assert!(line.marks.len() <= MARKS_MAX);
        assert_eq!(line.oldest(), Some(at(0)));
    }

    #[test]
    fn a_queue_is_the_sum_of_its_partitions_and_as_old_as_the_oldest() {
        let ends = Ends::default();
        let mut lines = vec![Line::default(), Line::default()];
        lines[0].learn(at(5), 0, 3);
        lines[1].learn(at(2), 7, 8);
        lock(&ends.0).tasks.insert("orders".to_owned(), lines);

        let expected = TasksWaiting {
            queue: "orders".to_owned(),
            waiting: 4,
            oldest_ms: 8_000,
        };
        assert_eq!(ends.tasks(at(10)), [expected]);
    }
}
