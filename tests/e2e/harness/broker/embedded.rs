//! The embedded broker: the shared one in this process, one that a test crashes as a process of its own.

use std::{
    cell::RefCell,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use sagaline_broker::{Flush, Options};

use super::directory;
use crate::harness::world::path_of;

/// How many brokers a long run crashes, one after the other.
pub(crate) const NODES_MAX: usize = 1;

/// Starts the broker that the tests share. It ends with the process.
pub(crate) fn start_shared(directory: &Path) -> String {
    static BROKER: OnceLock<sagaline_broker::Broker> = OnceLock::new();
    let broker = BROKER.get_or_init(|| {
        let options = Options {
            data: directory.to_owned(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            flush: Flush::Os,
        };
        sagaline_broker::Broker::start(options).expect("the broker starts")
    });
    broker.address().to_string()
}

/// A broker of one test's own, ended with this.
#[derive(Debug)]
pub(crate) struct Broker {
    directory: PathBuf,
    bootstrap: String,
    process: RefCell<Child>,
}

impl Broker {
    /// Starts an empty one.
    pub(crate) fn start(name: &str, nodes: usize) -> Self {
        assert_eq!(nodes, NODES_MAX, "the embedded broker is alone");
        let directory = directory(name);
        let (process, bootstrap) = spawn(&directory, "0");
        Self {
            directory,
            bootstrap,
            process: RefCell::new(process),
        }
    }

    /// Where it listens, as host:port.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&self, _node: usize) {
        let mut process = self.process.borrow_mut();
        process.kill().expect("it runs");
        process.wait().expect("it is ours");
    }

    /// Starts it again with its data; returns when it serves.
    pub(crate) fn restart(&self, _node: usize) {
        let (_, port) = self.bootstrap.rsplit_once(':').expect("it is host:port");
        let (process, bootstrap) = spawn(&self.directory, port);
        assert_eq!(bootstrap, self.bootstrap);
        let ended = self.process.replace(process).wait();
        ended.expect("it is ours");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let mut process = self.process.borrow_mut();
        // It may have ended by itself.
        drop(process.kill());
        drop(process.wait());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn spawn(directory: &Path, port: &str) -> (Child, String) {
    let mut process = Command::new(path_of("sagaline"))
        .args(["broker", "--port", port, "--data"])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the broker's binary runs");
    let stdout = process.stdout.take().expect("it is piped");
    let mut line = String::new();
    let read = BufReader::new(stdout).read_line(&mut line);
    read.expect("it prints its address");
    (process, line.trim().to_owned())
}
