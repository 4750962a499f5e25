//! Arbitrary bytes as the files of a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagaline_broker::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("there is a folder for temporary files");
    fuzzing::segment(dir.path(), bytes);
});
