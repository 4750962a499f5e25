//! An app whose workflows misbehave when their input says so: they end the process, never return, or change their mind.
//! It is what the tests of poison run; nobody should copy from it.

#[path = "victim/basket.rs"]
mod basket;

use sagaline::{ActivityCall, call_signal, prelude::*};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap, ffi::OsStr, fs::File, hint::black_box, io::Write, process::ExitCode,
    thread, time::Duration,
};

/// File to which each attempt of [`work`] adds a line.
const DIARY: &str = "VICTIM_DIARY";

/// While it is set, [`turncoat`] does something else.
const TURNED: &str = "VICTIM_TURNED";

fn main() -> ExitCode {
    sagaline::app()
        .workflow(steps)
        .workflow(poison)
        .workflow(turncoat)
        .workflow(patient)
        .workflow(fan)
        .workflow(collect)
        .workflow(family)
        .workflow(tally)
        .workflow(relay)
        .workflow(marked)
        .workflow(basket::basket)
        .activities(activities![work, undo, climb, ask])
        .run()
}

/// One step of [`steps`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Step {
    /// How long the attempt takes.
    ms: u64,
    /// It fails for good.
    fails: bool,
    /// How long an attempt may run.
    start_to_close_ms: Option<u64>,
    /// How long it may wait for a worker.
    schedule_to_start_ms: Option<u64>,
    /// How often it is tried.
    attempts: Option<u32>,
    /// It runs in the engine's process.
    local: bool,
}

/// How a [`poison`]ed run harms its engine.
#[derive(Debug, Serialize, Deserialize)]
struct Poison {
    /// `overflow`, `abort`, `hang`, `panic`, `commands`.
    how: String,
    /// After this many ordinary steps.
    after: u32,
    /// And after one that runs out of time: no worker is told, a deadline brings the harm.
    late: bool,
}

/// Steps one after the other, each with a compensation.
#[workflow]
async fn steps(cx: Context, steps: Vec<Step>) -> Result<u32> {
    let mut sum = 0;
    for step in steps {
        let limit = step.start_to_close_ms.unwrap_or(60_000);
        let retry = Retry::default()
            .initial_interval(100.milliseconds())
            .maximum_attempts(step.attempts.unwrap_or(10));
        let mut plan = cx
            .run(work(&step))
            .retry(retry)
            .start_to_close(Duration::from_millis(limit));
        if step.local {
            plan = plan.local();
        }
        if let Some(wait) = step.schedule_to_start_ms {
            plan = plan.schedule_to_start(Duration::from_millis(wait));
        }
        sum += plan.compensate_with(|sum: &u32| undo(*sum)).await?;
    }
    Ok(sum)
}

/// So many steps at once.
#[workflow]
async fn fan(cx: Context, steps: usize) -> Result<usize> {
    let steps = vec![Step::default(); steps];
    let done = try_join_all(steps.iter().map(|step| cx.run(work(step)))).await?;
    Ok(done.len())
}

/// One step, then so many signals.
#[workflow]
async fn collect(cx: Context, count: usize) -> Result<Vec<u32>> {
    cx.run(work(&Step::default())).await?;
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(cx.signal("number").await?);
    }
    Ok(taken)
}

/// What a [`family`] does.
#[derive(Debug, Serialize, Deserialize)]
struct Family {
    /// How many children, each with these steps.
    children: u32,
    steps: Vec<Step>,
    /// It fails in the end.
    fails: bool,
}

/// Children one after the other, then perhaps a failure.
#[workflow]
async fn family(cx: Context, family: Family) -> Result<u32> {
    let mut sum = 0;
    for number in 1..=family.children {
        let id = format!("{}/{number}", cx.workflow_id());
        sum += cx.child(steps(family.steps.clone())).id(id).await?;
    }
    match family.fails {
        true => Err(Error::new("Planned", "it was told to fail")),
        false => Ok(sum),
    }
}

/// Takes signals until one is 0, each so many in a run of its own.
#[workflow]
async fn tally(cx: Context, tally: Tally) -> Result<Vec<u32>> {
    let Tally { each, mut taken } = tally;
    for _ in 0..each {
        match cx.signal("number").await? {
            0 => return Ok(taken),
            number => taken.push(number),
        }
    }
    cx.continue_as_new(&Tally { each, taken })
}

/// Sends the numbers from 1 to that one to another workflow, and waits until each is there, or for none; returns the error
/// types of those that nobody took.
#[workflow]
async fn relay(cx: Context, (to, count, awaited): (String, u32, bool)) -> Result<Vec<String>> {
    let to = cx.external_workflow(to);
    let mut refused = Vec::new();
    for number in 1..=count {
        let signal = to.signal(call_signal("number", &number));
        match awaited {
            true => refused.extend(
                signal
                    .await
                    .err()
                    .map(|error| error.error_type().to_owned()),
            ),
            false => signal.send()?,
        }
    }
    Ok(refused)
}

/// Says by which version of a change it goes, and what it waits for.
#[workflow]
async fn marked(cx: Context) -> Result<u32> {
    let version = cx.version("two-steps", 1..=2);
    let waiting = BTreeMap::from([("state", Some("waiting")), ("note", None)]);
    cx.upsert_attributes(&waiting)?;
    cx.upsert_attributes(&BTreeMap::from([("tries", 1)]))?;
    cx.signal::<Option<u32>>("go").await?;
    Ok(version)
}

/// What a [`tally`] has taken.
#[derive(Debug, Serialize, Deserialize)]
struct Tally {
    each: u32,
    taken: Vec<u32>,
}

/// What a [`patient`] run waits for.
#[derive(Debug, Serialize, Deserialize)]
struct Patience {
    /// How many steps of 100 ms it takes; none: somebody else completes it.
    steps: Option<u32>,
    heartbeat_ms: Option<u64>,
    start_to_close_ms: u64,
    attempts: u32,
}

/// Waits for one thing that takes long.
#[workflow]
async fn patient(cx: Context, patience: Patience) -> Result<u32> {
    match patience.steps {
        Some(steps) => wait_for(&cx, climb(steps), &patience).await,
        None => wait_for(&cx, ask(), &patience).await,
    }
}

/// Runs it with the times and attempts that it is given.
async fn wait_for<A>(cx: &Context, call: ActivityCall<u32, A>, patience: &Patience) -> Result<u32> {
    let retry = Retry::default()
        .initial_interval(100.milliseconds())
        .maximum_attempts(patience.attempts);
    let mut step = cx.run(call).retry(retry);
    if let Some(limit) = patience.heartbeat_ms {
        step = step.heartbeat(Duration::from_millis(limit));
    }
    let limit = Duration::from_millis(patience.start_to_close_ms);
    step.start_to_close(limit).await
}

/// Ordinary steps, then the harm.
#[workflow]
async fn poison(cx: Context, poison: Poison) -> Result<()> {
    for _ in 0..poison.after {
        cx.run(work(&Step::default())).await?;
    }
    if poison.late {
        let step = cx.run(nobody_works()).retry(Retry::never());
        // Its error is the time-out.
        drop(step.schedule_to_start(500.milliseconds()).await);
    }
    match poison.how.as_str() {
        "overflow" => drop(black_box(deep(0))),
        "abort" => std::process::abort(),
        // As an endless loop, but for the core that it leaves to the other tests.
        "hang" => loop {
            thread::park();
        },
        "panic" => panic!("the workflow has a bug"),
        "commands" => {
            let started: Vec<_> = (0..20_000)
                .map(|_| cx.run(work(&Step::default())).start())
                .collect();
            drop(started);
        }
        _ => {}
    }
    Ok(())
}

/// Does one thing, and another while a variable is set: not deterministic.
#[workflow]
async fn turncoat(cx: Context) -> Result<u32> {
    let first = if std::env::var_os(TURNED).is_some() {
        cx.run(undo(1)).await?;
        1
    } else {
        cx.run(work(&Step::default())).await?
    };
    Ok(first + cx.run(work(&Step::default())).await?)
}

#[expect(unconditional_recursion, reason = "this is the harm")]
fn deep(level: u64) -> u64 {
    let frame = black_box([level; 512]);
    deep(level + 1) + frame[0]
}

/// Notes that it was tried, takes its time, and fails if it shall.
#[activity(queue = "orders")]
async fn work(cx: ActivityContext, step: &Step) -> Result<u32> {
    if let Some(diary) = std::env::var_os(DIARY) {
        let (id, attempt) = (cx.activity_id(), cx.attempt());
        let line = format!("{} {id} {attempt} {}", cx.workflow_id(), std::process::id());
        note(&diary, line)?;
    }
    tokio::time::sleep(Duration::from_millis(step.ms)).await;
    match step.fails {
        true => Err(Error::new("Refused", "the step was told to fail").non_retryable()),
        false => Ok(1),
    }
}

/// Takes its steps from where the last attempt was, tells each, and returns where it began.
#[activity(queue = "orders")]
async fn climb(cx: ActivityContext, steps: u32) -> Result<u32> {
    let begin: u32 = cx.last_heartbeat()?.unwrap_or(0);
    for step in begin + 1..=steps {
        tokio::select! {
            () = cx.canceled() => return Err(Error::canceled("half-way up")),
            () = tokio::time::sleep(Duration::from_millis(100)) => cx.heartbeat(&step)?,
        }
    }
    Ok(begin)
}

/// Leaves its token in the diary.
#[activity(queue = "orders")]
async fn ask(cx: ActivityContext) -> Result<u32> {
    let diary = std::env::var_os(DIARY).ok_or_else(|| Error::other("there is no diary"))?;
    note(
        &diary,
        format!("{} {}", cx.workflow_id(), cx.completion_token()),
    )?;
    cx.complete_later()
}

/// Adds a line to a diary: all of it in one write, since other attempts write theirs at the same time.
fn note(diary: &OsStr, line: String) -> Result<()> {
    let mut diary = File::options().create(true).append(true).open(diary)?;
    diary.write_all((line + "\n").as_bytes())?;
    Ok(())
}

/// Stands in a queue that no worker reads.
#[activity(queue = "nobody")]
async fn nobody_works() -> Result<()>;

/// Undoes a step.
#[activity(queue = "orders")]
async fn undo(_sum: u32) -> Result<()> {
    Ok(())
}
