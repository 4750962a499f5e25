//! Apache Kafka, started by `tools/apache-kafka`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::directory;

/// Starts the broker that the tests share. It is ended by its `--owner`.
pub(crate) fn start_shared(directory: &Path) -> String {
    start(directory, &["--port", "0", "--heap", "768m"])
}

/// How many brokers a long run crashes, one after the other.
pub(crate) const NODES_MAX: usize = 3;

/// Brokers of one test's own, ended with this.
#[derive(Debug)]
pub(crate) struct Broker {
    directory: PathBuf,
    bootstrap: String,
}

impl Broker {
    /// Starts so many, one or three, all empty.
    pub(crate) fn start(name: &str, nodes: usize) -> Self {
        let directory = directory(name);
        let nodes = nodes.to_string();
        let bootstrap = start(
            &directory,
            &["--port", "0", "--heap", "512m", "--nodes", &nodes],
        );
        Self {
            directory,
            bootstrap,
        }
    }

    /// Where they listen, as host:port.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends one, counted from 1, as a crash does.
    pub(crate) fn kill(&self, node: usize) {
        let node = node.to_string();
        tool(
            &["stop", "--kill", "--dir"],
            &self.directory,
            &["--node", &node],
        );
    }

    /// Starts one again with its data; returns when it is in sync.
    pub(crate) fn restart(&self, node: usize) {
        start(&self.directory, &["--node", &node.to_string()]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        tool(&["stop", "--kill", "--dir"], &self.directory, &[]);
        // What a failed test left stays until the next run.
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.directory));
        }
    }
}

fn start(directory: &Path, arguments: &[&str]) -> String {
    let owner = std::process::id().to_string();
    tool(
        &["start", "--dir"],
        directory,
        &[arguments, &["--owner", &owner]].concat(),
    )
}

fn tool(act: &[&str], directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tools/apache-kafka"
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
        .expect("it prints host:port")
        .trim()
        .to_owned()
}
