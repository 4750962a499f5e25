//! Writing batches and claims, and reading them back among whatever else lies in the log.

mod damage;
mod log;
mod python;
mod random;
mod reader;
mod split;
mod writer;
