//! Waiting for something in the run's own state.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use sagaline_core::{Choice, Name, Timestamp, Wait, WaitFor};
use serde::Serialize;

use super::{Context, SignalFn, SignalHandler, Sleep, waits::Ticket};
use crate::{Error, Result, json};

/// Waits until the run's state is as wished; [`Context::until`] makes it.
///
/// Dropped before, it is forgotten: the branch of a `select!` that lost costs nothing.
#[must_use = "a condition is waited for when this is awaited"]
pub struct Until<S, F> {
    cx: Context<S>,
    condition: F,
    told: Told,
    deadline: Option<Timestamp>,
    ticket: Option<Ticket>,
}

/// What people are told of the wait.
#[derive(Debug)]
struct Told {
    kind: WaitFor,
    name: Result<Name>,
    choices: Result<Vec<Choice>>,
}

impl<S, F: FnMut(&S) -> bool> Until<S, F> {
    pub(super) fn new(cx: Context<S>, condition: F) -> Self {
        Self {
            cx,
            condition,
            told: Told {
                kind: WaitFor::Condition,
                name: Ok(Name::from("a condition")),
                choices: Ok(Vec::new()),
            },
            deadline: None,
            ticket: None,
        }
    }

    /// What people are told that the run waits for; `a condition` unless said.
    pub fn named(mut self, name: &str) -> Self {
        self.told.kind = WaitFor::Condition;
        self.told.name = Name::new(name).map_err(Into::into);
        self
    }

    /// Tells people which signal the condition waits for in truth, so that they know what to send.
    pub fn by<Arguments, H: SignalFn<Arguments>>(mut self, signal: H) -> Self {
        let _ = signal;
        self.told.kind = WaitFor::Signal;
        self.told.name = Ok(Name::from(<H::Handler as SignalHandler>::NAME));
        self
    }

    /// Tells people one more answer that they may give, by that signal; it is no limit to what the signal may carry.
    pub fn choice(mut self, label: &str, input: &(impl Serialize + ?Sized)) -> Self {
        add_choice(&mut self.told.choices, label, input);
        self
    }

    /// Gives up after this long: `false`.
    ///
    /// # Example: a person decides within a day, or nobody does
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, signal, workflow};
    /// #[derive(Default)]
    /// struct Review { approved: Option<bool> }
    ///
    /// #[signal]
    /// fn decide(review: &mut Review, approved: bool) {
    ///     review.approved = Some(approved);
    /// }
    ///
    /// #[workflow(signals(decide))]
    /// async fn review(cx: Context<Review>) -> Result<Option<bool>> {
    ///     cx.until(|review| review.approved.is_some()).by(decide).timeout(1.days()).await?;
    ///     Ok(cx.with(|review| review.approved))
    /// }
    /// ```
    pub fn timeout(mut self, span: Duration) -> UntilOrTimeout<S, F> {
        let sleep = self.cx.sleep(span);
        self.deadline = Some(sleep.due_at());
        UntilOrTimeout { until: self, sleep }
    }
}

/// One choice more; the first that cannot be written is told when it is waited.
pub(super) fn add_choice(
    choices: &mut Result<Vec<Choice>>,
    label: &str,
    input: &(impl Serialize + ?Sized),
) {
    let Ok(known) = choices else { return };
    match json::encode(&format!("choice `{label}`"), input) {
        Ok(input) => known.push(Choice {
            label: label.to_owned(),
            input,
        }),
        Err(error) => *choices = Err(error),
    }
}

/// Nothing here is pinned in place.
impl<S, F> Unpin for Until<S, F> {}

impl<S, F: FnMut(&S) -> bool> Future for Until<S, F> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let until = self.get_mut();
        let shared = until.cx.shared();
        if shared.is_wait_canceled(until.ticket.as_ref()) {
            shared.leave(until.ticket.take());
            return Poll::Ready(Err(Error::canceled(
                "the wait for a condition was cancelled",
            )));
        }
        if until.cx.with(&mut until.condition) {
            shared.leave(until.ticket.take());
            return Poll::Ready(Ok(()));
        }
        let (name, choices) = match (&until.told.name, &until.told.choices) {
            (Ok(name), Ok(choices)) => (name, choices),
            (Err(error), _) | (_, Err(error)) => return Poll::Ready(Err(error.again())),
        };
        let wait = |since| Wait {
            kind: until.told.kind,
            name: name.clone(),
            since,
            deadline: until.deadline,
            choices: choices.clone(),
            total: None,
        };
        let kind = WaitFor::Condition;
        until.ticket = Some(shared.wait(until.ticket.take(), (kind, wait), cx.waker()));
        Poll::Pending
    }
}

impl<S, F> Drop for Until<S, F> {
    fn drop(&mut self) {
        let ticket = self.ticket.take();
        if ticket.is_some() {
            self.cx.shared().leave(ticket);
        }
    }
}

/// Waits until the run's state is as wished, or not so long; [`Until::timeout`] makes it.
#[must_use = "a condition is waited for when this is awaited"]
pub struct UntilOrTimeout<S, F> {
    until: Until<S, F>,
    sleep: Sleep,
}

impl<S, F: FnMut(&S) -> bool> Future for UntilOrTimeout<S, F> {
    type Output = Result<bool>;

    /// When both are there, the condition wins.
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let both = self.get_mut();
        if let Poll::Ready(until) = Pin::new(&mut both.until).poll(cx) {
            return Poll::Ready(until.map(|()| true));
        }
        Pin::new(&mut both.sleep).poll(cx).map_ok(|()| false)
    }
}

impl<S, F> fmt::Debug for Until<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until")
            .field("told", &self.told)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl<S, F> fmt::Debug for UntilOrTimeout<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.until.fmt(f)
    }
}
