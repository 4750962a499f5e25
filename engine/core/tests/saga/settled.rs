//! Incidents of runs that end: what a person says of a step that nothing could undo holds, and the end comes last.

use sagaline_core::{
    Act, Command, IncidentAct, Payload, error_type,
    event::{AnswerOutcome, IncidentKind},
};

use crate::{
    World,
    by_hand::{ACCEPTED, act, answer, refused},
    cancel, id, terminate,
};

fn solve(world: &mut World, identity: &str, kind: IncidentKind, how: IncidentAct) {
    let run = world.state.run(&id()).unwrap();
    let incident = run.incidents.iter().find(|one| one.kind == kind);
    let seq = incident.unwrap().seq;
    act(world, identity, Act::Incident { seq, act: how });
}

const RETRY: IncidentAct = IncidentAct::Retry { input: None };

fn skip() -> IncidentAct {
    let result = Payload::empty();
    IncidentAct::Skip { result }
}

/// A run whose program went missing when its step was done, and that a person failed: nobody knows how to undo the step.
fn uncovered() -> World {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.programs.missing.replace(true);
    world.complete();
    let fail = IncidentAct::Fail;
    solve(&mut world, "f", IncidentKind::DefinitionMissing, fail);
    assert_eq!(world.names().last(), Some(&"IncidentRaised"));
    world
}

/// Its program is there again.
fn recover(world: &mut World) {
    world.programs.missing.replace(false);
    let workflow_id = id();
    world.input("p", Command::ProgramAvailable { workflow_id });
}

#[test]
fn what_a_person_undid_is_not_undone_by_a_program_that_comes_back() {
    let mut world = uncovered();
    act(&mut world, "p1", Act::Pause);
    solve(&mut world, "s", IncidentKind::CompensationFailed, skip());
    recover(&mut world);

    act(&mut world, "r", Act::Resume);

    assert!(world.names().contains(&"CompensationRegistered"));
    assert_eq!(world.activities_sent(), ["a"]);
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
    let raised = |name: &&&str| **name == "IncidentRaised";
    assert_eq!(world.names().iter().filter(raised).count(), 3);
}

#[test]
fn a_step_whose_undoing_is_known_by_now_is_undone_by_a_retry_and_not_when_it_is_skipped() {
    let mut retried = uncovered();
    solve(&mut retried, "x", IncidentKind::CompensationFailed, RETRY);
    assert_eq!(answer(&retried), refused(error_type::INVALID_INPUT));
    recover(&mut retried);
    assert_eq!(retried.activities_sent(), ["a"]);
    solve(&mut retried, "t", IncidentKind::CompensationFailed, RETRY);
    assert_eq!(retried.activities_sent(), ["a", "undo-a"]);

    let mut skipped = uncovered();
    recover(&mut skipped);
    solve(&mut skipped, "s", IncidentKind::CompensationFailed, skip());

    assert_eq!(skipped.activities_sent(), ["a"]);
    assert_eq!(skipped.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn the_answer_to_an_act_that_ends_the_run_stands_before_the_end() {
    let mut world = World::new(&["a"]);
    world.programs.missing.replace(true);
    world.start("1");

    let fail = IncidentAct::Fail;
    solve(&mut world, "f", IncidentKind::DefinitionMissing, fail);

    assert_eq!(answer(&world), ACCEPTED);
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn a_terminated_run_has_no_input_that_a_retry_could_change() {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.complete();
    world.input("c", cancel(true));
    world.report(sagaline_core::Report::Canceled {
        details: Payload::empty(),
    });
    world.input("t", terminate(false));
    let input = Some(Payload::json(*b"7"));

    let retry = IncidentAct::Retry { input };
    solve(&mut world, "r", IncidentKind::CompensationFailed, retry);

    assert_eq!(answer(&world), refused(error_type::INVALID_INPUT));
    solve(&mut world, "r2", IncidentKind::CompensationFailed, RETRY);
    assert_eq!(answer(&world).0, AnswerOutcome::Accepted);
}
