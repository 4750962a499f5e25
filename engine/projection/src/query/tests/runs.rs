//! Runs of all kinds, made at random.

use std::{collections::BTreeMap, sync::Arc};

use oorandom::Rand64;
use sagaline_core::{
    Activity, ActivityId, Attempt, Cause, Failure, Fields, IdentityRing, Millis, Name, Outcome,
    Parent, Payload, Place, RetryPolicy, Run, RunId, Timestamp, Wait, WaitFor, WorkflowId,
    event::{
        ActivityScheduled, CompensationRegistered, IncidentKind, ParentClosePolicy, WorkflowStarted,
    },
    run::{
        ActivityState, Carried, ClosedBy, Incident, LastFailure, Paused, Registration,
        RegistrationState, Undo,
    },
};

use super::NOW_MS;
use crate::StoredRun;

/// What strangers may call things, and what filters ask for.
pub(super) const TEXTS: [&str; 14] = [
    "order",
    "Order",
    "order-1",
    "ord",
    "charge",
    "gift \"x\" 'y'",
    "\u{202e}evil",
    "a\0b",
    "\u{1}",
    "50%_off\\",
    "ö",
    "ümläut",
    "z",
    "'; DROP TABLE runs; --",
];

pub(super) const VERSIONS: [&str; 8] = [
    "1",
    "1.0.0",
    "2",
    "10",
    "2.0.0-beta.2",
    "2.0.0-beta.10",
    "latest",
    "1.2",
];

pub(super) const JSONS: [&str; 22] = [
    "\"gold\"",
    "\"silver\"",
    "\"go\"",
    "\"a\\u0000b\"",
    "\"\"",
    "1",
    "1.0",
    "-3.5",
    "1e400",
    "100.50",
    "9007199254740993",
    "true",
    "false",
    "null",
    "[\"gold\", 1, [2], null]",
    "[]",
    "{\"x\":1}",
    "\"\\ud800\"",
    "\"\u{202e}evil\"",
    "0",
    "-0.001",
    "[true]",
];

pub(super) const ATTRIBUTES: [&str; 3] = ["tier", "total", "tags"];

/// What is chosen at random.
pub(super) struct Dice(pub(super) Rand64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rand64::new(u128::from(seed)))
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.rand_range(0..end)
    }

    pub(super) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn name(&mut self) -> Name {
        Name::new(self.pick(&TEXTS)).unwrap()
    }

    /// A time shortly before now, of which others have the same.
    fn time(&mut self) -> Timestamp {
        Timestamp::from_millis(NOW_MS - i64::try_from(self.below(20)).unwrap() * 1_000)
    }
}

/// The run of that number.
pub(super) fn run(dice: &mut Dice, number: u32) -> StoredRun {
    let id = match dice.one_in(4) {
        true => dice.pick(&TEXTS).to_owned(),
        false => format!("{}-{}", dice.pick(&TEXTS), dice.below(30)),
    };
    let workflow_id = WorkflowId::new(&id).unwrap();
    let run_id = RunId::derive("ns", &workflow_id, &number.to_be_bytes());
    let mut run = started(dice, run_id);
    for id in 1..=u32::try_from(dice.pick(&[0, 0, 1, 1, 2, 3])).unwrap() {
        let activity = activity(dice, run_id, id);
        run.activities.push(activity);
    }
    if dice.one_in(5) {
        let incident = incident(dice, &run);
        run.incidents.push(incident);
    }
    if dice.one_in(6) {
        run.paused = Some(Box::new(Paused {
            at: dice.time(),
            actor: Name::from("ada"),
            reason: None,
        }));
    }
    compensation(dice, &mut run);
    if dice.one_in(6) {
        run.waits.push(Wait {
            kind: WaitFor::Signal,
            name: Name::from("approve"),
            since: dice.time(),
            deadline: None,
            choices: vec![sagaline_core::Choice {
                label: "Approve".into(),
                input: Payload::empty(),
            }],
            total: None,
        });
    }
    if dice.one_in(2) {
        close(dice, &mut run);
    }
    StoredRun {
        partition: 3,
        workflow_id,
        run,
        closed_by: None,
        reset_as: None,
        deleted: None,
        first_offset: i64::from(number),
        places: Vec::new(),
        as_of: Timestamp::default(),
    }
}

fn started(dice: &mut Dice, run_id: RunId) -> Run {
    let mut fields: BTreeMap<Name, Box<str>> = BTreeMap::new();
    for name in ATTRIBUTES {
        if dice.one_in(2) {
            fields.insert(Name::from(name), dice.pick(&JSONS).into());
        }
    }
    let parent = dice.one_in(4).then(|| {
        let workflow_id = WorkflowId::new(dice.pick(&TEXTS)).unwrap();
        Parent {
            run_id: RunId::derive("ns", &workflow_id, b"parent"),
            root: workflow_id.clone(),
            workflow_id,
            child_id: ActivityId::FIRST,
            close_policy: ParentClosePolicy::Abandon,
            depth: 1,
        }
    });
    let started = Arc::new(WorkflowStarted {
        workflow: dice.name(),
        version: dice.pick(&VERSIONS).into(),
        input: Payload::empty(),
        trace: None,
        attributes: Fields::new(fields).unwrap(),
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        parent,
        chain: None,
        start_at: None,
        retry: None,
        reset_of: None,
        reset: None,
    });
    let cause = Cause {
        source: "s".into(),
        id: "1".into(),
        topic: "inbox".into(),
        partition: 0,
        offset: 0,
    };
    let at = dice.time();
    let place = Place {
        seq: 1,
        at,
        cause: &cause,
    };
    let (ring, carried) = (IdentityRing::default(), Carried::default());
    let mut run = Run::start(run_id, place, &started, ring, carried);
    // Only a new run has something that its rows do not keep.
    run.unseen.clear();
    run.replies.clear();
    run.seen = IdentityRing::default();
    run.starts = IdentityRing::default();
    run
}

fn activity(dice: &mut Dice, run_id: RunId, id: u32) -> Activity {
    let state = match dice.below(5) {
        0 => ActivityState::Held,
        1 => ActivityState::Queued,
        2 => ActivityState::Running {
            started_at: dice.time(),
            worker: None,
        },
        3 => ActivityState::Parked,
        _ => ActivityState::Backoff {
            next_attempt_at: Timestamp::from_millis(NOW_MS + i64::try_from(dice.below(5)).unwrap()),
        },
    };
    let at = dice.time();
    let attempt = Attempt::new(1 + u32::try_from(dice.below(4)).unwrap()).unwrap();
    let last_failure = dice.one_in(2).then(|| {
        Box::new(LastFailure {
            failure: Failure::new(dice.name(), "no"),
            attempt,
            at,
            took: Millis(5),
            worker: None,
        })
    });
    Activity {
        activity_id: ActivityId::new(id).unwrap(),
        scheduled: Arc::new(ActivityScheduled {
            activity_id: ActivityId::new(id).unwrap(),
            activity: dice.name(),
            task_queue: dice.name(),
            input: Payload::empty(),
            retry: RetryPolicy::default(),
            start_to_close_ms: 60_000,
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
            compensable: true,
            compensates: None,
        }),
        scheduled_by: run_id,
        scheduled_at: at,
        attempt,
        attempt_at: at,
        sent_at: at,
        limited: false,
        maximum_attempts: 0,
        attempts_before: 0,
        uncounted: 0,
        set_at: at,
        silence_from: at,
        state,
        cancel_requested: false,
        outcome_unknown: false,
        heartbeat: None,
        paused: None,
        last_failure,
        failures: Vec::new(),
    }
}

fn incident(dice: &mut Dice, run: &Run) -> Incident {
    let activity = run.activities.first().filter(|_| !dice.one_in(3));
    Incident {
        seq: 7,
        kind: dice.pick(&[
            IncidentKind::AttemptsExhausted,
            IncidentKind::CompensationFailed,
            IncidentKind::Panic,
        ]),
        activity_id: activity.map(|activity| activity.activity_id),
        activity: activity.map(|activity| activity.scheduled.activity.clone()),
        failure: Failure::new(dice.name(), "used up"),
        since: dice.time(),
        times: 1,
    }
}

fn compensation(dice: &mut Dice, run: &mut Run) {
    if dice.one_in(3) {
        run.registrations.push(Registration {
            registered: Arc::new(CompensationRegistered {
                activity_id: ActivityId::new(90).unwrap(),
                activity: Name::from("undo"),
                task_queue: Name::from("q"),
                input: Payload::empty(),
                retry: RetryPolicy::default(),
                start_to_close_ms: 60_000,
                schedule_to_start_ms: None,
                schedule_to_close_ms: None,
                heartbeat_ms: None,
                compensates: ActivityId::FIRST,
                group: None,
                child_workflow_id: None,
                child_step: None,
            }),
            of: Name::from("step"),
            state: dice.pick(&[RegistrationState::Completed, RegistrationState::Failed]),
        });
    }
    if dice.one_in(5) {
        run.undo = Some(Box::new(Undo {
            outcome: Outcome::Canceled,
            failure: None,
            reason: None,
        }));
    }
}

fn close(dice: &mut Dice, run: &mut Run) {
    let outcome = dice.pick(&[
        Outcome::Completed,
        Outcome::Failed,
        Outcome::Canceled,
        Outcome::Terminated,
        Outcome::TimedOut,
        Outcome::ContinuedAsNew,
    ]);
    let took = i64::try_from(dice.below(5)).unwrap() * 1_000;
    run.activities.clear();
    run.incidents.clear();
    run.paused = None;
    run.closed = Some(Box::new(ClosedBy {
        outcome,
        at: Timestamp::from_millis(run.started_at.as_millis() + took),
        result: None,
        failure: None,
        reason: None,
        new_run_id: (outcome == Outcome::ContinuedAsNew).then_some(run.run_id),
    }));
}
