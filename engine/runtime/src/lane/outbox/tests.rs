//! What becomes of effects that do not go out.

use sagaline_core::{
    ActivityId, Attempt, Cause, Payload, ReplyTo, RunId, Task, Timestamp, WorkflowId,
    effect_without_run,
};

use sagaline_journal::{Error, ErrorKind};

use super::{reply::REPLY_AGAIN_AFTER, *};
use crate::lane::{QueueTopic, ReadBack, ReplyTopic, queued};

mod children;
mod local;
mod notices;

fn forward() -> Effect {
    Effect::Forward {
        target_partition: 1,
        cause: Cause::lane(0, "1/1"),
    }
}

#[test]
fn what_was_not_sent_is_still_to_be_sent_after_claiming_again() {
    let mut outbox = Outbox::default();
    outbox.push(4, vec![forward()], HashMap::new());

    let outbox = outbox.after_take_over(&mut Fold::new(1));

    assert_eq!((outbox.len(), outbox.done(5)), (1, 3));
}

#[derive(Debug)]
struct Answers(QueueTopic, ReplyTopic);

impl super::super::QueueTopics for Answers {
    fn topic(&self, _: &str) -> QueueTopic {
        self.0.clone()
    }

    fn reply_topic(&self, _: &str) -> ReplyTopic {
        self.1
    }

    fn queued_until(
        &self,
        _: &str,
        task: super::super::SentTask,
        _: Timestamp,
    ) -> Option<Timestamp> {
        Some(task.sent_at)
    }
}

fn shared(topic: QueueTopic) -> LaneShared {
    shared_with(topic, ReplyTopic::There(1))
}

fn shared_with(queue: QueueTopic, reply: ReplyTopic) -> LaneShared {
    LaneShared::new(super::super::LaneConfig {
        namespace: "ns".to_owned(),
        app: "app".to_owned(),
        build: String::new(),
        process: "p".to_owned(),
        partitions: 1,
        closed_retention: Millis(1),
        programs_kept: std::num::NonZeroUsize::MIN,
        keys: crate::Keys::development(),
        topics: Arc::new(Answers(queue, reply)),
        local: Arc::new(super::super::NoLocalTasks),
    })
}

/// The task that tests of queues have, for another queue and of ten minutes.
fn task(task_queue: &'static str) -> Effect {
    let mut task = queued::tests::task();
    let scheduled = Arc::make_mut(&mut task.scheduled);
    scheduled.task_queue = Name::from(task_queue);
    scheduled.start_to_close_ms = 600_000;
    Effect::Task(task)
}

#[test]
fn a_task_of_a_queue_that_no_topic_can_serve_is_refused_and_others_wait_for_theirs() {
    let mut outbox = Outbox::default();

    let sending = outbox.record(
        &shared(QueueTopic::Coming),
        (0, Timestamp::default()),
        &task("no such/queue"),
    );
    assert!(matches!(&sending, Sending::Never(reason) if reason.contains("no such/queue")));
    let sending = outbox.record(
        &shared(QueueTopic::Coming),
        (0, Timestamp::default()),
        &task("orders"),
    );
    assert!(matches!(sending, Sending::NoTopic(None)));

    outbox.refuse(Entry::new(4, task("no such/queue")), "why");
    assert!(matches!(
        outbox.next_undeliverable(),
        Some(Command::Undeliverable { .. })
    ));
}

/// How a task's queue answers at an instant, and whether the attempt has failed by then.
fn check_waiting(steps: &[(u64, &QueueTopic, bool)]) {
    let mut outbox = Outbox::default();
    outbox.push(4, vec![task("orders")], HashMap::new());
    for (at, topic, fails) in steps {
        let entry = outbox.waiting.pop_front();
        let entry = entry.or_else(|| Some(outbox.later.pop()?.1)).unwrap();
        match outbox.record(
            &shared((*topic).clone()),
            (0, Timestamp::default()),
            &entry.effect,
        ) {
            Sending::NoTopic(refusal) => outbox.await_topic(entry, refusal, Millis(*at)),
            _ => panic!("there is no topic"),
        }

        let failed = outbox.next_undeliverable();
        assert_eq!(failed.is_some(), *fails, "at {at}");
        if let Some(Command::Undeliverable { reason, .. }) = failed {
            assert_eq!(&*reason, "denied");
        }
        assert_eq!((outbox.len(), outbox.done(5)), (1, 3), "at {at}");
    }
}

#[test]
fn a_task_whose_topic_the_brokers_refuse_to_make_fails_its_attempt_in_the_end() {
    let (coming, refused) = (QueueTopic::Coming, QueueTopic::Refused("denied".into()));
    let limit = TOPIC_REFUSED_MAX.0;

    check_waiting(&[
        (5, &refused, false),
        (limit + 4, &refused, false),
        (limit + 5, &refused, true),
    ]);
    check_waiting(&[(5, &coming, false), (100 * limit, &coming, false)]);
    check_waiting(&[
        (5, &refused, false),
        (limit, &coming, false),
        (limit + 5, &refused, false),
        (2 * limit + 5, &refused, true),
    ]);
}

#[test]
fn an_attempt_that_may_take_less_waits_for_half_of_it() {
    let Effect::Task(mut task) = task("orders") else {
        unreachable!("it is one")
    };
    Arc::make_mut(&mut task.scheduled).start_to_close_ms = 1_000;

    assert_eq!(Entry::new(4, Effect::Task(task)).patience(), Millis(500));
}

#[test]
fn refused_tasks_do_not_hold_up_the_batch_that_ends_them() {
    let mut outbox = Outbox::default();
    outbox.push(4, vec![task("orders"); EFFECTS_MAX], HashMap::new());
    assert!(outbox.is_full());

    let entry = outbox.waiting.pop_front().unwrap();
    outbox.refuse(entry, "why");

    assert!(!outbox.is_full());
}

fn reply(partition: i32) -> Effect {
    let to = ReplyTo {
        topic: "ns.reply.somebody".into(),
        partition,
        correlation: "c".into(),
    };
    let reply = sagaline_core::refusal(&to, "sagaline.NotFound", "");
    let id = WorkflowId::new("w").unwrap();
    effect_without_run(Some(&id), &Cause::lane(0, "1/1"), &reply.into()).unwrap()
}

#[test]
fn a_reply_whose_topic_has_gone_is_dropped_in_the_end() {
    let missing = SendError {
        kind: SendErrorKind::Missing,
        reason: "unknown partition".into(),
    };
    let away = SendError {
        kind: SendErrorKind::Unavailable,
        ..missing.clone()
    };
    let mut outbox = Outbox::default();
    outbox.push(4, vec![reply(0)], HashMap::new());

    let mut fail = |error: &SendError| {
        let entry = outbox
            .waiting
            .pop_front()
            .or_else(|| Some(outbox.later.pop()?.1));
        outbox.sent.insert(1, entry.unwrap());
        outbox.failed(1, error, Millis(0));
        (outbox.len(), outbox.done(5), outbox.dropped)
    };

    for _ in 0..1_000 {
        assert_eq!(fail(&away), (1, 3, 0));
    }
    for _ in 1..REPLY_TRIES_MAX {
        assert_eq!(fail(&missing), (1, 3, 0));
    }
    assert_eq!(fail(&missing), (0, 5, 1));
}

#[test]
fn only_batches_with_effects_are_worth_a_mark() {
    let mut outbox = Outbox::default();

    outbox.push(4, vec![forward()], HashMap::new());
    outbox.push(5, Vec::new(), HashMap::new());
    assert_eq!((outbox.done(5), outbox.finished()), (3, 0));
    let entry = outbox.waiting.pop_front().unwrap();
    outbox.finish(&entry);

    assert_eq!((outbox.done(5), outbox.finished()), (5, 4));
}

#[test]
fn a_forward_that_the_log_refuses_is_sent_again_ever_more_rarely_and_never_dropped() {
    let kinds = [
        (SendErrorKind::Refused, "policy violation"),
        (SendErrorKind::TooLarge, "message too large"),
    ];
    for (kind, reason) in kinds {
        let error = SendError {
            kind,
            reason: reason.to_owned(),
        };
        let mut outbox = Outbox::default();
        outbox.push(4, vec![forward()], HashMap::new());
        let mut entry = outbox.waiting.pop_front().unwrap();
        let mut pauses = Vec::new();

        for _ in 0..100 {
            outbox.sent.insert(1, entry);
            outbox.failed(1, &error, Millis(1_000));
            let (at, again) = outbox.later.pop().unwrap();
            pauses.push(at.0 - 1_000);
            entry = again;
        }

        assert_eq!(pauses[..4], [200, 400, 800, 1_600]);
        assert!(pauses[8..].iter().all(|pause| *pause == 30_000));
        assert_eq!((outbox.done(5), outbox.dropped), (3, 0));
        assert_eq!(outbox.forwards_refused.as_deref(), Some(reason));
        outbox.sent.insert(1, entry);
        outbox.acknowledged(1);
        assert_eq!((outbox.done(5), outbox.forwards_refused), (5, None));
    }
}

/// Notes what is asked of it, and answers nothing.
#[derive(Debug, Default)]
pub(in crate::lane) struct Silent {
    reads: Vec<Tag>,
    sends: Vec<Tag>,
}

impl LanePort for Silent {
    fn fetch(&mut self, _: i32, _: i64, _: i64) {}
    fn release(&mut self, _: i32) {}
    fn take(&mut self, _: i32, _: usize, _: usize, _: &mut Vec<sagaline_journal::Record>) {}
    fn append(&mut self, _: i32, _: Tag, _: Vec<NewRecord>) {}
    fn send(&mut self, _: i32, tag: Tag, _: NewRecord) {
        self.sends.push(tag);
    }
    fn read(&mut self, _: Arc<str>, _: i32, tag: Tag, _: i64, _: Option<i64>) {
        self.reads.push(tag);
    }
    fn ends(&mut self, _: i32, _: Tag) {}
    fn prove_lease(&mut self, _: i32, _: Tag) {}
    fn poll(&mut self, _: std::time::Duration, _: &mut Vec<sagaline_journal::PortEvent>) {}
}

/// A lane's outbox and what is around it, at an instant.
struct Bench {
    outbox: Outbox,
    shared: LaneShared,
    port: Silent,
    tags: Tag,
}

impl Bench {
    fn with(effects: Vec<Effect>) -> Self {
        let mut outbox = Outbox::default();
        outbox.push(4, effects, HashMap::new());
        Self {
            outbox,
            shared: shared(QueueTopic::Coming),
            port: Silent::default(),
            tags: 0,
        }
    }

    fn send(&mut self, now: u64) {
        let state = Fold::new(1).state;
        self.outbox.send_waiting(
            (&self.shared, &state),
            0,
            Now {
                wall: Timestamp::default(),
                monotonic: Millis(now),
            },
            &mut self.port,
            &mut self.tags,
        );
    }

    /// The log answers a read without a record.
    fn answer(&mut self, tag: Tag, done: bool, error: Option<&str>) -> bool {
        let read = ReadBack {
            tag,
            records: Vec::new(),
            done,
            error: error.map(|text| Error::new(ErrorKind::Unavailable, "kafka-unavailable", text)),
        };
        self.outbox
            .forward_was_read(&read, &self.shared, Millis(10))
    }
}

#[test]
fn a_forward_whose_record_cannot_be_read_now_is_read_again_after_a_pause() {
    let mut bench = Bench::with(vec![forward()]);
    bench.send(10);
    assert_eq!(bench.port.reads, [1]);

    assert!(bench.answer(1, true, Some("too many reads wait")));
    for now in [10, 11, 10 + RESEND_AFTER.0 - 1] {
        bench.send(now);
        assert_eq!(bench.port.reads, [1], "at {now}");
    }
    bench.send(10 + RESEND_AFTER.0);

    assert_eq!(bench.port.reads.len(), 2);
    assert_eq!((bench.outbox.len(), bench.outbox.done(5)), (1, 3));
}

#[test]
fn a_new_owner_with_many_forwards_has_few_reads_under_way() {
    let forwards = 3 * READS_MAX;
    let mut bench = Bench::with(vec![forward(); forwards]);
    bench.send(10);
    assert_eq!(bench.port.reads.len(), READS_MAX);
    assert_eq!(bench.outbox.len(), forwards);

    assert!(bench.answer(1, true, Some("too many reads wait")));
    bench.send(11);

    assert_eq!(bench.port.reads.len(), READS_MAX + 1);
    let again = bench.outbox.after_take_over(&mut Fold::new(1));
    assert_eq!((again.len(), again.done(5)), (forwards, 3));
}

#[test]
fn a_read_that_is_not_over_is_waited_for() {
    let mut bench = Bench::with(vec![forward()]);
    bench.send(10);

    assert!(bench.answer(1, false, None));
    bench.send(11);

    assert_eq!(bench.port.reads, [1]);
    assert_eq!((bench.outbox.len(), bench.outbox.done(5)), (1, 3));
}

/// What becomes of a reply to partition 2 of a topic, tried again and again: how often it was handed to the log, and how
/// many were dropped after how many tries.
fn check_reply(topic: ReplyTopic, sent: usize, dropped_after: Option<u64>) {
    let mut bench = Bench::with(vec![reply(2)]);
    bench.shared = shared_with(QueueTopic::Coming, topic);

    for turn in 1..=1_000 {
        bench.send(turn * REPLY_AGAIN_AFTER.0);

        let dropped = dropped_after.is_some_and(|after| turn >= after);
        assert_eq!(bench.outbox.dropped, u64::from(dropped), "{topic:?} {turn}");
        assert_eq!(bench.outbox.is_empty(), dropped, "{topic:?} {turn}");
    }
    assert_eq!(bench.port.sends.len(), sent, "{topic:?}");
}

#[test]
fn only_a_reply_whose_topic_and_partition_are_there_reaches_the_producer() {
    let tries = u64::from(REPLY_TRIES_MAX);

    check_reply(ReplyTopic::There(3), 1, None);
    check_reply(ReplyTopic::There(2), 0, Some(tries));
    check_reply(ReplyTopic::Missing, 0, Some(tries));
    check_reply(ReplyTopic::TooMany, 0, Some(1));
    check_reply(ReplyTopic::Looking, 0, None);
}
