//! Children on their way: what tells one to stop, and what its parent signals it, goes out only when what tells it to begin
//! has arrived.
//!
//! The other way round it would reach nobody, and the child would begin behind it, for ever.

use std::collections::{BTreeMap, HashSet};

use sagaline_core::{ActivityId, ChildMessage, Effect, ExternalMessage, RunId, State};

use super::Entry;

/// A child: its parent's run, and its number there.
type Key = (RunId, ActivityId);

#[derive(Debug, Default)]
pub(super) struct Children {
    /// Starts that have not arrived, as far as is known.
    starting: HashSet<Key>,
    /// What waits for them.
    behind: BTreeMap<Key, Vec<Entry>>,
}

impl Children {
    pub(super) fn add(&mut self, effect: &Effect) {
        self.starting.extend(start(effect));
    }

    /// Keeps what has to wait; gives back all else.
    pub(super) fn hold_back(&mut self, entry: Entry) -> Option<Entry> {
        let key = for_child(&entry.effect).filter(|key| self.starting.contains(key));
        match key {
            Some(key) => {
                self.behind.entry(key).or_default().push(entry);
                None
            }
            None => Some(entry),
        }
    }

    /// What waited for an effect that is dealt with.
    pub(super) fn let_go(&mut self, effect: &Effect) -> Vec<Entry> {
        match start(effect) {
            Some(key) if self.starting.remove(&key) => self.behind.remove(&key).unwrap_or_default(),
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.behind.values().map(Vec::len).sum()
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.behind.into_values().flatten()
    }
}

/// Children that are told to stop.
pub(super) fn stopped<'a>(effects: impl Iterator<Item = &'a Effect>) -> HashSet<Key> {
    effects.filter_map(stop).collect()
}

/// Whether a start must go out although its parent has ended: an earlier owner may have sent it, and what stops the child
/// must find it begun.
pub(super) fn is_to_be_stopped(effect: &Effect, stopped: &HashSet<Key>, state: &State) -> bool {
    let Effect::Child(message) = effect else {
        return false;
    };
    let ChildMessage::Start { parent, child, .. } = &**message else {
        return false;
    };
    let open = state.run(&parent.workflow_id);
    let has_ended = open.is_none_or(|run| run.run_id != parent.run_id);
    has_ended && stopped.contains(&(parent.run_id, child.child_id))
}

fn start(effect: &Effect) -> Option<Key> {
    match effect {
        Effect::Child(message) => match &**message {
            ChildMessage::Start { child, parent, .. } => Some((parent.run_id, child.child_id)),
            ChildMessage::Stop(_) | ChildMessage::Closed { .. } => None,
        },
        _ => None,
    }
}

/// The child that an effect is for, once it has begun.
fn for_child(effect: &Effect) -> Option<Key> {
    match effect {
        Effect::External(message) => match &**message {
            ExternalMessage::Signal(signal) => signal.child,
            ExternalMessage::Told(_) => None,
        },
        other => stop(other),
    }
}

fn stop(effect: &Effect) -> Option<Key> {
    match effect {
        Effect::Child(message) => match &**message {
            ChildMessage::Stop(stop) => Some(stop.of),
            ChildMessage::Start { .. } | ChildMessage::Closed { .. } => None,
        },
        _ => None,
    }
}
