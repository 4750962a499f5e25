//! Cleanings on a disk that is full.

use super::*;
use crate::disk::faults::set_bytes_left;

/// Six keys over and over, in segments that a cleaning makes several files of.
fn filled(dir: &Path) -> Log {
    let mut log = open(dir);
    for at in 0..60 {
        let key = format!("k{}", at % 6);
        append(&mut log, batch(&[record(at, &key, &at.to_string())]));
    }
    log.roll(0).unwrap();
    log
}

fn files_of(dir: &Path, extension: &str) -> usize {
    let paths = fs::read_dir(dir).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|one| one == extension));
    paths.count()
}

#[test]
fn a_file_that_does_not_fit_is_removed_and_what_was_cleaned_before_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = filled(dir.path());
    let before = log.size();

    let cleaning = log.cleaning(i64::MAX, 0).unwrap().unwrap();
    set_bytes_left(Some(100));
    let failed = log.clean_here(cleaning, &ProducerView::default(), usize::MAX);
    set_bytes_left(None);

    assert!(failed.unwrap_err().is_full());
    assert!(log.size() < before / 2, "{} of {before} bytes", log.size());
    assert_eq!(files_of(dir.path(), "cleaned"), 0);
    assert_eq!(log.closed[0].size, 0);
    drop(log);
    let mut log = open(dir.path());
    let seen = clean(&mut log, 10);
    assert_eq!(values(&seen), ["54", "55", "56", "57", "58", "59"]);
}
