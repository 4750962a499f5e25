//! Reset: a run ends, and another goes on in its place from one of its events.

use std::sync::Arc;

use sagaline_core::{
    Act, Command, Event, Ignored, Millis, Name, Operate, Payload, Reapply, ReplyTo, Report,
    ResetTo, Run, RunId, Seq, Signal, Start, Transacted, Transition, WorkflowId, error_type,
    event::AnswerOutcome,
    program::{Job, Timeouts},
};

use crate::{
    World,
    by_hand::{ACCEPTED, answer, refused},
    id, start, terminate,
};

fn reply() -> ReplyTo {
    ReplyTo {
        topic: "replies".into(),
        partition: 0,
        correlation: "reset".into(),
    }
}

mod children;
mod random;
mod refused;

impl World {
    /// What the journal has of a run, or of none.
    fn history(&self, run_id: Option<RunId>) -> Vec<Transition> {
        let all = self.journal.iter().flat_map(|(_, _, batch)| batch);
        all.filter(|one| one.run_id == run_id).cloned().collect()
    }

    fn history_events(&self, run_id: RunId) -> Vec<Event> {
        let history = self.history(Some(run_id));
        history.into_iter().flat_map(|one| one.events).collect()
    }

    fn reset_to(&mut self, identity: &str, event_seq: Seq, reapply: Reapply) -> Transacted {
        let newest = self.newest();
        self.reset_run(identity, newest, (event_seq, reapply))
    }

    fn reset_run(&mut self, identity: &str, run_id: RunId, to: (Seq, Reapply)) -> Transacted {
        self.reset_of((&id(), run_id), identity, to)
    }

    fn reset_of(
        &mut self,
        (workflow_id, run_id): (&WorkflowId, RunId),
        identity: &str,
        (event_seq, reapply): (Seq, Reapply),
    ) -> Transacted {
        let mut history = self.history(Some(run_id));
        let deletes =
            |event: &Event| matches!(event, Event::WorkflowDeleted(one) if one.run_id == run_id);
        let of_none = self.history(None).into_iter();
        history.extend(of_none.filter(|one| one.events.iter().any(deletes)));
        let to = ResetTo {
            event_seq,
            reapply,
            history: Arc::from(history),
        };
        let operate = Operate {
            workflow_id: workflow_id.clone(),
            run_id: Some(run_id),
            act: Act::Reset(Box::new(to)),
            actor: Name::from("sagaline.cli/ada"),
            reason: Some("a bug".into()),
            reply: Some(reply()),
        };
        self.input(identity, Command::Operate(Box::new(operate)))
    }

    fn newest(&self) -> RunId {
        match self.state.run(&id()) {
            Some(run) => run.run_id,
            None => self.state.closed(&id()).unwrap().run_id,
        }
    }

    fn open_run(&self) -> &Run {
        self.state.run(&id()).expect("a run is open")
    }

    /// Answers what is asked of the newest run until it ends; gives the activities that it took.
    fn finish(&mut self) -> Vec<String> {
        let run_id = self.newest();
        let mut done = Vec::new();
        while let Some(run) = self.state.run(&id()) {
            let activity = run.activities.first().expect("something is in flight");
            let (number, attempt) = (activity.activity_id, activity.attempt);
            let of = |task: &&sagaline_core::Task| {
                (task.run_id, task.activity_id(), task.attempt) == (run_id, number, attempt)
            };
            let task = self
                .tasks
                .iter()
                .find(of)
                .expect("its task was sent")
                .clone();
            done.push(task.scheduled.activity.to_string());
            let result = Payload::json(*b"1");
            self.report_on(&task, Report::Completed { result });
        }
        done
    }
}

fn signal(input: &str) -> Command {
    Command::Signal(Signal {
        workflow_id: id(),
        run_id: None,
        signal: Name::from("go"),
        input: Payload::json(input.as_bytes()),
        reply: None,
    })
}

/// Three steps, signals between them, a failed attempt: each input has events of several kinds.
fn eventful() -> World {
    let mut world = World::new(&["a", "b", "c"]);
    world.start("1");
    world.input("s1", signal("1"));
    world.complete();
    world.fail();
    world.input("s2", signal("2"));
    let due = world.retries.last().unwrap().clone();
    world.now = due.next_attempt_at;
    world.input("due", Command::RetryDue(due.due));
    world.complete();
    world
}

fn signals_given(run: &Run) -> Vec<String> {
    let records = run.activations.to_vec();
    let jobs = records.iter().flat_map(|record| &record.jobs);
    let given = jobs.filter_map(|job| match job {
        Job::SignalReceived { input, .. } => Some(input.data().to_vec()),
        _ => None,
    });
    given
        .map(|input| String::from_utf8(input).unwrap())
        .collect()
}

/// What was completed in a history, up to an event.
fn completed(events: &[Event]) -> Vec<String> {
    let completed = events.iter().filter_map(|event| match event {
        Event::ActivityCompleted(one) => Some(one.activity.to_string()),
        _ => None,
    });
    completed.collect()
}

#[test]
fn from_every_event_of_an_open_run_another_goes_on_and_ends_as_it_would_have() {
    let last = eventful().open_run().seq;
    assert!(last > 12, "{last}");
    for event_seq in 1..=last {
        let mut world = eventful();
        let old = world.newest();

        world.reset_to("reset", event_seq, Reapply::Signals);

        assert_eq!(answer(&world), ACCEPTED, "event {event_seq}");
        let (old_events, new) = (world.history_events(old), world.open_run().clone());
        let copied = usize::try_from(event_seq).unwrap();
        let new_events = world.history_events(new.run_id);
        assert_eq!(new_events[1..copied], old_events[1..copied]);
        assert_eq!(old_events.last().unwrap().name(), "WorkflowTerminated");
        assert_eq!(signals_given(&new), ["1", "2"], "event {event_seq}");
        let mut all = completed(&old_events[..copied]);
        all.extend(world.finish());
        assert_eq!(all, ["a", "b", "c"], "event {event_seq}");
        assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
    }
}

#[test]
fn from_every_event_of_a_completed_run_but_its_last_another_goes_on() {
    let mut world = eventful();
    world.finish();
    let last = world.history_events(world.newest()).len() as Seq;
    for event_seq in 1..last {
        let mut world = eventful();
        world.finish();
        let old = world.newest();

        world.reset_to("reset", event_seq, Reapply::Signals);

        assert_eq!(answer(&world), ACCEPTED, "event {event_seq}");
        let copied = usize::try_from(event_seq).unwrap();
        let mut all = completed(&world.history_events(old)[..copied]);
        if world.state.run(&id()).is_some() {
            all.extend(world.finish());
        }
        assert_eq!(all, ["a", "b", "c"], "event {event_seq}");
        assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
    }
}

#[test]
fn a_run_that_was_reset_is_reset_again_from_every_event() {
    let mut once = eventful();
    once.reset_to("reset", 6, Reapply::Signals);
    let last = once.open_run().seq;
    for event_seq in 1..=last {
        let mut world = eventful();
        let first = world.newest();
        world.reset_to("reset", 6, Reapply::Signals);
        let second = world.newest();

        world.reset_to("again", event_seq, Reapply::Signals);

        let run = world.open_run();
        let reset = run.reset().unwrap();
        let origins = reset.origins.iter();
        let origins: Vec<_> = origins.map(|one| (one.run_id, one.event_seq)).collect();
        let expected = match event_seq {
            0..=6 => vec![(first, event_seq)],
            _ => vec![(first, 6), (second, event_seq)],
        };
        assert_eq!(origins, expected);
        assert_eq!(run.first_run_id(), first);
        assert_eq!(signals_given(run), ["1", "2"], "event {event_seq}");
        world.finish();
        assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
    }
}

#[test]
fn what_is_in_flight_begins_again_at_attempt_1_under_its_key_and_an_answer_to_the_old_task_is_stale()
 {
    let mut world = eventful();
    let old = world.newest();
    let in_flight = world.tasks.last().unwrap().clone();
    let sent = world.tasks.len();

    world.reset_to("reset", world.open_run().seq, Reapply::Signals);

    let task = world.tasks.last().unwrap().clone();
    assert_eq!(world.tasks.len(), sent + 1, "no copy sends a task");
    assert_eq!(world.canceled.last().unwrap().run_id, old);
    assert_eq!(task.activity_id(), in_flight.activity_id());
    assert_eq!((task.attempt.get(), task.scheduled_by), (1, old));
    assert_ne!(task.run_id, old);
    let result = Payload::json(*b"9");
    let late = world.report_on(&in_flight, Report::Completed { result });
    assert_eq!(late.ignored, Some(Ignored::Stale));
    assert_eq!(world.finish(), ["c"]);
}

#[test]
fn a_retry_that_waited_begins_again_with_all_its_attempts() {
    let mut world = World::new(&["a"]);
    world.start("1");
    world.fail();
    world.fail_retry();
    let attempts = world.open_run().activities[0].attempt.get();

    world.reset_to("reset", world.open_run().seq, Reapply::Signals);

    let activity = &world.open_run().activities[0];
    assert_eq!((attempts, activity.attempt.get()), (2, 1));
    assert_eq!(
        (activity.maximum_attempts, &activity.failures),
        (3, &vec![])
    );
    for _ in 0..2 {
        world.fail_retry();
    }
    world.fail();
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

impl World {
    /// The next attempt begins, if one waits, and fails.
    fn fail_retry(&mut self) {
        if self.open_run().activities[0].is_in_flight() {
            self.fail();
        }
        let due = self.retries.last().unwrap().clone();
        self.now = due.next_attempt_at;
        self.input("due", Command::RetryDue(due.due));
    }
}

#[test]
fn the_same_act_again_resets_nothing_again_also_once_the_run_has_ended() {
    let mut world = eventful();
    world.reset_to("reset", 3, Reapply::Signals);
    let new = world.newest();

    let again = world.reset_to("reset", 3, Reapply::Signals);
    assert_eq!((world.newest(), answer(&world)), (new, ACCEPTED));
    assert!(again.transitions.iter().all(|one| one.run_id == Some(new)));

    world.finish();
    world.reset_to("reset", 3, Reapply::Signals);
    assert_eq!((world.newest(), world.state.open_runs()), (new, 0));
}

#[test]
fn later_signals_are_dropped_where_that_is_wanted_and_their_repeats_are() {
    let mut world = eventful();

    world.reset_to("reset", 4, Reapply::None);

    assert_eq!(signals_given(world.open_run()), ["1"]);
    let repeated = world.input("s2", signal("2"));
    assert_eq!(repeated.ignored, Some(Ignored::Repeat));
}

#[test]
fn signals_that_came_to_a_closed_run_are_known_again_by_their_ids() {
    let mut world = eventful();
    world.finish();

    world.reset_to("reset", 4, Reapply::Signals);

    assert_eq!(signals_given(world.open_run()), ["1", "2"]);
    for (identity, input) in [("s1", "1"), ("s2", "2")] {
        let repeated = world.input(identity, signal(input));
        assert_eq!(repeated.ignored, Some(Ignored::Repeat), "{identity}");
    }
}

#[test]
fn what_was_registered_to_undo_steps_holds_in_the_new_run() {
    let mut world = World::new(&["a", "b"]);
    world.start("1");
    world.complete();
    let seq = world.open_run().seq;

    world.reset_to("reset", seq, Reapply::Signals);
    world.fail_for_good();
    world.complete();

    assert_eq!(world.activities_sent(), ["a", "b", "b", "undo-a"]);
    assert_eq!(world.names().last(), Some(&"WorkflowFailed"));
}

#[test]
fn who_waits_for_the_end_is_told_by_the_new_run() {
    let mut world = World::new(&["a"]);
    let start = Start {
        reply: Some(ReplyTo {
            correlation: "start".into(),
            ..reply()
        }),
        ..start("w")
    };
    world.input("1", Command::Start(start));
    world.reset_to("reset", 1, Reapply::Signals);
    world.finish();

    let told = world.replies.iter();
    let told = told.filter(|one| &*one.to.correlation == "start");
    let outcomes: Vec<_> = told.map(|one| one.answer.outcome).collect();
    assert_eq!(
        outcomes,
        [AnswerOutcome::Accepted, AnswerOutcome::Completed]
    );
}

#[test]
fn an_older_run_of_a_chain_is_reset_and_the_open_one_ends() {
    let mut world = World::new(&["a"]);
    let again = Start {
        input: Payload::json(*b"\"again 1\""),
        ..start("w")
    };
    world.input("1", Command::Start(again));
    let first = world.newest();
    world.complete();
    let second = world.newest();

    world.reset_run("reset", first, (1, Reapply::Signals));

    let reset = world.open_run().reset().unwrap().clone();
    assert_eq!((reset.continued_from, reset.first_run_id), (second, first));
    let ended = world.history_events(second);
    assert_eq!(ended.last().unwrap().name(), "WorkflowTerminated");
    world.complete();
    world.finish();
    assert_eq!(world.names().last(), Some(&"WorkflowCompleted"));
}

#[test]
fn incidents_and_pauses_up_to_the_event_end_with_the_reset() {
    let mut world = World::new(&["a"]);
    *world.programs.missing.borrow_mut() = true;
    world.start("1");
    crate::by_hand::act(&mut world, "pause", Act::Pause);
    *world.programs.missing.borrow_mut() = false;
    assert!(world.open_run().is_blocked() && world.open_run().paused.is_some());

    world.reset_to("reset", world.open_run().seq, Reapply::Signals);

    let run = world.open_run();
    assert!(run.incidents.is_empty() && run.paused.is_none());
    assert_eq!(run.resolved.last().unwrap().act.as_str(), "reset");
    assert_eq!(world.finish(), ["a"]);
}

#[test]
fn a_terminated_run_is_reset_and_one_that_nobody_knows_is_not() {
    let mut world = eventful();
    world.input("t", terminate(false));
    let old = world.newest();
    let end = world.history_events(old).len() as Seq;

    world.reset_to("at the end", end, Reapply::Signals);
    assert_eq!(answer(&world), refused(error_type::INVALID_INPUT));
    let unknown = RunId::derive("test", &id(), b"unknown");
    world.reset_run("unknown", unknown, (1, Reapply::Signals));
    assert_eq!(answer(&world), refused(error_type::NOT_FOUND));
    world.reset_to("reset", end - 2, Reapply::Signals);
    assert_eq!(world.finish(), ["c"]);
}

#[test]
fn the_run_time_of_a_reset_run_counts_from_the_reset() {
    let mut world = World::new(&["a"]);
    world.programs.timeouts = Timeouts::start_to_close(60_000);
    let start = Start {
        run_timeout: Some(Millis(2_000)),
        ..start("w")
    };
    world.input("1", Command::Start(start));
    world.now = world.now.plus(Millis(1_500));

    world.reset_to("reset", 3, Reapply::Signals);

    assert_eq!(
        world.state.next_deadline(),
        Some(world.now.plus(Millis(2_000)))
    );
}
