//! How far the workers of one queue are, over time: what their group committed, and whether it has members.
//!
//! ```text
//!   stretch   from ─── polls with the same answer ─── to
//!   a task    may have begun where its offset is at or below what is committed, and somebody is there to take it
//! ```
//! Invariant: a task is never said to have begun before the first poll of the latest unbroken time in which it may have.

use std::collections::VecDeque;

use sagaline_core::{Millis, Timestamp};

use crate::lane::{SentTask, TaskPlace};

/// A worker is at work on at most this many tasks of a partition without saying that it began with them: one that takes
/// the next only when it has committed the last. Whoever is at work on more says so.
const AHEAD_MAX: i64 = 1;

/// What was last heard this long ago proves nothing about now.
pub(super) const STALE_AFTER: Millis = Millis(10_000);

/// Most stretches that are kept. Of more, two become one: those that are the least part of the time since they were.
const STRETCHES_MAX: usize = 600;

/// Most take-overs whose ends are kept.
const ENDS_MAX: usize = 16;

/// What is known of one queue.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    stretches: VecDeque<Stretch>,
    /// Ends of the partitions, and when they were looked up, oldest first.
    ends: VecDeque<(Timestamp, Vec<i64>)>,
    ends_wanted: bool,
    /// Its group may not be seen: tasks count as begun when they were sent.
    hidden: bool,
}

/// An answer, and the polls in a row that gave it, or more than it says.
#[derive(Debug)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    answer: Answer,
}

/// What one poll says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether the workers' group has any.
    pub(super) has_members: bool,
    /// By partition; where nothing was committed yet, where its members begin.
    pub(super) committed: Vec<i64>,
}

impl Answer {
    fn may_have_begun(&self, partition: i32, offset: i64) -> bool {
        let partition = usize::try_from(partition).ok();
        let committed = partition.and_then(|partition| self.committed.get(partition));
        // A partition that came later has no answer yet.
        self.has_members && committed.is_some_and(|committed| offset < committed + AHEAD_MAX)
    }

    /// Only what both say.
    fn join(&mut self, other: &Self) {
        self.has_members &= other.has_members;
        self.committed.truncate(other.committed.len());
        for (one, other) in self.committed.iter_mut().zip(&other.committed) {
            *one = (*one).min(*other);
        }
    }
}

impl Backlog {
    pub(super) fn learn(&mut self, at: Timestamp, answer: Answer) {
        self.hidden = false;
        self.forget_after(at);
        match self.stretches.back_mut() {
            Some(last) if !answer.has_members || !is_unbroken(last.to, at) => {
                // Nothing of before counts any more.
                self.stretches.clear();
            }
            Some(last) if last.answer == answer => {
                last.to = at;
                return;
            }
            Some(_) | None => {}
        }
        self.stretches.push_back(Stretch {
            from: at,
            to: at,
            answer,
        });
        if self.stretches.len() > STRETCHES_MAX {
            self.thin_out(at);
        }
    }

    /// The clock was set back: what it showed meanwhile says nothing.
    fn forget_after(&mut self, at: Timestamp) {
        while self.stretches.pop_back_if(|last| last.from > at).is_some() {}
        if let Some(last) = self.stretches.back_mut() {
            last.to = last.to.min(at);
        }
        self.ends.retain(|(seen_at, _)| *seen_at <= at);
    }

    /// Two stretches become one that says no more than both: what began in the second counts as begun after it.
    fn thin_out(&mut self, now: Timestamp) {
        let part = |(older, newer): (&Stretch, &Stretch)| {
            let (span, age) = (newer.to.since(older.from), now.since(newer.to));
            span.0.saturating_mul(1_000_000) / age.0.max(1)
        };
        let pairs = self.stretches.iter().zip(self.stretches.iter().skip(1));
        let least = pairs.map(part).enumerate().min_by_key(|(_, part)| *part);
        let newer =
            least.and_then(|(at, _)| self.stretches.remove(at + 1).map(|newer| (at, newer)));
        if let Some((at, newer)) = newer
            && let Some(older) = self.stretches.get_mut(at)
        {
            older.to = newer.to;
            older.answer.join(&newer.answer);
        }
    }

    /// The principal may not see the group.
    pub(super) fn hide(&mut self) {
        self.hidden = true;
    }

    /// Whether its group has members; none: nobody can tell.
    pub(super) fn has_workers(&self, now: Timestamp) -> Option<bool> {
        let last = self.stretches.back().filter(|_| !self.hidden)?;
        is_unbroken(last.to, now).then_some(last.answer.has_members)
    }

    /// What its group had committed at the last poll, by partition.
    pub(super) fn committed(&self) -> Option<&[i64]> {
        let last = self.stretches.back().filter(|_| !self.hidden)?;
        Some(&last.answer.committed)
    }

    /// Whether somebody wants to know where the partitions end.
    pub(super) fn take_ends_wanted(&mut self) -> bool {
        std::mem::take(&mut self.ends_wanted)
    }

    pub(super) fn learn_ends(&mut self, at: Timestamp, ends: Vec<i64>) {
        self.ends.push_back((at, ends));
        if self.ends.len() > ENDS_MAX {
            self.ends.pop_front();
        }
    }

    /// Until when at least the task was in its queue; `now` when it is there still, none when nobody can tell.
    pub(super) fn queued_until(&mut self, task: SentTask, now: Timestamp) -> Option<Timestamp> {
        if self.hidden {
            return Some(task.sent_at);
        }
        let offset = self.offset(task)?;
        let last = self.stretches.back()?;
        if !is_unbroken(last.to, now) {
            return None;
        }
        let mut begun = None;
        let mut next = now;
        for stretch in self.stretches.iter().rev() {
            let may = stretch.answer.may_have_begun(task.partition, offset);
            if !may || !is_unbroken(stretch.to, next) {
                break;
            }
            (begun, next) = (Some(stretch.from), stretch.from);
        }
        Some(begun.map_or(now, |begun| begun.max(task.sent_at).min(now)))
    }

    /// The offset of a task, or the last that it may have.
    fn offset(&mut self, task: SentTask) -> Option<i64> {
        let taken_over_at = match task.place {
            TaskPlace::At(offset) => return Some(offset),
            TaskPlace::BeforeEndOf { taken_over_at } => taken_over_at,
        };
        let ends = self.ends.iter().find(|(at, _)| *at >= taken_over_at);
        if ends.is_none() {
            self.ends_wanted = true;
        }
        let partition = usize::try_from(task.partition).ok()?;
        let end = ends.and_then(|(_, ends)| ends.get(partition))?;
        Some(end - 1)
    }
}

/// Whether nothing can have happened unseen between two polls.
fn is_unbroken(earlier: Timestamp, later: Timestamp) -> bool {
    later.since(earlier) <= STALE_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    /// Polls every second from `from` to `to`.
    fn polls(backlog: &mut Backlog, from: i64, to: i64, committed: i64, has_members: bool) {
        for second in from..=to {
            let committed = vec![committed];
            let answer = Answer {
                has_members,
                committed,
            };
            backlog.learn(at(second), answer);
        }
    }

    fn until(backlog: &mut Backlog, offset: i64, sent: i64, now: i64) -> Option<i64> {
        let task = SentTask {
            partition: 0,
            place: TaskPlace::At(offset),
            sent_at: at(sent),
        };
        let until = backlog.queued_until(task, at(now))?;
        Some(until.as_millis() / 1_000)
    }

    #[test]
    fn a_task_that_is_next_when_it_is_sent_may_have_begun_at_once() {
        let mut backlog = Backlog::default();
        polls(&mut backlog, 0, 20, 7, true);

        assert_eq!(until(&mut backlog, 7, 10, 21), Some(10));
        assert_eq!(until(&mut backlog, 8, 10, 21), Some(21), "one is before it");
    }

    #[test]
    fn a_task_behind_others_may_have_begun_when_they_were_committed() {
        let mut backlog = Backlog::default();
        polls(&mut backlog, 0, 9, 7, true);
        polls(&mut backlog, 10, 20, 8, true);
        polls(&mut backlog, 21, 30, 9, true);

        assert_eq!(until(&mut backlog, 8, 2, 31), Some(10));
        assert_eq!(until(&mut backlog, 9, 2, 31), Some(21));
        assert_eq!(until(&mut backlog, 7, 2, 31), Some(2));
    }

    #[test]
    fn while_no_worker_is_there_nothing_begins_and_a_deploy_starts_the_clock_anew() {
        let mut backlog = Backlog::default();
        polls(&mut backlog, 0, 9, 7, true);
        polls(&mut backlog, 10, 309, 7, false);
        assert_eq!(until(&mut backlog, 7, 2, 309), Some(309));

        polls(&mut backlog, 310, 312, 7, true);

        assert_eq!(until(&mut backlog, 7, 2, 312), Some(310));
    }

    #[test]
    fn whether_a_queue_has_workers_is_known_as_long_as_its_group_is_seen() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.has_workers(at(0)), None);

        polls(&mut backlog, 0, 9, 7, true);
        assert_eq!(backlog.has_workers(at(9)), Some(true));
        polls(&mut backlog, 10, 12, 7, false);
        assert_eq!(backlog.has_workers(at(13)), Some(false));
        assert_eq!(backlog.has_workers(at(60)), None);

        backlog.hide();
        assert_eq!(backlog.has_workers(at(13)), None);
    }

    #[test]
    fn what_was_not_polled_proves_nothing() {
        let mut backlog = Backlog::default();
        assert_eq!(until(&mut backlog, 0, 2, 60), None, "never");

        polls(&mut backlog, 0, 9, 7, true);
        assert_eq!(until(&mut backlog, 7, 2, 19), Some(2));
        assert_eq!(
            until(&mut backlog, 7, 2, 20),
            None,
            "not for eleven seconds"
        );

        polls(&mut backlog, 30, 31, 7, true);
        assert_eq!(
            until(&mut backlog, 7, 2, 32),
            Some(30),
            "not between 9 and 30"
        );
    }

    #[test]
    fn a_task_of_an_earlier_owner_may_lie_anywhere_before_the_end_of_the_take_over() {
        let mut backlog = Backlog::default();
        polls(&mut backlog, 0, 20, 7, true);
        let task = SentTask {
            partition: 0,
            place: TaskPlace::BeforeEndOf {
                taken_over_at: at(15),
            },
            sent_at: at(2),
        };

        assert_eq!(backlog.queued_until(task, at(21)), None);
        assert!(backlog.take_ends_wanted() && !backlog.take_ends_wanted());
        backlog.learn_ends(at(14), vec![100]);
        assert_eq!(backlog.queued_until(task, at(21)), None, "too early");
        polls(&mut backlog, 21, 22, 8, true);
        backlog.learn_ends(at(22), vec![9]);
        polls(&mut backlog, 23, 24, 8, true);

        assert_eq!(backlog.queued_until(task, at(25)), Some(at(21)));
    }

    #[test]
    fn of_a_group_that_may_not_be_seen_tasks_count_as_begun_when_sent() {
        let mut backlog = Backlog::default();
        backlog.hide();

        assert_eq!(until(&mut backlog, 7, 2, 21), Some(2));
    }

    #[test]
    fn a_busy_queue_is_remembered_for_as_long_as_a_task_may_take_ever_more_roughly() {
        let mut backlog = Backlog::default();
        for second in 0..=20_000 {
            polls(&mut backlog, second, second, second, true);
        }

        assert_eq!(backlog.stretches.len(), STRETCHES_MAX);
        for begun in [0, 50, 1_000, 19_000, 19_990] {
            let ran = 20_000 - begun;
            let known = until(&mut backlog, begun, 0, 20_000).unwrap() - begun;
            assert!(
                (0..=ran / 20 + 1).contains(&known),
                "{begun}: {known} s later"
            );
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_holds_up_nothing() {
        let mut backlog = Backlog::default();
        polls(&mut backlog, 0, 20, 7, true);
        polls(&mut backlog, 3_621, 3_640, 7, true);
        backlog.learn_ends(at(3_641), vec![5]);

        polls(&mut backlog, 42, 60, 7, true);

        assert_eq!(until(&mut backlog, 7, 2, 60), Some(42));
        let task = SentTask {
            partition: 0,
            place: TaskPlace::BeforeEndOf {
                taken_over_at: at(50),
            },
            sent_at: at(2),
        };
        backlog.queued_until(task, at(60));
        assert!(backlog.take_ends_wanted(), "those ends were seen before");
    }
}
