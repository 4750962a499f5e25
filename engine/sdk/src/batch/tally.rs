//! What became of what a batch acted on.

use serde::{Deserialize, Serialize};

/// Most errors that are kept.
const ERRORS_MAX: usize = 50;

/// Most bytes of them: they stand in the memo, which has 16 KB.
const ERRORS_BYTES_MAX: usize = 8 * 1024;

/// Longest id that is shown of what is no workflow.
const ID_CHARS_MAX: usize = 255;

/// How many of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Done.
    pub done: u64,
    /// Over before their turn: closed, solved.
    pub skipped: u64,
    /// Refused.
    pub failed: u64,
    /// Of those, the first: 50 at most, and 8 KB.
    pub errors: Vec<Failed>,
    /// How many more there are.
    pub errors_left_out: u64,
}

/// One that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Which workflow.
    pub workflow_id: String,
    /// A word for why.
    pub code: String,
}

impl Tally {
    pub(super) fn fail(&mut self, workflow_id: &str, code: &str) {
        self.failed += 1;
        self.keep(Failed {
            workflow_id: workflow_id.chars().take(ID_CHARS_MAX).collect(),
            code: code.to_owned(),
        });
    }

    /// Counts in what became of more.
    pub(super) fn add(&mut self, more: Self) {
        self.done += more.done;
        self.skipped += more.skipped;
        self.failed += more.failed;
        self.errors_left_out += more.errors_left_out;
        more.errors.into_iter().for_each(|error| self.keep(error));
    }

    /// How many it tells of.
    pub(super) const fn count(&self) -> u64 {
        self.done + self.skipped + self.failed
    }

    fn keep(&mut self, error: Failed) {
        let size = |error| serde_json::to_vec(error).map_or(usize::MAX, |json| json.len() + 1);
        let bytes: usize = self.errors.iter().map(size).sum();
        // Once one is left out, all that follow are: what is kept are the first.
        if self.errors_left_out > 0
            || self.errors.len() >= ERRORS_MAX
            || bytes.saturating_add(size(&error)) > ERRORS_BYTES_MAX
        {
            self.errors_left_out += 1;
        } else {
            self.errors.push(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_errors_are_kept_and_the_others_counted() {
        let mut all = Tally::default();
        for number in 0..30 {
            let mut some = Tally::default();
            some.fail(&format!("w-{number}"), "paused");
            some.fail(&format!("v-{number}"), "paused");
            all.add(some);
        }

        assert_eq!((all.failed, all.errors.len()), (60, 50));
        assert_eq!(all.errors_left_out, 10);
        assert_eq!(all.errors[49].workflow_id, "v-24");
    }

    #[test]
    fn errors_fit_a_memo_whatever_the_ids_are() {
        let mut tally = Tally::default();

        for _ in 0..50 {
            tally.fail(&"\u{1}".repeat(10_000), "invalid_target");
        }

        let bytes = serde_json::to_vec(&tally.errors).unwrap().len();
        assert!(bytes <= ERRORS_BYTES_MAX, "{bytes}");
        assert_eq!(tally.errors.len() as u64 + tally.errors_left_out, 50);
        assert!(!tally.errors.is_empty());
    }
}
