//! Two runs that talk by signals: one asks a person's questions, the other knows how an order goes on.

use sagaline::{call_signal, prelude::*};
use serde::{Deserialize, Serialize};

/// What the dialogue tells the order, by the signal `answer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Said {
    /// The workflow id of the dialogue, which waits for what comes of it.
    pub by: String,
    /// What was said.
    pub what: String,
}

/// Makes a shirt of the colour and the size that it is told; each answer is accepted or refused.
#[workflow]
pub async fn shirt(cx: Context) -> Result<String> {
    let colour = accepted(&cx, &["red", "blue"]).await?;
    let size = accepted(&cx, &["small", "large"]).await?;
    Ok(format!("a {size} {colour} shirt"))
}

/// The first answer that is one of these; whoever said another is told to choose again.
async fn accepted(cx: &Context, these: &[&str]) -> Result<String> {
    loop {
        let said: Said = cx.signal("answer").await?;
        let is_one = these.contains(&said.what.as_str());
        let dialogue = cx.external_workflow(said.by);
        dialogue.signal(call_signal("next", &is_one)).await?;
        if is_one {
            return Ok(said.what);
        }
    }
}

/// Says these words to an order one after the other; returns those that it took.
#[workflow]
pub async fn dialogue(cx: Context, (order, words): (String, Vec<String>)) -> Result<Vec<String>> {
    let order = cx.external_workflow(order);
    let mut taken = Vec::new();
    for what in words {
        let by = cx.workflow_id().to_string();
        let what_was_said = what.clone();
        order
            .signal(call_signal("answer", &Said { by, what }))
            .await?;
        if cx.signal("next").await? {
            taken.push(what_was_said);
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, StartOptions};

    use super::*;

    #[test]
    fn each_answer_is_taken_or_refused_before_the_next_question() {
        let env = Env::new();
        let shirt = env.start_with(StartOptions::new().id("shirt-1"), shirt());
        let words = ["green", "red", "huge", "large"]
            .map(str::to_owned)
            .to_vec();

        let dialogue = env.start(dialogue(("shirt-1".to_owned(), words)));

        assert_eq!(dialogue.result().unwrap(), ["red", "large"]);
        assert_eq!(shirt.result().unwrap(), "a large red shirt");
    }

    #[test]
    fn an_order_that_is_done_takes_no_more_answers() {
        let env = Env::new();
        let shirt = env.start_with(StartOptions::new().id("shirt-1"), shirt());
        let words = ["red", "large", "blue"].map(str::to_owned).to_vec();

        let dialogue = env.start(dialogue(("shirt-1".to_owned(), words)));

        let error = dialogue.result().unwrap_err();
        assert_eq!(error.error_type(), "sagaline.Closed");
        assert_eq!(shirt.result().unwrap(), "a large red shirt");
    }
}
