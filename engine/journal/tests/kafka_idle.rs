//! An idle lane costs next to nothing. On its own, since what is measured is the whole process.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

#[path = "support/broker.rs"]
mod broker;
#[path = "support/lane.rs"]
mod lane;

use std::time::{Duration, Instant};

use broker::{lane_topics, shared};
use lane::{Lane, record};
use sagaline_journal::LanePort;

#[test]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "the figure is what one wants to see")]
fn an_idle_lane_leaves_the_processor_alone() {
    let topics = lane_topics(shared(), "idle", 4);
    let mut lane = Lane::open(shared(), &topics);
    for partition in 0..4 {
        lane.port.fetch(partition, 0, 0);
        lane.append(partition, 1, &["claim"]);
        lane.send(2, record(&topics.inbox, partition, "x"));
        assert_eq!(lane.take(partition, 1).len(), 1);
    }

    let (start, used) = (Instant::now(), processor_ms());
    let mut events = Vec::new();
    while start.elapsed() < Duration::from_secs(15) {
        lane.port.poll(Duration::from_secs(15), &mut events);
    }
    assert_eq!(events, []);

    let share = (processor_ms() - used) as f64 / start.elapsed().as_millis() as f64;
    println!(
        "an idle lane with four partitions uses {:.2} % of a core",
        share * 100.0
    );
    assert!(share < 0.03, "{share}");
}

/// Processor time of this process, all threads together.
fn processor_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    // utime and stime, in ticks of 10 ms.
    (ticks(11) + ticks(12)) * 10
}
