//! The lease on Apache Kafka: who holds which partitions, how they move, what proves that they are held.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

#[path = "support/broker.rs"]
mod broker;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use broker::{lane_topics, shared};
use sagaline_journal::kafka::{Group, HandOver, LaneTopics, Lease, LeaseEvent};

const LATE: Duration = Duration::from_secs(30);

/// A lease and what it holds.
struct Holder {
    lease: Lease,
    events: Receiver<LeaseEvent>,
    held: BTreeSet<i32>,
}

impl Holder {
    fn open(topics: &LaneTopics) -> Self {
        let (lease, events) = Lease::open(shared(), topics).unwrap();
        Self {
            lease,
            events,
            held: BTreeSet::new(),
        }
    }

    /// Follows events, handing over at once, until so many are held.
    fn hold(&mut self, count: usize) {
        while self.held.len() != count {
            if let Some((_, hand_over)) = self.next() {
                hand_over.done();
            }
        }
    }

    /// The next event; a revocation is handed out.
    fn next(&mut self) -> Option<(Vec<i32>, HandOver)> {
        match self.events.recv_timeout(LATE).expect("an event comes") {
            LeaseEvent::Assigned(partitions) => {
                self.held.extend(partitions);
                None
            }
            LeaseEvent::Lost(partitions) => {
                self.held.retain(|held| !partitions.contains(held));
                None
            }
            LeaseEvent::Revoked(partitions, hand_over) => {
                self.held.retain(|held| !partitions.contains(held));
                Some((partitions, hand_over))
            }
        }
    }

    fn prove(&self, partition: i32) -> bool {
        let (sender, answer) = mpsc::channel();
        self.lease
            .handle()
            .prove(partition, move |held| sender.send(held).unwrap());
        answer.recv_timeout(LATE).expect("every proof is answered")
    }
}

#[test]
fn the_first_holds_everything_and_can_prove_it() {
    let topics = lane_topics(shared(), "alone", 3);
    let mut first = Holder::open(&topics);

    first.hold(3);

    assert!(first.prove(0) && first.prove(2));
    assert!(!first.prove(3));
    assert_eq!(first.lease.members(), Ok(1));
}

#[test]
fn partitions_move_to_a_second_only_after_they_were_handed_over() {
    let topics = lane_topics(shared(), "move", 4);
    let mut first = Holder::open(&topics);
    first.hold(4);
    let mut second = Holder::open(&topics);

    let (leaving, hand_over) = loop {
        if let Some(revoked) = first.next() {
            break revoked;
        }
    };
    assert_eq!(leaving.len(), 2);
    assert!(
        first.prove(*first.held.first().unwrap()),
        "the others stay held meanwhile"
    );
    assert!(
        !first.prove(leaving[0]),
        "what is about to go proves nothing"
    );
    let soon = second.events.recv_timeout(Duration::from_secs(1));
    assert!(soon.is_err(), "{soon:?}");
    hand_over.done();

    second.hold(2);
    assert!(second.prove(leaving[0]));
    assert_eq!(second.held, leaving.into_iter().collect());
    assert_eq!(first.lease.members(), Ok(2));
}

#[test]
fn a_hand_over_that_never_ends_is_not_waited_for() {
    let topics = lane_topics(shared(), "stuck", 2);
    let mut first = Holder::open(&topics);
    first.hold(2);
    let mut second = Holder::open(&topics);

    let (_, hand_over) = loop {
        if let Some(revoked) = first.next() {
            break revoked;
        }
    };
    let start = Instant::now();
    second.hold(1);

    let waited = start.elapsed();
    assert!(
        waited > Duration::from_secs(2) && waited < Duration::from_secs(6),
        "{waited:?}"
    );
    drop(hand_over);
}

#[test]
fn a_close_moves_everything_at_once_with_the_last_positions() {
    let topics = lane_topics(shared(), "close", 2);
    let mut first = Holder::open(&topics);
    first.hold(2);
    let mut second = Holder::open(&topics);
    while first.held.len() + second.held.len() != 2 || second.held.is_empty() {
        if let Ok(event) = first.events.try_recv() {
            match event {
                LeaseEvent::Revoked(partitions, _) => {
                    first.held.retain(|p| !partitions.contains(p))
                }
                other => panic!("{other:?}"),
            }
        }
        if let Ok(LeaseEvent::Assigned(partitions)) =
            second.events.recv_timeout(Duration::from_millis(10))
        {
            second.held.extend(partitions);
        }
    }
    let kept = *first.held.first().unwrap();

    first.lease.commit(vec![(kept, 42), (1 - kept, 7)]);
    let start = Instant::now();
    first.lease.close(Duration::from_secs(5));
    second.hold(2);

    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    let group = Group::open(shared(), &topics.group).unwrap();
    let committed = group.committed(&topics.inbox, &[kept, 1 - kept]).unwrap();
    assert_eq!(committed[0], Some(42));
    assert_ne!(committed[1], Some(7), "what is not held is not committed");
    assert!(second.prove(kept));
    assert_eq!(
        group.committed(&topics.inbox, &[kept]).unwrap(),
        [Some(42)],
        "a proof does not move the position"
    );
}

#[test]
fn commits_make_the_lag_visible() {
    let topics = lane_topics(shared(), "lag", 2);
    let mut holder = Holder::open(&topics);
    holder.hold(2);
    let group = Group::open(shared(), &topics.group).unwrap();

    holder.lease.commit(vec![(0, 5)]);
    holder.lease.commit(vec![(0, 9), (1, 3)]);

    let start = Instant::now();
    while group.committed(&topics.inbox, &[0, 1]).unwrap() != [Some(9), Some(3)] {
        assert!(start.elapsed() < LATE);
    }
}

#[test]
fn a_killed_process_loses_its_partitions_to_another() {
    let topics = lane_topics(shared(), "killed", 2);
    let mut other = Process::start(&topics);
    assert_eq!(other.line(), "assigned [0, 1]");
    let mut here = Holder::open(&topics);
    assert_eq!(other.line().split(' ').next(), Some("revoked"));
    here.hold(1);

    other.child.kill().unwrap();
    let start = Instant::now();
    here.hold(2);

    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_process_that_froze_learns_that_it_lost_the_lease() {
    let topics = lane_topics(shared(), "frozen", 1);
    let mut other = Process::start(&topics);
    assert_eq!(other.line(), "assigned [0]");
    let mut here = Holder::open(&topics);

    other.signal("STOP");
    here.hold(1);
    assert!(here.prove(0));
    other.signal("CONT");

    other.ask_for_proof();
    let answers = [other.line(), other.line()];
    assert!(answers.contains(&"lost [0]".to_owned()), "{answers:?}");
    assert!(answers.contains(&"proof false".to_owned()), "{answers:?}");
    assert!(here.prove(0), "the new holder is not disturbed");
}

/// Another process with a lease, which reports what happens to it.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    fn start(topics: &LaneTopics) -> Self {
        let namespace = topics.inbox.strip_suffix(".inbox").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "in_another_process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("SAGALINE_TEST_KAFKA", shared().bootstrap())
            .env("SAGALINE_TEST_LEASE", namespace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "the process has ended"
            );
            if let Some((_, event)) = line.trim().split_once("lease: ") {
                return event.to_owned();
            }
        }
    }

    fn ask_for_proof(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "prove").unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let done = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the other process runs; nothing in a test run of its own.
#[test]
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn in_another_process() {
    let Ok(namespace) = std::env::var("SAGALINE_TEST_LEASE") else {
        return;
    };
    let topics = LaneTopics::of(&namespace);
    let (lease, events) = Lease::open(shared(), &topics).unwrap();
    let handle = lease.handle();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            assert_eq!(line.unwrap(), "prove");
            handle.prove(0, |held| println!("lease: proof {held}"));
        }
    });
    for event in events {
        match event {
            LeaseEvent::Assigned(partitions) => println!("lease: assigned {partitions:?}"),
            LeaseEvent::Revoked(partitions, _) => println!("lease: revoked {partitions:?}"),
            LeaseEvent::Lost(partitions) => println!("lease: lost {partitions:?}"),
        }
    }
}
