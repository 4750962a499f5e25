//! Local activities of a simulated process: what its lanes offer, some of it refused; what was taken dies with the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sagaline_core::error_type;
use sagaline_journal::NewRecord;
use sagaline_runtime::lane::{LocalTasks, Offered};

use crate::{
    Violation,
    event::{Event, LaneKey},
    plant::Bug,
    rng::Rng,
    time::Span,
    worker::Job,
    world::World,
};

/// What runs local activities in one process.
#[derive(Debug)]
pub(crate) struct LocalHere(Mutex<Here>);

#[derive(Debug)]
struct Here {
    rng: Rng,
    /// How likely there is no room, in a million offers.
    full: u32,
    /// Whether its program has them at all.
    has_any: bool,
    offered: Vec<(NewRecord, bool)>,
}

impl LocalHere {
    pub(crate) fn new(rng: Rng, full: u32, has_any: bool) -> Self {
        Self(Mutex::new(Here {
            rng,
            full,
            has_any,
            offered: Vec::new(),
        }))
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on there is room.
    pub(crate) fn heal(&self) {
        let mut here = self.here();
        here.full = 0;
        here.has_any = true;
    }
}

impl LocalTasks for LocalHere {
    fn offer(&self, task: NewRecord) -> Offered {
        let mut here = self.here();
        let full = here.full;
        if here.has_any && here.rng.ppm(full) {
            return Offered::Full;
        }
        let has_any = here.has_any;
        here.offered.push((task, has_any));
        match has_any {
            true => Offered::Taken,
            false => Offered::Nobody("this build has none".into()),
        }
    }

    fn cancel(&self, _: &str) {}
}

impl World {
    /// Takes what a lane offered in its last turn.
    pub(crate) fn take_local(&mut self, lane: LaneKey) -> Result<(), Violation> {
        let Some(slot) = self.lanes.get(&lane) else {
            return Ok(());
        };
        let (partition, node, epoch) =
            (slot.partition, slot.node, slot.lane.fold().footing().epoch);
        let Some(local) = self.nodes[node].local.clone() else {
            return Ok(());
        };
        let offered = std::mem::take(&mut local.here().offered);
        let process = (node, self.nodes[node].starts);
        for (record, is_taken) in offered {
            if self.has(Bug::LocalLost) && self.rng.percent(2) {
                continue;
            }
            self.check.offered((partition, epoch), &record)?;
            if !is_taken {
                self.check.refused(&record);
                continue;
            }
            let task = crate::worker::task(&record.placed(0, self.now.appended_at()));
            if let Some(task) = task.map(|task| task.of(process)) {
                let after = self.rng.delay(Span(200));
                self.push(after, Event::Work(Job::Take(task)));
            }
        }
        Ok(())
    }
}

/// Whether a failure says that a new owner did not dare to offer the attempt.
pub(crate) fn is_feared(error_type: &str, message: &str) -> bool {
    error_type == error_type::UNDELIVERABLE && message.contains("may be what they die of")
}
