//! A namespace of a test's own: its processes, its topics, its records.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sagaline_journal::{
    Record,
    kafka::{Admin, Creation, Group, Kafka, Producer, Reader, TopicSpec, TopicState},
    wire::topic,
};

use super::{
    broker,
    journal::Journal,
    process::Process,
    records::Draft,
    wait::{until, until_true},
};

/// A namespace with everything that a test does in it. It is gone afterwards, unless the test failed.
pub(crate) struct World {
    pub(crate) namespace: String,
    pub(crate) bootstrap: String,
    pub(crate) partitions: i32,
    pub(crate) reader: Reader,
    pub(crate) producer: Producer,
    admin: Admin,
    folder: PathBuf,
    processes: Cell<u32>,
}

impl World {
    /// A namespace on the shared broker.
    pub(crate) fn new(partitions: i32) -> Self {
        Self::on(broker::shared(), partitions)
    }

    /// A namespace on this broker.
    pub(crate) fn on(bootstrap: &str, partitions: i32) -> Self {
        let random = RandomState::new().build_hasher().finish();
        let namespace = format!("t{random:016x}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("e2e")
            .join(&namespace);
        fs::create_dir_all(&folder).expect("the folder for logs can be made");
        let kafka = Kafka::new(bootstrap, BTreeMap::new()).expect("there is nothing to refuse");
        Self {
            namespace,
            bootstrap: bootstrap.to_owned(),
            partitions,
            reader: Reader::open(&kafka).expect("a reader is made"),
            producer: Producer::open(&kafka).expect("a producer is made"),
            admin: Admin::open(&kafka).expect("an admin is made"),
            folder,
            processes: Cell::new(0),
        }
    }

    /// A file of this test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `order-saga server` with these further arguments; returns once its topics are there.
    pub(crate) fn engine(&self, arguments: &[&str]) -> Process {
        self.engine_of(&mut self.server("order-saga", arguments))
    }

    /// The command `<binary> server` with these further arguments.
    pub(crate) fn server(&self, binary: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(
            binary,
            &["server", "--partitions", &self.partitions.to_string()],
        );
        command.args(arguments);
        command
    }

    /// Starts an engine; returns once its topics are there.
    pub(crate) fn engine_of(&self, command: &mut Command) -> Process {
        let mut engine = self.spawn("engine", command);
        // Of those that every namespace has, it makes this one last.
        let last = topic::retry(&self.namespace, "12h");
        until("the engine makes its topics", || {
            assert!(
                !engine.has_ended(),
                "the engine has ended:\n{}",
                engine.log()
            );
            self.partitions_of(&last)
        });
        engine
    }

    /// `order-saga worker` with these further arguments.
    pub(crate) fn worker(&self, arguments: &[&str]) -> Process {
        let mut command = self.command("order-saga", &["worker"]);
        self.spawn("worker", command.args(arguments))
    }

    /// The example's worker in Python.
    pub(crate) fn python_worker(&self) -> Process {
        self.spawn("worker.py", &mut self.python())
    }

    /// The command that is the example's worker in Python.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(super::python::interpreter());
        command
            .arg(repository().join("examples/order-saga/worker.py"))
            .env("SAGALINE_KAFKA", &self.bootstrap)
            .env("SAGALINE_NAMESPACE", &self.namespace)
            .env("PYTHONUNBUFFERED", "1");
        command
    }

    /// Starts a process whose log is this test's. Its claims name it.
    pub(crate) fn spawn(&self, name: &str, command: &mut Command) -> Process {
        let number = self.processes.get() + 1;
        self.processes.set(number);
        let name = format!("{name}-{number}");
        command.env("SAGALINE_BUILD", &name);
        Process::spawn(&name, command, &self.file(&format!("{name}.log")))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, binary: &str, arguments: &[&str]) -> Output {
        self.command(binary, arguments)
            .output()
            .expect("the binary runs")
    }

    /// Runs a command to its end, which is this exit code; what it printed, or why it failed.
    pub(crate) fn says(&self, binary: &str, code: i32, arguments: &[&str]) -> String {
        let output = self.run(binary, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        let stdout = String::from_utf8(output.stdout).expect("it prints text");
        match code {
            0 => stdout,
            _ => said.into_owned(),
        }
    }

    /// A binary with these arguments, this broker and this namespace.
    pub(crate) fn command(&self, binary: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(path_of(binary));
        command
            .args(arguments)
            .args(["--kafka", &self.bootstrap, "--namespace", &self.namespace])
            .current_dir(&self.folder);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAGALINE_")) {
            command.env_remove(name);
        }
        command
    }

    /// Begins a record for the inbox about this workflow, to its own partition.
    pub(crate) fn request(&self, ce_type: &str, workflow_id: &str) -> Draft<'_> {
        Draft::new(self, topic::inbox(&self.namespace), workflow_id).header("ce_type", ce_type)
    }

    /// All records of a topic, partition after partition.
    pub(crate) fn read(&self, topic: &str) -> Vec<Record> {
        let partitions = 0..self.partitions_of(topic).unwrap_or(0);
        partitions
            .flat_map(|partition| self.read_partition(topic, partition))
            .collect()
    }

    /// What is still there. A topic that was just made may have no leader yet.
    fn read_partition(&self, topic: &str, partition: i32) -> Vec<Record> {
        until(&format!("{topic}/{partition} is read"), || {
            let from = self.reader.beginning(topic, partition).ok()?;
            let mut records = Vec::new();
            let visit = |record: &Record| {
                records.push(record.clone());
                std::ops::ControlFlow::Continue(())
            };
            self.reader
                .read(topic, partition, from, None, visit)
                .ok()
                .map(|_| records)
        })
    }

    /// All answers so far with this correlation, as (outcome, error type, value).
    pub(crate) fn replies(&self, correlation: &str) -> Vec<Record> {
        let mut replies = self.read(&topic::replies(&self.namespace));
        replies.retain(|reply| reply.header("sl-correlation") == Some(correlation.as_bytes()));
        replies
    }

    /// How many partitions a topic has, if it is there.
    pub(crate) fn partitions_of(&self, topic: &str) -> Option<i32> {
        match self.admin.topic(topic) {
            Ok(TopicState::Present(info)) => Some(info.partitions),
            _ => None,
        }
    }

    /// Gives a topic more partitions, as an administrator does it.
    pub(crate) fn add_partitions(&mut self, topic: &str, partitions: i32) {
        let altered = Command::new(repository().join("tools/apache-kafka"))
            .args(["tool", "topics", "--bootstrap-server", &self.bootstrap])
            .args(["--alter", "--topic", topic])
            .args(["--partitions", &partitions.to_string()])
            .status();
        assert!(
            altered.is_ok_and(|status| status.success()),
            "{topic} gets {partitions} partitions"
        );
        until("the topic has its partitions", || {
            (self.partitions_of(topic) == Some(partitions)).then_some(())
        });
        // The one that has been there knows the topic as it was.
        let kafka = Kafka::new(&*self.bootstrap, BTreeMap::new());
        self.producer = kafka
            .and_then(|kafka| Producer::open(&kafka))
            .expect("a producer is made");
    }

    /// What the engines' group committed for a partition of the inbox.
    pub(crate) fn committed(&self, partition: i32) -> Option<i64> {
        let kafka = Kafka::new(&*self.bootstrap, BTreeMap::new()).ok()?;
        let group = Group::open(&kafka, &topic::engine_group(&self.namespace)).ok()?;
        let committed = group.committed(&topic::inbox(&self.namespace), &[partition]);
        committed.ok()?.into_iter().next().flatten()
    }

    /// The end of each partition of a topic.
    pub(crate) fn ends(&self, topic: &str) -> Vec<i64> {
        let partitions = 0..self.partitions_of(topic).unwrap_or(0);
        let end = |partition| {
            until(&format!("{topic}/{partition} ends"), || {
                self.reader.end(topic, partition).ok()
            })
        };
        partitions.map(end).collect()
    }

    /// The first offset of a partition that is still there.
    pub(crate) fn beginning(&self, topic: &str, partition: i32) -> i64 {
        until(&format!("{topic}/{partition} begins"), || {
            self.reader.beginning(topic, partition).ok()
        })
    }

    /// The journal, not read yet.
    pub(crate) fn journal(&self) -> Journal<'_> {
        Journal::new(self)
    }

    /// Deletes a topic and makes it again, empty.
    pub(crate) fn make_anew(&self, topic: &str) {
        self.delete(topic);
        self.make(topic);
    }

    /// Deletes a topic.
    pub(crate) fn delete(&self, topic: &str) {
        self.admin.delete_topics(&[topic]).expect("it is deleted");
        until_true(&format!("{topic} is gone"), || {
            self.partitions_of(topic).is_none()
        });
    }

    /// Makes a topic.
    pub(crate) fn make(&self, topic: &str) {
        let spec = TopicSpec {
            name: topic.to_owned(),
            partitions: self.partitions,
            replication: 1,
            config: BTreeMap::new(),
        };
        until(&format!("{topic} is made"), || {
            let made = self.admin.create_topics(std::slice::from_ref(&spec)).ok()?;
            (made == [Creation::Created]).then_some(())
        });
    }

    /// The topics that there may be.
    pub(crate) fn topics(&self) -> Vec<String> {
        let names = ["inbox", "results", "journal", "state", "control", "replies"];
        let mut topics: Vec<String> = names
            .map(|name| format!("{}.{name}", self.namespace))
            .into();
        topics.extend(
            ["orders", "default", "nobody"].map(|queue| topic::tasks(&self.namespace, queue)),
        );
        topics.extend(
            ["soon", "1m", "5m", "30m", "2h", "12h"]
                .map(|tier| topic::retry(&self.namespace, tier)),
        );
        topics
    }

    fn clean_up(&self) {
        let topics = self.topics();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        // The broker may be gone already, and then its data are.
        drop(self.admin.delete_topics(&names));
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl World {
    /// Writes what is on its topics beside the logs, a line for each record.
    fn keep_topics(&self) -> Result<(), Box<dyn std::error::Error>> {
        let reader = Reader::open(&Kafka::new(&*self.bootstrap, BTreeMap::new())?)?;
        let there = self.admin.topics()?;
        for topic in self.topics() {
            let mut lines = String::new();
            for partition in 0..there.get(&topic).copied().unwrap_or_default() {
                let from = reader.beginning(&topic, partition)?;
                reader.read(&topic, partition, from, None, |record| {
                    lines.push_str(&line(record));
                    std::ops::ControlFlow::Continue(())
                })?;
            }
            if !lines.is_empty() {
                fs::write(self.file(&format!("{topic}.topic")), lines)?;
            }
        }
        Ok(())
    }
}

/// Where a record lies, when it came, its key and its headers.
fn line(record: &Record) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = record
        .headers()
        .map(|(name, value)| format!(" {}={}", text(name), text(value.unwrap_or_default())));
    format!(
        "{}@{} {} {}{}\n",
        record.partition,
        record.offset,
        record.timestamp.to_rfc3339(),
        text(record.key().unwrap_or_default()),
        headers.collect::<String>()
    )
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.clean_up();
        }
        if let Err(error) = self.keep_topics() {
            super::say(&format!("the topics are not kept: {error}"));
        }
    }
}

/// The folder of the workspace.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A binary of the workspace, built beside this test.
pub(crate) fn path_of(binary: &str) -> PathBuf {
    if binary == "victim" {
        return env!("CARGO_BIN_EXE_victim").into();
    }
    let test = std::env::current_exe().expect("a test has a path");
    let built = test
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps")
        .join(binary);
    assert!(
        built.exists(),
        "{} is not built: `cargo build --workspace --bins`",
        built.display()
    );
    built
}
