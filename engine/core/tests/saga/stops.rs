//! Attempts whose workers are told to stop.

use sagaline_core::{Command, IdConflict, Millis};

use crate::{World, cancel, start, terminate};

/// Number and attempt of each activity whose worker was told to stop.
fn told(world: &World) -> Vec<(u32, u32)> {
    let canceled = world.canceled.iter();
    canceled
        .map(|one| (one.activity_id.get(), one.attempt.get()))
        .collect()
}

#[test]
fn whoever_has_the_attempt_is_told_when_the_run_is_cancelled() {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.fail();
    world.fire();

    world.input("c", cancel(true));

    assert_eq!(told(&world), [(1, 2)]);
}

#[test]
fn between_attempts_there_is_nobody_to_tell() {
    let mut world = World::new(&["a"]);
    world.start("1");
    world.fail();

    world.input("c", cancel(true));

    assert_eq!(told(&world), []);
    assert_eq!(world.names().last(), Some(&"WorkflowCanceled"));
}

#[test]
fn whoever_has_the_attempt_is_told_when_the_run_ends_without_awaiting_it() {
    for how in ["terminate", "terminate-existing", "time-out"] {
        let mut world = World::new(&["a"]);
        world.programs.timeouts.start_to_close_ms = 60_000;
        let mut first = start("w");
        first.run_timeout = Some(Millis(1_000));
        world.input("1", Command::Start(first));

        match how {
            "terminate" => drop(world.input("t", terminate(false))),
            "time-out" => drop(world.fire()),
            _ => {
                let mut second = start("w");
                second.id_conflict = IdConflict::TerminateExisting;
                drop(world.input("2", Command::Start(second)));
            }
        }

        assert_eq!(told(&world), [(1, 1)], "{how}");
    }
}

#[test]
fn whoever_was_told_already_is_not_told_again_at_the_end() {
    let mut world = World::new(&["a"]);
    world.start("1");
    world.input("c", cancel(true));

    world.input("t", terminate(false));

    assert_eq!(told(&world), [(1, 1)]);
    assert_eq!(world.names().last(), Some(&"WorkflowTerminated"));
}
