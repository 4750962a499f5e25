//! What changes do: the only writer of transactions' state.

use std::sync::Arc;

use super::{Change, Entry, Parts, State, Transactions, init::NO_EPOCH};

impl Transactions {
    /// Makes a change that is on disk. One that was read back counts as made `now`: a restart gives open transactions their
    /// whole time again.
    pub(crate) fn apply(&mut self, change: Change, now: u64) {
        match change {
            Change::Initialized {
                id,
                producer,
                last_epoch,
                previous_id,
                timeout_ms,
            } => {
                self.forget(&id);
                let entry = Entry {
                    producer,
                    last_epoch,
                    previous_id,
                    timeout_ms,
                    state: State::Empty,
                    parts: Parts::default(),
                    deadline: None,
                    used: now,
                };
                self.by_id.insert(id, entry);
            }
            Change::Added { id, parts } => self.added(&id, parts, now),
            Change::Prepared { id, epoch, ending } => self.on(&id, now, |entry| {
                if epoch != entry.producer.epoch {
                    entry.producer.epoch = epoch;
                    entry.last_epoch = NO_EPOCH;
                }
                entry.state = State::Prepared(ending);
            }),
            Change::Completed { id } => self.on(&id, now, |entry| {
                if let State::Prepared(ending) = entry.state {
                    entry.state = State::Completed(ending);
                    entry.parts = Parts::default();
                }
            }),
            Change::Forgotten { id } => self.forget(&id),
        }
    }

    /// The fewest changes that restore the transactions as they are.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        self.by_id.iter().flat_map(|(id, entry)| entry.changes(id))
    }

    fn added(&mut self, id: &Arc<str>, parts: Parts, now: u64) {
        self.on(id, now, |entry| {
            if entry.state != State::Ongoing {
                entry.state = State::Ongoing;
                entry.deadline = Some(now.saturating_add(entry.timeout_ms));
            }
            entry.parts.put_all(parts);
        });
    }

    /// Changes an entry, and what is known of all of them with it.
    fn on(&mut self, id: &Arc<str>, now: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.by_id.get_mut(id) else {
            return;
        };
        let (deadline, parts) = (entry.deadline, entry.parts.len());
        change(entry);
        entry.used = now;
        if entry.state != State::Ongoing {
            entry.deadline = None;
        }
        self.parts = self.parts + entry.parts.len() - parts;
        if deadline != entry.deadline {
            if let Some(at) = deadline {
                self.deadlines.remove(&(at, id.clone()));
            }
            if let Some(at) = entry.deadline {
                self.deadlines.insert((at, id.clone()));
            }
        }
    }

    fn forget(&mut self, id: &Arc<str>) {
        if let Some(entry) = self.by_id.remove(id) {
            self.parts -= entry.parts.len();
            if let Some(at) = entry.deadline {
                self.deadlines.remove(&(at, id.clone()));
            }
        }
    }
}

impl Entry {
    fn changes(&self, id: &Arc<str>) -> Vec<Change> {
        let mut changes = vec![Change::Initialized {
            id: id.clone(),
            producer: self.producer,
            last_epoch: self.last_epoch,
            previous_id: self.previous_id,
            timeout_ms: self.timeout_ms,
        }];
        if self.state != State::Empty {
            changes.push(Change::Added {
                id: id.clone(),
                parts: self.parts.clone(),
            });
        }
        if let State::Prepared(ending) | State::Completed(ending) = self.state {
            changes.push(Change::Prepared {
                id: id.clone(),
                epoch: self.producer.epoch,
                ending,
            });
        }
        if let State::Completed(_) = self.state {
            changes.push(Change::Completed { id: id.clone() });
        }
        changes
    }
}
