//! What has come back for a lane thread, from whichever thread brought it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    PortEvent,
    kafka::wake::{Wake, lock},
};

#[derive(Debug)]
pub(super) struct Inbox {
    events: Mutex<Vec<PortEvent>>,
    chunks: AtomicUsize,
    wake: Arc<Wake>,
}

impl Inbox {
    pub(super) fn new(wake: Arc<Wake>) -> Self {
        Self {
            events: Mutex::default(),
            chunks: AtomicUsize::new(0),
            wake,
        }
    }

    /// Puts an event in and wakes the lane thread.
    pub(super) fn push(&self, event: PortEvent) {
        if matches!(event, PortEvent::Read { .. }) {
            self.chunks.fetch_add(1, Ordering::SeqCst);
        }
        self.push_quietly(event);
        self.wake.wake();
    }

    /// Puts an event in that the lane thread may find when something else wakes it.
    pub(super) fn push_quietly(&self, event: PortEvent) {
        lock(&self.events).push(event);
    }

    /// Wakes the lane thread for something that is no event.
    pub(super) fn rouse(&self) {
        self.wake.wake();
    }

    /// Whether a reader should wait until the lane has taken what was read.
    pub(super) fn is_full(&self) -> bool {
        self.chunks.load(Ordering::SeqCst) >= CHUNKS_MAX
    }

    /// Moves everything to `into`; says whether chunks of a read were among it.
    pub(super) fn take(&self, into: &mut Vec<PortEvent>) -> bool {
        into.append(&mut lock(&self.events));
        self.chunks.swap(0, Ordering::SeqCst) > 0
    }
}

/// Chunks of reads that may wait for the lane thread, each of about 1 MB.
const CHUNKS_MAX: usize = 8;
