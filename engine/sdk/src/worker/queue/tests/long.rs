//! Heartbeats, and attempts that take hours.

use super::*;

/// The progress of each heartbeat.
fn beats(log: &Log) -> Vec<String> {
    log.look(|seen| {
        let beats = seen.answers.iter().filter(|answer| {
            answer.headers.get(header::CE_TYPE) == Some(b"sagaline.activity.heartbeat.v1")
        });
        beats
            .map(|beat| text(beat.value.as_deref().unwrap()))
            .collect()
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_out_three_times_per_time_out_and_the_last_progress_before_the_failure() {
    let bench = Bench::new(1);
    bench.give_record(task(
        "report",
        0,
        &[
            (header::ACTIVITY_ID, "8"),
            (header::HEARTBEAT_TIMEOUT_MS, "9000"),
        ],
    ));

    bench.seconds(9).await;

    assert_eq!(beats(&bench.log), ["1", "4", "7", "8"]);
    let answers = bench.log.answers();
    assert_eq!(answers[answers.len() - 2..], ["heartbeat 0", "failed 0"]);
    assert_eq!(bench.log.commits(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_is_not_acknowledged_goes_out_again() {
    let bench = Bench::new(1);
    bench.give_record(task(
        "report",
        0,
        &[
            (header::ACTIVITY_ID, "2"),
            (header::HEARTBEAT_TIMEOUT_MS, "900"),
        ],
    ));
    // The first thing that is said is that it has begun.
    let away = || KafkaError::new(ErrorKind::Unavailable, "kafka-unavailable", "away");
    bench
        .log
        .look(|seen| seen.refusals.extend([away(), away()]));

    bench.seconds(1).await;

    assert_eq!(beats(&bench.log), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_that_sends_heartbeats_holds_no_offset_and_goes_on() {
    let bench = Bench::new(2);
    bench.give_reporting(5, "600");
    bench.give([6]);
    bench.seconds(LONG.as_secs() - 1).await;
    assert_eq!(bench.log.commits(), [0_i64; 0]);

    bench.seconds(1).await;
    assert_eq!(bench.log.commits(), [7]);
    bench.seconds(600).await;

    assert_eq!(bench.log.answers().last().unwrap(), "failed 5");
    assert_eq!(bench.log.commits(), [7], "its end commits nothing more");
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_holds_its_offset_until_a_heartbeat_has_arrived() {
    for (activity, timeout) in [("work", "3000"), ("report", "")] {
        let bench = Bench::new(1);
        bench.give_record(task(
            activity,
            5,
            &[
                (header::ACTIVITY_ID, "600"),
                (header::HEARTBEAT_TIMEOUT_MS, timeout),
                (header::START_TO_CLOSE_MS, "86400000"),
            ],
        ));

        bench.seconds(300).await;

        assert_eq!(bench.log.commits(), [0_i64; 0], "{activity}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_keeps_its_permit() {
    let bench = Bench::new(1);
    bench.give_reporting(5, "60");
    bench.give([6]);

    bench.seconds(50).await;
    assert_eq!((bench.begun(), bench.log.commits()), (1, vec![6]));
    bench.seconds(20).await;

    assert_eq!((bench.begun(), bench.log.commits()), (2, vec![6, 7]));
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_abandons_a_long_attempt_at_once() {
    let bench = Bench::new(2);
    bench.give_reporting(5, "600");
    bench.seconds(40).await;
    bench.give([6]);
    bench.seconds(0).await;

    let begun = Instant::now();
    bench.stop.send_replace(true);
    bench.worker.await.unwrap().unwrap();

    assert_eq!(
        begun.elapsed().as_secs(),
        5,
        "it waits for the other one alone"
    );
    assert_eq!(bench.log.answers().last().unwrap(), "completed 6");
    assert_eq!(bench.log.commits(), [6, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_completed_elsewhere_is_only_begun_and_done_with() {
    let bench = Bench::new(1);
    bench.give_record(task("elsewhere", 0, &[]));
    bench.give([1]);

    bench.seconds(1).await;

    assert_eq!(bench.log.answers(), ["started 0", "completed 1"]);
    assert_eq!(bench.log.commits(), [1, 2]);
}
