//! What a person changes of a pending activity's options: as the journal has it, and what it makes of them.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Name, OnExhausted, RetryPolicy, event::ActivityScheduled};

/// What a person changes of a pending activity's options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionsChange {
    /// Of its retry policy.
    pub retry: RetryChange,
    /// Of its time-outs.
    pub timeouts: TimeoutsChange,
}

/// What changes of a retry policy; what is absent stays. The knobs are those of [`RetryPolicy`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryChange {
    /// Wait after the first failed attempt.
    pub initial_interval_ms: Option<u64>,
    /// How much longer each further wait is, in thousandths.
    pub backoff_coefficient_permille: Option<u32>,
    /// Longest wait; 0 is 100 × the initial one.
    pub maximum_interval_ms: Option<u64>,
    /// Attempts in all; 0 is no limit.
    pub maximum_attempts: Option<u32>,
    /// Error types that end the activity at once, all of them.
    pub non_retryable_error_types: Option<Vec<Name>>,
    /// By which share each wait varies, in thousandths.
    pub jitter_permille: Option<u32>,
    /// What happens when no attempt follows.
    pub on_exhausted: Option<OnExhausted>,
}

/// What changes of an activity's time-outs, in milliseconds; what is absent stays, and [`NO_TIMEOUT`] takes one away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutsChange {
    /// Until a worker begins with an attempt.
    pub schedule_to_start: Option<u64>,
    /// One attempt; every activity has it.
    pub start_to_close: Option<u64>,
    /// All attempts.
    pub schedule_to_close: Option<u64>,
    /// Between two heartbeats.
    pub heartbeat: Option<u64>,
}

/// Stands for a time-out that is taken away.
pub const NO_TIMEOUT: u64 = 0;

impl RetryChange {
    /// Whether it says how long to wait.
    pub(crate) const fn is_of_waits(&self) -> bool {
        self.is_of_intervals()
            || self.backoff_coefficient_permille.is_some()
            || self.jitter_permille.is_some()
    }

    pub(crate) const fn is_of_intervals(&self) -> bool {
        self.initial_interval_ms.is_some() || self.maximum_interval_ms.is_some()
    }

    /// Makes the change.
    pub fn change(&self, policy: &mut RetryPolicy) {
        let Self {
            initial_interval_ms,
            backoff_coefficient_permille,
            maximum_interval_ms,
            maximum_attempts,
            non_retryable_error_types,
            jitter_permille,
            on_exhausted,
        } = self;
        set(&mut policy.initial_interval_ms, initial_interval_ms);
        set(
            &mut policy.backoff_coefficient_permille,
            backoff_coefficient_permille,
        );
        set(&mut policy.maximum_interval_ms, maximum_interval_ms);
        set(&mut policy.maximum_attempts, maximum_attempts);
        set(
            &mut policy.non_retryable_error_types,
            non_retryable_error_types,
        );
        set(&mut policy.jitter_permille, jitter_permille);
        set(&mut policy.on_exhausted, on_exhausted);
    }
}

impl TimeoutsChange {
    pub(crate) fn change(self, scheduled: &mut ActivityScheduled) {
        set(&mut scheduled.start_to_close_ms, &self.start_to_close);
        for (timeout, changed) in [
            (&mut scheduled.schedule_to_start_ms, self.schedule_to_start),
            (&mut scheduled.schedule_to_close_ms, self.schedule_to_close),
            (&mut scheduled.heartbeat_ms, self.heartbeat),
        ] {
            if let Some(millis) = changed {
                *timeout = (millis != NO_TIMEOUT).then_some(millis);
            }
        }
    }
}

fn set<T: Clone>(value: &mut T, changed: &Option<T>) {
    if let Some(changed) = changed {
        value.clone_from(changed);
    }
}
