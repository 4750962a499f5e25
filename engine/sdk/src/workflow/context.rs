//! All that a workflow can ask of the world.

use std::{
    fmt,
    future::Future,
    ops::{Range, RangeInclusive},
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
    time::Duration,
};

use sagaline_core::{
    Name, Payload, RunId, Timestamp, WorkflowId,
    program::{Nondeterminism, ProgramCommand},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Random, RunActivity, Shielded, Signal, Sleep, Until, WorkflowInfo, about, state::Shared,
};
use crate::{ActivityCall, Error, Result, json};

/// A workflow's way to the world: activities, time, randomness. Cloning it is cheap.
///
/// A workflow is run again from history whenever its engine changes, so it must do the same each time. What would differ
/// has a replacement here:
///
/// | instead of | say |
/// |---|---|
/// | `SystemTime::now()` | [`cx.now()`](Self::now) |
/// | `rand::random()`, `Uuid::new_v4()` | [`cx.random()`](Self::random), [`cx.uuid()`](Self::uuid) |
/// | reading a file, a variable, a setting | [`cx.side_effect(…)`](Self::side_effect), or an activity |
/// | `tokio::spawn`, threads | `join!`, `select!`, `join_all`, [`start()`](RunActivity::start), or [`cx.spawn(…)`](Self::spawn) |
/// | `tokio::time::timeout` | [`cx.timeout(…)`](Self::timeout) |
/// | channels and locks of `tokio`, `futures` | those of [`sync`](crate::sync) |
/// | `tokio::select!` | [`select!`](crate::select), which tries its arms in the order in which they are written |
/// | iterating a `HashMap` | a `BTreeMap`, or a sorted `Vec` |
///
/// A future that waits for anything else (a channel, a socket, a timer of tokio) never wakes the run: the engine raises
/// an incident of kind `deadlock`, or `panic` when that future wants a runtime.
///
/// A workflow may have a state `S`, which begins as `S::default()` and is what its signals, queries and updates work on:
/// `cx: Context<S>`.
pub struct Context<S = ()> {
    shared: Arc<Shared>,
    state: Arc<Mutex<S>>,
}

impl<S> Context<S> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self
    where
        S: Default,
    {
        Self {
            shared,
            state: Arc::default(),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The same without the state: for functions that workflows of several states share.
    #[must_use]
    pub fn stateless(&self) -> Context {
        Context::new(self.shared.clone())
    }

    /// Looks at the run's state.
    ///
    /// # Panics
    /// Within `with` or [`with_mut`](Self::with_mut) of the same run.
    pub fn with<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the run's state; who waits [until](Self::until) it is as wished looks again.
    ///
    /// # Panics
    /// Within [`with`](Self::with) or `with_mut` of the same run.
    ///
    /// # Example: a counter that a query answers
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, query, workflow};
    /// #[query]
    /// fn done(done: &u32) -> u32 {
    ///     *done
    /// }
    ///
    /// #[workflow(queries(done))]
    /// async fn countdown(cx: Context<u32>) -> Result<()> {
    ///     while cx.with(|done| *done < 10) {
    ///         cx.sleep(1.minutes()).await?;
    ///         cx.with_mut(|done| *done += 1);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn with_mut<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let changed = change(&mut self.lock());
        self.shared.state_changed();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                panic!("the run's state is in use: `with` and `with_mut` do not nest")
            }
        }
    }

    /// Waits until the run's state is as wished; it is looked at whenever it may have changed.
    ///
    /// The error is [`is_canceled`](Error::is_canceled): the run was asked to stop.
    ///
    /// # Example: two people have to agree
    /// ```
    /// # use sagaline_sdk::{Context, Result, signal, workflow};
    /// #[signal]
    /// fn agree(agreed: &mut u32) {
    ///     *agreed += 1;
    /// }
    ///
    /// #[workflow(signals(agree))]
    /// async fn four_eyes(cx: Context<u32>) -> Result<()> {
    ///     cx.until(|agreed| *agreed >= 2).named("two to agree").await
    /// }
    /// ```
    pub fn until<F: FnMut(&S) -> bool>(&self, condition: F) -> Until<S, F> {
        Until::new(self.clone(), condition)
    }

    /// Plans a step: an activity, which `.await` schedules and waits for.
    ///
    /// The error of the step is the activity's last one, after all its attempts; or
    /// [`is_canceled`](Error::is_canceled) when the run was asked to stop.
    pub fn run<R, A>(&self, call: ActivityCall<R, A>) -> RunActivity<R> {
        RunActivity::new(self.shared.clone(), call)
    }

    /// The time, as the journal has it: the same on replay, and the same until the workflow next waits.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Waits, for seconds or for months.
    ///
    /// The span counts from this call. The error is [`is_canceled`](Error::is_canceled): the run was asked to stop.
    ///
    /// # Example: a reminder, unless the customer pays before
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, activity, select, workflow};
    /// # #[activity]
    /// # async fn await_payment(order: u32) -> Result<()>;
    /// # #[activity]
    /// # async fn remind(order: u32) -> Result<()>;
    /// #[workflow]
    /// async fn dunning(cx: Context, order: u32) -> Result<()> {
    ///     let mut paid = cx.run(await_payment(order)).start();
    ///     select! {
    ///         done = &mut paid => done,
    ///         woken = cx.sleep(14.days()) => {
    ///             woken?;
    ///             cx.run(remind(order)).await?;
    ///             paid.await
    ///         }
    ///     }
    /// }
    /// ```
    pub fn sleep(&self, span: Duration) -> Sleep {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let due_at = self.now().as_micros().saturating_add(span);
        self.sleep_until(Timestamp::from_micros(due_at))
    }

    /// Waits until an instant; one that has passed is over at once.
    pub fn sleep_until(&self, due_at: Timestamp) -> Sleep {
        Sleep::new(self.shared.clone(), due_at)
    }

    /// The next signal of this name: one that came already, or the one that comes.
    ///
    /// Signals are kept in the order in which they came, and each is taken once. The error is
    /// [`is_canceled`](Error::is_canceled): the run was asked to stop.
    ///
    /// # Example: a person approves
    /// ```
    /// # use sagaline_sdk::{Context, Result, workflow};
    /// #[workflow]
    /// async fn review(cx: Context) -> Result<String> {
    ///     let approved: bool = cx.signal("review-complete").await?;
    ///     Ok(if approved { "shipped" } else { "refused" }.to_owned())
    /// }
    /// ```
    pub fn signal<T: DeserializeOwned>(&self, name: &str) -> Signal<T> {
        Signal::new(self.shared.clone(), name)
    }

    /// A random value that is the same on replay: an integer, a `bool`, an `f64` from 0 to below 1, or bytes.
    ///
    /// Not for secrets: whoever knows the run's id can compute it.
    ///
    /// # Example: a discount for every tenth, and a generator of the `rand` crate
    /// ```
    /// # use sagaline_sdk::{Context, Result, workflow};
    /// #[workflow]
    /// async fn raffle(cx: Context) -> Result<bool> {
    ///     let seed = cx.random::<[u8; 32]>(); // StdRng::from_seed(seed)
    ///     # let _ = seed;
    ///     Ok(cx.random::<f64>() < 0.1)
    /// }
    /// ```
    #[must_use]
    pub fn random<T: Random>(&self) -> T {
        self.shared
            .random(|stream| T::from_numbers(&mut || stream.next()))
    }

    /// A random number of the range, each as likely as the others, the same on replay. Of an empty range its start.
    #[must_use]
    pub fn random_range(&self, range: Range<u64>) -> u64 {
        self.shared.random(|stream| stream.within(range))
    }

    /// A random UUID (version 4) that is the same on replay.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random()).into_uuid()
    }

    /// Runs `effect` once and keeps its value in the history; replay gets the value without running it.
    ///
    /// For what is quick, local and not random in a harmful way: a setting, a feature flag. It may run again when its
    /// engine stops before the value is durable, so what must not happen twice is an activity.
    ///
    /// # Errors
    /// The value cannot be written as JSON, or what history holds under this name cannot be read as a `T`.
    ///
    /// # Example: a flag that stays what it was
    /// ```
    /// # use sagaline_sdk::{Context, Result, workflow};
    /// #[workflow]
    /// async fn order(cx: Context) -> Result<bool> {
    ///     let express = cx.side_effect("express", || std::env::var("EXPRESS").is_ok())?;
    ///     Ok(express)
    /// }
    /// ```
    pub fn side_effect<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        effect: impl FnOnce() -> T,
    ) -> Result<T> {
        let what = format!("side effect `{name}`");
        let name = Name::new(name)?;
        let kept =
            self.shared.marker(&Name::from("side-effect"), &name, || {
                match json::encode(&what, &effect()) {
                    Ok(value) => value,
                    Err(error) => Payload::new(UNENCODABLE, error.message().as_bytes()),
                }
            })?;
        if kept.content_type() == UNENCODABLE {
            let text = String::from_utf8_lossy(kept.data()).into_owned();
            return Err(Error::new(json::UNENCODABLE, text).non_retryable());
        }
        json::decode(&what, &kept)
    }

    /// By which version of a change this run goes on: how code is changed while runs are open.
    ///
    /// A run that comes here for the first time goes by the newest, `supported.end()`, and keeps it. One that has passed
    /// here before there was the change goes by the oldest, `supported.start()`. Once no open run needs it (`sagaline
    /// workflow versions` tells), its branch is deleted and the range raised; in the end the call itself goes.
    ///
    /// A run that keeps a version out of the range waits with an incident of kind `nondeterminism`, until code that has
    /// that branch is back.
    ///
    /// # Panics
    /// When `change` is empty or longer than 249 bytes, or the range is empty.
    ///
    /// # Example: a check that new runs make, and those that are past it do not
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, workflow};
    /// # #[activity]
    /// # async fn check(order: u32) -> Result<()>;
    /// # #[activity]
    /// # async fn ship(order: u32) -> Result<()>;
    /// #[workflow]
    /// async fn order(cx: Context, order: u32) -> Result<()> {
    ///     if cx.version("check-address", 0..=1) == 1 {
    ///         cx.run(check(order)).await?;
    ///     }
    ///     cx.run(ship(order)).await
    /// }
    /// ```
    pub fn version(&self, change: &str, supported: RangeInclusive<u32>) -> u32 {
        let name = Name::new(change).expect("a change has a name of 1 to 249 bytes");
        assert!(!supported.is_empty(), "change `{change}` has no version");
        let version = self.shared.version(&name, &supported);
        if !supported.contains(&version) {
            let (oldest, newest) = (supported.start(), supported.end());
            // Unwinds as a panic does, to the engine, and without a word on the terminal.
            resume_unwind(Box::new(Nondeterminism(format!(
                "the run goes by version {version} of change `{change}`, the program has {oldest} to {newest}"
            ))));
        }
        version
    }

    /// Changes the run's search attributes, by which lists find it: `fields` is a struct or a map, a field each. What it does
    /// not name stays; a field that is `None` is taken away.
    ///
    /// # Errors
    /// `fields` is no object, or a name cannot be one of a field. (Over 64 fields or 16 KB in all, the run waits with an
    /// incident of kind `limit`.)
    ///
    /// # Example: where an order is
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, workflow};
    /// # use serde::Serialize;
    /// # #[activity]
    /// # async fn ship(order: u32) -> Result<()>;
    /// #[derive(Serialize)]
    /// struct Progress {
    ///     state: &'static str,
    /// }
    ///
    /// #[workflow]
    /// async fn order(cx: Context, order: u32) -> Result<()> {
    ///     cx.upsert_attributes(&Progress { state: "shipping" })?;
    ///     cx.run(ship(order)).await
    /// }
    /// ```
    pub fn upsert_attributes(&self, fields: &(impl Serialize + ?Sized)) -> Result<()> {
        let attributes = about::fields("attributes", fields)?;
        let memo = None;
        self.shared
            .push(ProgramCommand::UpsertAttributes { attributes, memo });
        Ok(())
    }

    /// Changes the run's memo, which is for people, as [`upsert_attributes`](Self::upsert_attributes) changes attributes.
    ///
    /// # Errors
    /// As there.
    pub fn upsert_memo(&self, fields: &(impl Serialize + ?Sized)) -> Result<()> {
        let (attributes, memo) = (None, about::fields("memo", fields)?);
        self.shared
            .push(ProgramCommand::UpsertAttributes { attributes, memo });
        Ok(())
    }

    /// Makes the steps of `future` go on, and begin, when the run or a [scope](Self::scope) around is asked to stop: for what
    /// must be finished.
    ///
    /// # Example: a letter that a cancelled order still sends
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, workflow};
    /// # #[activity]
    /// # async fn ship(order: u32) -> Result<()>;
    /// # #[activity]
    /// # async fn send_regrets(order: u32) -> Result<()>;
    /// #[workflow]
    /// async fn order(cx: Context, order: u32) -> Result<()> {
    ///     let shipped = cx.run(ship(order)).await;
    ///     if shipped.as_ref().is_err_and(|error| error.is_canceled()) {
    ///         cx.shielded(async { cx.run(send_regrets(order)).await }).await?;
    ///     }
    ///     shipped
    /// }
    /// ```
    pub fn shielded<F: Future>(&self, future: F) -> Shielded<F> {
        Shielded::new(self.shared.clone(), future)
    }

    /// Whether somebody asked the run to stop, or a scope in which this is called. Steps say so by themselves; this is for
    /// code between them.
    #[must_use]
    pub fn is_cancel_requested(&self) -> bool {
        self.shared.cancel_reason().is_some() || self.shared.here().is_canceled()
    }

    /// What never changes during a run.
    #[must_use]
    pub fn info(&self) -> &WorkflowInfo {
        &self.shared.info
    }

    /// The run's workflow id.
    #[must_use]
    pub fn workflow_id(&self) -> &WorkflowId {
        &self.shared.info.workflow_id
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.shared.info.run_id
    }

    /// Whether history is being replayed: what happens now has happened before. For logging, never for decisions.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.shared.is_replaying()
    }
}

impl<S> Clone for Context<S> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            state: self.state.clone(),
        }
    }
}

impl<S> fmt::Debug for Context<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

/// Content type of a marker that stands for a value that could not be kept.
const UNENCODABLE: &str = "application/vnd.sagaline.unencodable";
