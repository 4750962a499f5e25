//! What the micro-benchmarks and the memory measurement drive: one partition of the core, with programs that do nothing
//! but call activities one after the other.

// Every app's allocator, so that the core is measured as it runs.
use sagaline as _;

mod cpu;
mod partition;
mod steps;

pub use cpu::cpu_time;
pub use partition::{Input, Partition};
pub use steps::Steps;
