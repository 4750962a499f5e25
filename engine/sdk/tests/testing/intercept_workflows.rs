//! What stands around runs of workflows.

use std::sync::{Arc, Mutex};

use sagaline_sdk::{
    BoxFuture, Inbound, Intercepted, Outbound, Payload, WorkflowInterceptor, call_signal,
    call_workflow, prelude::*, testing::Env,
};

type Notes = Arc<Mutex<Vec<String>>>;

/// Notes what it sees the first time, and refuses what is named `forbidden`.
#[derive(Clone)]
struct Noting(&'static str, Notes);

impl Noting {
    fn note(&self, run: &Intercepted<'_>, what: &str) -> Result<()> {
        if !run.is_replaying {
            self.1.lock().unwrap().push(format!("{} {what}", self.0));
        }
        match what.contains("forbidden") {
            true => Err(Error::new("Forbidden", format!("{what}: not here")).non_retryable()),
            false => Ok(()),
        }
    }
}

impl WorkflowInterceptor for Noting {
    fn around(
        &self,
        cx: Context,
        run: BoxFuture<'static, Result<Payload>>,
    ) -> BoxFuture<'static, Result<Payload>> {
        let noting = self.clone();
        Box::pin(async move {
            let ended = run.await;
            if !cx.is_replaying() {
                let ended = if ended.is_ok() { "returns" } else { "fails" };
                noting
                    .1
                    .lock()
                    .unwrap()
                    .push(format!("{} {ended}", noting.0));
            }
            ended
        })
    }

    fn inbound(&self, run: &Intercepted<'_>, message: &Inbound<'_>) -> Result<()> {
        let what = match message {
            Inbound::Signal { name, .. } => format!("signal {name}"),
            Inbound::Query { name, .. } => format!("query {name}"),
            Inbound::Update { name, .. } => format!("update {name}"),
            other => panic!("{other:?}"),
        };
        self.note(run, &what)
    }

    fn outbound(&self, run: &Intercepted<'_>, wanted: &Outbound<'_>) -> Result<()> {
        let what = match wanted {
            Outbound::Activity { name, is_local, .. } => format!("activity {name} {is_local}"),
            Outbound::Child { workflow, .. } => format!("child {workflow}"),
            Outbound::Signal { name, .. } => format!("signals {name}"),
            Outbound::Timer { due_at } => format!("timer {}", *due_at > run.now),
            Outbound::ContinueAsNew { .. } => "continue".to_owned(),
            other => panic!("{other:?}"),
        };
        self.note(run, &what)
    }
}

#[activity]
async fn work(part: u32) -> Result<u32> {
    Ok(part)
}

#[activity(name = "forbidden-work")]
async fn forbidden_work() -> Result<()> {
    Ok(())
}

#[query]
fn count(count: &u32) -> u32 {
    *count
}

#[query(name = "forbidden-count")]
fn forbidden_count(count: &u32) -> u32 {
    *count
}

#[signal]
fn add(count: &mut u32) {
    *count += 1;
}

#[signal(name = "forbidden-add")]
fn forbidden_add(count: &mut u32) {
    *count += 100;
}

#[update]
async fn set(cx: Context<u32>, to: u32) -> Result<u32> {
    cx.with_mut(|count| *count = to);
    Ok(to)
}

#[update(name = "forbidden-set")]
async fn forbidden_set(cx: Context<u32>, to: u32) -> Result<u32> {
    cx.with_mut(|count| *count = to);
    Ok(to)
}

#[workflow]
async fn child(cx: Context) -> Result<u32> {
    cx.run(work(1)).await
}

#[workflow(
    signals(add, forbidden_add),
    queries(count, forbidden_count),
    updates(set, forbidden_set)
)]
async fn parent(cx: Context<u32>, round: u32) -> Result<u32> {
    if round > 0 {
        return Ok(round);
    }
    cx.run(work(2)).local().await?;
    let refused = cx.run(forbidden_work()).await.unwrap_err();
    assert_eq!(refused.error_type(), "Forbidden");
    let refused = cx.child(call_workflow::<()>("forbidden-child", &())).await;
    assert_eq!(refused.unwrap_err().error_type(), "Forbidden");
    let other = cx.external_workflow("nobody");
    let refused = other.signal(call_signal("forbidden-note", &())).await;
    assert_eq!(refused.unwrap_err().error_type(), "Forbidden");
    cx.child(child()).await?;
    cx.sleep(1.hours()).await?;
    cx.until(|count| *count >= 2).await?;
    let passed = cx
        .signal::<()>("forbidden-signal")
        .timeout(1.minutes())
        .await?;
    assert!(passed.is_none());
    cx.continue_as_new(&(round + 1))
}

fn env(notes: &Notes) -> Env {
    let noting = |name| Noting(name, notes.clone());
    let intercepted = workflows![parent]
        .intercept(noting("inner"))
        .intercept(noting("outer"));
    Env::new()
        .workflows(intercepted.and(workflows![child]))
        .activities(activities![work, forbidden_work])
}

#[test]
fn what_comes_in_meets_the_outermost_first_and_what_goes_out_the_innermost() {
    let notes = Notes::default();
    let env = env(&notes);
    let run = env.start(parent(0));

    run.send(add()).unwrap();
    run.send(forbidden_add()).unwrap();
    run.signal("forbidden-signal", &()).unwrap();
    assert_eq!(run.query(count()).unwrap(), 1);
    assert_eq!(
        run.query(forbidden_count()).unwrap_err().error_type(),
        "Forbidden"
    );
    assert_eq!(run.update(set(1)).unwrap(), 1);
    let refused = run.update(forbidden_set(9)).unwrap_err();
    assert_eq!(refused.error_type(), "Forbidden");
    // All of it is replayed: what was refused is refused again, and noted once.
    env.crash();
    run.send(add()).unwrap();
    assert_eq!(run.result().unwrap(), 1);

    let both = |what: &str| [format!("inner {what}"), format!("outer {what}")];
    let seen = notes.lock().unwrap().clone();
    let out: Vec<&String> = seen
        .iter()
        .filter(|note| {
            !note.contains("signal ") && !note.contains("query") && !note.contains("update")
        })
        .collect();
    let inner = |what: &str| [format!("inner {what}")].to_vec();
    let expected: Vec<String> = [
        both("activity work true").to_vec(),
        inner("activity forbidden-work false"),
        inner("child forbidden-child"),
        inner("signals forbidden-note"),
        both("child child").to_vec(),
        both("timer true").to_vec(),
        both("timer true").to_vec(),
        both("continue").to_vec(),
        both("fails").to_vec(),
        both("returns").to_vec(),
    ]
    .concat();
    assert_eq!(out, expected.iter().collect::<Vec<_>>());
    let came: Vec<&str> = seen
        .iter()
        .filter(|note| note.contains("signal add"))
        .map(String::as_str)
        .collect();
    assert_eq!(came, ["outer signal add", "inner signal add"].repeat(2));
    for refused in [
        "signal forbidden-add",
        "query forbidden-count",
        "update forbidden-set",
    ] {
        let met: Vec<&String> = seen.iter().filter(|note| note.ends_with(refused)).collect();
        assert_eq!(met, [&format!("outer {refused}")], "{refused}");
    }
}
