//! A step that may take so long over all its attempts, and what is used instead when it takes longer.

use sagaline::prelude::*;

/// Asks a service for today's rate, in hundredths.
#[activity]
pub async fn ask_rate() -> Result<u32> {
    Ok(117)
}

/// Today's rate, or yesterday's when it cannot be had within ten minutes.
#[workflow]
pub async fn time_limit(cx: Context, yesterday: u32) -> Result<u32> {
    let asked = cx.run(ask_rate()).schedule_to_close(10.minutes()).await;
    match asked {
        Err(error) if error.error_type().starts_with("sagaline.Timeout.") => Ok(yesterday),
        asked => asked,
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::after;

    #[test]
    fn a_worker_that_never_answers_is_given_up_after_ten_minutes_of_attempts() {
        let env = Env::new();
        env.mock_with(ask_rate, |_, (): ()| Answer::never());
        let begin = env.now();

        let run = env.start(time_limit(112));

        assert_eq!(run.result().unwrap(), 112);
        assert!(env.attempts(ask_rate) > 3, "each attempt has a minute");
        assert_eq!(after(begin, env.now()), 10.minutes());
    }

    #[test]
    fn an_answer_in_time_is_used_whichever_attempt_it_was() {
        let env = Env::new().activities(activities![ask_rate]);
        env.answers(ask_rate, [Answer::never(), Answer::never()]);

        assert_eq!(env.start(time_limit(112)).result().unwrap(), 117);
        assert_eq!(env.attempts(ask_rate), 3);
    }

    #[test]
    fn another_failure_is_no_time_out() {
        let env = Env::new();
        let gone = Error::new("Gone", "no such currency").non_retryable();
        env.fail(ask_rate, 1, &gone);

        let error = env.start(time_limit(112)).result().unwrap_err();

        assert_eq!(error.error_type(), "Gone");
    }
}
