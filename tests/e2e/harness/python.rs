//! The journal read by a stranger: the documented reader in Python, with a Kafka client in C.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use super::world::{World, repository};

/// Valid batches of each partition: epoch, number, offsets of the records.
pub(crate) type ValidBatches = BTreeMap<i32, Vec<(u64, u64, Vec<i64>)>>;

/// A Python that has confluent-kafka.
pub(crate) fn interpreter() -> PathBuf {
    std::env::var_os("SAGALINE_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// What `docs/reference/journal_reader.py` takes for valid.
pub(crate) fn valid_batches(world: &World) -> ValidBatches {
    let output = Command::new(interpreter())
        .arg(repository().join("tests/e2e/valid_batches.py"))
        .args([&world.bootstrap, &format!("{}.journal", world.namespace)])
        .env("PYTHONPATH", repository().join("docs/reference"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 is there");
    assert!(
        output.status.success(),
        "{}\nhint: tools/test-e2e makes a Python with confluent-kafka and names it in SAGALINE_PYTHON",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}
