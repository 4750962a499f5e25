//! Snapshots of journals as simulated engines write them: what was trimmed can be read by every later build.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::{fs, path::PathBuf};

use sagaline_journal::{Footing, Snapshot};
use sagaline_runtime::Fold;
use sagaline_testkit::{Settings, Weather, simulate_journal};

/// Bytes that a build wrote, with their footing. Never written again: what once stands on a topic is all that is left of a
/// trimmed journal. `SAGALINE_GOLDEN=write` makes the file where there is none.
const GOLDEN: &str = "tests/golden/snapshot.bin";

/// The snapshot of the most open runs of some journals.
fn snapshot_of_many() -> Snapshot {
    let mut most: Option<(u64, Snapshot)> = None;
    for seed in 0..4 {
        let settings = Settings {
            sagas: 60,
            weather: Weather::Calm,
            ..Settings::seed(seed)
        };
        for records in simulate_journal(settings).unwrap() {
            let mut fold = Fold::new(seed);
            for record in records {
                let offset = record.offset;
                fold.record(record).unwrap();
                let is_at_footer = fold.footer().is_some() && fold.footing().offset == offset;
                let open = fold.state.open_runs();
                if is_at_footer && most.as_ref().is_none_or(|(most, _)| open > *most) {
                    most = fold
                        .snapshot()
                        .ok()
                        .map(|snapshot| (open, snapshot))
                        .or(most);
                }
            }
        }
    }
    most.unwrap().1
}

fn footing_text(footing: Footing) -> String {
    let Footing {
        offset,
        epoch,
        batch_no,
    } = footing;
    format!("{offset} {epoch} {batch_no}\n")
}

#[test]
fn what_an_earlier_build_wrote_is_read() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var("SAGALINE_GOLDEN").is_ok_and(|what| what == "write") && !path.exists() {
        let snapshot = snapshot_of_many();
        let mut file = footing_text(snapshot.footing).into_bytes();
        file.extend(&snapshot.bytes);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file).unwrap();
    }
    let file = fs::read(path).unwrap();
    let line = file.iter().position(|byte| *byte == b'\n').unwrap();
    let numbers = std::str::from_utf8(&file[..line]).unwrap();
    let numbers: Vec<i64> = numbers.split(' ').map(|one| one.parse().unwrap()).collect();
    let snapshot = Snapshot {
        footing: Footing {
            offset: numbers[0],
            epoch: u64::try_from(numbers[1]).unwrap(),
            batch_no: u64::try_from(numbers[2]).unwrap(),
        },
        bytes: file[line + 1..].to_vec(),
    };

    let fold = Fold::restored(7, &snapshot).unwrap();

    // The digest was compared with the footer's; what no digest covers must be there, too.
    let runs = fold.state.runs();
    assert!(runs.len() >= 10, "{} runs", runs.len());
    let count =
        |has: fn(&sagaline_core::Run) -> bool| runs.iter().filter(|(_, run)| has(run)).count();
    assert!(count(|run| !run.activations.is_empty()) > 5);
    assert!(count(|run| !run.activities.is_empty()) > 0);
    assert!(count(|run| !run.registrations.is_empty()) > 0);
    assert!(fold.state.closed_ids() > 0);
    assert_eq!(
        Fold::restored(8, &fold.snapshot().unwrap()).unwrap().state,
        fold.state
    );
}

#[test]
fn a_snapshot_whose_bytes_are_other_ones_is_refused_or_equal() {
    let snapshot = snapshot_of_many();
    let state = Fold::restored(1, &snapshot).unwrap().state;
    let step = (snapshot.bytes.len() / 400).max(1);
    for at in (0..snapshot.bytes.len()).step_by(step) {
        for cut in [false, true] {
            let mut other = snapshot.clone();
            match cut {
                true => other.bytes.truncate(at),
                false => other.bytes[at] ^= 0x15,
            }
            // What it reads it may not trust; but it must neither panic nor take a shorter one.
            let read = Fold::restored(1, &other);
            assert!(!cut || read.is_err(), "cut at {at}");
            drop(read);
        }
    }
    assert_eq!(Fold::restored(2, &snapshot).unwrap().state, state);
}
