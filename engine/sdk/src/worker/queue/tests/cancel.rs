//! Attempts that shall stop.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_running_attempt_hears_that_it_shall_stop() {
    let bench = Bench::new(2);
    bench.give_reporting(5, "60");
    bench.give_reporting(6, "3");
    bench.seconds(1).await;

    bench.cancel("r-1/5/1");
    bench.seconds(3).await;

    let answers = bench.log.answers();
    assert!(answers.contains(&"canceled 5".to_owned()), "{answers:?}");
    assert_eq!(answers.last().unwrap(), "failed 6", "the other one goes on");
    assert_eq!(bench.log.commits(), [6, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_cancelled_before_it_began_never_does() {
    let bench = Bench::new(1);
    bench.give([2, 3, 4]);
    bench.seconds(0).await;

    bench.cancel("r-1/3/1");
    bench.seconds(7).await;

    let answers = bench.log.answers();
    assert!(answers.contains(&"canceled 3".to_owned()), "{answers:?}");
    assert_eq!(answers.last().unwrap(), "completed 4");
    assert_eq!(bench.begun(), 2);
    assert_eq!(bench.log.commits(), [3, 4, 5]);
}
