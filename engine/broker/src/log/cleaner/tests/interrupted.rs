//! Cleanings that something comes in between of.

use super::*;

fn next_file(cleaning: &mut Cleaning) -> CleanedGroup {
    let progress = cleaning.go_on(&ProducerView::default(), &AtomicBool::new(false));
    match progress.unwrap() {
        Progress::Group(group) => group,
        Progress::Done(extent) => panic!("nothing is to be written: {extent:?}"),
    }
}

#[test]
fn segments_deleted_meanwhile_stay_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for at in 0..20 {
        append(&mut log, batch(&[record(at, "k", "v")]));
    }
    log.roll(0).unwrap();
    let mut cleaning = log.cleaning(i64::MAX, 0).unwrap().unwrap();
    let cleaned = next_file(&mut cleaning);

    log.delete_records(20).unwrap();
    log.install(cleaned).unwrap();

    assert!(log.closed.is_empty());
    drop(log);
    let mut log = open(dir.path());
    assert_eq!((log.start_offset(), log.end_offset()), (20, 20));
    assert!(consume(&mut log, 1000).is_empty());
}

#[test]
fn a_stopped_cleaning_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, batch(&[record(1, "k", "a"), record(1, "k", "b")]));
    log.roll(0).unwrap();
    let mut cleaning = log.cleaning(i64::MAX, 0).unwrap().unwrap();

    let stopped = cleaning.go_on(&ProducerView::default(), &AtomicBool::new(true));

    assert!(matches!(stopped, Err(LogError::Stopped)));
    assert_eq!(consume(&mut log, 1000).len(), 2);
}

#[test]
fn a_damaged_segment_is_not_rewritten_and_the_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for value in ["a", "b", "c"] {
        append(
            &mut log,
            batch(&[record(1, "k", value), record(1, "j", value)]),
        );
        log.roll(0).unwrap();
    }
    log.set_config(LogConfig {
        segment_bytes: 100,
        ..config()
    });
    let damaged = log.closed[1].path().to_owned();
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[16] = 9;
    fs::write(&damaged, &bytes).unwrap();

    clean_with(&mut log, 10, &ProducerView::default());

    assert_eq!(fs::read(&damaged).unwrap(), bytes);
    assert_eq!(log.read(2, &generous()).unwrap_err().code(), 2);
    assert_eq!(
        values(&decode(&log.read(4, &generous()).unwrap())),
        ["c", "c"]
    );
    assert_eq!(log.closed[0].size, 0);
}

/// Every state that a crash in the middle of an installation can leave.
#[test]
fn an_interrupted_installation_is_finished_or_given_up() {
    for step in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path());
        for at in 0..12 {
            append(
                &mut log,
                batch(&[record(at, &format!("k{}", at % 2), &at.to_string())]),
            );
        }
        log.roll(0).unwrap();
        log.set_config(LogConfig {
            segment_bytes: 4000,
            ..config()
        });
        let mut cleaning = log.cleaning(i64::MAX, 0).unwrap().unwrap();
        let cleaned = next_file(&mut cleaning);
        let written = cleaned.file.0.clone();
        let swap = written.with_extension(SWAP_EXTENSION);
        let others: Vec<_> = log
            .closed
            .iter()
            .skip(1)
            .map(|one| one.path().to_owned())
            .collect();
        assert_eq!(others.len(), 2);
        drop(log);
        if step > 0 {
            fs::rename(&written, &swap).unwrap();
        }
        for other in others.iter().take(step.max(1) - 1) {
            fs::remove_file(other).unwrap();
        }

        let mut log = open(dir.path());

        let seen = values(&consume(&mut log, 1000));
        if step == 0 {
            assert_eq!(seen.len(), 12);
        } else {
            assert_eq!(seen, ["10", "11"]);
        }
        assert_eq!((log.start_offset(), log.end_offset()), (0, 12));
        assert!(!written.exists() && !swap.exists());
    }
}

#[test]
fn a_cleaned_log_that_lost_its_checkpoint_is_not_cut_at_its_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for at in 0..20 {
        let key = format!("k{}", at % 7);
        append(&mut log, batch(&[record(at, &key, &at.to_string())]));
    }
    let before = clean(&mut log, 10);
    append(&mut log, batch(&[record(20, "last", "20")]));
    drop(log);

    fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let mut log = open(dir.path());

    assert_eq!(log.end_offset(), 21);
    assert_eq!(consume(&mut log, 1000).len(), before.len() + 1);
    drop(log);
    assert_eq!(open(dir.path()).end_offset(), 21);
}
