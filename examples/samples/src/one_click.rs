//! An order by one click, which the customer may take back for five seconds.

use sagaline::prelude::*;
use serde::de::IgnoredAny;

/// Buys it.
#[activity]
pub async fn buy(item: &str) -> Result<String> {
    Ok(format!("{item} is on its way"))
}

/// Buys an item unless the signal `undo` comes within five seconds.
#[workflow]
pub async fn one_click(cx: Context, item: String) -> Result<Option<String>> {
    let undone = cx.signal::<IgnoredAny>("undo").timeout(5.seconds());
    if undone.await?.is_some() {
        return Ok(None);
    }
    cx.run(buy(&item)).await.map(Some)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;

    #[test]
    fn an_order_is_bought_after_five_seconds_and_not_when_it_was_undone() {
        for (undone_after, bought) in [(4, 0), (6, 1)] {
            let env = Env::new().activities(activities![buy]);
            let run = env.start(one_click("tea".into()));

            env.skip(undone_after.seconds());
            run.signal("undo", &()).unwrap();

            assert_eq!(run.result().unwrap().is_some(), bought == 1);
            assert_eq!(env.attempts(buy), bought);
        }
    }
}
