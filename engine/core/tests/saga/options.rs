//! A person changes how a pending activity is retried, and how long it may take.

use sagaline_core::{
    Activity, ActivityAct, Command, Effect, Event, Failure, Ignored, Millis, NO_TIMEOUT, Name,
    OnExhausted, OptionsChange, Report, RetryChange, TimeoutsChange, Timestamp, bounds, error_type,
    event::{ActivityOptionsUpdated, AnswerOutcome},
    program::Timeouts,
    run::ActivityState,
};

use crate::{
    World,
    by_hand::{ACCEPTED, answer, on_activity, parked, refused, waiting},
    id,
};

fn update(world: &mut World, identity: &str, retry: RetryChange, timeouts: TimeoutsChange) {
    let change = Ok(OptionsChange { retry, timeouts });
    on_activity(
        world,
        identity,
        ActivityAct::UpdateOptions { change },
        false,
    );
}

fn retried(world: &mut World, retry: RetryChange) {
    update(world, "o", retry, TimeoutsChange::default());
}

fn timed(world: &mut World, timeouts: TimeoutsChange) {
    update(world, "o", RetryChange::default(), timeouts);
}

fn intervals(initial: u64) -> RetryChange {
    RetryChange {
        initial_interval_ms: Some(initial),
        ..RetryChange::default()
    }
}

fn attempts(maximum: u32) -> RetryChange {
    RetryChange {
        maximum_attempts: Some(maximum),
        ..RetryChange::default()
    }
}

fn pending(world: &World) -> &Activity {
    &world.state.run(&id()).unwrap().activities[0]
}

fn next_attempt_at(world: &World) -> Timestamp {
    match pending(world).state {
        ActivityState::Backoff { next_attempt_at } => next_attempt_at,
        ref other => panic!("{other:?}"),
    }
}

fn updates(world: &World) -> Vec<ActivityOptionsUpdated> {
    let updated = |event: &Event| match event {
        Event::ActivityOptionsUpdated(updated) => Some((**updated).clone()),
        _ => None,
    };
    world.events().into_iter().filter_map(updated).collect()
}

/// No worker knows the activity: an attempt that does not count.
fn unknown(world: &mut World) {
    let failure = Failure::new(Name::from(error_type::UNKNOWN_ACTIVITY), "");
    world.report(Report::Failed {
        failure,
        retry_after: None,
        on_exhausted: None,
    });
}

#[test]
fn a_shorter_interval_brings_the_waiting_attempt_forward_and_its_old_record_comes_too_late() {
    let mut world = waiting();
    let (failed_at, old) = (world.now, world.retries[0].clone());

    retried(&mut world, intervals(200));

    let new = world.retries.last().unwrap().clone();
    assert_eq!((world.retries.len(), &new.due), (2, &old.due));
    assert_eq!(new.next_attempt_at, failed_at.plus(Millis(200)));
    assert_eq!(next_attempt_at(&world), new.next_attempt_at);
    let wanted = |retry| Effect::Retry(Box::new(retry)).is_wanted(&world.state);
    assert!(!wanted(old.clone()) && wanted(new.clone()));
    world.now = new.next_attempt_at;
    world.input("new", Command::RetryDue(new.due));
    assert_eq!(world.tasks.last().unwrap().attempt.get(), 2);
    world.now = old.next_attempt_at;
    let late = world.input("old", Command::RetryDue(old.due));
    assert_eq!(
        (late.ignored, world.tasks.len()),
        (Some(Ignored::Repeat), 2)
    );
}

#[test]
fn an_attempt_that_would_be_over_by_the_new_interval_is_made_at_once() {
    let mut world = waiting();
    world.now = world.now.plus(Millis(500));

    retried(&mut world, intervals(200));

    assert_eq!((world.tasks.len(), world.retries.len()), (2, 1));
    assert_eq!(updates(&world)[0].next_attempt_at, None);
}

#[test]
fn what_is_paused_is_brought_forward_and_made_when_it_is_resumed() {
    let mut world = waiting();
    on_activity(&mut world, "p", ActivityAct::Pause, false);
    world.now = world.now.plus(Millis(500));

    retried(&mut world, intervals(200));
    assert_eq!((world.tasks.len(), next_attempt_at(&world)), (1, world.now));

    on_activity(&mut world, "r", ActivityAct::Resume, false);
    assert_eq!(world.tasks.len(), 2);
}

#[test]
fn a_longer_interval_holds_from_the_next_wait_on() {
    let mut world = waiting();
    let due = next_attempt_at(&world);

    retried(&mut world, intervals(5_000));

    assert_eq!((next_attempt_at(&world), world.retries.len()), (due, 1));
    world.fire();
    world.fail();
    assert_eq!(next_attempt_at(&world), world.now.plus(Millis(10_000)));
}

#[test]
fn a_wish_of_the_worker_stays_unless_the_waits_change() {
    let mut world = World::new(&["a"]);
    world.start("1");
    let failure = Failure::new(Name::from("Busy"), "");
    world.report(Report::Failed {
        failure,
        retry_after: Some(Millis(60_000)),
        on_exhausted: None,
    });
    let wished = world.now.plus(Millis(60_000));

    retried(&mut world, attempts(9));
    assert_eq!(next_attempt_at(&world), wished);
    update(&mut world, "w", intervals(2_000), TimeoutsChange::default());

    assert_eq!(next_attempt_at(&world), world.now.plus(Millis(2_000)));
}

#[test]
fn more_attempts_are_made_and_no_limit_is_none() {
    let mut world = waiting();

    retried(&mut world, attempts(5));
    assert_eq!(pending(&world).maximum_attempts, 5);
    for _ in 2..=5 {
        world.fire();
        world.fail();
    }
    assert_eq!(world.tasks.len(), 5);
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));

    let mut endless = waiting();
    retried(&mut endless, attempts(0));
    assert_eq!(pending(&endless).maximum_attempts, 0);
}

#[test]
fn what_counts_is_the_attempts_of_its_set_that_count() {
    let mut world = parked();
    on_activity(&mut world, "x", ActivityAct::Retry { input: None }, false);
    unknown(&mut world);
    assert_eq!(pending(&world).maximum_attempts, 3);

    retried(&mut world, attempts(0));
    world.fire();
    unknown(&mut world);
    update(&mut world, "o2", attempts(4), TimeoutsChange::default());

    // One before the set, two that did not count, four that may be made.
    let activity = pending(&world);
    assert_eq!((activity.attempt.get(), activity.maximum_attempts), (3, 7));
}

#[test]
fn an_attempt_that_the_new_policy_does_not_allow_is_not_made() {
    let cases = [
        attempts(1),
        RetryChange {
            non_retryable_error_types: Some(vec![Name::from("Brok*")]),
            ..RetryChange::default()
        },
    ];
    for change in cases {
        let mut world = waiting();

        retried(&mut world, change.clone());

        let names = world.names();
        assert!(names.contains(&"ActivityFailed"), "{names:?}");
        assert_eq!(names.last(), Some(&"WorkflowFailed"));

        let mut parks = waiting();
        let on_exhausted = Some(OnExhausted::Park);
        retried(
            &mut parks,
            RetryChange {
                on_exhausted,
                ..change
            },
        );
        assert_eq!(parks.names().last(), Some(&"IncidentRaised"));
        assert_eq!(pending(&parks).state, ActivityState::Parked);
        assert_eq!(parks.state.run(&id()).unwrap().incidents.len(), 1);
    }
}

#[test]
fn an_attempt_that_would_come_after_all_must_be_over_is_not_made() {
    let mut world = waiting();

    timed(
        &mut world,
        TimeoutsChange {
            schedule_to_close: Some(500),
            ..TimeoutsChange::default()
        },
    );

    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn an_attempt_under_way_is_measured_by_the_new_time_outs_and_the_next_is_told_them() {
    let mut world = World::new(&["a"]);
    world.programs.timeouts = Timeouts {
        heartbeat_ms: Some(400),
        ..Timeouts::start_to_close(1_000)
    };
    world.start("1");
    world.report(Report::Started);
    let began = world.now;
    assert_eq!(world.state.next_deadline(), Some(began.plus(Millis(400))));

    timed(
        &mut world,
        TimeoutsChange {
            start_to_close: Some(9_000),
            heartbeat: Some(NO_TIMEOUT),
            ..TimeoutsChange::default()
        },
    );

    assert_eq!(world.state.next_deadline(), Some(began.plus(Millis(9_000))));
    world.fail();
    world.fire();
    let scheduled = &world.tasks.last().unwrap().scheduled;
    assert_eq!(
        (scheduled.start_to_close_ms, scheduled.heartbeat_ms),
        (9_000, None)
    );
}

#[test]
fn a_worker_is_not_silent_by_a_time_out_that_it_was_given_later() {
    let mut world = World::new(&["a"]);
    world.programs.timeouts = Timeouts::start_to_close(60_000);
    world.start("1");
    world.report(Report::Started);
    world.now = world.now.plus(Millis(30_000));

    timed(
        &mut world,
        TimeoutsChange {
            heartbeat: Some(1_000),
            ..TimeoutsChange::default()
        },
    );

    let due = world.now.plus(Millis(1_000));
    assert_eq!(world.state.next_deadline(), Some(due));
}

#[test]
fn a_parked_one_waits_on_and_its_fresh_set_is_by_the_new_policy() {
    let mut world = parked();

    retried(&mut world, attempts(4));
    assert_eq!(pending(&world).state, ActivityState::Parked);
    on_activity(&mut world, "x", ActivityAct::Retry { input: None }, false);

    let activity = pending(&world);
    assert_eq!((activity.attempt.get(), activity.maximum_attempts), (2, 5));
}

#[test]
fn options_that_make_no_sense_are_refused_and_the_field_is_named() {
    let out = bounds::jitter(1.5).unwrap_err();
    let mut world = waiting();
    let said = |world: &World| {
        let answer = world.replies.last().unwrap().answer.clone();
        answer.error_message.unwrap()
    };

    let change = Err(out);
    on_activity(
        &mut world,
        "j",
        ActivityAct::UpdateOptions { change },
        false,
    );
    assert_eq!(answer(&world), refused(error_type::INVALID_OPTIONS));
    assert_eq!(
        &*said(&world),
        "activity `a`: jitter is 1.5; 0 to 1 are allowed"
    );
    let below = RetryChange {
        maximum_interval_ms: Some(500),
        ..RetryChange::default()
    };
    retried(&mut world, below);

    assert_eq!(
        &*said(&world),
        "activity `a`: maximum_interval is 500 ms; at least initial_interval, 1000 ms, is allowed"
    );
    assert!(updates(&world).is_empty());
}

#[test]
fn who_changed_what_and_why_is_in_the_history_once() {
    let mut world = waiting();

    retried(&mut world, attempts(7));
    retried(&mut world, attempts(7));
    update(&mut world, "again", attempts(7), TimeoutsChange::default());

    let [updated] = &updates(&world)[..] else {
        panic!("{:?}", world.names());
    };
    assert_eq!(updated.actor, Some(Name::from("sagaline.cli/ada")));
    assert_eq!(updated.reason.as_deref(), Some("the bank migrates"));
    assert_eq!(
        (&updated.retry, updated.timeouts_ms),
        (&Some(attempts(7)), None)
    );
    assert_eq!(answer(&world), ACCEPTED);
    let accepted = |reply: &&sagaline_core::Reply| reply.answer.outcome == AnswerOutcome::Accepted;
    assert_eq!(world.replies.iter().filter(accepted).count(), 3);
}
