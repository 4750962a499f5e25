//! Schedules: what is due is started once, in time or caught up with, and people change them while they run.

use std::time::Duration;

use sagaline_sdk::{
    call_query, call_update, call_workflow,
    prelude::*,
    schedule::{Backfill, Counts, Description, Overlap, Schedule, Status, Triggered, Upcoming},
    testing::{Env, Run, StartOptions},
};
use serde_json::{Value, json};

/// Takes as long as it is told, or fails.
#[workflow]
async fn chore(cx: Context, seconds: i64) -> Result<i64> {
    match u64::try_from(seconds) {
        Ok(seconds) => cx.sleep(seconds.seconds()).await.map(|()| 0),
        Err(_) => Err(Error::new("Broken", "as planned").non_retryable()),
    }
}

fn env() -> Env {
    Env::new().workflows(workflows![chore])
}

/// A schedule `tidy` that starts a chore so long each minute.
fn each_minute(seconds: i64, more: Value) -> Value {
    let mut schedule = json!({
        "spec": {"intervals": [{"every": "60s"}]},
        "action": {"workflow": "chore", "input": seconds},
    });
    for (key, value) in more.as_object().unwrap() {
        schedule[key] = value.clone();
    }
    schedule
}

fn start(env: &Env, schedule: &Value) -> Run<()> {
    let schedule = serde_json::from_value(schedule.clone()).unwrap();
    env.schedule("tidy", schedule)
}

fn describe(run: &Run<()>) -> Description {
    run.query(call_query("describe", &())).unwrap()
}

fn counts(run: &Run<()>) -> Counts {
    describe(run).counts
}

/// What the schedule started, by due times, and how it is doing.
fn taken(run: &Run<()>) -> Vec<(String, Status)> {
    let description = describe(run);
    let all = description.recent.into_iter().chain(description.running);
    all.map(|one| (one.workflow_id, one.status)).collect()
}

fn update<A: serde::de::DeserializeOwned>(run: &Run<()>, name: &str, input: Value) -> Result<A> {
    run.update(call_update(name, &input))
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[test]
fn what_is_due_is_started_on_the_instant_under_an_id_that_says_when() {
    let env = env();
    let run = start(&env, &each_minute(10, json!({})));

    env.skip(minutes(3));

    assert_eq!(
        taken(&run),
        [
            ("tidy/2030-01-01T00:01:00Z".to_owned(), Status::Completed),
            ("tidy/2030-01-01T00:02:00Z".to_owned(), Status::Completed),
            ("tidy/2030-01-01T00:03:00Z".to_owned(), Status::Running),
        ]
    );
    for one in describe(&run).recent {
        assert_eq!(one.started_at, one.due_at);
    }
    let child = env.run::<i64>("tidy/2030-01-01T00:02:00Z").unwrap();
    assert_eq!(child.describe()["parent"]["workflow_id"], "schedule/tidy");
    let next: Vec<Upcoming> = run.query(call_query("next", &json!({"count": 2}))).unwrap();
    let next: Vec<String> = next.iter().map(|one| one.due_at.to_rfc3339()).collect();
    assert_eq!(next, ["2030-01-01T00:04:00Z", "2030-01-01T00:05:00Z"]);
}

#[test]
fn what_overlaps_is_handled_as_the_schedule_says() {
    // Each takes two and a half minutes; five are due in five minutes and a half.
    for (overlap, statuses, (taken_count, skipped), waiting) in [
        ("skip", "CR", (2, 3), 0),
        ("buffer_one", "CR", (2, 2), 1),
        ("buffer_all", "CR", (2, 0), 3),
        ("cancel_other", "XXXXR", (5, 0), 0),
        ("terminate_other", "TTTTR", (5, 0), 0),
        ("allow_all", "CCCRR", (5, 0), 0),
    ] {
        let env = env();
        let run = start(&env, &each_minute(150, json!({"overlap": overlap})));

        env.skip(Duration::from_secs(345));

        let description = describe(&run);
        let letters: String = taken(&run)
            .iter()
            .map(|(_, status)| match status {
                Status::Completed => 'C',
                Status::Running => 'R',
                Status::Canceled => 'X',
                Status::Terminated => 'T',
                Status::Failed | Status::TimedOut | Status::AlreadyStarted => '?',
            })
            .collect();
        assert_eq!(letters, statuses, "{overlap}: {description:?}");
        let counts = description.counts;
        assert_eq!(
            (counts.taken, counts.skipped),
            (taken_count, skipped),
            "{overlap}"
        );
        assert_eq!(description.waiting.len(), waiting, "{overlap}");
    }
}

#[test]
fn nothing_is_missed_or_done_twice_when_the_engine_stops_between() {
    let env = env();
    let run = start(&env, &each_minute(0, json!({"overlap": "allow_all"})));

    for _ in 0..20 {
        env.skip(Duration::from_secs(37));
        env.crash();
    }

    // Twelve minutes and twenty seconds.
    let started = (1..=12).filter(|minute| {
        let id = format!("tidy/2030-01-01T00:{minute:02}:00Z");
        env.run::<i64>(&id)
            .is_some_and(|one| one.status() == "Completed")
    });
    assert_eq!(started.count(), 12);
    assert_eq!(
        counts(&run),
        Counts {
            taken: 12,
            ..Counts::default()
        }
    );
}

#[test]
fn what_was_due_while_no_engine_ran_is_caught_up_with_within_the_window() {
    let env = env();
    let schedule = each_minute(0, json!({"overlap": "buffer_all", "catch_up": "10m"}));
    let run = start(&env, &schedule);
    run.pause().unwrap();
    env.skip(minutes(60));

    run.resume().unwrap();
    env.skip(Duration::from_secs(1));

    let counts = counts(&run);
    // The timer of the first was in time; 00:50 is ten minutes ago.
    assert_eq!((counts.taken, counts.missed), (11, 49), "{counts:?}");
}

#[test]
fn a_schedule_goes_on_for_ever_in_runs_of_limited_length_and_loses_nothing_between() {
    let env = env().steps_max(1_000_000);
    let mut schedule = each_minute(3, json!({"overlap": "allow_all"}));
    schedule["spec"] = json!({"intervals": [{"every": "1s"}]});
    let run = start(&env, &schedule);

    // Three are under way at each instant, also when one run follows the other.
    env.skip(Duration::from_secs(1_500));

    assert!(run.histories().len() > 1, "it is one run yet");
    let description = describe(&run);
    assert_eq!(description.counts.taken, 1_500);
    assert_eq!(description.running.len(), 3, "{description:?}");
    let ended = description.recent.iter();
    assert!(ended.clone().all(|one| one.status == Status::Completed));
    assert_eq!(
        ended.last().unwrap().workflow_id,
        "tidy/2030-01-01T00:24:57Z"
    );
    for second in 1..=1_497_u64 {
        let due = env.now().as_millis() - 1_000 * (1_500 - second as i64);
        let due = sagaline_sdk::schedule::Instant(Timestamp::from_millis(due));
        let one = env.run::<i64>(&format!("tidy/{}", due.to_rfc3339()));
        assert_eq!(one.map(|one| one.status()), Some("Completed"), "{due:?}");
    }
}

#[test]
fn of_many_that_were_missed_the_window_takes_the_last() {
    let env = env();
    let mut schedule = each_minute(0, json!({"catch_up": "10s"}));
    schedule["spec"] = json!({"intervals": [{"every": "1s"}]});
    let run = start(&env, &schedule);
    run.pause().unwrap();
    env.skip(minutes(60));

    run.resume().unwrap();
    env.skip(Duration::from_millis(1));

    let counts = counts(&run);
    // From ten seconds ago on: the first is started, the others come while it is under way.
    assert_eq!(
        (counts.taken, counts.skipped, counts.missed),
        (1, 10, 3_589),
        "{counts:?}"
    );
    assert!(env.run::<i64>("tidy/2030-01-01T00:59:50Z").is_some());
}

#[test]
fn what_was_due_before_a_change_and_begins_after_it_is_not_lost() {
    let env = env();
    let mut schedule = each_minute(0, json!({}));
    schedule["spec"]["jitter"] = json!("50s");
    let run = start(&env, &schedule);
    env.skip(Duration::from_secs(60));
    let next: Vec<Upcoming> = run.query(call_query("next", &json!({"count": 1}))).unwrap();
    assert!(next[0].due_at < next[0].begins_at, "{next:?}");

    let () = update(&run, "update", schedule).unwrap();
    env.skip(minutes(1));

    assert!(env.run::<i64>("tidy/2030-01-01T00:01:00Z").is_some());
}

#[test]
fn a_paused_one_rests() {
    let env = env();
    let run = start(&env, &each_minute(0, json!({"paused": true})));
    let events = || run.history().events().count();
    let before = events();

    env.skip(minutes(600));

    assert_eq!(events(), before);
    assert_eq!(describe(&run).next, []);
}

#[test]
fn a_paused_one_starts_nothing_by_itself_and_goes_on_with_what_comes_after() {
    let env = env();
    let run = start(
        &env,
        &each_minute(0, json!({"paused": true, "note": "not yet"})),
    );
    env.skip(minutes(5));
    assert_eq!(counts(&run), Counts::default());
    assert_eq!(describe(&run).schedule.note, "not yet");

    let () = update(&run, "resume", json!({"note": "now"})).unwrap();
    env.skip(minutes(2));
    let () = update(&run, "pause", json!({"note": "enough"})).unwrap();
    env.skip(minutes(5));

    let description = describe(&run);
    assert_eq!(description.counts.taken, 2);
    assert!(description.schedule.paused);
    assert_eq!(description.schedule.note, "enough");
    assert_eq!(description.changed_at.to_rfc3339(), "2030-01-01T00:07:00Z");
}

#[test]
fn one_asked_for_by_hand_is_started_also_when_paused_and_told_what_became_of_it() {
    let env = env();
    let run = start(
        &env,
        &each_minute(90, json!({"paused": true, "remaining": 1})),
    );
    env.skip(Duration::from_secs(5));

    let first: Triggered = update(&run, "trigger", json!({})).unwrap();
    let second: Triggered = update(&run, "trigger", json!({})).unwrap();
    let third: Triggered = update(&run, "trigger", json!({"overlap": "buffer_one"})).unwrap();
    let fourth: Triggered = update(&run, "trigger", json!({"overlap": "allow_all"})).unwrap();

    assert_eq!(
        first.workflow_id.as_deref(),
        Some("tidy/2030-01-01T00:00:05Z")
    );
    assert_eq!(
        (second.outcome, third.outcome),
        ("skipped".to_owned(), "waiting".to_owned())
    );
    assert_eq!(
        fourth.workflow_id.as_deref(),
        Some("tidy/2030-01-01T00:00:05.003Z")
    );
    env.skip(minutes(5));
    let description = describe(&run);
    assert_eq!(description.counts.taken, 3);
    // By hand costs nothing of what remains.
    assert_eq!(description.schedule.remaining, Some(1));
}

#[test]
fn a_limited_one_takes_as_many_as_remain() {
    let env = env();
    let run = start(&env, &each_minute(0, json!({"remaining": 3})));

    env.skip(minutes(10));

    let description = describe(&run);
    assert_eq!(
        description.counts,
        Counts {
            taken: 3,
            ..Counts::default()
        }
    );
    assert_eq!(description.schedule.remaining, Some(0));
    assert_eq!(run.status(), "Running");
}

#[test]
fn one_that_pauses_on_failure_says_what_failed() {
    let env = env();
    let run = start(&env, &each_minute(-1, json!({"pause_on_failure": true})));

    env.skip(minutes(10));

    let description = describe(&run);
    assert_eq!(
        (description.counts.taken, description.counts.failed),
        (1, 1)
    );
    assert!(description.schedule.paused);
    let note = description.schedule.note;
    assert!(
        note.contains("tidy/2030-01-01T00:01:00Z") && note.contains("as planned"),
        "{note}"
    );
    assert_eq!(description.recent[0].status, Status::Failed);
}

#[test]
fn a_workflow_that_nobody_knows_is_a_failure_of_what_was_started() {
    let env = env();
    let mut schedule = each_minute(0, json!({}));
    schedule["action"]["workflow"] = json!("unheard-of");
    let run = start(&env, &schedule);

    env.skip(minutes(1));

    let recent = describe(&run).recent;
    assert_eq!(recent[0].status, Status::Failed);
    let failure = recent[0].failure.clone().unwrap();
    assert!(
        failure.contains("unheard-of") && !failure.contains("sagaline.schedule"),
        "{failure}"
    );
}

#[test]
fn a_backfill_starts_what_was_due_and_what_is_done_already_is_not_done_again() {
    let env = env();
    let run = start(&env, &each_minute(5, json!({})));
    env.skip(minutes(2));
    let backfill = |from: &str, to: &str| {
        let backfill = json!({"from": from, "to": to});
        update::<()>(&run, "backfill", backfill)
    };

    // Ten before the start of time here, and two that were taken.
    backfill("2029-12-31T23:51:00Z", "2030-01-01T00:02:00Z").unwrap();
    env.skip(Duration::from_secs(59));
    let description = describe(&run);

    assert_eq!(description.counts.repeated, 2, "{description:?}");
    assert_eq!(description.counts.taken, 2 + 10, "{description:?}");
    assert!(description.backfills.is_empty());
    for id in ["tidy/2029-12-31T23:51:00Z", "tidy/2030-01-01T00:00:00Z"] {
        assert_eq!(env.run::<i64>(id).unwrap().status(), "Completed");
    }
    let error = backfill("2030-01-01T00:00:00Z", "2029-01-01T00:00:00Z").unwrap_err();
    assert_eq!(error.message(), "backfill: `to` is before `from`");
}

#[test]
fn a_large_backfill_is_done_in_pieces() {
    let env = env().steps_max(100_000);
    let mut schedule = each_minute(0, json!({"paused": true}));
    schedule["spec"] = json!({"intervals": [{"every": "1s"}]});
    let run = start(&env, &schedule);
    let backfill = Backfill {
        from: env.now().into(),
        to: env.now().after(1_499.seconds()).into(),
        overlap: Overlap::AllowAll,
    };

    let () = run.update(call_update("backfill", &backfill)).unwrap();
    env.skip(Duration::from_secs(30));

    assert_eq!(counts(&run).taken, 1_500);
}

#[test]
fn another_schedule_counts_from_now_on() {
    let env = env();
    let run = start(&env, &each_minute(0, json!({})));
    env.skip(Duration::from_secs(90));
    let mut other: Schedule = serde_json::from_value(each_minute(0, json!({}))).unwrap();
    other.spec = serde_json::from_value(json!({"cron": ["*/10 * * * *"]})).unwrap();

    let () = run.update(call_update("update", &other)).unwrap();
    env.skip(minutes(15));

    let ids: Vec<String> = taken(&run).into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        ids,
        ["tidy/2030-01-01T00:01:00Z", "tidy/2030-01-01T00:10:00Z"]
    );
    let wrong = json!({"spec": {"cron": ["99 * * * *"]}, "action": {"workflow": "chore"}});
    let error = update::<()>(&run, "update", wrong).unwrap_err();
    assert!(error.message().contains("spec: cron[0]"), "{error}");
    let mut large = each_minute(0, json!({}));
    large["action"]["input"] = json!("x".repeat(256 * 1024));
    let error = update::<()>(&run, "update", large).unwrap_err();
    assert!(error.message().contains("262144 are allowed"), "{error}");
}

#[test]
fn one_that_says_what_is_not_allowed_fails_at_once() {
    let env = env();
    let schedule = json!({"spec": {"cron": ["* *"]}, "action": {"workflow": "chore"}});
    let call = call_workflow::<()>("sagaline.schedule", &json!({"schedule": schedule}));
    let run = env.start_named(StartOptions::new().id("schedule/tidy"), call);

    let error = run.result().unwrap_err();

    assert!(
        error.message().contains("spec: cron[0]: `* *`: 2 fields"),
        "{error}"
    );
}

#[test]
fn one_that_is_cancelled_lets_go_of_what_it_has_started() {
    let env = env();
    let run = start(&env, &each_minute(600, json!({})));
    env.skip(minutes(1));

    run.cancel("deleted");

    assert!(run.result().unwrap_err().is_canceled());
    assert_eq!(run.status(), "Canceled");
    let child = env.run::<i64>("tidy/2030-01-01T00:01:00Z").unwrap();
    assert_eq!(child.status(), "Running");
    child.result().unwrap();
}

#[test]
#[should_panic(expected = "names that begin with `sagaline.` are Sagaline's own")]
fn no_workflow_of_an_app_has_a_name_of_our_own() {
    #[workflow(name = "sagaline.mine")]
    async fn mine(_cx: Context) -> Result<()> {
        Ok(())
    }

    let _ = workflows![mine];
}
