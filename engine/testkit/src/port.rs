//! One lane's port to the simulated log. What the lane asks is kept and handed to the network, which answers later;
//! what was fetched lies ready to be taken.
//!
//! Once the process is dead (a program killed it in the middle of a turn), nothing is asked any more.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sagaline_journal::{LanePort, NewRecord, PortEvent, Record, Tag};

use crate::{programs::Fate, rng::Rng};

/// What a lane asked.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Read both inputs from here.
    Fetch,
    /// Append to the journal.
    Append { tag: Tag, records: Vec<NewRecord> },
    /// Send an effect.
    Send { tag: Tag, record: NewRecord },
    /// Read a range.
    Read {
        topic: Arc<str>,
        partition: i32,
        tag: Tag,
        from: i64,
        to: Option<i64>,
    },
    /// Where do the inputs end?
    Ends { tag: Tag },
    /// Is the lease held?
    ProveLease { tag: Tag },
}

/// A lane's side of the network.
#[derive(Debug)]
pub(crate) struct Port {
    requests: Vec<(Request, bool)>,
    pub(crate) fetch: Fetch,
    fate: Arc<Fate>,
    rng: Rng,
}

/// What is read ahead of both inputs.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    /// Counts fetches and releases: what was on its way for an earlier one is dropped.
    pub(crate) generation: u64,
    pub(crate) active: bool,
    /// Records are on their way.
    pub(crate) arriving: bool,
    /// Next offset of inbox and results that the broker is asked for.
    pub(crate) next: [i64; 2],
    pub(crate) arrived: [VecDeque<Record>; 2],
}

impl Port {
    pub(crate) fn new(fate: Arc<Fate>, rng: Rng) -> Self {
        Self {
            requests: Vec::new(),
            fetch: Fetch::default(),
            fate,
            rng,
        }
    }

    /// What the lane asked since the last call, in order, and whether it was after its thread fell silent.
    pub(crate) fn take_requests(&mut self) -> Vec<(Request, bool)> {
        std::mem::take(&mut self.requests)
    }

    fn ask(&mut self, request: Request) {
        if !self.fate.is_dead() {
            self.requests.push((request, self.fate.is_hung()));
        }
    }
}

impl LanePort for Port {
    fn fetch(&mut self, _: i32, inbox_from: i64, results_from: i64) {
        if self.fate.is_dead() {
            return;
        }
        self.fetch = Fetch {
            generation: self.fetch.generation + 1,
            active: true,
            next: [inbox_from, results_from],
            ..Fetch::default()
        };
        self.ask(Request::Fetch);
    }

    fn release(&mut self, _: i32) {
        self.fetch = Fetch {
            generation: self.fetch.generation + 1,
            ..Fetch::default()
        };
    }

    fn take(&mut self, _: i32, records_max: usize, bytes_max: usize, into: &mut Vec<Record>) {
        let mut bytes = 0;
        for _ in 0..records_max {
            let first = usize::from(self.rng.percent(50));
            let [one, other] = [first, 1 - first];
            let next = self.fetch.arrived[one]
                .pop_front()
                .or_else(|| self.fetch.arrived[other].pop_front());
            let Some(record) = next else { return };
            bytes += record.size();
            into.push(record);
            if bytes >= bytes_max {
                return;
            }
        }
    }

    fn append(&mut self, _: i32, tag: Tag, records: Vec<NewRecord>) {
        self.ask(Request::Append { tag, records });
    }

    fn send(&mut self, _: i32, tag: Tag, record: NewRecord) {
        self.ask(Request::Send { tag, record });
    }

    fn read(&mut self, topic: Arc<str>, partition: i32, tag: Tag, from: i64, to: Option<i64>) {
        self.ask(Request::Read {
            topic,
            partition,
            tag,
            from,
            to,
        });
    }

    fn ends(&mut self, _: i32, tag: Tag) {
        self.ask(Request::Ends { tag });
    }

    fn prove_lease(&mut self, _: i32, tag: Tag) {
        self.ask(Request::ProveLease { tag });
    }

    fn poll(&mut self, _: Duration, _: &mut Vec<PortEvent>) {}
}
