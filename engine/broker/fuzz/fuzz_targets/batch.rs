//! Arbitrary records, appended, looked up by time, and cleaned.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagaline_broker::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("there is a folder for temporary files");
    fuzzing::batch(dir.path(), bytes);
});
