//! An engine whose clock is set wrong while it runs, by libfaketime: nothing fires early, nothing is forgotten.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sagaline_core::{Event, Outcome, Timestamp};
use serde_json::json;

use crate::harness::{journal::Journal, process::Process, wait::now, world::World};

/// Where Debian's package `faketime` has the library for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A wall clock that the test sets; the monotonic one goes on as it does.
struct Clock(PathBuf);

impl Clock {
    fn new(world: &World) -> Self {
        let clock = Self(world.file("clock"));
        clock.set("+0");
        clock
    }

    /// By so many seconds off.
    fn set(&self, off: &str) {
        let partial = self.0.with_extension("partial");
        fs::write(&partial, format!("{off}\n")).expect("a file can be written");
        fs::rename(&partial, &self.0).expect("a file can be renamed");
    }

    fn engine(&self, world: &World) -> Process {
        let mut engine = world.server("recurring-billing", &[]);
        engine
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.0)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        world.engine_of(&mut engine)
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("there is such a folder");
    let folders = folders.filter_map(|entry| Some(entry.ok()?.path().join(LIBRARY)));
    let mut found = folders
        .chain([Path::new("/usr/lib").join(LIBRARY)])
        .filter(|path| path.exists());
    found.next().expect("tools/check-tools has looked for it")
}

fn start(world: &World, id: &str, period_ms: u64, times: u32) {
    world
        .request("sagaline.workflow.start.v1", id)
        .header("sl-workflow", "billing")
        .json(&json!({"period_ms": period_ms, "times": times}))
        .send();
}

fn due_of(journal: &mut Journal<'_>, id: &str) -> Timestamp {
    match journal.until_event(id, "TimerStarted") {
        Event::TimerStarted(started) => started.due_at,
        other => panic!("{other:?}"),
    }
}

fn a_clock_that_jumps(off: &str) {
    let world = World::new(1);
    let clock = Clock::new(&world);
    let _engine = clock.engine(&world);
    // With a clock of its own.
    let _worker = world.spawn(
        "recurring-billing",
        &mut world.command("recurring-billing", &["worker"]),
    );
    let mut journal = world.journal();
    start(&world, "sleeps", 8_000, 1);
    let due = due_of(&mut journal, "sleeps");

    clock.set(off);
    // Its engine is alone: it goes on taking what comes.
    start(&world, "quick", 1, 0);
    assert_eq!(journal.until_ended("quick"), Outcome::Completed);
    // A timer is held as long as the clock is wrong, so this one has not come either.
    start(&world, "held", 1, 1);
    due_of(&mut journal, "held");
    let fired = |journal: &Journal<'_>, id: &str| {
        let run = journal.newest(id).expect("it was started");
        run.count("TimerFired")
    };
    assert_eq!(fired(&journal, "held"), 0);
    // On a machine that is slow enough it was due before the jump.
    assert!(fired(&journal, "sleeps") == 0 || now() >= due);

    clock.set("+0");
    assert_eq!(journal.until_ended("held"), Outcome::Completed);
    assert_eq!(journal.until_ended("sleeps"), Outcome::Completed);
    assert!(now() >= due, "it fired before {due:?}");
    journal.audit();
}

#[test]
fn a_clock_that_jumps_half_a_minute_ahead_fires_nothing_early() {
    // No further: librdkafka waits by C11's `cnd_timedwait`, which libfaketime lets through as it is. A client that waits
    // when the clock jumps ahead sleeps as long as the jump was.
    a_clock_that_jumps("+30");
}

#[test]
fn a_clock_that_jumps_an_hour_back_starves_nothing() {
    a_clock_that_jumps("-3600");
}
