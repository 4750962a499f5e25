//! Kills the processes of a test run that was itself killed, so that no engine goes on looking for a broker for ever.
//!
//! Reads lines `+pid` and `-pid`. At the end of its input, which comes when the test run is gone however it went, those
//! that are left are killed.

use std::{collections::BTreeSet, io, process::Command};

fn main() {
    let mut pids = BTreeSet::new();
    for line in io::stdin().lines().map_while(Result::ok) {
        match line.split_at_checked(1) {
            Some(("+", pid)) => drop(pids.insert(pid.to_owned())),
            Some(("-", pid)) => drop(pids.remove(pid)),
            _ => {}
        }
    }
    for pid in pids {
        // One that has gone by itself is no failure.
        drop(
            Command::new("sh")
                .args(["-c", "kill -9 $0 2>/dev/null", &pid])
                .status(),
        );
    }
}
