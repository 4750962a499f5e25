//! How many files and connections the process may have open, and who gets how many of them.
//!
//! Systems let a process raise its limit up to a hard one, and many programs do: so does a broker when it starts. What
//! is left for connections then is how many there may be: no attack makes `accept` or `open` fail for want of descriptors.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::limits::{CONNECTIONS_MAX, FILES_MAX};

/// Who gets how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    pub(crate) connections: usize,
    /// Of logs.
    pub(crate) files: usize,
}

impl Descriptors {
    /// Raises the process's limit and shares it out.
    pub(crate) fn of_process() -> Self {
        let mut limit = getrlimit(Resource::Nofile);
        let raised = rustix::process::Rlimit {
            current: limit.maximum.or(Some(ENOUGH)),
            ..limit
        };
        if limit.current.is_some_and(|now| now < ENOUGH)
            && setrlimit(Resource::Nofile, raised).is_ok()
        {
            limit = raised;
        }
        let all = limit.current.unwrap_or(ENOUGH);
        Self::share(usize::try_from(all).unwrap_or(usize::MAX))
    }

    fn share(all: usize) -> Self {
        let files = (all / 4).clamp(FILES_MIN, FILES_MAX);
        let left = all.saturating_sub(files + RESERVED);
        Self {
            connections: left.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX),
            files,
        }
    }
}

/// Nobody needs more.
const ENOUGH: u64 = 65_536;

/// For the rest of the process: the cleaner, files that are replaced, and an engine beside the broker.
const RESERVED: usize = 256;

const FILES_MIN: usize = 16;
const CONNECTIONS_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_allows_is_shared_out_and_never_exceeded() {
        for all in [512, 1_024, 4_096, 20_000, usize::MAX] {
            let shared = Descriptors::share(all);

            assert!(
                shared.files + shared.connections + RESERVED <= all,
                "{all}: {shared:?}"
            );
            assert!(shared.connections <= CONNECTIONS_MAX && shared.files <= FILES_MAX);
        }
    }

    #[test]
    fn a_process_that_may_open_almost_nothing_gets_a_few_of_each() {
        let shared = Descriptors::share(64);

        assert_eq!((shared.files, shared.connections), (16, 16));
    }
}
