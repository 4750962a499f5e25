//! Transitions per second of CPU time of the core: decide, apply, settle, merge, for sagas of three activities.
#![allow(missing_docs, reason = "criterion's macros")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sagaline_bench::{Partition, cpu_time};
use sagaline_core::Task;

const SAGAS: usize = 256;
const ACTIVITIES: u32 = 3;
const TRANSITIONS: u64 = SAGAS as u64 * (ACTIVITIES as u64 + 1);

fn transitions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core");
    group
        .throughput(Throughput::Elements(TRANSITIONS))
        .sample_size(20)
        .measurement_time(Duration::from_secs(5));
    for open in [0, 100_000] {
        group.bench_function(format!("transitions, {open} other open runs"), |bencher| {
            let mut partition = Partition::new(ACTIVITIES);
            partition.open(open);
            bencher.iter_custom(|rounds| (0..rounds).map(|_| sagas(&mut partition)).sum());
        });
    }
    group.finish();
}

/// Sagas from start to end, in batches over all of them; inputs are made outside the time.
fn sagas(partition: &mut Partition) -> Duration {
    let inputs = partition.starts(SAGAS);
    let mut spent = Duration::ZERO;
    let mut tasks: Vec<Task> = timed(&mut spent, || partition.batch(&inputs).1);
    while !tasks.is_empty() {
        let inputs = partition.results(&tasks);
        tasks = timed(&mut spent, || partition.batch(&inputs).1);
    }
    spent
}

fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = cpu_time();
    let done = work();
    *spent += cpu_time() - begun;
    done
}

criterion_group!(benches, transitions);
criterion_main!(benches);
