//! What a page offers where there is no run yet: the runs that the app shows to newcomers, begun at most once.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

/// An offer to begin a demo. Whoever makes it waits for [`DemoOffer::wanted`]. Clones share it.
#[derive(Clone, Default)]
pub struct DemoOffer(Arc<Offered>);

#[derive(Default)]
struct Offered {
    is_taken: AtomicBool,
    wanted: Notify,
}

impl DemoOffer {
    /// Ready once somebody wants it.
    pub async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// Whether nobody has wanted it yet.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_taken.load(Ordering::Relaxed)
    }

    /// Wants it; false: somebody was faster.
    pub(crate) fn take(&self) -> bool {
        let is_first = !self.0.is_taken.swap(true, Ordering::Relaxed);
        if is_first {
            self.0.wanted.notify_one();
        }
        is_first
    }
}

impl fmt::Debug for DemoOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DemoOffer").field(&self.is_open()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_demo_is_begun_once_although_it_is_wanted_before_anybody_waits() {
        let offer = DemoOffer::default();

        assert!(offer.take() && !offer.clone().take());

        offer.wanted().await;
        assert!(!offer.is_open());
    }
}
