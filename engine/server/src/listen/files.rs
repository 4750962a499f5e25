//! How many connections this process may have: each is an open file, and the engine needs some, too.

/// Open files that are asked for, where the system lets a process have them.
const FILES_WANTED: u64 = 65_536;

/// Connections that there may be in any case.
const CONNECTIONS_MIN: usize = 64;

/// As many as are wanted, or half of the open files that this process may have.
#[cfg(unix)]
pub(super) fn connections_max(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(FILES_WANTED).min(FILES_WANTED);
    let Some(now) = limit.current else {
        return wanted;
    };
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    // Where it may not be raised, it stays as it is.
    let files = match now < most && setrlimit(Resource::Nofile, raised).is_ok() {
        true => most,
        false => now,
    };
    let half = usize::try_from(files / 2).unwrap_or(wanted);
    half.clamp(CONNECTIONS_MIN, wanted.max(CONNECTIONS_MIN))
}

/// As many as are wanted.
#[cfg(not(unix))]
pub(super) fn connections_max(wanted: usize) -> usize {
    wanted
}
