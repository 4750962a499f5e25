//! A mail every thirty days, for as long as nobody says that it is enough. Asleep, a run costs memory and nothing else.

use sagaline::prelude::*;
use serde::de::IgnoredAny;

/// Sends the mail of that month.
#[activity]
pub async fn send_mail(month: u32) -> Result<()> {
    let _ = month;
    Ok(())
}

/// Sends mails until the signal `complete`; returns how many it were.
#[workflow]
pub async fn sleep_for_days(cx: Context) -> Result<u32> {
    let mut month = 0;
    loop {
        month += 1;
        cx.run(send_mail(month)).await?;
        let enough = cx.signal::<IgnoredAny>("complete").timeout(30.days());
        if enough.await?.is_some() {
            return Ok(month);
        }
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::seen::{after, sent_after};

    #[test]
    fn a_mail_goes_out_every_thirty_days_until_somebody_has_enough() {
        let env = Env::new().activities(activities![send_mail]);
        let begin = env.now();
        let run = env.start(sleep_for_days());

        env.skip(100.days());
        run.signal("complete", &()).unwrap();

        assert_eq!(run.result().unwrap(), 4);
        let sent = sent_after(begin, &run.history());
        assert_eq!(sent, [0.days(), 30.days(), 60.days(), 90.days()]);
        assert_eq!(
            after(begin, env.now()),
            100.days(),
            "it ends when it is told"
        );
    }
}
