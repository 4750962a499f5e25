//! A person steps in: pauses and resumes, and decides what becomes of an activity.

use std::sync::Arc;

use sagaline_core::{
    Act, ActivityAct, ActivityId, Attempt, Cause, Command, Event, Failure, IdentityRing, Ignored,
    IncidentAct, Millis, Name, OnExhausted, Operate, Payload, Place, ReplyTo, RetryPolicy, Run,
    RunId, error_type,
    event::{
        ActivityAttemptFailed, ActivityAttemptScheduled, ActivityFailed, ActivityScheduled,
        AnswerOutcome, CompensationRegistered, WorkflowStarted,
    },
    run::Carried,
};

use crate::{World, id};

pub(crate) fn act(world: &mut World, identity: &str, act: Act) {
    let operate = Operate {
        workflow_id: id(),
        run_id: None,
        act,
        actor: Name::from("sagaline.cli/ada"),
        reason: Some("the bank migrates".into()),
        reply: Some(ReplyTo {
            topic: "replies".into(),
            partition: 0,
            correlation: "x".into(),
        }),
    };
    world.input(identity, Command::Operate(Box::new(operate)));
}

pub(crate) fn on_activity(
    world: &mut World,
    identity: &str,
    on: ActivityAct,
    even_if_running: bool,
) {
    let number = world.tasks.last().unwrap().activity_id();
    let activity = Act::Activity {
        activity_id: number,
        act: on,
        even_if_running,
    };
    act(world, identity, activity);
}

/// What the last answer says: its outcome and error type.
pub(crate) fn answer(world: &World) -> (AnswerOutcome, String) {
    let answer = &world.replies.last().unwrap().answer;
    let error_type = answer.error_type.as_ref().map(Name::to_string);
    (answer.outcome, error_type.unwrap_or_default())
}

pub(crate) fn refused(error_type: &str) -> (AnswerOutcome, String) {
    (AnswerOutcome::Rejected, error_type.to_owned())
}

pub(crate) const ACCEPTED: (AnswerOutcome, String) = (AnswerOutcome::Accepted, String::new());

fn json(text: &str) -> Payload {
    Payload::json(text.as_bytes().to_vec())
}

fn started() -> World {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world
}

/// Its first attempt has failed.
pub(crate) fn waiting() -> World {
    let mut world = started();
    world.fail();
    world
}

#[test]
fn a_paused_run_begins_nothing_and_goes_on_where_it_was() {
    let mut world = started();

    act(&mut world, "p", Act::Pause);
    assert_eq!(answer(&world), ACCEPTED);
    world.complete();
    assert_eq!(world.activities_sent(), ["a"], "b would be new");

    act(&mut world, "r", Act::Resume);

    assert_eq!(world.activities_sent(), ["a", "b"]);
    let names = world.names();
    assert!(names.contains(&"WorkflowPaused") && names.contains(&"WorkflowResumed"));
}

#[test]
fn a_retry_that_is_due_while_the_run_is_paused_comes_when_it_is_resumed() {
    let mut world = waiting();
    let due = world.state.next_deadline();
    act(&mut world, "p", Act::Pause);
    assert_eq!(world.state.next_deadline(), None);
    world.now = due.unwrap().plus(Millis(60_000));

    act(&mut world, "r", Act::Resume);

    assert_eq!(world.tasks.len(), 2);
}

#[test]
fn what_is_in_flight_still_runs_out_of_its_time_while_the_run_is_paused() {
    let mut world = started();
    act(&mut world, "p", Act::Pause);

    world.fire();

    assert_eq!(world.names().last(), Some(&"ActivityAttemptFailed"));
    assert_eq!(world.state.next_deadline(), None);
}

#[test]
fn undoing_waits_while_the_run_is_paused() {
    let mut world = started();
    world.complete();
    act(&mut world, "p", Act::Pause);
    let failure = Failure::new(Name::from("Broken"), "").non_retryable();
    world.report(sagaline_core::Report::Failed {
        failure,
        retry_after: None,
        on_exhausted: None,
    });
    assert_eq!(world.activities_sent(), ["a", "b"]);

    act(&mut world, "r", Act::Resume);

    assert_eq!(world.activities_sent(), ["a", "b", "undo-a"]);
}

#[test]
fn pausing_twice_and_resuming_what_is_not_paused_changes_nothing() {
    let mut world = started();
    act(&mut world, "r", Act::Resume);
    act(&mut world, "p", Act::Pause);
    act(&mut world, "p2", Act::Pause);
    act(&mut world, "p", Act::Pause);

    let pauses = |name: &&&str| name.ends_with("Paused") || name.ends_with("Resumed");
    assert_eq!(world.names().iter().filter(pauses).count(), 1);
    assert_eq!(answer(&world), ACCEPTED);
}

#[test]
fn a_paused_activity_makes_no_attempt_and_goes_on_when_it_is_resumed() {
    let mut world = waiting();
    on_activity(&mut world, "p", ActivityAct::Pause, false);
    let due = world.now.plus(Millis(60_000));
    assert_eq!(world.state.next_deadline(), None);

    on_activity(&mut world, "x", ActivityAct::Retry { input: None }, false);
    assert_eq!(answer(&world), refused(error_type::PAUSED));
    world.now = due;
    on_activity(&mut world, "r", ActivityAct::Resume, false);

    assert_eq!(world.tasks.len(), 2);
}

#[test]
fn a_retry_by_hand_is_the_next_attempt_now_and_uses_one_up() {
    let mut world = waiting();
    let input = Some(json("7"));

    on_activity(&mut world, "x", ActivityAct::Retry { input }, false);

    let task = world.tasks.last().unwrap();
    assert_eq!(
        (task.attempt.get(), task.scheduled.input.data()),
        (2, &b"7"[..])
    );
    let updated = world.events().into_iter().find_map(|event| match event {
        Event::ActivityOptionsUpdated(updated) => Some(updated.clone()),
        _ => None,
    });
    let updated = updated.unwrap();
    assert_eq!(updated.actor, Some(Name::from("sagaline.cli/ada")));
    assert_eq!(updated.reason.as_deref(), Some("the bank migrates"));
    let run = world.state.run(&id()).unwrap();
    assert_eq!(run.activities[0].maximum_attempts, 3);
}

#[test]
fn what_a_worker_may_be_at_is_left_alone_unless_that_is_meant() {
    let mut world = started();
    for (identity, on) in [
        ("x1", ActivityAct::Retry { input: None }),
        ("x2", ActivityAct::Complete { result: json("1") }),
    ] {
        on_activity(&mut world, identity, on, false);
        assert_eq!(answer(&world), refused(error_type::ATTEMPT_RUNNING));
    }

    on_activity(&mut world, "x3", ActivityAct::Retry { input: None }, true);

    assert_eq!(world.tasks.len(), 2);
    let first = world.tasks[0].clone();
    let late = world.report_on(
        &first,
        sagaline_core::Report::Completed { result: json("1") },
    );
    assert_eq!(late.ignored, Some(Ignored::Stale));
}

#[test]
fn an_activity_that_is_completed_by_hand_has_returned_that() {
    let mut world = waiting();

    let result = json("\"by hand\"");
    on_activity(&mut world, "x", ActivityAct::Complete { result }, false);

    assert_eq!(world.activities_sent(), ["a", "b"]);
    let completed = world.events().into_iter().find_map(|event| match event {
        Event::ActivityCompleted(completed) => Some(completed.clone()),
        _ => None,
    });
    let completed = completed.unwrap();
    assert_eq!(completed.worker, Some(Name::from("sagaline.cli/ada")));
    assert_eq!(completed.reason.as_deref(), Some("the bank migrates"));
}

#[test]
fn an_activity_that_is_failed_by_hand_fails_even_where_it_would_wait() {
    let mut world = World::new(&["a"]);
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.start("1");
    world.fail();
    let failure = Failure::new(Name::from("GaveUp"), "no use");

    on_activity(&mut world, "x", ActivityAct::Fail { failure }, false);

    assert!(world.names().contains(&"ActivityFailed"));
    assert!(world.names().contains(&"WorkflowFailed"));
}

#[test]
fn acts_on_an_activity_that_is_parked_solve_its_incident() {
    let mut world = World::new(&["a"]);
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.programs.retry.maximum_attempts = 1;
    world.start("1");
    world.fail();
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));

    on_activity(&mut world, "x", ActivityAct::Retry { input: None }, false);

    assert!(world.names().contains(&"IncidentResolved"));
    assert_eq!(world.tasks.len(), 2);
}

#[test]
fn an_activity_that_is_not_pending_is_refused_by_its_number() {
    let mut world = started();
    let unknown = Act::Activity {
        activity_id: ActivityId::new(9).unwrap(),
        act: ActivityAct::Pause,
        even_if_running: false,
    };

    act(&mut world, "x", unknown);

    assert_eq!(answer(&world), refused(error_type::NOT_FOUND));
}

#[test]
fn a_retry_that_comes_back_while_it_is_held_up_is_made_when_it_is_resumed() {
    let mut world = waiting();
    let retry = world.retries[0].clone();
    on_activity(&mut world, "p", ActivityAct::Pause, false);
    world.now = retry.next_attempt_at;

    let held = world.input("retry", Command::RetryDue(retry.due));

    assert_eq!(held.ignored, Some(Ignored::Stale));
    on_activity(&mut world, "r", ActivityAct::Resume, false);
    assert_eq!(world.tasks.len(), 2);
}

/// A run whose only activity has used up its attempts and waits for a person.
pub(crate) fn parked() -> World {
    let mut world = World::new(&["a"]);
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.programs.retry.maximum_attempts = 1;
    world.start("1");
    world.fail();
    world
}

#[test]
fn what_is_paused_is_not_tried_again_by_solving_its_incident() {
    let solved = |world: &World| world.names().contains(&"IncidentResolved");
    let retry = || ActivityAct::Retry { input: None };
    let mut run = parked();
    act(&mut run, "p", Act::Pause);
    let seq = run.state.run(&id()).unwrap().incidents[0].seq;
    let incident = Act::Incident {
        seq,
        act: IncidentAct::Retry { input: None },
    };
    act(&mut run, "i", incident.clone());
    assert_eq!(answer(&run), refused(error_type::PAUSED));
    on_activity(&mut run, "x", retry(), false);
    assert_eq!(answer(&run), refused(error_type::PAUSED));
    assert!(!solved(&run) && run.tasks.len() == 1);
    act(&mut run, "r", Act::Resume);
    act(&mut run, "i2", incident);
    assert_eq!((answer(&run), run.tasks.len()), (ACCEPTED, 2));

    let mut activity = parked();
    on_activity(&mut activity, "p", ActivityAct::Pause, false);
    on_activity(&mut activity, "x", retry(), false);

    assert_eq!(answer(&activity), refused(error_type::PAUSED));
    assert!(!solved(&activity) && activity.tasks.len() == 1);
}

#[test]
fn an_act_that_was_refused_is_not_accepted_when_it_comes_again() {
    let mut world = started();
    let retry = || ActivityAct::Retry { input: None };
    on_activity(&mut world, "x", retry(), false);
    assert_eq!(answer(&world), refused(error_type::ATTEMPT_RUNNING));

    on_activity(&mut world, "x", retry(), false);
    assert_eq!(answer(&world), refused(error_type::ATTEMPT_RUNNING));
    world.fail();
    on_activity(&mut world, "x", retry(), false);

    assert_eq!((answer(&world), world.tasks.len()), (ACCEPTED, 2));
}

#[test]
fn who_fails_an_activity_and_why_is_in_the_history() {
    let mut world = waiting();
    let failure = Failure::new(Name::from("GaveUp"), "no use");

    on_activity(&mut world, "x", ActivityAct::Fail { failure }, false);

    let said = world.events().into_iter().any(|event| {
        let text = serde_json::to_string(event).unwrap();
        text.contains("sagaline.cli/ada") && text.contains("the bank migrates")
    });
    assert!(said, "{:?}", world.names());
}

/// A run whose first step can be undone from when it is scheduled, and has been sent.
fn covered() -> Run {
    let (activity_id, compensates) = (ActivityId::FIRST, ActivityId::FIRST);
    let (task_queue, input) = (Name::from("q"), Payload::empty());
    let started = Arc::new(WorkflowStarted {
        workflow: Name::from("w"),
        version: "1".into(),
        input: input.clone(),
        trace: None,
        attributes: None,
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        parent: None,
        chain: None,
        start_at: None,
        retry: None,
        reset_of: None,
        reset: None,
    });
    let cause = Cause::lane(0, "1/1");
    let mut run = Run::start(
        RunId::derive("ns", &id(), b"1"),
        place(&cause),
        &started,
        IdentityRing::default(),
        Carried::default(),
    );
    let scheduled = ActivityScheduled {
        activity_id,
        activity: Name::from("a"),
        task_queue: task_queue.clone(),
        input: input.clone(),
        retry: RetryPolicy::default(),
        start_to_close_ms: 1_000,
        compensable: true,
        compensates: None,
        schedule_to_start_ms: None,
        schedule_to_close_ms: None,
        heartbeat_ms: None,
    };
    let registered = CompensationRegistered {
        activity_id: activity_id.next(),
        activity: Name::from("undo-a"),
        task_queue,
        input,
        retry: RetryPolicy::default(),
        start_to_close_ms: 1_000,
        compensates,
        group: None,
        schedule_to_start_ms: None,
        schedule_to_close_ms: None,
        heartbeat_ms: None,
        child_workflow_id: None,
        child_step: None,
    };
    run.apply(place(&cause), &scheduled.into());
    run.apply(place(&cause), &registered.into());
    run.apply(place(&cause), &attempt(Attempt::FIRST));
    run
}

fn place(cause: &Cause) -> Place<'_> {
    Place {
        seq: 1,
        at: sagaline_core::Timestamp::default(),
        cause,
    }
}

fn attempt(attempt: Attempt) -> Event {
    ActivityAttemptScheduled {
        activity_id: ActivityId::FIRST,
        activity: Name::from("a"),
        attempt,
        held: None,
    }
    .into()
}

fn failed() -> [Event; 2] {
    let failure = Failure::new(Name::from("Broken"), "").non_retryable();
    let attempt_failed = ActivityAttemptFailed {
        activity_id: ActivityId::FIRST,
        activity: Name::from("a"),
        attempt: Attempt::FIRST.next(),
        failure: failure.clone(),
        next_attempt_at: None,
        uncounted: false,
        worker: None,
    };
    let failed = ActivityFailed {
        activity_id: ActivityId::FIRST,
        activity: Name::from("a"),
        failure,
    };
    [attempt_failed.into(), failed.into()]
}

#[test]
fn what_was_registered_to_undo_a_step_stays_when_a_person_did_not_wait_for_its_attempt() {
    let cause = Cause::lane(0, "1/1");
    let after = |events: &[Event]| {
        let mut run = covered();
        for event in events {
            run.apply(place(&cause), event);
        }
        assert!(run.activities.is_empty());
        run.registrations.len()
    };
    let [attempt_failed, failed] = failed();
    let second = attempt(Attempt::FIRST.next());

    assert_eq!(
        after(&[attempt_failed.clone(), failed.clone()]),
        0,
        "it did nothing"
    );
    assert_eq!(
        after(&[second, attempt_failed, failed.clone()]),
        1,
        "tried again by hand"
    );
    assert_eq!(after(&[failed]), 1, "failed by hand");
}
