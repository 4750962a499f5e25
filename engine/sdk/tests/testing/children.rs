//! Children: awaited, let go, stopped, and what they leave to their parent.

use sagaline_sdk::{
    ParentClose, StartedChild,
    client::IdReuse,
    future::{FuturesUnordered, StreamExt},
    prelude::*,
    testing::{Answer, Env, Run, StartOptions},
};

use crate::{charge, down, order, release, reserve, shop, since_begin};

/// An order for each of these sums, all at once.
#[workflow]
async fn orders(cx: Context, cents: Vec<u32>) -> Result<Vec<String>> {
    cx.expect_children(cents.len() as u64);
    let children = cents
        .iter()
        .map(|&cents| cx.child(order(cents)).id(format!("order/{cents}")));
    try_join_all(children).await
}

fn child(env: &Env, cents: u32) -> Run<String> {
    env.run(&format!("order/{cents}")).unwrap()
}

#[test]
fn children_are_runs_of_their_own_and_their_parent_gets_what_they_return() {
    let env = shop().workflows(workflows![order]);
    env.answers(charge, [Answer::ok("later".to_owned()).after(1.minutes())]);

    let run = env.start(orders(vec![1, 2, 3]));

    assert_eq!(
        run.waiting_for(),
        "Waiting for 3 children: 2 completed, 1 running."
    );
    let described = run.describe();
    assert_eq!(described["children"]["completed"], 2);
    assert_eq!(
        described["pending_children"]["first"][0]["workflow_id"],
        "order/1"
    );
    assert_eq!(child(&env, 2).status(), "Completed");
    let parent = &child(&env, 1).describe()["parent"];
    assert_eq!(parent["workflow_id"], run.workflow_id());
    assert_eq!(run.result().unwrap(), ["later", "paid 2", "paid 3"]);
    assert_eq!(since_begin(env.now()), 1.minutes());
}

/// Two orders after each other, then something that fails.
#[workflow]
async fn two_orders_then_none(cx: Context) -> Result<()> {
    cx.child(order(1)).id("order/1").await?;
    cx.run(reserve("a bag")).compensate_with(release).await?;
    cx.child(order(2)).id("order/2").await?;
    Err(Error::new("TooLate", "the shop is closed"))
}

#[test]
fn a_parent_that_fails_undoes_what_its_completed_children_did_last_first() {
    let env = shop().workflows(workflows![order]);

    let run = env.start(two_orders_then_none());

    assert_eq!(run.result().unwrap_err().error_type(), "TooLate");
    assert_eq!(env.attempts(release), 3);
    assert_eq!(child(&env, 1).status(), "Completed");
    let described = run.describe();
    let undone = described["compensation"]["steps"].as_array().unwrap();
    let of = |at: usize| undone[at]["state"].as_str().unwrap();
    assert_eq!([of(0), of(1), of(2)], ["completed"; 3]);
}

#[test]
fn a_crash_between_children_changes_nothing() {
    let env = shop().workflows(workflows![order]);
    env.answers(charge, [Answer::ok("a".to_owned()).after(10.seconds())]);
    let run = env.start(two_orders_then_none());

    env.crash();
    env.skip(5.seconds());
    env.crash();

    assert_eq!(run.result().unwrap_err().error_type(), "TooLate");
    assert_eq!((env.attempts(charge), env.attempts(release)), (2, 3));
}

#[test]
fn the_failure_of_a_child_keeps_its_type_through_generations() {
    #[workflow]
    async fn grandparent(cx: Context) -> Result<Vec<String>> {
        cx.child(orders(vec![7])).id("parent").await
    }
    let env = shop().workflows(workflows![order, orders]);
    env.fail(charge, 9, &down().non_retryable());

    let error = env.start(grandparent()).result().unwrap_err();

    assert_eq!(error.error_type(), "GatewayDown");
    assert_eq!(
        error.message(),
        "child `parent`: child `order/7`: connection refused"
    );
    assert_eq!(env.run::<()>("order/7").unwrap().status(), "Failed");
    // Each has undone what it did itself.
    assert_eq!(env.attempts(release), 1);
}

#[test]
fn a_failed_child_of_several_cancels_the_others_and_the_parent_waits_for_them() {
    let env = shop().workflows(workflows![order]);
    env.answers(
        charge,
        [
            Answer::err(down().non_retryable()),
            Answer::ok(String::new()).after(1.hours()),
        ],
    );

    let run = env.start(orders(vec![1, 2]));

    assert!(
        run.waiting_for().contains("1 child is asked to stop"),
        "{}",
        run.waiting_for()
    );
    assert_eq!(run.result().unwrap_err().error_type(), "GatewayDown");
    // Its worker did not care: it completed, and what it did was undone by its parent or by itself.
    assert_eq!(env.attempts(release), 2);
}

#[workflow]
async fn lets_go(cx: Context) -> Result<Option<String>> {
    let child = cx.child(order(5)).id("order/5");
    let child = child.on_parent_close(ParentClose::Abandon).start();
    Ok(child.workflow_id().map(str::to_owned))
}

#[test]
fn a_child_that_was_let_go_outlives_its_parent() {
    let env = shop().workflows(workflows![order]);
    env.answers(charge, [Answer::ok("late".to_owned()).after(30.seconds())]);

    let run = env.start(lets_go());

    assert_eq!(run.result().unwrap().as_deref(), Some("order/5"));
    assert_eq!(since_begin(env.now()), 0.seconds());
    assert_eq!(child(&env, 5).result().unwrap(), "late");
}

#[test]
fn a_child_whose_parent_returns_without_it_is_terminated_unless_said() {
    #[workflow]
    async fn returns(cx: Context, policy: u8) -> Result<()> {
        let policy = match policy {
            0 => ParentClose::Terminate,
            _ => ParentClose::Cancel,
        };
        drop(
            cx.child(order(5))
                .id("order/5")
                .on_parent_close(policy)
                .start(),
        );
        Ok(())
    }
    for (policy, status) in [(0, "Terminated"), (1, "Canceled")] {
        let env = shop().workflows(workflows![order]);
        env.answers(
            charge,
            [Answer::ok(String::new()).after(1.hours()).unless_canceled()],
        );

        env.start(returns(policy)).result().unwrap();

        assert_eq!(child(&env, 5).status(), status);
        assert_eq!(env.attempts(release), u32::from(policy));
    }
}

#[test]
fn cancelling_a_parent_cancels_its_children_and_ends_as_cancelled() {
    let env = shop().workflows(workflows![order]);
    env.answers(
        charge,
        [Answer::ok(String::new()).after(1.hours()).unless_canceled()],
    );
    let run = env.start(orders(vec![4]));

    run.cancel("the shop closes");

    assert!(run.result().unwrap_err().is_canceled());
    assert_eq!(child(&env, 4).status(), "Canceled");
    assert_eq!(env.attempts(release), 1);
}

#[test]
fn a_parent_cancels_one_child_by_itself() {
    #[workflow]
    async fn impatient(cx: Context) -> Result<bool> {
        let mut slow = cx.child(order(6)).id("order/6").start();
        select! {
            done = &mut slow => done.map(|_| false),
            woken = cx.sleep(1.minutes()) => {
                woken?;
                slow.cancel();
                slow.cancel();
                Ok(slow.await.unwrap_err().is_canceled())
            }
        }
    }
    let env = shop().workflows(workflows![order]);
    env.answers(
        charge,
        [Answer::ok(String::new()).after(1.hours()).unless_canceled()],
    );

    let run = env.start(impatient());

    assert!(run.result().unwrap());
    assert_eq!(run.history().count("ChildCancelRequested"), 1);
}

#[test]
fn a_taken_id_fails_the_child_and_its_parent_can_go_on() {
    #[workflow]
    async fn twice(cx: Context) -> Result<(String, String)> {
        let error = cx.child(order(1)).id("order/1").await.unwrap_err();
        cx.sleep(1.hours()).await?;
        let again = cx.child(order(1)).id("order/1");
        let again = again.id_reuse(IdReuse::AllowDuplicate).await?;
        Ok((error.error_type().to_owned(), again))
    }
    let env = shop().workflows(workflows![order]);
    env.answers(charge, [Answer::ok("first".to_owned()).after(1.minutes())]);
    env.start_with(StartOptions::new().id("order/1"), order(1));

    let run = env.start(twice());

    let (error, again) = run.result().unwrap();
    assert_eq!(
        (error.as_str(), again.as_str()),
        ("sagaline.AlreadyStarted", "paid 1")
    );
}

#[test]
fn a_child_is_given_time_attributes_and_a_memo() {
    #[workflow]
    async fn careful(cx: Context) -> Result<String> {
        let child = cx.child(order(3)).id("order/3").run_timeout(1.minutes());
        child.attribute("customer", "c-7").memo("note", 1).await
    }
    let env = shop().workflows(workflows![order]);
    env.answers(charge, [Answer::ok("late".to_owned()).after(1.hours())]);

    let run = env.start(careful());

    let child = child(&env, 3);
    assert_eq!(child.describe()["attributes"]["customer"], "c-7");
    assert_eq!(
        run.result().unwrap_err().error_type(),
        "sagaline.Timeout.Run"
    );
    assert_eq!(child.status(), "TimedOut");
}

/// So many orders, two at a time, three in one history: those that are open go from run to run.
#[workflow]
async fn stream(cx: Context, (from, to): (u32, u32)) -> Result<u32> {
    let mut open: FuturesUnordered<StartedChild<String>> =
        cx.carried_children().into_iter().collect();
    for cents in from..to {
        if cents == from + 3 {
            open.into_iter().for_each(StartedChild::hand_on);
            return cx.continue_as_new(&(cents, to));
        }
        if open.len() == 2 {
            open.next().await.transpose()?;
        }
        open.push(cx.child(order(cents)).id(format!("order/{cents}")).start());
    }
    while let Some(done) = open.next().await {
        done?;
    }
    Ok(to)
}

#[test]
fn open_children_go_from_run_to_run_and_none_is_lost() {
    let env = shop().workflows(workflows![order]);
    env.mock_with(charge, |_: &_, _: u32| {
        Answer::ok("paid".to_owned()).after(20.seconds())
    });

    let run = env.start(stream((0, 8)));
    env.skip(1.seconds());
    env.crash();

    assert_eq!(run.result().unwrap(), 8);
    assert_eq!((env.attempts(charge), env.attempts(release)), (8, 0));
    let children = &run.describe()["children"];
    assert_eq!(
        (&children["total"], &children["completed"]),
        (&8.into(), &8.into())
    );
    for cents in 0..8 {
        assert_eq!(child(&env, cents).status(), "Completed");
    }
}

#[test]
fn what_children_of_earlier_runs_did_is_undone_by_the_last_one() {
    #[workflow]
    async fn one_by_one(cx: Context, cents: u32) -> Result<()> {
        if cents == 3 {
            return Err(Error::new("Enough", "no more"));
        }
        cx.child(order(cents)).id(format!("order/{cents}")).await?;
        cx.continue_as_new(&(cents + 1))
    }
    let env = shop().workflows(workflows![order]);

    let run = env.start(one_by_one(0));

    assert_eq!(run.result().unwrap_err().error_type(), "Enough");
    assert_eq!((env.attempts(charge), env.attempts(release)), (3, 3));
}

#[test]
fn a_child_that_has_ended_before_it_was_handed_on_is_known_by_the_next_run() {
    #[workflow]
    async fn hands_on(cx: Context, round: u32) -> Result<Vec<String>> {
        if round == 0 {
            let children: Vec<_> = [1, 2, 3]
                .map(|cents| cx.child(order(cents)).id(format!("order/{cents}")).start())
                .into();
            cx.sleep(1.minutes()).await?;
            children.into_iter().for_each(StartedChild::hand_on);
            return cx.continue_as_new(&1);
        }
        let ended = join_all(cx.carried_children::<String>()).await;
        Ok(ended
            .into_iter()
            .map(|one| one.unwrap_or_else(|error| error.error_type().to_owned()))
            .collect())
    }
    let env = shop().workflows(workflows![order]);
    env.answers(
        charge,
        [
            Answer::ok("first".to_owned()),
            Answer::err(down().non_retryable()),
            Answer::ok("third".to_owned()).after(2.minutes()),
            Answer::ok("third, again".to_owned()).after(30.seconds()),
        ],
    );

    let run = env.start(hands_on(0));

    assert_eq!(
        run.result().unwrap(),
        ["first", "GatewayDown", "third, again"]
    );
}

#[test]
fn the_end_of_the_last_run_ends_children_that_an_earlier_one_started() {
    #[workflow]
    async fn leaves(cx: Context, round: u32) -> Result<()> {
        if round == 0 {
            cx.child(order(5)).id("order/5").start().hand_on();
            return cx.continue_as_new(&1);
        }
        Ok(())
    }
    let env = shop().workflows(workflows![order]);
    env.mock_with(charge, |_: &_, _: u32| {
        Answer::ok(String::new()).after(30.seconds())
    });

    env.start(leaves(0)).result().unwrap();

    assert_eq!(child(&env, 5).status(), "Terminated");
}

/// Reserves once in each run, then goes on in another.
#[workflow]
async fn monthly(cx: Context, months: u32) -> Result<u32> {
    cx.run(reserve("tea")).compensate_with(release).await?;
    cx.sleep(30.days()).await?;
    match months {
        1 => Ok(months),
        _ => cx.continue_as_new(&(months - 1)),
    }
}

/// A subscription, then something that fails.
#[workflow]
async fn subscription(cx: Context, months: u32) -> Result<u32> {
    let paid = cx.child(monthly(months)).id("monthly").await?;
    match months {
        3 => Ok(paid),
        _ => Err(Error::new("Moved", "nobody lives there")),
    }
}

#[test]
fn a_child_that_goes_on_in_other_runs_is_one_child_to_its_parent() {
    let env = shop().workflows(workflows![monthly]);
    let run = env.start(subscription(3));

    assert_eq!(run.result().unwrap(), 1);

    let child = env.run::<u32>("monthly").unwrap();
    assert_eq!(child.histories().len(), 3);
    assert_eq!(child.describe()["parent"]["workflow_id"], run.workflow_id());
    assert_eq!(run.history().count("ChildStarted"), 1);
    assert_eq!(run.history().count("ChildCompleted"), 1);
    assert_eq!(since_begin(env.now()), 90.days());
}

#[test]
fn what_all_runs_of_a_child_have_done_is_undone_by_its_parent() {
    let env = shop().workflows(workflows![monthly]);

    let failed = env.start(subscription(2)).result().unwrap_err();

    assert_eq!(failed.error_type(), "Moved");
    assert_eq!(env.attempts(release), 2);
}

#[test]
fn a_parent_that_is_asked_to_stop_stops_the_run_that_its_child_is_at() {
    let env = shop().workflows(workflows![monthly]);
    let run = env.start(subscription(3));
    env.skip(45.days());

    run.cancel("moved");

    assert!(run.result().is_err());
    let child = env.run::<u32>("monthly").unwrap();
    assert_eq!((child.histories().len(), child.status()), (2, "Canceled"));
    assert_eq!(env.attempts(release), 2);
}
