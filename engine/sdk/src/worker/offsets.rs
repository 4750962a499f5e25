//! Which offset may be committed while tasks end in any order: the first that is not done.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sagaline_journal::Record;

/// A topic and a partition of it.
pub(crate) type Place = (Arc<str>, i32);

/// The tasks that were begun and are not done, by partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    partitions: HashMap<Place, Partition>,
    /// Counts the times that partitions went away, so that a late end does not count for their return.
    assignment: u64,
}

#[derive(Debug)]
struct Partition {
    open: BTreeSet<i64>,
    /// One above the last that was begun.
    end: i64,
    committed: i64,
}

/// One task's place, taken when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    place: Place,
    offset: i64,
    assignment: u64,
}

impl Offsets {
    /// A task begins; those of a partition come in the order of their offsets.
    pub(crate) fn begin(&mut self, record: &Record) -> Ticket {
        let place = (record.topic.clone(), record.partition);
        let partition = self
            .partitions
            .entry(place.clone())
            .or_insert_with(|| Partition {
                open: BTreeSet::new(),
                end: record.offset,
                committed: record.offset,
            });
        partition.open.insert(record.offset);
        partition.end = partition.end.max(record.offset + 1);
        Ticket {
            place,
            offset: record.offset,
            assignment: self.assignment,
        }
    }

    /// A task is done. Where to commit to, if that moved.
    pub(crate) fn finish(&mut self, ticket: &Ticket) -> Option<(Place, i64)> {
        if ticket.assignment != self.assignment {
            return None;
        }
        let partition = self.partitions.get_mut(&ticket.place)?;
        partition.open.remove(&ticket.offset);
        let next = partition.open.first().copied().unwrap_or(partition.end);
        if next <= partition.committed {
            return None;
        }
        partition.committed = next;
        Some((ticket.place.clone(), next))
    }

    /// Whether tasks of these partitions are not done.
    pub(crate) fn is_busy(&self, places: &[Place]) -> bool {
        let mut open = places.iter().filter_map(|place| self.partitions.get(place));
        open.any(|partition| !partition.open.is_empty())
    }

    /// The partitions went away, all at once: whatever ends now counts no more.
    pub(crate) fn forget(&mut self) {
        self.partitions.clear();
        self.assignment += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sagaline_core::Timestamp;

    fn record(partition: i32, offset: i64) -> Record {
        Record::new("tasks".into(), partition, offset, Timestamp::default(), 0)
    }

    fn begin(offsets: &mut Offsets, places: &[(i32, i64)]) -> Vec<Ticket> {
        places
            .iter()
            .map(|&(partition, offset)| offsets.begin(&record(partition, offset)))
            .collect()
    }

    fn to(partition: i32, next: i64) -> Option<(Place, i64)> {
        Some((("tasks".into(), partition), next))
    }

    #[test]
    fn what_ends_early_waits_for_those_before_it() {
        let mut offsets = Offsets::default();
        let tickets = begin(&mut offsets, &[(0, 5), (0, 6), (0, 9)]);

        assert_eq!(offsets.finish(&tickets[1]), None);
        assert_eq!(offsets.finish(&tickets[0]), to(0, 9));
        assert_eq!(offsets.finish(&tickets[2]), to(0, 10));
    }

    #[test]
    fn partitions_do_not_wait_for_each_other() {
        let mut offsets = Offsets::default();
        let tickets = begin(&mut offsets, &[(0, 5), (1, 70)]);

        assert_eq!(offsets.finish(&tickets[1]), to(1, 71));
        assert!(offsets.is_busy(&[("tasks".into(), 0)]));
        assert!(!offsets.is_busy(&[("tasks".into(), 1), ("tasks".into(), 2)]));
    }

    #[test]
    fn an_end_after_the_partition_went_away_commits_nothing() {
        let mut offsets = Offsets::default();
        let before = begin(&mut offsets, &[(0, 5), (0, 6)]);
        offsets.forget();
        let after = begin(&mut offsets, &[(0, 5), (0, 6)]);

        assert_eq!(offsets.finish(&before[0]), None);
        assert_eq!(offsets.finish(&before[1]), None);
        assert_eq!(offsets.finish(&after[0]), to(0, 6));
    }

    #[test]
    fn the_same_end_told_twice_commits_once() {
        let mut offsets = Offsets::default();
        let tickets = begin(&mut offsets, &[(0, 5)]);

        assert_eq!(offsets.finish(&tickets[0]), to(0, 6));
        assert_eq!(offsets.finish(&tickets[0]), None);
    }
}
