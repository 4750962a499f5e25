//! Arbitrary bytes as requests to a node, which is made anew now and then: some requests make topics.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use sagaline_broker::fuzzing::Asked;
use tempfile::TempDir;

/// Requests that one node answers.
const REQUESTS: usize = 1_000;

thread_local! {
    static NODE: RefCell<Option<(Asked, TempDir, usize)>> = const { RefCell::new(None) };
}

fuzz_target!(|bytes: &[u8]| {
    NODE.with_borrow_mut(|node| {
        let (asked, dir, count) = node.take().unwrap_or_else(|| {
            let dir = tempfile::tempdir().expect("there is a folder for temporary files");
            (Asked::open(dir.path()), dir, 0)
        });
        asked.ask(bytes);
        if count < REQUESTS {
            *node = Some((asked, dir, count + 1));
        }
    });
});
