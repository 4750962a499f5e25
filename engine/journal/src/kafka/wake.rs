//! Wakes one waiting thread. A wake that comes before the wait is kept, so none is lost; several before one wait count
//! once.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

#[derive(Debug, Default)]
pub(super) struct Wake {
    woken: AtomicBool,
    sleep: Mutex<()>,
    condvar: Condvar,
}

impl Wake {
    /// Wakes the waiting thread, or the next wait. May be called under any lock: it waits for nobody.
    pub(super) fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            // The waiter holds this between its last look and its sleep.
            drop(lock(&self.sleep));
            self.condvar.notify_one();
        }
    }

    /// Waits until woken, or for `span`.
    pub(super) fn wait(&self, span: Duration) {
        if !self.woken.load(Ordering::SeqCst) && !span.is_zero() {
            let sleep = lock(&self.sleep);
            let still_asleep = |(): &mut ()| !self.woken.load(Ordering::SeqCst);
            drop(self.condvar.wait_timeout_while(sleep, span, still_asleep));
        }
        self.woken.store(false, Ordering::SeqCst);
    }
}

/// A lock whose holder may have panicked: what these locks guard is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;
    use crate::kafka::clock::Deadline;

    #[test]
    fn a_wake_before_the_wait_is_kept() {
        let wake = Wake::default();
        let late = Deadline::after(Duration::from_secs(60));

        wake.wake();
        wake.wait(Duration::from_secs(120));

        assert!(!late.passed());
    }

    #[test]
    fn no_wake_is_lost_between_two_threads() {
        let (there, back) = (Arc::new(Wake::default()), Arc::new(Wake::default()));
        let rounds = 20_000;
        let late = Deadline::after(Duration::from_secs(60));

        let echo = thread::spawn({
            let (there, back) = (there.clone(), back.clone());
            move || {
                for _ in 0..rounds {
                    there.wait(Duration::from_secs(120));
                    back.wake();
                }
            }
        });
        for _ in 0..rounds {
            there.wake();
            back.wait(Duration::from_secs(120));
        }
        echo.join().unwrap();

        assert!(!late.passed());
    }
}
