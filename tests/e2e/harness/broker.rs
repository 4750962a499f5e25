//! Apache Kafka: the one that `SAGALINE_TEST_KAFKA` names, else one that `tools/apache-kafka` starts for this test run;
//! or one of a test's own, which it may crash.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The broker that the tests share, as host:port.
pub(crate) fn shared() -> &'static str {
    static SHARED: OnceLock<String> = OnceLock::new();
    SHARED.get_or_init(|| match std::env::var("SAGALINE_TEST_KAFKA") {
        Ok(bootstrap) => bootstrap,
        // Ended by its `--owner`: a static is never dropped.
        Err(_) => {
            sweep();
            start(&directory("shared"), &["--port", "0", "--heap", "768m"])
        }
    })
}

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
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{PREFIX}{name}-{}", std::process::id()))
}

/// Removes what earlier test runs left, which are over: their brokers' data.
fn sweep() {
    let left = std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
    for path in left.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some((_, owner)) = name
            .strip_prefix(PREFIX)
            .and_then(|name| name.rsplit_once('-'))
        else {
            continue;
        };
        let lives = Command::new("sh")
            .args(["-c", "kill -0 $0 2>/dev/null", owner])
            .status();
        if lives.is_ok_and(|status| !status.success()) {
            drop(std::fs::remove_dir_all(&path));
        }
    }
}

const PREFIX: &str = "kafka-e2e-";

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
