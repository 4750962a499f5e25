//! Activities that use what their worker was given: a pool, a client, settings; and two steps, one after the other.

use sagaline::prelude::*;

/// What the worker is given at start: `app().data(Phrase("Hello".into()))`.
#[derive(Debug)]
pub struct Phrase(pub String);

/// Greets with the worker's own phrase.
#[activity]
pub async fn greet(cx: ActivityContext, name: &str) -> Result<String> {
    let Phrase(phrase) = cx.data::<Phrase>()?;
    Ok(format!("{phrase}, {name}"))
}

/// Makes it loud.
#[activity]
pub async fn shout(text: &str) -> Result<String> {
    Ok(format!("{}!", text.to_uppercase()))
}

/// Greets, then shouts what came of it.
#[workflow]
pub async fn greetings(cx: Context, name: String) -> Result<String> {
    let greeting = cx.run(greet(&name)).await?;
    cx.run(shout(&greeting)).await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::seen::scheduled;

    #[test]
    fn an_activity_uses_what_its_worker_was_given() {
        let env = Env::new()
            .activities(activities![greet, shout])
            .data(Phrase("Servus".into()));

        let run = env.start(greetings("Ada".into()));

        assert_eq!(run.result().unwrap(), "SERVUS, ADA!");
        assert_eq!(
            scheduled(&run.history()),
            [r#"greet "Ada""#, r#"shout "Servus, Ada""#]
        );
    }

    #[test]
    fn one_whose_worker_was_given_nothing_is_tried_again() {
        let env = Env::new().activities(activities![greet, shout]);

        let run = env.start(greetings("Ada".into()));
        env.skip(5.seconds());

        let waits = run.waiting_for();
        assert!(waits.contains("sagaline.DataMissing"), "{waits}");
        assert_eq!(env.attempts(shout), 0);
    }
}
