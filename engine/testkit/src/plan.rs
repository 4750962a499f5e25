//! What a simulated saga does: its workflow's input, so that a program needs nothing else to be rebuilt.

mod child;

use sagaline_core::{LOCAL_QUEUE, program::Timeouts};
use serde::{Deserialize, Serialize};

pub(crate) use self::child::{Child, Family};
use crate::rng::Rng;

/// A saga: stages one after the other, the steps and children of a stage in parallel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) stages: Vec<Stage>,
    pub(crate) end: End,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_cancel: OnCancel,
    /// At this activation, from 1, the program does something bad.
    pub(crate) trick: Option<(u32, Trick)>,
    /// How often it continues as new where it would complete.
    #[serde(default)]
    pub(crate) again: u8,
    /// Signals that earlier runs of its chain took, as its result has them.
    #[serde(default)]
    pub(crate) taken: Vec<(u32, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) steps: Vec<Step>,
    /// Keeps a drawn value first; the names of the stage's activities depend on it.
    pub(crate) marker: bool,
    /// Sleeps beside its steps.
    #[serde(default)]
    pub(crate) nap: Option<Nap>,
    /// Takes a signal of this number, unless the nap that it waits beside ends first.
    #[serde(default)]
    pub(crate) signal: Option<u8>,
    /// Runs that it starts.
    #[serde(default)]
    pub(crate) children: Vec<Child>,
    /// Says so as an attribute of its run.
    #[serde(default)]
    pub(crate) attribute: Option<u8>,
    /// Signals that it sends to other runs.
    #[serde(default)]
    pub(crate) sends: Vec<Sends>,
}

/// A signal to another run, whether there is one or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sends {
    /// A workflow id.
    pub(crate) to: String,
    pub(crate) signal: u8,
    /// The stage is over only when it is known what became of it.
    pub(crate) awaited: bool,
}

/// A timer of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nap {
    pub(crate) span_ms: u64,
    /// The stage is over only when it is; else it is forgotten when the steps are done, and when it comes first the
    /// steps are asked to stop.
    pub(crate) awaited: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) undo: Undo,
    pub(crate) grouped: bool,
    /// 0: no limit.
    pub(crate) attempts: u32,
    pub(crate) park: bool,
    pub(crate) start_to_close_ms: u64,
    #[serde(default)]
    pub(crate) limits: Limits,
    /// [`NO_QUEUE`]: one whose topic there cannot be.
    pub(crate) queue: u8,
    /// Bytes of its input.
    pub(crate) bytes: u32,
}

/// The time-outs of a step that it need not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) schedule_to_start_ms: Option<u64>,
    pub(crate) schedule_to_close_ms: Option<u64>,
    pub(crate) heartbeat_ms: Option<u64>,
}

/// When a step's compensation is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Undo {
    /// It needs none.
    None,
    OnCompletion,
    OnScheduling,
    /// It needs one, and the program never says which.
    Forgotten,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Complete,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OnFailure {
    /// As soon as a step failed.
    Fail,
    /// Once the stage is over.
    FailAfterStage,
    Continue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OnCancel {
    /// Asks the pending steps to stop, awaits them, ends as cancelled.
    Stop,
    /// Ends as cancelled at once.
    AtOnce,
    Ignore,
}

/// Something bad that a program does when it is activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trick {
    Panic,
    /// The process dies.
    Kill,
    /// The thread is silent for long.
    Hang,
    /// Newer builds want another activity.
    Drift,
    /// It waits for nothing.
    Deadlock,
    /// It commands after its end.
    Late,
    /// It asks an activity to stop that is over.
    CancelDone,
}

/// How many names signals have.
pub(crate) const SIGNALS: u64 = 2;

/// The name of a signal.
pub(crate) fn signal_name(number: u8) -> String {
    format!("signal-{number}")
}

/// How many queues there are beside that.
pub(crate) const QUEUES: u64 = 3;

/// The queue of local activities.
pub(crate) const LOCAL: u8 = 8;

/// The queue whose name no topic can have.
pub(crate) const NO_QUEUE: u8 = 9;

/// How likely the bad ones are, each in a million sagas.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mischief {
    pub(crate) panic: u32,
    pub(crate) kill: u32,
    pub(crate) hang: u32,
    pub(crate) drift: u32,
    pub(crate) deadlock: u32,
    pub(crate) large: u32,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng, mischief: Mischief, family: &mut Family) -> Self {
        let stages = (0..rng.below(family.stages_end()))
            .map(|_| Stage::draw(rng, mischief, family))
            .collect();
        let at = u32::try_from(rng.between(1, 4)).unwrap_or(1);
        let tricks = [
            (mischief.panic, Trick::Panic),
            (mischief.kill, Trick::Kill),
            (mischief.hang, Trick::Hang),
            (mischief.drift, Trick::Drift),
            (mischief.deadlock, Trick::Deadlock),
            (mischief.deadlock, Trick::Late),
            (mischief.deadlock, Trick::CancelDone),
        ];
        let trick = tricks
            .into_iter()
            .find_map(|(ppm, trick)| rng.ppm(ppm).then_some((at, trick)));
        Self {
            stages,
            end: if rng.percent(80) {
                End::Complete
            } else {
                End::Fail
            },
            on_failure: *rng.pick(&[
                OnFailure::Fail,
                OnFailure::FailAfterStage,
                OnFailure::Continue,
            ]),
            on_cancel: *rng.pick(&[
                OnCancel::Stop,
                OnCancel::Stop,
                OnCancel::AtOnce,
                OnCancel::Ignore,
            ]),
            trick,
            again: match rng.percent(25) {
                true => u8::try_from(rng.between(1, 3)).unwrap_or_default(),
                false => 0,
            },
            taken: Vec::new(),
        }
    }

    /// All runs that it starts, and those that these start.
    pub(crate) fn descendants(&self) -> Vec<&Child> {
        let children = self.stages.iter().flat_map(|stage| &stage.children);
        let all = children.flat_map(|child| {
            let below = child.plan.descendants();
            below.into_iter().chain([child])
        });
        all.collect()
    }
}

impl Stage {
    fn draw(rng: &mut Rng, mischief: Mischief, family: &mut Family) -> Self {
        let width = *rng.pick(&[1, 1, 1, 2, 3]);
        let steps = (0..width).map(|_| Step::draw(rng, mischief)).collect();
        let marker = rng.percent(20);
        let nap = rng.percent(35).then(|| Nap {
            span_ms: *rng.pick(&[0, 1, 500, 2_000, 20_000]),
            awaited: rng.percent(70),
        });
        let waits = nap.is_some_and(|nap| nap.awaited) && rng.percent(50);
        let signal = waits.then(|| u8::try_from(rng.below(SIGNALS)).unwrap_or_default());
        Self {
            steps,
            marker,
            nap,
            signal,
            children: Child::draw_some(rng, mischief, family),
            attribute: rng
                .percent(10)
                .then(|| u8::try_from(rng.below(3)).unwrap_or_default()),
            sends: Sends::draw_some(rng, family),
        }
    }
}

impl Sends {
    fn draw_some(rng: &mut Rng, family: &Family) -> Vec<Self> {
        if !rng.percent(15) {
            return Vec::new();
        }
        let count = rng.between(1, 3);
        let one = |_| Self {
            to: family.neighbour(rng),
            signal: u8::try_from(rng.below(SIGNALS)).unwrap_or_default(),
            awaited: rng.percent(60),
        };
        (0..count).map(one).collect()
    }
}

impl Limits {
    fn draw(rng: &mut Rng) -> Self {
        let mut sometimes = |percent, least, most| {
            let span = rng.between(least, most);
            rng.percent(percent).then_some(span)
        };
        Self {
            schedule_to_start_ms: sometimes(10, 300, 5_000),
            schedule_to_close_ms: sometimes(15, 1_000, 20_000),
            heartbeat_ms: sometimes(20, 300, 3_000),
        }
    }
}

impl Step {
    pub(crate) fn timeouts(&self) -> Timeouts {
        let Limits {
            schedule_to_start_ms,
            schedule_to_close_ms,
            heartbeat_ms,
        } = self.limits;
        Timeouts {
            schedule_to_start_ms,
            start_to_close_ms: self.start_to_close_ms,
            schedule_to_close_ms,
            heartbeat_ms,
        }
    }

    pub(crate) fn queue_name(&self) -> String {
        match self.queue {
            NO_QUEUE => "q/9".into(),
            LOCAL => LOCAL_QUEUE.into(),
            queue => format!("q{queue}"),
        }
    }

    fn draw(rng: &mut Rng, mischief: Mischief) -> Self {
        Self {
            undo: match rng.below(20) {
                0..6 => Undo::None,
                6..13 => Undo::OnCompletion,
                13..19 => Undo::OnScheduling,
                _ => Undo::Forgotten,
            },
            grouped: rng.percent(30),
            attempts: *rng.pick(&[0, 0, 1, 2, 3, 5]),
            park: rng.percent(10),
            start_to_close_ms: rng.between(1_000, 8_000),
            limits: Limits::draw(rng),
            queue: match rng.below(100) {
                0 => NO_QUEUE,
                1..25 => LOCAL,
                _ => u8::try_from(rng.below(QUEUES)).unwrap_or_default(),
            },
            bytes: if rng.ppm(mischief.large) {
                u32::try_from(rng.between(300_000, 900_000)).unwrap_or_default()
            } else {
                u32::try_from(rng.below(40)).unwrap_or_default()
            },
        }
    }
}
