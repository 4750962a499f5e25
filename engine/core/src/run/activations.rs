//! A run's replay log: what its program was given and wanted, activation after activation.
//!
//! A list from the newest backwards that shares what is older: an input copies its run, and a copy of this costs the same
//! however long the run has been. Only replay needs it from the oldest on, and that is rare.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::HistorySize;
use crate::{
    Timestamp,
    program::{Job, Recorded},
};

/// All activations of a run, in order.
#[derive(Clone, Default)]
pub struct Activations {
    newest: Option<Arc<Node>>,
}

/// What the program was given at once, and what it wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationRecord {
    /// The transition's time.
    pub at: Timestamp,
    /// What happened.
    pub jobs: SmallVec<[Job; 1]>,
    /// What it wanted.
    pub commands: SmallVec<[Recorded; 1]>,
    /// How long the history was with the last of what happened.
    pub history: HistorySize,
}

#[derive(Clone)]
struct Node {
    record: ActivationRecord,
    /// How many there are up to this one.
    number: usize,
    earlier: Activations,
}

impl Activations {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.newest.as_ref().map_or(0, |node| node.number)
    }

    /// Whether the program was never activated.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<&ActivationRecord> {
        self.newest.as_deref().map(|node| &node.record)
    }

    /// All, the oldest first.
    #[must_use]
    pub fn to_vec(&self) -> Vec<&ActivationRecord> {
        let mut records = Vec::with_capacity(self.len());
        records.extend(self.newest_first());
        records.reverse();
        records
    }

    /// All, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &ActivationRecord> {
        let nodes = core::iter::successors(self.newest.as_deref(), |node| {
            node.earlier.newest.as_deref()
        });
        nodes.map(|node| &node.record)
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut ActivationRecord> {
        self.newest
            .as_mut()
            .map(|node| &mut Arc::make_mut(node).record)
    }

    pub(crate) fn push(&mut self, record: ActivationRecord) {
        let number = self.len().saturating_add(1);
        let earlier = core::mem::take(self);
        self.newest = Some(Arc::new(Node {
            record,
            number,
            earlier,
        }));
    }

    pub(crate) fn pop(&mut self) -> Option<ActivationRecord> {
        let node = Arc::unwrap_or_clone(self.newest.take()?);
        *self = node.earlier;
        Some(node.record)
    }
}

/// One after the other: left to itself, the drop of a long list would need a deep stack.
impl Drop for Activations {
    fn drop(&mut self) {
        let mut rest = self.newest.take();
        while let Some(mut node) = rest.and_then(Arc::into_inner) {
            rest = node.earlier.newest.take();
        }
    }
}

impl PartialEq for Activations {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.newest_first().eq(other.newest_first())
    }
}

impl Eq for Activations {}

/// As a list, the oldest first.
impl Serialize for Activations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_vec().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Activations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut activations = Self::default();
        for record in Vec::<ActivationRecord>::deserialize(deserializer)? {
            activations.push(record);
        }
        Ok(activations)
    }
}

impl fmt::Debug for Activations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.to_vec()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: i64) -> ActivationRecord {
        ActivationRecord {
            at: Timestamp::from_micros(at),
            jobs: SmallVec::new(),
            commands: SmallVec::new(),
            history: HistorySize::default(),
        }
    }

    #[test]
    fn a_copy_keeps_what_it_had_when_the_other_goes_on() {
        let mut log = Activations::default();
        log.push(record(1));
        let copy = log.clone();
        log.push(record(2));
        log.last_mut().unwrap().at = Timestamp::from_micros(3);

        let of = |log: &Activations| -> Vec<i64> {
            let records = log.to_vec();
            records.iter().map(|one| one.at.as_micros()).collect()
        };

        assert_eq!((of(&copy), of(&log)), (alloc::vec![1], alloc::vec![1, 3]));
        assert_eq!(log.pop(), Some(record(3)));
        assert_eq!(log, copy);
    }

    #[test]
    fn a_million_activations_are_dropped_and_compared_without_a_deep_stack() {
        let mut log = Activations::default();
        for at in 0..1_000_000 {
            log.push(record(at));
        }
        let mut other = log.clone();
        other.push(record(1_000_000));

        assert_eq!((log.len(), other.len()), (1_000_000, 1_000_001));
        assert_ne!(log, other);
        drop(log);
        drop(other);
    }
}
