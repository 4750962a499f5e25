//! Clients: they start, repeat, cancel, terminate, step in and ask; and strangers, whose records mean nothing.

mod garbage;
mod operate;
mod queues;
mod signal;
mod start;
mod stop;
mod update;

pub(crate) use operate::{ACTOR, GAVE_UP, Seen};
use sagaline_core::{WorkflowId, event::RejectReason};
use sagaline_journal::{
    NewRecord,
    wire::{header, partition_of},
};

use crate::{event::Event, inputs::Input, log::NAMESPACE, time::Span, world::World};

/// Answers with such correlations are wanted on a topic that is not there.
pub(crate) const NOWHERE: &str = "nowhere-";

/// What clients remember.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    pub(crate) started: u32,
    /// Numbers identities and correlations.
    made: u64,
}

/// Something that a client does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Starts a saga.
    Start(u32),
    /// Starts another one under an id that may be in use.
    StartAgain(String),
    /// Sends a record once more, as it was.
    Repeat(Box<(NewRecord, Input)>),
    Cancel(String),
    Terminate(String),
    Describe(String),
    /// Sends the open run of an id a message.
    Signal(String),
    /// Asks the open run of an id to change.
    Update(String),
    /// Asks the program of the open run of an id something.
    Query(String),
    /// Steps in: does something to the open run of an id.
    Operate(String),
    /// Lets go on what somebody held up: an activity by its number, or the run.
    Resume(String, Option<u32>),
    /// Changes what limits a queue.
    ChangeQueue,
    /// A record that is to be refused.
    Garbage,
    /// A record that is to go somewhere later.
    Delayed,
}

impl World {
    /// Spreads the sagas' starts over the time in which things go wrong.
    pub(crate) fn schedule_clients(&mut self) {
        let active = self.settings.active_for();
        // In some runs they come all at once.
        let rush = self.rng.percent(15);
        for saga in 0..self.settings.sagas {
            let within = if rush { active.0 / 100 } else { active.0 };
            let at = Span(self.rng.below(within));
            self.push(at, Event::Client(Act::Start(saga)));
            if self.rng.ppm(self.faults.clients.delayed) {
                let at = Span(self.rng.below(active.0));
                self.push(at, Event::Client(Act::Delayed));
            }
            if self.rng.ppm(self.faults.clients.limited) {
                let at = Span(self.rng.below(active.0));
                self.push(at, Event::Client(Act::ChangeQueue));
            }
            if self.rng.ppm(self.faults.clients.garbage) {
                let at = Span(self.rng.below(active.0));
                self.push(at, Event::Client(Act::Garbage));
            }
        }
    }

    pub(crate) fn client(&mut self, act: Act) {
        match act {
            Act::Start(saga) => self.start_saga(saga),
            Act::StartAgain(id) => self.start_again(&id),
            Act::Repeat(sent) => {
                let (mut record, input) = *sent;
                self.inputs.add(&mut record, input);
                self.produce(&record);
            }
            Act::Cancel(id) => self.cancel(&id),
            Act::Terminate(id) => self.terminate(&id),
            Act::Describe(id) => self.describe(&id),
            Act::Signal(id) => self.signal(&id),
            Act::Update(id) => self.update(&id),
            Act::Query(id) => self.query(&id),
            Act::Operate(id) => self.operate(&id),
            Act::Resume(id, activity_id) => self.resume(&id, activity_id),
            Act::ChangeQueue => self.change_some_queue(),
            Act::Garbage => self.garbage(),
            Act::Delayed => self.send_delayed(),
        }
    }

    /// Sends a client's record, perhaps to a wrong partition, perhaps more than once.
    fn submit(&mut self, mut record: NewRecord, input: Input) {
        if self.rng.ppm(self.faults.clients.misrouted) {
            record.partition = (record.partition + 1) % self.partitions;
        }
        if input.identity.is_some() && self.rng.ppm(self.faults.clients.repeated) {
            for _ in 0..self.rng.between(1, 2) {
                let after = Span::millis(self.rng.below(12_000));
                let sent = Box::new((record.clone(), input.clone()));
                self.push(after, Event::Client(Act::Repeat(sent)));
            }
        }
        self.inputs.add(&mut record, input);
        self.produce(&record);
    }

    /// Asks for an answer, now and then. Says whether it did.
    fn ask_for_reply(&mut self, record: &mut NewRecord) -> bool {
        let asks = self.rng.percent(40);
        if asks {
            self.push_reply_headers(record);
        }
        asks
    }

    fn push_reply_headers(&mut self, record: &mut NewRecord) {
        let number = self.number();
        if self.rng.percent(3) {
            record.push_header(header::REPLY_TOPIC, format!("{NAMESPACE}.reply.nowhere"));
            record.push_header(header::CORRELATION, format!("{NOWHERE}{number}"));
        } else {
            record.push_header(header::REPLY_TOPIC, self.topics.replies.as_bytes());
            record.push_header(header::CORRELATION, format!("c-{number}"));
        }
    }

    fn number(&mut self) -> u64 {
        self.clients.made += 1;
        self.clients.made
    }

    fn home(&self, id: &str) -> i32 {
        partition_of(id.as_bytes(), self.partitions)
    }
}

/// An input that is to be refused.
fn bad(id: Option<&str>, reason: RejectReason) -> Input {
    Input {
        workflow_id: id.and_then(|id| WorkflowId::new(id).ok()),
        identity: None,
        asks: crate::inputs::Asks::Bad(reason),
    }
}
