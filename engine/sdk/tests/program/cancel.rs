//! A request to stop: what is under way is asked to stop, and the workflow decides how it ends.

use sagaline_core::program::Job;
use sagaline_sdk::{call_activity, prelude::*};

use crate::drive::{Drive, json, lines};

#[activity]
async fn work(part: u32) -> Result<u32>;

#[workflow]
async fn two_parts(cx: Context) -> Result<u32> {
    let one = cx.run(work(1)).await?;
    Ok(one + cx.run(work(2)).await?)
}

#[test]
fn a_pending_step_is_asked_to_stop_once_and_its_end_ends_the_run_as_cancelled() {
    let mut drive = Drive::new(workflows![two_parts], "two-parts");
    drive.start(());

    assert_eq!(lines(&drive.cancel("changed my mind")), ["cancel 1"]);
    assert_eq!(lines(&drive.cancel("really")), Vec::<String>::new());
    assert_eq!(lines(&drive.canceled(1)), ["end canceled changed my mind"]);
}

#[test]
fn a_step_that_completes_all_the_same_is_heard_and_the_next_one_is_not_begun() {
    let mut drive = Drive::new(workflows![two_parts], "two-parts");
    drive.start(());
    drive.cancel("stop");

    assert_eq!(lines(&drive.complete(1, 1)), ["end canceled stop"]);
}

#[test]
fn a_step_that_fails_all_the_same_fails_the_run() {
    let mut drive = Drive::new(workflows![two_parts], "two-parts");
    drive.start(());
    drive.cancel("stop");

    assert_eq!(lines(&drive.fail(1, "Broken")), ["fail Broken: it failed"]);
}

#[test]
fn a_run_that_is_cancelled_before_it_could_begin_does_nothing() {
    let mut drive = Drive::new(workflows![two_parts], "two-parts");

    let commands = drive.give(vec![
        Job::Started { input: json(()) },
        Job::CancelRequested { reason: None },
    ]);

    assert_eq!(lines(&commands), ["end canceled -"]);
}

#[workflow]
async fn tidies_up(cx: Context) -> Result<u32> {
    let worked = cx.run(work(1)).await;
    if worked.as_ref().is_err_and(Error::is_canceled) {
        let tidy = async { cx.run(call_activity::<u32>("tidy", &())).await };
        return cx.shielded(tidy).await;
    }
    worked
}

#[test]
fn a_shielded_step_is_begun_and_finished_and_the_run_may_then_complete() {
    let mut drive = Drive::new(workflows![tidies_up], "tidies-up");
    drive.start(());
    drive.cancel("stop");

    assert_eq!(lines(&drive.canceled(1)), ["schedule 2 tidy null"]);
    assert_eq!(lines(&drive.cancel("now!")), Vec::<String>::new());
    assert_eq!(lines(&drive.complete(2, 7)), ["complete 7"]);
}

#[workflow]
async fn half_shielded(cx: Context) -> Result<u32> {
    let (one, two) = join!(
        cx.shielded(async { cx.run(work(1)).await }),
        cx.run(work(2))
    );
    Ok(one? + two.unwrap_or(0))
}

#[test]
fn only_what_was_begun_under_the_shield_is_passed_by() {
    let mut drive = Drive::new(workflows![half_shielded], "half-shielded");
    drive.start(());

    assert_eq!(lines(&drive.cancel("stop")), ["cancel 2"]);
    assert_eq!(lines(&drive.canceled(2)), Vec::<String>::new());
    assert_eq!(lines(&drive.complete(1, 4)), ["complete 4"]);
}

#[workflow]
async fn abandons(cx: Context) -> Result<u32> {
    let slow = cx.run(work(1)).start();
    drop(slow);
    cx.run(work(2)).await
}

#[test]
fn what_nobody_waits_for_is_asked_to_stop_too() {
    let mut drive = Drive::new(workflows![abandons], "abandons");
    drive.start(());

    assert_eq!(lines(&drive.cancel("stop")), ["cancel 1", "cancel 2"]);
    assert_eq!(lines(&drive.canceled(1)), Vec::<String>::new());
    assert_eq!(lines(&drive.canceled(2)), ["end canceled stop"]);
}

#[test]
fn a_step_that_ended_in_the_same_activation_is_not_asked() {
    let mut drive = Drive::new(workflows![two_parts], "two-parts");
    drive.start(());

    let end = crate::drive::completed(1, 1);
    let commands = drive.give(vec![Job::CancelRequested { reason: None }, end]);

    assert_eq!(lines(&commands), ["end canceled -"]);
}

#[workflow]
async fn calls_one_off(cx: Context) -> Result<u32> {
    let (mut quick, slow) = (cx.run(work(1)).start(), cx.run(work(2)).start());
    let first = (&mut quick).await?;
    quick.cancel();
    slow.cancel();
    slow.cancel();
    match slow.await {
        Err(error) if error.is_canceled() => cx.run(work(first)).await,
        ended => ended,
    }
}

#[test]
fn a_workflow_asks_one_of_its_steps_to_stop_once_and_goes_on_when_it_has() {
    let mut drive = Drive::new(workflows![calls_one_off], "calls-one-off");
    drive.start(());

    assert_eq!(lines(&drive.complete(1, 7)), ["cancel 2"]);
    assert_eq!(lines(&drive.canceled(2)), ["schedule 3 work 7"]);
    assert_eq!(lines(&drive.complete(3, 8)), ["complete 8"]);
}

#[test]
fn a_step_that_completes_although_it_was_called_off_has_completed() {
    let mut drive = Drive::new(workflows![calls_one_off], "calls-one-off");
    drive.start(());
    drive.complete(1, 7);

    assert_eq!(lines(&drive.complete(2, 9)), ["complete 9"]);
}

#[workflow]
async fn calls_off_at_once(cx: Context) -> Result<u32> {
    let step = cx.run(work(1)).start();
    step.cancel();
    drop(step);
    cx.run(work(2)).await
}

#[test]
fn a_step_may_be_called_off_in_the_activation_that_begins_it_and_forgotten() {
    let mut drive = Drive::new(workflows![calls_off_at_once], "calls-off-at-once");

    assert_eq!(
        lines(&drive.start(())),
        ["schedule 1 work 1", "cancel 1", "schedule 2 work 2"]
    );
    assert_eq!(lines(&drive.canceled(1)), Vec::<String>::new());
    assert_eq!(lines(&drive.cancel("stop")), ["cancel 2"]);
}
