//! The app that is measured.

use anyhow::Result;
use sagaline::{
    StartedChild, call_signal,
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use crate::{
    bare::ChildOptions,
    kafka::{BATCH_INPUTS_MAX, PARTITIONS},
    sagaline::run_app,
};

/// Name of the signal that counts, and of the one that tells how late a start was.
pub(super) const NUMBER: &str = "number";

/// The collector's workflow id.
pub(super) const TICKS: &str = "ticks";

/// Counts signals until one is 0, in as many runs as that takes; returns their sum.
#[workflow]
pub(super) async fn sum(cx: Context, mut so_far: u64) -> sagaline::Result<u64> {
    loop {
        match cx.signal::<u64>(NUMBER).await? {
            0 => return Ok(so_far),
            number => so_far += number,
        }
        if cx.is_continue_as_new_suggested() {
            return cx.continue_as_new(&so_far);
        }
    }
}

/// Says what it was given.
#[activity]
async fn echo(number: u32) -> sagaline::Result<u32> {
    Ok(number)
}

/// One activity.
#[workflow]
pub(super) async fn item(cx: Context, number: u32) -> sagaline::Result<u32> {
    cx.run(echo(number)).await
}

/// What a parent does.
#[derive(Serialize, Deserialize)]
pub(super) struct Many {
    pub(super) count: u32,
    pub(super) window: usize,
    pub(super) begun: u32,
    pub(super) ended: u32,
}

/// So many children, so many at a time, in as many runs as that takes.
#[workflow]
pub(super) async fn parent(cx: Context, mut many: Many) -> sagaline::Result<u32> {
    cx.expect_children(many.count.into());
    let mut open: FuturesUnordered<StartedChild<u32>> = cx.carried_children().into_iter().collect();
    while many.begun < many.count {
        if cx.is_continue_as_new_suggested() {
            open.into_iter().for_each(StartedChild::hand_on);
            return cx.continue_as_new(&many);
        }
        if open.len() >= many.window && open.next().await.transpose()?.is_some() {
            many.ended += 1;
        }
        many.begun += 1;
        let id = format!("{}/{}", cx.workflow_id(), many.begun);
        open.push(cx.child(item(many.begun)).id(id).start());
    }
    while open.next().await.transpose()?.is_some() {
        many.ended += 1;
    }
    Ok(many.ended)
}

/// A state to be asked for.
#[derive(Default)]
pub(super) struct Asked {
    answer: u64,
}

/// What it was given.
#[query]
pub(super) fn answer(asked: &Asked) -> u64 {
    asked.answer
}

/// Waits to be asked.
#[workflow(queries(answer))]
pub(super) async fn asked(cx: Context<Asked>, given: u64) -> sagaline::Result<()> {
    cx.with_mut(|asked| asked.answer = given);
    cx.signal::<()>("done").await
}

/// Tells the collector how many microseconds after its due time it began, which is a whole second.
#[workflow]
async fn tick(cx: Context) -> sagaline::Result<()> {
    let late = cx.now().as_micros().rem_euclid(1_000_000);
    let collector = cx.external_workflow(TICKS);
    collector.signal(call_signal(NUMBER, &late)).send()
}

/// Gathers so many.
#[workflow]
pub(super) async fn ticks(cx: Context, count: u32) -> sagaline::Result<Vec<i64>> {
    let mut late = Vec::new();
    for _ in 0..count {
        late.push(cx.signal(NUMBER).await?);
    }
    Ok(late)
}

/// Runs the engine until the process is ended.
pub(crate) fn engine(options: &ChildOptions) -> Result<()> {
    run(
        options,
        &["server", "--partitions", &PARTITIONS.to_string()],
    )
}

/// Runs the worker until the process is ended.
pub(crate) fn worker(options: &ChildOptions) -> Result<()> {
    run(
        options,
        &["worker", "--max-in-flight", &BATCH_INPUTS_MAX.to_string()],
    )
}

fn run(options: &ChildOptions, command: &[&str]) -> Result<()> {
    let app = sagaline::app()
        .workflow(sum)
        .workflow(item)
        .workflow(parent)
        .workflow(asked)
        .workflow(tick)
        .workflow(ticks)
        .activities(activities![echo]);
    run_app(app, options, command)
}
