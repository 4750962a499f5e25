//! What all end-to-end tests use: brokers, processes, records, the journal and the checks over it.

use std::io::{self, Write};

pub(crate) mod broker;
pub(crate) mod check;
#[cfg(not(feature = "apache"))]
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod records;
pub(crate) mod scrape;
pub(crate) mod task;
pub(crate) mod wait;
pub(crate) mod world;

/// Prints a line of a test's report, also of a test that passes.
pub(crate) fn say(line: &str) {
    // Not by a macro: cargo keeps what those print to itself unless the test fails.
    let written = writeln!(io::stderr(), "{line}");
    written.expect("standard error is open");
}

/// Whether the long runs are wanted: `tools/test-e2e --full`.
pub(crate) fn is_full() -> bool {
    std::env::var("SAGALINE_E2E_FULL").is_ok_and(|full| full == "1")
}

/// A number of sagas: the small one in CI, the other in a full run; `SAGALINE_E2E_SAGAS` says another.
pub(crate) fn sagas(small: usize, full: usize) -> usize {
    let said = std::env::var("SAGALINE_E2E_SAGAS").ok();
    said.map_or(if is_full() { full } else { small }, |said| {
        said.parse().expect("SAGALINE_E2E_SAGAS is a number")
    })
}
