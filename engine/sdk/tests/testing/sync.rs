//! What the branches of one run share: channels, mutexes, semaphores, and branches that go on by themselves.

use std::future::Future;

use sagaline_sdk::{
    future::try_join_all,
    prelude::*,
    sync::{self, CLOSED, Mutex, Semaphore},
    testing::{Answer, Env, Run},
};

use serde::de::DeserializeOwned;

use crate::since_begin;

/// Takes as many seconds as it is given, and gives them back.
#[activity]
async fn work(seconds: u64) -> Result<u64> {
    Ok(seconds)
}

fn slow() -> Env {
    let env = Env::new().activities(activities![work]);
    env.mock_with(work, |_, seconds: u64| {
        Answer::ok(seconds)
            .after(seconds.seconds())
            .unless_canceled()
    })
}

/// Whether what was waited for was cancelled.
fn is_canceled<T>(ended: &Result<T>) -> bool {
    ended.as_ref().is_err_and(Error::is_canceled)
}

fn seconds(env: &Env) -> u64 {
    since_begin(env.now()).as_secs()
}

/// What goes through a channel, and at which second each value had been sent.
#[workflow]
async fn through_a_channel(cx: Context, capacity: usize) -> Result<(Vec<u32>, Vec<u64>)> {
    let (sender, mut receiver) = sync::channel(&cx, capacity);
    let begun = cx.info().started_at;
    let send = async {
        let sender = sender;
        let mut sent = Vec::new();
        for value in 0..4 {
            sender.send(value).await?;
            sent.push(u64::try_from(cx.now().as_millis() - begun.as_millis())? / 1_000);
        }
        Ok::<_, Error>(sent)
    };
    let receive = async {
        let mut received = Vec::new();
        cx.run(work(1)).await?;
        while let Some(value) = receiver.recv().await? {
            received.push(value);
            cx.run(work(1)).await?;
        }
        Ok(received)
    };
    let (sent, received) = try_join!(send, receive)?;
    Ok((received, sent))
}

#[test]
fn who_sends_more_than_a_channel_holds_waits_until_there_is_room() {
    for (capacity, sent) in [
        (0, vec![1, 2, 3, 4]),
        (1, vec![0, 1, 2, 3]),
        (2, vec![0, 0, 1, 2]),
        (9, vec![0, 0, 0, 0]),
    ] {
        let run = slow().start(through_a_channel(capacity));

        assert_eq!(
            run.result().unwrap(),
            (vec![0, 1, 2, 3], sent),
            "{capacity}"
        );
    }
}

#[test]
fn a_crash_at_any_second_changes_nothing() {
    for second in 0..5 {
        let env = slow();
        let run = env.start(through_a_channel(1));

        env.skip(second.seconds());
        env.crash();

        let (received, sent) = run.result().unwrap();
        assert_eq!((received, sent), (vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    }
}

/// Several senders wait at a channel that is full; the receiver takes two and goes.
#[workflow]
async fn crowded(cx: Context) -> Result<(Vec<u32>, Vec<bool>)> {
    let (sender, mut receiver) = sync::channel(&cx, 0);
    let senders = (0..4).map(|value| {
        let sender = sender.clone();
        async move {
            let sent = sender.send(value).await;
            sent.is_err_and(|error| error.error_type() == CLOSED)
        }
    });
    let receive = async {
        cx.run(work(1)).await?;
        let two = [receiver.recv().await?, receiver.recv().await?];
        drop(receiver);
        Ok::<_, Error>(two.into_iter().flatten().collect())
    };
    let (closed, taken) = join!(join_all(senders), receive);
    Ok((taken?, closed))
}

#[test]
fn senders_wait_in_the_order_in_which_they_came_and_hear_when_the_receiver_has_gone() {
    let run = slow().start(crowded());

    let (taken, closed) = run.result().unwrap();
    assert_eq!(
        (taken, closed),
        (vec![0, 1], vec![false, false, true, true])
    );
}

/// A sender that gives up before there was room, and a receiver that gives up before there was a value.
#[workflow]
async fn impatient(cx: Context) -> Result<(Vec<u32>, Option<u32>)> {
    let (sender, mut receiver) = sync::channel(&cx, 1);
    let none = select! {
        value = receiver.recv() => value?,
        slept = cx.sleep(1.seconds()) => {
            slept?;
            None
        }
    };
    sender.send(1).await?;
    select! {
        sent = sender.send(2) => sent?,
        slept = cx.sleep(1.seconds()) => slept?,
    }
    let other = sender.clone();
    drop(sender);
    let (sent, first) = join!(other.send(3), receiver.recv());
    sent?;
    drop(other);
    let mut values: Vec<u32> = first?.into_iter().collect();
    values.extend(receiver.recv().await?);
    values.extend(receiver.recv().await?);
    Ok((values, none))
}

#[test]
fn who_gives_up_waiting_at_a_channel_leaves_nothing_there() {
    let run = slow().start(impatient());

    assert_eq!(run.result().unwrap(), (vec![1, 3], None));
}

/// Branches that want a permit of a semaphore each, by weight and duration; gives the seconds at which they began.
#[workflow]
async fn weighted(cx: Context, input: (u32, Vec<(u32, u64)>)) -> Result<Vec<u64>> {
    let (permits, wanted) = input;
    let semaphore = Semaphore::new(&cx, permits);
    let begun = cx.now();
    let branches = wanted.into_iter().map(|(weight, seconds)| {
        let (cx, semaphore) = (cx.clone(), semaphore.clone());
        async move {
            let permit = semaphore.acquire(weight).await?;
            assert_eq!(permit.count(), weight);
            let at = cx.now().as_millis() - begun.as_millis();
            cx.run(work(seconds)).await?;
            Ok::<_, Error>(u64::try_from(at)? / 1_000)
        }
    });
    let at = try_join_all(branches).await?;
    assert_eq!(semaphore.available(), permits);
    Ok(at)
}

#[test]
fn permits_go_to_those_that_came_first_even_if_fewer_would_do_for_another() {
    let wanted = vec![(2, 10), (1, 3), (2, 5), (1, 1)];

    let run = slow().start(weighted((3, wanted)));

    // The last could begin after 3 s, but the third came before it.
    assert_eq!(run.result().unwrap(), [0, 0, 10, 10]);
}

#[test]
fn more_permits_than_there_are_can_never_be_had() {
    let error = slow()
        .start(weighted((3, vec![(4, 1)])))
        .result()
        .unwrap_err();

    assert_eq!(error.error_type(), "sagaline.InvalidOptions");
    assert!(error.message().contains("4 permits"), "{error}");
}

/// Who waits for two permits gives up; who waits for one behind it gets it then.
#[workflow]
async fn gives_way(cx: Context) -> Result<u64> {
    let semaphore = Semaphore::new(&cx, 2);
    let held = semaphore.acquire(1).await?;
    let begun = cx.now();
    let (gave_up, second) = join!(
        cx.timeout(5.seconds(), async {
            let _two = semaphore.acquire(2).await?;
            Ok(())
        }),
        semaphore.acquire(1)
    );
    assert_eq!(gave_up?, None);
    let _second = second?;
    assert!(semaphore.try_acquire(1).is_none());
    drop(held);
    assert!(semaphore.try_acquire(1).is_some());
    Ok(u64::try_from(cx.now().as_millis() - begun.as_millis())? / 1_000)
}

#[test]
fn who_gives_up_waiting_for_permits_holds_up_nobody() {
    assert_eq!(slow().start(gives_way()).result().unwrap(), 5);
}

/// Adds to a balance that it reads before and writes after a wait.
#[workflow]
async fn bookings(cx: Context, amounts: Vec<u64>) -> Result<(u64, Vec<u64>)> {
    let balance = Mutex::new(&cx, (0, Vec::new()));
    let book = async |amount: u64| {
        let mut balance = balance.lock().await?;
        assert!(balance_is_locked(&balance));
        let before = balance.0;
        let booked = cx.run(work(amount)).await?;
        balance.0 = before + booked;
        balance.1.push(amount);
        Ok::<_, Error>(())
    };
    try_join_all(amounts.into_iter().map(book)).await?;
    let done = balance
        .try_lock()
        .ok_or_else(|| Error::other("nobody holds it"))?;
    Ok(done.clone())
}

fn balance_is_locked<T>(_guard: &sync::MutexGuard<T>) -> bool {
    true
}

#[test]
fn a_mutex_lets_one_branch_at_a_time_in_in_the_order_in_which_they_came() {
    let env = slow();
    let run = env.start(bookings(vec![3, 1, 2]));
    env.skip(2.seconds());
    env.crash();

    assert_eq!(run.result().unwrap(), (6, vec![3, 1, 2]));
    assert_eq!(seconds(&env), 6);
}

/// Waits in one of three ways, for what comes only after a long time; says whether it was cancelled.
#[workflow]
async fn waits(cx: Context, input: (String, bool)) -> Result<bool> {
    let (how, shielded) = input;
    let lock = Mutex::new(&cx, ());
    let permits = Semaphore::new(&cx, 2);
    let (sender, mut receiver) = sync::channel::<u32>(&cx, 1);
    let (full, mut _kept) = sync::channel(&cx, 0);
    let (guard, permit) = (lock.lock().await?, permits.acquire(1).await?);
    let wait = async {
        match how.as_str() {
            "mutex" => is_canceled(&lock.lock().await),
            "semaphore" => is_canceled(&permits.acquire(2).await),
            "send" => is_canceled(&full.send(1).await),
            _ => is_canceled(&receiver.recv().await),
        }
    };
    let hold = cx.shielded(async {
        cx.sleep(1.hours()).await?;
        drop((guard, permit));
        let taken = _kept.try_recv();
        sender.send(taken.unwrap_or_default()).await
    });
    let (canceled, held) = if shielded {
        join!(cx.shielded(wait), hold)
    } else {
        join!(wait, hold)
    };
    held?;
    Ok(canceled)
}

#[test]
fn a_cancelled_run_waits_no_longer_but_under_a_shield() {
    for how in ["mutex", "semaphore", "send", "receive"] {
        for shielded in [false, true] {
            let env = slow();
            let run = env.start(waits((how.to_owned(), shielded)));
            run.cancel("enough");
            env.crash();

            assert_eq!(run.result().unwrap(), !shielded, "{how}");
        }
    }
}

#[test]
fn what_is_waited_for_comes_when_nobody_cancels() {
    for how in ["mutex", "semaphore", "send", "receive"] {
        assert!(
            !slow()
                .start(waits((how.to_owned(), false)))
                .result()
                .unwrap(),
            "{how}"
        );
    }
}

/// Wants all of it at once after the run was asked to stop.
#[workflow]
async fn begins_late(cx: Context) -> Result<Vec<bool>> {
    let lock = Mutex::new(&cx, ());
    let permits = Semaphore::new(&cx, 2);
    let (sender, mut receiver) = sync::unbounded(&cx);
    sender.send(1).await?;
    let _ = cx.run(work(9)).await;
    let canceled = vec![
        is_canceled(&lock.lock().await),
        is_canceled(&permits.acquire(1).await),
        is_canceled(&sender.send(2).await),
        is_canceled(&receiver.recv().await),
    ];
    assert_eq!(receiver.try_recv(), Some(1));
    assert_eq!(receiver.try_recv(), None);
    Ok(canceled)
}

#[test]
fn nothing_new_is_waited_for_once_the_run_was_asked_to_stop() {
    let run = slow().start(begins_late());
    run.cancel("enough");

    assert_eq!(run.result().unwrap(), [true; 4]);
}

/// Two branches that each hold what the other wants.
#[workflow]
async fn embraced(cx: Context) -> Result<()> {
    let (one, other) = (Mutex::new(&cx, ()), Mutex::new(&cx, ()));
    let both = async |first: &Mutex<()>, second: &Mutex<()>| {
        let _first = first.lock().await?;
        cx.run(work(1)).await?;
        let _second = second.lock().await?;
        Ok::<_, Error>(())
    };
    try_join!(both(&one, &other), both(&other, &one))?;
    Ok(())
}

/// Waits for a value that nobody sends.
#[workflow]
async fn forgotten(cx: Context) -> Result<Option<u32>> {
    let (_sender, mut receiver) = sync::channel(&cx, 1);
    receiver.recv().await
}

fn deadlock<R: DeserializeOwned>(run: &Run<R>) {
    let incident = run.wait_for_incident().unwrap();
    assert_eq!(incident.kind(), "deadlock");
    // A person can still have it stopped.
    run.cancel("it cannot go on");
    assert!(run.result().is_err_and(|error| error.is_canceled()));
}

#[test]
fn branches_that_wait_for_each_other_are_an_incident_and_can_be_cancelled() {
    deadlock(&slow().start(embraced()));
    deadlock(&slow().start(forgotten()));
}

/// Counts for ever, beside a workflow that looks after ten seconds.
#[workflow]
async fn beside(cx: Context) -> Result<(u64, u64)> {
    let count = Mutex::new(&cx, 0);
    let (counts, counted) = (cx.clone(), count.clone());
    cx.spawn(async move {
        loop {
            counts.sleep(1.seconds()).await?;
            *counted.lock().await? += 1;
        }
        #[expect(unreachable_code, reason = "it names the type of the error")]
        Ok::<(), Error>(())
    });
    let twice = cx.clone();
    let other = cx.spawn(async move { twice.run(work(4)).await.map(|seconds| 2 * seconds) });
    cx.sleep(10.seconds()).await?;
    Ok((*count.lock().await?, other.await?))
}

#[test]
fn a_branch_goes_on_beside_the_workflow_and_ends_with_it() {
    let env = slow();
    let run = env.start(beside());
    env.skip(5.seconds());
    env.crash();

    // At the tenth second the workflow is woken before the branch: its timer was started before.
    assert_eq!(run.result().unwrap(), (9, 8));
    assert_eq!(seconds(&env), 10);
    assert_eq!(run.history().count("TimerCanceled"), 1);
}

/// A branch that is begun in a scope, and one beside.
#[workflow]
async fn spawns_in_a_scope(cx: Context) -> Result<(bool, bool)> {
    let scope = cx.scope();
    let sleeper = |cx: Context| async move { is_canceled(&cx.sleep(1.hours()).await) };
    let mut inside = None;
    let begin = async { inside = Some(cx.spawn(sleeper(cx.clone()))) };
    scope.within(begin).await;
    let inside = inside.ok_or_else(|| Error::other("it was begun"))?;
    let outside = cx.spawn(sleeper(cx.clone()));
    cx.run(work(1)).await?;
    scope.cancel();
    Ok((inside.await, outside.await))
}

#[test]
fn a_branch_stops_with_the_scope_in_which_it_was_begun() {
    assert_eq!(
        slow().start(spawns_in_a_scope()).result().unwrap(),
        (true, false)
    );
}

/// Branches that begin branches.
#[workflow]
async fn many(cx: Context, count: u32) -> Result<u32> {
    fn count_down(cx: Context, left: u32) -> impl Future<Output = u32> + Send {
        let next = left.checked_sub(1);
        let below: Option<std::pin::Pin<Box<dyn Future<Output = u32> + Send>>> =
            next.map(|next| Box::pin(cx.spawn(count_down(cx.clone(), next))) as _);
        async move {
            match below {
                Some(below) => below.await + 1,
                None => 0,
            }
        }
    }
    cx.run(work(1)).await?;
    Ok(cx.spawn(count_down(cx.clone(), count)).await)
}

#[test]
fn branches_may_begin_branches() {
    assert_eq!(slow().start(many(300)).result().unwrap(), 300);
}
