//! A disk that is full or fails.

use super::*;
use crate::disk::{
    faults::{fail_next_sync, set_bytes_left},
    keep_reserve,
};

#[test]
fn a_full_disk_leaves_nothing_of_the_append() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 2);
    let size = log.size();
    let bytes = batch(&[record(1, "k", "lost")]);

    for left in [0, 10, 61, 70] {
        set_bytes_left(Some(left));
        let failed = log.append(&[checked(bytes.clone())], 1).unwrap_err();
        set_bytes_left(None);
        assert_eq!(failed.code(), 56);
        assert_eq!(fs::metadata(log.active.path()).unwrap().len(), size);
    }

    assert_eq!(append(&mut log, 1, "2").base_offset, 2);
    assert_eq!(values(&consume(&mut log, 1000)), ["0", "1", "2"]);
}

#[test]
fn after_a_failed_sync_nothing_is_appended_or_taken_for_synced_until_the_log_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path(), 20);
    let task = log.sync().unwrap();
    let queued = log.sync().unwrap();
    let next = || [checked(batch(&[record(1, "k", "next")]))];

    fail_next_sync();
    assert_eq!(task.run().unwrap_err().code(), 56);

    assert!(queued.run().is_err(), "the system may have forgotten");
    assert!(log.sync().is_err());
    assert_eq!(log.append(&next(), 1).unwrap_err().code(), 56);
    assert_eq!(consume(&mut log, 1000).len(), 20);
    assert!(log.close().is_err());
    let (mut log, recovery) = Log::open(dir.path(), small_config(), 0).unwrap();
    assert!(!recovery.was_clean);
    assert_eq!(recovery.verified_bytes, log.size());
    assert_eq!(log.append(&next(), 1).unwrap().base_offset, 20);
}

#[test]
fn a_new_log_has_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();

    drop(open(dir.path()));

    assert!(dir.path().join("checkpoint").exists());
}

#[test]
fn on_a_full_disk_records_can_be_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(&dir.path().join("log"), 20);
    let before = segment_files(&log.dir);

    set_bytes_left(Some(0));
    let refused = log.delete_records(12);
    set_bytes_left(None);
    assert_eq!(refused.unwrap_err().code(), 56);
    assert_eq!(log.start_offset(), 0);
    keep_reserve(dir.path().join("reserve")).unwrap();
    set_bytes_left(Some(0));
    let deleted = log.delete_records(12);
    set_bytes_left(None);

    assert_eq!(deleted.unwrap(), 12);
    assert!(segment_files(&log.dir) < before);
    let (log, _) = Log::open(&log.dir, small_config(), 0).unwrap();
    assert_eq!(log.start_offset(), 12);
}
