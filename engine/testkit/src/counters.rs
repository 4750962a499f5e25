//! What workers did in the end: each step counts one up in its own counter, and what undoes it one down.
//!
//! They are told by keys that programs make, so that nothing of the engine's own numbers decides what is counted.

use std::collections::BTreeMap;

use sagaline_core::{ActivityId, RunId};

/// The key of a step: what a worker is given to undo it.
pub(crate) fn key_of(run_id: RunId, step: ActivityId) -> String {
    format!("\"{run_id}/{step}\"")
}

/// Counters by key. A worker that does the same once more does nothing, as an idempotency key lets it.
#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<String, Counter>);

#[derive(Debug, Default)]
struct Counter {
    done: bool,
    undone: bool,
}

impl Counters {
    /// A worker has done what an attempt asks.
    pub(crate) fn did(
        &mut self,
        (run_id, activity_id): (RunId, u32),
        activity: &str,
        input: &[u8],
    ) {
        if activity.starts_with(UNDO) {
            let key = String::from_utf8_lossy(input).into_owned();
            self.0.entry(key).or_default().undone = true;
        } else if let Some(step) = ActivityId::new(activity_id) {
            let key = key_of(run_id, step);
            self.0.entry(key).or_default().done = true;
        }
    }

    /// What a counter shows, and whether it was ever counted down.
    pub(crate) fn shows(&self, key: &str) -> (i32, bool) {
        let counter = self.0.get(key);
        counter.map_or((0, false), |one| {
            (i32::from(one.done) - i32::from(one.undone), one.undone)
        })
    }
}

/// With this begins the name of what undoes a step.
pub(crate) const UNDO: &str = "undo-";
