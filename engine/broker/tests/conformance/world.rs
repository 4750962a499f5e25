//! The broker that a test talks to: an embedded one of its own, or the Apache Kafka that `SAGALINE_TEST_KAFKA` names.

use std::{
    env,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sagaline_broker::{Broker, Flush, Options};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{ask, client::Client};

/// How long a test waits for what has to come.
pub(crate) const LATE: Duration = Duration::from_secs(60);

/// A broker and names of one's own there.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    embedded: Option<(Broker, TempDir)>,
}

/// A topic that a test made.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
}

impl World {
    /// The broker that the tests are run against.
    pub(crate) fn start() -> Self {
        match env::var("SAGALINE_TEST_KAFKA") {
            Ok(address) => Self {
                address: address.parse().expect("SAGALINE_TEST_KAFKA is HOST:PORT"),
                embedded: None,
            },
            Err(_) => Self::embedded(),
        }
    }

    /// An embedded broker, whatever the tests are run against.
    pub(crate) fn embedded() -> Self {
        let data = TempDir::new().unwrap();
        let broker = broker(data.path());
        Self {
            address: broker.address(),
            embedded: Some((broker, data)),
        }
    }

    pub(crate) fn is_apache(&self) -> bool {
        self.embedded.is_none()
    }

    /// The same embedded broker after an orderly end and a new start.
    pub(crate) fn restart(mut self) -> Self {
        let (broker, data) = self.embedded.take().expect("only ours is restarted");
        broker.stop(Duration::ZERO);
        let broker = self::broker(data.path());
        Self {
            address: broker.address(),
            embedded: Some((broker, data)),
        }
    }

    /// The embedded broker on data that is there.
    pub(crate) fn on(data: TempDir) -> Self {
        let broker = broker(data.path());
        Self {
            address: broker.address(),
            embedded: Some((broker, data)),
        }
    }

    /// What a crash at this moment would leave: what is written survives the process.
    pub(crate) fn snapshot(&self, copy: impl Fn(&Path, &Path)) -> TempDir {
        let (_, data) = self.embedded.as_ref().expect("only ours is looked into");
        let left = TempDir::new().unwrap();
        copy(data.path(), left.path());
        left
    }

    /// The broker that is started after a crash.
    pub(crate) fn crash(self, copy: impl Fn(&Path, &Path)) -> Self {
        Self::on(self.snapshot(copy))
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A topic with Kafka's defaults.
    pub(crate) fn topic(&self, partitions: i32) -> Topic {
        self.topic_with(partitions, &[])
    }

    /// A topic with these settings, which can be written to.
    pub(crate) fn topic_with(&self, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        ask::make_topic(&mut self.connect(), &name("topic"), partitions, configs)
    }

    /// The name of a group whose coordinator is there.
    pub(crate) fn group(&self) -> String {
        let group = name("group");
        let client = &mut self.connect();
        eventually("the group's coordinator", || {
            let found = ask::coordinator_error(client, 0, &group);
            (found == 0).then_some(())
        });
        eventually("the group's offsets", || {
            let fetched = ask::committed(client, &group, &[]);
            (fetched.error_code == 0).then_some(())
        });
        group
    }
}

fn broker(data: &Path) -> Broker {
    Broker::start(Options {
        data: data.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        flush: Flush::Os,
    })
    .unwrap()
}

/// A name that no other test has, in no other run.
pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let run = std::process::id();
    format!("{what}-{}-{run}-{number}", now_ms())
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Looks again and again until there is something to see.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < LATE, "{what} does not come");
        thread::park_timeout(Duration::from_millis(10));
    }
}
