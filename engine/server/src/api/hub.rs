//! What changes, read once for all who look on.
//!
//! ```text
//! projection ─commits─▶ hub ─4 times a second─▶ ring of the last ticks ─▶ streams, each with its own filter
//! ```
//! Invariant: a thousand listeners cost one read of a run that changed, and those with the same filter one event. What is not in
//! the ring any more is not told: whoever missed it reads anew.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use sagaline_core::{Name, Queue, RunId, Timestamp, WorkflowId, view::View};
use sagaline_projection::{Changed, Projection, StoredRun};
use sagaline_runtime::EngineView;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::sleep,
};

use super::{journal::now, start::new_id};
use crate::problem::Problem;

/// Most streams at a time.
const STREAMS_MAX: usize = 10_000;

/// Changes are gathered for so long.
const TICK: Duration = Duration::from_millis(250);

/// Most runs of a tick; of more, whoever looks on reads anew.
const RUNS_MAX: usize = 200;

/// Ticks that are kept for those who come back.
const TICKS_MAX: usize = 64;

/// Filters whose event of a tick is written once for all who have it.
const FILTERS_MAX: usize = 64;

/// What changed at one time.
#[derive(Debug)]
pub(super) struct Tick {
    /// Its number.
    pub(super) number: u64,
    /// The runs as they were then; none: too many.
    pub(super) runs: Option<Vec<StoredRun>>,
    /// Queues that nobody read then.
    pub(super) unread: Vec<Name>,
    /// What limited queues then.
    pub(super) queues: BTreeMap<Name, Queue>,
    /// When it was.
    pub(super) at: Timestamp,
    /// What many are told, written once.
    pub(super) written: Written,
}

impl Tick {
    /// How a run was seen then.
    pub(super) fn view<'a>(&'a self, run: &'a StoredRun) -> View<'a> {
        run.view_with(self.at, &self.unread, &self.queues)
    }
}

/// An event that is written when the first one wants it; none: there is nothing to tell.
type Once = OnceLock<Option<Bytes>>;

/// Events that are the same for many.
#[derive(Debug, Default)]
pub(super) struct Written {
    workflows: Mutex<HashMap<Arc<str>, Arc<Once>>>,
    pub(super) incidents: Once,
}

impl Written {
    /// The event for those who look on with this filter.
    pub(super) fn workflows(
        &self,
        filter: &Arc<str>,
        write: impl FnOnce() -> Option<Bytes>,
    ) -> Option<Bytes> {
        let mut known = self
            .workflows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(filter) && known.len() >= FILTERS_MAX {
            drop(known);
            return write();
        }
        let event = known.entry(filter.clone()).or_default().clone();
        drop(known);
        event.get_or_init(write).clone()
    }
}

/// Gathers changes as long as somebody looks on.
#[derive(Debug)]
pub(super) struct Hub {
    /// This hub's name: numbers of another count for nothing.
    name: String,
    ring: Mutex<Ring>,
    ticks: broadcast::Sender<Arc<Tick>>,
    streams: AtomicUsize,
}

#[derive(Debug, Default)]
struct Ring {
    ticks: VecDeque<Arc<Tick>>,
    next: u64,
    is_gathering: bool,
}

/// A place among those who look on.
#[derive(Debug)]
pub(super) struct Seat {
    hub: Arc<Hub>,
    ticks: broadcast::Receiver<Arc<Tick>>,
    /// What was missed, oldest first.
    missed: VecDeque<Arc<Tick>>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Tick(Arc<Tick>),
    /// Some of what changed is not known any more.
    Missed,
    /// Nothing comes any more.
    End,
}

impl Hub {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            name: new_id(),
            ring: Mutex::default(),
            ticks: broadcast::Sender::new(TICKS_MAX),
            streams: AtomicUsize::new(0),
        })
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of an event of a tick.
    pub(super) fn id_of(&self, number: u64) -> String {
        format!("{}-{number}", self.name)
    }

    /// Looks on from now, or from behind the event that was seen last; the latter is true if something was missed.
    pub(super) fn join(
        self: &Arc<Self>,
        (projection, engine): (&Projection, &EngineView),
        last_seen: Option<&str>,
    ) -> Result<(Seat, bool), Problem> {
        if self.streams.fetch_add(1, Ordering::Relaxed) >= STREAMS_MAX {
            self.streams.fetch_sub(1, Ordering::Relaxed);
            let text = format!("{STREAMS_MAX} streams are open already");
            return Err(Problem::unavailable("too_many_streams", text));
        }
        let mut ring = self.ring();
        if !ring.is_gathering {
            ring.is_gathering = true;
            let changes = projection.changes();
            let hub = Arc::downgrade(self);
            tokio::spawn(gather(hub, projection.clone(), engine.clone(), changes));
        }
        let (missed, is_gap) = match last_seen {
            None => (VecDeque::new(), false),
            Some(id) => ring.behind(self.number(id)),
        };
        let seat = Seat {
            hub: self.clone(),
            ticks: self.ticks.subscribe(),
            missed,
        };
        Ok((seat, is_gap))
    }

    fn number(&self, id: &str) -> Option<u64> {
        let number = id.strip_prefix(&self.name)?.strip_prefix('-')?;
        number.parse().ok()
    }

    /// Tells all who look on.
    fn tell(&self, runs: Option<Vec<StoredRun>>, unread: Vec<Name>, queues: BTreeMap<Name, Queue>) {
        let mut ring = self.ring();
        let tick = Arc::new(Tick {
            number: ring.next,
            runs,
            unread,
            queues,
            at: now(),
            written: Written::default(),
        });
        ring.next += 1;
        ring.ticks.push_back(tick.clone());
        if ring.ticks.len() > TICKS_MAX {
            ring.ticks.pop_front();
        }
        // Nobody may look on just now.
        drop(self.ticks.send(tick));
    }
}

impl Ring {
    /// The ticks behind that number; true if some of them are gone.
    fn behind(&self, seen: Option<u64>) -> (VecDeque<Arc<Tick>>, bool) {
        let Some(seen) = seen.filter(|seen| *seen < self.next) else {
            return (VecDeque::new(), true);
        };
        let first = self.ticks.front().map_or(self.next, |tick| tick.number);
        let missed = self.ticks.iter().filter(|tick| tick.number > seen);
        (missed.cloned().collect(), first > seen + 1)
    }
}

impl Seat {
    /// Waits for what comes next.
    pub(super) async fn next(&mut self) -> Next {
        if let Some(missed) = self.missed.pop_front() {
            return Next::Tick(missed);
        }
        match self.ticks.recv().await {
            Ok(tick) => Next::Tick(tick),
            Err(RecvError::Lagged(_)) => Next::Missed,
            Err(RecvError::Closed) => Next::End,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn gather(
    hub: Weak<Hub>,
    projection: Projection,
    engine: EngineView,
    mut changes: broadcast::Receiver<Arc<Changed>>,
) {
    loop {
        let mut changed = BTreeSet::new();
        let first = changes.recv().await;
        let mut is_all = take(&mut changed, first.ok());
        sleep(TICK).await;
        loop {
            match changes.try_recv() {
                Ok(more) => is_all &= take(&mut changed, Some(more)),
                Err(broadcast::error::TryRecvError::Lagged(_)) => is_all = false,
                Err(broadcast::error::TryRecvError::Empty) => break,
                Err(broadcast::error::TryRecvError::Closed) => return,
            }
        }
        let Some(hub) = hub.upgrade() else { return };
        if hub.streams.load(Ordering::Relaxed) == 0 {
            // Who comes next finds a gap, and another that gathers.
            let mut ring = hub.ring();
            ring.is_gathering = false;
            ring.next += 1;
            ring.ticks.clear();
            return;
        }
        if is_all && changed.is_empty() {
            continue;
        }
        let queues = engine.queues_with_workers().into_iter();
        let unread = queues.filter(|(_, has_workers)| !has_workers);
        let unread = unread.filter_map(|(queue, _)| Name::new(&queue).ok());
        let runs = match is_all && changed.len() <= RUNS_MAX {
            true => read(&projection, changed).await,
            false => None,
        };
        // Where the database does not answer, it is only not told what limits them.
        let limited = match &runs {
            Some(runs) => projection.limits_around(runs).await.unwrap_or_default(),
            None => BTreeMap::new(),
        };
        hub.tell(runs, unread.collect(), limited);
    }
}

/// Takes changes in; false if some were missed.
fn take(changed: &mut BTreeSet<(WorkflowId, RunId)>, more: Option<Arc<Changed>>) -> bool {
    let Some(more) = more else { return false };
    if changed.len() <= RUNS_MAX {
        changed.extend(more.runs.iter().cloned());
    }
    true
}

async fn read(
    projection: &Projection,
    changed: BTreeSet<(WorkflowId, RunId)>,
) -> Option<Vec<StoredRun>> {
    let mut runs = Vec::with_capacity(changed.len());
    for (id, run_id) in changed {
        match projection.run(&id, Some(run_id)).await {
            Ok(run) => runs.extend(run),
            Err(error) => {
                tracing::warn!(%error, "what changed cannot be read");
                return None;
            }
        }
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seat: &Seat) -> Vec<u64> {
        seat.missed.iter().map(|tick| tick.number).collect()
    }

    fn seat_of(hub: &Arc<Hub>, last_seen: &str) -> (Vec<u64>, bool) {
        let (missed, is_gap) = hub.ring().behind(hub.number(last_seen));
        let seat = Seat {
            hub: hub.clone(),
            ticks: hub.ticks.subscribe(),
            missed,
        };
        hub.streams.fetch_add(1, Ordering::Relaxed);
        (numbers(&seat), is_gap)
    }

    #[test]
    fn who_comes_back_is_told_what_was_missed_or_that_something_was() {
        let hub = Hub::new();
        for _ in 0..3 {
            hub.tell(Some(Vec::new()), Vec::new(), BTreeMap::new());
        }
        let id = hub.id_of(0);

        assert_eq!(seat_of(&hub, &id), (vec![1, 2], false));
        assert_eq!(seat_of(&hub, &hub.id_of(2)), (vec![], false));
        for other in ["", "x-1", &hub.id_of(3), "a-b-c"] {
            assert_eq!(seat_of(&hub, other), (vec![], true), "{other}");
        }
        for _ in 0..TICKS_MAX {
            hub.tell(None, Vec::new(), BTreeMap::new());
        }
        let (missed, is_gap) = seat_of(&hub, &id);
        assert_eq!((missed.len(), is_gap), (TICKS_MAX, true));
        assert_eq!(hub.streams.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_event_is_written_once_for_each_filter_and_for_as_many_as_are_kept() {
        let written = Written::default();
        let mut times = 0;
        let mut tell = |filter: &str| {
            let event = written.workflows(&filter.into(), || {
                times += 1;
                Some(filter.to_owned().into())
            });
            assert_eq!(event, Some(filter.to_owned().into()));
            times
        };

        assert_eq!([tell("a"), tell("b"), tell("a"), tell("b")], [1, 2, 2, 2]);
        for number in 2..FILTERS_MAX {
            tell(&number.to_string());
        }
        assert_eq!([tell("more"), tell("more")], [65, 66]);
        assert_eq!(tell("a"), 66);
    }
}
