//! The engine: lanes that own partitions, the lease that says which, inputs, effects and programs.
//!
//! Deliberately absent: decisions (core), what a valid journal is (journal), the language of workflows (sdk, definition).

mod clock;
pub mod delay;
mod describe;
pub mod engine;
mod envelope;
pub mod figures;
mod fold;
mod input;
mod keys;
pub mod lane;
mod output;
mod owner;
mod programs;
mod rejected;

pub use engine::{Engine, EngineIdentity, EngineSettings, EngineView, Purpose};
pub use fold::Fold;
pub use input::retry_policy;
pub use keys::{Keys, KeysError, TokenClaims};
pub use programs::{LanePrograms, Workflows};
pub use rejected::{Dealt, InputId, InputPlace, NotAgain, Redriven, RejectedInput, RejectedView};
