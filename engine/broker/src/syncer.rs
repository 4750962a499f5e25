//! The thread that syncs to the disk, so that the loop never waits for it. What is asked while it syncs is done together.

use std::{io, sync::mpsc, thread};

use tokio::sync::oneshot;

use crate::log::{LogError, SyncTask, Synced};

/// The way to the thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Syncer(mpsc::Sender<Order>);

type Order = (SyncTask, oneshot::Sender<Result<Synced, LogError>>);

impl Syncer {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::Builder::new()
            .name("broker-sync".to_owned())
            .spawn(move || {
                while let Ok((task, done)) = orders.recv() {
                    // Nobody may listen any more.
                    drop(done.send(task.run()));
                }
            })?;
        Ok(Self(sender))
    }

    /// Runs a task; `None` when the thread is gone.
    pub(crate) fn run(
        &self,
        task: SyncTask,
    ) -> impl Future<Output = Option<Result<Synced, LogError>>> + use<> {
        let (done, outcome) = oneshot::channel();
        let is_sent = self.0.send((task, done)).is_ok();
        async move {
            match is_sent {
                true => outcome.await.ok(),
                false => None,
            }
        }
    }
}
