//! What fails: attempts, workers, the engine, and code that is not deterministic.

use std::sync::atomic::{AtomicU32, Ordering};

use sagaline_sdk::{
    ActivityCall, WorkflowCall, call_activity, call_workflow,
    prelude::*,
    testing::{Answer, Env, StartOptions},
};

use crate::{charge, down, order, release, reserve, shop};

#[test]
fn what_was_done_is_undone_when_a_later_step_fails() {
    let env = shop();
    env.fail(charge, 4, &down());

    let run = env.start(order(100));
    let error = run.result().unwrap_err();

    assert_eq!(error.to_string(), "GatewayDown: connection refused");
    assert_eq!(
        run.history().attempts(),
        ["reserve", "charge", "charge", "charge", "charge", "release"]
    );
    assert_eq!(env.attempts(release), 1);
}

#[test]
fn a_mock_sees_its_input_and_its_attempt() {
    let env = shop();
    env.mock_with(charge, |attempt, cents: u32| match attempt.attempt {
        1 => Answer::never(),
        2 => Answer::err(down().retry_after(90.seconds())),
        third => Answer::ok(format!("{cents} at {third} for {}", attempt.workflow_id)),
    });

    let run = env.start(order(100));

    assert_eq!(run.result().unwrap(), "100 at 3 for w-1");
    assert_eq!(crate::since_begin(env.now()), 151.seconds());
}

#[test]
fn a_mock_that_reads_another_input_fails_with_what_is_wrong() {
    let env = shop();
    env.mock(charge, |cents: String| Ok(cents));

    let error = env.start(order(100)).result().unwrap_err();

    assert_eq!(error.error_type(), "sagaline.Undecodable");
    assert!(
        error
            .message()
            .starts_with("input of the mock of `charge` is not"),
        "{error}"
    );
}

#[workflow]
async fn transcode(cx: Context) -> Result<String> {
    let step = cx
        .run(charge(1))
        .retry(Retry::default().jitter(0.0))
        .heartbeat(10.seconds())
        .start_to_close(2.hours());
    step.await
}

#[test]
fn a_worker_that_is_silent_is_given_up_and_one_that_beats_is_not() {
    let env = shop();
    let slow = || Answer::ok("done".to_owned()).after(1.hours());
    env.answers(charge, [slow(), slow().heartbeat(5.seconds())]);

    let run = env.start(transcode());

    assert_eq!(run.result().unwrap(), "done");
    let history = run.history();
    assert_eq!(history.count("ActivityAttemptFailed"), 1);
    assert!(history.count("ActivityHeartbeatRecorded") > 100);
    assert_eq!(crate::since_begin(env.now()).as_secs(), 10 + 1 + 3_600);
}

#[test]
fn a_run_goes_on_where_it_was_when_engine_and_workers_crash() {
    let env = shop();
    env.answers(charge, [Answer::ok("lost".to_owned()).after(30.seconds())]);
    let run = env.start(order(100));

    env.skip(10.seconds());
    env.crash();
    env.crash_workers();

    assert_eq!(run.result().unwrap(), "paid 100");
    assert_eq!(env.attempts(reserve), 1);
    assert_eq!(run.history().count("ActivityAttemptFailed"), 1);
}

#[workflow]
async fn moody(cx: Context) -> Result<u32> {
    static MOOD: AtomicU32 = AtomicU32::new(0);
    for _ in 0..3 {
        match MOOD.fetch_add(1, Ordering::Relaxed) {
            0 => drop(cx.run(charge(1)).await?),
            _ => drop(cx.run(reserve("tea")).await?),
        }
    }
    Ok(0)
}

#[test]
fn a_workflow_that_is_not_deterministic_is_found_at_once() {
    let env = shop();

    let run = env.start(moody());
    let error = run.result().unwrap_err();

    assert_eq!(run.incidents()[0].kind(), "nondeterminism");
    assert!(
        error
            .message()
            .contains("to schedule activity charge (number 1), the program now wants"),
        "{error}"
    );
}

#[workflow]
async fn ends_moody(cx: Context) -> Result<()> {
    static MOOD: AtomicU32 = AtomicU32::new(0);
    if MOOD.fetch_add(1, Ordering::Relaxed) == 0 {
        return Ok(());
    }
    cx.run(charge(1)).await?;
    Ok(())
}

#[test]
fn one_whose_last_activation_is_not_deterministic_too() {
    let error = shop().start(ends_moody()).result().unwrap_err();

    assert_eq!(error.error_type(), "sagaline.Nondeterminism");
    assert!(
        error.message().ends_with(
            "event 2 is to complete, the program now wants to schedule activity charge (number 1)"
        ),
        "{error}"
    );
}

struct Bank(&'static str);

#[activity]
async fn transfer(cx: ActivityContext, cents: u32) -> Result<String> {
    assert!(cents > 0, "nothing to transfer");
    Ok(format!("{} {cents} {}", cx.data::<Bank>()?.0, cx.attempt()))
}

#[workflow]
async fn transfers(cx: Context, cents: u32) -> Result<String> {
    let retry = Retry::default().maximum_attempts(2);
    cx.run(transfer(cents)).retry(retry).await
}

#[test]
fn a_real_activity_has_its_data_and_its_panics_are_failures() {
    let env = Env::new()
        .activities(activities![transfer])
        .data(Bank("ours"));

    let paid = env.start(transfers(5)).result();
    let error = env.start(transfers(0)).result().unwrap_err();

    assert_eq!(paid.unwrap(), "ours 5 1");
    assert_eq!(
        error.to_string(),
        "sagaline.Panic: the activity panicked: nothing to transfer"
    );
}

#[workflow]
async fn scores(cx: Context, order: String) -> Result<f64> {
    let call: ActivityCall<f64> = call_activity("risk-score", &(order, 120));
    cx.run(call.queue("python")).await
}

#[test]
fn what_is_known_by_its_name_alone_is_mocked_and_started_by_it() {
    let env = Env::new().workflows(workflows![scores]);
    env.mock_named("risk-score", |(order, cents): (String, u32)| {
        Ok(f64::from(cents) + order.len() as f64)
    });
    let call: WorkflowCall<f64> = call_workflow("scores", "o-1");

    let run = env.start_named(StartOptions::new().id("s-1"), call);

    assert_eq!(run.result().unwrap(), 123.0);
}

#[test]
#[should_panic(expected = "workflow `order` with id `o-1` does not start: ")]
fn an_id_that_is_in_use_starts_nothing() {
    let env = shop();
    let start = || env.start_with(StartOptions::new().id("o-1"), order(100));
    start().result().unwrap();
    let _second = start();
}

#[test]
#[should_panic(expected = "activity `charge` is neither given")]
fn an_activity_that_nobody_can_make_is_named() {
    let env = Env::new().activities(activities![reserve]);
    let _run = env.start(order(100));
}

#[test]
#[should_panic(expected = "no event has the name `ActivityDone`")]
fn an_event_that_does_not_exist_is_not_counted() {
    let run = shop().start(order(100));
    let _none = run.history().count("ActivityDone");
}
