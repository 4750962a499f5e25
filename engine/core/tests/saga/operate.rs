//! Incidents and the people who solve them.

use sagaline_core::{
    Act, Command, Ignored, IncidentAct, Name, OnExhausted, Operate, Payload, ReplyTo, error_type,
    event::AnswerOutcome,
};

use crate::{World, id};

/// A run whose only activity has used up its three attempts and waits for a person.
fn parked() -> World {
    let mut world = World::new(&["a"]);
    world.programs.retry.on_exhausted = OnExhausted::Park;
    world.start("1");
    world.fail();
    world.fire();
    world.fail();
    world.fire();
    world.fail();
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    world
}

fn operate(world: &World, act: IncidentAct) -> Operate {
    let run = world.state.run(&id()).unwrap();
    Operate {
        workflow_id: id(),
        run_id: Some(run.run_id),
        act: Act::Incident {
            seq: run.incidents.first().map_or(1, |incident| incident.seq),
            act,
        },
        actor: Name::from("ada"),
        reason: Some("it is back".into()),
        reply: Some(ReplyTo {
            topic: "replies".into(),
            partition: 0,
            correlation: "x".into(),
        }),
    }
}

pub(crate) fn solve(world: &mut World, identity: &str, act: IncidentAct) {
    let operate = operate(world, act);
    world.input(identity, Command::Operate(Box::new(operate)));
}

/// Does something about the run.
pub(crate) fn act(world: &mut World, identity: &str, act: Act) {
    let operate = Operate {
        workflow_id: id(),
        run_id: None,
        act,
        actor: Name::from("ada"),
        reason: None,
        reply: None,
    };
    world.input(identity, Command::Operate(Box::new(operate)));
}

/// What the last answer says: its outcome, error type and message.
fn answer(world: &World) -> (AnswerOutcome, String, String) {
    let answer = &world.replies.last().unwrap().answer;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (
        answer.outcome,
        text(answer.error_type.as_ref().map(Name::as_str)),
        text(answer.error_message.as_deref()),
    )
}

#[test]
fn a_retry_gives_a_fresh_set_of_attempts_whose_numbers_go_on() {
    let mut world = parked();

    solve(&mut world, "o1", IncidentAct::Retry { input: None });

    let run = world.state.run(&id()).unwrap();
    assert!(run.incidents.is_empty());
    let activity = &run.activities[0];
    assert_eq!((activity.attempt.get(), activity.maximum_attempts), (4, 6));
    assert_eq!(answer(&world).0, AnswerOutcome::Accepted);
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn a_retry_that_does_not_help_is_the_same_incident_again() {
    let mut world = parked();
    let first = world.state.run(&id()).unwrap().incidents[0].seq;

    solve(&mut world, "o1", IncidentAct::Retry { input: None });
    world.fail();
    world.fire();
    world.fail();
    world.fire();
    world.fail();

    let run = world.state.run(&id()).unwrap();
    let incident = &run.incidents[0];
    assert_eq!((incident.seq, incident.times), (first, 2));
    assert!(run.resolved.is_empty());
}

#[test]
fn a_retry_with_another_input_sends_that() {
    let mut world = parked();
    let input = Payload::json(*b"\"corrected\"");

    solve(
        &mut world,
        "o1",
        IncidentAct::Retry {
            input: Some(input.clone()),
        },
    );

    assert_eq!(world.tasks.last().unwrap().scheduled.input, input);
    assert!(world.names().contains(&"ActivityOptionsUpdated"));
}

#[test]
fn a_skipped_activity_has_returned_what_the_person_says() {
    let mut world = parked();

    solve(
        &mut world,
        "o1",
        IncidentAct::Skip {
            result: Payload::json(*b"7"),
        },
    );

    assert!(world.names().contains(&"ActivityCompleted"));
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn a_failed_one_fails_the_workflow() {
    let mut world = parked();

    solve(&mut world, "o1", IncidentAct::Fail);

    assert!(
        world.names().contains(&"ActivityFailed"),
        "{:?}",
        world.names()
    );
    assert!(
        world.names().contains(&"WorkflowFailed"),
        "{:?}",
        world.names()
    );
}

#[test]
fn whoever_comes_too_late_is_told_who_was_faster() {
    let mut world = parked();
    let late = operate(&world, IncidentAct::Fail);
    solve(&mut world, "o1", IncidentAct::Retry { input: None });

    world.input("o2", Command::Operate(Box::new(late)));

    let (outcome, error_type, message) = answer(&world);
    assert_eq!(outcome, AnswerOutcome::Rejected);
    assert_eq!(error_type, error_type::INCIDENT_RESOLVED);
    assert!(
        message.contains("by ada") && message.contains("retry"),
        "{message}"
    );
    assert!(!world.names().contains(&"ActivityFailed"));
}

#[test]
fn the_same_act_again_does_nothing_again() {
    let mut world = parked();
    let operate = operate(&world, IncidentAct::Retry { input: None });
    world.input("o1", Command::Operate(Box::new(operate.clone())));
    let sent = world.tasks.len();

    world.input("o1", Command::Operate(Box::new(operate.clone())));
    let quiet = Operate {
        reply: None,
        ..operate
    };
    let again = world.input("o1", Command::Operate(Box::new(quiet)));

    assert_eq!(world.tasks.len(), sent);
    assert_eq!(again.ignored, Some(Ignored::Repeat));
}

#[test]
fn a_broken_program_is_tried_again_or_fails_the_run_and_is_not_skipped() {
    let broken = || {
        let mut world = World::new(&["a", "b"]);
        world.start("1");
        world.programs.steps = &["x", "b"];
        world.complete();
        assert_eq!(world.names().last(), Some(&"IncidentRaised"));
        world
    };

    let mut skipped = broken();
    solve(
        &mut skipped,
        "o1",
        IncidentAct::Skip {
            result: Payload::empty(),
        },
    );
    assert_eq!(answer(&skipped).1, error_type::INVALID_INPUT);

    let mut mended = broken();
    mended.programs.steps = &["a", "b"];
    solve(&mut mended, "o1", IncidentAct::Retry { input: None });
    mended.complete();
    assert_eq!(mended.names().last(), Some(&"WorkflowCompleted"));

    let mut again = broken();
    solve(&mut again, "o1", IncidentAct::Retry { input: None });
    assert_eq!(again.state.run(&id()).unwrap().incidents[0].times, 2);

    let mut given_up = broken();
    solve(&mut given_up, "o1", IncidentAct::Fail);
    let names = given_up.names();
    assert!(names.contains(&"CompensationStarted"), "{names:?}");
}
