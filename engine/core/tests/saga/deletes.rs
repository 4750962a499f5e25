//! Closed runs that a person deletes.

use sagaline_core::{
    Act, Command, Event, IdReuse, Name, Operate, ReplyTo, RunId, Start, error_type,
    event::{AnswerOutcome, RejectReason},
};

use crate::{World, id, start};

fn delete(run_id: Option<RunId>) -> Command {
    Command::Operate(Box::new(Operate {
        workflow_id: id(),
        run_id,
        act: Act::Delete,
        actor: Name::from("ada"),
        reason: Some("a customer asked".into()),
        reply: Some(ReplyTo {
            topic: "replies".into(),
            partition: 0,
            correlation: "x".into(),
        }),
    }))
}

fn deleted(world: &World) -> Vec<RunId> {
    let deleted = |event: &Event| match event {
        Event::WorkflowDeleted(event) => Some(event.run_id),
        _ => None,
    };
    world.events().into_iter().filter_map(deleted).collect()
}

#[test]
fn a_closed_run_is_deleted_and_its_id_stays_used() {
    let mut world = World::new(&["a"]);
    world.start("1");
    world.complete();
    let last = world.state.closed(&id()).unwrap().run_id;

    let done = world.input("d", delete(None));

    assert_eq!(deleted(&world), [last]);
    assert_eq!(done.transitions[0].run_id, None, "it is of no history");
    let told = world.replies.last().unwrap().answer.outcome;
    assert_eq!(told, AnswerOutcome::Accepted);
    world.input("2", Command::Start(start("w")));
    assert_eq!(world.state.open_runs(), 0, "reject-duplicate holds");
    let reuse = Start {
        id_reuse: IdReuse::AllowDuplicate,
        ..start("w")
    };
    world.input("3", Command::Start(reuse));
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn an_open_run_is_not_deleted_and_whoever_asks_is_told_so() {
    let mut world = World::new(&["a"]);
    world.start("1");
    let open = world.state.run(&id()).unwrap().run_id;

    for run_id in [None, Some(open)] {
        world.input("d", delete(run_id));

        let answer = &world.replies.last().unwrap().answer;
        assert_eq!(answer.outcome, AnswerOutcome::Rejected);
        let said = answer.error_type.as_ref().map(Name::as_str);
        assert_eq!(said, Some(error_type::OPEN));
    }
    assert!(deleted(&world).is_empty());
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn an_earlier_run_is_deleted_while_another_is_open() {
    let mut world = World::new(&["a"]);
    world.start("1");
    world.complete();
    let first = world.state.closed(&id()).unwrap().run_id;
    let reuse = Start {
        id_reuse: IdReuse::AllowDuplicate,
        ..start("w")
    };
    world.input("2", Command::Start(reuse));

    world.input("d", delete(Some(first)));

    assert_eq!(deleted(&world), [first]);
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn what_nobody_knows_is_not_deleted() {
    let mut world = World::new(&["a"]);

    let done = world.input("d", delete(None));

    assert_eq!(done.rejected.unwrap().reason, RejectReason::NoOpenRun);
    assert!(deleted(&world).is_empty());
}
