//! A folder in which a test runs `dev`, as a newcomer does it: everything in one process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    process::{Process, Signal},
    wait::until,
    world::path_of,
};

/// A folder of a test's own, gone with this.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    /// A new one.
    pub(crate) fn new(name: &str) -> Self {
        let process = std::process::id();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dev-{name}-{process}"));
        fs::create_dir_all(&path).expect("the folder can be made");
        Self { path }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(path_of("order-saga"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAGALINE_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(&self.path);
        command
    }

    /// Starts `dev` on free ports.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Process {
        // Of the one before, which might be read until the next one has removed it.
        drop(fs::remove_file(self.path.join("ready.json")));
        let mut command = self.command(&["dev", "--kafka-port", "0", "--ready-file", "ready.json"]);
        command.args(arguments).env("TMPDIR", &self.path);
        Process::spawn("dev", &mut command, &self.path.join("dev.log"))
    }

    /// The same; returns once it serves, with the address of its broker.
    pub(crate) fn dev(&self, arguments: &[&str]) -> (Process, String) {
        let (dev, addresses) = self.served(arguments);
        let kafka = addresses["kafka"].as_str().expect("it has an address");
        (dev, kafka.to_owned())
    }

    /// Starts `dev`; returns once it serves, with its addresses.
    pub(crate) fn served(&self, arguments: &[&str]) -> (Process, Value) {
        let ready = self.path.join("ready.json");
        let mut dev = self.begin(arguments);
        let addresses = until("dev serves", || {
            assert!(!dev.has_ended(), "dev has ended: {}", dev.log());
            fs::read(&ready).ok()
        });
        let addresses = serde_json::from_slice(&addresses).expect("it is whole");
        (dev, addresses)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs a command that succeeds; what it printed.
    pub(crate) fn says(&self, kafka: &str, arguments: &[&str]) -> String {
        let output = self.run(&[&["--kafka", kafka], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("it prints text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// Ends it in order.
pub(crate) fn stop(dev: &mut Process) {
    dev.signal(Signal::Term);
    let status = dev.end();
    assert!(status.success(), "{status}: {}", dev.log());
}
