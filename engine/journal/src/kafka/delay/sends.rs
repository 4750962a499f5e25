//! Delivery reports on their way to the delay service.
//!
//! Invariant: each record is answered once. What a replaced producer still reports finds no open entry.

use std::sync::{Arc, Mutex};

use rdkafka::error::KafkaError;

use super::DelayEvent;
use crate::{
    SendError, SendErrorKind, Tag,
    kafka::{
        fault,
        line::{Placed, Reports},
        slots::Slots,
        wake::{Wake, lock},
    },
};

#[derive(Debug)]
pub(super) struct Sends {
    open: Mutex<Slots<Tag>>,
    ended: Mutex<Vec<DelayEvent>>,
    failure: Mutex<Option<String>>,
    wake: Arc<Wake>,
}

impl Sends {
    pub(super) fn new(wake: Arc<Wake>) -> Self {
        Self {
            open: Mutex::default(),
            ended: Mutex::default(),
            failure: Mutex::default(),
            wake,
        }
    }

    /// The mark of a record that is sent with this tag.
    pub(super) fn open(&self, tag: Tag) -> usize {
        lock(&self.open).insert(tag) as usize
    }

    /// Moves what ended to `into`.
    pub(super) fn take(&self, into: &mut Vec<DelayEvent>) {
        into.append(&mut lock(&self.ended));
    }

    /// Why the producer must be replaced, if it must.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Whatever is still open may be there or not: those who take over from this producer tell so.
    pub(super) fn abandon(&self, next: &Self) {
        let ended = std::mem::take(&mut *lock(&self.ended));
        let open: Vec<Tag> = lock(&self.open).drain().collect();
        let lost = |tag| DelayEvent::Sent {
            tag,
            outcome: Err(SendError {
                kind: SendErrorKind::Unavailable,
                reason: "the producer was replaced".to_owned(),
            }),
        };
        lock(&next.ended).extend(ended.into_iter().chain(open.into_iter().map(lost)));
    }
}

impl Reports for Sends {
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>) {
        let mark = u32::try_from(mark).expect("a mark was made from a slot's number");
        let Some(tag) = lock(&self.open).remove(mark) else {
            return;
        };
        let outcome = report
            .map(|placed| placed.appended_at)
            .map_err(|error| fault::send_error(&error));
        let failed = outcome.is_err();
        lock(&self.ended).push(DelayEvent::Sent { tag, outcome });
        if failed {
            self.wake.wake();
        }
    }

    /// Many are told at once.
    fn idle(&self) {
        self.wake.wake();
    }

    fn fatal(&self, reason: &str) {
        lock(&self.failure).get_or_insert_with(|| reason.to_owned());
        self.wake.wake();
    }
}
