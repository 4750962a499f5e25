//! Which requests to stop reach what is begun where.
//!
//! ```text
//! the run ◀─── scope ◀─── scope within it      a request reaches what lies to the right of where it was made,
//!              shield ◀── scope within it      and ends at a shield
//! ```
//! Where the workflow's code stands is known while its future is polled, as the shared state's `here`; whatever it begins
//! there keeps that. So does the group of compensations, if it stands in one.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use sagaline_core::ActivityId;

use super::state::Shared;

/// Whether somebody asked to stop there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A place from which a request to stop can be heard, and all those around it.
#[derive(Clone, Debug)]
pub(crate) struct Reach(Arc<Place>);

#[derive(Debug)]
struct Place {
    asked: Asked,
    outer: Option<Reach>,
    group: Option<Group>,
}

/// Compensations that run in parallel, named by the number of the first; none as long as there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group(Arc<OnceLock<ActivityId>>);

impl Group {
    /// Its name, for a compensation of that number.
    pub(super) fn of(&self, registered: ActivityId) -> u32 {
        self.0.get_or_init(|| registered).get()
    }
}

impl Reach {
    /// The run's: nothing is around it.
    pub(super) fn outermost(asked: Asked) -> Self {
        Self(Arc::new(Place {
            asked,
            outer: None,
            group: None,
        }))
    }

    /// One in this.
    fn inner(self, bounds: &Bounds) -> Self {
        let group = self.0.group.clone();
        let place = match bounds {
            Bounds::Known(reach) => return reach.clone(),
            Bounds::Scope(asked) => Place {
                asked: asked.clone(),
                outer: Some(self),
                group,
            },
            Bounds::Shield => Place {
                asked: Asked::default(),
                outer: None,
                group,
            },
            Bounds::Group => Place {
                asked: Asked::default(),
                outer: Some(self),
                group: Some(Group::default()),
            },
        };
        Self(Arc::new(place))
    }

    pub(crate) fn group(&self) -> Option<&Group> {
        self.0.group.as_ref()
    }

    /// Whether a request to stop has reached it.
    pub(crate) fn is_canceled(&self) -> bool {
        let mut place = Some(self);
        while let Some(Self(here)) = place {
            if here.asked.is_asked() {
                return true;
            }
            place = here.outer.as_ref();
        }
        false
    }
}

impl Shared {
    /// Where the workflow's code stands.
    pub(crate) fn here(&self) -> Reach {
        self.lock().here.clone()
    }

    /// It stands there from now on. Gives where it stood before.
    fn enter(&self, reach: Reach) -> Reach {
        mem::replace(&mut self.lock().here, reach)
    }
}

/// A future that is polled in a place of its own.
#[derive(Debug)]
pub(super) struct Placed<F> {
    shared: Arc<Shared>,
    bounds: Bounds,
    future: Pin<Box<F>>,
}

/// How a place lies in that in which it is first polled.
#[derive(Debug)]
pub(super) enum Bounds {
    /// Stopped by that request, and by all that stop the outer one.
    Scope(Asked),
    /// Stopped by nothing outside.
    Shield,
    /// What is done in it is undone in parallel.
    Group,
    /// It is that one, wherever it is polled.
    Known(Reach),
}

impl<F> Placed<F> {
    pub(super) fn new(shared: Arc<Shared>, bounds: Bounds, future: F) -> Self {
        Self {
            shared,
            bounds,
            future: Box::pin(future),
        }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl<F: Future> Future for Placed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let placed = self.get_mut();
        let reach = placed.shared.here().inner(&placed.bounds);
        placed.bounds = Bounds::Known(reach.clone());
        let _entered = Entered::new(&placed.shared, reach);
        placed.future.as_mut().poll(cx)
    }
}

/// The workflow stands there while it lives: also when the poll panics.
struct Entered<'a> {
    shared: &'a Shared,
    before: Option<Reach>,
}

impl<'a> Entered<'a> {
    fn new(shared: &'a Shared, reach: Reach) -> Self {
        let before = Some(shared.enter(reach));
        Self { shared, before }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.shared.enter(before);
        }
    }
}
