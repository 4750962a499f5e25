//! A mail to each of many: one child for each, so many at a time, and a parent that counts.

use std::process::ExitCode;

use sagaline::{
    StartedChild,
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};
use serde::{Deserialize, Serialize};

/// What is to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Batch {
    /// How many mails.
    count: u32,
    /// How many at a time.
    window: usize,
    /// Of every so many addresses one does not exist; 0: all do.
    #[serde(default)]
    fail_every: u32,
    /// How many have been begun: the runs before this one did.
    #[serde(default)]
    begun: u32,
    /// And what has come of those that have ended.
    #[serde(default)]
    so_far: Sent,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    sent: u32,
    failed: u32,
}

/// One mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Mail {
    number: u32,
    exists: bool,
}

/// Gives a mail to the mail server.
#[activity(queue = "mail")]
async fn send(mail: &Mail) -> Result<String> {
    let address = format!("customer-{}@example.org", mail.number);
    match mail.exists {
        true => Ok(format!("250 OK {address}")),
        false => Err(Error::new("NoSuchAddress", address).non_retryable()),
    }
}

#[workflow]
async fn email(cx: Context, mail: Mail) -> Result<String> {
    cx.run(send(&mail)).await
}

/// Keeps the window full; when its history has grown long it goes on in a new run, with the mails that are under way.
#[workflow]
async fn batch_email(cx: Context, mut batch: Batch) -> Result<Sent> {
    cx.expect_children(batch.count.into());
    let mut open: FuturesUnordered<StartedChild<String>> =
        cx.carried_children().into_iter().collect();
    while batch.begun < batch.count {
        if cx.is_continue_as_new_suggested() {
            open.into_iter().for_each(StartedChild::hand_on);
            return cx.continue_as_new(&batch);
        }
        if open.len() >= batch.window.max(1)
            && let Some(mail) = open.next().await
        {
            batch.so_far.count(mail)?;
        }
        batch.begun += 1;
        let mail = Mail {
            number: batch.begun,
            exists: batch.fail_every == 0 || !batch.begun.is_multiple_of(batch.fail_every),
        };
        let id = format!("{}/{}", cx.workflow_id(), batch.begun);
        open.push(cx.child(email(mail)).id(id).start());
    }
    while let Some(mail) = open.next().await {
        batch.so_far.count(mail)?;
    }
    Ok(batch.so_far)
}

impl Sent {
    /// A mail that could not be sent does not end the batch; a request to stop does, and ids that no run can have.
    fn count(&mut self, mail: Result<String>) -> Result<()> {
        match mail {
            Ok(_) => self.sent += 1,
            Err(error) if error.is_canceled() => return Err(error),
            // No mail of the batch can begin.
            Err(error) if error.error_type() == "sagaline.InvalidInput" => return Err(error),
            Err(_) => self.failed += 1,
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    sagaline::app()
        .workflow(batch_email)
        .workflow(email)
        .activities(activities![send])
        .run()
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Run};

    use super::*;

    fn post_office() -> Env {
        Env::new()
            .workflows(workflows![batch_email, email])
            .activities(activities![send])
    }

    fn batch(count: u32, window: usize, fail_every: u32) -> Batch {
        Batch {
            count,
            window,
            fail_every,
            begun: 0,
            so_far: Sent::default(),
        }
    }

    #[test]
    fn each_mail_is_sent_once_and_those_that_cannot_be_are_counted() {
        let env = post_office();

        let run = env.start(batch_email(batch(100, 7, 10)));

        let (sent, failed) = (90, 10);
        assert_eq!(run.result().unwrap(), Sent { sent, failed });
        assert_eq!(env.attempts(send), 100);
        let child: Run<String> = env.run(&format!("{}/20", run.workflow_id())).unwrap();
        assert_eq!(child.result().unwrap_err().error_type(), "NoSuchAddress");
    }

    #[test]
    fn no_more_are_under_way_than_the_window_and_how_far_it_is_can_be_seen() {
        let env = post_office();
        let slow = || Answer::ok("250 OK".to_owned()).after(10.seconds());
        env.mock_with(send, move |_: &_, _: Mail| slow());

        let run = env.start(batch_email(batch(10, 4, 0)));
        env.skip(10.seconds());

        assert_eq!(
            run.waiting_for(),
            "Waiting for 10 children: 4 completed, 4 running, 2 not started."
        );
        assert_eq!(run.result().unwrap().sent, 10);
    }

    #[test]
    fn a_cancelled_batch_stops_its_mails_and_sends_no_more() {
        let env = post_office();
        let slow = || Answer::ok(String::new()).after(30.seconds());
        env.mock_with(send, move |_: &_, _: Mail| slow().unless_canceled());
        let run = env.start(batch_email(batch(10, 4, 0)));

        run.cancel("the wrong text");

        assert!(run.result().unwrap_err().is_canceled());
        assert_eq!(env.attempts(send), 4);
    }

    #[test]
    fn a_large_batch_goes_on_in_new_runs_and_is_one_workflow() {
        let env = post_office().steps_max(100_000);

        let run = env.start(batch_email(batch(5_000, 100, 1_000)));

        let (sent, failed) = (4_995, 5);
        assert_eq!(run.result().unwrap(), Sent { sent, failed });
        assert_eq!(env.attempts(send), 5_000);
        let children = &run.describe()["children"];
        assert_eq!(children["completed"], 4_995);
        assert!(run.describe()["continued_from"].is_string());
    }

    #[test]
    fn an_engine_that_stops_in_between_sends_nothing_twice() {
        let env = post_office();
        let slow = || Answer::ok("250 OK".to_owned()).after(10.seconds());
        env.mock_with(send, move |_: &_, _: Mail| slow());
        let run = env.start(batch_email(batch(20, 3, 0)));

        for _ in 0..5 {
            env.skip(11.seconds());
            env.crash();
        }

        assert_eq!(
            run.result().unwrap(),
            Sent {
                sent: 20,
                failed: 0
            }
        );
        assert_eq!(env.attempts(send), 20);
    }
}
