//! How an activity is retried, as code writes it.

use std::time::Duration;

use sagaline_core::{
    Name, OnExhausted, RetryPolicy,
    bounds::{self, OutOfBounds},
};

/// How often and when a failed activity is tried again.
///
/// The defaults: for ever, after 1 s, 2 s, 4 s … up to 100 s, each ± 10 %. When no attempt follows, a step fails and the
/// workflow sees the error; a compensation is parked as an incident, for it must not be forgotten.
///
/// A policy that makes no sense is refused where it is used: the step fails at once with `sagaline.InvalidOptions`, whose
/// message names the field and what is allowed. Intervals are of 1 ms to 100 years.
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
    /// The first knob that was given what it cannot have.
    refused: Option<OutOfBounds>,
}

impl Retry {
    /// One attempt only.
    #[must_use]
    pub fn never() -> Self {
        Self::default().maximum_attempts(1)
    }

    /// The wait after the first failed attempt.
    #[must_use]
    pub fn initial_interval(self, wait: Duration) -> Self {
        let wait = bounds::span("initial_interval", wait);
        self.set(wait, |policy, wait| policy.initial_interval_ms = wait)
    }

    /// How much longer each further wait is, 1 to 1,000,000: 2.0 doubles, 1.0 keeps it. Kept in thousandths.
    #[must_use]
    pub fn backoff_coefficient(self, factor: f64) -> Self {
        let factor = bounds::backoff_coefficient(factor);
        self.set(factor, |policy, factor| {
            policy.backoff_coefficient_permille = factor;
        })
    }

    /// The longest wait, not below the first; 100 times that one unless said.
    #[must_use]
    pub fn maximum_interval(self, wait: Duration) -> Self {
        let wait = bounds::span("maximum_interval", wait);
        self.set(wait, |policy, wait| policy.maximum_interval_ms = wait)
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

    /// By which share each wait varies, up and down, 0 to 1: 0.1 is ± 10 %.
    #[must_use]
    pub fn jitter(self, share: f64) -> Self {
        let share = bounds::jitter(share);
        self.set(share, |policy, share| policy.jitter_permille = share)
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
    pub(crate) fn into_step_policy(self) -> Result<RetryPolicy, OutOfBounds> {
        self.into_policy(OnExhausted::Fail)
    }

    /// The policy of a compensation: used up, it waits for a person.
    pub(crate) fn into_compensation_policy(self) -> Result<RetryPolicy, OutOfBounds> {
        self.into_policy(OnExhausted::Park)
    }

    /// The policy of a workflow as a whole: used up, it has failed.
    pub(crate) fn into_workflow_policy(self) -> Result<RetryPolicy, OutOfBounds> {
        let policy = self.into_policy(OnExhausted::Fail)?;
        bounds::of_workflow(&policy).map(|()| policy)
    }

    fn into_policy(self, unless_said: OnExhausted) -> Result<RetryPolicy, OutOfBounds> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let policy = self.policy;
        bounds::ordered(policy.initial_interval_ms, policy.maximum_interval_ms)?;
        Ok(RetryPolicy {
            on_exhausted: self.on_exhausted.unwrap_or(unless_said),
            ..policy
        })
    }

    fn set<T>(
        mut self,
        checked: Result<T, OutOfBounds>,
        set: impl FnOnce(&mut RetryPolicy, T),
    ) -> Self {
        match checked {
            Ok(value) => set(&mut self.policy, value),
            Err(refused) => {
                self.refused.get_or_insert(refused);
            }
        }
        self
    }
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
            retry.into_step_policy().unwrap(),
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
        let parked = Retry::default().into_compensation_policy().unwrap();
        let failed = Retry::default()
            .fail_when_exhausted()
            .into_compensation_policy()
            .unwrap();
        let step = Retry::never()
            .park_when_exhausted()
            .into_step_policy()
            .unwrap();

        assert_eq!(parked.on_exhausted, OnExhausted::Park);
        assert_eq!(failed.on_exhausted, OnExhausted::Fail);
        assert_eq!(
            (step.on_exhausted, step.maximum_attempts),
            (OnExhausted::Park, 1)
        );
    }
}
