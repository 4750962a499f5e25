//! The time that a revocation gives.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::kafka::wake::Wake;

/// Given with a revocation: while it is held, up to a limit, the partitions are not let go.
///
/// Dropping it says the same as [`HandOver::done`].
#[derive(Debug)]
pub struct HandOver {
    done: Arc<AtomicBool>,
    wake: Arc<Wake>,
}

impl HandOver {
    pub(in crate::kafka) fn new(wake: Arc<Wake>) -> (Self, Arc<AtomicBool>) {
        let done = Arc::new(AtomicBool::new(false));
        (
            Self {
                done: done.clone(),
                wake,
            },
            done,
        )
    }

    /// Everything is handed over: the partitions may go.
    pub fn done(self) {}
}

impl Drop for HandOver {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        self.wake.wake();
    }
}
