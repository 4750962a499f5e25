//! Signals from one run to another: delivered once, or refused, and the sender told.

use sagaline_core::{
    ActivityId, Cause, Command, Effect, Event, ExternalMessage, Failure, Ignored, Name, Payload,
    Report, RunId, SignalExternal, SignalOutcome, Transacted, WorkflowId, effect_without_run,
    error_type,
    event::SignalReceived,
    program::{Activation, Job, Program, ProgramCommand},
};

use crate::{World, id, start, terminate};

/// Sends the signals `1`, `2` … to workflow `t`, and waits for what its input says: until they are there, `"2 awaited"`, or
/// for a signal of its own, `"2 hasty"`.
#[derive(Default)]
pub(crate) struct Sends {
    awaited: u32,
    failures: Vec<Failure>,
}

impl Program for Sends {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        let mut commands = Vec::new();
        for job in activation.jobs {
            match job {
                Job::Started { input } => {
                    let text: String = serde_json::from_slice(input.data()).unwrap();
                    let (count, how) = text.split_once(' ').unwrap();
                    let (count, awaited): (u32, bool) = (count.parse().unwrap(), how == "awaited");
                    self.awaited = if awaited { count } else { 1 };
                    commands.extend((1..=count).map(|number| signal(number, awaited)));
                }
                Job::SignalReceived { .. } | Job::SignalDelivered { .. } => self.awaited -= 1,
                Job::SignalFailed { failure, .. } => {
                    self.failures.push((**failure).clone());
                    self.awaited -= 1;
                }
                _ => {}
            }
        }
        if self.awaited == 0 {
            let failed = self.failures.iter().map(|one| one.error_type.as_str());
            let result = serde_json::to_vec(&failed.collect::<Vec<_>>()).unwrap();
            commands.push(ProgramCommand::Complete {
                result: Payload::json(result),
            });
        }
        commands
    }
}

fn signal(number: u32, awaited: bool) -> ProgramCommand {
    ProgramCommand::SignalExternal(Box::new(SignalExternal {
        signal_id: ActivityId::new(number).unwrap(),
        workflow_id: target(),
        run_id: None,
        child_id: None,
        signal: Name::from("number"),
        input: Payload::json(number.to_string().into_bytes()),
        awaited,
    }))
}

fn target() -> WorkflowId {
    WorkflowId::new("t").unwrap()
}

impl World {
    /// The run `w`, which sends.
    fn sender(&mut self, input: &str) -> Transacted {
        let mut start = start("w");
        start.workflow = Name::from("sender");
        start.input = Payload::json(serde_json::to_vec(input).unwrap());
        self.input("sender", Command::Start(start))
    }

    /// The run `t`, which keeps what it is sent.
    fn target(&mut self) -> RunId {
        self.input("target", Command::Start(start("t")));
        self.state.run(&target()).unwrap().run_id
    }

    /// Brings one message where it belongs; what a refusal tells waits behind all others.
    fn bring_signal(&mut self, message: &ExternalMessage) -> Transacted {
        let (id, command) = match message.clone() {
            ExternalMessage::Signal(signal) => {
                let id = format!("{}/{}", signal.sender.run_id, signal.sender.signal_id);
                (id, Command::ExternalSignal(Box::new(signal)))
            }
            ExternalMessage::Told(told) => {
                let id = format!("{}/{}/told", told.sender.run_id, told.sender.signal_id);
                (id, Command::SignalTold(Box::new(told)))
            }
        };
        let done = self.input(&id, command);
        let refused = done.rejected.as_ref().and_then(|one| one.reply.as_deref());
        if let Some(refused) = refused {
            let event = Event::from(refused.clone());
            let effect = effect_without_run(Some(&target()), &Cause::lane(0, "1"), &event);
            let Some(Effect::External(message)) = effect else {
                panic!("{effect:?}");
            };
            self.signals.push(*message);
        }
        done
    }

    fn deliver_signals(&mut self) {
        while !self.signals.is_empty() {
            for message in std::mem::take(&mut self.signals) {
                self.bring_signal(&message);
            }
        }
    }

    fn received(&self) -> Vec<&SignalReceived> {
        let received = self.events().into_iter().filter_map(|event| match event {
            Event::SignalReceived(received) => Some(received),
            _ => None,
        });
        received.collect()
    }

    fn result_of_sender(&self) -> String {
        let mut results = self.events().into_iter().filter_map(|event| match event {
            Event::WorkflowCompleted(event) => Some(event.result.data()),
            _ => None,
        });
        String::from_utf8(results.next_back().expect("it completed").to_vec()).unwrap()
    }
}

#[test]
fn a_signal_is_delivered_once_however_often_it_comes_and_its_sender_told() {
    let mut world = World::new(&["a"]);
    let run_id = world.target();
    world.sender("2 awaited");
    let sent = world.signals.clone();

    world.deliver_signals();
    let again = world.bring_signal(&sent[0]);

    assert_eq!(again.ignored, Some(Ignored::Repeat));
    assert_eq!(world.result_of_sender(), "[]");
    let received = world.received();
    let inputs: Vec<&[u8]> = received.iter().map(|one| one.input.data()).collect();
    assert_eq!(inputs, [b"1", b"2"]);
    let sender = received[0].sender.as_ref().unwrap();
    assert_eq!(
        (&sender.workflow_id, sender.signal_id.get(), sender.awaited),
        (&id(), 1, true)
    );
    let delivered = world.events().into_iter().filter_map(|event| match event {
        Event::ExternalSignalDelivered(event) => Some(event.run_id),
        _ => None,
    });
    assert_eq!(delivered.collect::<Vec<_>>(), [run_id, run_id]);
}

#[test]
fn what_nobody_takes_is_refused_by_type_and_what_was_told_is_wanted_no_more() {
    let mut world = World::new(&["a"]);
    world.sender("1 awaited");
    let sent = Effect::External(Box::new(world.signals[0].clone()));
    assert!(sent.is_wanted(&world.state));

    world.deliver_signals();

    assert_eq!(world.result_of_sender(), "[\"sagaline.NotFound\"]");
    assert!(
        sent.is_wanted(&world.state),
        "the run has ended: its signal is sent whatever became of it"
    );

    let mut world = World::new(&["a"]);
    world.target();
    world.input(
        "end",
        Command::Terminate(sagaline_core::Terminate {
            workflow_id: target(),
            run_id: None,
            reason: None,
            compensate: false,
            reply: None,
        }),
    );
    world.sender("2 awaited");
    let first = world.signals.remove(0);
    world.bring_signal(&first);
    let told = world.signals.pop().unwrap();
    world.bring_signal(&told);
    assert!(!Effect::External(Box::new(first)).is_wanted(&world.state));
    world.deliver_signals();
    assert_eq!(
        world.result_of_sender(),
        "[\"sagaline.Closed\",\"sagaline.Closed\"]"
    );
}

#[test]
fn the_first_word_of_a_signal_counts_and_a_run_that_has_ended_hears_nothing() {
    let mut world = World::new(&["a"]);
    world.target();
    world.sender("2 awaited");
    let first = world.signals.remove(0);
    world.bring_signal(&first);
    let ExternalMessage::Told(told) = world.signals.pop().unwrap() else {
        panic!("its sender waits");
    };
    let mut refused = told.clone();
    let failure = Failure::new(Name::from(error_type::CLOSED), "late");
    refused.outcome = SignalOutcome::Refused(Box::new(failure));
    world.bring_signal(&ExternalMessage::Told(told.clone()));

    let late = world.bring_signal(&ExternalMessage::Told(refused));
    assert_eq!(late.ignored, Some(Ignored::Stale));

    world.deliver_signals();
    let over = world.bring_signal(&ExternalMessage::Told(told.clone()));
    assert_eq!(over.ignored, Some(Ignored::Stale));
    let mut strange = told;
    strange.sender.signal_id = ActivityId::new(99).unwrap();
    let strange = world.bring_signal(&ExternalMessage::Told(strange));
    assert_eq!(strange.ignored, Some(Ignored::Stale));
}

#[test]
fn a_hasty_sender_is_told_of_refusals_alone_each_once_and_its_program_of_none() {
    let mut world = World::new(&["a"]);
    world.sender("2 hasty");
    let sent = world.signals.clone();
    world.deliver_signals();
    assert_eq!(
        world
            .names()
            .iter()
            .filter(|name| **name == "ExternalSignalFailed")
            .count(),
        2
    );

    // An owner that takes over sends again; the word that comes back is a repeat.
    world.bring_signal(&sent[0]);
    let told = world.signals.pop().unwrap();
    let again = world.bring_signal(&told);

    assert_eq!(again.ignored, Some(Ignored::Repeat));
    assert!(
        world.state.run(&id()).is_some(),
        "it waits for its own signal"
    );
    world.target();
    world.bring_signal(&sent[1]);
    assert!(
        world.signals.is_empty(),
        "of what is delivered it is not told"
    );
}

#[test]
fn a_run_that_waits_for_its_signal_to_arrive_is_in_no_deadlock_and_may_be_ended() {
    let mut world = World::new(&["a"]);
    world.target();
    world.sender("1 awaited");
    assert!(!world.names().contains(&"IncidentRaised"));

    world.input("end", terminate(false));
    world.deliver_signals();

    assert_eq!(world.received().len(), 1, "what was sent arrives");
    assert!(!world.names().contains(&"ExternalSignalDelivered"));
}

#[test]
fn a_completed_task_of_the_target_does_not_disturb_a_signal_in_the_same_history() {
    let mut world = World::new(&["a"]);
    world.target();
    world.sender("1 awaited");
    world.deliver_signals();
    world.report(Report::Completed {
        result: Payload::json(*b"1"),
    });
    assert_eq!(
        world.state.closed(&target()).unwrap().outcome.status(),
        "Completed"
    );
}
