//! Transactions with the world around them: the clock, the file that keeps them, and how a decided one is carried out.
//!
//! ```text
//!   <data>/transactions.jsonl    transactions, as `change_file.rs` writes them
//!
//!   decision in the file (synced, with flush=fsync) ─▶ a marker in every partition, offsets of groups ─▶ done, in the file
//! ```
//! Invariant: a change is in the file before it counts. The decision is one line, so that a transaction ends everywhere in the
//! same way: what a crash cut short is carried out at the next start, without markers that are there already.

use std::{collections::HashSet, io, path::Path, rc::Rc, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    Error,
    change_file::ChangeFile,
    clock::{self, Monotonic},
    code::ErrorCode,
    log::{Ending, LogError, Marker},
    node::Node,
    partition::Partition,
    transactions::{Change, Prepared, Transactions},
};

/// How long after a failure it is tried again to carry out what is decided.
const AGAIN: Duration = Duration::from_secs(1);

/// All transactions.
#[derive(Debug)]
pub(crate) struct Transactor {
    pub(crate) transactions: Transactions,
    clock: Monotonic,
    file: ChangeFile,
    /// What is being carried out.
    ending: HashSet<Arc<str>>,
    /// Told when there is something to do sooner than was known.
    sooner: Rc<Notify>,
}

impl Transactor {
    /// Opens the transactions in a folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let clock = Monotonic::start();
        let mut transactions = Transactions::default();
        let file = ChangeFile::open(dir.join("transactions.jsonl"), |change| {
            transactions.apply(change, clock.now());
        })?;
        Ok(Self {
            transactions,
            clock,
            file,
            ending: HashSet::new(),
            sooner: Rc::default(),
        })
    }

    /// What puts all changes so far on the disk; for any thread.
    pub(crate) fn sync(&self) -> impl FnOnce() -> io::Result<()> + Send + use<> {
        self.file.sync()
    }

    /// Writes changes to the file and makes them.
    ///
    /// # Errors
    /// `StorageError`: nothing has changed.
    pub(crate) fn make(&mut self, changes: Vec<Change>) -> Result<(), ErrorCode> {
        let before = self.transactions.next_deadline();
        self.file.append(&changes).map_err(refused)?;
        let now = self.clock.now();
        for change in changes {
            self.transactions.apply(change, now);
        }
        if self.transactions.next_deadline() != before {
            self.sooner.notify_one();
        }
        self.file.shrink(self.transactions.changes());
        Ok(())
    }
}

fn refused(error: io::Error) -> ErrorCode {
    tracing::error!(%error, "transactions cannot be written");
    ErrorCode::StorageError
}

/// Aborts what takes too long, and carries out what is decided and was not carried out, for ever.
pub(crate) async fn keep_transactions(node: Rc<Node>) {
    let sooner = node.transactor.borrow().sooner.clone();
    loop {
        if let Err(code) = abort_due(&node) {
            tracing::error!(?code, "transactions cannot be aborted; trying again");
            sleep(AGAIN).await;
            continue;
        }
        let decided = node.transactor.borrow().transactions.prepared();
        let mut has_failed = false;
        for id in decided {
            has_failed |= carry_out(&node, id, Markers::WhereMissing).await.is_err();
        }
        let pause = {
            let transactor = node.transactor.borrow();
            let next = transactor.transactions.next_deadline();
            next.map(|at| Duration::from_millis(at.saturating_sub(transactor.clock.now())))
        };
        let again = has_failed.then_some(AGAIN);
        // Either way it is time to look again.
        match pause.into_iter().chain(again).min() {
            Some(pause) => drop(timeout(pause, sooner.notified()).await),
            None => sooner.notified().await,
        }
    }
}

fn abort_due(node: &Node) -> Result<(), ErrorCode> {
    let mut transactor = node.transactor.borrow_mut();
    let due = transactor.transactions.due(transactor.clock.now());
    for change in &due {
        tracing::info!(?change, "a transaction took too long and is aborted");
    }
    transactor.make(due)
}

/// Carries out what is decided for an id. Where it cannot be done now it is tried again.
///
/// # Errors
/// `StorageError`: it cannot. `ConcurrentTransactions`: it is being done.
pub(crate) async fn finish(node: &Rc<Node>, id: Arc<str>) -> Result<(), ErrorCode> {
    let done = carry_out(node, id, Markers::Everywhere).await;
    if done.is_err() {
        node.transactor.borrow().sooner.notify_one();
    }
    done
}

/// Which partitions of a transaction get a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markers {
    /// All, though nothing may have been written there: as Kafka does it.
    Everywhere,
    /// Those where it ends something: it may have been tried before.
    WhereMissing,
}

/// It goes on though nobody may wait for it any more.
async fn carry_out(node: &Rc<Node>, id: Arc<str>, markers: Markers) -> Result<(), ErrorCode> {
    if !node.transactor.borrow_mut().ending.insert(id.clone()) {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let own = node.clone();
    let done = tokio::task::spawn_local(async move {
        let done = end(&own, &id, markers).await;
        own.transactor.borrow_mut().ending.remove(&id);
        done
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the end of a transaction panicked");
        Err(ErrorCode::StorageError)
    })
}

async fn end(node: &Rc<Node>, id: &Arc<str>, markers: Markers) -> Result<(), ErrorCode> {
    let prepared = node.transactor.borrow().transactions.prepared_of(id);
    let Some(prepared) = prepared else {
        return Ok(());
    };
    // The decision must not be lost where its markers are not.
    node.settle_transactions().await.map_err(refused)?;
    for (partition, end) in write_markers(node, &prepared, markers)? {
        node.settle(&partition, end).await.map_err(unwritten)?;
    }
    end_offsets(node, &prepared)?;
    node.settle_groups().await.map_err(refused)?;
    let done = Change::Completed { id: id.clone() };
    node.transactor.borrow_mut().make(vec![done])
}

/// Appends what ends a transaction to its partitions, as far as they are there.
fn write_markers(
    node: &Node,
    prepared: &Prepared,
    markers: Markers,
) -> Result<Vec<(Rc<Partition>, i64)>, ErrorCode> {
    let producer = prepared.producer;
    let marker = Marker {
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        ending: prepared.ending,
    };
    let mut written = Vec::new();
    for (topic, partitions) in prepared.parts.topics() {
        for index in partitions {
            let partition = node.topics.partition(topic, *index);
            let is_wanted = |one: &Rc<Partition>| match markers {
                Markers::Everywhere => true,
                Markers::WhereMissing => one.awaits_end(producer.id, producer.epoch),
            };
            if let Some(partition) = partition.filter(is_wanted) {
                let end = partition.end_transaction(marker, clock::wall());
                written.push((partition, end.map_err(unwritten)?));
            }
        }
    }
    Ok(written)
}

fn end_offsets(node: &Node, prepared: &Prepared) -> Result<(), ErrorCode> {
    let mut coordinator = node.coordinator.borrow_mut();
    let changes = coordinator.groups.end_transaction(
        prepared.parts.groups(),
        prepared.producer.id,
        prepared.ending,
    );
    let made = coordinator.make(changes).map_err(refused);
    coordinator.hand_out();
    made
}

fn unwritten(error: LogError) -> ErrorCode {
    tracing::error!(%error, "the end of a transaction cannot be written");
    ErrorCode::StorageError
}

/// Aborts what partitions have of transactions that nobody knows: their beginning was lost with the power.
///
/// # Errors
/// `StorageError`: that cannot be written.
pub(crate) fn abort_unknown(node: &Node) -> Result<(), ErrorCode> {
    let transactor = node.transactor.borrow();
    for topic in node.topics.all() {
        for (index, partition) in (0..).zip(topic.partitions.borrow().iter()) {
            for (producer_id, producer_epoch) in partition.open_transactions() {
                let transactions = &transactor.transactions;
                if transactions.has_open(producer_id, &topic.name, index) {
                    continue;
                }
                tracing::warn!(
                    topic = topic.name,
                    index,
                    producer_id,
                    "an unknown transaction is aborted"
                );
                let marker = Marker {
                    producer_id,
                    producer_epoch,
                    ending: Ending::Abort,
                };
                let end = partition.end_transaction(marker, clock::wall());
                partition.show(end.map_err(unwritten)?);
            }
        }
    }
    Ok(())
}
