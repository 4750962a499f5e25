//! Partitions that go and come.

use super::*;

#[tokio::test(start_paused = true)]
async fn partitions_that_go_wait_for_what_runs_on_them() {
    let bench = Bench::new(2);
    bench.give([3]);
    bench.seconds(0).await;
    let (held, mut gone) = mpsc::channel::<()>(1);

    bench.event(Event::Leaving(
        vec![("ns.tasks.default".into(), 0)],
        Box::new(held),
    ));
    bench.seconds(1).await;
    assert!(
        gone.try_recv()
            .is_err_and(|error| error == mpsc::error::TryRecvError::Empty)
    );
    bench.seconds(1).await;

    assert_eq!(bench.log.commits(), [4]);
    assert!(
        gone.try_recv()
            .is_err_and(|error| error == mpsc::error::TryRecvError::Disconnected)
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_read_again_while_it_runs_is_not_run_twice_and_counts_in_its_new_place() {
    let bench = Bench::new(2);
    bench.give([3]);
    bench.seconds(1).await;

    bench.event(Event::Lost);
    bench.event(Event::Assigned);
    bench.give([3]);
    bench.seconds(3).await;

    assert_eq!(bench.begun(), 1);
    assert_eq!(bench.log.answers(), ["started 3", "completed 3"]);
    assert_eq!(bench.log.commits(), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_task_read_again_after_its_answer_is_not_run_again() {
    let bench = Bench::new(2);
    bench.give([3]);
    bench.seconds(4).await;

    bench.event(Event::Lost);
    bench.event(Event::Assigned);
    bench.give([3]);
    bench.seconds(4).await;

    assert_eq!(bench.begun(), 1);
    assert_eq!(bench.log.commits(), [4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_does_not_wait_for_a_long_attempt_which_goes_on() {
    let bench = Bench::new(2);
    bench.give_reporting(5, "60");
    bench.seconds(40).await;
    let (held, mut gone) = mpsc::channel::<()>(1);

    let place = ("ns.tasks.default".into(), 0);
    bench.event(Event::Leaving(vec![place], Box::new(held)));
    bench.seconds(0).await;
    let left = gone.try_recv();
    assert!(left.is_err_and(|error| error == mpsc::error::TryRecvError::Disconnected));
    bench.event(Event::Lost);
    bench.event(Event::Assigned);
    // Committed, and yet read again: the commit was lost.
    bench.give_reporting(5, "60");
    bench.seconds(30).await;

    assert_eq!(bench.begun(), 1);
    assert_eq!(bench.log.answers().last().unwrap(), "failed 5");
    assert_eq!(bench.log.commits(), [6, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_full_for_long_hears_that_partitions_go_and_forgets_what_waits() {
    let bench = Bench::new(1);
    bench.give_reporting(5, "60");
    bench.give([6, 7]);
    bench.seconds(40).await;
    let (held, mut gone) = mpsc::channel::<()>(1);

    let place = ("ns.tasks.default".into(), 0);
    bench.event(Event::Leaving(vec![place], Box::new(held)));
    bench.seconds(0).await;
    let left = gone.try_recv();
    assert!(left.is_err_and(|error| error == mpsc::error::TryRecvError::Disconnected));
    bench.event(Event::Lost);
    bench.event(Event::Assigned);
    bench.give([9]);
    bench.seconds(40).await;

    assert_eq!(bench.log.answers().last().unwrap(), "completed 9");
    assert_eq!(bench.begun(), 2, "others begin 6 and 7");
    assert_eq!(bench.log.commits(), [6, 10]);
}
