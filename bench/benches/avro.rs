//! Avro on the journal's path: a typical transition (one result: an activity completes, the next is scheduled).
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sagaline_bench::Partition;
use sagaline_schemas::{decode_transition, encode_transition};

fn transition(criterion: &mut Criterion) {
    let mut partition = Partition::new(3);
    let starts = partition.starts(1);
    let (_, tasks) = partition.batch(&starts);
    let results = partition.results(&tasks);
    let (transitions, _) = partition.batch(&results);
    let transition = transitions.first().expect("a result is one transition");
    let mut bytes = Vec::new();
    encode_transition(transition, &mut bytes).expect("core's transitions have a form in Avro");

    let mut group = criterion.benchmark_group("avro");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let mut buffer = Vec::with_capacity(bytes.len());
    group.bench_function("encode a transition", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            encode_transition(black_box(transition), &mut buffer)
        });
    });
    group.bench_function("decode a transition", |bencher| {
        bencher.iter(|| decode_transition(black_box(&bytes)));
    });
    group.finish();
}

criterion_group!(benches, transition);
criterion_main!(benches);
