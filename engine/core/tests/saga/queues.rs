//! Limited queues: what waits for its turn, who is told, and that no place is lost. One partition is home and sender here.

use sagaline_core::{
    Act, ActivityAct, ChangeQueue, Command, Event, Limit, Millis, Name, Payload, Queue, QueueAct,
    QueueCommand, QueueMessage, QueueWord, ReplyTo, Report, Timestamp, WorkflowId, error_type,
    event::AnswerOutcome,
};

use crate::{
    World,
    by_hand::{act, on_activity},
    cancel, id, start, terminate,
};

const KEEP: Limit<u64> = Limit::Keep;

fn limit(max_outstanding: Limit<u32>, rate_per_hour: Limit<u64>) -> QueueAct {
    QueueAct::Limit {
        max_outstanding,
        rate_per_hour,
    }
}

fn change(world: &mut World, identity: &str, act: QueueAct) {
    let change = ChangeQueue {
        queue: Name::from("q"),
        home_partition: 0,
        act,
        actor: Name::from("sagaline.cli/ada"),
        reason: Some("slow it down".into()),
        reply: Some(ReplyTo {
            topic: "replies".into(),
            partition: 0,
            correlation: "x".into(),
        }),
    };
    tell(world, identity, QueueCommand::Change(change));
}

fn tell(world: &mut World, identity: &str, command: QueueCommand) {
    world.input(identity, Command::Queue(Box::new(command)));
}

/// Delivers what was said, once.
fn deliver(world: &mut World) {
    for QueueMessage { queue, word } in std::mem::take(&mut world.words) {
        let command = match word {
            QueueWord::Offered(task) => QueueCommand::Offer(queue, task),
            QueueWord::Released(task) => QueueCommand::Send(queue, task),
            QueueWord::Ended(task) => QueueCommand::End(queue, task),
            QueueWord::Changed(changed, _) => QueueCommand::Adopt((*changed).clone()),
        };
        tell(world, "word", command);
    }
}

fn release(world: &mut World) {
    tell(world, "release", QueueCommand::Release(Name::from("q")));
}

/// Until nothing more happens at this instant.
fn settle(world: &mut World) {
    while !world.words.is_empty() || !world.state.releasable(world.now).is_empty() {
        deliver(world);
        release(world);
    }
}

fn begin(world: &mut World, ids: &[&str]) {
    for id in ids {
        world.input(id, Command::Start(start(id)));
    }
    settle(world);
}

fn sent(world: &World) -> Vec<&str> {
    let tasks = world.tasks.iter();
    tasks.map(|task| task.workflow_id.as_str()).collect()
}

fn queue(world: &World) -> &Queue {
    &world.state.queues()[&Name::from("q")]
}

fn counts(world: &World) -> (usize, usize, usize) {
    let queue = queue(world);
    (queue.waiting(), queue.held_back(), queue.outstanding())
}

#[test]
fn no_more_tasks_go_out_than_the_limit_and_each_that_ends_makes_room() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(2), KEEP));

    begin(&mut world, &["u", "v", "w", "x"]);
    assert_eq!(sent(&world), ["u", "v"]);
    assert_eq!(counts(&world), (2, 0, 2));

    let first = world.tasks[0].clone();
    let result = Payload::json(*b"1");
    world.report_on(&first, Report::Completed { result });
    settle(&mut world);

    assert_eq!(sent(&world), ["u", "v", "w"]);
    assert_eq!(counts(&world), (1, 0, 2));
}

#[test]
fn what_is_not_limited_goes_at_once_and_never_to_a_home() {
    let mut world = World::new(&["a"]);

    begin(&mut world, &["w"]);

    assert_eq!(sent(&world), ["w"]);
    assert_eq!(world.state.queues().len(), 0);
    assert!(!world.names().contains(&"QueueTaskOffered"));
}

#[test]
fn a_limit_that_is_lifted_lets_all_go_and_a_lower_one_takes_nothing_back() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(2), KEEP));
    begin(&mut world, &["u", "v", "w", "x"]);

    change(&mut world, "2", limit(Limit::Set(1), KEEP));
    settle(&mut world);
    assert_eq!(counts(&world), (2, 0, 2));

    change(&mut world, "3", limit(Limit::Lift, KEEP));
    settle(&mut world);
    assert_eq!(sent(&world), ["u", "v", "w", "x"]);
    assert_eq!(queue(&world).settings().unwrap().version, 3);
    assert_eq!(world.state.next_release(), None);
}

#[test]
fn tasks_are_released_evenly_and_none_before_its_time() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Keep, Limit::Set(2 * 3_600)));
    let began = world.now;

    begin(&mut world, &["u", "v", "w", "x"]);
    let mut times = vec![world.now.since(began)];
    while let Some(at) = world.state.next_release() {
        let before = sent(&world).len();
        world.now = Timestamp::from_micros(at.as_micros() - 1);
        settle(&mut world);
        assert_eq!(sent(&world).len(), before);
        world.now = at;
        settle(&mut world);
        times.push(world.now.since(began));
    }

    assert_eq!(times, [0, 500, 1_000, 1_500].map(Millis));
    assert_eq!(sent(&world), ["u", "v", "w", "x"]);
}

#[test]
fn what_a_rate_left_unused_is_made_up_for_by_a_tenth_of_a_second_at_most() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Keep, Limit::Set(100 * 3_600)));
    world.now = world.now.plus(Millis::from_secs(60));
    let ids: Vec<String> = (0..30).map(|number| format!("w{number:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();

    begin(&mut world, &ids);

    assert_eq!(sent(&world).len(), 10);
}

#[test]
fn a_run_with_many_tasks_does_not_keep_the_others_waiting() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(0), KEEP));
    let task = |id: &str, number: u32| sagaline_core::QueueTask {
        partition: 0,
        workflow_id: WorkflowId::new(id).unwrap(),
        run_id: sagaline_core::RunId::derive("test", &WorkflowId::new(id).unwrap(), b"1"),
        activity_id: sagaline_core::ActivityId::new(number).unwrap(),
        activity: Name::from("a"),
        attempt: sagaline_core::Attempt::FIRST,
    };
    let offer = |world: &mut World, id: &str, number| {
        tell(
            world,
            "offer",
            QueueCommand::Offer(Name::from("q"), task(id, number)),
        );
    };
    for number in 1..=100 {
        offer(&mut world, "greedy", number);
    }
    for id in ["u", "v"] {
        offer(&mut world, id, 1);
        offer(&mut world, id, 2);
    }

    change(&mut world, "2", limit(Limit::Set(7), KEEP));
    release(&mut world);

    let released: Vec<String> = world
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::QueueTaskReleased(event) if event.at_home => Some(format!(
                "{}{}",
                event.task.workflow_id, event.task.activity_id
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        released,
        ["greedy1", "u1", "v1", "greedy2", "u2", "v2", "greedy3"]
    );
}

#[test]
fn a_paused_activity_waits_while_others_go_and_goes_on_when_it_is_resumed() {
    let mut world = World::new(&["a", "b"]);
    change(&mut world, "1", QueueAct::Pause(Some(Name::from("b"))));
    begin(&mut world, &["w"]);
    assert_eq!(world.activities_sent(), ["a"]);

    world.complete();
    settle(&mut world);
    assert_eq!(counts(&world), (0, 1, 0));

    change(&mut world, "2", QueueAct::Resume(Some(Name::from("b"))));
    settle(&mut world);
    assert_eq!(world.activities_sent(), ["a", "b"]);
    world.complete();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn a_queue_can_be_paused_as_a_whole_and_what_waited_keeps_its_turn() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(0), KEEP));
    begin(&mut world, &["u", "v"]);
    change(&mut world, "2", QueueAct::Pause(None));
    begin(&mut world, &["w"]);
    assert_eq!(counts(&world), (0, 3, 0));

    change(&mut world, "3", limit(Limit::Lift, KEEP));
    settle(&mut world);
    assert!(sent(&world).is_empty());
    change(&mut world, "4", QueueAct::Resume(None));
    settle(&mut world);

    assert_eq!(sent(&world).len(), 3);
}

#[test]
fn an_attempt_that_waits_runs_out_of_schedule_to_start_and_not_of_start_to_close() {
    let mut world = World::new(&["a"]);
    world.programs.timeouts.schedule_to_start_ms = Some(5_000);
    change(&mut world, "1", limit(Limit::Set(0), KEEP));
    begin(&mut world, &["w"]);
    let began = world.now;

    world.fire();

    assert_eq!(world.now.since(began), Millis(5_000));
    let failed = world.events().iter().any(|event| {
        matches!(event, Event::ActivityAttemptFailed(one)
            if one.failure.error_type.as_str() == error_type::SCHEDULE_TO_START)
    });
    assert!(failed, "{:?}", world.names());
    settle(&mut world);
    assert_eq!(counts(&world), (0, 0, 0));
}

#[test]
fn the_clock_of_an_attempt_starts_when_it_is_released() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(0), KEEP));
    begin(&mut world, &["w"]);
    world.now = world.now.plus(Millis::from_secs(3_600));
    assert_eq!(world.state.next_deadline(), None);

    change(&mut world, "2", limit(Limit::Set(1), KEEP));
    settle(&mut world);

    let due = world.state.next_deadline().unwrap();
    assert_eq!(due.since(world.now), Millis(1_000));
}

#[test]
fn a_failed_attempt_makes_room_and_the_next_one_waits_for_its_turn() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(1), KEEP));
    begin(&mut world, &["v", "w"]);
    assert_eq!(sent(&world), ["v"]);

    world.fail();
    settle(&mut world);
    assert_eq!(sent(&world), ["v", "w"]);
    world.now = world.retries[0].next_attempt_at;
    let due = world.retries[0].due.clone();
    world.input("due", Command::RetryDue(due));
    settle(&mut world);
    assert_eq!(counts(&world), (1, 0, 1));

    world.complete();
    settle(&mut world);
    assert_eq!(sent(&world), ["v", "w", "v"]);
    assert_eq!(world.tasks[2].attempt.get(), 2);
}

#[test]
fn a_run_that_ends_leaves_its_places() {
    for end in [terminate(false), cancel(true)] {
        let mut world = World::new(&["a"]);
        change(&mut world, "1", limit(Limit::Set(1), KEEP));
        begin(&mut world, &["v", "w"]);

        world.input("end", end);
        settle(&mut world);

        assert!(world.state.run(&id()).is_none(), "{:?}", world.names());
        assert_eq!(counts(&world), (0, 0, 1));
    }
}

#[test]
fn words_that_come_twice_or_too_late_change_nothing_and_lose_no_place() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(1), KEEP));
    world.input("v", Command::Start(start("v")));
    let offered = world.words.clone();
    settle(&mut world);
    let QueueWord::Offered(task) = offered[0].word.clone() else {
        panic!("{offered:?}");
    };

    world.words = offered.clone();
    settle(&mut world);
    tell(
        &mut world,
        "again",
        QueueCommand::Send(Name::from("q"), task),
    );
    assert_eq!((sent(&world).len(), counts(&world)), (1, (0, 0, 1)));

    world.complete();
    settle(&mut world);
    world.words = offered;
    deliver(&mut world);
    assert_eq!(counts(&world), (1, 0, 0));
    settle(&mut world);
    assert_eq!((sent(&world).len(), counts(&world)), (1, (0, 0, 0)));
}

#[test]
fn a_change_counts_once_whoever_tells_of_it() {
    let mut world = World::new(&["a"]);
    let answered = |world: &World| world.replies.last().unwrap().answer.outcome;
    change(&mut world, "1", limit(Limit::Set(1), KEEP));
    let first = queue(&world).settings().unwrap().clone();
    change(&mut world, "2", limit(Limit::Set(2), KEEP));

    change(&mut world, "1", limit(Limit::Set(1), KEEP));
    assert_eq!(answered(&world), AnswerOutcome::Accepted);
    tell(&mut world, "copy", QueueCommand::Adopt(first));

    assert_eq!(queue(&world).settings().unwrap().max_outstanding, Some(2));
    change(&mut world, "3", limit(Limit::Keep, Limit::Set(0)));
    let refused = &world.replies.last().unwrap().answer;
    assert_eq!(refused.outcome, AnswerOutcome::Rejected);
    let error_type = refused.error_type.as_ref().map(Name::as_str);
    assert_eq!(error_type, Some(error_type::INVALID_INPUT));
}

#[test]
fn a_higher_rate_counts_from_when_it_is_set_and_not_from_what_the_old_one_had_left() {
    for (lifted_between, after) in [(false, 1_000), (true, 0)] {
        let mut world = World::new(&["a"]);
        change(&mut world, "1", limit(Limit::Keep, Limit::Set(1)));
        begin(&mut world, &["u", "v", "w"]);
        assert_eq!(sent(&world), ["u"]);

        if lifted_between {
            change(&mut world, "2", limit(Limit::Keep, Limit::Lift));
        }
        change(&mut world, "3", limit(Limit::Keep, Limit::Set(3_600)));

        let next = world.state.next_release().unwrap();
        assert_eq!(next.since(world.now), Millis(after));
        world.now = next.max(world.now);
        settle(&mut world);
        assert_eq!(sent(&world), ["u", "v"]);
    }
}

#[test]
fn what_is_paused_while_it_waits_for_its_turn_takes_no_place_and_is_made_when_it_goes_on() {
    for of_run in [true, false] {
        let mut world = World::new(&["a"]);
        change(&mut world, "1", limit(Limit::Set(1), KEEP));
        begin(&mut world, &["u", id().as_str(), "v"]);
        let policy = world.programs.retry.maximum_attempts;
        // Its turn has come when it is paused.
        world.complete();
        deliver(&mut world);
        release(&mut world);

        match of_run {
            true => act(&mut world, "p", Act::Pause),
            false => on_activity(&mut world, "p", ActivityAct::Pause, false),
        }
        settle(&mut world);
        assert_eq!(sent(&world), ["u", "v"]);
        assert_eq!(counts(&world), (0, 0, 1));

        match of_run {
            true => act(&mut world, "r", Act::Resume),
            false => on_activity(&mut world, "r", ActivityAct::Resume, false),
        }
        world.complete();
        settle(&mut world);
        let task = world.tasks.last().unwrap();
        assert_eq!((&task.workflow_id, task.attempt.get()), (&id(), 2));
        let run = world.state.run(&id()).unwrap();
        assert_eq!(run.activities[0].maximum_attempts, policy + 1);
        world.complete();
        settle(&mut world);
        assert_eq!(counts(&world), (0, 0, 0));
    }
}

#[test]
fn an_attempt_that_ends_in_the_batch_that_offers_it_takes_no_turn() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(0), KEEP));
    world.input("w", Command::Start(start("w")));
    let QueueWord::Offered(task) = world.words.remove(0).word else {
        panic!("{:?}", world.words);
    };

    let of = |command| Command::Queue(Box::new(command));
    let offer = QueueCommand::Offer(Name::from("q"), task.clone());
    let end = QueueCommand::End(Name::from("q"), task);
    world.batch(vec![("o", of(offer)), ("e", of(end))]);

    assert_eq!(counts(&world), (0, 0, 0));
}

#[test]
fn what_was_paused_and_goes_on_is_released_as_it_came() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", limit(Limit::Set(0), KEEP));
    let ids: Vec<String> = (0..9).map(|number| format!("w{number}")).collect();
    for id in &ids {
        world.now = world.now.plus(Millis(1));
        begin(&mut world, &[id]);
    }

    change(&mut world, "2", QueueAct::Pause(None));
    change(&mut world, "3", QueueAct::Resume(None));
    change(&mut world, "4", limit(Limit::Lift, KEEP));
    settle(&mut world);

    assert_eq!(sent(&world), ids);
}

#[test]
fn who_pauses_a_queue_again_says_why_anew() {
    let mut world = World::new(&["a"]);
    change(&mut world, "1", QueueAct::Pause(None));
    let mut again = ChangeQueue {
        queue: Name::from("q"),
        home_partition: 0,
        act: QueueAct::Pause(None),
        actor: Name::from("sagaline.cli/bob"),
        reason: Some("the bank is down".into()),
        reply: None,
    };
    tell(&mut world, "2", QueueCommand::Change(again.clone()));
    let settings = queue(&world).settings().unwrap();
    let reason = settings.paused[0].reason.as_deref();
    assert_eq!((settings.version, reason), (2, again.reason.as_deref()));

    again.actor = Name::from("sagaline.cli/eve");
    tell(&mut world, "3", QueueCommand::Change(again));
    assert_eq!(queue(&world).settings().unwrap().version, 2);
}
