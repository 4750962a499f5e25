//! Local activities: to a test they are activities like all others.

use sagaline_core::Event;
use sagaline_sdk::prelude::*;

use crate::{charge, down, release, reserve, shop};

#[workflow]
async fn short(cx: Context, cents: u32) -> Result<String> {
    cx.run(reserve("tea"))
        .local()
        .compensate_with(|held| release(held).local())
        .await?;
    cx.run(reserve("jam"))
        .start_to_close(30.seconds())
        .local()
        .await?;
    cx.run(charge(cents)).retry(Retry::never()).await
}

#[test]
fn a_local_step_is_retried_and_undone_like_any_other_and_has_ten_seconds() {
    let env = shop();
    env.fail(reserve, 1, &down());
    env.fail(charge, 1, &down());

    let run = env.start(short(100));

    assert_eq!(run.result().unwrap_err().error_type(), "GatewayDown");
    let history = run.history();
    let scheduled = history.events().filter_map(|(_, event)| match event {
        Event::ActivityScheduled(one) => Some((
            one.activity.to_string(),
            one.task_queue.to_string(),
            one.start_to_close_ms,
        )),
        _ => None,
    });
    let local = |name: &str, limit| (name.to_owned(), "sagaline.local".to_owned(), limit);
    assert_eq!(
        scheduled.collect::<Vec<_>>(),
        [
            local("reserve", 10_000),
            local("reserve", 30_000),
            ("charge".into(), "payments".into(), 60_000),
            local("release", 10_000),
        ]
    );
    assert_eq!(
        history.attempts(),
        ["reserve", "reserve", "reserve", "charge", "release"]
    );
}

#[workflow]
async fn misplaced(cx: Context) -> Result<u32> {
    cx.run(reserve("tea").queue("sagaline.local")).await
}

#[test]
fn no_queue_of_a_user_has_the_name_of_theirs() {
    let error = shop().start(misplaced()).result().unwrap_err();

    assert_eq!(error.error_type(), "sagaline.InvalidOptions");
    assert!(error.to_string().contains("or say `.local()`"), "{error}");
}
