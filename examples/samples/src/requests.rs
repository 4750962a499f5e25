//! A run that serves requests: each comes as a signal, and an activity pushes the answer to whoever asked.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// What somebody asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Where the answer goes: a URL, a topic.
    pub reply_to: String,
    /// What it is about.
    pub text: String,
}

/// Delivers an answer: `[reply_to, answer]`.
#[activity]
pub async fn respond(answer: (String, String)) -> Result<()> {
    let _ = answer;
    Ok(())
}

/// Answers requests until none has come for an hour; returns how many it were.
#[workflow]
pub async fn requests(cx: Context) -> Result<u32> {
    let mut served = 0;
    while let Some(request) = cx.signal::<Request>("request").timeout(1.hours()).await? {
        let answer = request.text.to_uppercase();
        cx.run(respond((request.reply_to, answer))).await?;
        served += 1;
    }
    Ok(served)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, scheduled};

    fn request(reply_to: &str, text: &str) -> Request {
        let (reply_to, text) = (reply_to.to_owned(), text.to_owned());
        Request { reply_to, text }
    }

    #[test]
    fn everybody_gets_an_answer_in_turn_also_who_asks_while_another_is_answered() {
        let env = Env::new().activities(activities![respond]);
        env.answers(respond, [Answer::ok(()).after(30.seconds())]);
        let begin = env.now();
        let run = env.start(requests());

        run.signal("request", &request("ada", "tea")).unwrap();
        run.signal("request", &request("bob", "milk")).unwrap();

        assert_eq!(run.result().unwrap(), 2);
        assert_eq!(
            scheduled(&run.history()),
            [r#"respond ["ada","TEA"]"#, r#"respond ["bob","MILK"]"#]
        );
        assert_eq!(after(begin, env.now()), 30.seconds() + 1.hours());
    }
}
