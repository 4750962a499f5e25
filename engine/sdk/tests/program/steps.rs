//! One step after the other: schedule, wait, go on; options; time, randomness and kept values; the end.

use std::{cell::Cell, time::Duration};

use sagaline_core::{
    OnExhausted, Payload,
    program::{Job, ProgramCommand},
};
use sagaline_sdk::{Uuid, call_activity, prelude::*};
use serde::{Deserialize, Serialize};

use crate::drive::{Drive, json, lines};

#[derive(Serialize, Deserialize)]
struct Order {
    item: String,
}

#[activity]
async fn reserve_stock(order: &Order) -> Result<u32> {
    Ok(order.item.len().try_into()?)
}

#[activity(name = "charge", queue = "payments")]
async fn charge_card(cents: u64) -> Result<String>;

#[workflow]
async fn order(cx: Context, order: Order) -> Result<String> {
    let held = cx.run(reserve_stock(&order)).await?;
    let retry = Retry::default().maximum_attempts(5).park_when_exhausted();
    cx.run(charge_card(u64::from(held) * 100))
        .retry(retry)
        .start_to_close(30.seconds())
        .await
}

fn begun() -> Drive {
    let mut drive = Drive::new(workflows![order], "order");
    let commands = drive.start(Order { item: "tea".into() });
    assert_eq!(
        lines(&commands),
        [r#"schedule 1 reserve-stock {"item":"tea"}"#]
    );
    drive
}

#[test]
fn a_result_lets_the_workflow_go_on_to_its_next_step_and_its_end() {
    let mut drive = begun();

    assert_eq!(lines(&drive.complete(1, 3)), ["schedule 2 charge 300"]);
    assert_eq!(lines(&drive.complete(2, "paid")), [r#"complete "paid""#]);
}

#[test]
fn options_and_queues_arrive_in_the_command() {
    let mut drive = begun();

    let [ProgramCommand::ScheduleActivity(reserve)] = &drive.history[0].commands[..] else {
        panic!()
    };
    assert_eq!(
        (
            reserve.task_queue.as_str(),
            reserve.timeouts.start_to_close_ms
        ),
        ("default", 60_000)
    );
    let commands = drive.complete(1, 3);

    let [ProgramCommand::ScheduleActivity(charge)] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(
        (
            charge.task_queue.as_str(),
            charge.timeouts.start_to_close_ms
        ),
        ("payments", 30_000)
    );
    assert_eq!(
        (charge.retry.maximum_attempts, charge.retry.on_exhausted),
        (5, OnExhausted::Park)
    );
    assert!(!charge.compensable);
}

#[test]
fn an_app_may_have_another_default_queue() {
    let workflows = workflows![order].default_queue("shop".into());
    let mut drive = Drive::new(workflows, "order");

    let commands = drive.start(Order { item: "tea".into() });

    let [ProgramCommand::ScheduleActivity(reserve)] = &commands[..] else {
        panic!()
    };
    assert_eq!(reserve.task_queue.as_str(), "shop");
}

#[test]
fn an_activitys_failure_keeps_its_type_and_ends_the_workflow_that_passes_it_on() {
    let mut drive = begun();

    assert_eq!(
        lines(&drive.fail(1, "SoldOut")),
        ["fail SoldOut: it failed"]
    );
}

#[test]
fn an_input_that_is_not_understood_fails_the_run() {
    let mut drive = Drive::new(workflows![order], "order");

    let commands = drive.start(7);

    let [ProgramCommand::Fail { failure }] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(failure.error_type.as_str(), "sagaline.Undecodable");
    assert!(
        failure
            .message
            .starts_with("input of `order` is not what the code expects"),
        "{}",
        failure.message
    );
}

#[test]
fn a_result_that_is_not_understood_is_the_steps_error() {
    let mut drive = begun();

    let commands = drive.complete(1, "three");

    let [ProgramCommand::Fail { failure }] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert!(
        failure
            .message
            .starts_with("result of `reserve-stock` is not"),
        "{}",
        failure.message
    );
}

#[workflow]
async fn careful(cx: Context, item: &str) -> Result<String> {
    match cx.run(call_activity::<u32>("reserve", item)).await {
        Ok(held) => Ok(format!("held {held}")),
        Err(error) if error.error_type() == "SoldOut" => Ok("sold out".into()),
        Err(error) => Err(error),
    }
}

#[test]
fn a_workflow_may_act_on_the_type_of_an_error() {
    let mut drive = Drive::new(workflows![careful], "careful");
    drive.start("tea");
    assert_eq!(lines(&drive.fail(1, "SoldOut")), [r#"complete "sold out""#]);
}

#[workflow]
async fn parses(_cx: Context, text: String) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[test]
fn an_error_of_the_standard_library_has_its_name_as_type() {
    let mut drive = Drive::new(workflows![parses], "parses");

    assert_eq!(
        lines(&drive.start("x")),
        ["fail ParseIntError: invalid digit found in string"]
    );
}

#[workflow]
async fn impossible(cx: Context) -> Result<()> {
    let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);
    cx.run(call_activity("store", &keys_are_no_text)).await
}

#[test]
fn an_argument_that_cannot_be_written_is_the_steps_error_and_schedules_nothing() {
    let mut drive = Drive::new(workflows![impossible], "impossible");

    let expected = "fail sagaline.Unencodable: input of `store` cannot be written as JSON: key must be a string";
    assert_eq!(lines(&drive.start(())), [expected]);
}

#[workflow]
async fn times(cx: Context) -> Result<(Timestamp, Timestamp)> {
    let before = cx.now();
    cx.run(call_activity::<()>("wait", &())).await?;
    Ok((before, cx.now()))
}

#[test]
fn now_is_the_time_of_the_activation() {
    let mut drive = Drive::new(workflows![times], "times");
    drive.start(());

    assert_eq!(
        lines(&drive.complete(1, ())),
        ["complete [1000000,2000000]"]
    );
}

#[workflow]
async fn rolls(cx: Context) -> Result<(u64, u64, Uuid)> {
    Ok((cx.random(), cx.random_range(1..7), cx.uuid()))
}

#[test]
fn random_values_are_those_of_the_run() {
    let roll = || lines(&Drive::new(workflows![rolls], "rolls").start(()));

    let once = roll();
    assert_eq!(once, roll());
    let (_, dice, uuid): (u64, u64, Uuid) =
        serde_json::from_str(once[0].strip_prefix("complete ").unwrap()).unwrap();
    assert!((1..7).contains(&dice));
    assert_eq!(uuid.get_version_num(), 4);
}

thread_local! {
    static EFFECTS: Cell<u32> = const { Cell::new(0) };
}

#[workflow]
async fn keeps(cx: Context) -> Result<u32> {
    let kept = cx.side_effect("effects", || EFFECTS.replace(EFFECTS.get() + 1))?;
    cx.run(call_activity::<()>("wait", &())).await?;
    Ok(kept)
}

#[test]
fn a_side_effect_happens_once_and_replay_sees_its_value() {
    let mut drive = Drive::new(workflows![keeps], "keeps");
    EFFECTS.set(7);

    assert_eq!(
        lines(&drive.start(())),
        ["marker side-effect effects 7", "schedule 1 wait null"]
    );
    drive.rebuild(1).unwrap();

    assert_eq!(lines(&drive.complete(1, ())), ["complete 7"]);
    assert_eq!(EFFECTS.get(), 8);
}

#[workflow]
async fn keeps_twice(cx: Context) -> Result<u32> {
    let first = cx.side_effect("first", || EFFECTS.replace(EFFECTS.get() + 1))?;
    let version = cx.version("change", 0..=1);
    let second = cx.side_effect("second", || EFFECTS.replace(EFFECTS.get() + 1))?;
    let wait = format!("wait-{version}");
    cx.run(call_activity::<()>(&wait, &())).await?;
    Ok(first + second)
}

#[test]
fn where_history_is_cut_what_it_has_is_kept_and_the_rest_happens_now() {
    for (cut, values) in [
        (0, [7, 8]),
        (1, [1, 7]),
        (2, [1, 7]),
        (3, [1, 2]),
        (4, [1, 2]),
    ] {
        let mut drive = Drive::new(workflows![keeps_twice], "keeps-twice");
        EFFECTS.set(1);
        let before = lines(&drive.start(()));
        EFFECTS.set(7);

        let after = lines(&drive.finish(cut));

        let [first, second] = values;
        let expected = [
            format!("marker side-effect first {first}"),
            before[1].clone(),
            format!("marker side-effect second {second}"),
            before[3].clone(),
        ];
        assert_eq!(after, expected, "cut behind {cut} commands");
    }
}

#[workflow]
async fn keeps_nonsense(cx: Context) -> Result<()> {
    cx.side_effect("map", || {
        std::collections::BTreeMap::from([((1, 2), 3)])
            .into_iter()
            .collect::<Pairs>()
    })
    .map(drop)
}

/// Deserialises, but cannot be written as JSON.
#[derive(Deserialize)]
struct Pairs;

impl FromIterator<((i32, i32), i32)> for Pairs {
    fn from_iter<I: IntoIterator<Item = ((i32, i32), i32)>>(_: I) -> Self {
        Self
    }
}

impl Serialize for Pairs {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no pairs"))
    }
}

#[test]
fn a_side_effect_that_cannot_be_kept_is_an_error_that_replay_sees_too() {
    let mut drive = Drive::new(workflows![keeps_nonsense], "keeps-nonsense");

    let live = lines(&drive.start(()));

    assert_eq!(
        live[1],
        "fail sagaline.Unencodable: side effect `map` cannot be written as JSON: no pairs"
    );
    drive.rebuild(1).unwrap();
}

#[derive(Default)]
struct Counter {
    seen: Vec<u32>,
}

#[workflow(version = "2.1.0", queues = ["slow"])]
impl Counter {
    #[run]
    async fn run(&mut self, cx: Context, until: u32) -> Result<Vec<u32>> {
        while self.seen.len() < until as usize {
            let next = cx.run(self.next()).await?;
            self.seen.push(next);
        }
        Ok(self.seen.clone())
    }

    fn next(&self) -> sagaline_sdk::ActivityCall<u32> {
        call_activity("count", &self.seen.len()).queue("slow")
    }
}

#[test]
fn a_workflow_may_have_state_and_methods() {
    let workflows = workflows![Counter::default()];
    assert_eq!(workflows.resolve("counter", None), Some("2.1.0"));
    assert_eq!(
        workflows.queues().into_iter().collect::<Vec<_>>(),
        ["default", "slow"]
    );
    let mut drive = Drive::new(workflows, "counter");

    assert_eq!(lines(&drive.start(2)), ["schedule 1 count 0"]);
    assert_eq!(lines(&drive.complete(1, 5)), ["schedule 2 count 1"]);
    assert_eq!(lines(&drive.complete(2, 6)), ["complete [5,6]"]);
}

struct Budget {
    left: u64,
}

#[workflow(name = "spend")]
impl Budget {
    #[init]
    fn of(total: &u64) -> Self {
        Self { left: *total }
    }

    #[run]
    async fn spend(self, _cx: Context, _total: u64) -> Result<u64> {
        Ok(self.left - 1)
    }
}

#[test]
fn state_may_be_made_from_the_input() {
    let mut drive = Drive::new(workflows![Budget { left: 0 }], "spend");
    assert_eq!(lines(&drive.start(10)), ["complete 9"]);
}

#[workflow]
async fn reports(cx: Context) -> Result<(String, String, bool)> {
    cx.run(call_activity::<()>("wait", &())).await?;
    Ok((
        cx.workflow_id().to_string(),
        cx.info().workflow.clone(),
        cx.is_cancel_requested(),
    ))
}

#[test]
fn a_workflow_knows_who_it_is() {
    let mut drive = Drive::new(workflows![reports], "reports");
    drive.start(());
    assert_eq!(
        lines(&drive.complete(1, ())),
        [r#"complete ["w-1","reports",false]"#]
    );
}

#[workflow]
async fn spins(_cx: Context) -> Result<()> {
    std::future::poll_fn(|task| {
        task.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}

#[test]
#[should_panic(expected = "wakes itself without end")]
fn a_future_that_wakes_itself_without_end_is_a_panic_not_a_hang() {
    Drive::new(workflows![spins], "spins").start(());
}

#[test]
fn jobs_for_a_run_that_ended_change_nothing() {
    let mut drive = begun();
    drive.complete(1, 3);
    drive.complete(2, "paid");

    assert_eq!(drive.complete(2, "paid"), []);
    assert_eq!(drive.cancel("late"), []);
    assert_eq!(drive.give(vec![Job::Ended]), []);
}

#[test]
fn an_empty_input_is_none() {
    let mut drive = Drive::new(workflows![times], "times");
    let commands = drive.give(vec![Job::Started {
        input: Payload::empty(),
    }]);
    assert_eq!(lines(&commands), ["schedule 1 wait null"]);
    assert_eq!(json(()), json(Option::<Duration>::None));
}
