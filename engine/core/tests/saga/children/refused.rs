//! Children that are not started, and what their parents are told.

use super::*;

#[test]
fn a_taken_id_is_the_failure_of_that_child_alone() {
    let mut world = World::new(&["send"]);
    let mut taken = start("c1");
    taken.input = Payload::json(*b"{}");
    world.input("taken", Command::Start(taken));
    world.parent("1 terminate");
    world.deliver();

    assert_eq!(world.status(&child(1)), "Running");
    let Some(Event::WorkflowFailed(failed)) = world.events().into_iter().last() else {
        panic!("the parent did not fail");
    };
    let failure = &failed.failure;
    assert_eq!(failure.error_type.as_str(), "sagaline.AlreadyStarted");
    assert!(failure.message.contains("c1"), "{}", failure.message);
}

#[test]
fn children_of_children_have_an_end() {
    let mut world = World::new(&["send"]);

    world.input("a", child_of(CHILD_DEPTH_MAX + 1));
    let Some(ChildMessage::Closed { closed, .. }) = world.between.pop() else {
        panic!("the parent is not told");
    };
    assert!(format!("{:?}", closed.end).contains("sagaline.Limit"));
    assert_eq!(world.status(&child(1)), "Unknown");

    world.input("b", child_of(CHILD_DEPTH_MAX));
    assert_eq!(world.status(&child(1)), "Running");
}

#[test]
fn a_child_with_an_id_of_our_own_is_not_started_and_its_parent_is_told() {
    let mut world = World::new(&["send"]);
    let Command::Start(mut reserved) = child_of(1) else {
        unreachable!()
    };
    reserved.workflow_id = WorkflowId::new("schedule/nightly").unwrap();

    let done = world.input("a", Command::Start(reserved));

    assert!(done.rejected.is_none());
    let Some(ChildMessage::Closed { closed, .. }) = world.between.pop() else {
        panic!("the parent is not told");
    };
    let told = format!("{:?}", closed.end);
    assert!(told.contains("sagaline.InvalidInput") && told.contains("sagaline.schedule alone"));
}

#[test]
fn a_child_of_an_unknown_workflow_is_not_started_and_nothing_is_rejected() {
    let mut world = World::new(&["send"]);
    let Command::Start(mut unknown) = child_of(1) else {
        unreachable!()
    };
    unknown.workflow = Name::from("nobody-has-it");

    let done = world.input("a", Command::Start(unknown));

    assert!(done.rejected.is_none());
    let Some(ChildMessage::Closed { closed, .. }) = world.between.pop() else {
        panic!("the parent is not told");
    };
    let told = format!("{:?}", closed.end);
    assert!(told.contains("sagaline.NotFound") && told.contains("nobody-has-it"));
}
