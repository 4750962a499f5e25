//! Runs that end by themselves, or go on in another's place, and how long a history is.

use serde::Serialize;

use super::Context;
use crate::{Error, Result, json};

impl<S> Context<S> {
    /// Ends the run and goes on in a new one, with a history of its own: `return cx.continue_as_new(&next)`.
    ///
    /// For what goes on for ever, or too long for one history. The new run has the same workflow id and is given `input`,
    /// which must be one of this workflow; it goes by the workflow's newest version. What was registered to be undone
    /// holds, signals that were not taken come to it first, and whoever waits for the result waits for the new run's.
    /// Activities that are still under way are asked to stop; a step with a compensation must be awaited before.
    ///
    /// The error is what the workflow must return. One that `input` cannot be written as JSON comes in its place.
    ///
    /// # Errors
    /// Always.
    ///
    /// # Example: a bill each month, for years
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, activity, workflow};
    /// # use serde::{Deserialize, Serialize};
    /// # #[activity]
    /// # async fn charge(customer: &str) -> Result<()>;
    /// #[derive(Serialize, Deserialize)]
    /// struct Billing {
    ///     customer: String,
    ///     months: u32,
    /// }
    ///
    /// #[workflow]
    /// async fn billing(cx: Context, mut billing: Billing) -> Result<u32> {
    ///     cx.run(charge(&billing.customer)).await?;
    ///     billing.months += 1;
    ///     if billing.months == 120 {
    ///         return Ok(billing.months);
    ///     }
    ///     cx.sleep(30.days()).await?;
    ///     cx.continue_as_new(&billing)
    /// }
    /// ```
    pub fn continue_as_new<R>(&self, input: &(impl Serialize + ?Sized)) -> Result<R> {
        let what = format!("input of `{}`", self.shared().info.workflow);
        self.shared().continue_with(json::encode(&what, input)?)?;
        Err(Error::to_continue_as_new())
    }

    /// Ends the run as Canceled, by itself: `return cx.cancel(reason)`. What it has done is compensated first, as when somebody
    /// asks it to stop.
    ///
    /// The error is what the workflow must return.
    ///
    /// # Errors
    /// Always.
    ///
    /// # Example: an order that nobody comes for
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, testing::Env, workflow};
    /// #[workflow]
    /// async fn pickup(cx: Context) -> Result<()> {
    ///     match cx.signal::<()>("picked-up").timeout(2.hours()).await? {
    ///         Some(()) => Ok(()),
    ///         None => cx.cancel("not picked up before the shop closed"),
    ///     }
    /// }
    ///
    /// let run = Env::new().start(pickup());
    /// assert!(run.result().unwrap_err().is_canceled());
    /// assert_eq!(run.status(), "Canceled");
    /// ```
    pub fn cancel<R>(&self, reason: impl Into<String>) -> Result<R> {
        Err(Error::canceled(reason))
    }

    /// Whether the history is so long that the workflow had better [continue as new](Self::continue_as_new): from 4,096
    /// events or 4 MB on. What the run took over from the one before does not count.
    ///
    /// # Example: a counter that takes signals for ever
    /// ```
    /// # use sagaline_sdk::{Context, Result, workflow};
    /// #[workflow]
    /// async fn counter(cx: Context, mut total: u64) -> Result<u64> {
    ///     while !cx.is_continue_as_new_suggested() {
    ///         total += cx.signal::<u64>("add").await?;
    ///     }
    ///     cx.continue_as_new(&total)
    /// }
    /// ```
    #[must_use]
    pub fn is_continue_as_new_suggested(&self) -> bool {
        self.shared().history().1
    }

    /// How many events the history had when the workflow was last told something. At 50,000 it is told nothing more.
    #[must_use]
    pub fn history_events(&self) -> u32 {
        self.shared().history().0.events
    }

    /// How many bytes those events have: what was given to the run and what it gave, and 64 for each. At 50 MB it is told
    /// nothing more.
    #[must_use]
    pub fn history_bytes(&self) -> u32 {
        self.shared().history().0.bytes
    }
}
