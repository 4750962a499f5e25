//! Which connections are open, and which of them was longest without a request.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

/// The connections of one socket, known to whoever accepts them.
#[derive(Debug, Default)]
pub(super) struct Open {
    connections: Vec<Weak<Connection>>,
    requests: Arc<AtomicU64>,
}

/// One of them, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Connection {
    /// The number of its last request among those of all; before the first, of its beginning.
    used: AtomicU64,
    requests: Arc<AtomicU64>,
    unwanted: Notify,
}

impl Open {
    /// Takes in another one.
    pub(super) fn connection(&mut self) -> Arc<Connection> {
        self.connections.retain(|one| one.strong_count() > 0);
        let connection = Arc::new(Connection {
            used: AtomicU64::new(0),
            requests: Arc::clone(&self.requests),
            unwanted: Notify::new(),
        });
        connection.used();
        self.connections.push(Arc::downgrade(&connection));
        connection
    }

    /// Asks the one that was longest without a request to end; it is asked once.
    pub(super) fn make_room(&mut self) {
        let open = self.connections.iter().filter_map(Weak::upgrade);
        if let Some(idlest) = open.min_by_key(|one| one.used.load(Ordering::Relaxed)) {
            idlest.unwanted.notify_one();
            let idlest = Arc::downgrade(&idlest);
            self.connections.retain(|one| !one.ptr_eq(&idlest));
        }
    }
}

impl Connection {
    /// It has a request now.
    pub(super) fn used(&self) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        self.used.store(number, Ordering::Relaxed);
    }

    /// Returns when others need its place.
    pub(super) async fn is_unwanted(&self) {
        self.unwanted.notified().await;
    }
}
