//! Tasks that may still wait in their queue: queued work is not timed as running.
//!
//! Workers take tasks straight from Kafka, so nobody tells when an attempt begins, unless its worker says so. Where a task
//! lies is known from its delivery; how far its queue's workers are, from what their group committed. What is proved to
//! have waited until an instant began after it, and its start-to-close time-out counts from there.

use std::collections::HashMap;

use sagaline_core::{
    Activity, ActivityId, Attempt, QueuedUntil, Run, RunId, State, Task, Timestamp, WorkflowId,
    run::ActivityState,
};
use sagaline_journal::wire::partition_of;
use smallvec::SmallVec;

use super::{Lane, QueueTopic};
use crate::output::task_id;

/// A task whose start-to-close time-out has come by when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTask {
    /// Partition of its queue's topic.
    pub partition: i32,
    /// Where it lies.
    pub place: TaskPlace,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// Where a task lies in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPlace {
    /// At this offset.
    At(i64),
    /// An earlier owner sent it: before where the partition ended at the take-over.
    BeforeEndOf {
        /// When the take-over was.
        taken_over_at: Timestamp,
    },
}

/// Where the tasks of open runs lie, as far as this process sent them.
#[derive(Debug, Default)]
pub(super) struct Placed(HashMap<RunId, SmallVec<[PlacedTask; 1]>>);

#[derive(Clone, Copy, Debug)]
struct PlacedTask {
    activity_id: ActivityId,
    attempt: Attempt,
    /// How many partitions its queue had when it was sent: by that it has its own.
    partitions: Option<i32>,
    offset: i64,
}

/// A run with so many tasks on record forgets those that are over first.
const PLACES_SWEPT_AT: usize = 32;

impl Placed {
    /// A task was delivered.
    pub(super) fn put(
        &mut self,
        task: &Task,
        (partitions, offset): (Option<i32>, i64),
        state: &State,
    ) {
        let of_id = state.run(&task.workflow_id);
        // Its run may be over before the log says that it has the task: nobody would forget it.
        let Some(run) = of_id.filter(|run| run.run_id == task.run_id) else {
            return;
        };
        let tasks = self.0.entry(task.run_id).or_default();
        let activity_id = task.activity_id();
        tasks.retain(|one| one.activity_id != activity_id);
        if tasks.len() >= PLACES_SWEPT_AT && tasks.len().is_power_of_two() {
            tasks.retain(|one| {
                run.activity(one.activity_id)
                    .is_some_and(|activity| activity.attempt == one.attempt)
            });
        }
        tasks.push(PlacedTask {
            activity_id,
            attempt: task.attempt,
            partitions,
            offset,
        });
    }

    pub(super) fn closed(&mut self, run_id: RunId) {
        self.0.remove(&run_id);
    }

    /// Forgets runs that closed while another owned them.
    pub(super) fn after_take_over(&mut self, state: &State) {
        let open: std::collections::HashSet<RunId> =
            state.runs().iter().map(|(_, run)| run.run_id).collect();
        self.0.retain(|run_id, _| open.contains(run_id));
    }

    fn get(&self, run_id: RunId, activity_id: ActivityId, attempt: Attempt) -> Option<&PlacedTask> {
        let tasks = self.0.get(&run_id)?;
        let is_it = |one: &&PlacedTask| (one.activity_id, one.attempt) == (activity_id, attempt);
        tasks.iter().find(is_it)
    }
}

impl Lane {
    /// What is known of the run's tasks that nobody said to have begun with, and one of whose time-outs has come by `now`.
    pub(super) fn queued(&self, run: &Run, now: Timestamp) -> Vec<QueuedUntil> {
        let waits = run
            .activities
            .iter()
            .filter(|one| one.state == ActivityState::Queued);
        let overdue = waits.filter(|one| {
            one.sent_at.plus(one.start_to_close()) <= now
                || one.start_by().is_some_and(|by| by <= now)
        });
        let known = overdue.filter_map(|activity| self.waited(run.run_id, activity, now));
        known.collect()
    }

    /// How long the task of its last attempt waited at least; none: its queue has no topic.
    fn waited(&self, run_id: RunId, activity: &Activity, now: Timestamp) -> Option<QueuedUntil> {
        let (activity_id, attempt) = (activity.activity_id, activity.attempt);
        let known = |until: Option<Timestamp>| {
            Some(QueuedUntil {
                activity_id,
                attempt,
                until: until.unwrap_or(now),
                is_proved: until.is_some(),
            })
        };
        if self.outbox.has_task(run_id, activity_id, attempt) {
            // What has not arrived did not begin.
            return known(Some(now));
        }
        let queue = &activity.scheduled.task_queue;
        let topic = self.shared.writing.queue_topic(queue);
        let partitions = match self.shared.topics.topic(&topic) {
            QueueTopic::There(partitions) => partitions,
            // A new owner has not heard of it yet: that proves nothing.
            QueueTopic::Coming => return known(None),
            QueueTopic::Refused(_) => return None,
        };
        let id = task_id(run_id, activity_id, attempt);
        let placed = self.placed.get(run_id, activity_id, attempt);
        let partitions = placed.and_then(|one| one.partitions).unwrap_or(partitions);
        let place = match placed {
            Some(one) => TaskPlace::At(one.offset),
            None => TaskPlace::BeforeEndOf {
                taken_over_at: self.careful.since(),
            },
        };
        let task = SentTask {
            partition: partition_of(id.as_bytes(), partitions),
            place,
            sent_at: activity.sent_at,
        };
        known(self.shared.topics.queued_until(&topic, task, now))
    }

    /// Puts off a run's deadline, which was `due`, if it was set by tasks that are proved to have waited; otherwise what is
    /// proved. One that is put off to an instant that has come is due at once, and not before.
    pub(super) fn hold_queued(
        &mut self,
        workflow_id: &WorkflowId,
        due: Timestamp,
        now: Timestamp,
    ) -> Option<Vec<QueuedUntil>> {
        let run = self.fold.state.run(workflow_id)?;
        let queued = self.queued(run, now);
        if queued.is_empty() {
            return Some(queued);
        }
        match run.deadline_of(&queued) {
            Some(later) if later > due => {
                if queued.iter().any(|one| !one.is_proved) {
                    self.careful.was_put_off(due, later);
                }
                self.fold.state.hold(workflow_id, later);
                None
            }
            _ => Some(queued),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sagaline_core::{
        Cause, Delta, Effect, Event, Millis, Name, Overlay, Payload, Position, RetryPolicy,
        Transition,
        event::{ActivityAttemptScheduled, ActivityScheduled, WorkflowStarted},
        fold,
        program::Program,
    };

    use sagaline_journal::PortEvent;

    use super::*;
    use crate::{
        Keys,
        lane::{
            LaneConfig, LaneShared, Now, Phase, QueueTopics, ReplyTopic, outbox::tests::Silent,
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn id() -> WorkflowId {
        WorkflowId::new("w").unwrap()
    }

    fn task() -> Task {
        Task {
            run_id: RunId::derive("ns", &id(), b"1"),
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
        });
        let mut lane = Lane::new(0, Arc::new(shared), Arc::new(NoWorkflows), 0, None);
        begin(&mut lane, task(), 0);
        lane
    }

    /// Its task is sent at 0.
    fn begin(lane: &mut Lane, task: Task, index: u32) {
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
}
