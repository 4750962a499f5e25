//! A file of changes, a line each: what a state machine gives is written before it is answered, and read back at the start.
//!
//! ```text
//!   crc32c json      a torn last line is cut off; the file is written anew when most of it is of no use any more
//! ```
//! Neither way is more than one line of it in memory.
//! Users: `coordinator.rs` (committed offsets) and `transactor.rs` (transactions).

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind,
    disk::Output,
    store::{self, Beside},
    sync_gate::SyncGate,
};

/// A file of so many bytes is not written anew, however little of it is of use.
const BYTES_MIN: u64 = 4 * 1024 * 1024;

/// Bytes of a line. The longest there can be has the parts of a transaction: 10,000 names of groups.
#[cfg(not(test))]
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
#[cfg(test)]
const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The file, open for appends.
#[derive(Debug)]
pub(crate) struct ChangeFile {
    file: Arc<File>,
    path: PathBuf,
    /// Bytes of whole lines.
    bytes: u64,
    /// Part of a failed write may stand behind them.
    is_torn: bool,
    /// Bytes of the file when it was last written anew.
    bytes_then: u64,
    gate: SyncGate,
}

impl ChangeFile {
    /// Opens the file, which is made if it is not there, and hands over the changes in it, up to the first line that is not
    /// whole.
    pub(crate) fn open<L: DeserializeOwned>(
        path: PathBuf,
        take: impl FnMut(L),
    ) -> Result<Self, Error> {
        let write = |error| Error::storage("write", &path, &error);
        let file = append_to(&path).map_err(write)?;
        let read = |error| Error::storage("read", &path, &error);
        let found = read_all(File::open(&path).map_err(read)?, take).map_err(read)?;
        let whole = found.whole;
        if found.goes_on {
            // No write is torn like that, and what follows was acknowledged.
            let text = format!("{} is damaged at byte {whole}", path.display());
            return Err(Error::new(ErrorKind::Corrupt, "broker-data", text));
        }
        if whole < found.bytes {
            let lost = found.bytes - whole;
            tracing::warn!(path = %path.display(), lost, "the end of a file was torn and is cut off");
            file.set_len(whole).map_err(write)?;
        }
        Ok(Self {
            file: Arc::new(file),
            bytes: whole,
            is_torn: false,
            bytes_then: BYTES_MIN / 4,
            gate: SyncGate::default(),
            path,
        })
    }

    /// What puts on the disk all that was appended so far; for any thread.
    pub(crate) fn sync(&self) -> impl FnOnce() -> io::Result<()> + Send + use<> {
        let (file, gate) = (self.file.clone(), self.gate.clone());
        move || gate.sync(|| file.sync_data())
    }

    /// Appends changes in one write.
    ///
    /// # Errors
    /// None of them counts. After a failed sync that is so until the file is opened again.
    pub(crate) fn append<L: Serialize>(
        &mut self,
        changes: impl IntoIterator<Item = L>,
    ) -> io::Result<()> {
        let mut text = Vec::new();
        for change in changes {
            put(&change, &mut text)?;
        }
        if text.is_empty() {
            return Ok(());
        }
        self.gate.check()?;
        if self.is_torn {
            self.file.set_len(self.bytes)?;
        }
        self.is_torn = true;
        Output(&*self.file).write_all(&text)?;
        self.is_torn = false;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Writes the file anew, with these changes alone, if most of it is of no use any more, as far as its size can tell. If that
    /// fails the file is good all the same, and it is tried again when it has grown more.
    pub(crate) fn shrink<L: Serialize>(&mut self, changes: impl IntoIterator<Item = L>) {
        if self.bytes <= BYTES_MIN || self.bytes <= 4 * self.bytes_then {
            return;
        }
        if let Err(error) = self.replace(changes) {
            tracing::warn!(path = %self.path.display(), %error, "a file grows: it cannot be written anew");
            self.bytes_then = self.bytes / 2;
        }
    }

    /// Writes the file anew; after a crash it is the old one or the new one.
    ///
    /// # Errors
    /// It is the old one; or the new one, and after a power failure perhaps the old one: then nothing is appended any more.
    fn replace<L: Serialize>(&mut self, changes: impl IntoIterator<Item = L>) -> io::Result<()> {
        let folder = File::open(store::folder_of(&self.path))?;
        let mut changes = changes.into_iter();
        let new = Beside::write_by(&self.path, |file| {
            changes.try_for_each(|change| put(&change, file))
        })?;
        new.sync()?;
        self.file = new.rename()?;
        self.is_torn = false;
        self.bytes = self.file.metadata()?.len();
        self.bytes_then = self.bytes.max(BYTES_MIN / 4);
        self.gate.sync(|| folder.sync_all())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes a change as a line.
fn put(change: &impl Serialize, into: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let json = serde_json::to_vec(change)?;
    if json.len() > LINE_BYTES_MAX - LINE_BYTES_MIN {
        return Err(io::Error::other("a change is too long for its file"));
    }
    write!(into, "{:08x} ", crc32c::crc32c(&json))?;
    into.write_all(&json)?;
    into.write_all(b"\n")
}

/// Bytes of a line beside its JSON.
const LINE_BYTES_MIN: usize = 10;

/// What is in a file.
#[derive(Debug, Default)]
struct Found {
    bytes: u64,
    /// Those of the whole lines that it begins with.
    whole: u64,
    /// There are whole lines after one that is not.
    goes_on: bool,
}

/// Hands over the changes of a file, up to the first line that is not whole. One that is too long comes in parts, none of which
/// is.
fn read_all<L: DeserializeOwned>(file: File, mut take: impl FnMut(L)) -> io::Result<Found> {
    let (mut file, mut line, mut found) = (BufReader::new(file), Vec::new(), Found::default());
    loop {
        line.clear();
        let mut rest = file.by_ref().take(LINE_BYTES_MAX as u64);
        if rest.read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        let change = change_of(&line).filter(|_| found.whole == found.bytes);
        found.bytes += line.len() as u64;
        match change {
            Some(change) => {
                take(change);
                found.whole = found.bytes;
            }
            None => found.goes_on |= is_whole(&line),
        }
    }
}

fn change_of<L: DeserializeOwned>(line: &[u8]) -> Option<L> {
    serde_json::from_slice(json_of(line)?).ok()
}

fn is_whole(line: &[u8]) -> bool {
    json_of(line).is_some()
}

fn json_of(line: &[u8]) -> Option<&[u8]> {
    let (crc, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(&crc[..8]).ok()?, 16).ok()?;
    (crc == crc32c::crc32c(json)).then_some(json)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::faults::{fail_next_sync, set_bytes_left};

    fn open(path: &Path) -> (ChangeFile, Vec<String>) {
        let mut found = Vec::new();
        let file = ChangeFile::open(path.to_owned(), |change| found.push(change)).unwrap();
        (file, found)
    }

    #[test]
    fn changes_come_back_in_order_up_to_a_torn_line_wherever_it_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, found) = open(&path);
        assert!(found.is_empty());
        file.append(["a", "b"]).unwrap();
        file.append(["c"]).unwrap();
        let whole = fs::read(&path).unwrap();
        let line = whole.len() / 3;

        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();

            let (mut file, found) = open(&path);

            assert_eq!(found, ["a", "b", "c"][..length / line]);
            file.append(["d"]).unwrap();
            assert_eq!(open(&path).1.last().unwrap(), "d");
        }
    }

    #[test]
    fn a_line_that_is_damaged_before_whole_ones_is_refused_and_nothing_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        open(&path).0.append(["a", "b", "c"]).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let second = bytes.len() / 3 + 10;

        bytes[second] ^= 1;
        fs::write(&path, &bytes).unwrap();

        let refused = ChangeFile::open::<String>(path.clone(), |_| {}).unwrap_err();
        assert_eq!(refused.code(), "broker-data");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_file_that_was_written_anew_has_what_it_was_given_and_grows_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, _) = open(&path);
        file.append(["a", "b"]).unwrap();

        file.replace(["c"]).unwrap();
        file.append(["d"]).unwrap();

        assert_eq!(open(&path).1, ["c", "d"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_not_written_and_is_torn_where_it_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, _) = open(&path);
        let longest = "x".repeat(LINE_BYTES_MAX - LINE_BYTES_MIN - 2);
        file.append([&longest]).unwrap();
        file.append([&format!("{longest}x")]).unwrap_err();
        file.replace([&format!("{longest}x")]).unwrap_err();
        assert_eq!(open(&path).1, [&*longest]);

        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(vec![b'y'; 3 * LINE_BYTES_MAX]);
        fs::write(&path, &bytes).unwrap();

        assert_eq!(open(&path).1, [longest]);
        assert_eq!(fs::read(&path).unwrap().len(), LINE_BYTES_MAX);
    }

    #[test]
    fn lines_are_read_and_written_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, _) = open(&path);
        file.append(["a"]).unwrap();

        let mut found = Vec::new();
        ChangeFile::open(path.clone(), |change: String| {
            if change == "a" {
                file.append(["b"]).unwrap();
            }
            found.push(change);
        })
        .unwrap();
        let mut longest = 0;
        let lines = (0..10).map(|_| {
            let written = fs::metadata(path.with_extension("new")).map_or(0, |file| file.len());
            longest = written.max(longest);
            "x".repeat(LINE_BYTES_MAX / 2)
        });
        file.replace(lines).unwrap();

        assert_eq!(found, ["a", "b"], "what came while it was read");
        assert!(longest > 4 * LINE_BYTES_MAX as u64, "{longest} bytes");
    }

    #[test]
    fn after_a_failed_sync_nothing_is_appended_or_taken_for_synced_until_the_file_is_opened_again()
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, _) = open(&path);
        file.append(["a"]).unwrap();

        fail_next_sync();
        let failed = file.sync()();

        assert!(failed.is_err());
        assert!(file.append(["b"]).is_err());
        assert!(file.sync()().is_err(), "the system may have forgotten");
        let (mut file, found) = open(&path);
        assert_eq!(found, ["a"]);
        file.append(["b"]).unwrap();
        file.sync()().unwrap();
    }

    #[test]
    fn a_file_that_was_written_anew_and_whose_name_is_not_synced_is_not_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, _) = open(&path);
        file.append(["a", "b"]).unwrap();

        fail_next_sync();

        assert!(file.replace(["c"]).is_err());
        assert!(file.append(["lost"]).is_err());
        assert_eq!(open(&path).1, ["c"]);
    }

    #[test]
    fn a_file_that_cannot_be_written_anew_takes_changes_and_is_tried_again_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes");
        let (mut file, _) = open(&path);
        let long = "x".repeat(1 << 20);
        for _ in 0..4 {
            file.append([&long]).unwrap();
        }
        file.append(["a"]).unwrap();

        set_bytes_left(Some(10));
        file.shrink(["a"]);
        set_bytes_left(None);

        file.append(["b"]).unwrap();
        file.shrink(["never"]);
        assert_eq!(open(&path).1.len(), 6, "it is not tried at once");
        for _ in 0..5 {
            file.append([&long]).unwrap();
        }
        file.shrink(["a", "b"]);
        file.append(["c"]).unwrap();
        assert_eq!(open(&path).1, ["a", "b", "c"]);
    }
}
