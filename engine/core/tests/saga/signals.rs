//! Messages for a run: kept in the order in which they came, each once.

use sagaline_core::{
    Command, Event, Ignored, Name, PAYLOAD_BYTES_MAX, Payload, ReplyTo, RunId, Signal, Transacted,
    event::{AnswerOutcome, RejectReason},
    program::Job,
};

use crate::{World, id, terminate};

fn signal(signal: &str, input: &str) -> Signal {
    Signal {
        workflow_id: id(),
        run_id: None,
        signal: Name::new(signal).unwrap(),
        input: Payload::json(input.as_bytes()),
        reply: None,
    }
}

fn answered(signal: Signal) -> Signal {
    let reply = ReplyTo {
        topic: "replies".into(),
        partition: 0,
        correlation: "x".into(),
    };
    Signal {
        reply: Some(reply),
        ..signal
    }
}

fn send(world: &mut World, cause: &str, signal: Signal) -> Transacted {
    world.input(cause, Command::Signal(signal))
}

/// Name and input of every signal that the run's program was given, in order.
fn given(world: &World) -> Vec<(String, String)> {
    let run = world.state.run(&id()).unwrap();
    let records = run.activations.to_vec();
    let jobs = records.into_iter().flat_map(|record| &record.jobs);
    jobs.filter_map(|job| match job {
        Job::SignalReceived { signal, input } => {
            let input = String::from_utf8_lossy(input.data()).into_owned();
            Some((signal.to_string(), input))
        }
        _ => None,
    })
    .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, input): &(&str, &str)| ((*name).to_owned(), (*input).to_owned());
    expected.iter().map(owned).collect()
}

fn received(world: &World) -> usize {
    let names = world.names();
    names
        .iter()
        .filter(|name| **name == "SignalReceived")
        .count()
}

/// The last step of `a`, `b` has failed for good: `undo-a` is in flight.
fn undoing() -> World {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.complete();
    world.fail_for_good();
    world
}

#[test]
fn the_program_is_given_signals_in_the_order_in_which_they_came() {
    let mut world = World::new(&["a", "b"]);
    world.start("1");

    send(&mut world, "s1", signal("go", "1"));
    send(&mut world, "s2", signal("stop", "2"));
    world.complete();
    send(&mut world, "s3", signal("go", "3"));

    let expected = [("go", "1"), ("stop", "2"), ("go", "3")];
    assert_eq!(given(&world), pairs(&expected));
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn signals_that_came_while_the_program_was_missing_are_given_once_it_is_there() {
    let mut world = World::new(&["a"]);
    world.start("1");

    *world.programs.missing.borrow_mut() = true;
    send(&mut world, "s1", signal("go", "1"));
    send(&mut world, "s2", signal("go", "2"));
    assert_eq!(given(&world), []);
    *world.programs.missing.borrow_mut() = false;
    world.input("p", Command::ProgramAvailable { workflow_id: id() });

    assert_eq!(given(&world), pairs(&[("go", "1"), ("go", "2")]));
}

#[test]
fn a_repeated_signal_is_journaled_once_and_answered_each_time() {
    let mut world = World::new(&["a"]);
    world.start("1");

    send(&mut world, "s1", answered(signal("go", "1")));
    let silent = send(&mut world, "s1", signal("go", "1"));
    send(&mut world, "s1", answered(signal("go", "1")));
    send(&mut world, "s2", signal("go", "1"));

    assert_eq!(silent.ignored, Some(Ignored::Repeat));
    assert_eq!(received(&world), 2, "another id is another signal");
    assert_eq!(given(&world), pairs(&[("go", "1"), ("go", "1")]));
    let outcomes = world.replies.iter().map(|reply| reply.answer.outcome);
    let accepted = [AnswerOutcome::Accepted, AnswerOutcome::Accepted];
    assert_eq!(outcomes.collect::<Vec<_>>(), accepted);
}

#[test]
fn a_signal_for_no_open_run_is_refused() {
    let mut world = World::new(&["a"]);
    let unknown = send(&mut world, "s1", signal("go", "1")).rejected.unwrap();
    world.start("1");
    let other_run = Signal {
        run_id: Some(RunId::derive("test", &id(), b"another")),
        ..signal("go", "2")
    };
    let other = send(&mut world, "s2", other_run).rejected.unwrap();
    world.input("t", terminate(false));
    let closed = send(&mut world, "s3", answered(signal("go", "3")));
    let closed = closed.rejected.unwrap();

    let refused = [unknown, other, closed];
    assert!(
        refused
            .iter()
            .all(|one| one.reason == RejectReason::NoOpenRun)
    );
    let [unknown, other, closed] = refused;
    assert_eq!(&*unknown.message, "workflow w is not known");
    assert!(other.message.contains("is not open"), "{}", other.message);
    assert_eq!(&*closed.message, "workflow w is Terminated");
    let answer = closed.reply.unwrap().answer;
    assert_eq!(answer.error_type.unwrap().as_str(), "sagaline.Closed");
    assert_eq!(received(&world), 0);
}

#[test]
fn a_signal_that_is_too_large_is_refused() {
    let mut world = World::new(&["a"]);
    world.start("1");
    let large = "1".repeat(PAYLOAD_BYTES_MAX + 1);

    let silent = send(&mut world, "s1", signal("go", &large));
    send(&mut world, "s2", answered(signal("go", &large)));

    assert_eq!(silent.ignored, Some(Ignored::Already));
    let answer = &world.replies[0].answer;
    assert_eq!(answer.outcome, AnswerOutcome::Rejected);
    let error_type = answer.error_type.as_ref().unwrap();
    assert_eq!(error_type.as_str(), "sagaline.PayloadTooLarge");
    assert_eq!(received(&world), 0);
}

#[test]
fn a_signal_that_comes_while_the_run_is_undone_is_kept_in_history_and_given_to_nobody() {
    let mut world = undoing();

    send(&mut world, "s1", signal("go", "1"));
    let repeat = send(&mut world, "s1", signal("go", "1"));
    assert_eq!(given(&world), []);
    world.complete();

    assert_eq!(received(&world), 1);
    assert_eq!(repeat.ignored, Some(Ignored::Repeat));
    assert!(matches!(
        world.events().last(),
        Some(Event::WorkflowFailed(_))
    ));
}
