//! Apache Kafka for these tests: the one that `SAGALINE_TEST_KAFKA` names, else one that `tools/apache-kafka` starts for
//! this test binary and ends with it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sagaline_journal::kafka::{Admin, Creation, Kafka, LaneTopics, TopicSpec};

/// The Kafka that the tests of a binary share.
pub(crate) fn shared() -> &'static Kafka {
    static SHARED: OnceLock<Kafka> = OnceLock::new();
    SHARED.get_or_init(|| match std::env::var("SAGALINE_TEST_KAFKA") {
        Ok(bootstrap) => client(&bootstrap),
        // Ended by its `--owner`: a static is never dropped.
        Err(_) => std::mem::ManuallyDrop::new(Broker::start("shared")).kafka(),
    })
}

/// A client of a cluster without properties.
pub(crate) fn client(bootstrap: &str) -> Kafka {
    Kafka::new(bootstrap, BTreeMap::new()).expect("there is nothing to refuse")
}

/// A namespace of its own for each test.
pub(crate) fn namespace(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{name}-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A namespace with its inbox, results and journal.
pub(crate) fn lane_topics(kafka: &Kafka, name: &str, partitions: i32) -> LaneTopics {
    let topics = LaneTopics::of(&namespace(name));
    for topic in [&topics.inbox, &topics.results, &topics.journal] {
        create_topic(
            kafka,
            topic,
            partitions,
            &[("message.timestamp.type", "LogAppendTime")],
        );
    }
    topics
}

/// Makes a topic that was not there.
pub(crate) fn create_topic(kafka: &Kafka, name: &str, partitions: i32, config: &[(&str, &str)]) {
    let config = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let spec = TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: 1,
        config: config.collect(),
    };
    let made = Admin::open(kafka).unwrap().create_topics(&[spec]).unwrap();
    assert_eq!(made, [Creation::Created], "{name}");
}

/// A broker of one test's own, ended with this.
pub(crate) struct Broker {
    directory: PathBuf,
    bootstrap: String,
}

impl Broker {
    /// Starts an empty one.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// Starts an empty one with more arguments of `tools/apache-kafka start`.
    pub(crate) fn start_with(name: &str, arguments: &[&str]) -> Self {
        sweep();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("kafka-{name}-{}", std::process::id()));
        let arguments = [&["--port", "0", "--heap", "512m"], arguments].concat();
        let bootstrap = start(&directory, &arguments);
        Self {
            directory,
            bootstrap,
        }
    }

    /// A client of it.
    pub(crate) fn kafka(&self) -> Kafka {
        client(&self.bootstrap)
    }

    /// Where it listens.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&self) {
        tool(&["stop", "--kill", "--dir"], &self.directory, &[]);
    }

    /// Starts it again with its data.
    pub(crate) fn restart(&self) {
        start(&self.directory, &[]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.directory).expect("the directory is this test's own");
    }
}

/// Removes what test processes left behind that are gone.
fn sweep() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        let Some(owner) = name
            .strip_prefix("kafka-")
            .and_then(|name| name.rsplit('-').next())
        else {
            continue;
        };
        if !Path::new("/proc").join(owner).exists() {
            // Another test may be at it, too.
            drop(std::fs::remove_dir_all(path));
        }
    }
}

fn start(directory: &Path, arguments: &[&str]) -> String {
    let owner = std::process::id().to_string();
    let arguments = [arguments, &["--owner", &owner]].concat();
    tool(&["start", "--dir"], directory, &arguments)
}

fn tool(act: &[&str], directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tools/apache-kafka"
    ))
    .args(act)
    .arg(directory)
    .args(arguments)
    .stderr(Stdio::inherit())
    .output()
    .expect("tools/apache-kafka runs");
    assert!(
        output.status.success(),
        "tools/apache-kafka {act:?} {arguments:?}: {output:?}"
    );
    String::from_utf8(output.stdout)
        .expect("host:port")
        .trim()
        .to_owned()
}
