//! Whichever branch answers first wins; the others are called off.

use sagaline::{StartedActivity, future::select_all, prelude::*};

/// Looks for it at one place, which may take hours.
#[activity]
pub async fn search(place: &str) -> Result<String> {
    Ok(format!("found at {place}"))
}

/// Takes what the first place finds, and calls the other searches off.
#[workflow]
pub async fn pick_first(cx: Context, places: Vec<String>) -> Result<String> {
    let mut searches: Vec<_> = places.iter().map(|place| begin(&cx, place)).collect();
    let (_place, found) = select_all(&mut searches).await;
    for search in &searches {
        search.cancel();
    }
    found
}

fn begin(cx: &Context, place: &str) -> StartedActivity<String> {
    let search = cx.run(search(place)).start_to_close(6.hours());
    search.heartbeat(1.minutes()).start()
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, asked_to_stop, completed};

    #[test]
    fn the_first_answer_is_taken_and_the_other_branches_are_called_off() {
        let env = Env::new();
        env.mock_with(search, |_, place: String| {
            let hours = if place == "cellar" { 1 } else { 4 };
            let found = Answer::ok(format!("found at {place}"));
            found.after(hours.hours()).heartbeat(30.seconds())
        });
        let begin = env.now();

        let run = env.start(pick_first(
            ["attic", "cellar", "garden"].map(Into::into).into(),
        ));

        assert_eq!(run.result().unwrap(), "found at cellar");
        assert_eq!(after(begin, env.now()), 1.hours());
        assert_eq!(asked_to_stop(&run.history()), ["search", "search"]);
        env.skip(1.days());
        assert_eq!(completed(&run.history()), ["search"]);
    }

    #[test]
    fn a_branch_that_fails_first_has_answered_first() {
        let env = Env::new();
        env.mock_with(search, |_, place: String| match place.as_str() {
            "attic" => Answer::err(Error::new("Locked", "no key").non_retryable()),
            _ => Answer::ok(place).after(1.hours()).heartbeat(30.seconds()),
        });

        let run = env.start(pick_first(["cellar", "attic"].map(Into::into).into()));

        let error = run.result().unwrap_err();
        assert_eq!(error.error_type(), "Locked");
        assert_eq!(asked_to_stop(&run.history()), ["search"]);
    }
}
