//! What a mocked activity does with one attempt: answers, now or later, or does not.

use std::time::Duration;

use sagaline_core::{Millis, Payload, Report};
use serde::Serialize;

use crate::{Error, Result, codec::Coding, duration::millis, json};

/// What becomes of one attempt of a mocked activity.
///
/// # Example: a gateway that is slow, then silent, then well
/// ```
/// use sagaline_sdk::{prelude::*, testing::{Answer, Env}};
///
/// #[activity]
/// async fn charge(cents: u32) -> Result<String>  {
///     Ok(format!("paid {cents}"))
/// }
///
/// #[workflow]
/// async fn pay(cx: Context, cents: u32) -> Result<String> {
///     cx.run(charge(cents)).start_to_close(30.seconds()).await
/// }
///
/// let env = Env::new().activities(activities![charge]).answers(charge, [
///     Answer::ok("too late".to_owned()).after(31.seconds()),
///     Answer::never(),
/// ]);
/// let run = env.start(pay(100));
///
/// assert_eq!(run.result().unwrap(), "paid 100");
/// assert_eq!(run.history().count("ActivityAttemptFailed"), 2);
/// ```
#[derive(Debug)]
#[must_use = "an activity answers with it"]
pub struct Answer<R> {
    word: Word<R>,
    after: Duration,
    heartbeat: Option<Duration>,
    stops: bool,
}

#[derive(Debug)]
enum Word<R> {
    Said(Result<R>),
    Never,
    NotTaken,
}

impl<R> Answer<R> {
    /// The attempt succeeds.
    pub fn ok(result: R) -> Self {
        Self::from(Ok(result))
    }

    /// The attempt fails; whether another follows is for the retry policy and the error to say.
    pub fn err(error: Error) -> Self {
        Self::from(Err(error))
    }

    /// A worker begins and is never heard of again: a time-out ends the attempt.
    pub fn never() -> Self {
        Self::new(Word::Never)
    }

    /// No worker takes the task: it stays in its queue until a schedule-to-start or schedule-to-close time-out, if the
    /// step has one.
    pub fn not_taken() -> Self {
        Self::new(Word::NotTaken)
    }

    /// The same, after a span of virtual time. A worker has said that it began.
    pub fn after(mut self, span: Duration) -> Self {
        self.after = span;
        self
    }

    /// The same, with a heartbeat every so often until then.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = Some(every);
        self
    }

    /// The same, but asked to stop before then, it stops and says so. Without this it does not listen.
    pub fn unless_canceled(mut self) -> Self {
        self.stops = true;
        self
    }

    fn new(word: Word<R>) -> Self {
        Self {
            word,
            after: Duration::ZERO,
            heartbeat: None,
            stops: false,
        }
    }

    pub(super) fn erase(self, activity: &str) -> Erased
    where
        R: Serialize,
    {
        let what = format!("result of `{activity}`");
        let (report, taken) = match self.word {
            Word::Said(result) => {
                let result = result.and_then(|result| json::encode(&what, &result));
                (report(result), true)
            }
            Word::Never => (None, true),
            Word::NotTaken => (None, false),
        };
        Erased {
            report,
            taken,
            after: Millis(millis(self.after)),
            heartbeat: self.heartbeat.map(|every| Millis(millis(every).max(1))),
            stops: self.stops,
        }
    }
}

impl<R> From<Result<R>> for Answer<R> {
    fn from(result: Result<R>) -> Self {
        Self::new(Word::Said(result))
    }
}

/// An answer without its type.
#[derive(Clone, Debug)]
pub(super) struct Erased {
    /// What the worker says at the end.
    pub(super) report: Option<Report>,
    /// A worker took the task.
    pub(super) taken: bool,
    pub(super) after: Millis,
    pub(super) heartbeat: Option<Millis>,
    pub(super) stops: bool,
}

impl Erased {
    /// How an attempt of a real activity ended after a span; `None`: it took longer than it may. One that is completed
    /// later has begun, and here nobody completes it.
    pub(super) fn of(ended: Option<Result<Payload>>, after: Duration) -> Self {
        Self {
            report: ended.and_then(report),
            taken: true,
            after: Millis(millis(after)),
            heartbeat: None,
            stops: false,
        }
    }

    /// The same with the worker's payloads encoded.
    pub(super) fn encoded(mut self, coding: &Coding) -> Self {
        let encode = |report| match report {
            Report::Completed { result } => self::report(coding.encode(result)),
            Report::Failed {
                retry_after,
                on_exhausted,
                failure,
            } => Some(Report::Failed {
                retry_after,
                on_exhausted,
                failure: coding.encode_details(failure),
            }),
            other => Some(other),
        };
        self.report = self.report.and_then(encode);
        self
    }

    /// At which spans from its begin the worker sends a heartbeat, at most [`HEARTBEATS_MAX`].
    pub(super) fn heartbeats(&self) -> impl Iterator<Item = Millis> + use<> {
        let (every, until) = (self.heartbeat.map_or(0, |every| every.0), self.after.0);
        let number = until.checked_div(every).unwrap_or(0).min(HEARTBEATS_MAX);
        (1..=number).map(move |at| Millis(at * every))
    }
}

/// Most heartbeats of one attempt.
const HEARTBEATS_MAX: u64 = 10_000;

fn report(ended: Result<Payload>) -> Option<Report> {
    match ended {
        Ok(result) => Some(Report::Completed { result }),
        Err(error) if error.completes_later() => None,
        Err(error) if error.is_canceled() => Some(canceled()),
        Err(error) => Some(Report::Failed {
            retry_after: error.wait().map(|wait| Millis(millis(wait))),
            on_exhausted: error.on_exhausted(),
            failure: error.into_failure(),
        }),
    }
}

/// It stopped because it was asked to.
pub(super) fn canceled() -> Report {
    Report::Canceled {
        details: Payload::empty(),
    }
}
