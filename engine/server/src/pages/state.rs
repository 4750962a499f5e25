//! The sign of a run's status and situation: a word, a shape and a colour, so that none of them is needed alone.

/// A word, the class of its colour, and its icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) word: &'static str,
    pub(crate) class: &'static str,
    pub(crate) icon: &'static str,
    /// What stands before the word where there is room: `Running`.
    pub(crate) status: &'static str,
}

impl State {
    /// Of a status and the one word more that an open run has.
    pub(crate) fn of(status: &str, situation: Option<&str>) -> Self {
        let (word, class, icon) = match (situation, status) {
            (Some("incident"), _) => ("incident", "incident", "incident"),
            (Some("paused"), _) => ("paused", "quiet", "paused"),
            (Some("compensating"), _) => ("compensating", "compensating", "compensating"),
            (Some("no-worker"), _) => ("no worker", "retrying", "no-worker"),
            (Some("retrying"), _) => ("retrying", "retrying", "retrying"),
            (Some("working"), _) => ("working", "running", "open"),
            (Some("waiting"), _) => ("waiting", "running", "waiting"),
            (_, "Completed") => ("Completed", "done", "done"),
            (_, "Failed") => ("Failed", "failed", "failed"),
            (_, "TimedOut") => ("TimedOut", "failed", "timed-out"),
            (_, "Canceled") => ("Canceled", "quiet", "canceled"),
            (_, "Terminated") => ("Terminated", "quiet", "terminated"),
            (_, "ContinuedAsNew") => ("ContinuedAsNew", "quiet", "continued"),
            (_, "Paused") => ("Paused", "quiet", "paused"),
            _ => ("Running", "running", "open"),
        };
        let status = match situation {
            Some("paused") | None => "",
            Some(_) => "Running",
        };
        Self {
            word,
            class,
            icon,
            status,
        }
    }
}
