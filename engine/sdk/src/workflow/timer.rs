//! Timers of a run, from the command that starts one to the poll that takes its end.

use std::{
    collections::BTreeMap,
    mem,
    task::{Poll, Waker},
};

use sagaline_core::{ActivityId, Name, program::ProgramCommand};

use super::{reach::Reach, step::canceled};
use crate::Result;

/// The timers that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeMap<ActivityId, Timer>);

#[derive(Debug)]
struct Timer {
    progress: Progress,
    /// Which requests to stop reach it.
    reach: Reach,
}

#[derive(Debug)]
enum Progress {
    /// The waker is that of whoever waits.
    Pending(Option<Waker>),
    Fired,
    Canceled,
}

impl Timers {
    pub(super) fn insert(&mut self, id: ActivityId, reach: Reach) {
        let progress = Progress::Pending(None);
        self.0.insert(id, Timer { progress, reach });
    }

    /// It is due. Gives whom to wake.
    #[must_use]
    pub(super) fn fire(&mut self, id: ActivityId) -> Option<Waker> {
        let timer = self.0.get_mut(&id)?;
        timer.end(Progress::Fired)
    }

    /// Nobody waits any more where a request to stop has reached.
    pub(super) fn cancel(&mut self, commands: &mut Vec<ProgramCommand>) -> Vec<Waker> {
        let pending = self.0.iter_mut().filter(|(_, timer)| {
            matches!(timer.progress, Progress::Pending(_)) && timer.reach.is_canceled()
        });
        let canceled = pending.map(|(&timer_id, timer)| {
            commands.push(ProgramCommand::CancelTimer { timer_id });
            timer.end(Progress::Canceled)
        });
        canceled.flatten().collect()
    }

    pub(super) fn poll(&mut self, id: ActivityId, waker: &Waker) -> Poll<Result<()>> {
        let timer = self
            .0
            .get_mut(&id)
            .expect("a timer stays until its end is taken");
        if let Progress::Pending(waiting) = &mut timer.progress {
            match waiting {
                Some(before) => before.clone_from(waker),
                None => *waiting = Some(waker.clone()),
            }
            return Poll::Pending;
        }
        let ended = self.0.remove(&id).map(|timer| timer.progress);
        Poll::Ready(match ended {
            Some(Progress::Canceled) => Err(canceled(&Name::from("sleep"))),
            _ => Ok(()),
        })
    }

    /// Nobody waits for it any more. Whether it was pending.
    pub(super) fn forget(&mut self, id: ActivityId) -> bool {
        let timer = self.0.remove(&id);
        timer.is_some_and(|timer| matches!(timer.progress, Progress::Pending(_)))
    }
}

impl Timer {
    fn end(&mut self, how: Progress) -> Option<Waker> {
        match mem::replace(&mut self.progress, how) {
            Progress::Pending(waker) => waker,
            Progress::Fired | Progress::Canceled => None,
        }
    }
}
