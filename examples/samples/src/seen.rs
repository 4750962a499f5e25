//! What a history shows, in the words of the tests here.

use std::time::Duration;

use sagaline::{
    Timestamp,
    testing::{Event, History},
};

/// How long after `begin`.
pub(crate) fn after(begin: Timestamp, at: Timestamp) -> Duration {
    Duration::from_millis(at.since(begin).0)
}

/// How long after `begin` each attempt was sent.
pub(crate) fn sent_after(begin: Timestamp, history: &History) -> Vec<Duration> {
    let sent = history.times("ActivityAttemptScheduled").into_iter();
    sent.map(|at| after(begin, at)).collect()
}

/// The activities that have completed, in the order in which they did.
pub(crate) fn completed(history: &History) -> Vec<String> {
    let completed = history.events().filter_map(|(_, event)| match event {
        Event::ActivityCompleted(one) => Some(one.activity.to_string()),
        _ => None,
    });
    completed.collect()
}

/// The activities that were asked to stop.
pub(crate) fn asked_to_stop(history: &History) -> Vec<String> {
    let asked = history.events().filter_map(|(_, event)| match event {
        Event::ActivityCancelRequested(one) => Some(one.activity.to_string()),
        _ => None,
    });
    asked.collect()
}

/// The activities with their inputs, in the order in which they were scheduled: `pick "tea"`; without input the name alone.
pub(crate) fn scheduled(history: &History) -> Vec<String> {
    let scheduled = history.events().filter_map(|(_, event)| match event {
        Event::ActivityScheduled(one) => Some((one.activity.to_string(), one.input.data())),
        _ => None,
    });
    let words = scheduled.map(|(activity, input)| match input {
        b"null" => activity,
        input => format!("{activity} {}", String::from_utf8_lossy(input)),
    });
    words.collect()
}
