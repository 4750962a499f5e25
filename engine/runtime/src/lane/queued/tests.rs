//! How long tasks are proved to have waited, and what that does to deadlines.

use std::sync::Arc;

use sagaline_core::{
    Cause, Delta, Effect, Event, Millis, Name, Overlay, Payload, Position, RetryPolicy, Transition,
    event::{ActivityAttemptScheduled, ActivityScheduled, WorkflowStarted},
    fold,
    program::Program,
};

use sagaline_journal::PortEvent;

use super::*;
use crate::{
    Keys,
    lane::{
        LaneConfig, LaneShared, LocalTasks, NoLocalTasks, Now, Phase, QueueTopics, ReplyTopic,
        outbox::tests::Silent,
    },
    programs::Workflows,
};

/// A queue whose tasks in the first partition are proved to have waited until then.
#[derive(Debug)]
struct Waited(QueueTopic, Timestamp);

impl QueueTopics for Waited {
    fn topic(&self, _: &str) -> QueueTopic {
        self.0.clone()
    }

    fn reply_topic(&self, _: &str) -> ReplyTopic {
        ReplyTopic::Missing
    }

    fn queued_until(&self, _: &str, task: SentTask, now: Timestamp) -> Option<Timestamp> {
        Some(match task.partition {
            0 => self.1.max(task.sent_at).min(now),
            _ => task.sent_at,
        })
    }
}

struct NoWorkflows;

impl Workflows for NoWorkflows {
    fn resolve(&self, _: &Name, _: Option<&str>) -> Option<Box<str>> {
        None
    }

    fn program(&self, _: &Name, _: &str) -> Option<Box<dyn Program>> {
        None
    }

    fn names(&self) -> Vec<Name> {
        Vec::new()
    }

    fn task_queues(&self) -> Vec<Name> {
        Vec::new()
    }
}

pub(in crate::lane) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub(in crate::lane) fn id() -> WorkflowId {
    WorkflowId::new("w").unwrap()
}

pub(in crate::lane) fn task() -> Task {
    Task {
        run_id: RunId::derive("ns", &id(), b"1"),
        scheduled_by: RunId::derive("ns", &id(), b"1"),
        workflow_id: id(),
        attempt: Attempt::FIRST,
        expires_at: None,
        progress: None,
        started: Arc::new(WorkflowStarted {
            workflow: Name::from("order"),
            version: "1".into(),
            input: Payload::empty(),
            trace: None,
            attributes: None,
            memo: None,
            run_timeout_ms: None,
            execution_timeout_ms: None,
            parent: None,
            chain: None,
            start_at: None,
            retry: None,
            reset_of: None,
            reset: None,
        }),
        scheduled: Arc::new(ActivityScheduled {
            activity_id: ActivityId::FIRST,
            activity: Name::from("charge"),
            task_queue: Name::from("orders"),
            input: Payload::empty(),
            retry: RetryPolicy::default(),
            start_to_close_ms: 60_000,
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
            compensable: false,
            compensates: None,
        }),
    }
}

/// A lane with a run whose task, of a minute at most, was sent at 0 and waited until that second.
fn lane(topic: QueueTopic, waited_until: i64) -> Lane {
    let mut lane = idle((topic, waited_until), Arc::new(NoLocalTasks));
    begin(&mut lane, task(), 0);
    lane
}

/// A lane without runs.
pub(in crate::lane) fn idle(
    (topic, waited_until): (QueueTopic, i64),
    local: Arc<dyn LocalTasks>,
) -> Lane {
    let shared = LaneShared::new(LaneConfig {
        namespace: "ns".to_owned(),
        app: "app".to_owned(),
        build: String::new(),
        process: "p".to_owned(),
        partitions: 1,
        closed_retention: Millis(1),
        programs_kept: std::num::NonZeroUsize::MIN,
        keys: Keys::development(),
        topics: Arc::new(Waited(topic, at(waited_until))),
        local,
    });
    Lane::new(0, Arc::new(shared), Arc::new(NoWorkflows), 0, None)
}

/// Its task is sent at 0.
pub(in crate::lane) fn begin(lane: &mut Lane, task: Task, index: u32) {
    let attempt = ActivityAttemptScheduled {
        activity_id: task.activity_id(),
        activity: task.scheduled.activity.clone(),
        attempt: task.attempt,
        held: None,
    };
    let transition = Transition {
        run_id: Some(task.run_id),
        workflow_id: Some(task.workflow_id.clone()),
        first_seq: 1,
        at: at(0),
        cause: Cause::lane(0, "1/1"),
        events: vec![
            Event::WorkflowStarted(task.started),
            Event::ActivityScheduled(task.scheduled),
            attempt.into(),
        ],
    };
    let mut delta = Delta::default();
    let mut overlay = Overlay::new(&lane.fold.state, &mut delta);
    fold(&mut overlay, &[&transition], Position { batch: 1, index });
    lane.fold.state.merge(delta, at(0));
}

#[test]
fn a_deadline_is_put_off_also_to_an_instant_that_has_come_and_then_it_fires() {
    let mut lane = lane(QueueTopic::There(1), 1);
    assert_eq!(lane.fold.state.next_deadline(), Some(at(60)));

    // Two seconds late: the engine was busy.
    assert_eq!(lane.hold_queued(&id(), at(60), at(62)), None);

    assert_eq!(lane.fold.state.next_deadline(), Some(at(61)));
    let queued = lane.hold_queued(&id(), at(61), at(62)).unwrap();
    let run = lane.fold.state.run(&id()).unwrap();
    assert_eq!(run.deadline_of(&queued), Some(at(61)));
}

#[test]
fn a_new_owner_that_has_not_looked_for_the_queue_yet_lets_no_time_run_out() {
    let mut lane = lane(QueueTopic::Coming, 0);

    assert_eq!(lane.hold_queued(&id(), at(60), at(300)), None);

    assert_eq!(lane.fold.state.next_deadline(), Some(at(360)));
}

#[test]
fn a_task_that_has_not_arrived_in_its_queue_does_not_run_out_of_its_time() {
    let mut lane = lane(QueueTopic::There(1), 0);
    lane.outbox
        .push(1, vec![Effect::Task(task())], HashMap::new());

    assert_eq!(lane.hold_queued(&id(), at(60), at(62)), None);

    assert_eq!(lane.fold.state.next_deadline(), Some(at(122)));
}

#[test]
fn a_task_stays_in_its_partition_when_its_queue_gets_more() {
    let task = task();
    let name = task_id(task.run_id, task.activity_id(), task.attempt);
    let more = (2..9).find(|more| partition_of(name.as_bytes(), *more) != 0);
    let mut lane = lane(QueueTopic::There(more.unwrap()), 30);
    lane.placed.put(&task, (Some(1), 7), &lane.fold.state);

    assert_eq!(lane.hold_queued(&id(), at(60), at(61)), None);
}

#[test]
fn a_task_that_may_have_begun_in_time_does_not_time_out_as_one_that_nobody_took() {
    let mut lane = lane(QueueTopic::There(1), 0);
    let short = ActivityScheduled {
        schedule_to_start_ms: Some(10_000),
        ..ActivityScheduled::clone(&task().scheduled)
    };
    let task = Task {
        scheduled: Arc::new(short),
        ..task()
    };
    begin(&mut lane, task, 1);

    // It was next in its partition when it was sent, and a worker is there: nobody has to say that it began.
    assert_eq!(lane.hold_queued(&id(), at(10), at(11)), None);

    assert_eq!(lane.fold.state.next_deadline(), Some(at(60)));
}

#[test]
fn thousands_of_tasks_that_wait_hold_up_nothing_that_is_due() {
    let mut lane = lane(QueueTopic::There(1), 100);
    let runs = u32::try_from(crate::lane::BATCH_DEADLINES_MAX).unwrap();
    for number in 1..=runs {
        let workflow_id = WorkflowId::new(&format!("w{number}")).unwrap();
        let run_id = RunId::derive("ns", &workflow_id, b"1");
        let task = Task {
            workflow_id,
            run_id,
            ..task()
        };
        begin(&mut lane, task, number);
    }
    lane.phase = Phase::Active;
    lane.proof.passed(true, at(70), (0, 0));
    lane.proof.passed(false, at(70), (0, 0));
    let now = Now {
        wall: at(61),
        monotonic: Millis(1),
    };

    assert_eq!(lane.step(now, &mut Silent::default()), Some(Millis(0)));
    lane.step(now, &mut Silent::default());

    assert_eq!(lane.fold.state.next_deadline(), Some(at(121)));
}

#[test]
fn what_a_clock_that_jumped_ahead_has_seen_holds_for_no_hour_to_come() {
    let mut lane = lane(QueueTopic::There(1), 0);
    let now = |wall| Now {
        wall: at(wall),
        monotonic: Millis(7),
    };
    lane.clock.reported(Some(at(100)), now(100));

    lane.ask_for_ends(at(101), now(3_700), &mut Silent::default());
    let ends = PortEvent::Ends {
        partition: 0,
        tag: lane.next_tag,
        ends: Some((0, 0)),
    };
    lane.handle(ends, now(3_700), &mut Silent::default());

    assert!(lane.proof.covers(at(101)) && !lane.proof.covers(at(200)));
}

#[test]
fn a_task_that_arrives_after_its_run_is_over_leaves_nothing() {
    let mut lane = lane(QueueTopic::There(1), 0);
    let task = task();
    lane.placed.put(&task, (Some(1), 7), &lane.fold.state);
    assert_eq!(lane.placed.0.len(), 1);

    let mut placed = Placed::default();
    placed.put(&task, (Some(1), 7), &State::new(1));

    assert!(placed.0.is_empty());
}
