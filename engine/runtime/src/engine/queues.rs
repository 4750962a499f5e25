//! Watches how far the workers of the task queues are, from outside their groups.
//!
//! Deliberately absent: what follows from it ([`Backlog`]). Each queue has a client of its own, since Kafka asks for a
//! group's offsets in the group's name.

use std::{
    collections::BTreeMap,
    sync::{Mutex, mpsc},
    time::Duration,
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{
    Error, ErrorKind,
    kafka::{Group, Kafka},
    wire::topic,
};

use super::{
    backlog::{Answer, Backlog},
    watch::lock,
};
use crate::{clock, lane::SentTask};

/// From one poll of a queue to the next.
const POLL_EVERY: Millis = Millis(2_000);

/// How often the thread looks whether it is to stop.
const TURN: Duration = Duration::from_millis(200);

/// Most queues that are watched; in others tasks count as begun when they were sent.
const QUEUES_MAX: usize = 64;

/// The queues that this process has sent tasks to.
#[derive(Debug)]
pub(super) struct Queues {
    kafka: Kafka,
    namespace: String,
    backlogs: Mutex<BTreeMap<String, Watched>>,
    wake: Mutex<mpsc::Sender<()>>,
    woken: Mutex<Option<mpsc::Receiver<()>>>,
}

#[derive(Debug)]
struct Watched {
    backlog: Backlog,
    partitions: i32,
    /// It is one of too many.
    is_left_out: bool,
}

impl Queues {
    pub(super) fn new(kafka: Kafka, namespace: &str) -> Self {
        let (wake, woken) = mpsc::channel();
        Self {
            kafka,
            namespace: namespace.to_owned(),
            backlogs: Mutex::default(),
            wake: Mutex::new(wake),
            woken: Mutex::new(Some(woken)),
        }
    }

    /// The queue's topic is there: it is watched from now on.
    pub(super) fn watch(&self, topic: &str, partitions: i32) {
        let mut backlogs = lock(&self.backlogs);
        if let Some(known) = backlogs.get_mut(topic) {
            known.partitions = partitions;
            return;
        }
        let mut backlog = Backlog::default();
        let is_left_out = backlogs.len() >= QUEUES_MAX;
        if is_left_out {
            tracing::warn!(
                topic,
                "more than {QUEUES_MAX} task queues: time-outs of this one count from when a task is sent"
            );
            backlog.hide();
        }
        let watched = Watched {
            backlog,
            partitions,
            is_left_out,
        };
        backlogs.insert(topic.to_owned(), watched);
        // The thread is gone only when the engine is.
        let _ = lock(&self.wake).send(());
    }

    pub(super) fn queued_until(
        &self,
        topic: &str,
        task: SentTask,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut backlogs = lock(&self.backlogs);
        backlogs.get_mut(topic)?.backlog.queued_until(task, now)
    }

    /// The queues whose workers' group can be seen, and whether it has members.
    pub(super) fn with_workers(&self) -> Vec<(String, bool)> {
        let now = clock::now().wall;
        let backlogs = lock(&self.backlogs);
        let seen = backlogs.iter().filter_map(|(topic, watched)| {
            let has_workers = watched.backlog.has_workers(now)?;
            Some((self.queue(topic).to_owned(), has_workers))
        });
        seen.collect()
    }

    /// Of the queues whose workers' group can be seen: topic, queue, and what is committed, by partition.
    pub(super) fn committed(&self) -> Vec<(String, String, Vec<i64>)> {
        let backlogs = lock(&self.backlogs);
        let seen = backlogs.iter().filter_map(|(topic, watched)| {
            let committed = watched.backlog.committed()?.to_vec();
            Some((topic.clone(), self.queue(topic).to_owned(), committed))
        });
        seen.collect()
    }

    /// The queue of a topic.
    fn queue<'a>(&self, topic: &'a str) -> &'a str {
        let prefix = topic::tasks(&self.namespace, "");
        topic.strip_prefix(&*prefix).unwrap_or(topic)
    }

    /// Polls until it is stopped.
    pub(super) fn serve(&self, stopped: impl Fn() -> bool) {
        let Some(woken) = lock(&self.woken).take() else {
            return;
        };
        let mut groups = BTreeMap::new();
        let mut next_poll = clock::monotonic();
        while !stopped() {
            let is_new = woken.recv_timeout(TURN).is_ok();
            if is_new || next_poll <= clock::monotonic() {
                self.poll(&mut groups, &stopped);
                next_poll = Millis(clock::monotonic().0 + POLL_EVERY.0);
            }
        }
    }

    fn poll(&self, groups: &mut BTreeMap<String, Group>, stopped: impl Fn() -> bool) {
        let names: Vec<String> = lock(&self.backlogs)
            .iter()
            .filter(|(_, watched)| !watched.is_left_out)
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            if stopped() {
                return;
            }
            if let Err(error) = self.poll_one(groups, &name) {
                tracing::debug!(topic = name, %error, "how far its workers are is not known");
            }
        }
    }

    fn poll_one(&self, groups: &mut BTreeMap<String, Group>, topic: &str) -> Result<(), Error> {
        if !groups.contains_key(topic) {
            let group = topic::worker_group(&self.namespace, self.queue(topic));
            groups.insert(topic.to_owned(), Group::open(&self.kafka, &group)?);
        }
        let Some(group) = groups.get(topic) else {
            return Ok(());
        };
        let (partitions, ends_wanted) = match lock(&self.backlogs).get_mut(topic) {
            Some(watched) => (watched.partitions, watched.backlog.take_ends_wanted()),
            None => return Ok(()),
        };
        let partitions: Vec<i32> = (0..partitions).collect();
        let answer = ask(group, topic, &partitions);
        // Read after the answer: what it says was so by then.
        let at = clock::now().wall;
        let mut backlogs = lock(&self.backlogs);
        let Some(watched) = backlogs.get_mut(topic) else {
            return Ok(());
        };
        match answer {
            Ok(answer) => watched.backlog.learn(at, answer),
            Err(error) if error.kind() == ErrorKind::Invalid => {
                watched.backlog.hide();
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        drop(backlogs);
        if ends_wanted {
            let ends = group.ends(topic, &partitions)?;
            if let Some(watched) = lock(&self.backlogs).get_mut(topic) {
                watched.backlog.learn_ends(clock::now().wall, ends);
            }
        }
        Ok(())
    }
}

fn ask(group: &Group, topic: &str, partitions: &[i32]) -> Result<Answer, Error> {
    // Members first: one that comes between takes nothing that this answer would call queued.
    let has_members = !group.members()?.is_empty();
    let committed = group.committed(topic, partitions)?;
    // Who has committed nothing begins where the partition does, which need not be 0. Without members nobody begins.
    let is_open = |(partition, committed): (&i32, &Option<i64>)| {
        (has_members && committed.is_none()).then_some(*partition)
    };
    let open: Vec<i32> = partitions
        .iter()
        .zip(&committed)
        .filter_map(is_open)
        .collect();
    let mut begins = group
        .bounds(topic, &open)?
        .into_iter()
        .map(|(begin, _)| begin);
    let next = |committed: Option<i64>| match committed {
        Some(committed) => committed,
        None if has_members => begins.next().unwrap_or(0),
        None => 0,
    };
    Ok(Answer {
        has_members,
        committed: committed.into_iter().map(next).collect(),
    })
}
