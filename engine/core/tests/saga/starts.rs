//! Start: repeats, ids that are open, ids that were used, and who is answered.

use super::*;

#[test]
fn a_repeated_start_starts_nothing_while_open_and_after() {
    let mut world = World::new(&["a"]);

    world.start("1");
    let open = world.start("1");
    world.complete();
    let closed = world.start("1");
    let mut reuse = start("w");
    reuse.id_reuse = IdReuse::AllowDuplicate;
    let repeat = world.input("1", Command::Start(reuse.clone()));
    let other = world.input("2", Command::Start(reuse.clone()));
    world.complete();
    let first_again = world.input("1", Command::Start(reuse));

    assert!(
        open.transitions.is_empty()
            && closed.transitions.is_empty()
            && repeat.transitions.is_empty()
    );
    assert_eq!(other.transitions.len(), 1);
    assert!(first_again.transitions.is_empty());
}

#[test]
fn every_answer_has_an_id_of_its_own_and_one_caller_too_many_is_told() {
    let mut world = World::new(&["a"]);
    world.start("0");
    let asks = |correlation: &str| {
        let mut start = start("w");
        start.reply = Some(ReplyTo {
            topic: "ns.replies".into(),
            partition: 0,
            correlation: correlation.into(),
        });
        Command::Start(start)
    };

    let first = world.input("1", asks(""));
    let second = world.input("2", asks(""));
    let answers: Vec<_> = [&first, &second]
        .map(|done| reply_of(done).id.clone())
        .into();
    for caller in 0..sagaline_core::run::REPLIES_MAX - 1 {
        world.input(&format!("c{caller}"), asks(&caller.to_string()));
    }
    let one_more = world.input("last", asks("one more"));

    assert_ne!(answers[0], answers[1]);
    let answer = &reply_of(&one_more).answer;
    assert_eq!(answer.outcome, AnswerOutcome::Rejected);
    assert_eq!(
        answer.error_type.as_ref().unwrap().as_str(),
        "sagaline.Limit"
    );
    let run = world.state.run(&id()).unwrap();
    assert_eq!(run.replies.len(), sagaline_core::run::REPLIES_MAX);
    assert_eq!(&*run.replies[0].correlation, "");
}

fn reply_of(done: &Transacted) -> &Reply {
    match &done.effects[0] {
        Effect::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn terminate_existing_ends_the_open_run_and_starts_another() {
    let mut world = World::new(&["a"]);

    world.start("1");
    let first = world.state.run(&id()).unwrap().run_id;
    let mut again = start("w");
    again.id_conflict = IdConflict::TerminateExisting;
    let done = world.input("2", Command::Start(again));

    assert_eq!(
        done.transitions
            .iter()
            .map(|one| one.run_id == Some(first))
            .collect::<Vec<_>>(),
        [true, false]
    );
    assert_ne!(world.state.run(&id()).unwrap().run_id, first);
    assert_eq!(world.state.open_runs(), 1);
}

#[test]
fn a_run_that_ends_at_once_can_take_the_place_of_an_open_one() {
    let mut world = World::new(&["a"]);

    world.start("1");
    let mut again = start("w");
    again.id_conflict = IdConflict::TerminateExisting;
    again.input = Payload::json(*b"\"at once\"");
    world.input("2", Command::Start(again));

    assert_eq!(world.state.open_runs(), 0);
    assert_eq!(
        world.state.closed(&id()).unwrap().outcome,
        Outcome::Completed
    );
}

#[test]
fn an_unknown_workflow_is_rejected_with_the_names_that_are_known() {
    let mut world = World::new(&["a"]);

    let mut unknown = start("w");
    unknown.workflow = Name::from("nobody");
    let done = world.input("1", Command::Start(unknown));

    let message = done.rejected.unwrap().message;
    assert!(
        message.contains("nobody") && message.contains("steps"),
        "{message}"
    );
}

#[test]
fn closed_ids_are_forgotten_after_their_time() {
    let mut world = World::new(&["a"]);

    world.start("1");
    world.complete();
    assert_eq!(world.state.closed_ids(), 1);
    world.now = world
        .now
        .plus(sagaline_core::Millis::from_secs(7 * 24 * 3600));
    world.input("x", cancel(true));

    assert_eq!(world.state.closed_ids(), 0);
    assert_eq!(world.state.digest(), State::new(0).digest());
}

#[test]
fn an_id_that_closed_twice_at_the_same_instant_is_forgotten_once() {
    let mut world = World::new(&["a"]);

    world.start("1");
    world.input("2", terminate(false));
    let mut again = start("w");
    again.id_reuse = IdReuse::AllowDuplicate;
    world.input("3", Command::Start(again));
    world.input("4", terminate(false));
    world.now = world
        .now
        .plus(sagaline_core::Millis::from_secs(7 * 24 * 3600));
    world.input("x", cancel(true));

    assert_eq!(world.state.closed_ids(), 0);
    assert_eq!(world.state.digest(), State::new(0).digest());
}

#[test]
fn ids_of_our_own_are_for_our_own_workflows_alone() {
    for (id, workflow, is_refused) in [
        ("schedule/nightly", "order", true),
        ("batch/7", "order", true),
        ("nightly", "sagaline.schedule", true),
        ("batch/7", "sagaline.schedule", true),
        // Known to nobody here, which is another refusal.
        ("schedule/nightly", "sagaline.schedule", false),
    ] {
        let mut world = World::new(&["a"]);
        let mut start = start("w");
        start.workflow_id = WorkflowId::new(id).unwrap();
        start.workflow = Name::from(workflow);

        let message = sagaline_core::Message::Signal {
            signal: Name::from("go"),
            input: Payload::json(*b"1"),
        };
        let with = Command::StartWith(Box::new(sagaline_core::StartWith {
            start: start.clone(),
            message,
        }));

        for (input, command) in [("1", Command::Start(start)), ("2", with)] {
            let done = world.input(input, command);
            let reason = done.rejected.unwrap().reason;
            let expected = match is_refused {
                true => RejectReason::ReservedId,
                false => RejectReason::UnknownWorkflow,
            };
            assert_eq!(reason, expected, "{id} {workflow}");
        }
    }
}
