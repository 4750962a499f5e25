//! What producers have sent, as a file beside the segments: opening a long log reads only its end, and what batches said of
//! their producers still counts when they are removed.
//!
//! ```text
//!   <partition>/producers    crc json
//! ```
//! It is renamed into place but not synced: one that cannot be read says nothing, and the log is read instead.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Producer, Producers, Stability};
use crate::store;

/// The producers of a log's records below `end_offset`.
#[derive(Debug, Serialize, Deserialize)]
struct Saved<P, S> {
    end_offset: i64,
    producers: P,
    #[serde(default)]
    stability: S,
}

impl Producers {
    /// Reads what was saved of a log that ends at `end_offset`, and from where on the log has to be read. Where the log's
    /// end was lost, what lies behind it is forgotten, and all of the log is read.
    pub(crate) fn load(dir: &Path, end_offset: i64) -> (Self, i64) {
        let path = path(dir);
        let Ok(bytes) = fs::read(&path) else {
            return (Self::default(), 0);
        };
        let mut producers = match parse(&bytes) {
            Some(saved) if saved.end_offset <= end_offset => {
                let known = Self::of(saved.producers, saved.stability);
                return (known, saved.end_offset);
            }
            Some(saved) => saved.producers,
            None => HashMap::new(),
        };
        // One that fits later by chance would be believed.
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "an unusable file stays");
        }
        producers.retain(|_, producer| producer.last_offset < end_offset);
        // What became of transactions is in the log.
        for producer in producers.values_mut() {
            producer.transaction = None;
        }
        (Self::of(producers, Stability::default()), 0)
    }

    /// Saves what is known of the records below `end_offset`.
    ///
    /// # Errors
    /// The file cannot be written: the next opening reads more of the log.
    pub(crate) fn save(&self, dir: &Path, end_offset: i64) -> io::Result<()> {
        let json = serde_json::to_vec(&Saved {
            end_offset,
            producers: &self.by_id,
            stability: &self.stability,
        })?;
        let mut bytes = format!("{:08x} ", crc32c::crc32c(&json)).into_bytes();
        bytes.extend(json);
        store::replace_soon(&path(dir), &bytes)
    }
}

fn parse(bytes: &[u8]) -> Option<Saved<HashMap<i64, Producer>, Stability>> {
    let (crc, json) = bytes.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?.trim_end(), 16).ok()?;
    match crc == crc32c::crc32c(json) {
        true => serde_json::from_slice(json).ok(),
        false => None,
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("producers")
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::producers::Verdict;

    #[test]
    fn what_was_saved_judges_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let producers = sent(&[(3, 0, 2), (3, 2, 1)]);

        producers.save(dir.path(), 3).unwrap();

        let (loaded, from) = Producers::load(dir.path(), 10);
        assert_eq!(from, 3);
        assert_eq!(repeat_of(&loaded, &batch(3, 2, 1)), Some(2));
        assert_eq!(loaded.judge(&batch(3, 3, 1)), Ok(Verdict::Append));
        assert!(loaded.judge(&batch(2, 0, 1)).is_err());
    }

    #[test]
    fn what_is_damaged_is_removed_and_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let damage: [fn(Vec<u8>) -> Vec<u8>; 3] = [
            |saved| saved[..saved.len() - 1].to_vec(),
            |_| Vec::new(),
            |saved| [&saved[..20], b"7", &saved[20..]].concat(),
        ];
        for damaged in damage {
            sent(&[(0, 0, 2)]).save(dir.path(), 2).unwrap();
            let saved = fs::read(path(dir.path())).unwrap();
            fs::write(path(dir.path()), damaged(saved)).unwrap();

            let (producers, from) = Producers::load(dir.path(), 10);

            assert!(producers.by_id.is_empty() && from == 0);
            assert!(!path(dir.path()).exists());
        }
    }

    #[test]
    fn of_a_log_whose_end_was_lost_all_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        sent(&[(0, 0, 2), (0, 2, 1)]).save(dir.path(), 3).unwrap();

        let (mut producers, from) = Producers::load(dir.path(), 2);

        assert_eq!(from, 0);
        assert_eq!(producers.judge(&batch(0, 2, 1)), Ok(Verdict::Append));
        producers.found(&batch(0, 0, 2), -1, None);
        producers.found(&batch(0, 0, 2), -1, None);
        assert_eq!(repeat_of(&producers, &batch(0, 0, 2)), Some(0));
        assert!(!path(dir.path()).exists(), "it would fit again one day");
    }
}
