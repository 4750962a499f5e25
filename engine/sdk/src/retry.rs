//! How an activity is retried, as code writes it.

use std::time::Duration;

use sagaline_core::{Name, OnExhausted, RetryPolicy};

use crate::duration::millis;

/// How often and when a failed activity is tried again.
///
/// The defaults: for ever, after 1 s, 2 s, 4 s … up to 100 s, each ± 10 %. When no attempt follows, a step fails and the
/// workflow sees the error; a compensation is parked as an incident, for it must not be forgotten.
///
/// # Example: five attempts, and none after a refusal
/// ```
/// use sagaline_sdk::{DurationExt, Retry};
///
/// let retry = Retry::default()
///     .initial_interval(200.milliseconds())
///     .maximum_attempts(5)
///     .non_retryable(["CardDeclined", "fraud.*"]);
/// # let _ = retry;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    policy: RetryPolicy,
    on_exhausted: Option<OnExhausted>,
}

impl Retry {
    /// One attempt only.
    #[must_use]
    pub fn never() -> Self {
        Self::default().maximum_attempts(1)
    }

    /// The wait after the first failed attempt.
    #[must_use]
    pub fn initial_interval(mut self, wait: Duration) -> Self {
        self.policy.initial_interval_ms = millis(wait);
        self
    }

    /// How much longer each further wait is: 2.0 doubles, 1.0 keeps it. Kept in thousandths.
    #[must_use]
    pub fn backoff_coefficient(mut self, factor: f64) -> Self {
        self.policy.backoff_coefficient_permille = permille(factor, u32::MAX);
        self
    }

    /// The longest wait.
    #[must_use]
    pub fn maximum_interval(mut self, wait: Duration) -> Self {
        self.policy.maximum_interval_ms = millis(wait);
        self
    }

    /// How many attempts in all; 0 is no limit.
    #[must_use]
    pub fn maximum_attempts(mut self, attempts: u32) -> Self {
        self.policy.maximum_attempts = attempts;
        self
    }

    /// Error types after which no attempt follows; one that ends in `*` stands for all with that beginning. Those
    /// that cannot be an error type (empty, over 249 bytes) match nothing and are left out.
    #[must_use]
    pub fn non_retryable<T: AsRef<str>>(
        mut self,
        error_types: impl IntoIterator<Item = T>,
    ) -> Self {
        let names = error_types.into_iter().map(|name| Name::new(name.as_ref()));
        self.policy.non_retryable_error_types = names.filter_map(Result::ok).collect();
        self
    }

    /// By which share each wait varies, up and down: 0.1 is ± 10 %.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.policy.jitter_permille = permille(share, 1_000);
        self
    }

    /// When no attempt follows, the run waits for a person, as an incident.
    #[must_use]
    pub fn park_when_exhausted(mut self) -> Self {
        self.on_exhausted = Some(OnExhausted::Park);
        self
    }

    /// When no attempt follows, the activity has failed. What compensations otherwise never do.
    #[must_use]
    pub fn fail_when_exhausted(mut self) -> Self {
        self.on_exhausted = Some(OnExhausted::Fail);
        self
    }

    /// The policy of a step: used up, it fails.
    pub(crate) fn into_step_policy(self) -> RetryPolicy {
        self.into_policy(OnExhausted::Fail)
    }

    /// The policy of a compensation: used up, it waits for a person.
    pub(crate) fn into_compensation_policy(self) -> RetryPolicy {
        self.into_policy(OnExhausted::Park)
    }

    fn into_policy(self, unless_said: OnExhausted) -> RetryPolicy {
        RetryPolicy {
            on_exhausted: self.on_exhausted.unwrap_or(unless_said),
            ..self.policy
        }
    }
}

/// A fraction in thousandths: `as` saturates, and what is no number becomes 0.
fn permille(fraction: f64, most: u32) -> u32 {
    ((fraction * 1_000.0).round() as u32).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DurationExt;

    #[test]
    fn the_knobs_arrive_in_the_policy() {
        let retry = Retry::default()
            .initial_interval(200.milliseconds())
            .backoff_coefficient(1.5)
            .maximum_interval(1.minutes())
            .maximum_attempts(5)
            .non_retryable(["CardDeclined", ""])
            .jitter(0.25);

        assert_eq!(
            retry.into_step_policy(),
            RetryPolicy {
                initial_interval_ms: 200,
                backoff_coefficient_permille: 1_500,
                maximum_interval_ms: 60_000,
                maximum_attempts: 5,
                non_retryable_error_types: vec![Name::from("CardDeclined")],
                jitter_permille: 250,
                on_exhausted: OnExhausted::Fail,
            }
        );
    }

    #[test]
    fn a_compensation_is_parked_unless_said_otherwise() {
        let parked = Retry::default().into_compensation_policy();
        let failed = Retry::default()
            .fail_when_exhausted()
            .into_compensation_policy();
        let step = Retry::never().park_when_exhausted().into_step_policy();

        assert_eq!(parked.on_exhausted, OnExhausted::Park);
        assert_eq!(failed.on_exhausted, OnExhausted::Fail);
        assert_eq!(
            (step.on_exhausted, step.maximum_attempts),
            (OnExhausted::Park, 1)
        );
    }

    #[test]
    fn senseless_fractions_are_bounded() {
        assert_eq!(permille(f64::NAN, 1_000), 0);
        assert_eq!(permille(-1.0, 1_000), 0);
        assert_eq!(permille(7.0, 1_000), 1_000);
        assert_eq!(permille(f64::INFINITY, u32::MAX), u32::MAX);
    }
}
