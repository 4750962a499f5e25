//! Leases on librdkafka's own mock cluster, whose brokers can be taken away.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::mocking::MockCluster;

use super::*;

const LATE: Duration = Duration::from_secs(60);

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the mock cluster has real sockets"
)]
fn a_group_whose_brokers_are_away_is_left_within_the_time_given() {
    let within = Duration::from_millis(300);
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("mock.inbox", 1, 1).unwrap();
    let kafka = Kafka::new(cluster.bootstrap_servers(), BTreeMap::new()).unwrap();
    let (lease, events) = Lease::open(&kafka, &LaneTopics::of("mock")).unwrap();
    let event = events.recv_timeout(LATE);
    assert!(
        matches!(&event, Ok(LeaseEvent::Assigned(held)) if held == &[0]),
        "{event:?}"
    );

    cluster.broker_down(1).unwrap();
    lease.commit(vec![(0, 5)]);
    let start = Instant::now();
    lease.close(within);

    assert!(start.elapsed() < within * 5, "{:?}", start.elapsed());
}
