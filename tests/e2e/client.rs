//! The SDK's client against a broker: what a program does that has no command line.

use std::{collections::BTreeMap, time::Duration};

use sagaline::{
    call_query, call_signal, call_update, call_workflow,
    client::{Client, ClientError, Reset},
    schedule::{Action, Overlap, Schedule, Spec},
    worker::{ErrorKind, Kafka},
};
use sagaline_core::Outcome;
use serde_json::json;

use crate::harness::world::World;

/// Does something with a client of the world's namespace.
///
/// # Panics
/// It fails.
pub(crate) fn with_client<T>(
    world: &World,
    work: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime is made");
    let done = runtime.block_on(async {
        let kafka = Kafka::new(&*world.bootstrap, BTreeMap::new()).expect("nothing to refuse");
        let client = Client::connect(kafka, &world.namespace).await?;
        work(&client).await
    });
    done.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_client_makes_changes_triggers_and_deletes_a_schedule() {
    let world = World::new(2);
    let _engine = world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut journal = world.journal();
    let hourly = || {
        let spec = Spec::every(Duration::from_secs(3_600));
        Schedule::new(spec, Action::new("steps", &json!([{"ms": 0}])))
    };

    let started = with_client(&world, async |client: &Client| {
        let schedule = client.schedule("hourly");
        let missing = schedule.describe().await.expect_err("it is not there");
        assert_eq!(missing.kind(), Some(ErrorKind::NotFound));
        schedule.create(&hourly()).await?;
        let again = schedule.create(&hourly()).await;
        let again = again.expect_err("there is one");
        assert_eq!(again.kind(), Some(ErrorKind::Conflict));
        let bad = Schedule::new(Spec::cron("61 * * * *"), Action::new("steps", &()));
        let bad = client.schedule("bad").create(&bad).await;
        assert_eq!(
            bad.expect_err("no minute 61").kind(),
            Some(ErrorKind::Invalid)
        );

        schedule.pause("stock-taking").await?;
        assert_eq!(schedule.describe().await?.next, []);
        schedule.resume("done").await?;
        assert_eq!(schedule.next(3).await?.len(), 3);
        let two_hourly = Schedule {
            spec: Spec::every(Duration::from_secs(7_200)),
            ..hourly()
        };
        schedule
            .update(&two_hourly.overlap(Overlap::AllowAll))
            .await?;
        let next = schedule.next(2).await?;
        let apart = next[1].due_at.0.since(next[0].due_at.0);
        assert_eq!(apart.0, 7_200_000);
        let triggered = schedule.trigger(None).await?;
        schedule.delete().await?;
        let gone = schedule.describe().await.expect_err("it is deleted");
        assert_eq!(gone.kind(), Some(ErrorKind::Conflict));
        Ok(triggered)
    });

    let id = started.workflow_id.expect("nothing is under way before it");
    assert!(id.starts_with("hourly/"), "{id}");
    assert_eq!(journal.until_ended(&id), Outcome::Completed);
    assert_eq!(journal.until_ended("schedule/hourly"), Outcome::Canceled);
    journal.audit();
}

#[test]
fn a_client_starts_changes_asks_and_resets() {
    let world = World::new(2);
    let _engine = world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut journal = world.journal();

    let (first, second) = with_client(&world, async |client: &Client| {
        let basket = || call_workflow::<()>("basket", &());
        let add = |number: u32| call_update::<usize>("add", &number);
        let start = client.start(basket(), "b-1").update(add(7));
        assert_eq!(start.await?, 1);
        let again = client.start(basket(), "b-1").update(add(8));
        assert_eq!(again.await?, 2);
        client.send("b-1", call_signal("close", &())).await?;
        let run = client.start(basket(), "b-1").await;
        assert_eq!(
            run.expect_err("it is closed").kind(),
            Some(ErrorKind::Conflict)
        );

        // Behind the first update: the second, and the end, have not been.
        let reset = Reset::to(3, "ada").reason("one too many").without_signals();
        let run_id = client.reset("b-1", reset).await?;
        let numbers = call_query::<Vec<u32>>("numbers", &());
        assert_eq!(client.query("b-1", numbers).await?, [7]);
        let wrong = client.reset("b-1", Reset::to(1_000, "ada")).await;
        let wrong = wrong.expect_err("it has no such event");
        assert_eq!(wrong.kind(), Some(ErrorKind::Invalid), "{wrong}");
        client.send("b-1", call_signal("close", &())).await?;
        Ok((run_id, client.describe("b-1").await?))
    });

    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);
    let runs = &journal.ids["b-1"];
    assert_eq!(runs.len(), 2);
    assert_eq!(second["run_id"], json!(first));
    journal.audit();
}
