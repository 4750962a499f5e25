//! What goes on beside requests: groups' deadlines, retention, cleaning, syncing what was closed, and removing what was deleted.
//!
//! Cleaning opens batches, which may take as long as somebody wants: nothing else waits for it.

use std::{fs, rc::Rc, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    clock, disk,
    log::{LogError, Progress},
    node::Node,
    partition::Partition,
};

/// How often retention and cleaner look for work. Kafka's defaults are 5 min and 15 s.
#[cfg(not(test))]
const ROUND: Duration = Duration::from_secs(5);
#[cfg(test)]
const ROUND: Duration = Duration::from_millis(1);

/// Keeps groups' deadlines, for ever.
pub(crate) async fn keep_groups(node: Rc<Node>) {
    let sooner = node.coordinator.borrow().sooner();
    loop {
        let pause = node.coordinator.borrow_mut().tick();
        match pause.map(Duration::from_millis) {
            // Either way it is time to look again.
            Some(pause) => drop(timeout(pause, sooner.notified()).await),
            None => sooner.notified().await,
        }
    }
}

/// Removes what retention says, and syncs, for ever.
pub(crate) async fn keep_logs(node: Rc<Node>) {
    loop {
        sleep(ROUND).await;
        node.sync_topics().await;
        // A full disk is told to those who write.
        drop(disk::refill_reserve());
        each_log(&node, keep_log).await;
    }
}

/// Removes what compaction says, one log after the other, for ever.
pub(crate) async fn clean_logs(node: Rc<Node>) {
    loop {
        sleep(ROUND).await;
        each_log(&node, clean_log).await;
    }
}

async fn each_log(node: &Node, work: impl AsyncFn(&Node, &Rc<Partition>) -> Result<(), LogError>) {
    for topic in node.topics.all() {
        let partitions = topic.partitions.borrow().clone();
        for partition in partitions {
            if topic.is_deleted.get() {
                break;
            }
            if let Err(error) = work(node, &partition).await {
                tracing::warn!(topic = topic.name, %error, "a log cannot be kept in order; trying again");
            }
        }
    }
}

/// Removes the files of topics that are no more, for ever. That takes as long as they are large.
pub(crate) async fn remove_folders(node: Rc<Node>) {
    let more = node.topics.more_removed();
    loop {
        for folder in node.topics.take_removed() {
            let path = folder.clone();
            let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(&path)).await;
            if let Ok(Err(error)) = removed {
                tracing::warn!(folder = %folder.display(), %error, "files of a deleted topic stay until the next start");
            }
            drop(disk::refill_reserve());
        }
        more.notified().await;
    }
}

async fn keep_log(node: &Node, partition: &Rc<Partition>) -> Result<(), LogError> {
    partition.save_producers();
    partition.log.borrow_mut().retain(clock::wall())?;
    node.sync_closed(partition).await
}

async fn clean_log(node: &Node, partition: &Rc<Partition>) -> Result<(), LogError> {
    let now = clock::wall();
    let stable = partition.stable();
    let cleaning = partition.log.borrow_mut().cleaning(stable, now)?;
    let Some(mut cleaning) = cleaning else {
        return Ok(());
    };
    partition.save_producers();
    let producers = Arc::new(partition.producer_view());
    loop {
        let (producers, stop) = (producers.clone(), node.stopping.clone());
        let work = move || {
            let progress = cleaning.go_on(&producers, &stop);
            (cleaning, progress)
        };
        let Ok((rest, progress)) = tokio::task::spawn_blocking(work).await else {
            tracing::error!("a cleaning panicked");
            return Ok(());
        };
        cleaning = rest;
        let mut log = partition.log.borrow_mut();
        match progress? {
            Progress::Group(group) => log.install(group)?,
            Progress::Done(extent) => return log.cleaned(extent),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{spawn_local, yield_now};

    use super::*;
    use crate::{
        log::build::{batch, checked, record},
        node::busy::{self, settings},
    };

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A topic with two segments, the older of which goes as soon as somebody comes.
    fn create(node: &Node, topic: &str, cleanup: &str) -> Rc<Partition> {
        let of = [
            ("cleanup.policy", cleanup),
            ("segment.ms", "1"),
            ("retention.ms", "1"),
            ("min.cleanable.dirty.ratio", "0"),
        ];
        let topic = node.topics.create(topic, 1, settings(&of)).unwrap();
        let partition = topic.partition(0).unwrap();
        for time in [0, 10] {
            let batch = checked(batch(&[record(time, "k", "v")]));
            let produced = partition.produce(batch, time, |_| Ok(())).unwrap();
            partition.show(produced.next_offset);
        }
        partition
    }

    async fn until(mut holds: impl FnMut() -> bool) {
        let wait = async {
            while !holds() {
                yield_now().await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap();
    }

    #[test]
    fn retention_goes_on_while_a_cleaning_takes_long() {
        busy::run(|node, taken| async move {
            let compacted = create(&node, "a", "compact");
            let retained = create(&node, "b", "delete");
            let _keeping = spawn_local(keep_logs(node.clone()));
            let _cleaning = spawn_local(clean_logs(node.clone()));
            let dirty = || {
                let mut log = compacted.log.borrow_mut();
                log.dirtiness(2, clock::wall()).unwrap().dirty_bytes
            };

            until(|| retained.start_offset() > 0).await;
            assert!(dirty() > 0);
            drop(taken);

            until(|| dirty() == 0).await;
        });
    }
}
