//! Local activities as a lane sees them: somebody in its process who takes their tasks.

use std::fmt;

use sagaline_journal::NewRecord;

/// Runs local activities in this process. Their answers come as those of workers do: by the topic of results.
///
/// What it has taken dies with the process: the next owner of the partition offers it again.
pub trait LocalTasks: Send + Sync + fmt::Debug {
    /// Offers an attempt's task, as a worker would read it. Returns at once.
    fn offer(&self, task: NewRecord) -> Offered;

    /// The attempt of this task shall stop, whether it was taken or will be. Returns at once.
    fn cancel(&self, task_id: &str);
}

/// What becomes of a task that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is run.
    Taken,
    /// As many as may run do: it is to be offered again.
    Full,
    /// Nobody here can run it: why, and what helps.
    Nobody(Box<str>),
}

/// A process that runs no local activities.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLocalTasks;

impl LocalTasks for NoLocalTasks {
    fn offer(&self, _: NewRecord) -> Offered {
        Offered::Nobody(
            "the program of this engine has no activities. Local ones run in the engine's process: give them to the app by \
             `.activities(…)`, or leave out `.local()`, and a worker runs them"
                .into(),
        )
    }

    fn cancel(&self, _: &str) {}
}
