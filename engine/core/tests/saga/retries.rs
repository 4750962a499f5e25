//! The next attempt of an activity: by the record that waited for it, or, when that does not come, by the deadline.

use sagaline_core::{
    Command, Effect, Event, Failure, Ignored, Millis, Name, OnExhausted, RETRY_TAKEN_OVER_AFTER,
    Report, RetryDue, Timestamp,
};

use super::{World, cancel};

/// A run whose first attempt has failed, and what waits for the second.
fn waiting() -> (World, RetryDue, Timestamp) {
    let mut world = World::new(&["a"]);
    world.start("1");
    world.fail();
    let retry = world.retries[0].clone();
    (world, retry.due, retry.next_attempt_at)
}

fn attempts(world: &World) -> Vec<u32> {
    world.tasks.iter().map(|task| task.attempt.get()).collect()
}

#[test]
fn a_failed_attempt_is_tried_again_when_its_record_comes_back() {
    let (mut world, due, at) = waiting();

    world.now = at;
    world.input("retry", Command::RetryDue(due.clone()));
    world.complete();

    assert_eq!(at.since(Timestamp::from_millis(1_000_000)), Millis(1_000));
    assert_eq!((due.attempt.get(), attempts(&world)), (2, vec![1, 2]));
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn a_record_that_comes_too_early_changes_nothing_and_says_when_to_come_back() {
    let (mut world, due, at) = waiting();

    world.now = Timestamp::from_micros(at.as_micros() - 1);
    let early = world.input("retry", Command::RetryDue(due));

    assert_eq!(early.ignored, Some(Ignored::Early(at)));
    assert_eq!(attempts(&world), [1]);
}

#[test]
fn repeats_and_records_of_attempts_that_are_over_are_ignored() {
    let (mut world, due, at) = waiting();
    world.now = at;
    let of_later = RetryDue {
        attempt: due.attempt.next(),
        ..due.clone()
    };
    let ignored = |world: &mut World, due: &RetryDue| {
        let done = world.input("retry", Command::RetryDue(due.clone()));
        done.ignored
    };

    assert_eq!(ignored(&mut world, &of_later), Some(Ignored::Stale));
    assert_eq!(ignored(&mut world, &due), None);
    assert_eq!(ignored(&mut world, &due), Some(Ignored::Repeat));
    world.fail();
    assert_eq!(ignored(&mut world, &due), Some(Ignored::Repeat));
    world.input("cancel", cancel(false));
    assert_eq!(ignored(&mut world, &due), Some(Ignored::Stale));

    assert_eq!(attempts(&world), [1, 2]);
}

#[test]
fn the_lane_makes_the_attempt_itself_when_nothing_has_come() {
    let (mut world, due, at) = waiting();

    assert_eq!(
        world.state.next_deadline(),
        Some(at.plus(RETRY_TAKEN_OVER_AFTER))
    );
    world.fire();
    let late = world.input("retry", Command::RetryDue(due));

    assert_eq!(attempts(&world), [1, 2]);
    assert_eq!(late.ignored, Some(Ignored::Repeat));
}

#[test]
fn a_record_is_wanted_until_its_attempt_is_made() {
    let (mut world, due, at) = waiting();
    let effect = Effect::Retry(Box::new(world.retries[0].clone()));
    assert!(effect.is_wanted(&world.state));

    world.now = at;
    world.input("retry", Command::RetryDue(due));

    assert!(!effect.is_wanted(&world.state));
}

#[test]
fn an_attempt_that_is_the_last_leaves_no_record() {
    let (mut world, due, at) = waiting();
    world.now = at;
    world.input("retry", Command::RetryDue(due));
    let mut last = world.retries.len();

    while !matches!(world.events().last(), Some(Event::WorkflowFailed(_))) {
        last = world.retries.len();
        world.fail();
        if world.retries.len() > last {
            world.fire();
        }
    }

    assert_eq!(world.retries.len(), last);
    assert_eq!(world.tasks.len(), 1 + last);
}

/// A step that fails for good, and for whom: the worker's word against the policy's.
fn refused_with(policy: OnExhausted, word: Option<OnExhausted>) -> World {
    let mut world = World::new(&["a"]);
    world.programs.retry.on_exhausted = policy;
    world.start("1");
    let failure = Failure::new(Name::from("No"), "no").non_retryable();
    world.report(Report::Failed {
        failure,
        retry_after: None,
        on_exhausted: word,
    });
    world
}

#[test]
fn a_worker_knows_better_than_the_policy_whether_a_person_can_help() {
    for (policy, word, last) in [
        (OnExhausted::Park, None, "IncidentRaised"),
        (OnExhausted::Park, Some(OnExhausted::Fail), "WorkflowFailed"),
        (OnExhausted::Fail, None, "WorkflowFailed"),
        (OnExhausted::Fail, Some(OnExhausted::Park), "IncidentRaised"),
    ] {
        let world = refused_with(policy, word);

        assert_eq!(world.names().last(), Some(&last), "{policy:?}, {word:?}");
    }
}

#[test]
fn a_worker_that_wants_a_failure_is_tried_again_like_any_other() {
    let mut world = World::new(&["a"]);
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.start("1");

    world.report(Report::Failed {
        failure: Failure::new(Name::from("Broken"), "no"),
        retry_after: None,
        on_exhausted: Some(OnExhausted::Fail),
    });

    assert_eq!(world.names().last(), Some(&"ActivityAttemptFailed"));
}
