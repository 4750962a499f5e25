//! Retries that came back before their time by this lane's clock: whoever forwarded them has another.
//!
//! Kept in memory alone. What is lost with it, the deadline of the activity makes up for.

use std::collections::BTreeSet;

use sagaline_core::{Command, RetryDue, Timestamp};

/// Most retries that a lane keeps until they are due; of further ones, the activities' deadlines are waited for.
const EARLY_MAX: usize = 20_000;

/// Retries, the first to be due first.
#[derive(Debug, Default)]
pub(super) struct Early(BTreeSet<(Timestamp, RetryDue)>);

impl Early {
    pub(super) fn keep(&mut self, due: Timestamp, retry: &RetryDue) {
        if self.0.len() < EARLY_MAX {
            self.0.insert((due, retry.clone()));
        }
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(due, _)| *due)
    }

    /// The first, if it is due.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Command> {
        if self.next()? > now {
            return None;
        }
        let (_, retry) = self.0.pop_first()?;
        Some(Command::RetryDue(retry))
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::{ActivityId, Attempt, RunId, WorkflowId};

    use super::*;

    #[test]
    fn each_comes_once_when_it_is_due_and_their_number_is_bounded() {
        let workflow_id = WorkflowId::new("w").unwrap();
        let retry = RetryDue {
            run_id: RunId::derive("ns", &workflow_id, b"1"),
            workflow_id,
            activity_id: ActivityId::FIRST,
            attempt: Attempt::FIRST,
        };
        let at = Timestamp::from_millis;
        let mut early = Early::default();

        early.keep(at(7), &retry);
        early.keep(at(7), &retry);
        assert_eq!((early.next(), early.pop(at(6))), (Some(at(7)), None));
        assert_eq!(early.pop(at(7)), Some(Command::RetryDue(retry.clone())));
        assert_eq!(early.pop(at(7)), None);

        for due in 0..EARLY_MAX as i64 + 5 {
            early.keep(at(due), &retry);
        }
        assert_eq!(early.0.len(), EARLY_MAX);
    }
}
