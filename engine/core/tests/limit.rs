//! What a program asks for without ever waiting has an end, and a reader of the journal sees the same.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sagaline_core::{
    ActivityId, Cause, Command, Delta, Env, Event, IdConflict, IdReuse, Name, Overlay,
    PAYLOAD_BYTES_MAX, Payload, Position, RetryPolicy, Run, Start, State, Timestamp, WorkflowId,
    error_type, fold,
    program::{Activated, ProgramCommand, Programs, ScheduleActivity},
    settle, transact,
};

/// Asks again and again for an activity whose input is too large.
struct Stubborn {
    input: Payload,
    activations: u32,
}

impl Programs for Stubborn {
    fn activate(&mut self, _: &WorkflowId, run: &Run) -> Activated {
        self.activations += 1;
        assert!(self.activations < 1_000, "the run never waits");
        assert_eq!(
            ActivityId::new(self.activations),
            Some(run.next_activity_id)
        );
        Activated::Commands(vec![ProgramCommand::ScheduleActivity(ScheduleActivity {
            activity_id: run.next_activity_id,
            activity: Name::from("upload"),
            task_queue: Name::from("q"),
            input: self.input.clone(),
            retry: RetryPolicy::default(),
            start_to_close_ms: 1_000,
            compensable: false,
        })])
    }

    fn resolve(&self, _: &Name, _: Option<&str>) -> Option<Box<str>> {
        Some("1".into())
    }

    fn names(&self) -> Vec<Name> {
        Vec::new()
    }
}

#[test]
fn a_program_that_repeats_what_is_refused_becomes_an_incident() {
    let mut programs = Stubborn {
        input: Payload::json(vec![b'x'; PAYLOAD_BYTES_MAX + 1]),
        activations: 0,
    };
    let workflow_id = WorkflowId::new("w").unwrap();
    let start = Command::Start(Start {
        workflow_id: workflow_id.clone(),
        workflow: Name::from("stubborn"),
        version: None,
        input: Payload::empty(),
        id_conflict: IdConflict::UseExisting,
        id_reuse: IdReuse::RejectDuplicate,
        reply: None,
        trace: None,
        appended_at: Timestamp::default(),
    });
    let env = Env {
        namespace: "test",
        now: Timestamp::from_millis(1),
    };
    let position = Position { batch: 1, index: 0 };
    let (mut live, mut folded) = (State::new(1), State::new(2));

    let mut delta = Delta::default();
    let mut overlay = Overlay::new(&live, &mut delta);
    let done = transact(
        &mut overlay,
        env,
        &Cause::lane(0, "1"),
        &start,
        &mut programs,
    );
    let transition = &done.transitions[0];
    settle(&mut overlay, transition, position);
    live.merge(delta, env.now);
    let mut delta = Delta::default();
    fold(
        &mut Overlay::new(&folded, &mut delta),
        &[transition],
        position,
    );
    folded.merge(delta, env.now);

    let Some(Event::IncidentRaised(incident)) = transition.events.last() else {
        panic!("{:?}", transition.events.last())
    };
    assert_eq!(incident.failure.error_type.as_str(), error_type::LIMIT);
    assert_eq!(live, folded);
    assert!(live.run(&workflow_id).unwrap().is_blocked());
}
