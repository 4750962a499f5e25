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

    /// Does something there; `None` when the thread is gone. It is sent there at once, whether the future is polled or not.
    pub(crate) fn run<T, W>(&self, work: W) -> impl Future<Output = Option<T>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let task = Box::new(move || {
            // Nobody may listen any more.
            drop(done.send(work()));
        });
        let is_sent = self.0.send(task).is_ok();
        async move {
            match is_sent {
                true => outcome.await.ok(),
                false => None,
            }
        }
    }
}
