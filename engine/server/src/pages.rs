//! Pages for people: server-rendered HTML that works as it is, and modules that keep it live.
//!
//! ```text
//! request ─▶ calls of the API, in this process ─▶ what it answers (JSON) ─▶ a page, a pure function of that ─▶ HTML
//! ```
//! So pages, command line and scripts say the same in the same words, and what the API refuses, a page refuses. Deliberately
//! absent: any other way to runs, and decisions. Invariant: text of strangers is a [`told::Told`] or a [`told::Json`], which
//! is escaped, marked and cut wherever it is shown.

mod act;
mod assets;
mod calls;
mod chrome;
mod columns;
mod filters;
mod form;
mod history;
mod incidents;
mod link;
mod list;
mod plain;
mod queue;
mod rejected;
mod routes;
mod run;
mod schedule;
mod seen;
mod start;
mod state;
mod time;
mod timeline;
mod told;

#[cfg(test)]
mod tests;

pub(crate) use routes::{Welcome, routes};
