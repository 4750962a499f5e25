//! Brokers: the embedded one, or with the feature `apache` Apache Kafka. The one that `SAGALINE_TEST_KAFKA` names is shared
//! instead of a started one.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

#[cfg(feature = "apache")]
mod apache;
#[cfg(not(feature = "apache"))]
mod embedded;

#[cfg(feature = "apache")]
pub(crate) use apache::{Broker, NODES_MAX, start_shared};
#[cfg(not(feature = "apache"))]
pub(crate) use embedded::{Broker, NODES_MAX, start_shared};

/// The broker that the tests share, as host:port.
pub(crate) fn shared() -> &'static str {
    static SHARED: OnceLock<String> = OnceLock::new();
    SHARED.get_or_init(|| {
        std::env::var("SAGALINE_TEST_KAFKA").unwrap_or_else(|_| {
            sweep();
            start_shared(&directory("shared"))
        })
    })
}

pub(crate) fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{PREFIX}{name}-{}", std::process::id()))
}

/// Removes what earlier test runs left, which are over: their brokers' data.
fn sweep() {
    let left = std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
    for path in left.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some((_, owner)) = name
            .strip_prefix(PREFIX)
            .and_then(|name| name.rsplit_once('-'))
        else {
            continue;
        };
        let lives = Command::new("sh")
            .args(["-c", "kill -0 $0 2>/dev/null", owner])
            .status();
        if lives.is_ok_and(|status| !status.success()) {
            drop(std::fs::remove_dir_all(&path));
        }
    }
}

const PREFIX: &str = "kafka-e2e-";
