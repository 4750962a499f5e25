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
    let topic = format!("{}.journal", world.namespace);
    let printed = run(world, "valid_batches.py", &[&topic]);
    serde_json::from_slice(&printed).expect("it prints JSON")
}

impl World {
    /// Sends the start of an order within a transaction, which then ends as it is told to: `commit` or `abort`.
    pub(crate) fn in_transaction(&self, id: &str, end: &str) {
        let start = self
            .start_order(id, &super::records::order(id, "visa", "ok"))
            .into_record();
        let value = String::from_utf8(start.value.unwrap_or_default()).expect("it is JSON");
        run(
            self,
            "transaction.py",
            &[&start.topic, &start.partition.to_string(), id, &value, end],
        );
    }
}

/// Runs a script of these tests to its end; gives what it printed.
fn run(world: &World, script: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(interpreter())
        .arg(repository().join("tests/e2e").join(script))
        .arg(&world.bootstrap)
        .args(arguments)
        .env("PYTHONPATH", repository().join("docs/reference"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 is there");
    assert!(
        output.status.success(),
        "{}\nhint: tools/test-e2e makes a Python with confluent-kafka and names it in SAGALINE_PYTHON",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
