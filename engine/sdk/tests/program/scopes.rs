//! Scopes and time-outs: what is asked to stop, and what is not.

use sagaline_sdk::prelude::*;

use crate::drive::{Drive, lines};

#[activity]
async fn work(part: u32) -> Result<u32>;

/// One step in a scope, one beside it; the scope is cancelled when the latter has ended.
#[workflow]
async fn half_in_a_scope(cx: Context) -> Result<u32> {
    let scope = cx.scope();
    let inside = scope.within(async {
        let sleeping = cx.sleep(1.hours());
        let (one, slept) = join!(cx.run(work(1)), sleeping);
        assert!(slept.is_err_and(|error| error.is_canceled()));
        // What would begin later does not.
        assert!(
            cx.run(work(9))
                .await
                .is_err_and(|error| error.is_canceled())
        );
        assert!(cx.is_cancel_requested());
        one
    });
    let (inside, outside) = join!(inside, async {
        let (two, three) = (cx.run(work(2)).start(), cx.run(work(3)).start());
        let two = two.await?;
        scope.cancel();
        scope.cancel();
        Ok::<_, Error>(two + three.await?)
    });
    assert!(!cx.is_cancel_requested());
    match inside {
        Err(error) if error.is_canceled() => outside,
        _ => Err(Error::other("the scope's step goes on")),
    }
}

#[test]
fn a_scope_asks_what_began_in_it_to_stop_and_nothing_else() {
    let mut drive = Drive::new(workflows![half_in_a_scope], "half-in-a-scope");

    let begun = lines(&drive.start(()));
    assert_eq!(
        begun,
        [
            "schedule 1 work 1",
            "timer 2 at 3601000",
            "schedule 3 work 2",
            "schedule 4 work 3"
        ]
    );
    assert_eq!(lines(&drive.complete(3, 20)), ["forget 2", "cancel 1"]);
    assert_eq!(lines(&drive.canceled(1)), Vec::<String>::new());
    assert_eq!(lines(&drive.complete(4, 3)), ["complete 23"]);
    drive.rebuild(drive.history.len()).unwrap();
}

/// A scope in a scope, and a shield in both, all with one step each.
#[workflow]
async fn nested(cx: Context, cancels_outer: bool) -> Result<Vec<bool>> {
    let (outer, inner) = (cx.scope(), cx.scope());
    let stopped = async |part| cx.run(work(part)).await.is_err_and(|e| e.is_canceled());
    let (whole, ()) = join!(
        outer.within(async {
            join!(
                stopped(1),
                inner.within(async { join!(stopped(2), cx.shielded(stopped(3))) })
            )
        }),
        async {
            let _ = cx.run(work(4)).await;
            if cancels_outer {
                outer.cancel()
            } else {
                inner.cancel()
            }
        }
    );
    let (one, (two, three)) = whole;
    Ok(vec![one, two, three])
}

#[test]
fn what_stops_the_outer_scope_stops_the_inner_and_not_the_other_way_and_shields_hold() {
    for (cancels_outer, asked, result) in [
        (
            true,
            vec!["cancel 1", "cancel 2"],
            "complete [true,true,false]",
        ),
        (false, vec!["cancel 2"], "complete [false,true,false]"),
    ] {
        let mut drive = Drive::new(workflows![nested], "nested");
        drive.start(cancels_outer);

        assert_eq!(lines(&drive.complete(4, 0)), asked);
        drive.complete(3, 0);
        drive.canceled(2);
        let last = if cancels_outer {
            drive.canceled(1)
        } else {
            drive.complete(1, 0)
        };
        assert_eq!(lines(&last), [result]);
    }
}

#[test]
fn what_stops_the_run_stops_its_scopes() {
    let mut drive = Drive::new(workflows![nested], "nested");
    drive.start(true);

    let asked = lines(&drive.cancel("enough"));

    assert_eq!(asked, ["cancel 1", "cancel 2", "cancel 4"]);
}

/// A scope that is awaited under a shield, so that only its own request reaches it.
#[workflow]
async fn shielded_scope(cx: Context) -> Result<u32> {
    let scope = cx.scope();
    let inside = cx.shielded(scope.within(async { cx.run(work(1)).await }));
    let (inside, outside) = join!(inside, cx.run(work(2)));
    inside.or(outside)
}

#[test]
fn a_scope_under_a_shield_does_not_hear_of_the_run() {
    let mut drive = Drive::new(workflows![shielded_scope], "shielded-scope");
    drive.start(());

    assert_eq!(lines(&drive.cancel("enough")), ["cancel 2"]);
    drive.canceled(2);
    assert_eq!(lines(&drive.complete(1, 7)), ["complete 7"]);
}

/// Two steps within ten seconds.
#[workflow]
async fn hurried(cx: Context) -> Result<Option<u32>> {
    let both = cx.timeout(10.seconds(), async {
        let one = cx.run(work(1)).await?;
        Ok(one + cx.run(work(2)).await?)
    });
    both.await
}

#[test]
fn a_block_that_is_in_time_forgets_its_timer() {
    let mut drive = Drive::new(workflows![hurried], "hurried");

    assert_eq!(
        lines(&drive.start(())),
        ["schedule 1 work 1", "timer 2 at 11000"]
    );
    assert_eq!(lines(&drive.complete(1, 1)), ["schedule 3 work 2"]);
    assert_eq!(lines(&drive.complete(3, 2)), ["forget 2", "complete 3"]);
}

#[test]
fn a_block_whose_time_is_over_is_asked_to_stop_and_waited_for() {
    let mut drive = Drive::new(workflows![hurried], "hurried");
    drive.start(());
    drive.complete(1, 1);

    assert_eq!(lines(&drive.fire(2)), ["cancel 3"]);
    assert_eq!(lines(&drive.canceled(3)), ["complete null"]);
    drive.rebuild(drive.history.len()).unwrap();
}

#[test]
fn a_block_that_completes_although_its_time_is_over_is_heard() {
    let mut drive = Drive::new(workflows![hurried], "hurried");
    drive.start(());
    drive.complete(1, 1);
    drive.fire(2);

    assert_eq!(lines(&drive.complete(3, 2)), ["complete 3"]);
}

#[test]
fn a_block_that_fails_after_its_time_has_failed() {
    let mut drive = Drive::new(workflows![hurried], "hurried");
    drive.start(());
    drive.fire(2);

    assert_eq!(lines(&drive.fail(1, "Broken")), ["fail Broken: it failed"]);
}

#[test]
fn a_run_that_is_cancelled_is_not_taken_for_one_whose_time_is_over() {
    for fires_before in [false, true] {
        let mut drive = Drive::new(workflows![hurried], "hurried");
        drive.start(());
        if fires_before {
            assert_eq!(lines(&drive.fire(2)), ["cancel 1"]);
            assert_eq!(lines(&drive.cancel("enough")), Vec::<String>::new());
        } else {
            assert_eq!(lines(&drive.cancel("enough")), ["forget 2", "cancel 1"]);
        }

        assert_eq!(lines(&drive.canceled(1)), ["end canceled enough"]);
    }
}

/// A slow step within two time-outs.
#[workflow]
async fn hurried_twice(cx: Context) -> Result<Option<Option<u32>>> {
    let inner = cx.timeout(20.seconds(), async { cx.run(work(1)).await });
    cx.timeout(10.seconds(), inner).await
}

#[test]
fn the_outer_time_out_is_not_taken_for_the_inner_one() {
    let mut drive = Drive::new(workflows![hurried_twice], "hurried-twice");
    let begun = lines(&drive.start(()));
    assert_eq!(
        begun,
        ["schedule 1 work 1", "timer 2 at 21000", "timer 3 at 11000"]
    );

    assert_eq!(lines(&drive.fire(3)), ["forget 2", "cancel 1"]);
    assert_eq!(lines(&drive.canceled(1)), ["complete null"]);
}

#[workflow]
async fn loses(cx: Context) -> Result<u32> {
    select! {
        _ = cx.timeout(10.seconds(), async { cx.sleep(5.seconds()).await }) => Ok(0),
        won = cx.run(work(1)) => won,
    }
}

#[test]
fn a_block_that_is_dropped_is_forgotten_with_its_timers() {
    let mut drive = Drive::new(workflows![loses], "loses");
    drive.start(());

    assert_eq!(
        lines(&drive.complete(3, 4)),
        ["forget 1", "forget 2", "complete 4"]
    );
}
