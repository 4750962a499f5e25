//! What stands around the attempts of activities.

use std::sync::{Arc, Mutex};

use sagaline_sdk::{ActivityInterceptor, BoxFuture, Payload, prelude::*, testing::Env};

/// Notes when an attempt begins and how it ends, and refuses some.
#[derive(Clone)]
struct Noting {
    name: &'static str,
    notes: Arc<Mutex<Vec<String>>>,
    refuses_attempt: u32,
}

impl ActivityInterceptor for Noting {
    fn around(
        &self,
        cx: ActivityContext,
        attempt: BoxFuture<'static, Result<Payload>>,
    ) -> BoxFuture<'static, Result<Payload>> {
        let noting = self.clone();
        let note = move |what: &str| {
            let note = format!("{} {} {what}", noting.name, cx.info().activity);
            noting.notes.lock().unwrap().push(note);
            cx.attempt() == noting.refuses_attempt
        };
        Box::pin(async move {
            if note("begins") {
                return Err(Error::new("NoCredentials", "nobody signed in"));
            }
            let ended = attempt.await;
            note(if ended.is_ok() { "succeeds" } else { "fails" });
            ended
        })
    }
}

#[activity]
async fn work(part: u32) -> Result<u32> {
    match part {
        0 => Err(Error::new("Nothing", "there is nothing to do").non_retryable()),
        part => Ok(part),
    }
}

#[activity]
async fn other(part: u32) -> Result<u32> {
    Ok(part)
}

#[workflow]
async fn both(cx: Context, part: u32) -> Result<u32> {
    Ok(cx.run(other(1)).await? + cx.run(work(part)).await?)
}

/// Runs it with two interceptors around `work`; gives its outcome and what was noted.
fn noted(part: u32, refuses_attempt: u32) -> (Result<u32>, Vec<String>) {
    let notes = Arc::default();
    let noting = |name, refuses_attempt| Noting {
        name,
        notes: Arc::clone(&notes),
        refuses_attempt,
    };
    let inner = activities![work].intercept(noting("inner", 0));
    let env = Env::new()
        .activities(inner.intercept(noting("outer", refuses_attempt)))
        .activities(activities![other]);
    let outcome = env.start(both(part)).result();
    let notes = notes.lock().unwrap().clone();
    (outcome, notes)
}

#[test]
fn the_one_that_was_put_there_last_is_outermost_and_sees_only_its_activities() {
    let (outcome, notes) = noted(2, 0);

    assert_eq!(outcome.unwrap(), 3);
    assert_eq!(
        notes,
        [
            "outer work begins",
            "inner work begins",
            "inner work succeeds",
            "outer work succeeds"
        ]
    );
}

#[test]
fn the_failure_of_an_attempt_is_seen() {
    let (outcome, notes) = noted(0, 0);

    assert_eq!(outcome.unwrap_err().error_type(), "Nothing");
    assert_eq!(notes[2..], ["inner work fails", "outer work fails"]);
}

#[test]
fn an_attempt_that_is_refused_is_not_made_and_tried_again() {
    let (outcome, notes) = noted(2, 1);

    assert_eq!(outcome.unwrap(), 3);
    assert_eq!(notes[0], "outer work begins");
    assert_eq!(notes[1..3], ["outer work begins", "inner work begins"]);
}
