//! Who makes an attempt: an answer that was queued, a mock, or the activity itself.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use sagaline_core::Payload;

use super::answer::Erased;
use crate::{Activities, ActivityInfo, activity::Attempt};

/// A mock without its types.
pub(super) type Behaviour = Rc<RefCell<dyn FnMut(&ActivityInfo, &Payload) -> Erased>>;

/// The activities of an environment.
#[derive(Default)]
pub(super) struct Mocks {
    real: Activities,
    by_name: BTreeMap<String, Mock>,
}

#[derive(Default)]
struct Mock {
    /// What the next attempts come to, before anything else.
    next: VecDeque<Erased>,
    behaviour: Option<Behaviour>,
    attempts: u32,
}

/// What makes an attempt.
pub(super) enum Maker {
    Queued(Erased),
    Mock(Behaviour),
    Real(Attempt),
}

impl Mocks {
    pub(super) fn add(&mut self, real: Activities) {
        self.real = std::mem::take(&mut self.real).and(real);
    }

    pub(super) fn set(&mut self, activity: &str, behaviour: Behaviour) {
        self.of(activity).behaviour = Some(behaviour);
    }

    pub(super) fn queue(&mut self, activity: &str, answers: impl IntoIterator<Item = Erased>) {
        self.of(activity).next.extend(answers);
    }

    pub(super) fn attempts(&self, activity: &str) -> u32 {
        self.by_name.get(activity).map_or(0, |mock| mock.attempts)
    }

    /// Who makes the next attempt.
    ///
    /// # Panics
    /// Nobody can.
    pub(super) fn next(&mut self, activity: &str) -> Maker {
        let real = self.real.find(activity).cloned();
        let mock = self.of(activity);
        mock.attempts += 1;
        let queued = mock.next.pop_front().map(Maker::Queued);
        let mocked = || mock.behaviour.clone().map(Maker::Mock);
        queued
            .or_else(mocked)
            .or(real.map(Maker::Real))
            .unwrap_or_else(|| {
                panic!("activity `{activity}` is neither given, by `.activities(…)`, nor mocked")
            })
    }

    fn of(&mut self, activity: &str) -> &mut Mock {
        self.by_name.entry(activity.to_owned()).or_default()
    }
}
