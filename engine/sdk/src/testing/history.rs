//! The history of a run, to be asserted on.

use sagaline_core::{
    Event, RunId, Timestamp, Transition, WorkflowId,
    view::{HistoryEvent, HistoryPage},
};

use crate::recorded::Recorded;

/// What has happened to a run so far.
#[derive(Clone, Debug)]
pub struct History {
    workflow_id: WorkflowId,
    run_id: RunId,
    transitions: Vec<Transition>,
}

impl History {
    pub(super) fn of(recorded: &Recorded) -> Self {
        Self {
            workflow_id: recorded.workflow_id.clone(),
            run_id: recorded.run.run_id,
            transitions: recorded.transitions.clone(),
        }
    }

    /// The run.
    #[must_use]
    pub const fn run_id(&self) -> RunId {
        self.run_id
    }

    /// All events with their instants, in order.
    pub fn events(&self) -> impl Iterator<Item = (Timestamp, &Event)> {
        self.transitions.iter().flat_map(|transition| {
            let events = transition.events.iter();
            events.map(|event| (transition.at, event))
        })
    }

    /// The names of all events, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.events().map(|(_, event)| event.name()).collect()
    }

    /// How often an event has happened, by its name.
    ///
    /// # Panics
    /// When no event has that name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.times(name).len()
    }

    /// When an event has happened, by its name, in order.
    ///
    /// # Panics
    /// When no event has that name.
    #[must_use]
    pub fn times(&self, name: &str) -> Vec<Timestamp> {
        assert!(
            Event::NAMES.contains(&name),
            "no event has the name `{name}`; there are: {}",
            Event::NAMES.join(", ")
        );
        let named = self.events().filter(|(_, event)| event.name() == name);
        named.map(|(at, _)| at).collect()
    }

    /// The activities whose attempts were sent, one name per attempt, in order.
    #[must_use]
    pub fn attempts(&self) -> Vec<&str> {
        let attempts = self.events().filter_map(|(_, event)| match event {
            Event::ActivityAttemptScheduled(attempt) => Some(attempt.activity.as_str()),
            _ => None,
        });
        attempts.collect()
    }

    /// As `sagaline workflow history ID -o json` prints it: what [`replay`](super::replay()) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        let events = (0..).zip(&self.transitions);
        let events = events.flat_map(|(offset, one)| HistoryEvent::of(one, 0, offset));
        let page = HistoryPage::new(&self.workflow_id, self.run_id, events.collect());
        // A history holds nothing that JSON has not.
        serde_json::to_string(&page).unwrap_or_default()
    }
}
