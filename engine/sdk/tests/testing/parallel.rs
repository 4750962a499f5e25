//! Time-outs over blocks, scopes, and steps that are undone in parallel, as a user sees them.

use sagaline_core::error_type;
use sagaline_sdk::{future::try_join_all, prelude::*, sync::Mutex, testing::Answer};

use crate::{charge, release, reserve, shop, since_begin};

/// Reserves three items, whose reservations do not depend on each other, after and before something that does.
#[workflow]
async fn basket(cx: Context) -> Result<()> {
    let held = |item: &str| cx.run(reserve(item)).compensate_with(release);
    held("before").await?;
    let items = ["one", "two", "three"];
    cx.compensate_in_parallel(try_join_all(items.map(held)))
        .await?;
    held("after").await?;
    Err(Error::new("TooLate", "the shop is closed"))
}

#[test]
fn what_was_done_in_a_group_is_undone_in_parallel_and_all_else_in_order() {
    let env = shop();
    env.mock_with(release, |_, _: u32| Answer::ok(()).after(10.seconds()));
    let run = env.start(basket());
    env.skip(15.seconds());
    env.crash();

    assert_eq!(run.result().unwrap_err().error_type(), "TooLate");
    let undone = run.history().times("ActivityCompleted").split_off(5);
    let seconds: Vec<u64> = undone
        .into_iter()
        .map(|at| since_begin(at).as_secs())
        .collect();
    assert_eq!(seconds, [10, 20, 20, 20, 30]);
}

/// Reserves, then wants to be paid within ten seconds.
#[workflow]
async fn quick_order(cx: Context) -> Result<Option<String>> {
    cx.timeout(10.seconds(), async {
        cx.run(reserve("tea")).compensate_with(release).await?;
        cx.run(charge(7)).await
    })
    .await
}

#[test]
fn a_block_has_its_time_and_no_more() {
    for (takes, paid) in [(9, Some("paid".to_owned())), (11, None)] {
        let env = shop();
        let answer = Answer::ok("paid".to_owned());
        env.answers(charge, [answer.after(takes.seconds()).unless_canceled()]);
        let run = env.start(quick_order());
        env.skip(5.seconds());
        env.crash();

        assert_eq!(run.result().unwrap(), paid);
        assert_eq!(since_begin(env.now()), takes.min(10).seconds());
        assert_eq!(
            env.attempts(release),
            0,
            "a workflow that completes is not undone"
        );
    }
}

#[test]
fn a_block_whose_step_does_not_listen_is_waited_for() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(25.seconds())]);

    let paid = env.start(quick_order()).result().unwrap();

    assert_eq!(paid.as_deref(), Some("paid"));
    assert_eq!(since_begin(env.now()), 25.seconds());
}

/// Waits for signals, a sleep, a child and a condition in a scope; the first signal of the other name cancels it.
#[workflow]
async fn all_kinds(cx: Context) -> Result<Vec<bool>> {
    let scope = cx.scope();
    let waits = scope.within(async {
        let (signal, sleep, child, timed, condition) = join!(
            async { cx.signal::<()>("inside").await.map(drop) },
            cx.sleep(1.hours()),
            async { cx.child(crate::order(1)).id("inside").await.map(drop) },
            async { cx.signal::<()>("inside").timeout(2.hours()).await.map(drop) },
            cx.until(|()| false)
        );
        [signal, sleep, child, timed, condition]
    });
    let (waited, outside) = join!(waits, async {
        cx.signal::<()>("stop").await?;
        scope.cancel();
        cx.signal::<()>("outside").await
    });
    outside?;
    Ok(waited
        .map(|one| one.is_err_and(|error| error.is_canceled()))
        .to_vec())
}

#[test]
fn a_scope_reaches_signals_sleeps_children_and_conditions_and_no_other_wait() {
    let env = shop().workflows(workflows![crate::order]);
    env.answers(
        charge,
        [Answer::ok("paid".to_owned())
            .after(1.hours())
            .unless_canceled()],
    );
    let run = env.start(all_kinds());

    run.signal("stop", &()).unwrap();
    env.crash();
    assert_eq!(run.waiting_for(), "Waiting for signal outside for 0 s.");
    let child = env.run::<String>("inside").unwrap();
    assert_eq!(child.status(), "Canceled");
    run.signal("outside", &()).unwrap();

    assert_eq!(run.result().unwrap(), [true; 5]);
    assert_eq!(run.history().count("WorkflowCancelRequested"), 0);
}

/// Two who may pay, one after the other, from a purse that updates share with the workflow.
#[derive(Default)]
struct Purse {
    turn: Option<Mutex<u32>>,
    is_closed: bool,
}

#[signal]
fn close(purse: &mut Purse) {
    purse.is_closed = true;
}

/// Pays in a branch of its own, within a minute.
#[update]
async fn pay(cx: Context<Purse>, cents: u32) -> Result<Option<u32>> {
    let Some(turn) = cx.with(|purse| purse.turn.clone()) else {
        return Err(Error::new("NoPurse", "there is none"));
    };
    let branch = {
        let cx = cx.clone();
        async move {
            let mut left = turn.lock().await?;
            cx.run(charge(cents)).await?;
            *left -= cents;
            Ok::<_, Error>(*left)
        }
    };
    cx.timeout(1.minutes(), async { cx.spawn(branch).await })
        .await
}

#[workflow(signals(close), updates(pay))]
async fn purse(cx: Context<Purse>, cents: u32) -> Result<u32> {
    let turn = Mutex::new(&cx, cents);
    cx.with_mut(|purse| purse.turn = Some(turn.clone()));
    cx.until(|purse| purse.is_closed).await?;
    let left = turn.lock().await?;
    Ok(*left)
}

#[test]
fn updates_share_a_lock_with_their_workflow_and_have_branches_and_times() {
    let env = shop();
    let paid = |after: u64| {
        let answer = Answer::ok("paid".to_owned());
        answer.after(after.seconds()).unless_canceled()
    };
    env.answers(charge, [paid(40), paid(10), paid(100)]);
    let run = env.start(purse(100));

    let first = run.begin_update(pay(30)).unwrap();
    let second = run.begin_update(pay(20)).unwrap();
    env.crash();
    assert_eq!(first.result().unwrap(), Some(70));
    assert_eq!(second.result().unwrap(), Some(50));
    assert_eq!(since_begin(env.now()), 50.seconds());
    assert_eq!(run.update(pay(10)).unwrap(), None);
    assert_eq!(since_begin(env.now()), 110.seconds());

    run.send(close()).unwrap();
    assert_eq!(run.result().unwrap(), 50);
}

#[test]
fn branches_of_updates_end_with_their_run() {
    let env = shop();
    env.answers(charge, [Answer::never()]);
    let run = env.start(purse(100));
    let update = run.begin_update(pay(30)).unwrap();

    run.cancel("enough");

    assert!(run.result().unwrap_err().is_canceled());
    assert_eq!(
        update.result().unwrap_err().error_type(),
        error_type::CLOSED
    );
}
