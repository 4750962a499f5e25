//! Moves partitions between the lease and the lane threads, and watches the threads.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    time::Duration,
};

use sagaline_core::Millis;
use sagaline_journal::{
    Error, ErrorKind,
    kafka::{Kafka, LaneTopics, Lease, LeaseEvent},
};

use super::{
    delay::DelayThread,
    ends::Ends,
    stopping::Stopping,
    strays::Strays,
    thread::{LaneThread, Order, Parts},
    topics::TopicBook,
    watch::Statuses,
};
use crate::{
    Workflows, clock,
    lane::{LaneShared, Stage},
};

/// A lane thread that is silent for this long is abandoned.
pub(super) const SILENT_MAX: Millis = Millis(10_000);

/// A process with this many abandoned threads hands over and ends.
const ABANDONED_MAX: usize = 2;

/// How often the supervisor looks around.
const TURN: Duration = Duration::from_millis(50);

/// A supervisor that did not look around for this long was not running: its process was stopped, or its machine slept.
const ASLEEP_AFTER: Millis = Millis(1_000);

/// How often positions are committed, so that lag can be seen.
const COMMIT_EVERY: Millis = Millis(1_000);

pub(super) struct Supervisor {
    pub(super) kafka: Kafka,
    pub(super) lane_topics: LaneTopics,
    pub(super) lease: Lease,
    pub(super) lease_events: mpsc::Receiver<LeaseEvent>,
    pub(super) shared: Arc<LaneShared>,
    pub(super) workflows: Arc<dyn Workflows>,
    pub(super) threads_wanted: usize,
    pub(super) stopping: Arc<Stopping>,
    pub(super) statuses: Arc<Statuses>,
    pub(super) ends: Arc<Ends>,
    pub(super) book: Arc<TopicBook>,
    pub(super) delay: DelayThread,
}

fn spawn(what: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let thread = std::thread::Builder::new().name(format!("sagaline-{what}"));
    let no_thread = |error| {
        let message = format!("no thread for {what}: {error}");
        Error::new(ErrorKind::Unavailable, "thread", message)
    };
    thread.spawn(work).map(drop).map_err(no_thread)
}

/// The threads and who serves what.
struct Crew {
    threads: Vec<LaneThread>,
    /// Partitions held, by the thread that serves them.
    held: BTreeMap<i32, usize>,
    /// Partitions that have no journal.
    strays: Strays,
    abandoned: Vec<LaneThread>,
    started: u64,
    /// When the supervisor last looked around.
    looked_at: Millis,
    /// Since when it has done so without a break.
    awake_since: Millis,
}

impl Crew {
    /// Notes that the supervisor looks around; says for how long it has done so without a break.
    fn awake_ms(&mut self) -> u64 {
        let now = clock::monotonic();
        if now.0 - self.looked_at.0 > ASLEEP_AFTER.0 {
            self.awake_since = now;
        }
        self.looked_at = now;
        now.0 - self.awake_since.0
    }
}

impl Supervisor {
    pub(super) fn run(self, ready: &mpsc::Sender<()>) -> Result<(), Error> {
        let mut crew = Crew {
            threads: Vec::new(),
            held: BTreeMap::new(),
            strays: Strays::new(
                self.kafka.clone(),
                self.lane_topics.clone(),
                self.shared.clone(),
            ),
            abandoned: Vec::new(),
            started: 0,
            looked_at: clock::monotonic(),
            awake_since: clock::monotonic(),
        };
        for _ in 0..self.threads_wanted {
            let thread = self.start_thread(&mut crew)?;
            crew.threads.push(thread);
        }
        self.start_watchers()?;
        // Nobody listens any more only when the starting thread is gone.
        let _ = ready.send(());

        let outcome = self.supervise(&mut crew);
        self.stopping.order();
        self.delay.stop();
        let held: Vec<i32> = crew
            .held
            .keys()
            .copied()
            .chain(crew.strays.held())
            .collect();
        self.hand_over(&mut crew, &held);
        self.stopping.handed_over();
        self.lease.close(self.stopping.left_for_leaving());
        self.delay.await_end(self.stopping.left_for_leaving());
        outcome
    }

    /// Threads that ask the brokers. Nobody waits for their end: they may be in a question to brokers that are away.
    fn start_watchers(&self) -> Result<(), Error> {
        let (book, stopping) = (self.book.clone(), self.stopping.clone());
        spawn("topics", move || book.serve(|| stopping.is_handed_over()))?;
        let (book, stopping) = (self.book.clone(), self.stopping.clone());
        spawn("queues", move || {
            book.workers().serve(|| stopping.is_handed_over());
        })?;
        let (book, stopping) = (self.book.clone(), self.stopping.clone());
        let (ends, statuses) = (self.ends.clone(), self.statuses.clone());
        let (kafka, namespace) = (self.kafka.clone(), self.shared.namespace.clone());
        spawn("ends", move || {
            let from = (&*statuses, &**book.workers());
            ends.serve(&kafka, &namespace, from, || stopping.is_handed_over());
        })
    }

    fn supervise(&self, crew: &mut Crew) -> Result<(), Error> {
        let mut next_commit = clock::monotonic();
        while !self.stopping.is_ordered() {
            match self.lease_events.recv_timeout(TURN) {
                Ok(event) => self.lease_changed(crew, event)?,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        "lease",
                        "the group's consumer has ended",
                    ));
                }
            }
            if clock::monotonic() >= next_commit {
                next_commit = Millis(clock::monotonic().0 + COMMIT_EVERY.0);
                self.commit(crew);
                self.look_at_clock()?;
            }
            self.look_after(crew)?;
            self.look_for_misfits()?;
        }
        Ok(())
    }

    fn lease_changed(&self, crew: &mut Crew, event: LeaseEvent) -> Result<(), Error> {
        match event {
            LeaseEvent::Assigned(partitions) => {
                for partition in partitions {
                    if partition >= self.book.partitions() {
                        crew.strays.take(partition)?;
                        continue;
                    }
                    let thread = usize::try_from(partition).unwrap_or(0) % crew.threads.len();
                    crew.held.insert(partition, thread);
                    crew.threads[thread].order(Order::Take(partition, None));
                }
            }
            LeaseEvent::Revoked(partitions, hand_over) => {
                self.hand_over(crew, &partitions);
                hand_over.done();
            }
            LeaseEvent::Lost(partitions) => {
                tracing::warn!(?partitions, "the lease was lost");
                self.hand_over(crew, &partitions);
            }
        }
        Ok(())
    }

    /// Asks the lanes to finish and waits for them, but not for long: the claim of the next owner fences what is left.
    fn hand_over(&self, crew: &mut Crew, partitions: &[i32]) {
        let (done, finished) = mpsc::channel();
        let mut left = 0;
        for partition in partitions {
            if let Some(thread) = crew.held.remove(partition) {
                crew.threads[thread].order(Order::Release(*partition, done.clone()));
                left += 1;
            }
            left += usize::from(crew.strays.release(*partition, &done));
        }
        drop(done);
        let left = self.stopping.await_all(&finished, left);
        if left > 0 {
            tracing::warn!(left, "partitions were let go before they were handed over");
        }
        self.commit(crew);
        crew.strays.forget_released();
        for partition in partitions {
            self.statuses.remove(*partition);
        }
    }

    fn commit(&self, crew: &Crew) {
        let mut positions = crew.strays.positions();
        let lanes = self
            .statuses
            .all()
            .into_iter()
            .filter(|status| status.stage == Stage::Active)
            .map(|status| (status.partition, status.positions.0));
        positions.extend(lanes);
        self.lease.commit(positions);
    }

    /// A thread that does not move any more: its partitions are claimed anew, and the run that it was in is parked.
    fn look_after(&self, crew: &mut Crew) -> Result<(), Error> {
        // While the whole process stood still, so did the thread, and nothing is wrong with it.
        let awake_ms = crew.awake_ms();
        crew.abandoned.retain(|thread| !thread.watch.has_ended());
        for at in 0..crew.threads.len() {
            if crew.threads[at].watch.silent_ms().min(awake_ms) < SILENT_MAX.0 {
                continue;
            }
            let suspect = crew.threads[at].watch.run();
            tracing::error!(thread = at, run = ?suspect, "a lane thread is silent and is abandoned");
            let fresh = self.start_thread(crew)?;
            let silent = std::mem::replace(&mut crew.threads[at], fresh);
            // Should it come back, its lanes must not fight for what the fresh thread owns.
            silent.order(Order::End);
            crew.abandoned.push(silent);
            for (partition, _) in crew.held.iter().filter(|(_, thread)| **thread == at) {
                crew.threads[at].order(Order::Take(*partition, suspect));
            }
        }
        if crew.abandoned.len() >= ABANDONED_MAX {
            let message = format!("{ABANDONED_MAX} lane threads do not return from their programs");
            return Err(Error::new(
                ErrorKind::Internal,
                "threads-abandoned",
                message,
            ));
        }
        Ok(())
    }

    /// A namespace of another app, or with another number of partitions, is not for this engine.
    fn look_for_misfits(&self) -> Result<(), Error> {
        for status in self.statuses.all() {
            if let Some((code, message)) = status.error
                && let Some(code) = ["other-app", "partitions-differ"]
                    .into_iter()
                    .find(|known| *known == code)
            {
                return Err(Error::new(ErrorKind::Conflict, code, message));
            }
        }
        Ok(())
    }

    /// A process whose clock is off hands over to others; alone it goes on, firing nothing.
    fn look_at_clock(&self) -> Result<(), Error> {
        let off = self
            .statuses
            .all()
            .into_iter()
            .find(|status| status.stage == Stage::Active && !status.clock_trusted);
        let Some(status) = off else { return Ok(()) };
        if !self.lease.members().is_ok_and(|members| members > 1) {
            return Ok(());
        }
        let message = format!(
            "this machine's clock is {} ms from the broker's; at most {} are allowed",
            status.clock_skew_ms,
            crate::lane::CLOCK_SKEW_MAX.0
        );
        Err(Error::new(ErrorKind::Unavailable, "clock-skew", message))
    }

    fn start_thread(&self, crew: &mut Crew) -> Result<LaneThread, Error> {
        crew.started += 1;
        let parts = Parts {
            kafka: &self.kafka,
            topics: &self.lane_topics,
            lease: self.lease.handle(),
            shared: self.shared.clone(),
            statuses: self.statuses.clone(),
            number: crew.started,
        };
        LaneThread::start(parts, self.workflows.clone())
    }
}
