//! The engine and the worker as processes of their own, which end with this one, however it ends.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail};

use super::contender::Contender;
use crate::process::{self, Broker, Cpu};

/// The processes of one contender; they are killed when this is dropped.
pub(crate) struct Children([(&'static str, Child); 2]);

impl Children {
    pub(crate) fn spawn(contender: Contender, kafka: &str, namespace: &str) -> Result<Self> {
        Self::of(contender.subcommands(), kafka, namespace)
    }

    /// By this binary's subcommands that are the engine and the worker.
    pub(crate) fn of(subcommands: [&'static str; 2], kafka: &str, namespace: &str) -> Result<Self> {
        Self::with(subcommands, kafka, namespace, &[])
    }

    /// The same with an engine that is told more than a worker.
    pub(crate) fn with(
        [engine, worker]: [&'static str; 2],
        kafka: &str,
        namespace: &str,
        more: &[String],
    ) -> Result<Self> {
        let engine = (engine, spawn(engine, kafka, namespace, more)?);
        let worker = match spawn(worker, kafka, namespace, &[]) {
            Ok(child) => (worker, child),
            Err(error) => {
                end(engine.1);
                return Err(error);
            }
        };
        Ok(Self([engine, worker]))
    }

    /// CPU time used so far, by them and all that they work with.
    pub(crate) fn cpu(&self, broker: Broker) -> Cpu {
        let [(_, engine), (_, worker)] = &self.0;
        Cpu::of(broker, engine.id(), worker.id())
    }

    pub(crate) fn engine_rss_bytes(&self) -> Option<u64> {
        process::rss_bytes(self.0[0].1.id())
    }

    /// Files that the engine may have open, sockets among them.
    pub(crate) fn engine_files_max(&self) -> Option<usize> {
        process::files_max(self.0[0].1.id())
    }

    /// Fails when one has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        for (name, child) in &mut self.0 {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended: {status}");
            }
        }
        Ok(())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // Fails only for one that has ended already.
            let _killed = child.kill();
            let _reaped = child.wait();
        }
    }
}

fn spawn(subcommand: &str, kafka: &str, namespace: &str, more: &[String]) -> Result<Child> {
    Command::new(std::env::current_exe()?)
        .args([subcommand, "--kafka", kafka, "--namespace", namespace])
        .args(more)
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("{subcommand} could not be started"))
}

fn end(mut child: Child) {
    let _killed = child.kill();
    let _reaped = child.wait();
}

/// Runs a child's work, and ends the process once its parent is gone: nobody writes to standard input, so it ends then
/// and only then.
pub(crate) fn run(work: impl FnOnce() -> Result<()>) -> Result<()> {
    thread::spawn(|| {
        let _end = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    work()
}
