//! What becomes of children when their parent is reset, and of a parent's wait when its child is.

use sagaline_core::{ChildMessage, Payload, Reapply, Report, Seq, Stop, error_type};

use crate::{
    World,
    by_hand::{ACCEPTED, answer, refused},
    children::child,
    id, terminate,
};

impl World {
    /// Position of the first event of that name in the newest run's history.
    fn seq_of(&self, name: &str) -> Seq {
        let events = self.history_events(self.newest());
        let at = events.iter().position(|event| event.name() == name);
        at.unwrap() as Seq + 1
    }
}

#[test]
fn a_child_that_is_open_at_the_event_goes_on_and_its_end_comes_to_the_new_run() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    world.deliver();

    world.reset_to("reset", 3, Reapply::Signals);
    let stops = world.between.len();
    world.deliver();

    assert_eq!((answer(&world), stops), (ACCEPTED, 0), "nobody is stopped");
    assert_eq!(world.children(), (2, 0, 0, 0));
    world.complete_of(&child(1));
    world.complete_of(&child(2));
    assert_eq!(world.status(&id()), "Completed");
    let starts = world.names();
    let starts = starts.iter().filter(|name| **name == "WorkflowStarted");
    assert_eq!(starts.count(), 4, "no child began twice");
}

#[test]
fn a_child_that_began_behind_the_event_is_stopped_as_its_parent_s_end_says() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    world.deliver();
    let old = world.newest();

    world.reset_to("reset", 2, Reapply::Signals);

    let messages = world.between.iter();
    let told: Vec<_> = messages
        .map(|message| match message {
            ChildMessage::Stop(stop) => (stop.workflow_id.clone(), Some((stop.of.0, stop.how))),
            ChildMessage::Start { child, .. } => (child.workflow_id.clone(), None),
            ChildMessage::Closed { .. } => unreachable!("nobody has ended"),
        })
        .collect();
    let stopped = (child(2), Some((old, Stop::Terminate)));
    assert_eq!(told, [stopped, (child(2), None)]);
    assert_eq!(world.children(), (2, 0, 0, 0));
}

#[test]
fn the_end_of_a_child_that_is_known_comes_again_with_what_it_hands_over() {
    for (event_seq, ends) in [(3, 2), (5, 1)] {
        let mut world = World::new(&["send"]);
        world.parent("2 terminate");
        world.deliver();
        world.complete_of(&child(1));
        world.complete_of(&child(2));
        assert_eq!(world.status(&id()), "Completed");
        let before = world.names().len();

        world.reset_to("reset", event_seq, Reapply::None);

        assert_eq!(answer(&world), ACCEPTED);
        assert_eq!(world.status(&id()), "Completed");
        let names = world.names();
        let copied = usize::try_from(event_seq).unwrap();
        let behind = &names[before + copied..];
        let count = |name: &str| behind.iter().filter(|one| **one == name).count();
        assert_eq!(count("ChildCompleted"), ends, "{behind:?}");
        assert_eq!(count("CompensationRegistered"), ends, "{behind:?}");
    }
}

#[test]
fn an_event_between_a_child_s_end_and_what_it_hands_over_is_refused() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    world.deliver();
    world.complete_of(&child(1));

    world.reset_to("reset", world.seq_of("ChildCompleted"), Reapply::Signals);

    assert_eq!(answer(&world), refused(error_type::INVALID_INPUT));
    let message = world.replies.last().unwrap().answer.error_message.clone();
    assert!(message.unwrap().contains("events 4 to 5"));
}

#[test]
fn a_child_whose_end_nobody_knows_keeps_a_closed_run_from_being_reset() {
    let mut world = World::new(&["send"]);
    world.parent("1 terminate");
    world.deliver();
    world.input("t", terminate(false));
    world.deliver();

    world.reset_to("behind", 2, Reapply::Signals);
    assert_eq!(answer(&world), refused(error_type::CANNOT_RESET));

    world.reset_to("before", 1, Reapply::Signals);
    assert_eq!(answer(&world), ACCEPTED);
}

#[test]
fn a_parent_hears_of_its_reset_child_by_the_run_that_goes_on() {
    let mut world = World::new(&["send"]);
    world.parent("1 terminate");
    world.deliver();
    let run = world.state.run(&child(1)).unwrap().run_id;

    world.reset_of((&child(1), run), "reset", (1, Reapply::Signals));
    world.deliver();
    assert_eq!(world.children(), (1, 0, 0, 0), "it was told nothing yet");
    let task = world.tasks.last().unwrap().clone();
    assert_ne!(task.run_id, run);
    let result = Payload::json(*b"1");
    world.report_on(&task, Report::Completed { result });
    world.deliver();

    assert_eq!(world.status(&id()), "Completed");
}
