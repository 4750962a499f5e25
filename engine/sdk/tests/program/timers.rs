//! Sleeping: timers are started, fire, and are forgotten.

use std::time::Duration;

use sagaline_core::program::Job;
use sagaline_sdk::prelude::*;

use crate::drive::{Drive, lines};

#[activity]
async fn charge(month: u32) -> Result<()>;

#[workflow]
async fn monthly(cx: Context, months: u32) -> Result<u32> {
    for month in 0..months {
        cx.sleep(30.days()).await?;
        cx.run(charge(month)).await?;
    }
    Ok(months)
}

#[test]
fn a_loop_of_sleep_and_activity_goes_on_for_as_long_as_it_likes() {
    let mut drive = Drive::new(workflows![monthly], "monthly");

    // The first activation is at 1 s, each further one a second later.
    assert_eq!(lines(&drive.start(2)), ["timer 1 at 2592001000"]);
    assert_eq!(lines(&drive.fire(1)), ["schedule 2 charge 0"]);
    assert_eq!(lines(&drive.complete(2, ())), ["timer 3 at 2592003000"]);
    assert_eq!(lines(&drive.fire(3)), ["schedule 4 charge 1"]);
    assert_eq!(lines(&drive.complete(4, ())), ["complete 2"]);
    for activations in 0..=5 {
        drive.rebuild(activations.min(drive.history.len())).unwrap();
    }
}

#[workflow]
async fn patient(cx: Context) -> Result<String> {
    let mut paid = cx.run(charge(0)).start();
    select! {
        done = &mut paid => done.map(|()| "paid".to_owned()),
        woken = cx.sleep(10.seconds()) => {
            woken?;
            Ok("gave up".to_owned())
        }
    }
}

#[test]
fn a_sleep_that_loses_is_forgotten() {
    let mut drive = Drive::new(workflows![patient], "patient");

    let begun = drive.start(());

    assert_eq!(lines(&begun), ["schedule 1 charge 0", "timer 2 at 11000"]);
    assert_eq!(
        lines(&drive.complete(1, ())),
        ["forget 2", "complete \"paid\""]
    );
    drive.rebuild(2).unwrap();
}

#[test]
fn a_sleep_that_wins_ends_the_wait() {
    let mut drive = Drive::new(workflows![patient], "patient");
    drive.start(());

    assert_eq!(lines(&drive.fire(2)), ["complete \"gave up\""]);
}

#[test]
fn a_run_that_is_asked_to_stop_sleeps_no_longer() {
    let mut drive = Drive::new(workflows![monthly], "monthly");
    drive.start(2);

    assert_eq!(
        lines(&drive.cancel("moved away")),
        ["forget 1", "end canceled moved away"]
    );
    drive.rebuild(2).unwrap();
}

#[workflow]
async fn cooled_down(cx: Context) -> Result<()> {
    cx.shielded(cx.sleep(5.seconds())).await
}

#[test]
fn a_shielded_sleep_goes_on() {
    let mut drive = Drive::new(workflows![cooled_down], "cooled-down");
    drive.start(());

    assert!(drive.cancel("stop").is_empty());
    assert_eq!(lines(&drive.fire(1)), ["complete null"]);
}

#[workflow]
async fn no_time(cx: Context) -> Result<u32> {
    cx.sleep(Duration::ZERO).await?;
    cx.sleep_until(cx.now()).await?;
    cx.sleep_until(Timestamp::from_millis(0)).await?;
    Ok(1)
}

#[test]
fn an_instant_that_has_passed_is_over_at_once() {
    let mut drive = Drive::new(workflows![no_time], "no-time");

    assert_eq!(lines(&drive.start(())), ["complete 1"]);
}

#[workflow]
async fn far(cx: Context) -> Result<()> {
    let short = cx.sleep(Duration::from_micros(1_500));
    let long = cx.sleep(Duration::MAX);
    join!(short, long).0
}

#[test]
fn spans_are_exact_to_the_microsecond_and_never_overflow() {
    let mut drive = Drive::new(workflows![far], "far");

    let begun = drive.start(());

    let due: Vec<i64> = begun
        .iter()
        .map(|command| match command {
            sagaline_core::program::ProgramCommand::StartTimer { due_at, .. } => due_at.as_micros(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(due, [1_001_500, i64::MAX]);
}

#[test]
fn the_end_that_was_decided_outside_forgets_timers_without_a_word() {
    let mut drive = Drive::new(workflows![patient], "patient");
    drive.start(());

    assert!(drive.give(vec![Job::Ended]).is_empty());
}
