//! One partition of a retry topic: what was read of it and has not gone on.

use std::collections::BTreeMap;

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{Record, Tag};

use super::{Tier, bound::Bound, tier::SOON_MAX};

/// A partition of a retry topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) tier: Tier,
    pub(super) partition: i32,
}

/// A record that has not gone on.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) bound: Bound,
    pub(super) record: Record,
    /// It is on its way.
    pub(super) sent: Option<Tag>,
    /// How often it could not be delivered.
    pub(super) tries: u32,
}

impl Entry {
    pub(super) const fn new(bound: Bound, record: Record) -> Self {
        Self {
            bound,
            record,
            sent: None,
            tries: 0,
        }
    }
}

/// What was read of a partition and has not gone on, by offset.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    entries: BTreeMap<i64, Entry>,
    bytes: usize,
    /// Behind the last record that was read; `None` before the first.
    pub(super) next: Option<i64>,
    /// Entries on their way.
    pub(super) sent: usize,
    pub(super) held: bool,
    /// Where the partition ended when the log was asked last.
    pub(super) end: i64,
    /// It goes to somebody else.
    pub(super) leaving: bool,
    /// The last position that was told, the one told a round of trimming ago, and what is trimmed.
    told: Option<i64>,
    told_before: Option<i64>,
    trimmed: Option<i64>,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many wait here: those that were read, and while it is held those that were not.
    pub(super) fn waiting(&self) -> usize {
        let unread = self.next.map_or(0, |next| self.end.saturating_sub(next));
        match self.held {
            true => self.len() + usize::try_from(unread).unwrap_or(0),
            false => self.len(),
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, entry: Entry) {
        let offset = entry.record.offset;
        self.next = Some(offset + 1);
        self.bytes += entry.record.size();
        self.entries.insert(offset, entry);
    }

    pub(super) fn get_mut(&mut self, offset: i64) -> Option<&mut Entry> {
        self.entries.get_mut(&offset)
    }

    /// The entry that is on its way with this tag.
    pub(super) fn sent_mut(&mut self, offset: i64, tag: Tag) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&offset);
        entry.filter(|entry| entry.sent == Some(tag))
    }

    /// It has gone on.
    pub(super) fn remove(&mut self, offset: i64) -> Option<Entry> {
        let entry = self.entries.remove(&offset)?;
        self.bytes -= entry.record.size();
        self.sent -= usize::from(entry.sent.is_some());
        Some(entry)
    }

    /// The position, if it is not the one that was told last; now it is.
    pub(super) fn moved_to(&mut self) -> Option<i64> {
        let first = self.entries.keys().next().copied();
        let position = first.or(self.next)?;
        (self.told.replace(position) != Some(position)).then_some(position)
    }

    pub(super) fn may_trim(&self) -> bool {
        self.told != self.trimmed
    }

    /// Before which offset everything was committed a round ago, unless that was trimmed then.
    pub(super) fn next_trim(&mut self) -> Option<i64> {
        let before = std::mem::replace(&mut self.told_before, self.told);
        if before == self.trimmed {
            return None;
        }
        self.trimmed = before;
        before.filter(|before| *before > 0)
    }
}

/// When a record leaves its tier.
pub(super) fn leaves_at(tier: Tier, record: &Record, bound: &Bound, now: Timestamp) -> Timestamp {
    let Bound::Target { at, .. } = bound else {
        return now;
    };
    match tier {
        // What is due much later than a minute from now waits elsewhere.
        Tier::Soon if at.since(now) > SOON_KEPT_MAX => now,
        Tier::Soon => *at,
        // In a topic that keeps its senders' clocks, one of these may be years ahead and would hold up the others.
        _ => {
            let appended_at = record.timestamp.min(now.plus(APPENDED_AHEAD_MAX));
            appended_at.plus(tier.span())
        }
    }
}

/// A sender whose clock is a little behind may think that more is due within a minute.
const SOON_KEPT_MAX: Millis = Millis(SOON_MAX.0 + 5_000);

/// By how much an append time may be ahead of what this process knows of the broker's clock.
const APPENDED_AHEAD_MAX: Millis = Millis(2_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(offset: i64) -> Entry {
        let record = Record::new("t".into(), 0, offset, Timestamp::default(), 0);
        Entry::new(Bound::Tick, record.with_value(Some(b"12345")))
    }

    #[test]
    fn its_position_is_the_first_record_that_has_not_gone_on() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.moved_to(), None);

        // Offsets may be left out: by a transaction, say.
        for offset in [5, 6, 9] {
            shelf.put(entry(offset));
        }
        shelf.remove(6);
        assert_eq!(shelf.moved_to(), Some(5));
        shelf.remove(5);
        assert_eq!((shelf.moved_to(), shelf.moved_to()), (Some(9), None));
        shelf.remove(9);

        assert_eq!((shelf.moved_to(), shelf.bytes()), (Some(10), 0));
    }

    #[test]
    fn what_is_told_is_trimmed_a_round_later_and_once() {
        let mut shelf = Shelf::default();
        shelf.put(entry(0));
        shelf.remove(0);
        shelf.moved_to();

        assert!(shelf.may_trim());
        assert_eq!(shelf.next_trim(), None);
        assert_eq!(shelf.next_trim(), Some(1));
        assert_eq!(shelf.next_trim(), None);

        assert!(!shelf.may_trim());
    }
}
