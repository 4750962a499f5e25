//! The thread that projects: it reads the journal, folds it, and commits.
//!
//! ```text
//! poll records ─▶ valid batches ─▶ fold ─▶ nothing more is queued, or it has been long: commit ─▶ tell listeners
//! ```
//! Of several processes on one database each partition has one that leads; another takes over where its leader is silent.
//! Invariant: whatever ends this thread, the rows are those of the journal up to the offset beside them.

mod clock;
mod lag;
mod lead;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use sagaline_core::Timestamp;
use sagaline_journal::{
    Error, ErrorKind, Footing, Item, JournalReader,
    kafka::{Admin, Beginnings, Kafka, Tail, Tailed, TopicState},
    wire::topic,
};
use sqlx::{Any, pool::PoolConnection};
use tokio::runtime::Handle;

pub use self::lag::Lag;
use self::{clock::Moment, lead::Lead};
use crate::{
    Changed, Projection,
    fold::Fold,
    notice::told_from,
    store::unavailable,
    write::{Committed, Progress, Reading, commit},
};

/// Between two commits at least, so that many small ones do not cost what one would.
const COMMIT_PAUSE: Duration = Duration::from_millis(10);

/// Between two commits at most while there is something to write.
const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// Runs that one commit writes, about.
const COMMIT_RUNS: usize = 4_000;

/// Records that are folded before somebody looks whether a commit is due.
const RECORDS_OF_TURN: usize = 256;

/// How long nothing is looked after while nothing comes.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// How often one looks whether other tables are to be read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Pause before all begins again after an error.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A projection that goes on, until this is dropped.
#[derive(Debug)]
pub struct Following {
    stopping: Arc<AtomicBool>,
    lag: Arc<Lag>,
    leader: String,
    thread: Option<thread::JoinHandle<()>>,
}

impl Following {
    /// What it is called in `partitions`.
    #[must_use]
    pub fn leader(&self) -> &str {
        &self.leader
    }

    /// How far it is behind.
    #[must_use]
    pub fn lag(&self) -> Arc<Lag> {
        self.lag.clone()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the projection's thread panicked");
        }
    }
}

impl Projection {
    /// Projects the journal of a namespace, from where the rows are, on a thread of its own. Call it on the tokio runtime
    /// that serves the database's connections.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`], code `projection-thread`: there is no thread.
    pub fn follow(&self, kafka: &Kafka, namespace: &str) -> Result<Following, Error> {
        let stopping = Arc::new(AtomicBool::new(false));
        let lag = Arc::new(Lag::default());
        let leader = lead::name();
        let session = Session {
            projection: self.clone(),
            kafka: kafka.clone(),
            namespace: namespace.to_owned(),
            topic: topic::journal(namespace),
            leader: leader.clone(),
            runtime: Handle::current(),
            stopping: stopping.clone(),
            lag: lag.clone(),
        };
        let thread = thread::Builder::new()
            .name("projection".to_owned())
            .spawn(move || {
                // A connection that is given back needs the runtime, also while it is not waited for.
                let runtime = session.runtime.clone();
                let _entered = runtime.enter();
                session.run();
            })
            .map_err(|error| {
                let text = format!("the projection has no thread: {error}");
                Error::new(ErrorKind::Internal, "projection-thread", text)
            })?;
        Ok(Following {
            stopping,
            lag,
            leader,
            thread: Some(thread),
        })
    }
}

/// What the thread has to work with, whatever fails meanwhile.
struct Session {
    projection: Projection,
    kafka: Kafka,
    namespace: String,
    topic: String,
    leader: String,
    runtime: Handle,
    stopping: Arc<AtomicBool>,
    lag: Arc<Lag>,
}

/// Why a pass ended.
enum Ended {
    /// The thread is to end.
    Stopping,
    /// The partitions that it leads are others now.
    Others,
    /// The journal is not the one that was projected.
    Recreated(i32),
}

impl Session {
    fn run(&self) {
        let mut told: Option<String> = None;
        while !self.is_stopping() {
            match self.pass() {
                Ok(Ended::Stopping) => return,
                Ok(Ended::Others) => told = None,
                Ok(Ended::Recreated(partition)) => {
                    tracing::warn!(
                        partition,
                        "the journal does not go on from what was projected: the projection is made anew"
                    );
                    if let Err(error) = self.runtime.block_on(self.projection.empty()) {
                        tracing::error!(%error, code = error.code(), "the projection cannot be emptied");
                        self.pause();
                    }
                }
                Err(error) => {
                    self.lag.failed(&error);
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::error!(%error, code = error.code(), "the projection waits; the engine runs on");
                        told = Some(text);
                    }
                    self.pause();
                }
            }
        }
    }

    /// Projects until something else is to be led, or an error.
    fn pass(&self) -> Result<Ended, Error> {
        self.runtime.block_on(self.projection.opened())?;
        let partitions = self.partitions()?;
        let pool = self.projection.pool();
        let mut connection = self.runtime.block_on(pool.acquire()).map_err(unavailable)?;
        let told_from = self.runtime.block_on(told_from(&mut connection))?;
        let mut lead = Lead::new(
            self.leader.clone(),
            self.projection.shared.dialect,
            partitions,
        );
        let mut pass = Pass {
            session: self,
            connection,
            fold: Fold::default().telling_from(told_from),
            readers: BTreeMap::new(),
            reached: BTreeSet::new(),
            is_drained: false,
            uncommitted: None,
            committed_at: Moment::now(),
            items: Vec::new(),
        };
        let led = self.runtime.block_on(lead.look(&mut pass.connection))?;
        let mut looked_at = Moment::now();
        let mut tail = Tail::open(&self.kafka, &self.topic)?;
        if let Some(partition) = pass.begin(&mut tail, led)? {
            return Ok(Ended::Recreated(partition));
        }
        while !self.is_stopping() {
            pass.turn(&mut tail)?;
            if pass.is_due() && pass.commit()? == Committed::Overtaken {
                return Ok(Ended::Others);
            }
            if looked_at.elapsed() >= LOOK_EVERY {
                looked_at = Moment::now();
                if self.runtime.block_on(self.projection.moved())? {
                    return Ok(Ended::Others);
                }
            }
            if lead.is_due() {
                let led = self.runtime.block_on(lead.look(&mut pass.connection))?;
                if !pass.leads(&led) {
                    return Ok(Ended::Others);
                }
            }
        }
        Ok(Ended::Stopping)
    }

    /// How many partitions the journal has.
    fn partitions(&self) -> Result<i32, Error> {
        match Admin::open(&self.kafka)?.topic(&self.topic)? {
            TopicState::Present(info) => Ok(info.partitions),
            TopicState::Missing | TopicState::Denied => {
                let text = format!(
                    "the topic {} cannot be read: an engine makes it when it first starts",
                    self.topic
                );
                Err(Error::new(
                    ErrorKind::Unavailable,
                    "projection-no-journal",
                    text,
                ))
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn pause(&self) {
        let since = Moment::now();
        while !self.is_stopping() && since.elapsed() < AGAIN_AFTER {
            thread::park_timeout(IDLE_WAIT);
        }
    }
}

/// A partition that is read.
struct Read {
    reader: JournalReader,
    committed: Footing,
    as_of: Timestamp,
}

/// Reading and writing on one connection, from one set of partitions.
struct Pass<'a> {
    session: &'a Session,
    connection: PoolConnection<Any>,
    fold: Fold,
    readers: BTreeMap<i32, Read>,
    /// Partitions whose end was reached.
    reached: BTreeSet<i32>,
    /// Nothing more had come when one last looked.
    is_drained: bool,
    /// Since when there is something to commit.
    uncommitted: Option<Moment>,
    committed_at: Moment,
    items: Vec<Item>,
}

impl Pass<'_> {
    /// Begins to read what is led; a partition that ends before what is projected, or begins behind it, is another one.
    fn begin(
        &mut self,
        tail: &mut Tail,
        led: Vec<(i32, Footing, Timestamp)>,
    ) -> Result<Option<i32>, Error> {
        let partitions: Vec<i32> = led.iter().map(|(partition, ..)| *partition).collect();
        let ends = tail.ends(&partitions)?;
        let next = |footing: Footing| footing.offset.saturating_add(1);
        let beginnings = Beginnings::open(&self.session.kafka, &self.session.namespace)?;
        let mut from = Vec::new();
        for (partition, committed, mut as_of) in led {
            let mut footing = committed;
            let is_gone = next(committed) < beginnings.first(partition)?;
            if is_gone && committed == Footing::START {
                if let Some(snapshot) = beginnings.snapshot(partition)? {
                    let state = snapshot.folded(0)?.state;
                    self.fold.begin(partition, &state);
                    (footing, as_of) = (snapshot.footing, state.now());
                }
            } else if is_gone || ends.get(&partition).is_some_and(|end| *end < next(footing)) {
                return Ok(Some(partition));
            } else if committed != Footing::START {
                let going_on = self.fold.go_on(&mut self.connection, partition);
                self.session.runtime.block_on(going_on)?;
            }
            from.push((partition, next(footing)));
            let read = Read {
                reader: JournalReader::after(footing),
                committed,
                as_of,
            };
            self.readers.insert(partition, read);
        }
        tail.assign(&from)?;
        Ok(None)
    }

    fn leads(&self, led: &[(i32, Footing, Timestamp)]) -> bool {
        led.len() == self.readers.len()
            && led
                .iter()
                .all(|(partition, ..)| self.readers.contains_key(partition))
    }

    /// Takes what is there, a bounded number of records; waits a little where nothing is.
    fn turn(&mut self, tail: &mut Tail) -> Result<(), Error> {
        let mut wait = match self.uncommitted {
            Some(_) => COMMIT_PAUSE.saturating_sub(self.committed_at.elapsed()),
            None => IDLE_WAIT,
        };
        self.is_drained = false;
        for _ in 0..RECORDS_OF_TURN {
            match tail.poll(wait)? {
                Some(Tailed::Record(record)) => self.record(record)?,
                Some(Tailed::End(partition)) => {
                    self.reached.insert(partition);
                }
                None => {
                    self.is_drained = true;
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        // A claim changes no row, but whoever waits for the end of the journal waits for it.
        let mut readers = self.readers.values();
        if self.is_drained && readers.any(|read| read.reader.footing() != read.committed) {
            self.uncommitted.get_or_insert_with(Moment::now);
        }
        let has_all = self.is_drained && self.reached.len() == self.readers.len();
        if self.uncommitted.is_none() && has_all {
            self.session.lag.caught_up();
        }
        Ok(())
    }

    fn record(&mut self, record: sagaline_journal::Record) -> Result<(), Error> {
        let partition = record.partition;
        let Some(read) = self.readers.get_mut(&partition) else {
            return Ok(());
        };
        read.reader.read(record, &mut self.items)?;
        for item in self.items.drain(..) {
            let Item::Batch(batch) = item else { continue };
            read.as_of = read.as_of.max(batch.footer.now);
            self.session.lag.seen(batch.appended_at);
            let mut rows = Reading(&mut self.connection);
            let folded = self.fold.batch(&mut rows, partition, batch);
            self.session.runtime.block_on(folded)?;
            self.uncommitted.get_or_insert_with(Moment::now);
        }
        Ok(())
    }

    /// Whether what was read is to be written now: nothing more is there, or it has been long enough, or much.
    fn is_due(&self) -> bool {
        self.uncommitted.is_some_and(|since| {
            // Partitions that are written to all the time are never at their end.
            let is_idle = self.is_drained && self.committed_at.elapsed() >= COMMIT_PAUSE;
            is_idle || since.elapsed() >= COMMIT_EVERY || self.fold.old_rows() >= COMMIT_RUNS
        })
    }

    fn commit(&mut self) -> Result<Committed, Error> {
        let moved = |(partition, read): (&i32, &Read)| {
            let footing = read.reader.footing();
            (footing != read.committed).then_some(Progress {
                partition: *partition,
                committed: read.committed,
                footing,
                as_of: read.as_of,
            })
        };
        let progress: Vec<Progress> = self.readers.iter().filter_map(moved).collect();
        let leader = &self.session.leader;
        let committing = commit(&mut self.connection, leader, &self.fold, &progress);
        if self.session.runtime.block_on(committing)? == Committed::Overtaken {
            return Ok(Committed::Overtaken);
        }
        self.tell(&progress);
        self.fold.written();
        for one in &progress {
            if let Some(read) = self.readers.get_mut(&one.partition) {
                read.committed = one.footing;
            }
        }
        self.uncommitted = None;
        self.committed_at = Moment::now();
        self.session.lag.committed();
        Ok(Committed::Done)
    }

    /// Tells whoever listens what has changed.
    fn tell(&self, progress: &[Progress]) {
        let changes = &self.session.projection.shared.changes;
        if changes.receiver_count() == 0 {
            return;
        }
        let (runs, _) = self.fold.to_write();
        let runs = runs.iter().map(|tracked| {
            let stored = &tracked.stored;
            (stored.workflow_id.clone(), stored.run.run_id)
        });
        let partitions = progress
            .iter()
            .map(|one| (one.partition, one.footing.offset.saturating_add(1)));
        // Without listeners it goes nowhere.
        drop(changes.send(Arc::new(Changed {
            runs: runs.collect(),
            partitions: partitions.collect(),
        })));
    }
}
