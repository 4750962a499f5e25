//! What happens when nobody reports: the four time-outs of an activity, heartbeats, and a run's own time.

use sagaline_core::{
    Command, Event, Failure, Ignored, Millis, Name, OnExhausted, Payload, QueuedUntil, Report,
    Timestamp, error_type, program::Timeouts, run::ActivityState,
};

use crate::{World, id, start};

/// One activity `a` with these time-outs, started.
fn timed(timeouts: Timeouts) -> World {
    let mut world = World::new(&["a"]);
    world.programs.timeouts = timeouts;
    world.start("1");
    world
}

const LONG: Timeouts = Timeouts::start_to_close(60_000);

fn heartbeat(progress: &str) -> Report {
    let progress = (!progress.is_empty()).then(|| Payload::json(progress.as_bytes().to_vec()));
    Report::Heartbeat { progress }
}

/// The error type of the last failed attempt.
fn last_failure(world: &World) -> String {
    let newest_first = world.events().into_iter().rev();
    let mut failures = newest_first.filter_map(|event| match event {
        Event::ActivityAttemptFailed(event) => Some(event.failure.error_type.to_string()),
        _ => None,
    });
    failures.next().unwrap_or_default()
}

fn after(world: &World, ms: u64) -> Timestamp {
    world.now.plus(Millis(ms))
}

#[test]
fn a_task_that_nobody_takes_times_out_and_no_attempt_follows() {
    let mut world = timed(Timeouts {
        schedule_to_start_ms: Some(5_000),
        ..LONG
    });
    assert_eq!(world.tasks[0].expires_at, Some(after(&world, 5_000)));

    world.fire();

    assert_eq!(last_failure(&world), error_type::SCHEDULE_TO_START);
    assert_eq!(world.tasks.len(), 1);
    assert!(world.names().contains(&"ActivityTimedOut"));
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn once_a_worker_has_begun_the_wait_for_one_is_over() {
    let mut world = timed(Timeouts {
        schedule_to_start_ms: Some(5_000),
        ..LONG
    });

    world.report(Report::Started);

    assert_eq!(world.state.next_deadline(), Some(after(&world, 60_000)));
}

#[test]
fn a_silent_worker_is_followed_by_the_next_attempt_which_is_told_how_far_it_was() {
    let mut world = timed(Timeouts {
        heartbeat_ms: Some(2_000),
        ..LONG
    });
    world.report(heartbeat("7"));
    assert_eq!(
        world.names()[3..],
        ["ActivityStarted", "ActivityHeartbeatRecorded"]
    );

    world.fire();

    assert_eq!(last_failure(&world), error_type::HEARTBEAT);
    world.fire();
    let next = world.tasks.last().unwrap();
    assert_eq!(next.attempt.get(), 2);
    assert_eq!(next.progress, Some(Payload::json(*b"7")));
}

#[test]
fn a_worker_that_begins_and_says_no_more_is_heard_of_too_late() {
    let mut world = timed(Timeouts {
        heartbeat_ms: Some(2_000),
        ..LONG
    });
    world.report(Report::Started);

    assert_eq!(world.state.next_deadline(), Some(after(&world, 2_000)));
}

#[test]
fn heartbeats_are_journaled_at_most_twice_per_time_out_and_none_that_comes_in_time_is_missed() {
    let mut world = timed(Timeouts {
        heartbeat_ms: Some(2_000),
        ..LONG
    });
    world.report(heartbeat("0"));
    let begun = world.now;
    // Just before half of it: not journaled. The next may be a whole time-out after that.
    for (at, progress) in [(990, "1"), (2_980, "2"), (3_970, "3"), (5_960, "")] {
        world.now = begun.plus(Millis(at));
        let due = world.state.next_deadline().unwrap();
        assert!(due > world.now, "{at}");
        world.report(heartbeat(progress));
    }

    let heartbeats = |name: &&&str| **name == "ActivityHeartbeatRecorded";
    assert_eq!(world.names().iter().filter(heartbeats).count(), 3);
    let run = world.state.run(&id()).unwrap();
    let progress = run.activities[0].heartbeat.as_ref().unwrap();
    assert_eq!(
        progress.progress,
        Some(Payload::json(*b"2")),
        "one without any leaves the last"
    );
}

#[test]
fn no_attempt_follows_that_would_come_after_all_must_be_over() {
    let mut world = timed(Timeouts {
        schedule_to_close_ms: Some(1_500),
        ..LONG
    });
    world.fail();
    let retry = world.retries[0].clone();
    world.now = retry.next_attempt_at;
    world.input("retry", Command::RetryDue(retry.due));
    assert_eq!(world.tasks.len(), 2, "the first wait is 1 s");

    world.fail();

    assert_eq!(world.tasks.len(), 2, "the second is 2 s");
    assert_eq!(last_failure(&world), "Broken");
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn an_attempt_is_cut_off_when_all_must_be_over() {
    let mut world = timed(Timeouts {
        schedule_to_close_ms: Some(1_500),
        ..LONG
    });
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.report(Report::Started);

    world.fire();

    assert_eq!(last_failure(&world), error_type::SCHEDULE_TO_CLOSE);
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
    let late = world.complete();
    assert_eq!(late.ignored, Some(Ignored::Stale));
}

#[test]
fn a_result_after_the_time_out_of_its_attempt_is_ignored() {
    let mut world = timed(Timeouts::start_to_close(1_000));
    world.fire();
    assert_eq!(last_failure(&world), error_type::START_TO_CLOSE);

    let late = world.complete();

    assert_eq!(late.ignored, Some(Ignored::Stale));
    assert_eq!(world.names().last(), Some(&"ActivityAttemptFailed"));
}

#[test]
fn a_task_that_is_proved_to_wait_in_its_queue_does_not_run_out_of_its_time() {
    let mut world = timed(Timeouts::start_to_close(1_000));
    let (run, task) = (world.state.run(&id()).unwrap(), &world.tasks[0]);
    let until = after(&world, 900);
    let queued = vec![QueuedUntil {
        activity_id: task.activity_id(),
        attempt: task.attempt,
        until,
        is_proved: true,
    }];
    let later = until.plus(Millis(1_000));
    assert_eq!(run.deadline_of(&queued), Some(later));

    let due = world.state.next_deadline().unwrap();
    world.state.hold(&id(), later);
    assert_eq!(world.state.next_deadline(), Some(later));
    let fire = |due| Command::Fire {
        workflow_id: id(),
        due,
        queued: queued.clone(),
    };
    world.now = due;
    world.input("fire", fire(due));
    assert_eq!(world.names().last(), Some(&"ActivityAttemptScheduled"));

    world.now = later;
    world.input("fire", fire(later));
    assert_eq!(last_failure(&world), error_type::START_TO_CLOSE);
}

#[test]
fn a_deadline_that_is_held_is_set_anew_by_the_next_change() {
    let mut world = timed(Timeouts::start_to_close(1_000));
    world.state.hold(&id(), after(&world, 50_000));

    world.report(Report::Started);

    assert_eq!(world.state.next_deadline(), Some(after(&world, 1_000)));
}

/// Two steps, the first completed, and 10 s for the run.
fn run_with_little_time() -> World {
    let mut world = World::new(&["a", "b"]);
    world.programs.timeouts = LONG;
    let mut start = start("w");
    start.run_timeout = Some(Millis(10_000));
    start.execution_timeout = Some(Millis(20_000));
    world.input("1", Command::Start(start));
    world.complete();
    world
}

#[test]
fn a_run_whose_time_runs_out_awaits_what_is_in_flight_and_undoes_what_it_did() {
    let mut world = run_with_little_time();

    world.fire();

    assert!(world.names().contains(&"CompensationStarted"));
    assert!(world.names().contains(&"ActivityCancelRequested"));
    assert_eq!(world.activities_sent(), ["a", "b"]);
    world.report(Report::Canceled {
        details: Payload::empty(),
    });
    assert_eq!(world.activities_sent(), ["a", "b", "undo-a"]);
    let run = world.state.run(&id()).unwrap();
    let undoing = run.activities[0].deadline();
    assert_eq!(
        run.deadline(),
        undoing,
        "its time does not cut undoing short"
    );
    world.complete();
    let last = world.events().pop().cloned();
    let Some(Event::WorkflowTimedOut(timed_out)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(
        timed_out.failure.error_type.as_str(),
        error_type::RUN_TIMEOUT
    );
    assert_eq!(
        &*timed_out.failure.message,
        "the run took longer than 10000 ms"
    );
}

#[test]
fn a_run_that_did_nothing_yet_times_out_at_once_even_while_it_waits_for_a_person() {
    let mut world = World::new(&["a"]);
    world.programs.timeouts = LONG;
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.programs.retry.maximum_attempts = 1;
    let mut start = start("w");
    start.execution_timeout = Some(Millis(10_000));
    world.input("1", Command::Start(start));
    let failure = Failure::new(Name::from("sagaline.UnknownHost"), "gone");
    world.report(Report::Failed {
        failure: failure.non_retryable(),
        retry_after: None,
        on_exhausted: None,
    });
    let run = world.state.run(&id()).unwrap();
    assert_eq!(run.activities[0].state, ActivityState::Parked);

    world.fire();

    let last = world.events().pop().cloned();
    assert!(
        matches!(&last, Some(Event::WorkflowTimedOut(event))
            if event.failure.error_type.as_str() == error_type::EXECUTION_TIMEOUT),
        "{last:?}"
    );
}

#[test]
fn an_activity_whose_retry_stays_away_is_given_up_when_all_must_be_over() {
    let mut world = timed(Timeouts {
        schedule_to_close_ms: Some(5_000),
        ..LONG
    });
    world.fail();

    world.fire();

    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
    let failed = world.events().into_iter().find_map(|event| match event {
        Event::ActivityTimedOut(event) => Some(event.failure.error_type.to_string()),
        _ => None,
    });
    assert_eq!(failed.as_deref(), Some(error_type::SCHEDULE_TO_CLOSE));
}

#[test]
fn a_task_that_may_have_begun_in_time_is_none_that_nobody_took() {
    let world = timed(Timeouts {
        schedule_to_start_ms: Some(5_000),
        ..LONG
    });
    let (run, task) = (world.state.run(&id()).unwrap(), &world.tasks[0]);
    let known = |ms, is_proved| QueuedUntil {
        activity_id: task.activity_id(),
        attempt: task.attempt,
        until: after(&world, ms),
        is_proved,
    };
    let due = |known| run.deadline_of(&[known]);

    assert_eq!(due(known(0, true)), Some(after(&world, 60_000)));
    assert_eq!(due(known(4_999, true)), Some(after(&world, 64_999)));
    assert_eq!(due(known(5_000, true)), Some(after(&world, 5_000)));
    assert_eq!(
        due(known(7_000, false)),
        Some(after(&world, 8_000)),
        "it is looked at again"
    );
}
