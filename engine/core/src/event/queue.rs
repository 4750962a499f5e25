//! Limited task queues.

use alloc::{boxed::Box, vec::Vec};

use crate::{Name, PausedType, QueueTask};

event! {
    /// What limits a task queue from now on: all of it, whatever it was before.
    QueueChanged {
        /// The queue.
        queue: Name,
        /// Counts its changes up from 1; of two the higher is in force.
        version: u64,
        /// The partition that decides on the queue, and tells the others.
        home_partition: i32,
        /// Most tasks that workers may have at once, from their release until their attempt ends; none: no limit.
        max_outstanding: Option<u32>,
        /// How many tasks are released in an hour, evenly; none: no limit.
        rate_per_hour: Option<u64>,
        /// Activities of which nothing is released.
        paused: Vec<PausedType>,
        /// Who changed it.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The home of a limited queue keeps an attempt's task until it is its turn.
    QueueTaskOffered {
        /// The queue.
        queue: Name,
        /// The attempt.
        task: QueueTask,
    }
    /// A task goes to its queue: it is its turn, says the queue's home; the partition of the run sends it.
    QueueTaskReleased {
        /// The queue.
        queue: Name,
        /// Said by the queue's home, not by the partition of the run.
        at_home: bool,
        /// The attempt.
        task: QueueTask,
    }
    /// An attempt has ended, or is not wanted any more, and leaves its place to the next.
    QueueTaskEnded {
        /// The queue.
        queue: Name,
        /// Noted by the queue's home, not by the partition of the run.
        at_home: bool,
        /// The attempt.
        task: QueueTask,
    }
}
