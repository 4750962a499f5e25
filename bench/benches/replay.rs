//! What a new owner does: folds the journal, and rebuilds a program from its run's history.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sagaline_bench::{Partition, Steps};
use sagaline_core::{
    Delta, Overlay, Position, Run, State, Timestamp, Transition, WorkflowId, fold, replay,
};

/// The run that waits for its last activity, and every transition of it.
fn run_of(activities: u32) -> (Partition, Vec<Transition>) {
    let mut partition = Partition::new(activities);
    let starts = partition.starts(1);
    let (mut journal, mut tasks) = partition.batch(&starts);
    for _ in 1..activities {
        let results = partition.results(&tasks);
        let (transitions, next) = partition.batch(&results);
        journal.extend(transitions);
        tasks = next;
    }
    (partition, journal)
}

fn replayed(steps: &Steps, workflow_id: &WorkflowId, run: &Run) -> usize {
    let mut program = steps.clone();
    replay(&mut program, workflow_id, run).map_or(0, |commands| commands.len())
}

fn programs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    for activities in [100, 1_000] {
        let (partition, _) = run_of(activities);
        let steps = Steps::new(activities);
        let runs = partition.state().runs();
        let (workflow_id, run) = runs.first().copied().expect("the run is open");
        group.throughput(Throughput::Elements(u64::from(activities)));
        group.bench_function(format!("a run of {activities} activities"), |bencher| {
            bencher.iter(|| black_box(replayed(&steps, workflow_id, run)));
        });
    }
    group.finish();
}

fn folds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold");
    for activities in [3, 100, 1_000] {
        let (_, journal) = run_of(activities);
        group.throughput(Throughput::Elements(journal.len() as u64));
        group.bench_function(format!("a run of {activities} activities"), |bencher| {
            bencher.iter_batched_ref(
                || State::new(7),
                |state| folded(state, &journal),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Each transition as a batch of its own, which is the most that a reader has to do.
fn folded(state: &mut State, journal: &[Transition]) {
    for (batch, transition) in (1..).zip(journal) {
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(state, &mut delta);
        black_box(fold(
            &mut overlay,
            &[transition],
            Position { batch, index: 0 },
        ));
        state.merge(delta, Timestamp::from_millis(1_700_000_000_000));
    }
}

criterion_group!(benches, programs, folds);
criterion_main!(benches);
