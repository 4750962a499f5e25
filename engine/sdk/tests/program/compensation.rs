//! How steps say how they are undone: when it is registered, and what is there when it is.

use sagaline_core::{
    OnExhausted,
    program::{Job, ProgramCommand},
};
use sagaline_sdk::{ActivityCall, call_activity, prelude::*};

use crate::drive::{Drive, completed, lines};

#[activity]
async fn reserve(item: &str) -> Result<u32>;

#[activity]
async fn release(held: &u32) -> Result<()>;

#[activity]
async fn charge(cents: u32) -> Result<String>;

fn refund(payment: &str, cents: u32) -> ActivityCall<()> {
    call_activity("refund", &(payment, cents))
}

#[workflow]
async fn order(cx: Context, item: String) -> Result<()> {
    let held = cx.run(reserve(&item)).compensate_with(release).await?;
    let cents = held * 100;
    let retry = Retry::default().maximum_attempts(9);
    cx.run(charge(cents))
        .compensate_with(move |payment| {
            refund(payment, cents)
                .retry(retry)
                .start_to_close(5.seconds())
        })
        .await?;
    cx.run(call_activity("ship", &item)).await
}

#[test]
fn a_completed_step_registers_its_compensation_before_the_next_step() {
    let mut drive = Drive::new(workflows![order], "order");

    let scheduled = drive.start("tea");
    let [ProgramCommand::ScheduleActivity(step)] = &scheduled[..] else {
        panic!("{scheduled:?}")
    };
    assert!(step.compensable);
    assert_eq!(
        lines(&drive.complete(1, 3)),
        ["register 2 release 3 for 1", "schedule 3 charge 300"]
    );
    assert_eq!(
        lines(&drive.complete(3, "p-1")),
        [
            r#"register 4 refund ["p-1",300] for 3"#,
            r#"schedule 5 ship "tea""#
        ]
    );
}

#[test]
fn a_compensation_is_parked_when_used_up_and_has_its_own_options() {
    let mut drive = Drive::new(workflows![order], "order");
    drive.start("tea");

    let release = drive.complete(1, 3);
    let refund = drive.complete(3, "p-1");

    let ProgramCommand::RegisterCompensation(release) = &release[0] else {
        panic!("{release:?}")
    };
    assert_eq!(
        (release.retry.maximum_attempts, release.retry.on_exhausted),
        (0, OnExhausted::Park)
    );
    assert_eq!(
        (
            release.timeouts.start_to_close_ms,
            release.task_queue.as_str()
        ),
        (60_000, "default")
    );
    let ProgramCommand::RegisterCompensation(refund) = &refund[0] else {
        panic!("{refund:?}")
    };
    assert_eq!(
        (refund.retry.maximum_attempts, refund.retry.on_exhausted),
        (9, OnExhausted::Park)
    );
    assert_eq!(refund.timeouts.start_to_close_ms, 5_000);
}

#[test]
fn a_failed_step_registers_nothing() {
    let mut drive = Drive::new(workflows![order], "order");
    drive.start("tea");
    assert_eq!(
        lines(&drive.fail(1, "SoldOut")),
        ["fail SoldOut: it failed"]
    );
}

#[workflow]
async fn race(cx: Context) -> Result<u32> {
    select! {
        near = cx.run(reserve("near")).compensate_with(release) => near,
        far = cx.run(reserve("far")).compensate_with(release) => far,
    }
}

#[test]
fn the_loser_of_a_race_is_registered_when_it_completes_although_the_workflow_has_returned() {
    let mut drive = Drive::new(workflows![race], "race");
    drive.start(());

    assert_eq!(
        lines(&drive.complete(2, 9)),
        ["register 3 release 9 for 2", "complete 9"]
    );
    assert_eq!(lines(&drive.complete(1, 8)), ["register 4 release 8 for 1"]);
}

#[test]
fn a_step_that_completes_after_the_engine_ended_the_run_is_registered() {
    let mut drive = Drive::new(workflows![race], "race");
    drive.start(());

    assert_eq!(lines(&drive.give(vec![Job::Ended])), Vec::<String>::new());
    assert_eq!(lines(&drive.complete(1, 8)), ["register 3 release 8 for 1"]);
}

#[workflow]
async fn together(cx: Context) -> Result<(u32, u32)> {
    try_join!(
        cx.run(reserve("a")).compensate_with(release),
        cx.run(reserve("b")).compensate_with(release)
    )
}

#[test]
fn registrations_follow_the_order_of_completion() {
    let mut drive = Drive::new(workflows![together], "together");
    drive.start(());

    let commands = drive.give(vec![completed(2, 20), completed(1, 10)]);

    assert_eq!(
        lines(&commands),
        [
            "register 3 release 20 for 2",
            "register 4 release 10 for 1",
            "complete [10,20]"
        ]
    );
}

#[workflow]
async fn cautious(cx: Context, item: String) -> Result<String> {
    cx.run(charge(5))
        .compensate_always(call_activity::<()>("void", &item))
        .await
}

#[test]
fn a_compensation_known_before_is_registered_with_the_step() {
    let mut drive = Drive::new(workflows![cautious], "cautious");

    let commands = drive.start("o-1");

    assert_eq!(
        lines(&commands),
        ["schedule 1 charge 5", r#"register 2 void "o-1" for 1"#]
    );
    let [ProgramCommand::ScheduleActivity(step), _] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert!(step.compensable);
    assert_eq!(lines(&drive.complete(1, "paid")), [r#"complete "paid""#]);
}

#[test]
fn a_result_that_is_not_understood_registers_nothing_and_fails_the_step() {
    let mut drive = Drive::new(workflows![order], "order");
    drive.start("tea");

    let commands = lines(&drive.complete(1, "three"));

    assert_eq!(commands.len(), 1);
    assert!(
        commands[0].starts_with("fail sagaline.Undecodable: result of `reserve`"),
        "{commands:?}"
    );
}

#[workflow]
async fn impossible(cx: Context) -> Result<String> {
    let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);
    cx.run(charge(5))
        .compensate_always(call_activity::<()>("void", &keys_are_no_text))
        .await
}

#[test]
fn a_step_whose_compensation_cannot_be_written_is_not_begun() {
    let mut drive = Drive::new(workflows![impossible], "impossible");

    let commands = lines(&drive.start(()));

    assert_eq!(
        commands,
        [
            "fail sagaline.Unencodable: input of `void` cannot be written as JSON: key must be a string"
        ]
    );
}

/// Two groups at a time, with a step between that is in none, and a group in a group.
#[workflow]
async fn grouped(cx: Context) -> Result<()> {
    let held = |item| cx.run(reserve(item)).compensate_with(release);
    let group =
        |one, other| cx.compensate_in_parallel(async move { join!(held(one), held(other)) });
    let nested = cx.compensate_in_parallel(async {
        held("e").await?;
        let inner = cx.shielded(cx.compensate_in_parallel(held("f")));
        inner.await?;
        held("g").await
    });
    let _ = join!(group("a", "b"), group("c", "d"), held("-"), nested);
    Ok(())
}

/// Of each registration of a run the step that it undoes, and its group.
fn groups(commands: &[ProgramCommand]) -> Vec<(u32, Option<u32>)> {
    let registered = commands.iter().filter_map(|command| match command {
        ProgramCommand::RegisterCompensation(it) => Some((it.compensates.get(), it.group)),
        _ => None,
    });
    registered.collect()
}

#[test]
fn what_is_done_in_a_group_is_registered_with_the_number_of_the_first_of_it() {
    let mut drive = Drive::new(workflows![grouped], "grouped");
    drive.start(());

    let commands = drive.give((1..=6).rev().map(|id| completed(id, id)).collect());
    let (six, next) = (7, 13);
    assert_eq!(
        groups(&commands),
        [
            (6, Some(six)),
            (5, None),
            (4, Some(9)),
            (3, Some(9)),
            (2, Some(11)),
            (1, Some(11))
        ]
    );
    assert_eq!(
        lines(&commands)[6..],
        [format!(r#"schedule {next} reserve "f""#)]
    );
    assert_eq!(groups(&drive.complete(next, 0)), [(next, Some(14))]);
    assert_eq!(groups(&drive.complete(15, 0)), [(15, Some(six))]);
    drive.rebuild(drive.history.len()).unwrap();
}
