//! Several steps at once: order of commands, winners and losers.

use std::time::Duration;

use sagaline_sdk::{
    ActivityCall, call_activity,
    future::{FuturesUnordered, StreamExt, select_all},
    prelude::*,
};

use crate::drive::{Drive, completed, failed, lines};

fn quote(of: &str) -> ActivityCall<u32> {
    call_activity("quote", of)
}

#[workflow]
async fn both(cx: Context) -> Result<u32> {
    let (near, far) = join!(cx.run(quote("near")), cx.run(quote("far")));
    Ok(near? + far?)
}

#[test]
fn join_schedules_in_the_order_written_and_waits_for_all() {
    let mut drive = Drive::new(workflows![both], "both");

    assert_eq!(
        lines(&drive.start(())),
        [r#"schedule 1 quote "near""#, r#"schedule 2 quote "far""#]
    );
    assert_eq!(lines(&drive.complete(2, 20)), Vec::<String>::new());
    assert_eq!(lines(&drive.complete(1, 1)), ["complete 21"]);
}

#[workflow]
async fn foreign_join(cx: Context) -> Result<u32> {
    let (near, far) = tokio::join!(cx.run(quote("near")), cx.run(quote("far")));
    Ok(near? + far?)
}

#[test]
fn other_crates_combinators_work_too() {
    let mut drive = Drive::new(workflows![foreign_join], "foreign-join");
    drive.start(());
    drive.complete(2, 20);
    assert_eq!(lines(&drive.complete(1, 1)), ["complete 21"]);
}

#[workflow]
async fn both_or_neither(cx: Context) -> Result<(u32, u32)> {
    try_join!(cx.run(quote("near")), cx.run(quote("far")))
}

#[test]
fn try_join_ends_with_the_first_failure() {
    let mut drive = Drive::new(workflows![both_or_neither], "both-or-neither");
    drive.start(());

    assert_eq!(lines(&drive.fail(2, "TooFar")), ["fail TooFar: it failed"]);
}

#[workflow]
async fn first(cx: Context) -> Result<String> {
    select! {
        near = cx.run(quote("near")) => Ok(format!("near {}", near?)),
        far = cx.run(quote("far")) => Ok(format!("far {}", far?)),
    }
}

#[test]
fn select_takes_whoever_is_first() {
    let mut drive = Drive::new(workflows![first], "first");
    drive.start(());
    assert_eq!(lines(&drive.complete(2, 9)), [r#"complete "far 9""#]);
}

#[test]
fn select_prefers_the_arm_written_first_when_both_come_at_once() {
    let mut drive = Drive::new(workflows![first], "first");
    drive.start(());
    assert_eq!(
        lines(&drive.give(vec![completed(2, 9), completed(1, 8)])),
        [r#"complete "near 8""#]
    );
}

#[workflow]
async fn loser_goes_on(cx: Context) -> Result<u32> {
    let mut near = cx.run(quote("near")).start();
    let far = select! {
        near = &mut near => return near,
        far = cx.run(quote("far")) => far?,
    };
    Ok(far.min(near.await?))
}

#[test]
fn a_started_step_may_lose_and_be_awaited_later() {
    let mut drive = Drive::new(workflows![loser_goes_on], "loser-goes-on");

    assert_eq!(
        lines(&drive.start(())),
        [r#"schedule 1 quote "near""#, r#"schedule 2 quote "far""#]
    );
    assert_eq!(lines(&drive.complete(2, 9)), Vec::<String>::new());
    assert_eq!(lines(&drive.complete(1, 4)), ["complete 4"]);
}

#[workflow]
async fn fan_out(cx: Context, count: u32) -> Result<u32> {
    let steps = (0..count).map(|n| {
        cx.run(call_activity::<u32>("part", &n))
            .start_to_close(Duration::from_secs(1))
    });
    Ok(try_join_all(steps).await?.into_iter().sum())
}

/// `try_join_all` over 30 futures and more is built on `FuturesUnordered`, which polls only what was woken.
#[test]
fn a_wide_fan_out_keeps_its_order_and_needs_its_wakers() {
    let mut drive = Drive::new(workflows![fan_out], "fan-out");

    let scheduled = lines(&drive.start(1_000));
    let expected: Vec<String> = (0..1_000)
        .map(|n| format!("schedule {} part {n}", n + 1))
        .collect();
    assert_eq!(scheduled, expected);
    for id in (2..=1_000).rev() {
        assert_eq!(lines(&drive.complete(id, 1)), Vec::<String>::new());
    }
    assert_eq!(lines(&drive.complete(1, 1)), ["complete 1000"]);
}

#[test]
fn a_wide_fan_out_ends_with_its_first_failure() {
    let mut drive = Drive::new(workflows![fan_out], "fan-out");
    drive.start(100);
    assert_eq!(
        lines(&drive.give(vec![completed(50, 1), failed(70, "Broken")])),
        ["fail Broken: it failed"]
    );
}

#[workflow]
async fn as_they_come(cx: Context, count: u32) -> Result<Vec<u32>> {
    let mut steps: FuturesUnordered<_> = (0..count)
        .map(|n| cx.run(call_activity::<u32>("part", &n)))
        .collect();
    let mut seen = Vec::new();
    while let Some(part) = steps.next().await {
        seen.push(part?);
    }
    Ok(seen)
}

#[test]
fn results_can_be_taken_in_the_order_in_which_they_come() {
    let mut drive = Drive::new(workflows![as_they_come], "as-they-come");

    let scheduled = lines(&drive.start(3));
    assert_eq!(
        scheduled,
        [
            "schedule 1 part 0",
            "schedule 2 part 1",
            "schedule 3 part 2"
        ]
    );
    drive.complete(3, 30);
    drive.complete(1, 10);

    assert_eq!(lines(&drive.complete(2, 20)), ["complete [30,10,20]"]);
}

#[workflow]
async fn fastest(cx: Context) -> Result<usize> {
    let (winner, _) = select_all((0..5).map(|n| cx.run(call_activity::<()>("run", &n)))).await;
    Ok(winner)
}

#[test]
fn the_first_of_many_is_known_by_its_place() {
    let mut drive = Drive::new(workflows![fastest], "fastest");
    drive.start(());
    assert_eq!(lines(&drive.complete(4, ())), ["complete 3"]);
}
