//! Local activities: tasks that lanes of the same process offer.

use std::num::NonZeroUsize;

use sagaline_journal::Headers;
use sagaline_runtime::lane::{LocalTasks, Offered};

use super::{
    super::super::local::{Here, Offers},
    *,
};

struct Local {
    log: Log,
    counts: Counts,
    here: Here,
    stop: watch::Sender<bool>,
    worker: JoinHandle<std::result::Result<(), KafkaError>>,
}

impl Local {
    fn new(max_in_flight: usize) -> Self {
        let (log, counts) = (Log::default(), Counts::default());
        let activities = activities![work, report, elsewhere];
        let most = NonZeroUsize::new(max_in_flight).unwrap();
        let (here, tasks, canceled): (Here, Offers, _) = Here::new(activities.clone(), most);
        let attempts = Attempts {
            activities,
            data: Data::default().with(counts.clone()),
            coding: crate::Coding::default(),
            worker: "engine-1".into(),
            now: || Timestamp::from_millis(1_000),
        };
        let broker = Broker {
            log: log.clone(),
            line: Vec::new(),
            flushed: Vec::new(),
        };
        let port = Port {
            tasks,
            answers: broker,
            canceled,
        };
        let limits = Limits {
            permits: here.permits.clone(),
            drain: Duration::from_secs(5),
        };
        let (stop, stopped) = watch::channel(false);
        let worker = QueueWorker::new(Arc::new(attempts), port, limits).run(stopped);
        Self {
            log,
            counts,
            here,
            stop,
            worker: tokio::spawn(worker),
        }
    }

    /// Its attempt takes as many seconds as its number.
    fn offer(&self, activity: &str, number: i64) -> Offered {
        let read = task(activity, number, &[]);
        let mut record = NewRecord {
            topic: read.topic.clone(),
            partition: read.partition,
            key: read.key().map(<[u8]>::to_vec),
            value: read.value().map(<[u8]>::to_vec),
            headers: Headers::new(),
        };
        for (name, value) in read.headers() {
            let name = String::from_utf8(name.to_vec()).unwrap();
            record.push_header(name, value.unwrap());
        }
        self.here.offer(record)
    }

    /// `2`: what has completed.
    fn completed(&self) -> Vec<String> {
        let answers = self.log.answers();
        let numbers = answers
            .iter()
            .filter_map(|one| one.strip_prefix("completed "));
        numbers.map(String::from).collect()
    }

    fn begun(&self) -> usize {
        self.counts.begun.load(Ordering::SeqCst)
    }
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_millis(seconds * 1_000 + 500)).await;
}

#[tokio::test(start_paused = true)]
async fn as_many_run_as_may_and_others_are_to_come_again() {
    let local = Local::new(2);

    let said = [1, 2, 3].map(|number| local.offer("work", number));
    assert_eq!(said, [Offered::Taken, Offered::Taken, Offered::Full]);
    seconds(0).await;
    assert_eq!(local.offer("work", 3), Offered::Full);
    seconds(1).await;

    assert_eq!(local.completed(), ["1"]);
    assert_eq!(local.offer("work", 3), Offered::Taken);
    seconds(3).await;
    assert_eq!(local.completed(), ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_offered_twice_runs_once() {
    let local = Local::new(9);

    for _ in 0..2 {
        assert_eq!(local.offer("work", 1), Offered::Taken);
    }
    seconds(2).await;
    assert_eq!(local.offer("work", 1), Offered::Taken);
    seconds(2).await;

    assert_eq!((local.begun(), local.log.answers().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_activity_that_the_program_lacks_is_named_with_the_ways_out() {
    let local = Local::new(1);

    let Offered::Nobody(reason) = local.offer("fly", 1) else {
        panic!("somebody took it");
    };

    assert!(reason.contains("has no activity `fly`; it has: elsewhere, report, work"));
    assert!(reason.contains("`.activities(…)`") && reason.contains("leave out `.local()`"));
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_hears_that_it_shall_stop_and_one_that_was_cancelled_never_begins() {
    let local = Local::new(9);

    assert_eq!(local.offer("report", 60), Offered::Taken);
    seconds(1).await;
    local.here.cancel("r-1/60/1");
    local.here.cancel("r-1/61/1");
    seconds(0).await;
    assert_eq!(local.offer("report", 61), Offered::Taken);
    seconds(0).await;

    let answers = local.log.answers();
    assert!(answers.contains(&"canceled 60".to_owned()), "{answers:?}");
    assert!(answers.contains(&"canceled 61".to_owned()), "{answers:?}");
    assert_eq!(local.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_process_ends_what_is_short_and_leaves_the_rest() {
    let mut local = Local::new(9);
    assert_eq!(local.offer("work", 1), Offered::Taken);
    assert_eq!(local.offer("work", 30), Offered::Taken);
    seconds(0).await;

    local.stop.send_replace(true);
    let ended = tokio::time::timeout(Duration::from_secs(6), &mut local.worker).await;

    ended.expect("in time").unwrap().unwrap();
    assert_eq!(local.completed(), ["1"]);
}
