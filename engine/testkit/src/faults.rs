//! What goes wrong in a run, and how often. Drawn from the seed: each kind is absent in some runs, so that no fault hides
//! another.

mod weather;

use sagaline_core::Millis;
use sagaline_runtime::lane::CLOCK_SKEW_MAX;

pub use self::weather::Weather;
use crate::{plan::Mischief, rng::Rng, time::Span};

/// How often things go wrong; in a million where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// A journal record is lost in its producer while later ones land.
    pub(crate) append_lost: u32,
    /// A journal record lands and nobody says so.
    pub(crate) append_unknown: u32,
    /// A producer sends nothing for seconds.
    pub(crate) append_stall: u32,
    /// An event comes twice.
    pub(crate) repeated_event: u32,
    pub(crate) effect_failed: u32,
    /// It fails, but it has landed.
    pub(crate) effect_unknown: u32,
    /// The broker refuses a task for good.
    pub(crate) task_refused: u32,
    /// The broker refuses a forward, until somebody mends that.
    pub(crate) forward_refused: u32,
    pub(crate) read_failed: u32,
    /// Inputs reach a lane seconds late.
    pub(crate) fetch_slow: u32,
    pub(crate) ends_unanswered: u32,
    /// A lease that is held cannot be proved.
    pub(crate) lease_denied: u32,
    /// A lease that is not held is proved.
    pub(crate) lease_wrong: u32,
    /// A record was the last of a transaction, whose end takes an offset, too.
    pub(crate) transactions: u32,
    /// Between two crashes, on average; 0: none.
    pub(crate) crash_every: Span,
    pub(crate) pause_every: Span,
    pub(crate) rebalance_every: Span,
    /// Between one deletion of a retry topic and the next.
    pub(crate) retry_lost_every: Span,
    /// A process does not hear that a partition was taken from it.
    pub(crate) deaf: u32,
    /// Largest difference of a clock, to either side.
    pub(crate) skew_ms_max: u64,
    /// A process starts with a clock that is further off than is allowed.
    pub(crate) skew_large: u32,
    pub(crate) workers: WorkerFaults,
    pub(crate) clients: ClientFaults,
    pub(crate) mischief: Mischief,
}

/// What workers do wrong, in a million tasks each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkerFaults {
    pub(crate) fails: u32,
    pub(crate) fails_for_good: u32,
    pub(crate) silent: u32,
    pub(crate) late: u32,
    pub(crate) twice: u32,
    pub(crate) redelivered: u32,
    pub(crate) forged: u32,
    pub(crate) misrouted: u32,
    pub(crate) unknown_activity: u32,
}

/// What clients do, in a million each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientFaults {
    pub(crate) repeated: u32,
    pub(crate) conflicting: u32,
    pub(crate) reused: u32,
    pub(crate) canceled: u32,
    pub(crate) terminated: u32,
    pub(crate) described: u32,
    /// Sends a signal, each of several times.
    pub(crate) signaled: u32,
    /// Asks to change, each of several times; and asks something.
    pub(crate) updated: u32,
    /// A start comes with a signal.
    pub(crate) with_signal: u32,
    /// Steps in, each of several times.
    pub(crate) operated: u32,
    /// Changes what limits a queue.
    pub(crate) limited: u32,
    pub(crate) misrouted: u32,
    pub(crate) garbage: u32,
    pub(crate) rare_workflow: u32,
    pub(crate) delayed: u32,
}

impl Faults {
    /// Nothing goes wrong.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    fn draw(rng: &mut Rng) -> Self {
        if rng.percent(5) {
            return Self::none();
        }
        let mut often = |most: u32| {
            if rng.percent(40) {
                return 0;
            }
            u32::try_from(rng.between(u64::from(most / 20), u64::from(most))).unwrap_or_default()
        };
        let mut faults = Self {
            append_lost: often(20_000),
            append_unknown: often(20_000),
            append_stall: often(5_000),
            repeated_event: often(20_000),
            effect_failed: often(50_000),
            effect_unknown: often(50_000),
            task_refused: often(3_000),
            forward_refused: often(500_000),
            read_failed: often(100_000),
            fetch_slow: often(20_000),
            ends_unanswered: often(300_000),
            lease_denied: often(500_000),
            lease_wrong: often(50_000),
            transactions: often(300_000),
            deaf: often(400_000),
            skew_large: often(100_000),
            workers: WorkerFaults {
                fails: often(300_000),
                fails_for_good: often(60_000),
                silent: often(60_000),
                late: often(60_000),
                twice: often(100_000),
                redelivered: often(100_000),
                forged: often(30_000),
                misrouted: often(50_000),
                unknown_activity: often(20_000),
            },
            clients: ClientFaults {
                repeated: often(200_000),
                conflicting: often(200_000),
                reused: often(200_000),
                canceled: often(150_000),
                terminated: often(100_000),
                described: often(200_000),
                signaled: often(800_000),
                updated: often(800_000),
                with_signal: often(300_000),
                operated: often(300_000),
                limited: often(300_000),
                misrouted: often(100_000),
                garbage: often(100_000),
                rare_workflow: often(100_000),
                delayed: often(500_000),
            },
            mischief: Mischief {
                panic: often(10_000),
                kill: often(3_000),
                hang: often(2_000),
                drift: often(20_000),
                deadlock: often(10_000),
                large: often(2_000),
            },
            ..Self::none()
        };
        faults.draw_times(rng);
        if rng.percent(3) {
            faults.mischief.large = 60_000;
        }
        faults
    }

    /// How far a clock may be off while a lane trusts it.
    pub(crate) fn skew_max(&self) -> Millis {
        match (self.skew_ms_max, self.skew_large) {
            (0, 0) => Millis(0),
            _ => CLOCK_SKEW_MAX,
        }
    }

    /// Whether processes die or fall silent, also while they have an innocent run in hand.
    pub(crate) fn kill_engines(&self) -> bool {
        self.crash_every != Span(0) || self.mischief.kill > 0 || self.mischief.hang > 0
    }

    fn draw_times(&mut self, rng: &mut Rng) {
        let mut every = |least: u64, most: u64| {
            let every = Span::millis(rng.between(least, most));
            if rng.percent(30) { Span(0) } else { every }
        };
        self.crash_every = every(2_000, 20_000);
        self.pause_every = every(2_000, 20_000);
        self.rebalance_every = every(1_000, 15_000);
        self.retry_lost_every = every(2_000, 30_000);
        // Nobody can say what is lost where topics are: in most runs there are all.
        if rng.percent(60) {
            self.retry_lost_every = Span(0);
        }
        self.skew_ms_max = *rng.pick(&[0, 0, 5, 200, 1_500]);
    }
}
