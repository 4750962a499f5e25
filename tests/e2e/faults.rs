//! A broker that misbehaves: answers that are lost or come twice, errors, pauses, and a crash in the middle.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use sagaline_broker::{Api, Broker, Fault, Flush, Options};
use sagaline_core::Outcome;

use crate::harness::{
    broker::directory, check::duplicates, records::order, wait::until_true, world::World,
};

/// A broker of a test's own, in this process.
struct Faulty {
    broker: Option<Broker>,
    address: SocketAddr,
    data: PathBuf,
}

impl Faulty {
    fn start(name: &str) -> Self {
        let data = directory(name);
        let broker = serve(&data, ([127, 0, 0, 1], 0).into());
        Self {
            address: broker.address(),
            broker: Some(broker),
            data,
        }
    }

    fn world(&self) -> World {
        World::on(&self.address.to_string(), 2)
    }

    fn tell(&self, api: Api, times: usize, fault: Fault) {
        let broker = self
            .broker
            .as_ref()
            .expect("it is only away while it restarts");
        broker.faults().tell(api, times, fault);
    }

    /// Returns when requests have come for all faults.
    fn until_told(&self) {
        let broker = self
            .broker
            .as_ref()
            .expect("it is only away while it restarts");
        until_true("every fault has happened", || broker.faults().left() == 0);
    }

    /// Starts it again, after it has crashed, where it was.
    fn restart(&mut self) {
        drop(self.broker.take());
        self.broker = Some(serve(&self.data, self.address));
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        drop(self.broker.take());
        drop(std::fs::remove_dir_all(&self.data));
    }
}

fn serve(data: &std::path::Path, listen: SocketAddr) -> Broker {
    let options = Options {
        data: data.to_owned(),
        listen,
        flush: Flush::Os,
    };
    Broker::start(options).expect("the broker starts")
}

/// Starts an order, and returns when it has ended well and no task was sent twice.
fn an_order_completes(world: &World, id: &str) {
    let mut journal = world.journal();
    world.start_order(id, &order(id, "visa", "ok")).send();
    assert_eq!(journal.until_ended(id), Outcome::Completed);
    journal.audit();
    assert_eq!(duplicates(&world.tasks()), [""; 0]);
}

#[test]
fn answers_to_appends_that_are_lost_repeat_nothing() {
    let broker = Faulty::start("lost");
    let world = broker.world();
    let _engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    an_order_completes(&world, "before");

    broker.tell(Api::Produce, 6, Fault::LoseAnswer);
    an_order_completes(&world, "during");

    broker.until_told();
}

#[test]
fn answers_to_appends_that_come_twice_or_late_repeat_nothing() {
    let broker = Faulty::start("twice");
    let world = broker.world();
    let _engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    an_order_completes(&world, "before");

    broker.tell(Api::Produce, 3, Fault::AnswerTwice);
    broker.tell(Api::Produce, 3, Fault::Delay(Duration::from_millis(500)));
    an_order_completes(&world, "during");

    broker.until_told();
}

#[test]
fn commits_that_fail_and_a_coordinator_that_is_away_are_got_over() {
    let broker = Faulty::start("refused");
    let world = broker.world();
    let _engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    an_order_completes(&world, "before");

    broker.tell(Api::OffsetCommit, 3, Fault::Fail(NOT_COORDINATOR));
    broker.tell(
        Api::FindCoordinator,
        3,
        Fault::Fail(COORDINATOR_NOT_AVAILABLE),
    );
    broker.tell(Api::Heartbeat, 2, Fault::Fail(NOT_COORDINATOR));
    broker.tell(Api::Produce, 2, Fault::Fail(NOT_LEADER));
    an_order_completes(&world, "during");
    an_order_completes(&world, "after");
}

#[test]
fn a_broker_that_stands_still_for_a_while_loses_nothing() {
    let broker = Faulty::start("still");
    let world = broker.world();
    let _engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    an_order_completes(&world, "before");

    broker.tell(Api::Produce, 1, Fault::Pause(Duration::from_secs(3)));
    an_order_completes(&world, "during");

    broker.until_told();
}

#[test]
fn a_request_that_panics_costs_its_connection_alone() {
    let broker = Faulty::start("panic");
    let world = broker.world();
    let _engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    an_order_completes(&world, "before");

    broker.tell(Api::Produce, 2, Fault::Panic);
    broker.tell(Api::Fetch, 2, Fault::Panic);
    an_order_completes(&world, "during");

    broker.until_told();
}

#[test]
fn a_crash_around_an_append_repeats_nothing() {
    for (name, crash) in [
        ("crash-before", Fault::CrashBefore),
        ("crash-after", Fault::CrashAfter),
    ] {
        let mut broker = Faulty::start(name);
        let world = broker.world();
        let _engine = world.engine(&[]);
        let _worker = world.worker(&[]);
        an_order_completes(&world, "before");

        let mut journal = world.journal();
        let start = world.start_order("during", &order("during", "visa", "ok"));
        start.send();
        broker.tell(Api::Produce, 1, crash);
        broker.until_told();
        broker.restart();

        assert_eq!(journal.until_ended("during"), Outcome::Completed);
        journal.audit();
        assert_eq!(duplicates(&world.tasks()), [""; 0]);
    }
}

const NOT_LEADER: i16 = 6;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const NOT_COORDINATOR: i16 = 16;
