//! Names of owners: a fresh UUID for every claim, whose first half is that of the process.
//!
//! So a reader of the journal knows a process that claims again from one that took over. The UUIDs are of version 8 (RFC
//! 9562): their bits are the application's own. Those of other versions say nothing about processes.

use uuid::{Builder, Uuid};

/// The name of an owner: one claim, `claim`, of one process.
pub(crate) fn name(process: &str, claim: &str) -> Uuid {
    let hash = |name: &str| *Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_bytes();
    let (of_process, of_claim) = (hash(process), hash(&format!("{process}/{claim}")));
    let mut bytes = of_claim;
    bytes[..PROCESS_BYTES].copy_from_slice(&of_process[..PROCESS_BYTES]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Whether both claims are of one process.
pub(crate) fn same_process(one: &str, other: &str) -> bool {
    let process = |name: &str| {
        let uuid = Uuid::try_parse(name).ok()?;
        (uuid.get_version_num() == CUSTOM).then(|| uuid.as_u64_pair().0)
    };
    process(one).is_some_and(|one| process(other) == Some(one))
}

const PROCESS_BYTES: usize = 8;

/// The version of UUIDs that we made.
const CUSTOM: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_one_process_are_known_and_no_two_are_the_same() {
        let [first, second, other] =
            [("p", "1"), ("p", "2"), ("q", "1")].map(|(process, claim)| name(process, claim));

        assert_ne!(first, second);
        assert!(same_process(&first.to_string(), &second.to_string()));
        assert!(!same_process(&first.to_string(), &other.to_string()));
        let of_before = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"x").to_string();
        assert!(!same_process(&of_before, &of_before));
        assert!(!same_process("", ""));
    }
}
