//! The engine: lanes that own partitions, the lease that says which, inputs, effects and programs.
//!
//! Deliberately absent: decisions (core), what a valid journal is (journal), the language of workflows (sdk, definition).

mod envelope;
mod input;
mod keys;
mod output;

pub use keys::{Keys, KeysError, TokenClaims};
