//! What the micro-benchmarks and the memory measurement drive: one partition of the core, with programs that do nothing
//! but call activities one after the other.

mod cpu;
mod partition;
mod steps;

pub use cpu::cpu_time;
pub use partition::{Input, Partition};
pub use steps::Steps;
