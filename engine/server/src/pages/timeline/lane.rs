//! One lane: an activity call with its attempts, a timer, a child, a wait, or the run itself.

use crate::pages::{
    seen::Failure,
    time::{At, took},
    told::Told,
};

/// What a lane is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneKind {
    Run,
    Activity,
    Timer,
    Child,
    /// All children, when there are too many for a lane each.
    Children,
    Wait,
    /// All calls of one activity, when there are too many for a lane each.
    Group,
}

/// How something ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    Done,
    Failed,
    TimedOut,
    Canceled,
}

impl End {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Canceled => "cancelled",
        }
    }

    /// The class of its colour, which is the name of its icon as well.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Canceled => "canceled",
        }
    }
}

/// One attempt of an activity.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    /// The activity's name: in a lane of a step, that which undoes it has another.
    pub(crate) activity: Told,
    pub(crate) sent: At,
    /// When a worker said that it began; none: no worker said so.
    pub(crate) started: Option<At>,
    pub(crate) ended: Option<At>,
    pub(crate) end: End,
    pub(crate) failure: Option<Failure>,
    pub(crate) worker: Option<Told>,
    /// It undoes the step of its lane.
    pub(crate) undoes: bool,
    pub(crate) seq: u64,
    pub(crate) end_seq: Option<u64>,
}

impl Attempt {
    /// The event to look at: where it ended, or began.
    pub(crate) fn event(&self) -> u64 {
        self.end_seq.unwrap_or(self.seq)
    }

    /// All of it in a sentence.
    pub(crate) fn told(&self) -> String {
        let mut told = format!(
            "{}, attempt {}, sent {}",
            self.activity.line(),
            self.number,
            self.sent.clock()
        );
        match (self.started, self.ended) {
            (Some(started), _) => told.push_str(&format!(
                ", {} in the queue",
                took(started.ms() - self.sent.ms())
            )),
            (None, Some(_)) => told.push_str(", start not reported"),
            (None, None) => told.push_str(", in the queue"),
        }
        if let (Some(started), Some(ended)) = (self.started, self.ended) {
            told.push_str(&format!(", ran for {}", took(ended.ms() - started.ms())));
        }
        match (self.end, self.started) {
            (End::Open, Some(_)) => told.push_str(", running"),
            (End::Open, None) => {}
            (end, _) => told.push_str(&format!(", {}", end.word())),
        }
        if let Some(failure) = &self.failure {
            told.push_str(&format!(
                ": {}: {}",
                failure.r#type.line(),
                failure.message.line()
            ));
        }
        if let Some(worker) = &self.worker {
            told.push_str(&format!(", worker {}", worker.line()));
        }
        told
    }
}

/// The attempt that follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coming {
    /// The activity whose attempt it is.
    pub(crate) activity_id: Option<u64>,
    pub(crate) number: u32,
    pub(crate) since: At,
    pub(crate) due: At,
}

/// A stretch of time: a timer, a wait, a child, an incident, the run.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: At,
    /// None: it goes on.
    pub(crate) to: Option<At>,
    /// When it is due, or given up.
    pub(crate) due: Option<At>,
    pub(crate) end: End,
    pub(crate) seq: u64,
    pub(crate) what: String,
}

/// Something that happened at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) at: At,
    pub(crate) icon: &'static str,
    pub(crate) what: String,
    pub(crate) seq: u64,
}

/// How many of a group are done, failed and open from an instant on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) open: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) const fn total(self) -> u64 {
        self.open
            .saturating_add(self.done)
            .saturating_add(self.failed)
    }

    /// `404 done, 2 failed, 4 open`
    pub(crate) fn in_words(self) -> String {
        let parts = [
            (self.done, "done"),
            (self.failed, "failed"),
            (self.open, "open"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        parts.join(", ")
    }
}

/// A lane.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) kind: LaneKind,
    pub(crate) name: Told,
    /// A second line for it: the workflow of a child, how many of a group.
    pub(crate) note: Option<String>,
    pub(crate) seq: u64,
    pub(crate) start: At,
    /// How it ended.
    pub(crate) end: End,
    pub(crate) ended: Option<At>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) coming: Option<Coming>,
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) incidents: Vec<Stretch>,
    pub(crate) marks: Vec<Mark>,
    /// Of a group: how it stood, at instants in order.
    pub(crate) tallies: Vec<(At, Tally)>,
    /// The activity has, or should have, something that undoes it.
    pub(crate) compensable: bool,
    pub(crate) registered: bool,
    /// The workflow id of a child.
    pub(crate) child: Option<Told>,
}

impl Lane {
    pub(crate) fn new(kind: LaneKind, name: Told, seq: u64, start: At) -> Self {
        Self {
            kind,
            name,
            note: None,
            seq,
            start,
            end: End::Open,
            ended: None,
            attempts: Vec::new(),
            coming: None,
            stretches: Vec::new(),
            incidents: Vec::new(),
            marks: Vec::new(),
            tallies: Vec::new(),
            compensable: false,
            registered: false,
            child: None,
        }
    }

    /// Attempts that did the step, not those that undid it.
    pub(crate) fn forward(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| !attempt.undoes)
    }

    /// Attempts that undo the step.
    pub(crate) fn backward(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.undoes)
    }

    /// Ended, one way or another.
    pub(crate) fn close(&mut self, end: End, at: At) {
        self.end = end;
        self.ended = Some(at);
    }

    /// The word for what it is.
    pub(crate) const fn kind_word(&self) -> &'static str {
        match self.kind {
            LaneKind::Run => "run",
            LaneKind::Activity => "activity",
            LaneKind::Timer => "timer",
            LaneKind::Child => "child",
            LaneKind::Children => "children",
            LaneKind::Wait => "wait",
            LaneKind::Group => "activity calls",
        }
    }

    /// Why it failed, or failed last.
    pub(crate) fn last_failure(&self) -> Option<&Failure> {
        self.forward()
            .filter_map(|attempt| attempt.failure.as_ref())
            .last()
    }
}
