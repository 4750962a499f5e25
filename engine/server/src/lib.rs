//! Sagaline over HTTP: the API, and health, readiness and metrics of the engine in this process.
//!
//! ```text
//! connection ─▶ limits ─▶ host check ─▶ /api/v1/…  /healthz  /readyz  /metrics
//! ```
//! Invariant: nothing that is asked here waits for a lane or holds it up: writes are records of the inbox like everybody's,
//! reads come from the projection or from what lanes have published. Deliberately absent: settings and flags (app).

mod api;
mod guard;
mod health;
mod hosts;
mod listen;
mod metrics;
mod offer;
mod pages;
mod problem;
mod routes;
mod secure;
mod wrote;

pub use api::{
    Access, Api, ApiSettings, Fetch, Jwt, JwtSettings, Login, Look, Retention, Tokens, WorkflowInfo,
};
pub use listen::{HttpListener, Tls};
pub use offer::DemoOffer;
