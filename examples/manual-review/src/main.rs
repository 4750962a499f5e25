//! A document that waits for a person's verdict, and says how far it is.

use std::{process::ExitCode, time::Duration};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// How long a reviewer has, unless the document says otherwise.
const REVIEW_WITHIN: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What is to be reviewed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Document {
    title: String,
    /// Milliseconds that a reviewer has.
    review_within_ms: Option<u64>,
}

/// What a reviewer says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Verdict {
    approved: bool,
}

/// What the run knows.
#[derive(Default)]
struct Review {
    title: String,
    verdict: Option<Verdict>,
    is_published: bool,
}

/// How far it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    title: String,
    /// `waiting`, `refused`, `approved` or `published`.
    stage: String,
}

/// The first verdict counts.
#[signal]
fn review_complete(review: &mut Review, verdict: Verdict) {
    review.verdict.get_or_insert(verdict);
}

#[query]
fn state(review: &Review) -> State {
    let stage = match review.verdict {
        None => "waiting",
        Some(Verdict { approved: false }) => "refused",
        Some(_) if review.is_published => "published",
        Some(_) => "approved",
    };
    State {
        title: review.title.clone(),
        stage: stage.to_owned(),
    }
}

#[activity]
async fn publish(title: &str) -> Result<String> {
    Ok(format!("https://example.org/{}", title.replace(' ', "-")))
}

#[workflow(signals(review_complete), queries(state))]
async fn manual_review(cx: Context<Review>, document: Option<Document>) -> Result<Option<String>> {
    let document = document.unwrap_or_default();
    let within = document.review_within_ms;
    let within = within.map_or(REVIEW_WITHIN, Duration::from_millis);
    cx.with_mut(|review| review.title.clone_from(&document.title));

    let came = cx
        .until(|review| review.verdict.is_some())
        .by(review_complete)
        .choice("Approve", &Verdict { approved: true })
        .choice("Refuse", &Verdict { approved: false })
        .timeout(within)
        .await?;
    if !came {
        return cx.cancel("nobody reviewed it in time");
    }
    if cx.with(|review| review.verdict.is_some_and(|verdict| !verdict.approved)) {
        return Ok(None);
    }
    let address = cx.run(publish(&document.title)).await?;
    cx.with_mut(|review| review.is_published = true);
    Ok(Some(address))
}

fn main() -> ExitCode {
    sagaline::app()
        .workflow(manual_review)
        .activities(activities![publish])
        .run()
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Run};

    use super::*;

    fn env() -> Env {
        Env::new().activities(activities![publish])
    }

    fn catalogue(env: &Env) -> Run<Option<String>> {
        env.start(manual_review(Some(Document {
            title: "Spring catalogue".to_owned(),
            review_within_ms: None,
        })))
    }

    fn stage(run: &Run<Option<String>>) -> String {
        run.query(state()).unwrap().stage
    }

    #[test]
    fn what_is_approved_is_published() {
        let env = env();
        env.answers(publish, [Answer::ok("here".to_owned()).after(1.minutes())]);
        let run = catalogue(&env);
        env.skip(2.days());
        assert_eq!(stage(&run), "waiting");
        assert_eq!(
            run.waiting_for(),
            "Waiting for signal review-complete for 2 days; gives up in 5 days."
        );
        assert_eq!(run.describe()["waits"][0]["choices"][0]["label"], "Approve");

        run.send(review_complete(Verdict { approved: true }))
            .unwrap();
        assert_eq!(stage(&run), "approved");

        assert_eq!(run.result().unwrap().as_deref(), Some("here"));
    }

    #[test]
    fn what_is_refused_is_not_published_whatever_is_said_later() {
        let env = env();
        let run = catalogue(&env);
        run.pause().unwrap();

        run.send(review_complete(Verdict { approved: false }))
            .unwrap();
        run.send(review_complete(Verdict { approved: true }))
            .unwrap();
        run.resume().unwrap();

        assert_eq!(run.result().unwrap(), None);
        assert_eq!(env.attempts(publish), 0);
    }

    #[test]
    fn what_nobody_reviews_is_given_up_after_a_week() {
        let env = env();
        let begin = env.now();
        let run = catalogue(&env);

        let error = run.result().unwrap_err();

        assert!(error.is_canceled(), "{error}");
        assert_eq!(run.status(), "Canceled");
        assert_eq!(env.now(), begin.after(7.days()));
    }
}
