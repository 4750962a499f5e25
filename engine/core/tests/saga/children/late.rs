//! What comes late, or once more, between a parent and its children.

use std::sync::Arc;

use super::*;

/// The same start, of a child that may take an id whose run is closed.
fn reusing(start: &ChildMessage) -> ChildMessage {
    let mut start = start.clone();
    if let ChildMessage::Start { child, .. } = &mut start {
        Arc::make_mut(child).id_reuse = IdReuse::AllowDuplicate;
    }
    start
}

#[test]
fn a_child_whose_parent_was_told_that_its_id_is_taken_does_not_begin_when_its_start_comes_again() {
    let mut world = World::new(&["send"]);
    let mut taken = start("c1");
    taken.input = Payload::json(*b"{}");
    world.input("taken", Command::Start(taken));
    world.parent("1 terminate");
    let again = reusing(&world.between[0]);
    world.deliver();
    let first = world.bring(&again);
    world.complete_of(&child(1));

    let second = world.bring(&again);

    assert!(first.transitions.is_empty() && second.transitions.is_empty());
    assert_eq!(world.status(&child(1)), "Completed");
}

#[test]
fn a_child_that_was_refused_for_a_closed_run_of_its_id_is_refused_once() {
    let mut world = World::new(&["send"]);
    let mut taken = start("c1");
    taken.input = Payload::json(*b"\"at once\"");
    world.input("taken", Command::Start(taken));
    world.parent("1 terminate");
    let again = reusing(&world.between[0]);
    let refused = world.bring(&world.between[0].clone());

    let second = world.bring(&again);

    assert_eq!(refused.transitions.len(), 1);
    assert!(second.transitions.is_empty() && second.ignored.is_some());
    assert_eq!(world.status(&child(1)), "Completed");
}

#[test]
fn a_step_that_completes_after_a_child_has_handed_over_is_registered_behind_that_and_undone_first()
{
    let mut world = World::new(&["send"]);
    world.parent("1 terminate work");
    world.deliver();
    let own = world.tasks[0].clone();
    let of_child = world.tasks[1].clone();

    // The child has completed before it hears that it is to stop.
    world.input("end", terminate(true));
    let result = Payload::json(*b"1");
    world.report_on(
        &of_child,
        Report::Completed {
            result: result.clone(),
        },
    );
    world.deliver();
    world.report_on(&own, Report::Completed { result });

    let run = world.state.run(&crate::id()).unwrap();
    assert!(run.incidents.is_empty(), "{:?}", run.incidents);
    let registered = run.registrations.iter();
    let registered: Vec<_> = registered.map(|one| one.of.as_str()).collect();
    assert_eq!(registered, ["send", "work"]);
    assert_eq!(
        world.tasks.last().unwrap().scheduled.activity.as_str(),
        "undo-work"
    );
}

#[test]
fn a_group_of_a_child_is_none_of_its_parent_s_whatever_their_numbers() {
    let mut world = World::new(&["send", "bill"]);
    world.parent("1 terminate work grouped fail");
    world.deliver();
    let own = world.tasks[0].clone();
    world.complete_of(&child(1));
    world.complete_of(&child(1));

    let result = Payload::json(*b"1");
    world.report_on(&own, Report::Completed { result });

    let registrations = |world: &World| -> Vec<_> {
        let run = world.state.run(&crate::id()).unwrap();
        let all = run.registrations.iter();
        all.map(|one| (one.registered.group, one.state)).collect()
    };
    let (waits, runs) = (RegistrationState::Registered, RegistrationState::Running);
    let group = Some(3);
    assert_eq!(
        registrations(&world),
        [(group, waits), (group, waits), (group, runs)]
    );
    world.complete();
    assert_eq!(registrations(&world)[..2], [(group, runs), (group, runs)]);
}

#[test]
fn repeats_start_no_second_child_and_end_it_no_second_time() {
    let mut world = World::new(&["send"]);
    world.parent("2 terminate");
    let starts = world.between.clone();
    world.deliver();
    for start in &starts {
        let again = world.bring(start);
        assert!(again.transitions.is_empty() && again.rejected.is_none());
    }
    let task = world.tasks[0].clone();
    let result = Payload::json(*b"1");
    world.report_on(&task, Report::Completed { result });
    let closed = world.between.clone();
    world.deliver();

    let again = world.bring(&closed[0]);
    let late_start = world.bring(&starts[0]);

    assert!(again.transitions.is_empty() && again.rejected.is_none());
    assert!(late_start.transitions.is_empty() && late_start.effects.is_empty());
    assert_eq!(world.children(), (1, 1, 0, 0));
}
