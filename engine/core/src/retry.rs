//! When the next attempt of an activity follows: the policy and its delays.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::{ActivityId, Attempt, Failure, Millis, Name, RunId};

/// How an activity is retried; PROTOCOL §4 names the knobs as Temporal does.
///
/// Fractions are in thousandths, so that a policy is the same number everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Wait after the first failed attempt.
    pub initial_interval_ms: u64,
    /// Each further wait is this much longer, in thousandths: 2000 doubles.
    pub backoff_coefficient_permille: u32,
    /// Longest wait; 0 is 100 × the initial one.
    pub maximum_interval_ms: u64,
    /// Attempts in all; 0 is no limit.
    pub maximum_attempts: u32,
    /// Error types that end the activity at once; one that ends in `*` stands for all with that beginning.
    pub non_retryable_error_types: Vec<Name>,
    /// The wait is varied by up to this share in thousandths, up and down: 100 is ±10 %.
    pub jitter_permille: u32,
    /// What happens when no attempt follows.
    pub on_exhausted: OnExhausted,
}

/// What happens when no attempt follows a failed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExhausted {
    /// The activity fails; the workflow sees the error.
    Fail,
    /// The run waits for a person, as an incident.
    Park,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_interval_ms: 1_000,
            backoff_coefficient_permille: 2_000,
            maximum_interval_ms: 0,
            maximum_attempts: 0,
            non_retryable_error_types: Vec::new(),
            jitter_permille: 100,
            on_exhausted: OnExhausted::Fail,
        }
    }
}

/// The worker's `sl-retry-after-ms` counts up to this.
pub const RETRY_AFTER_MAX: Millis = Millis::from_secs(30 * 24 * 3600);

/// When nothing has come of a retry for so long after it was due, its lane makes the attempt itself: the record that
/// waited for it is lost, or whoever was to forward it is away.
pub const RETRY_TAKEN_OVER_AFTER: Millis = Millis::from_secs(30);

/// A worker that does not know an activity is asked again, or another one is, after this.
pub const UNKNOWN_ACTIVITY_RETRY: Millis = Millis::from_secs(10);

impl RetryPolicy {
    /// Whether a failure of this policy's activity may be tried again at all.
    #[must_use]
    pub fn is_retryable(&self, failure: &Failure) -> bool {
        !failure.non_retryable
            && !self
                .non_retryable_error_types
                .iter()
                .any(|pattern| matches(pattern, &failure.error_type))
    }

    /// The wait after failed attempt `attempt`: exponential in how many `failed` in a row since somebody last gave a fresh
    /// set, bounded, with jitter that the three ids seed.
    #[must_use]
    pub fn delay(
        &self,
        run_id: RunId,
        activity_id: ActivityId,
        attempt: Attempt,
        failed: u32,
    ) -> Millis {
        let ceiling = match self.maximum_interval_ms {
            0 => self.initial_interval_ms.saturating_mul(100),
            some => some,
        };
        let mut wait = u128::from(self.initial_interval_ms);
        for _ in 1..failed {
            if wait >= u128::from(ceiling) {
                break;
            }
            let next = wait.saturating_mul(u128::from(self.backoff_coefficient_permille)) / 1_000;
            if next == wait {
                break;
            }
            wait = next;
        }
        let wait = u64::try_from(wait).unwrap_or(u64::MAX).min(ceiling);
        Millis(jittered(
            wait,
            self.jitter_permille,
            seed(run_id, activity_id, attempt),
        ))
    }
}

fn matches(pattern: &Name, error_type: &Name) -> bool {
    match pattern.as_str().strip_suffix('*') {
        Some(beginning) => error_type.as_str().starts_with(beginning),
        None => pattern == error_type,
    }
}

fn seed(run_id: RunId, activity_id: ActivityId, attempt: Attempt) -> u64 {
    let salt = (u64::from(activity_id.get()) << 32) | u64::from(attempt.get());
    XxHash3_64::oneshot_with_seed(salt, run_id.as_bytes())
}

/// `wait` ± `permille`, evenly spread by `seed`.
fn jittered(wait: u64, permille: u32, seed: u64) -> u64 {
    let spread = u128::from(wait).saturating_mul(u128::from(permille.min(1_000))) / 1_000;
    let width = spread.saturating_mul(2).saturating_add(1);
    let offset = (u128::from(seed).saturating_mul(width)) >> 64;
    let jittered = u128::from(wait)
        .saturating_sub(spread)
        .saturating_add(offset);
    u64::try_from(jittered).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WorkflowId;

    fn run() -> RunId {
        RunId::derive("test", &WorkflowId::new("w").unwrap(), b"start")
    }

    fn delay(policy: &RetryPolicy, attempt: u32) -> u64 {
        policy
            .delay(
                run(),
                ActivityId::FIRST,
                Attempt::new(attempt).unwrap(),
                attempt,
            )
            .0
    }

    #[test]
    fn waits_double_up_to_a_hundred_times_the_first() {
        let policy = RetryPolicy {
            jitter_permille: 0,
            ..RetryPolicy::default()
        };

        let waits: Vec<u64> = [1, 2, 3, 7, 8, 1_000_000]
            .iter()
            .map(|&n| delay(&policy, n))
            .collect();

        assert_eq!(waits, [1_000, 2_000, 4_000, 64_000, 100_000, 100_000]);
    }

    #[test]
    fn jitter_stays_within_its_share_and_repeats() {
        let policy = RetryPolicy::default();
        for attempt in 1..50 {
            let exact = delay(
                &RetryPolicy {
                    jitter_permille: 0,
                    ..policy.clone()
                },
                attempt,
            );
            let wait = delay(&policy, attempt);
            assert!(
                wait >= exact - exact / 10 && wait <= exact + exact / 10,
                "{wait} is not within 10 % of {exact}"
            );
            assert_eq!(wait, delay(&policy, attempt));
        }
    }

    #[test]
    fn a_coefficient_below_one_shrinks_and_extremes_do_not_overflow() {
        let shrinking = RetryPolicy {
            backoff_coefficient_permille: 500,
            jitter_permille: 0,
            ..RetryPolicy::default()
        };
        assert_eq!(delay(&shrinking, 3), 250);
        let extreme = RetryPolicy {
            initial_interval_ms: u64::MAX,
            backoff_coefficient_permille: u32::MAX,
            jitter_permille: u32::MAX,
            ..RetryPolicy::default()
        };
        let _bounded = delay(&extreme, u32::MAX);
    }

    #[test]
    fn error_types_match_whole_or_by_their_beginning() {
        let policy = RetryPolicy {
            non_retryable_error_types: alloc::vec![Name::from("CardDeclined"), Name::from("bad.*")],
            ..RetryPolicy::default()
        };
        let retryable = |error_type| policy.is_retryable(&Failure::new(Name::from(error_type), ""));

        assert!(!retryable("CardDeclined") && !retryable("bad.Address"));
        assert!(retryable("CardDeclined2") && retryable("Bad.Address"));
        assert!(!policy.is_retryable(&Failure::new(Name::from("Other"), "").non_retryable()));
    }
}
