//! One run from its settings to its report.

use std::collections::BTreeMap;

use sagaline_journal::Record;
use sagaline_runtime::lane::Stage;

use crate::{
    Settings, Violation,
    check::Check,
    clients::Clients,
    delay::Delays,
    event::Event,
    faults::{Faults, Weather},
    group::Group,
    inputs::Inputs,
    log::Topics,
    node::Node,
    rng::Rng,
    schedule::Schedule,
    time::{Moment, Span},
    trace::Trace,
    trim::Trims,
    worker::Workers,
    world::{self, World},
};

/// Most steps of a run before it counts as stuck.
const STEPS_MAX: u64 = 50_000_000;

/// Longest time between the end of all faults and the end of all work.
const QUIET_AFTER_MAX: Span = Span::secs(1_800);

/// How often a person looks for runs that wait for one.
const SWEEP_EVERY: Span = Span::secs(60);

/// How often it is looked whether everything is done.
const LOOK_EVERY: Span = Span::secs(1);

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Events that happened.
    pub steps: u64,
    /// Virtual seconds.
    pub seconds: u64,
    /// Valid batches.
    pub batches: u64,
    /// Runs that clients started.
    pub runs: u64,
    /// Runs that runs started.
    pub children: u64,
    /// Runs that go on from an event of another, which was reset.
    pub resets: u64,
    /// Times that the beginning of the journal was deleted.
    pub trims: u64,
    /// Steps that are done in the end, and could be undone.
    pub kept: u64,
    /// Steps that were undone by the run that had done them.
    pub undone: u64,
    /// Steps that were undone by a run whose child, or child's child, had done them.
    pub undone_by_parents: u64,
    /// Most processes that one run killed.
    pub kills: u32,
    /// Runs that were quarantined although they do nothing bad: their owners died of something else, three times.
    pub innocent: u64,
    /// A hash of everything that happened.
    pub trace: u64,
}

/// A run that broke an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its settings.
    pub settings: Settings,
    /// The step at which it was found.
    pub step: u64,
    /// What was found.
    pub violation: Violation,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Settings {
            seed,
            sagas,
            weather,
            ..
        } = self.settings;
        writeln!(f, "seed {seed}, step {}: {}", self.step, self.violation)?;
        write!(
            f,
            "again: cargo run -p sagaline-testkit --release -- sim --seed {seed} --sagas {sagas} --weather {weather:?}"
        )
    }
}

impl std::error::Error for Failed {}

/// Does one run.
///
/// # Errors
/// An invariant does not hold; the failure says which, where, and how to see it again.
pub fn simulate(settings: Settings) -> Result<Report, Failed> {
    let mut world = World::new(settings);
    world.run().map_err(|violation| Failed {
        settings,
        step: world.steps,
        violation,
    })
}

/// Does one run, and gives the journal that it leaves: the records of each partition.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_journal(settings: Settings) -> Result<Vec<Vec<Record>>, Failed> {
    let mut world = World::new(settings);
    world.run().map_err(|violation| Failed {
        settings,
        step: world.steps,
        violation,
    })?;
    let journal = &world.topics.journal;
    let records = |partition| {
        let end = world.log.end(journal, partition);
        world
            .log
            .range(journal, partition, 0, end)
            .cloned()
            .collect()
    };
    Ok((0..world.partitions).map(records).collect())
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut rng = Rng::new(settings.seed);
        let faults = Faults::of(settings.weather, &mut rng);
        let partitions = *rng.pick(&[1, 2, 4]);
        let nodes = match settings.weather {
            Weather::Fencing => 3,
            _ => *rng.pick(&[1, 2, 3]),
        };
        let topics = Topics::new();
        Self {
            settings,
            now: Moment::default(),
            schedule: Schedule::new(),
            faults,
            healed: false,
            partitions,
            log: world::log(&topics, partitions),
            check: Check::new(&topics, partitions, settings.closed_retention()),
            topics,
            queue_topics: std::sync::Arc::default(),
            nodes: (0..nodes).map(|_| Node::new()).collect(),
            lanes: BTreeMap::new(),
            lanes_made: 0,
            group: Group::new(partitions),
            delays: Delays::default(),
            producers: BTreeMap::new(),
            inputs: Inputs::default(),
            clients: Clients::default(),
            workers: Workers::default(),
            trace: Trace::new(settings.verbose),
            trims: Trims::new(settings.seed),
            rng,
            steps: 0,
            kills: BTreeMap::new(),
        }
    }

    fn run(&mut self) -> Result<Report, Violation> {
        self.check.outside.skew = self.faults.skew_max();
        self.check.outside.engines_die = self.faults.kill_engines();
        self.start_nodes();
        if self.faults.retry_lost_every != Span(0) {
            let after = self.rng.delay(self.faults.retry_lost_every);
            self.push(after, Event::RetryTopicLost);
        }
        self.schedule_clients();
        self.schedule_trims();
        let active = self.settings.active_for();
        self.push(active, Event::Heal);
        let mut deadline = None;
        let mut look_at = self.now;
        while self.steps < STEPS_MAX {
            if !self.step()? {
                break;
            }
            if !self.healed {
                continue;
            }
            let deadline = *deadline.get_or_insert(self.now + QUIET_AFTER_MAX);
            if self.now >= look_at {
                look_at = self.now + LOOK_EVERY;
                if self.is_quiet() {
                    return self.finish();
                }
            }
            if self.now > deadline {
                break;
            }
        }
        Err(Violation::new(
            "I17",
            format!(
                "not done {} s after the last fault: {}",
                QUIET_AFTER_MAX.0 / 1_000_000,
                self.unfinished()
            ),
        ))
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&mut self) {
        self.healed = true;
        self.faults = Faults::none();
        for node in 0..self.nodes.len() {
            self.nodes[node].skew_micros = 0;
            if let Some(local) = &self.nodes[node].local {
                local.heal();
            }
        }
        self.push(Span::secs(5), Event::Rebalance);
        self.push(SWEEP_EVERY, Event::Sweep);
    }

    /// A person lets go on what is held up, and ends what waits for one.
    pub(crate) fn sweep(&mut self) {
        for (workflow_id, activity_id) in self.check.held() {
            self.resume(workflow_id.as_str(), activity_id);
        }
        for (queue, paused) in self.check.limited() {
            self.let_go(queue.as_str(), paused);
        }
        for workflow_id in self.check.parked() {
            self.end_for_good(&workflow_id);
        }
        self.push(SWEEP_EVERY, Event::Sweep);
    }

    /// Whether every partition has one owner that has done all there is to do.
    fn is_quiet(&self) -> bool {
        let done = |partition: i32| {
            let ends = [&self.topics.inbox, &self.topics.results]
                .map(|topic| self.log.last(topic, partition));
            self.lanes.values().any(|slot| {
                let status = slot.lane.status();
                slot.partition == partition
                    && status.stage == Stage::Active
                    && status.open_runs == 0
                    && status.effects == 0
                    && status.positions.0 >= ends[0]
                    && status.positions.1 >= ends[1]
            })
        };
        let is_started = self.clients.started >= self.settings.sagas;
        is_started && self.delays.check.is_done() && (0..self.partitions).all(done)
    }

    fn unfinished(&self) -> String {
        let mut text = format!("{} delayed; ", self.delays.check.waiting());
        for slot in self.lanes.values() {
            let status = slot.lane.status();
            text += &format!(
                "node {} p{} {:?}: {} open, {} effects, at {:?}; ",
                slot.node,
                slot.partition,
                status.stage,
                status.open_runs,
                status.effects,
                status.positions
            );
        }
        text
    }

    fn finish(&mut self) -> Result<Report, Violation> {
        let counted = self.check.finish(&self.log, &self.workers.counters)?;
        let (runs, children) = self.check.runs();
        Ok(Report {
            seed: self.settings.seed,
            steps: self.steps,
            seconds: self.now.0 / 1_000_000,
            batches: self.check.batches(),
            runs,
            children,
            resets: self.check.resets(),
            trims: self.trims.count,
            kept: counted.kept,
            undone: counted.undone,
            undone_by_parents: counted.undone_by_parents,
            kills: self.kills.values().copied().max().unwrap_or_default(),
            innocent: self.check.innocent(),
            trace: self.trace.hash(),
        })
    }
}
