//! Rebuilt from history, a run wants what it wanted, at every prefix and under every order of events; changed code is
//! seen at the first command that differs.

use std::collections::BTreeSet;

use sagaline_core::program::{CommandKind, Job, ProgramCommand};
use sagaline_sdk::{
    ActivityCall, call_activity,
    future::{FuturesUnordered, StreamExt},
    prelude::*,
    sync,
};

use crate::drive::{Drive, activate, completed, failed, json, lines, recorded};

fn part(name: &str, n: u64) -> ActivityCall<u64> {
    call_activity(name, &n)
}

/// Uses everything at once, and decides by what it got.
#[workflow]
pub(crate) async fn busy(cx: Context, size: u64) -> Result<u64> {
    let lucky: bool = cx.side_effect("lucky", || true)?;
    let first = cx
        .run(part("first", size))
        .compensate_with(|n| part("undo-first", *n))
        .await
        .unwrap_or(1);
    let width = cx.random_range(2..5) + first % 3;
    let all = join_all((0..width).map(|n| {
        let undo = part("undo-many", n);
        cx.run(part("many", n)).compensate_always(undo)
    }));
    let sum: u64 = all
        .await
        .into_iter()
        .map(|part| part.unwrap_or_default())
        .sum();
    let racing = select! {
        a = cx.run(part("race-a", sum)).compensate_with(|n| part("undo-race", *n)) => a,
        b = cx.run(part("race-b", sum)).compensate_with(|n| part("undo-race", *n)) => b,
    };
    let (even, kept) = join!(
        async {
            if sum.is_multiple_of(2) {
                cx.run(part("even", sum)).await
            } else {
                Ok(0)
            }
        },
        cx.shielded(async {
            cx.run(part("kept", cx.now().as_millis().unsigned_abs()))
                .await
        })
    );
    if lucky && cx.is_cancel_requested() {
        return Err(Error::canceled("gave up"));
    }
    Ok(racing? + even? + kept? + cx.random::<u64>() % 10)
}

/// A small generator for the order of events; its seed is in every message.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Branches that share a channel, a mutex and a semaphore, in a scope that one of them may cancel.
#[workflow]
async fn shared(cx: Context, size: u64) -> Result<u64> {
    let (sender, mut receiver) = sync::channel(&cx, 1);
    let (sum, desks) = (sync::Mutex::new(&cx, 0), sync::Semaphore::new(&cx, 2));
    let scope = cx.scope();
    for n in 0..=size {
        let (cx, scope, sender, desks) = (cx.clone(), scope.clone(), sender.clone(), desks.clone());
        cx.clone().spawn(async move {
            let _desk = desks.acquire(1 + u32::from(n == 1)).await?;
            let found = scope.within(cx.run(part("find", n))).await;
            if found.as_ref().is_ok_and(|found| *found > 80) {
                scope.cancel();
            }
            sender.send((n, found.unwrap_or(1))).await
        });
    }
    drop(sender);
    let mut adding = FuturesUnordered::new();
    while let Some((n, found)) = receiver.recv().await? {
        let (cx, sum) = (&cx, &sum);
        adding.push(async move {
            let mut sum = sum.lock().await?;
            let undo = part("undo-add", n);
            let added = cx.run(part("add", *sum + found)).compensate_always(undo);
            *sum = cx.compensate_in_parallel(added).await?;
            Ok::<_, Error>(())
        });
        if adding.len() > 2 {
            adding.next().await.transpose()?;
        }
    }
    while let Some(added) = adding.next().await {
        added?;
    }
    drop(adding);
    Ok(*sum.lock().await?)
}

/// Runs a workflow to its end with outcomes in an order that the seed gives, and returns its history.
fn live(workflow: &'static str, seed: u64) -> Drive {
    let mut dice = Dice(seed);
    let mut drive = Drive::new(workflows![busy, shared], workflow);
    let mut open: Vec<u32> = Vec::new();
    let mut commands = drive.start(seed % 4);
    for _ in 0..100 {
        for command in &commands {
            if let ProgramCommand::ScheduleActivity(step) = command {
                open.push(step.activity_id.get());
            }
        }
        if open.is_empty() {
            return drive;
        }
        let mut jobs = Vec::new();
        if dice.below(30) == 0 {
            jobs.push(Job::CancelRequested { reason: None });
        }
        for _ in 0..=dice.below(2.min(open.len())) {
            let id = open.swap_remove(dice.below(open.len()));
            jobs.push(match dice.below(6) {
                0 => failed(id, "Broken"),
                1 => Job::ActivityCanceled {
                    activity_id: crate::drive::activity(id),
                },
                _ => completed(id, dice.below(100)),
            });
            if open.is_empty() {
                break;
            }
        }
        commands = drive.give(jobs);
    }
    panic!("{workflow}, seed {seed}: the run does not end");
}

#[test]
fn rebuilt_at_every_prefix_a_run_goes_on_as_it_did() {
    let busy = (0..300).map(|seed| ("busy", seed));
    for (workflow, seed) in busy.chain((0..300).map(|seed| ("shared", seed))) {
        let whole = live(workflow, seed).history;
        for prefix in 0..=whole.len() {
            let mut drive = live(workflow, seed);
            if let Err(difference) = drive.rebuild(prefix) {
                panic!("{workflow}, seed {seed}, {prefix} activations replayed: {difference}");
            }
            if prefix == 0 {
                continue;
            }
            for entry in &whole[prefix..] {
                let commands = activate_next(&mut drive, entry.jobs.clone());
                assert_eq!(
                    commands, entry.commands,
                    "{workflow}, seed {seed}, {prefix} activations replayed"
                );
            }
        }
    }
}

fn activate_next(drive: &mut Drive, jobs: Vec<Job>) -> Vec<ProgramCommand> {
    drive.give(jobs)
}

#[test]
fn the_orders_of_events_are_many() {
    for workflow in ["busy", "shared"] {
        let last = |seed| live(workflow, seed).history.pop().unwrap().commands;
        let ends: BTreeSet<String> = (0..300).map(|seed| format!("{:?}", last(seed))).collect();

        assert!(ends.len() > 50, "{workflow}: only {} ends", ends.len());
    }
}

#[workflow(name = "changes")]
async fn before(cx: Context) -> Result<u64> {
    let a = cx.run(part("a", 1)).await?;
    let kept = cx.side_effect("kept", || 5)?;
    Ok(a + kept + cx.run(part("b", 2)).await?)
}

#[workflow(name = "changes")]
async fn after(cx: Context) -> Result<u64> {
    let a = cx.run(part("a", 1)).await?;
    let kept = cx.side_effect("other", || 5).unwrap_or(0);
    Ok(a + kept + cx.run(part("c", 2)).await?)
}

#[test]
fn changed_code_differs_from_history_at_the_first_changed_command() {
    let mut old = Drive::new(workflows![before], "changes");
    old.start(());
    old.complete(1, 1);
    let history: Vec<Vec<_>> = old
        .history
        .iter()
        .map(|entry| entry.commands.iter().filter_map(recorded).collect())
        .collect();

    let mut new = workflows![after].program("changes", "1.0.0").unwrap();
    let entries = &old.history;
    let first = activate(
        &mut *new,
        entries[0].at,
        &entries[0].jobs,
        Some(&history[0]),
    );
    let second = activate(
        &mut *new,
        entries[1].at,
        &entries[1].jobs,
        Some(&history[1]),
    );

    assert_eq!(first, entries[0].commands);
    let differs = second
        .iter()
        .filter_map(recorded)
        .zip(&history[1])
        .position(|(now, then)| now.name != then.name);
    assert_eq!(differs, Some(0), "{:?}", lines(&second));
    assert_eq!(history[1][0].kind, CommandKind::RecordMarker);
}

#[workflow]
async fn watches(cx: Context) -> Result<(bool, bool)> {
    let first = cx.is_replaying();
    cx.run(part("a", 1)).await?;
    Ok((first, cx.is_replaying()))
}

#[test]
fn a_workflow_knows_when_it_is_replayed() {
    let mut drive = Drive::new(workflows![watches], "watches");
    drive.give(vec![Job::Started { input: json(()) }]);
    drive.rebuild(1).unwrap();
    assert_eq!(lines(&drive.complete(1, 1)), ["complete [true,false]"]);
}
