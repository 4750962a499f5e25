//! One partition: its log, what producers have sent to it, and who waits for more.
//!
//! Invariant: nobody reads beyond `visible`. Without syncing that is the log's end; with `flush = fsync` it is what is on the
//! disk.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    path::{Path, PathBuf},
    rc::{Rc, Weak},
};

use bytes::Bytes;
use tokio::sync::{Mutex, Notify};

use crate::{
    code::ErrorCode,
    log::{
        AbortedTransaction, BatchHeader, CheckedBatch, FirstBatch, Inspection, Log, LogConfig,
        LogError, Marker, Origin, ProducerView, ReadBounds, SyncTask, Synced,
    },
    producers::{Producers, Verdict},
};

/// A partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) log: RefCell<Log>,
    producers: RefCell<Producers>,
    dir: PathBuf,
    /// Up to which offset the producers are in their file.
    producers_saved: Cell<i64>,
    visible: Cell<i64>,
    /// Whose batch is being checked or appended: who comes later is appended later.
    pub(crate) turn: Mutex<()>,
    is_gone: Cell<bool>,
    waiting: RefCell<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_number: HashMap<u64, Rc<Notify>>,
}

/// What became of a produced batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Produced {
    pub(crate) base_offset: i64,
    /// Where the log ended then: to be visible before the answer.
    pub(crate) next_offset: i64,
    pub(crate) append_time: i64,
    pub(crate) start_offset: i64,
}

impl Partition {
    /// Opens the partition's log, and reads in it what producers have sent.
    pub(crate) fn open(dir: &Path, config: LogConfig, now: i64) -> Result<Self, LogError> {
        let (mut log, recovery) = Log::open(dir, config, now)?;
        if recovery.truncated_bytes > 0 {
            let bytes = recovery.truncated_bytes;
            tracing::warn!(dir = %dir.display(), bytes, "the end of a log was torn and is cut off");
        }
        let (mut producers, from) = Producers::load(dir, log.end_offset());
        log.visit_batches(from, |batch, ending| {
            let time = if batch.has_append_time() {
                batch.max_timestamp
            } else {
                -1
            };
            producers.found(batch, time, ending);
        })?;
        Ok(Self {
            visible: Cell::new(log.end_offset()),
            log: RefCell::new(log),
            producers: RefCell::new(producers),
            dir: dir.to_owned(),
            producers_saved: Cell::new(from),
            turn: Mutex::default(),
            is_gone: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// What is to be looked at of what a client sent, before it is appended.
    ///
    /// # Errors
    /// It is no batch that may be appended.
    pub(crate) fn check(&self, records: Bytes, now: i64) -> Result<Inspection, LogError> {
        let log = self.log.borrow();
        let batch = CheckedBatch::new(records, log.config().max_message_bytes, Origin::Client)?;
        Ok(log.inspection(batch, now))
    }

    /// Appends what a client sent, unless it is a repeat. It is not visible yet. Of a batch that is part of a transaction
    /// `admit` is asked whether it may be. After a failed sync a repeat is refused as well: it may not be on the disk.
    pub(crate) fn produce(
        &self,
        batch: CheckedBatch,
        now: i64,
        admit: impl FnOnce(&BatchHeader) -> Result<(), ErrorCode>,
    ) -> Result<Produced, Refused> {
        if self.is_gone.get() {
            let code = ErrorCode::UnknownTopicOrPartition;
            return Err(Refused::new(code, "the topic was deleted meanwhile"));
        }
        let mut log = self.log.borrow_mut();
        log.check()?;
        if batch.header().is_transactional() {
            admit(batch.header())
                .map_err(|code| Refused::new(code, "the batch's transaction is not open here"))?;
        }
        let mut producers = self.producers.borrow_mut();
        let verdict = producers.judge(batch.header()).map_err(|code| {
            Refused::new(code, "the batch does not follow the producer's last one")
        })?;
        if let Verdict::Repeat(sent) = verdict {
            return Ok(Produced {
                base_offset: sent.base_offset,
                next_offset: log.end_offset(),
                append_time: sent.append_time,
                start_offset: log.start_offset(),
            });
        }
        let header = *batch.header();
        let appended = log.append(&[batch], now)?;
        producers.appended(&header, appended.base_offset, appended.log_append_time);
        Ok(Produced {
            base_offset: appended.base_offset,
            next_offset: appended.next_offset,
            append_time: appended.log_append_time,
            start_offset: appended.start_offset,
        })
    }

    /// Appends the end of a transaction; gives where the log ends then. It is not visible yet.
    pub(crate) fn end_transaction(&self, marker: Marker, now: i64) -> Result<i64, LogError> {
        let batch = marker.to_batch(now)?;
        let header = *batch.header();
        let appended = self.log.borrow_mut().append(&[batch], now)?;
        let mut producers = self.producers.borrow_mut();
        producers.ended(&header, appended.base_offset, marker.ending);
        Ok(appended.next_offset)
    }

    /// Whether a transaction's end would change anything here: it has not been written yet.
    pub(crate) fn awaits_end(&self, producer_id: i64, epoch: i16) -> bool {
        self.producers.borrow().awaits(producer_id, epoch)
    }

    /// The producers that have a transaction open here, and their epochs.
    pub(crate) fn open_transactions(&self) -> Vec<(i64, i16)> {
        self.producers.borrow().open().collect()
    }

    /// Everything up to `end` may be read; wakes who waits for it.
    pub(crate) fn show(&self, end: i64) {
        if end > self.visible.get() {
            self.visible.set(end);
            for waiting in self.waiting.borrow().by_number.values() {
                waiting.notify_one();
            }
        }
    }

    /// What a [`SyncTask`] made durable may be read.
    pub(crate) fn synced(&self, done: Synced) {
        if let Err(error) = self.log.borrow_mut().synced(done) {
            tracing::warn!(%error, "a log's checkpoint is not written");
        }
        self.show(done.below);
    }

    /// What has to be synced so that all appends so far are on the disk.
    pub(crate) fn sync(&self) -> Result<SyncTask, LogError> {
        self.log.borrow_mut().sync()
    }

    /// Whole batches from an offset on, below what the reader may see.
    pub(crate) fn fetch(
        &self,
        offset: i64,
        bytes_max: usize,
        first_batch: FirstBatch,
        below: i64,
    ) -> Result<Bytes, LogError> {
        self.log.borrow_mut().read(
            offset,
            &ReadBounds {
                bytes_max,
                first_batch,
                below,
            },
        )
    }

    /// The offset that the next visible record will have: Kafka's high watermark.
    pub(crate) fn visible(&self) -> i64 {
        self.visible.get()
    }

    /// Below this no transaction is open: Kafka's last stable offset.
    pub(crate) fn stable(&self) -> i64 {
        let visible = self.visible.get();
        match self.producers.borrow().first_unstable() {
            None => visible,
            Some(first) => first.max(self.start_offset()).min(visible),
        }
    }

    /// What was aborted of `records`, which were read from `offset` on.
    pub(crate) fn aborted_in(&self, offset: i64, records: &Bytes) -> Vec<AbortedTransaction> {
        let producers = self.producers.borrow();
        // Most topics have nothing aborted, and consumers that keep up are behind what was.
        if !producers.has_aborted(offset) {
            return Vec::new();
        }
        end_of(records).map_or_else(Vec::new, |end| producers.aborted(offset, end))
    }

    pub(crate) fn start_offset(&self) -> i64 {
        self.log.borrow().start_offset()
    }

    /// What the cleaner must know of producers.
    pub(crate) fn producer_view(&self) -> ProducerView {
        let producers = self.producers.borrow();
        ProducerView {
            last_offsets: producers.last_offsets(),
            aborted: producers.aborted(self.start_offset(), i64::MAX),
        }
    }

    /// Saves what producers have sent, if they have sent anything since: before batches are removed, and now and then, so
    /// that the next opening has little to read.
    pub(crate) fn save_producers(&self) {
        self.producers.borrow_mut().trim(self.start_offset());
        let end = self.log.borrow().end_offset();
        if end == self.producers_saved.get() {
            return;
        }
        match self.producers.borrow().save(&self.dir, end) {
            Ok(()) => self.producers_saved.set(end),
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), %error, "producers are not saved: the next start reads more of the log");
            }
        }
    }

    /// Puts everything on the disk.
    pub(crate) fn close(self) -> Result<(), LogError> {
        self.save_producers();
        self.log.into_inner().close()
    }

    /// Wakes everyone: the partition is gone.
    pub(crate) fn end(&self) {
        self.is_gone.set(true);
        for waiting in self.waiting.borrow().by_number.values() {
            waiting.notify_one();
        }
    }

    /// `notify` is told when more is visible, until the guard is dropped.
    pub(crate) fn wait(self: &Rc<Self>, notify: &Rc<Notify>) -> Wait {
        let mut waiting = self.waiting.borrow_mut();
        waiting.next += 1;
        let number = waiting.next;
        waiting.by_number.insert(number, notify.clone());
        Wait {
            partition: Rc::downgrade(self),
            number,
        }
    }
}

/// The offset after the last of these batches.
fn end_of(records: &Bytes) -> Option<i64> {
    let (mut end, mut at) = (None, 0);
    while let Ok(header) = BatchHeader::parse(&records[at..]) {
        end = Some(header.next_offset());
        at = records.len().min(at + header.size());
    }
    end
}

/// Checks what a client believes the leader's epoch to be: there has been one leader, of epoch 0; −1 says nothing.
pub(crate) fn check_leader_epoch(believed: i32) -> Result<(), ErrorCode> {
    match believed {
        -1 | 0 => Ok(()),
        ..-1 => Err(ErrorCode::FencedLeaderEpoch),
        1.. => Err(ErrorCode::UnknownLeaderEpoch),
    }
}

/// Somebody waits for more records of a partition, until this is dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    partition: Weak<Partition>,
    number: u64,
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(partition) = self.partition.upgrade() {
            partition
                .waiting
                .borrow_mut()
                .by_number
                .remove(&self.number);
        }
    }
}

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: i16,
    pub(crate) message: String,
    /// Numbers of records in the batch, and what is wrong with them.
    pub(crate) records: Vec<(i32, &'static str)>,
}

impl Refused {
    fn new(code: ErrorCode, message: &str) -> Self {
        Self {
            code: code.code(),
            message: message.to_owned(),
            records: Vec::new(),
        }
    }
}

impl From<LogError> for Refused {
    fn from(error: LogError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            records: match error {
                LogError::Rejected(rejected) => rejected.records().to_vec(),
                _ => Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
