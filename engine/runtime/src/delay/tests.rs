//! The service as its thread drives it: records in, orders out.

use sagaline_core::{ActivityId, Attempt, Retry, RetryDue, RunId, WorkflowId};
use sagaline_journal::{Headers, SendErrorKind, wire::header};

mod positions;
mod refusals;

use super::*;
use crate::{
    lane::{QueueTopic, ReplyTopic, SentTask},
    output::Writing,
};

/// The broker's clock when the own monotonic one shows 0, in milliseconds.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// `mail` is there, `post` is not.
#[derive(Debug)]
struct Topics;

impl QueueTopics for Topics {
    fn topic(&self, _: &str) -> QueueTopic {
        QueueTopic::Coming
    }

    fn reply_topic(&self, name: &str) -> ReplyTopic {
        match name {
            "mail" => ReplyTopic::There(3),
            _ => ReplyTopic::Missing,
        }
    }

    fn queued_until(&self, _: &str, task: SentTask, _: Timestamp) -> Option<Timestamp> {
        Some(task.sent_at)
    }
}

/// A service and a log that takes everything at once.
struct Bench {
    delay: Delay,
    now: u64,
    offsets: BTreeMap<(Tier, i32), i64>,
    /// Where things went.
    sent: Vec<(Tag, NewRecord)>,
    commits: Vec<(String, i32, i64)>,
    trims: Vec<(String, i32, i64)>,
    holds: Vec<(i32, bool)>,
}

impl Bench {
    /// It has these partitions of every tier, and knows the time.
    fn new(partitions: i32) -> Self {
        let mut bench = Self::new_without_time(partitions);
        bench.step();
        let (tag, _) = bench.sent.pop().expect("it asks for the time");
        bench.arrived(tag);
        bench
    }

    fn new_without_time(partitions: i32) -> Self {
        let delay = Delay::new(DelayConfig {
            namespace: "ns".to_owned(),
            partitions: 4,
            keys: Keys::development(),
            targets: ["mail", "post"].map(str::to_owned).into(),
            topics: Arc::new(Topics),
        });
        let mut bench = Self {
            delay,
            now: 1_000,
            offsets: BTreeMap::new(),
            sent: Vec::new(),
            commits: Vec::new(),
            trims: Vec::new(),
            holds: Vec::new(),
        };
        let places = bench.places(partitions);
        bench.delay.assigned(&places);
        bench
    }

    fn places(&self, partitions: i32) -> Vec<(Arc<str>, i32)> {
        let of = |topic: &Arc<str>| {
            (0..partitions)
                .map(|partition| (topic.clone(), partition))
                .collect::<Vec<_>>()
        };
        self.delay.topics().iter().flat_map(of).collect()
    }

    fn now(&self) -> Now {
        Now {
            // It is not believed.
            wall: Timestamp::from_millis(7),
            monotonic: Millis(self.now),
        }
    }

    /// The broker's clock.
    fn time(&self) -> Timestamp {
        Timestamp::from_millis(EPOCH_MS).plus(Millis(self.now))
    }

    /// A record for `mail`, due so long from now, is read of a tier. Says its offset.
    fn mail(&mut self, tier: Tier, after_ms: u64) -> i64 {
        let at = self.time().plus(Millis(after_ms)).to_rfc3339();
        self.put(
            tier,
            0,
            &[(header::DELIVER_AT, &at), (header::TARGET_TOPIC, "mail")],
        )
    }

    fn put(&mut self, tier: Tier, partition: i32, headers: &[(&str, &str)]) -> i64 {
        let next = self.offsets.entry((tier, partition)).or_default();
        let offset = *next;
        *next += 1;
        let mut record = Record::new(
            topic::retry("ns", tier.name()).into(),
            partition,
            offset,
            Timestamp::from_millis(EPOCH_MS).plus(Millis(self.now)),
            0,
        )
        .with_key(Some(b"k"))
        .with_value(Some(b"v"));
        for (name, value) in headers {
            record.push_header(name, Some(value.as_bytes()));
        }
        self.delay.take(record, self.now());
        offset
    }

    fn step(&mut self) -> Option<Millis> {
        let (orders, next) = self.delay.step(self.now());
        for order in orders {
            match order {
                Order::Send { tag, record } => self.sent.push((tag, record)),
                Order::Commit {
                    topic,
                    partition,
                    next,
                } => self.commits.push((topic.to_string(), partition, next)),
                Order::Trim {
                    topic,
                    partition,
                    before,
                } => self.trims.push((topic.to_string(), partition, before)),
                Order::Hold {
                    partition, hold, ..
                } => self.holds.push((partition, hold)),
                Order::AskEnd { topic, partition } => {
                    let place = self.delay.place(&topic, partition);
                    let tier = place.expect("it is a retry topic").tier;
                    // Four more than were read.
                    let end = self.offsets[&(tier, partition)] + 4;
                    self.delay.ends(&topic, partition, end);
                }
            }
        }
        next
    }

    /// Time passes, turn after turn; what is sent arrives.
    fn pass(&mut self, span_ms: u64) {
        let end = self.now + span_ms;
        loop {
            let next = self.step();
            if self.arrive() {
                continue;
            }
            let turn = next.map_or(end, |next| self.now + next.0);
            if turn > end {
                break;
            }
            self.now = turn.max(self.now + 1).min(end);
            if self.now == end && next.is_none() {
                break;
            }
        }
        self.now = end;
    }

    /// Everything on its way arrives; says whether there was anything.
    fn arrive(&mut self) -> bool {
        let tags: Vec<Tag> = self.delay.sending.keys().copied().collect();
        for tag in &tags {
            self.arrived(*tag);
        }
        !tags.is_empty()
    }

    fn arrived(&mut self, tag: Tag) {
        let at = self.time();
        self.delay.sent(tag, Ok(Some(at)), self.now());
    }

    fn fails(&mut self, tag: Tag, kind: SendErrorKind) {
        let reason = "simulated".to_owned();
        let error = SendError { kind, reason };
        self.delay.sent(tag, Err(error), self.now());
    }

    /// The topics that records went to, but for questions for the time.
    fn went(&self) -> Vec<&str> {
        let records = self.sent.iter().map(|(_, record)| record);
        let others = records.filter(|record| record.key.is_some());
        others.map(|record| &*record.topic).collect()
    }
}

#[test]
fn what_is_due_soon_goes_in_the_order_in_which_it_is_and_never_before() {
    let mut bench = Bench::new(1);
    let begin = bench.now;
    for after in [3_000, 1_000, 2_000, 1_000] {
        bench.mail(Tier::Soon, after);
    }

    bench.pass(999);
    assert!(bench.went().is_empty());
    bench.pass(10);

    assert_eq!(bench.went(), ["mail"; 2]);
    bench.pass(5_000);
    assert_eq!(bench.went(), ["mail"; 4]);
    let soon = &bench.delay.status()[0];
    assert_eq!((soon.forwarded, soon.waiting), (4, 0));
    assert!(soon.late_p99_ms.is_some_and(|late| late <= 5), "{soon:?}");
    assert!(bench.now > begin);
}

#[test]
fn a_record_goes_on_as_it_is() {
    let mut bench = Bench::new(1);
    let at = bench.time().to_rfc3339();
    let headers = [
        (header::DELIVER_AT, &*at),
        (header::TARGET_TOPIC, "mail"),
        ("theirs", "kept"),
    ];

    bench.put(Tier::Soon, 0, &headers);
    bench.pass(10);

    let (_, record) = &bench.sent[0];
    let expected: Headers = headers
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    assert_eq!(record.headers, expected);
    assert_eq!(
        record.partition,
        sagaline_journal::wire::partition_of(b"k", 3)
    );
    assert_eq!(
        (record.key.as_deref(), record.value.as_deref()),
        (Some(&b"k"[..]), Some(&b"v"[..]))
    );
}

#[test]
fn a_long_delay_hops_from_tier_to_tier_and_each_takes_its_whole_span() {
    let mut bench = Bench::new(1);
    // 2 h + 30 m + 1 m + 1 m + 20 s.
    let due = 2 * 3_600_000 + 1_800_000 + 60_000 + 60_000 + 20_000;
    bench.mail(Tier::H2, due);
    let mut at = Vec::new();
    let begin = bench.now;

    while at.last() != Some(&"mail") {
        bench.sent.clear();
        while bench.went().is_empty() {
            let next = bench.step();
            if !bench.arrive() {
                bench.now += next.expect("something waits").0;
            }
        }
        let record = bench.sent.iter().find(|(_, record)| record.key.is_some());
        let record = record.expect("there is one").1.clone();
        let tier = Tier::ALL
            .into_iter()
            .find(|tier| *record.topic == topic::retry("ns", tier.name()));
        at.push(tier.map_or("mail", Tier::name));
        bench.arrive();
        if let Some(tier) = tier {
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|(name, value)| (name.to_owned(), String::from_utf8(value.to_vec()).unwrap()))
                .collect();
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect();
            bench.put(tier, 0, &headers);
        }
    }

    assert_eq!(at, ["30m", "1m", "1m", "soon", "mail"]);
    let took = bench.now - begin;
    assert!((due..due + 100).contains(&took), "{took} for {due}");
}

#[test]
fn what_waits_too_long_for_soon_hops_out_of_its_way() {
    let mut bench = Bench::new(1);

    bench.mail(Tier::Soon, 3_600_000);
    bench.mail(Tier::Soon, 63_000);
    bench.pass(50);

    assert_eq!(bench.went(), ["ns.retry.30m"]);
}

#[test]
fn nothing_goes_before_the_broker_has_said_what_time_it_is() {
    let mut bench = Bench::new_without_time(1);
    bench.mail(Tier::Soon, 0);

    bench.step();
    assert_eq!((bench.sent.len(), bench.went().len()), (1, 0));
    let tick = bench.sent[0].0;
    bench.fails(tick, SendErrorKind::Unavailable);
    bench.step();
    assert_eq!(bench.sent.len(), 1, "not at once");
    bench.now += TICK_AGAIN_AFTER.0;
    bench.step();
    assert_ne!(
        bench.sent[0].1.topic, bench.sent[1].1.topic,
        "another topic is asked"
    );
    bench.pass(10);

    assert_eq!(bench.went(), ["mail"]);
}

#[test]
fn the_time_is_asked_for_while_something_waits_and_then_no_more() {
    let mut bench = Bench::new(1);

    bench.pass(600_000);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    bench.mail(Tier::H12, 50_000_000);
    bench.pass(600_000);

    assert!((9..=11).contains(&bench.sent.len()), "{}", bench.sent.len());
}

#[test]
fn a_question_for_the_time_is_done_when_it_is_read() {
    let mut bench = Bench::new(1);
    let tick = forward::tick("ns.retry.soon".into(), 0, &Keys::development());

    bench.delay.take(tick.placed(0, bench.time()), bench.now());
    bench.pass(10);

    assert_eq!(bench.commits, [("ns.retry.soon".to_owned(), 0, 1)]);
    assert!(bench.sent.is_empty());
}

#[test]
fn a_retry_of_the_engine_s_own_comes_to_its_lane() {
    let mut bench = Bench::new(4);
    let workflow_id = WorkflowId::new("w").unwrap();
    let partition = sagaline_journal::wire::partition_of(b"w", 4);
    let due = RetryDue {
        run_id: RunId::derive("ns", &workflow_id, b"1"),
        workflow_id,
        activity_id: ActivityId::FIRST,
        attempt: Attempt::FIRST.next(),
    };
    let retry = Retry {
        due: due.clone(),
        next_attempt_at: Timestamp::from_micros(bench.time().plus(Millis(500)).as_micros() + 1),
    };
    let reading = Reading::new("ns", 4, Keys::development());
    let writing = Writing {
        namespace: "ns".to_owned(),
        keys: Keys::development(),
        inbox: "ns.inbox".into(),
        results: "ns.results".into(),
        control: "ns.control".into(),
        partitions: 4,
    };

    let record = writing.retry(&retry, partition, bench.time());
    assert_eq!(&*record.topic, "ns.retry.soon");
    bench
        .delay
        .take(record.placed(0, bench.time()), bench.now());
    bench.pass(500);
    assert!(bench.went().is_empty(), "it is due a microsecond later");
    bench.pass(10);

    let (_, record) = &bench.sent[0];
    let input = reading.input(&record.placed(9, bench.time()), record.partition);
    let crate::input::Input::Command { command, .. } = input else {
        panic!("{input:?}")
    };
    assert_eq!(*command, sagaline_core::Command::RetryDue(due));
    for (remaining_ms, tier) in [(60_001, "1m"), (43_200_000, "12h")] {
        let retry = Retry {
            next_attempt_at: bench.time().plus(Millis(remaining_ms)),
            ..retry.clone()
        };
        let record = writing.retry(&retry, partition, bench.time());
        assert_eq!(*record.topic, topic::retry("ns", tier));
    }
}
