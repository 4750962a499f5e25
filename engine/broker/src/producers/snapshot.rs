//! What producers have sent, as a file beside the segments, so that opening a long log reads only its end.
//!
//! ```text
//!   <partition>/producers    crc json
//! ```
//! It is renamed into place but not synced: one that cannot be read says nothing, and the log is read instead.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Producers;

/// The producers of a log's records below `end_offset`.
#[derive(Debug, Serialize, Deserialize)]
struct Saved<P> {
    end_offset: i64,
    producers: P,
}

impl Producers {
    /// Reads what was saved, and up to which offset it goes. Nothing that reaches beyond the end of the log: that end was
    /// lost, and what follows may be other records.
    pub(crate) fn load(dir: &Path, end_offset: i64) -> Option<(Self, i64)> {
        let path = path(dir);
        let bytes = fs::read(&path).ok()?;
        match parse(&bytes).filter(|saved| saved.end_offset <= end_offset) {
            Some(saved) => Some((saved.producers, saved.end_offset)),
            None => {
                // One that fits later by chance would be believed.
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(path = %path.display(), %error, "an unusable file stays");
                }
                None
            }
        }
    }

    /// Saves what is known of the records below `end_offset`.
    ///
    /// # Errors
    /// The file cannot be written: the next opening reads more of the log.
    pub(crate) fn save(&self, dir: &Path, end_offset: i64) -> io::Result<()> {
        let producers = self;
        let json = serde_json::to_vec(&Saved {
            end_offset,
            producers,
        })?;
        let mut bytes = format!("{:08x} ", crc32c::crc32c(&json)).into_bytes();
        bytes.extend(json);
        let path = path(dir);
        let beside = path.with_extension("new");
        fs::write(&beside, bytes)?;
        fs::rename(&beside, &path)
    }
}

fn parse(bytes: &[u8]) -> Option<Saved<Producers>> {
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

        let (loaded, end) = Producers::load(dir.path(), 10).unwrap();
        assert_eq!(end, 3);
        assert_eq!(repeat_of(&loaded, &batch(3, 2, 1)), Some(2));
        assert_eq!(loaded.judge(&batch(3, 3, 1)), Ok(Verdict::Append));
        assert!(loaded.judge(&batch(2, 0, 1)).is_err());
    }

    #[test]
    fn what_is_damaged_or_ahead_of_the_log_is_removed() {
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

            assert!(Producers::load(dir.path(), 10).is_none());

            assert!(!path(dir.path()).exists());
        }
        sent(&[(0, 0, 2)]).save(dir.path(), 2).unwrap();
        assert!(Producers::load(dir.path(), 1).is_none());
        assert!(Producers::load(dir.path(), 10).is_none(), "it is gone");
    }
}
