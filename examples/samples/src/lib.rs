//! Small workflows, one idea each, with their tests: what other engines show by samples, and the workflow patterns.
//!
//! `docs/reference/temporal-samples.md` and `docs/reference/workflow-patterns.md` say which file shows what. Each file
//! begins with its workflow, and its tests assert what happens: in which order, when, and what is undone.

pub mod accumulator;
pub mod batch_import;
pub mod blocking;
pub mod bookings;
pub mod branches;
pub mod cancel_in_progress;
pub mod choice;
pub mod clean_up;
pub mod cluster;
pub mod delivery;
pub mod dsl;
pub mod dynamic;
pub mod expense;
pub mod file_processing;
pub mod greetings;
pub mod heartbeats;
pub mod human_tasks;
pub mod in_order;
pub mod mutex;
pub mod one_click;
pub mod own_types;
pub mod packet_delivery;
pub mod pages;
pub mod patterns;
pub mod pick_first;
pub mod polling;
pub mod proxy;
pub mod reminder;
pub mod requests;
pub mod resilient_fan_out;
pub mod resource_pool;
#[cfg(test)]
mod seen;
pub mod side_effects;
pub mod sleep_for_days;
pub mod split_merge;
pub mod time_limit;
pub mod typed_errors;
pub mod updatable_timer;
pub mod versions;
pub mod window;
