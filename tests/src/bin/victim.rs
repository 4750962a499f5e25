//! An app whose workflows misbehave when their input says so: they end the process, never return, or change their mind.
//! It is what the tests of poison run; nobody should copy from it.

use std::{fs::File, hint::black_box, io::Write, process::ExitCode, thread, time::Duration};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// File to which each attempt of [`work`] adds a line.
const DIARY: &str = "VICTIM_DIARY";

/// While it is set, [`turncoat`] does something else.
const TURNED: &str = "VICTIM_TURNED";

fn main() -> ExitCode {
    sagaline::app()
        .workflow(steps)
        .workflow(poison)
        .workflow(turncoat)
        .activities(activities![work, undo])
        .run()
}

/// One step of [`steps`].
#[derive(Debug, Default, Serialize, Deserialize)]
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
        if let Some(wait) = step.schedule_to_start_ms {
            plan = plan.schedule_to_start(Duration::from_millis(wait));
        }
        sum += plan.compensate_with(|sum: &u32| undo(*sum)).await?;
    }
    Ok(sum)
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
        let mut diary = File::options().create(true).append(true).open(diary)?;
        writeln!(
            diary,
            "{} {} {} {}",
            cx.workflow_id(),
            cx.activity_id(),
            cx.attempt(),
            std::process::id()
        )?;
    }
    tokio::time::sleep(Duration::from_millis(step.ms)).await;
    match step.fails {
        true => Err(Error::new("Refused", "the step was told to fail").non_retryable()),
        false => Ok(1),
    }
}

/// Stands in a queue that no worker reads.
#[activity(queue = "nobody")]
async fn nobody_works() -> Result<()>;

/// Undoes a step.
#[activity(queue = "orders")]
async fn undo(_sum: u32) -> Result<()> {
    Ok(())
}
