//! The thread that syncs to the disk, so that the loop never waits for it.

use std::{io, sync::mpsc, thread};

use tokio::sync::oneshot;

/// The way to the thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Syncer(mpsc::Sender<Task>);

type Task = Box<dyn FnOnce() + Send>;

impl Syncer {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, tasks) = mpsc::channel::<Task>();
        thread::Builder::new()
            .name("broker-sync".to_owned())
            .spawn(move || tasks.into_iter().for_each(|task| task()))?;
        Ok(Self(sender))
    }

    /// Does something there; `None` when the thread is gone.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let task = Box::new(move || {
            // Nobody may listen any more.
            drop(done.send(work()));
        });
        self.0.send(task).ok()?;
        outcome.await.ok()
    }
}
