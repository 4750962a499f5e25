//! Messages for a run, and waiting for them.
//!
//! They are kept in the order in which they came, whether somebody waits yet or not; who is polled first takes the next.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use sagaline_core::{Choice, Name, Payload, Timestamp, Wait, WaitFor, program::SignalLeft};
use serde::{Serialize, de::DeserializeOwned};

use super::{Sleep, condition::add_choice, state::Shared, waits::Ticket};
use crate::{Error, Result, json};

/// The signals of a run that its workflow has not taken.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Each with its number in the order in which they came.
    kept: BTreeMap<Name, VecDeque<(u64, Payload)>>,
    received: u64,
}

impl Signals {
    /// One has come.
    pub(super) fn receive(&mut self, name: Name, input: Payload) {
        self.received += 1;
        let kept = self.kept.entry(name).or_default();
        kept.push_back((self.received, input));
    }

    /// The next of that name.
    pub(super) fn take(&mut self, name: &Name) -> Option<Payload> {
        let kept = self.kept.get_mut(name)?;
        let next = kept.pop_front();
        if kept.is_empty() {
            self.kept.remove(name);
        }
        next.map(|(_, input)| input)
    }

    /// All that nobody has taken, in the order in which they came.
    pub(super) fn take_left(&mut self) -> Vec<SignalLeft> {
        let kept = mem::take(&mut self.kept).into_iter();
        let mut left: Vec<_> = kept
            .flat_map(|(signal, inputs)| {
                let of = move |(number, input)| {
                    let signal = signal.clone();
                    (number, SignalLeft { signal, input })
                };
                inputs.into_iter().map(of)
            })
            .collect();
        left.sort_unstable_by_key(|(number, _)| *number);
        left.into_iter().map(|(_, left)| left).collect()
    }
}

/// What a waiter is told.
pub(crate) enum Told {
    Signal(Payload),
    Canceled,
    Wait(Ticket),
}

/// The next signal of a name; [`Context::signal`](super::Context::signal) makes it.
///
/// Dropped before one came, it takes none: the branch of a `select!` that lost costs nothing.
#[must_use = "a signal is waited for when this is awaited"]
pub struct Signal<T> {
    shared: Arc<Shared>,
    name: String,
    deadline: Option<Timestamp>,
    choices: Result<Vec<Choice>>,
    ticket: Option<Ticket>,
    input: PhantomData<fn() -> T>,
}

impl<T> Signal<T> {
    pub(super) fn new(shared: Arc<Shared>, name: &str) -> Self {
        Self {
            shared,
            name: name.to_owned(),
            deadline: None,
            choices: Ok(Vec::new()),
            ticket: None,
            input: PhantomData,
        }
    }

    /// Tells people one more answer that they may give; it is no limit to what the signal may carry.
    ///
    /// # Example: two buttons
    /// ```
    /// # use sagaline_sdk::{Context, Result, workflow};
    /// #[workflow]
    /// async fn review(cx: Context) -> Result<bool> {
    ///     cx.signal("review-complete").choice("Approve", &true).choice("Refuse", &false).await
    /// }
    /// ```
    pub fn choice(mut self, label: &str, input: &(impl Serialize + ?Sized)) -> Self {
        add_choice(&mut self.choices, label, input);
        self
    }

    /// Gives up after this long: `None`.
    ///
    /// # Example: an order that is picked up in time, or not
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, workflow};
    /// #[workflow]
    /// async fn pickup(cx: Context) -> Result<bool> {
    ///     let picked_up = cx.signal::<()>("picked-up").timeout(2.hours()).await?;
    ///     Ok(picked_up.is_some())
    /// }
    /// ```
    pub fn timeout(mut self, span: Duration) -> SignalOrTimeout<T> {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let due_at = Timestamp::from_micros(self.shared.now().as_micros().saturating_add(span));
        self.deadline = Some(due_at);
        SignalOrTimeout {
            sleep: Sleep::new(self.shared.clone(), due_at),
            signal: self,
        }
    }
}

impl<T: DeserializeOwned> Future for Signal<T> {
    type Output = Result<T>;

    /// One that is not what the workflow expects is passed over: a stranger's mistake must not end the run.
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let signal = self.get_mut();
        let name = match Name::new(&signal.name) {
            Ok(name) => name,
            Err(invalid) => return Poll::Ready(Err(invalid.into())),
        };
        let choices = match &signal.choices {
            Ok(choices) => choices,
            Err(error) => return Poll::Ready(Err(error.again())),
        };
        let wait = |since| Wait {
            kind: WaitFor::Signal,
            name: name.clone(),
            since,
            deadline: signal.deadline,
            choices: choices.clone(),
            total: None,
        };
        loop {
            let ticket = signal.ticket.take();
            match signal.shared.poll_signal(ticket, &name, wait, cx.waker()) {
                Told::Wait(ticket) => {
                    signal.ticket = Some(ticket);
                    return Poll::Pending;
                }
                Told::Canceled => {
                    let text = format!("the wait for signal `{name}` was cancelled");
                    return Poll::Ready(Err(Error::canceled(text)));
                }
                Told::Signal(input) => match json::decode(&format!("signal `{name}`"), &input) {
                    Ok(input) => return Poll::Ready(Ok(input)),
                    Err(error) if signal.shared.is_replaying() => drop(error),
                    Err(error) => {
                        let run_id = signal.shared.info.run_id;
                        tracing::warn!(%run_id, %error, "a signal is passed over");
                    }
                },
            }
        }
    }
}

impl<T> Drop for Signal<T> {
    fn drop(&mut self) {
        let ticket = self.ticket.take();
        if ticket.is_some() {
            self.shared.leave(ticket);
        }
    }
}

/// The next signal, or none when it did not come in time; [`Signal::timeout`] makes it.
#[must_use = "a signal is waited for when this is awaited"]
pub struct SignalOrTimeout<T> {
    signal: Signal<T>,
    sleep: Sleep,
}

impl<T: DeserializeOwned> Future for SignalOrTimeout<T> {
    type Output = Result<Option<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let both = self.get_mut();
        if let Poll::Ready(signal) = Pin::new(&mut both.signal).poll(cx) {
            return Poll::Ready(signal.map(Some));
        }
        match Pin::new(&mut both.sleep).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Signal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("name", &self.name)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SignalOrTimeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signal.fmt(f)
    }
}
