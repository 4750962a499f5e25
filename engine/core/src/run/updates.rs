//! The updates of a run: those under way, and how the last ones ended.
//!
//! Invariant: what is under way is never forgotten, and of two updates that are remembered no two have the same id.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Failure, Name, Payload, ReplyTo, Seq};

/// How many updates that have ended a run remembers.
pub const UPDATES_MAX: usize = 1_024;

/// Bytes of their outcomes that it keeps; of older ones it remembers only that they were.
pub const OUTCOMES_BYTES_MAX: usize = 1024 * 1024;

/// Most updates that are under way at once; one more is refused.
pub const UPDATES_PENDING_MAX: usize = 256;

/// Most callers that are told how one update ends; one more is refused.
pub const UPDATE_REPLIES_MAX: usize = 16;

/// The updates that a run remembers. Shared, since few inputs change them; most runs have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updates(Option<Arc<Known>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    pending: Vec<PendingUpdate>,
    ended: VecDeque<EndedUpdate>,
    /// Of the outcomes that are kept.
    bytes: usize,
}

/// An update under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// Which.
    pub update_id: Name,
    /// Its name.
    pub update: Name,
    /// Whom to tell how it ends.
    pub replies: Vec<ReplyTo>,
}

/// An update that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedUpdate {
    /// Which.
    pub update_id: Name,
    /// Position of the event that says so.
    pub seq: Seq,
    /// How; none: that is not kept any more.
    pub outcome: Option<UpdateOutcome>,
}

/// How an update ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateOutcome {
    /// It came to this.
    Completed(Payload),
    /// It came to nothing.
    Failed(Failure),
    /// The program did not want it.
    Rejected(Failure),
}

impl UpdateOutcome {
    fn bytes(&self) -> usize {
        match self {
            Self::Completed(result) => result.data().len(),
            Self::Failed(failure) | Self::Rejected(failure) => {
                let details = failure.details.as_ref();
                let details = details.map_or(0, |details| details.data().len());
                failure.message.len().saturating_add(details)
            }
        }
    }
}

impl Updates {
    /// Those under way, in the order in which they were accepted.
    #[must_use]
    pub fn pending(&self) -> &[PendingUpdate] {
        self.0.as_deref().map_or(&[], |known| &known.pending)
    }

    /// One under way.
    #[must_use]
    pub fn pending_of(&self, update_id: &Name) -> Option<&PendingUpdate> {
        let mut pending = self.pending().iter();
        pending.find(|one| one.update_id == *update_id)
    }

    /// One that has ended.
    #[must_use]
    pub fn ended_of(&self, update_id: &Name) -> Option<&EndedUpdate> {
        let mut ended = self.0.as_deref()?.ended.iter();
        ended.find(|one| one.update_id == *update_id)
    }

    /// Those that have ended alone: what a run leaves to the one that goes on in its place.
    pub(crate) fn ended(&self) -> Self {
        let known = self.0.as_deref().map(|known| Known {
            pending: Vec::new(),
            ..known.clone()
        });
        Self(known.map(Arc::new))
    }

    pub(crate) fn accept(&mut self, update_id: &Name, update: &Name) {
        self.known().pending.push(PendingUpdate {
            update_id: update_id.clone(),
            update: update.clone(),
            replies: Vec::new(),
        });
    }

    /// Somebody more wants to know how it ends.
    pub(crate) fn follow(&mut self, update_id: &Name, reply: &ReplyTo) {
        let mut pending = self.known().pending.iter_mut();
        let pending = pending.find(|one| one.update_id == *update_id);
        if let Some(pending) = pending.filter(|one| !one.replies.contains(reply)) {
            pending.replies.push(reply.clone());
        }
    }

    pub(crate) fn end(&mut self, update_id: &Name, seq: Seq, outcome: UpdateOutcome) {
        let known = self.known();
        known.pending.retain(|one| one.update_id != *update_id);
        known.bytes = known.bytes.saturating_add(outcome.bytes());
        known.ended.push_back(EndedUpdate {
            update_id: update_id.clone(),
            seq,
            outcome: Some(outcome),
        });
        if known.ended.len() > UPDATES_MAX {
            let oldest = known.ended.pop_front();
            let freed = oldest
                .and_then(|one| one.outcome)
                .map_or(0, |one| one.bytes());
            known.bytes = known.bytes.saturating_sub(freed);
        }
        known.forget_outcomes();
    }

    fn known(&mut self) -> &mut Known {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl Known {
    fn forget_outcomes(&mut self) {
        let mut kept = self.ended.iter_mut().filter(|one| one.outcome.is_some());
        while self.bytes > OUTCOMES_BYTES_MAX
            && let Some(oldest) = kept.next()
        {
            let freed = oldest.outcome.take().map_or(0, |one| one.bytes());
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn id(number: usize) -> Name {
        Name::new(&format!("u-{number}")).unwrap()
    }

    fn completed(bytes: usize) -> UpdateOutcome {
        UpdateOutcome::Completed(Payload::json(vec![b'1'; bytes]))
    }

    #[test]
    fn the_last_updates_are_remembered_and_older_ones_forgotten() {
        let mut updates = Updates::default();
        updates.accept(&id(0), &Name::from("set"));
        for number in 1..=UPDATES_MAX + 1 {
            updates.end(&id(number), 1, completed(1));
        }

        assert_eq!(updates.ended_of(&id(1)), None);
        assert!(updates.ended_of(&id(2)).is_some());
        assert!(updates.pending_of(&id(0)).is_some());
    }

    #[test]
    fn of_large_outcomes_the_newest_are_kept_and_of_others_that_they_were() {
        let mut updates = Updates::default();
        for number in 0..3 {
            updates.end(&id(number), 7, completed(OUTCOMES_BYTES_MAX / 2));
        }

        let of = |number| updates.ended_of(&id(number)).unwrap();
        assert_eq!((of(0).seq, &of(0).outcome), (7, &None));
        assert!(of(1).outcome.is_some() && of(2).outcome.is_some());
    }
}
