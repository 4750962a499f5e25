//! Sagaline over HTTP: health, readiness and metrics of the engine in this process.
//!
//! ```text
//! connection ─▶ limits ─▶ host check ─▶ /healthz  /readyz  /metrics
//! ```
//! Invariant: nothing that is asked here reaches a lane; answers come from what lanes have published.
//! Deliberately absent: settings and flags (app), any way to change something.

mod health;
mod hosts;
mod listen;
mod metrics;
#[allow(
    dead_code,
    unused_imports,
    reason = "the routes mount it where the API is"
)]
mod pages;
mod problem;
mod routes;

pub use listen::HttpListener;
