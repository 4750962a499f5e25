//! Deadlines of open runs, earliest first; of the same instant, in the order in which they came.
//!
//! What a batch schedules is mostly due at the same instant and stands there in its order: to add a deadline is to push it,
//! and to find one is to halve a list. One entry per open run that has a deadline.

use alloc::{collections::BTreeMap, vec::Vec};

use super::Position;
use crate::{Timestamp, WorkflowId};

/// Deadlines by instant, and then by the place of the change that set them.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    due: BTreeMap<Timestamp, Due>,
    len: u64,
}

/// What is due at one instant.
#[derive(Clone, Debug, Default)]
struct Due {
    /// Ascending; what was removed leaves its place, until there is more of it than of what is left.
    runs: Vec<(Position, Option<WorkflowId>)>,
    left: usize,
}

impl Deadlines {
    /// How many there are.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.due.keys().next().copied()
    }

    /// All, the earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, &WorkflowId)> {
        self.due.iter().flat_map(|(at, due)| {
            let left = due.runs.iter().filter_map(|(_, run)| run.as_ref());
            left.map(|workflow_id| (*at, workflow_id))
        })
    }

    pub(super) fn insert(&mut self, at: Timestamp, set: Position, workflow_id: WorkflowId) {
        self.len = self.len.saturating_add(1);
        let due = self.due.entry(at).or_default();
        due.left = due.left.saturating_add(1);
        if due.runs.is_empty() {
            // Where each run's deadline is an instant of its own, a list of one takes the room of one.
            due.runs.reserve_exact(1);
        }
        let place = match due.runs.last() {
            Some((last, _)) if *last > set => due.runs.partition_point(|(one, _)| *one < set),
            Some(_) | None => due.runs.len(),
        };
        due.runs.insert(place, (set, Some(workflow_id)));
    }

    pub(super) fn remove(&mut self, at: Timestamp, set: Position) {
        let Some(due) = self.due.get_mut(&at) else {
            return;
        };
        let found = due.runs.binary_search_by_key(&set, |(one, _)| *one).ok();
        let Some((_, run)) = found.and_then(|place| due.runs.get_mut(place)) else {
            return;
        };
        if run.take().is_none() {
            return;
        }
        self.len = self.len.saturating_sub(1);
        due.left = due.left.saturating_sub(1);
        if due.left == 0 {
            self.due.remove(&at);
        } else if due.left < due.runs.len() / 2 {
            due.runs.retain(|(_, run)| run.is_some());
            due.runs.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    /// What was removed makes no difference.
    impl PartialEq for Deadlines {
        fn eq(&self, other: &Self) -> bool {
            let left = |due: &Due| due.left;
            self.due.values().map(left).eq(other.due.values().map(left))
                && self.iter().eq(other.iter())
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn set(index: u32) -> Position {
        Position { batch: 1, index }
    }

    fn id(number: u32) -> WorkflowId {
        WorkflowId::new(&format!("w{number}")).unwrap()
    }

    fn all(deadlines: &Deadlines) -> String {
        let one = |(at, id): (Timestamp, &WorkflowId)| format!("{}:{id} ", at.as_micros());
        deadlines.iter().map(one).collect()
    }

    #[test]
    fn they_come_by_instant_and_then_in_the_order_in_which_they_were_set() {
        let mut deadlines = Deadlines::default();
        for (micros, index) in [(20, 1), (10, 5), (10, 3), (10, 4), (20, 2)] {
            deadlines.insert(at(micros), set(index), id(index));
        }

        assert_eq!(all(&deadlines), "10:w3 10:w4 10:w5 20:w1 20:w2 ");
        assert_eq!(deadlines.first(), Some(at(10)));
        assert_eq!(deadlines.len(), 5);
    }

    #[test]
    fn what_was_removed_is_gone_and_leaves_no_trace() {
        let (mut deadlines, mut never) = (Deadlines::default(), Deadlines::default());
        for index in 0..100 {
            deadlines.insert(at(10), set(index), id(index));
        }
        never.insert(at(10), set(57), id(57));
        for index in (0..100).filter(|&index| index != 57) {
            deadlines.remove(at(10), set(index));
            deadlines.remove(at(10), set(index));
        }

        assert_eq!(all(&deadlines), "10:w57 ");
        assert_eq!(deadlines, never);
        assert_eq!(deadlines.len(), 1);
        let room: usize = deadlines.due.values().map(|due| due.runs.capacity()).sum();
        assert!(room <= 3, "{room} places for one deadline");

        deadlines.remove(at(10), set(57));
        assert_eq!(deadlines, Deadlines::default());
    }
}
