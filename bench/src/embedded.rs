//! The embedded broker as a process of its own, so that its CPU time and memory are its alone.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The name of this binary's hidden subcommand that is the broker.
pub(crate) const SUBCOMMAND: &str = "embedded-broker";

/// What the broker is part of.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// This binary: it ends when this process does.
    Own,
    /// The binary of an app.
    App(PathBuf),
}

/// A broker that serves; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Embedded {
    child: Child,
    address: String,
}

impl Embedded {
    /// Starts it; it serves when this returns. Port 0 is a free one.
    pub(crate) fn start(program: &Program, data: &Path, port: u16) -> Result<Self> {
        let child = program
            .command()?
            .arg("--data")
            .arg(data)
            .args(["--port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the embedded broker could not be started")?;
        let mut embedded = Self {
            child,
            address: String::new(),
        };
        let stdout = embedded.child.stdout.take();
        let mut first = String::new();
        BufReader::new(stdout.context("a child without standard output")?).read_line(&mut first)?;
        if first.trim().is_empty() {
            bail!("the embedded broker ended: {}", embedded.child.wait()?);
        }
        embedded.address = first.trim().to_owned();
        Ok(embedded)
    }

    /// Where it serves, HOST:PORT.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the embedded broker ended: {status}");
        Ok(())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Fails only for one that has ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Program {
    fn command(&self) -> Result<Command> {
        Ok(match self {
            Self::Own => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg(SUBCOMMAND);
                command
            }
            Self::App(path) => {
                let mut command = Command::new(path);
                command.arg("broker");
                command
            }
        })
    }
}
