//! A lane: the owner's worker for one partition. A state machine without I/O; its thread, or the simulation, drives it.
//!
//! ```text
//! Reading ─end─▶ Claiming ─reported─▶ ReadingClaim ─own and valid─▶ Active ⟲ batch: take, decide, append, await, merge, send
//!    ▲                                    │ foreign                    │ unknown or void report, foreign claim
//!    └── BackingOff ◀── lease proved? ◀───┴────────────────────────────┘
//! ```
//! Invariant: at most one batch is in flight; nothing leaves before its footer is known valid; no {epoch, batch_no} is
//! appended twice. Deliberately absent: clocks and threads (`now` is given), bytes of the journal (`sagaline_journal`).

mod answer;
mod batch;
mod careful;
mod clock;
mod early;
mod history;
mod local;
mod making;
mod outbox;
mod proof;
mod queued;
mod snapshot;
mod status;
mod takeover;
mod topics;
mod turn;

use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc};

use sagaline_core::{Cause, Command, Millis, Name, RunId, Timestamp};
use sagaline_journal::{Error, JournalWriter, LanePort, PortEvent, Snapshots, Tag, wire::topic};

use self::{
    batch::Flight,
    careful::Careful,
    clock::ClockWatch,
    early::Early,
    history::HistoryRead,
    outbox::Outbox,
    proof::InputProof,
    queued::Placed,
    takeover::Claiming,
    turn::{Turn, Turns},
};
pub use self::{
    clock::CLOCK_SKEW_MAX,
    local::{LocalTasks, NoLocalTasks, Offered},
    queued::{SentTask, TaskPlace},
    status::{LaneStatus, QUEUES_SHOWN_MAX, QueueStatus, Stage},
    topics::{QueueTopic, QueueTopics, ReplyTopic},
};
use crate::{
    Keys,
    figures::{Figures, Measuring},
    fold::Fold,
    input::{Input, Reading},
    output::Writing,
    programs::{LanePrograms, Workflows},
};

/// Most input records of one batch.
pub const BATCH_INPUTS_MAX: usize = 1_000;

/// A batch takes no further input once its records have this many bytes.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What deadlines, and tasks of limited queues, may each add to a batch that inputs have filled.
const ADDED_BYTES_MAX: usize = 1024 * 1024;

/// Most deadlines that one batch fires.
pub const BATCH_DEADLINES_MAX: usize = 1_000;

/// A deadline that has come and may not fire yet waits for an answer, which wakes the lane; if none comes, for this.
const OVERDUE_AFTER: Millis = Millis(50);

/// How soon a careful lane looks again whether it is its turn to try.
const TURN_AFTER: Millis = Millis(5);

/// What all lanes of a process share.
#[derive(Debug)]
pub struct LaneShared {
    pub(crate) namespace: String,
    pub(crate) app: String,
    pub(crate) build: String,
    pub(crate) process: String,
    pub(crate) partitions: i32,
    pub(crate) closed_retention: Millis,
    pub(crate) programs_kept: NonZeroUsize,
    pub(crate) journal: Arc<str>,
    pub(crate) state: Arc<str>,
    pub(crate) reading: Reading,
    pub(crate) writing: Writing,
    pub(crate) topics: Arc<dyn QueueTopics>,
    pub(crate) local: Arc<dyn LocalTasks>,
    pub(crate) turns: Turns,
    pub(crate) figures: Arc<Figures>,
}

/// What [`LaneShared::new`] takes.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// The namespace.
    pub namespace: String,
    /// Name of the app; all owners of a namespace have the same.
    pub app: String,
    /// Its build, for people.
    pub build: String,
    /// A UUID of this process: owners' names are derived from it.
    pub process: String,
    /// Number of partitions.
    pub partitions: i32,
    /// How long closed workflow ids are remembered.
    pub closed_retention: Millis,
    /// How many programs a lane keeps in memory.
    pub programs_kept: NonZeroUsize,
    /// Keys for tokens and MACs.
    pub keys: Keys,
    /// The topics of task queues, and those that want replies.
    pub topics: Arc<dyn QueueTopics>,
    /// Who runs local activities.
    pub local: Arc<dyn LocalTasks>,
}

impl LaneShared {
    /// Prepares what all lanes of a process share.
    #[must_use]
    pub fn new(config: LaneConfig) -> Self {
        let reading = Reading::new(&config.namespace, config.partitions, config.keys.clone());
        let writing = Writing {
            namespace: config.namespace.clone(),
            keys: config.keys,
            inbox: reading.inbox.clone(),
            results: reading.results.clone(),
            control: topic::control(&config.namespace).into(),
            partitions: config.partitions,
        };
        Self {
            journal: topic::journal(&config.namespace).into(),
            state: topic::state(&config.namespace).into(),
            namespace: config.namespace,
            app: config.app,
            build: config.build,
            process: config.process,
            partitions: config.partitions,
            closed_retention: config.closed_retention,
            programs_kept: config.programs_kept,
            reading,
            writing,
            topics: config.topics,
            local: config.local,
            turns: Turns::default(),
            figures: Arc::default(),
        }
    }

    /// What all lanes of the process measure together.
    #[must_use]
    pub const fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }
}

/// The two clocks, read together once per turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock.
    pub wall: Timestamp,
    /// Milliseconds of a clock that never goes back.
    pub monotonic: Millis,
}

/// One partition's owner, or one that tries to be.
#[derive(Debug)]
pub struct Lane {
    partition: i32,
    shared: Arc<LaneShared>,
    writer: JournalWriter,
    fold: Fold,
    programs: LanePrograms,
    workflow_names: Vec<Name>,
    phase: Phase,
    claiming: Claiming,
    next_tag: Tag,
    flight: Option<Flight>,
    /// Inputs that were taken and not yet decided.
    inputs: Inputs,
    /// What the lane asks itself.
    own: VecDeque<(Cause, Command)>,
    own_count: u64,
    positions: Positions,
    outbox: Outbox,
    placed: Placed,
    early: Early,
    /// What the act in front of the inputs needs.
    history: Option<HistoryRead>,
    /// More deadlines have come than were looked at, and none of those fired.
    more_due: bool,
    proof: InputProof,
    clock: ClockWatch,
    careful: Careful,
    /// Held while a run that was announced is tried.
    turn: Option<Turn>,
    /// It is another lane's turn to try.
    waits_for_turn: bool,
    /// A number that no other lane of the process has.
    id: Tag,
    suspect: Option<RunId>,
    last_batch: Millis,
    /// Since when it is about to own its partition.
    takes_over_since: Option<Millis>,
    stopping: bool,
    counts: status::Counts,
    measuring: Measuring,
}

/// Where a lane is between the lease and the loop.
#[derive(Debug)]
enum Phase {
    /// Reading what took the place of the journal's beginning, if it was trimmed.
    ReadingSnapshot { tag: Tag, snapshots: Snapshots },
    /// Reading the journal to its end.
    Reading { tag: Tag },
    /// The claim is on its way.
    Claiming { tag: Tag },
    /// Reading on to the own claim.
    ReadingClaim { tag: Tag },
    /// Asking whether the lease is still held.
    ProvingLease { tag: Tag },
    /// Waiting before the next try.
    BackingOff { until: Millis },
    /// The owner.
    Active,
    /// Handed over.
    Stopped,
    /// Not to be used: what was read or found cannot be.
    Failed(Error),
}

/// An input record with what it asks.
#[derive(Debug)]
struct Taken {
    record: sagaline_journal::Record,
    input: Input,
}

/// Inputs that wait to be decided, and the bytes of their records.
#[derive(Debug, Default)]
struct Inputs {
    queue: VecDeque<Taken>,
    bytes: usize,
}

impl Inputs {
    fn push(&mut self, taken: Taken) {
        self.bytes += taken.record.size();
        self.queue.push_back(taken);
    }

    fn pop(&mut self) -> Option<Taken> {
        let taken = self.queue.pop_front()?;
        self.bytes -= taken.record.size();
        Some(taken)
    }

    fn front(&self) -> Option<&Taken> {
        self.queue.front()
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    const fn bytes(&self) -> usize {
        self.bytes
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// How far the inputs are dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Positions {
    inbox: i64,
    results: i64,
}

impl Lane {
    /// A lane that will try to own `partition`. `suspect` is the run that an earlier lane of this process was in when it
    /// fell silent: it is parked without being activated. `tags` is the first of its own range of tags.
    #[must_use]
    pub fn new(
        partition: i32,
        shared: Arc<LaneShared>,
        workflows: Arc<dyn Workflows>,
        tags: Tag,
        suspect: Option<RunId>,
    ) -> Self {
        shared.turns.begin(partition);
        Self {
            partition,
            writer: JournalWriter::new(shared.journal.clone(), partition),
            fold: Fold::new(tags),
            workflow_names: workflows.names(),
            programs: LanePrograms::new(workflows, shared.programs_kept),
            shared,
            phase: Phase::BackingOff { until: Millis(0) },
            claiming: Claiming::default(),
            next_tag: tags,
            flight: None,
            inputs: Inputs::default(),
            own: VecDeque::new(),
            own_count: 0,
            positions: Positions::default(),
            outbox: Outbox::default(),
            placed: Placed::default(),
            early: Early::default(),
            history: None,
            more_due: false,
            proof: InputProof::default(),
            clock: ClockWatch::default(),
            careful: Careful::default(),
            turn: None,
            waits_for_turn: false,
            id: tags,
            suspect,
            last_batch: Millis(0),
            takes_over_since: None,
            stopping: false,
            counts: status::Counts::default(),
            measuring: Measuring::default(),
        }
    }

    /// Takes what came back from the log.
    pub fn handle(&mut self, event: PortEvent, now: Now, port: &mut dyn LanePort) {
        match event {
            PortEvent::Read {
                tag,
                records,
                done,
                error,
                ..
            } => self.was_read(
                ReadBack {
                    tag,
                    records,
                    done,
                    error,
                },
                now,
                port,
            ),
            PortEvent::Appended { tag, reports, .. } => self.appended(tag, &reports, now, port),
            PortEvent::Sent { tag, outcome, .. } => self.sent(tag, outcome, now),
            PortEvent::Ends { tag, ends, .. } => {
                self.proof
                    .ends(tag, ends, (self.positions.inbox, self.positions.results))
            }
            PortEvent::Lease { tag, held, .. } => self.lease_proved(tag, held, now, port),
            PortEvent::InputLost { topic, reason, .. } => self.input_lost(&topic, &reason),
        }
    }

    /// Goes on as far as possible without waiting. Returns when to be called again if nothing comes back before.
    pub fn step(&mut self, now: Now, port: &mut dyn LanePort) -> Option<Millis> {
        if !matches!(self.phase, Phase::Active) {
            self.turn = None;
        }
        match self.phase {
            Phase::BackingOff { until } if until <= now.monotonic => {
                self.takes_over_since.get_or_insert(now.monotonic);
                self.read_to_end(port);
            }
            Phase::Active => self.work(now, port),
            Phase::BackingOff { .. }
            | Phase::ReadingSnapshot { .. }
            | Phase::Reading { .. }
            | Phase::Claiming { .. }
            | Phase::ReadingClaim { .. }
            | Phase::ProvingLease { .. }
            | Phase::Stopped
            | Phase::Failed(_) => {}
        }
        self.next_turn(now)
    }

    /// Begins to hand over: nothing more is taken; what is in flight is awaited.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.inputs.clear();
        if !matches!(self.phase, Phase::Active | Phase::Failed(_)) {
            self.phase = Phase::Stopped;
        }
    }

    /// Whether it neither works nor will.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Stopped | Phase::Failed(_))
    }

    /// The partition.
    #[must_use]
    pub const fn partition(&self) -> i32 {
        self.partition
    }

    /// The durable state, the only one that reads may see.
    #[must_use]
    pub const fn fold(&self) -> &Fold {
        &self.fold
    }

    fn tag(&mut self) -> Tag {
        self.next_tag += 1;
        self.next_tag
    }

    fn next_turn(&self, now: Now) -> Option<Millis> {
        let until = |at: Millis| Millis(at.0.saturating_sub(now.monotonic.0));
        match self.phase {
            Phase::BackingOff { until: at } => Some(until(at)),
            Phase::Active => {
                // As batches have it: a clock that is far behind would sleep on, and never hear that it was set right.
                let time = self.clock.time(now);
                let state = &self.fold.state;
                let due = [
                    state.next_deadline(),
                    state.next_release(),
                    self.early.next(),
                ];
                let due = due.into_iter().flatten().min().map(|due| {
                    if due > time {
                        Millis(due.since(time).0 + 1)
                    } else if self.more_due {
                        Millis(0)
                    } else {
                        OVERDUE_AFTER
                    }
                });
                let mark = self
                    .wants_mark()
                    .then(|| until(Millis(self.last_batch.0 + batch::MARK_AFTER.0)));
                let gap = self.proof.waits().then_some(proof::GAP_AFTER);
                let turn = self.waits_for_turn.then_some(TURN_AFTER);
                [due, mark, gap, turn, self.outbox.next_turn(now.monotonic)]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Phase::ReadingSnapshot { .. }
            | Phase::Reading { .. }
            | Phase::Claiming { .. }
            | Phase::ReadingClaim { .. }
            | Phase::ProvingLease { .. }
            | Phase::Stopped
            | Phase::Failed(_) => None,
        }
    }

    fn input_lost(&mut self, topic: &str, reason: &str) {
        let message = format!(
            "{topic}/{} no longer has offset {} where its journal goes on: it was made anew or trimmed ({reason})",
            self.partition,
            if topic == &*self.shared.reading.inbox {
                self.positions.inbox
            } else {
                self.positions.results
            },
        );
        self.fail(Error::new(
            sagaline_journal::ErrorKind::Corrupt,
            "input-lost",
            message,
        ));
    }

    /// The first reason stands.
    fn fail(&mut self, error: Error) {
        if matches!(self.phase, Phase::Failed(_)) {
            return;
        }
        tracing::error!(partition = self.partition, code = error.code(), %error, "lane stopped");
        self.phase = Phase::Failed(error);
    }
}

/// Records that came back from a read.
struct ReadBack {
    tag: Tag,
    records: Vec<sagaline_journal::Record>,
    done: bool,
    error: Option<Error>,
}
