//! Resets that are refused: nothing changes, and whoever asks is told why.

use super::*;

#[test]
fn an_event_from_which_nothing_can_go_on_is_refused_with_those_from_which_it_can() {
    let mut world = eventful();
    let before = world.newest();
    for too_far in [0, 1, 1_000] {
        let last = world.open_run().seq;
        let event_seq = match too_far {
            0 => 0,
            too_far => last + too_far,
        };
        let identity = format!("to {event_seq}");
        world.reset_to(&identity, event_seq, Reapply::Signals);
        assert_eq!(answer(&world), refused(error_type::INVALID_INPUT));
        let message = world.replies.last().unwrap().answer.error_message.clone();
        let expected = format!("can be reset to events 1 to {last}, not to {event_seq}");
        assert!(message.as_ref().unwrap().contains(&expected), "{message:?}");
    }
    assert_eq!(world.newest(), before);
}

#[test]
fn a_step_that_was_undone_since_must_be_done_again() {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.complete();
    let scheduled = world.open_run().seq;
    world.fail_for_good();
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));

    world.reset_to("late", scheduled, Reapply::Signals);
    assert_eq!(answer(&world), refused(error_type::CANNOT_RESET));
    let message = world.replies.last().unwrap().answer.error_message.clone();
    assert!(message.unwrap().contains("reset to event 1 or before"));

    world.reset_to("early", 1, Reapply::Signals);
    assert_eq!(answer(&world), ACCEPTED);
    assert_eq!(world.finish(), ["a", "b"]);
}

#[test]
fn a_run_with_what_was_handed_over_to_it_is_not_reset() {
    let mut world = World::new(&["a"]);
    let again = Start {
        input: Payload::json(*b"\"again 1\""),
        ..start("w")
    };
    world.input("1", Command::Start(again));
    world.complete();

    world.reset_to("reset", 1, Reapply::Signals);

    assert_eq!(answer(&world), refused(error_type::CANNOT_RESET));
}

#[test]
fn a_reset_whose_program_cannot_go_on_changes_nothing() {
    let mut world = eventful();
    let (before, seq) = (world.newest(), world.open_run().seq);
    world.programs.steps = &["a", "x", "c"];

    world.reset_to("reset", seq, Reapply::Signals);

    assert_eq!(answer(&world), refused(error_type::CANNOT_RESET));
    let names = world.names();
    assert_eq!(names.last(), Some(&"ReplyRequested"));
    assert_eq!((world.newest(), world.open_run().seq), (before, seq + 1));
    // To where the programs still agree.
    world.reset_to("earlier", 5, Reapply::Signals);
    assert_eq!(answer(&world), ACCEPTED);
    assert_eq!(world.finish(), ["x", "c"]);
}

#[test]
fn a_deleted_run_is_not_reset() {
    let mut world = eventful();
    world.finish();
    crate::by_hand::act(&mut world, "delete", Act::Delete);

    world.reset_to("reset", 3, Reapply::Signals);

    assert_eq!(answer(&world), refused(error_type::NOT_FOUND));
}

#[test]
fn a_run_of_ours_is_not_reset() {
    let mut world = World::new(&["a"]);
    world.start("1");
    let operate = Operate {
        workflow_id: WorkflowId::new("schedule/nightly").unwrap(),
        run_id: None,
        act: Act::Reset(Box::new(ResetTo {
            event_seq: 1,
            reapply: Reapply::Signals,
            history: Arc::from([]),
        })),
        actor: Name::from("sagaline.cli/ada"),
        reason: None,
        reply: Some(reply()),
    };

    world.input("reset", Command::Operate(Box::new(operate)));

    assert_eq!(answer(&world), refused(error_type::INVALID_INPUT));
}

#[test]
fn a_run_whose_execution_time_is_up_is_not_reset() {
    let mut world = World::new(&["a"]);
    let start = Start {
        execution_timeout: Some(Millis(500)),
        ..start("w")
    };
    world.input("1", Command::Start(start));
    world.fire();
    assert_eq!(world.state.open_runs(), 1, "its step is awaited");
    world.now = world.now.plus(Millis(1));

    world.reset_to("reset", 1, Reapply::Signals);

    assert_eq!(answer(&world), refused(error_type::CANNOT_RESET));
}
