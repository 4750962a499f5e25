//! What people do: they cancel, hold up, and solve incidents.

use sagaline_sdk::{
    prelude::*,
    testing::{Answer, STUCK},
};

use crate::{charge, down, order, release, shop, since_begin};

#[workflow]
async fn parks(cx: Context, cents: u32) -> Result<String> {
    let retry = Retry::default().maximum_attempts(2).park_when_exhausted();
    cx.run(charge(cents)).retry(retry).await
}

#[test]
fn a_run_that_waits_for_a_person_says_so() {
    let env = shop();
    env.fail(charge, 2, &down());

    let run = env.start(parks(100));
    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), STUCK);
    assert_eq!(
        error.message(),
        "nothing more happens by itself: Waiting for you: charge used up its 2 attempts (GatewayDown). Retry, skip or fail it."
    );
    assert_eq!(run.describe()["situation"], "incident");
}

#[test]
fn an_incident_is_retried_skipped_or_failed() {
    let env = shop();
    let parked = || {
        env.fail(charge, 2, &down());
        let run = env.start(parks(100));
        let incident = run.wait_for_incident().unwrap();
        assert_eq!(
            (incident.kind(), incident.activity()),
            ("attempts-exhausted", Some("charge"))
        );
        assert_eq!(incident.error().error_type(), "GatewayDown");
        (run, incident)
    };

    let (retried, incident) = parked();
    incident.retry().unwrap();
    assert_eq!(retried.result().unwrap(), "paid 100");
    let (changed, incident) = parked();
    incident.retry_with(&50).unwrap();
    assert_eq!(changed.result().unwrap(), "paid 50");
    let (skipped, incident) = parked();
    incident.skip("by hand").unwrap();
    assert_eq!(skipped.result().unwrap(), "by hand");
    let (failed, incident) = parked();
    incident.fail().unwrap();
    assert_eq!(failed.result().unwrap_err().error_type(), "GatewayDown");
}

#[test]
fn an_incident_is_solved_once() {
    let env = shop();
    env.fail(charge, 4, &down());
    let run = env.start(parks(100));
    let incident = run.wait_for_incident().unwrap();

    incident.retry().unwrap();
    let again = run.wait_for_incident().unwrap();
    again.skip("by hand").unwrap();
    let refused = again.fail().unwrap_err();

    assert_eq!(again.times(), 2);
    assert_eq!(run.result().unwrap(), "by hand");
    assert_eq!(refused.error_type(), "sagaline.Rejected");
}

#[workflow]
async fn sleeps(cx: Context) -> Result<()> {
    cx.run(charge(1)).compensate_with(|_| release(&7)).await?;
    cx.sleep(30.days()).await
}

#[test]
fn a_cancelled_run_wakes_and_undoes_what_it_has_done() {
    let env = shop();
    let run = env.start(sleeps());

    env.skip(10.days());
    run.cancel("moved away");
    let error = run.result().unwrap_err();

    assert!(error.is_canceled());
    assert_eq!(error.message(), "moved away");
    assert_eq!(since_begin(env.now()), 10.days());
    assert_eq!(run.history().attempts(), ["charge", "release"]);
}

#[test]
fn an_activity_stops_when_it_is_asked_to_or_goes_on() {
    for (stops, minutes) in [(true, 1), (false, 30)] {
        let env = shop();
        let slow = Answer::ok("paid".to_owned()).after(30.minutes());
        let slow = if stops { slow.unless_canceled() } else { slow };
        env.answers(charge, [slow]);
        let run = env.start(patient());

        env.skip(1.minutes());
        run.cancel("why");
        let ended = run.result();

        assert_eq!(ended.is_err_and(|error| error.is_canceled()), stops);
        assert_eq!(since_begin(env.now()), minutes.minutes());
    }
}

#[workflow]
async fn patient(cx: Context) -> Result<String> {
    cx.run(charge(1)).start_to_close(1.hours()).await
}

#[workflow]
async fn calls_off(cx: Context) -> Result<String> {
    let mut step = cx.run(charge(1)).start_to_close(1.hours()).start();
    select! {
        ended = &mut step => ended.map(|_| "in time".to_owned()),
        woken = cx.sleep(1.minutes()) => {
            woken?;
            step.cancel();
            match step.await {
                Err(error) if error.is_canceled() => Ok("called off".to_owned()),
                ended => ended.map(|_| "all the same".to_owned()),
            }
        }
    }
}

#[test]
fn a_workflow_calls_a_step_off_and_hears_whether_it_has_stopped() {
    for (stops, ended, minutes) in [(true, "called off", 1), (false, "all the same", 30)] {
        let env = shop();
        let slow = Answer::ok("paid".to_owned()).after(30.minutes());
        let slow = if stops { slow.unless_canceled() } else { slow };
        env.answers(charge, [slow]);

        let run = env.start(calls_off());

        assert_eq!(run.result().unwrap(), ended);
        assert_eq!(run.history().count("ActivityCancelRequested"), 1);
        assert_eq!(since_begin(env.now()), minutes.minutes());
    }
}

#[test]
fn a_terminated_run_undoes_nothing() {
    let env = shop();
    let run = env.start(sleeps());

    run.terminate("duplicate");
    let error = run.result().unwrap_err();

    assert_eq!(error.to_string(), "sagaline.Terminated: duplicate");
    assert_eq!(env.attempts(release), 0);
}

#[test]
fn a_paused_run_begins_nothing_until_it_is_resumed() {
    let env = shop();
    let run = env.start(sleeps());

    run.pause().unwrap();
    env.skip(60.days());
    let held = run.result().unwrap_err();
    run.resume().unwrap();

    assert!(held.message().contains("Paused by tester"), "{held}");
    run.result().unwrap();
    assert_eq!(since_begin(env.now()), 60.days());
}

#[workflow(name = "order", version = "1.0.0")]
async fn order_changed(cx: Context, cents: u32) -> Result<String> {
    cx.run(charge(cents)).await
}

#[test]
fn a_deploy_of_changed_code_raises_an_incident_on_open_runs_and_the_old_code_solves_it() {
    let env = shop();
    env.answers(charge, [Answer::ok("late".to_owned()).after(1.seconds())]);
    let run = env.start(order(100));

    env.deploy(workflows![order_changed]);
    let incident = run.wait_for_incident().unwrap();
    env.deploy(workflows![order]);
    incident.retry().unwrap();

    assert_eq!(incident.kind(), "nondeterminism");
    assert_eq!(run.result().unwrap(), "late");
}
