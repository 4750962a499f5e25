//! A line for whoever waits: said when `dev` is not ready after a second, and otherwise not at all.

use std::{path::Path, sync::mpsc, thread, time::Duration};

use crate::{fault::Outcome, output::aside};

/// Says after a while that the start goes on, unless it has ended.
#[derive(Debug)]
pub(super) struct Slow(mpsc::Sender<()>);

impl Slow {
    /// Begins to wait for the end of a start that reads this folder, if there is something in it.
    pub(super) fn begin(data: Option<&Path>) -> Outcome<Self> {
        let (ended, has_ended) = mpsc::channel();
        let line = line(data);
        thread::Builder::new()
            .name("slow".to_owned())
            .spawn(move || {
                if is_slow(&has_ended, PATIENCE) {
                    aside(&line);
                }
            })?;
        Ok(Self(ended))
    }

    /// It has ended: nothing more is said. Dropped, it has failed, which somebody else says.
    pub(super) fn end(&self) {
        // It may have been slow.
        let _ = self.0.send(());
    }
}

/// How long nobody wonders.
const PATIENCE: Duration = Duration::from_secs(1);

fn is_slow(has_ended: &mpsc::Receiver<()>, patience: Duration) -> bool {
    has_ended.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout)
}

fn line(data: Option<&Path>) -> String {
    match data {
        Some(data) => format!("starting: {} is read", data.display()),
        None => "starting".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_that_goes_on_is_slow() {
        let (slow, waits) = mpsc::channel();
        assert!(is_slow(&waits, Duration::from_millis(1)));

        slow.send(()).unwrap();
        assert!(!is_slow(&waits, PATIENCE), "it has ended");
        drop(slow);
        assert!(!is_slow(&waits, PATIENCE), "it has failed");
    }

    #[test]
    fn it_says_what_takes_time() {
        assert_eq!(
            line(Some(Path::new(".sagaline"))),
            "starting: .sagaline is read"
        );
        assert_eq!(line(None), "starting");
    }
}
