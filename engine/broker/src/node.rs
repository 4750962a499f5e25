//! The broker's state: one value that all requests share, on one thread.

#[cfg(test)]
pub(crate) mod busy;

use std::{
    cell::{Cell, RefCell},
    io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::Semaphore,
    task::{spawn_blocking, yield_now},
    time::timeout,
};

use crate::{
    Error, Flush,
    code::ErrorCode,
    connections::Connections,
    coordinator::Coordinator,
    disk,
    limits::LOOKUP_TIME_MAX,
    log::{CheckedBatch, Effort, Inspection, LogError, Lookup},
    partition::Partition,
    store,
    syncer::Syncer,
    topics::Topics,
    transactor::Transactor,
};

/// The number of the only node.
pub(crate) const NODE_ID: i32 = 1;

/// Partitions of a topic that is made because somebody asked for it, and of one that does not say.
pub(crate) const PARTITIONS_DEFAULT: i32 = 1;

/// Producer ids that are taken from the file at once.
const PRODUCER_IDS_BLOCK: i64 = 1_000;

/// The state.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) topics: Topics,
    pub(crate) coordinator: RefCell<Coordinator>,
    pub(crate) transactor: RefCell<Transactor>,
    pub(crate) connections: Rc<Connections>,
    /// Who changes topics: one request at a time, for each change is a file written anew.
    pub(crate) changes: Semaphore,
    /// Who looks up a time: one at a time, on a thread of its own.
    pub(crate) lookups: Semaphore,
    /// Who has a batch looked into: the same.
    inspections: Arc<Semaphore>,
    pub(crate) cluster_id: String,
    /// The broker ends: what takes long on other threads is to end too.
    pub(crate) stopping: Arc<AtomicBool>,
    #[cfg(feature = "faults")]
    pub(crate) faults: crate::Faults,
    flush: Flush,
    syncer: Syncer,
    file: PathBuf,
    /// The next producer id, and where those end that were taken from the file.
    producer_ids: Cell<(i64, i64)>,
}

/// What the file of the node has.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    cluster_id: String,
    /// No producer was given this id or a higher one.
    next_producer_id: i64,
}

impl Node {
    /// Opens the data in a folder.
    pub(crate) fn open(dir: &Path, flush: Flush, connections_max: usize) -> Result<Self, Error> {
        if let Err(error) = disk::keep_reserve(dir.join("reserve")) {
            tracing::warn!(%error, "the disk is full or fails: there may be no room to delete anything");
        }
        let file = dir.join("node.json");
        let saved = match store::load::<Saved>(&file)? {
            Some(saved) => saved,
            None => {
                let saved = Saved {
                    cluster_id: new_cluster_id(),
                    next_producer_id: 0,
                };
                store::save(&file, &saved)
                    .map_err(|error| Error::storage("write", &file, &error))?;
                saved
            }
        };
        let syncer = Syncer::start().map_err(|error| {
            Error::new(
                crate::ErrorKind::Unavailable,
                "thread",
                format!("start a thread: {error}"),
            )
        })?;
        let topics = Topics::open(dir, flush)?;
        let mut coordinator = Coordinator::open(dir)?;
        coordinator
            .forget_topics(|name| topics.get(name).is_none())
            .map_err(|error| Error::storage("write committed offsets in", dir, &error))?;
        Ok(Self {
            topics,
            coordinator: RefCell::new(coordinator),
            transactor: RefCell::new(Transactor::open(dir)?),
            connections: Rc::new(Connections::new(connections_max)),
            changes: Semaphore::new(1),
            lookups: Semaphore::new(1),
            inspections: Arc::new(Semaphore::new(1)),
            cluster_id: saved.cluster_id,
            stopping: Arc::default(),
            #[cfg(feature = "faults")]
            faults: crate::Faults::default(),
            flush,
            syncer,
            file,
            producer_ids: Cell::new((saved.next_producer_id, saved.next_producer_id)),
        })
    }

    /// An id that no producer has had.
    ///
    /// # Errors
    /// `StorageError`: that it is taken cannot be written.
    pub(crate) fn new_producer_id(&self) -> Result<i64, ErrorCode> {
        let (next, end) = self.producer_ids.get();
        if next < end {
            self.producer_ids.set((next + 1, end));
            return Ok(next);
        }
        let end = next + PRODUCER_IDS_BLOCK;
        let saved = Saved {
            cluster_id: self.cluster_id.clone(),
            next_producer_id: end,
        };
        store::save(&self.file, &saved).map_err(|error| {
            tracing::error!(%error, "producer ids cannot be taken");
            ErrorCode::StorageError
        })?;
        self.producer_ids.set((next + 1, end));
        Ok(next)
    }

    /// Makes what was appended up to `end` as durable as the broker was told to, and then visible.
    ///
    /// # Errors
    /// `Storage`: the disk refuses.
    pub(crate) async fn settle(&self, partition: &Rc<Partition>, end: i64) -> Result<(), LogError> {
        match self.flush {
            Flush::Os => partition.show(end),
            Flush::Fsync if partition.visible() < end => {
                let task = partition.sync()?;
                let sync = move || task.run();
                let done = self.syncer.run(sync);
                let partition = partition.clone();
                // On its own, for the client may go away meanwhile and what it sent is to be seen all the same.
                let synced = tokio::task::spawn_local(async move {
                    partition.synced(done.await.ok_or_else(LogError::no_syncer)??);
                    Ok(())
                });
                synced
                    .await
                    .unwrap_or_else(|_| Err(LogError::no_syncer()))?;
            }
            Flush::Fsync => {}
        }
        Ok(())
    }

    /// Makes what groups have committed as durable as the broker was told to.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) async fn settle_groups(&self) -> io::Result<()> {
        self.settle_file(|node| node.coordinator.borrow().sync())
            .await
    }

    /// Makes what became of transactions as durable as the broker was told to.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) async fn settle_transactions(&self) -> io::Result<()> {
        self.settle_file(|node| node.transactor.borrow().sync())
            .await
    }

    async fn settle_file<S>(&self, sync: impl FnOnce(&Self) -> S) -> io::Result<()>
    where
        S: FnOnce() -> io::Result<()> + Send + 'static,
    {
        match self.flush {
            Flush::Os => Ok(()),
            Flush::Fsync => {
                let synced = self.syncer.run(sync(self)).await;
                synced.unwrap_or_else(no_syncer)
            }
        }
    }

    /// Runs a look-up on another thread, after those that came before; nothing if that would take too long.
    pub(crate) async fn look_up(
        &self,
        lookup: Lookup,
    ) -> Option<Result<Option<(i64, i64)>, LogError>> {
        let turn = timeout(LOOKUP_TIME_MAX, self.lookups.acquire()).await;
        let _turn = turn.ok()?.ok()?;
        let found = spawn_blocking(move || lookup.run()).await;
        found
            .inspect_err(|error| tracing::error!(%error, "a look-up failed"))
            .ok()
    }

    /// Looks into a batch, on another thread and after those that came before if that may take long.
    ///
    /// # Errors
    /// The batch is refused, or the broker ends.
    pub(crate) async fn inspect(&self, inspection: Inspection) -> Result<CheckedBatch, LogError> {
        let effort = inspection.effort();
        if effort != Effort::Much {
            let batch = inspection.run();
            if effort == Effort::Some {
                yield_now().await;
            }
            return batch;
        }
        let turn = self.inspections.clone().acquire_owned().await;
        let inspected = spawn_blocking(move || {
            // It takes its turn though nobody may wait for it any more.
            let _turn = turn;
            inspection.run()
        });
        inspected.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a batch was not looked into");
            Err(LogError::Stopped)
        })
    }

    /// Syncs the list of topics, if it was written meanwhile.
    pub(crate) async fn sync_topics(&self) {
        let Some(path) = self.topics.unsynced() else {
            return;
        };
        let synced = self.syncer.run(move || store::sync(&path)).await;
        self.topics.synced(synced.unwrap_or_else(no_syncer));
    }

    /// Syncs what was closed meanwhile, so that little is to be verified after a crash.
    pub(crate) async fn sync_closed(&self, partition: &Rc<Partition>) -> Result<(), LogError> {
        if !partition.log.borrow().wants_sync() {
            return Ok(());
        }
        let task = partition.sync()?;
        if let Some(done) = self.syncer.run(move || task.run()).await {
            partition.log.borrow_mut().synced(done?)?;
        }
        Ok(())
    }
}

fn no_syncer() -> io::Result<()> {
    Err(io::Error::other("the syncing thread is gone"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a cluster's id is Kafka's own: nothing is replayed here"
)]
fn new_cluster_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..22].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        group::{Change, CommittedOffset},
        topic::config::Overrides,
    };

    fn open(dir: &Path) -> Node {
        Node::open(dir, Flush::Os, 10).unwrap()
    }

    #[test]
    fn a_topic_made_again_after_a_crash_in_its_deletion_has_no_offsets() {
        let dir = tempfile::tempdir().unwrap();
        let node = open(dir.path());
        let topics = &node.topics;
        let topic = topics.create("orders", 1, Overrides::default()).unwrap();
        let change = Change::OffsetCommitted {
            group: "g".into(),
            topic: "orders".to_owned(),
            partition: 0,
            offset: CommittedOffset {
                offset: 42,
                leader_epoch: -1,
                metadata: String::new(),
                commit_timestamp_ms: 0,
            },
        };
        node.coordinator.borrow_mut().make(vec![change]).unwrap();
        let offset = |node: &Node| {
            let coordinator = node.coordinator.borrow();
            let found = coordinator.groups.fetch_offset("g", "orders", 0);
            found.map(|found| found.offset)
        };
        drop(node);
        assert_eq!(offset(&open(dir.path())), Some(42));

        // Its offsets would be next.
        open(dir.path()).topics.delete(&topic).unwrap();
        let node = open(dir.path());
        node.topics
            .create("orders", 1, Overrides::default())
            .unwrap();

        assert_eq!(offset(&node), None);
        drop(node);
        assert_eq!(offset(&open(dir.path())), None);
    }

    #[test]
    fn a_damaged_file_of_the_node_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()));
        let path = dir.path().join("node.json");
        let mut bytes = std::fs::read(&path).unwrap();
        let digit = bytes.len() - 3;
        bytes[digit] ^= 1;
        std::fs::write(&path, bytes).unwrap();

        let refused = Node::open(dir.path(), Flush::Os, 10).unwrap_err();

        assert_eq!(refused.kind(), crate::ErrorKind::Corrupt);
    }
}
