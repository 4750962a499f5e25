//! What goes on beside requests: groups' deadlines, retention, cleaning, syncing what was closed, and removing what was deleted.

use std::{fs, rc::Rc, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    clock, disk,
    log::{LogError, Progress},
    node::Node,
    partition::Partition,
};

/// How often retention and cleaner look for work. Kafka's defaults are 5 min and 15 s.
const ROUND: Duration = Duration::from_secs(5);

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

/// Removes what retention and compaction say, for ever.
pub(crate) async fn keep_logs(node: Rc<Node>) {
    loop {
        sleep(ROUND).await;
        node.sync_topics().await;
        // A full disk is told to those who write.
        drop(disk::refill_reserve());
        for topic in node.topics.all() {
            let partitions = topic.partitions.borrow().clone();
            for partition in partitions {
                if topic.is_deleted.get() {
                    break;
                }
                if let Err(error) = keep_log(&node, &partition).await {
                    tracing::warn!(topic = topic.name, %error, "a log cannot be kept in order; trying again");
                }
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
    let now = clock::wall();
    partition.save_producers();
    partition.log.borrow_mut().retain(now)?;
    node.sync_closed(partition).await?;
    let stable = partition.stable();
    let cleaning = partition.log.borrow_mut().cleaning(stable, now)?;
    let Some(mut cleaning) = cleaning else {
        return Ok(());
    };
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
