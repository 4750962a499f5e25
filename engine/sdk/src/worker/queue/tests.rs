//! The loop of a queue's worker, with a stand-in for Kafka and a clock that jumps.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use sagaline_core::Timestamp;
use sagaline_journal::{NewRecord, wire::header};
use sagaline_macros::activity;
use tokio::task::JoinHandle;

use super::*;
use crate::{ActivityContext, Result, activities, activity::Data, worker::task::tests::task};

mod cancel;
mod local;
mod long;
mod rebalance;

#[derive(Default)]
struct Seen {
    commits: Vec<i64>,
    answers: Vec<NewRecord>,
    /// How the next answers fail.
    refusals: VecDeque<KafkaError>,
    closed: bool,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Seen>>);

impl Log {
    fn look<T>(&self, at: impl FnOnce(&mut Seen) -> T) -> T {
        at(&mut self.0.lock().unwrap())
    }

    fn commits(&self) -> Vec<i64> {
        self.look(|seen| seen.commits.clone())
    }

    /// `completed 5`: what was said of which activity.
    fn answers(&self) -> Vec<String> {
        self.look(|seen| seen.answers.iter().map(in_words).collect())
    }
}

fn in_words(answer: &NewRecord) -> String {
    let id = answer.headers.get(header::CE_ID).unwrap();
    let id = String::from_utf8(id.to_vec()).unwrap();
    let parts: Vec<&str> = id.split('/').collect();
    format!("{} {}", parts[3], parts[1])
}

/// Acknowledges what was flushed, a millisecond later.
struct Broker {
    log: Log,
    line: Vec<(u64, NewRecord)>,
    flushed: Vec<(Instant, u64, NewRecord)>,
}

impl Answers for Broker {
    fn send(&mut self, mark: u64, record: NewRecord) {
        self.line.push((mark, record));
    }

    fn flush(&mut self) {
        let at = Instant::now() + Duration::from_millis(1);
        let line = self.line.drain(..);
        self.flushed
            .extend(line.map(|(mark, record)| (at, mark, record)));
    }

    async fn ended(&mut self) -> Vec<(u64, std::result::Result<(), KafkaError>)> {
        let Some((at, ..)) = self.flushed.first() else {
            return std::future::pending().await;
        };
        sleep_until(*at).await;
        let (_, mark, record) = self.flushed.remove(0);
        let outcome = self.log.look(|seen| match seen.refusals.pop_front() {
            Some(error) => Err(error),
            None => {
                seen.answers.push(record);
                Ok(())
            }
        });
        vec![(mark, outcome)]
    }

    fn try_ended(&mut self) -> Vec<(u64, std::result::Result<(), KafkaError>)> {
        Vec::new()
    }
}

struct Group {
    events: mpsc::UnboundedReceiver<Event>,
    /// Tasks that came before what was looked for; they go with their partitions.
    passed: VecDeque<Event>,
    log: Log,
}

impl Tasks for Group {
    async fn next(&mut self) -> Option<Event> {
        match self.passed.pop_front() {
            Some(event) => Some(event),
            None => self.events.recv().await,
        }
    }

    async fn next_change(&mut self) -> Option<Event> {
        loop {
            match self.events.recv().await? {
                Event::Record(record) => self.passed.push_back(Event::Record(record)),
                change => {
                    self.passed.clear();
                    return Some(change);
                }
            }
        }
    }

    fn try_next(&mut self) -> Option<Event> {
        let passed = self.passed.pop_front();
        passed.or_else(|| self.events.try_recv().ok())
    }

    fn commit(&self, _: &Place, next: i64) {
        self.log.look(|seen| seen.commits.push(next));
    }

    async fn close(self) {
        self.log.look(|seen| seen.closed = true);
    }
}

/// What the activities of these tests count.
#[derive(Clone, Default)]
struct Counts {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
}

/// Takes as many seconds as its number in the run.
#[activity]
async fn work(cx: ActivityContext) -> Result<()> {
    let counts = cx.data::<Counts>()?;
    counts.begun.fetch_add(1, Ordering::SeqCst);
    let running = counts.running.fetch_add(1, Ordering::SeqCst) + 1;
    counts.most.fetch_max(running, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(cx.activity_id().into())).await;
    counts.running.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

/// Says each second how many have passed, for as many as its number in the run; stops when it is asked to.
#[activity]
async fn report(cx: ActivityContext) -> Result<()> {
    let counts = cx.data::<Counts>()?;
    counts.begun.fetch_add(1, Ordering::SeqCst);
    for second in 1..=cx.activity_id() {
        tokio::select! {
            () = cx.canceled() => return Err(Error::canceled("asked to")),
            () = tokio::time::sleep(Duration::from_secs(1)) => cx.heartbeat(&second)?,
        }
    }
    Err(Error::new("Done", "as far as I got"))
}

/// Somebody else completes it.
#[activity]
async fn elsewhere(cx: ActivityContext) -> Result<()> {
    cx.complete_later()
}

struct Bench {
    log: Log,
    counts: Counts,
    events: mpsc::UnboundedSender<Event>,
    cancel: mpsc::UnboundedSender<Arc<str>>,
    stop: watch::Sender<bool>,
    worker: JoinHandle<std::result::Result<(), KafkaError>>,
}

impl Bench {
    fn new(max_in_flight: usize) -> Self {
        let (log, counts) = (Log::default(), Counts::default());
        let attempts = Attempts {
            activities: activities![work, report, elsewhere],
            data: Data::default().with(counts.clone()),
            coding: crate::Coding::default(),
            worker: "w-1".into(),
            now: || Timestamp::from_millis(1_000),
        };
        let (events, incoming) = mpsc::unbounded_channel();
        let group = Group {
            events: incoming,
            passed: VecDeque::new(),
            log: log.clone(),
        };
        let permits = Arc::new(Semaphore::new(max_in_flight));
        let limits = Limits {
            permits,
            drain: Duration::from_secs(30),
        };
        let (stop, stopped) = watch::channel(false);
        let broker = Broker {
            log: log.clone(),
            line: Vec::new(),
            flushed: Vec::new(),
        };
        let (cancel, canceled) = mpsc::unbounded_channel();
        let port = Port {
            tasks: group,
            answers: broker,
            canceled,
        };
        let worker = QueueWorker::new(Arc::new(attempts), port, limits).run(stopped);
        Self {
            log,
            counts,
            events,
            cancel,
            stop,
            worker: tokio::spawn(worker),
        }
    }

    fn give(&self, offsets: impl IntoIterator<Item = i64>) {
        for offset in offsets {
            self.give_record(task("work", offset, &[]));
        }
    }

    fn give_record(&self, record: Record) {
        self.event(Event::Record(record));
    }

    fn event(&self, event: Event) {
        assert!(self.events.send(event).is_ok(), "the worker is gone");
    }

    /// A task whose attempt tells its progress each second, and may be silent for three.
    fn give_reporting(&self, offset: i64, seconds: &str) {
        self.give_record(task(
            "report",
            offset,
            &[
                (header::ACTIVITY_ID, seconds),
                (header::HEARTBEAT_TIMEOUT_MS, "3000"),
                (header::START_TO_CLOSE_MS, "86400000"),
            ],
        ));
    }

    fn cancel(&self, task_id: &str) {
        assert!(self.cancel.send(task_id.into()).is_ok());
    }

    fn begun(&self) -> usize {
        self.counts.begun.load(Ordering::SeqCst)
    }

    /// Lets seconds pass, and half of one.
    async fn seconds(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_millis(seconds * 1_000 + 500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_are_committed_when_all_before_them_are_answered() {
    let bench = Bench::new(9);
    for (offset, seconds) in [(5, "3"), (6, "1"), (7, "2"), (8, "4")] {
        bench.give_record(task("work", offset, &[(header::ACTIVITY_ID, seconds)]));
    }

    bench.seconds(2).await;
    assert!(bench.log.commits().is_empty());
    bench.seconds(1).await;

    assert_eq!(bench.log.commits(), [8]);
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_at_once_than_allowed() {
    let bench = Bench::new(2);
    bench.give(1..=6);

    bench.seconds(30).await;

    assert_eq!(bench.begun(), 6);
    assert_eq!(bench.counts.most.load(Ordering::SeqCst), 2);
    assert_eq!(bench.log.commits(), [2, 3, 4, 5, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_acknowledged_is_sent_again_and_nothing_is_committed_before() {
    let bench = Bench::new(2);
    let away = KafkaError::new(
        ErrorKind::Unavailable,
        "kafka-unavailable",
        "the brokers are away",
    );
    bench
        .log
        .look(|seen| seen.refusals.extend([away.clone(), away.clone(), away]));
    bench.give([0]);

    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(bench.log.commits().is_empty());
    bench.seconds(1).await;

    assert_eq!(bench.log.answers(), ["completed 0"]);
    assert_eq!(bench.log.commits(), [1]);
    assert_eq!(bench.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_go_nowhere_is_dropped_and_the_tasks_behind_it_go_on() {
    let bench = Bench::new(1);
    let nowhere = KafkaError::new(ErrorKind::Invalid, "kafka-refused", "no such name");
    bench.log.look(|seen| seen.refusals.push_back(nowhere));
    bench.give([0, 1]);

    bench.seconds(2).await;

    assert_eq!(bench.log.commits(), [1, 2]);
    assert_eq!(bench.log.answers().last().unwrap(), "completed 1");
}

#[tokio::test(start_paused = true)]
async fn a_result_that_the_topic_does_not_take_is_a_failure_and_one_that_is_denied_is_tried_again()
{
    for (code, expected) in [
        ("kafka-record-too-large", "failed 0"),
        ("kafka-denied", "completed 0"),
    ] {
        let bench = Bench::new(1);
        let error = KafkaError::new(ErrorKind::Invalid, code, "the broker refused it");
        bench.log.look(|seen| seen.refusals.push_back(error));
        bench.give([0]);

        bench.seconds(1).await;

        assert_eq!(bench.log.answers(), [expected]);
        assert_eq!(bench.log.commits(), [1]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_unreadable_tasks_of_one_id_are_both_answered_and_committed() {
    let bench = Bench::new(2);
    bench.give_record(task("work", 1, &[(header::ATTEMPT, "")]));
    bench.give_record(task("work", 1, &[(header::ATTEMPT, "x")]));

    bench.seconds(1).await;

    assert_eq!(bench.log.answers(), ["failed 1", "failed 1"]);
    assert_eq!(bench.log.commits().last(), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_is_told_once_it_has_run_for_a_second() {
    let bench = Bench::new(2);
    bench.give([0, 3]);

    bench.seconds(4).await;

    assert_eq!(
        bench.log.answers(),
        ["completed 0", "started 3", "completed 3"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_read_is_answered_and_one_without_address_is_passed_over() {
    let bench = Bench::new(2);
    bench.give_record(task("work", 1, &[(header::ATTEMPT, "")]));
    bench.give_record(task("work", 2, &[(header::TOKEN, "")]));

    bench.seconds(0).await;

    assert_eq!(bench.log.answers(), ["failed 1"]);
    let answer = bench.log.look(|seen| seen.answers[0].clone());
    let said = answer.headers.get(header::NON_RETRYABLE);
    assert_eq!(said, Some(&b"true"[..]));
    assert_eq!(bench.log.commits(), [3]);
    assert_eq!(bench.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_void_task_is_passed_over_without_an_answer() {
    let bench = Bench::new(2);
    bench.give_record(task(
        "work",
        1,
        &[(header::EXPIRES_AT, "1970-01-01T00:00:00Z")],
    ));

    bench.seconds(0).await;

    assert_eq!(bench.log.answers(), Vec::<String>::new());
    assert_eq!(bench.log.commits(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_ends_what_runs_begins_nothing_and_leaves() {
    let bench = Bench::new(1);
    bench.give([5, 6, 7]);
    bench.seconds(1).await;

    bench.stop.send_replace(true);
    bench.worker.await.unwrap().unwrap();

    assert_eq!(bench.log.commits(), [6]);
    assert!(bench.log.look(|seen| seen.closed));
    assert_eq!(bench.counts.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_gives_up_what_takes_too_long() {
    let bench = Bench::new(2);
    bench.give([3, 50]);
    bench.seconds(1).await;

    bench.stop.send_replace(true);
    bench.worker.await.unwrap().unwrap();

    assert_eq!(
        bench.log.answers(),
        ["started 3", "started 50", "completed 3"]
    );
    assert_eq!(bench.log.commits(), [50]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_broke_ends_the_worker_with_an_error() {
    let Bench {
        events,
        worker,
        stop: _running,
        ..
    } = Bench::new(1);
    drop(events);

    let error = worker.await.unwrap().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Internal);
}
