//! The file `topics.json`: names, ids, partitions and settings of all topics, replaced as a whole.
//!
//! ```text
//!   flush = fsync   topics.json is on the disk before a change is answered
//!   flush = os      a change waits for no disk: topics.json is synced soon, and until then topics.old is what was synced before it
//! ```
//! Invariant: one of the two is whole on the disk. `topics.old` counts only where `topics.json` does not, after a power failure.

use std::{
    cell::Cell,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Error, ErrorKind, Flush,
    store::{self, Beside},
    topic::config::Overrides,
};

/// A topic as the file has it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) id: Uuid,
    pub(super) partitions: usize,
    #[serde(default)]
    pub(super) config: Overrides,
}

/// The file.
#[derive(Debug)]
pub(super) struct List {
    file: PathBuf,
    flush: Flush,
    /// It was written and not synced: it has to outlast the process at once, a power failure soon.
    is_unsynced: Cell<bool>,
    /// `topics.old` is there.
    has_old: Cell<bool>,
}

impl List {
    /// Reads the file; nothing if there is none.
    pub(super) fn open(dir: &Path, flush: Flush) -> Result<(Self, Option<Vec<Known>>), Error> {
        let mut list = Self {
            file: dir.join("topics.json"),
            flush,
            is_unsynced: Cell::new(false),
            has_old: Cell::new(false),
        };
        let found = store::load(&list.file);
        let known = match (found, store::load(&list.old())) {
            (Ok(Some(known)), old) => {
                let is_there = !matches!(old, Ok(None));
                list.has_old = Cell::new(is_there);
                list.is_unsynced = Cell::new(is_there);
                Some(known)
            }
            (Ok(None), Ok(Some(old))) => Some(list.go_back_to(old, "it is gone")?),
            (Err(error), Ok(Some(old))) if error.kind() == ErrorKind::Corrupt => {
                Some(list.go_back_to(old, error.message())?)
            }
            (found, _) => found?,
        };
        Ok((list, known))
    }

    /// What was synced last takes the place of a file that was not.
    fn go_back_to(&self, old: Vec<Known>, reason: &str) -> Result<Vec<Known>, Error> {
        tracing::warn!(
            reason,
            "the list of topics was not synced and is lost: the one before it counts"
        );
        fs::rename(self.old(), &self.file)
            .map_err(|error| Error::storage("write", &self.file, &error))?;
        self.is_unsynced.set(true);
        Ok(old)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// Writes the first list, and waits for the disk.
    pub(super) fn create(&self) -> io::Result<()> {
        store::save::<[Known]>(&self.file, &[])
    }

    /// Replaces the list: the one before stays on an error, unless that is of the disk.
    pub(super) fn save(&self, known: &[Known]) -> io::Result<()> {
        match self.flush {
            Flush::Os => self.save_soon(known),
            Flush::Fsync => store::save(&self.file, known),
        }
    }

    fn save_soon(&self, known: &[Known]) -> io::Result<()> {
        let new = Beside::write(&self.file, &store::encode(known)?)?;
        if !self.has_old.get() {
            fs::rename(&self.file, self.old())?;
            self.has_old.set(true);
        }
        // Should it fail, the old one is read at the next start.
        new.rename()?;
        self.is_unsynced.set(true);
        Ok(())
    }

    /// The file, if it was written and not synced yet.
    pub(super) fn unsynced(&self) -> Option<&Path> {
        self.is_unsynced.take().then_some(self.file.as_path())
    }

    /// What [`Self::unsynced`] gave is on the disk.
    pub(super) fn synced(&self) {
        // It may have been written again meanwhile.
        if !self.is_unsynced.get() && self.has_old.get() {
            let is_removed = store::remove_if_present(&self.old()).is_ok();
            self.has_old.set(!is_removed);
        }
    }

    fn old(&self) -> PathBuf {
        self.file.with_extension("old")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Known {
        Known {
            name: name.to_owned(),
            id: Uuid::from_u128(7),
            partitions: 1,
            config: Overrides::default(),
        }
    }

    fn open(dir: &Path) -> (List, Vec<String>) {
        let (list, known) = List::open(dir, Flush::Os).unwrap();
        let names = known.into_iter().flatten().map(|one| one.name);
        (list, names.collect())
    }

    /// A list of `orders` that was synced, and of `bills` that was not.
    fn unsynced(dir: &Path) -> List {
        let (list, _) = open(dir);
        list.create().unwrap();
        list.save(&[known("orders")]).unwrap();
        assert!(list.unsynced().is_some());
        list.synced();
        list.save(&[known("bills")]).unwrap();
        list.save(&[known("bills"), known("more")]).unwrap();
        list
    }

    #[test]
    fn a_list_that_a_power_failure_took_is_the_one_that_was_synced_before() {
        let lost: [fn(&Path); 3] = [
            |file| fs::write(file, b"").unwrap(),
            |file| fs::write(file, b"crc32c 00000000\n[").unwrap(),
            |file| fs::remove_file(file).unwrap(),
        ];
        for lose in lost {
            let dir = tempfile::tempdir().unwrap();
            lose(unsynced(dir.path()).path());

            let (list, found) = open(dir.path());

            assert_eq!(found, ["orders"]);
            assert_eq!(open(dir.path()).1, ["orders"]);
            list.save(&[known("next")]).unwrap();
            assert_eq!(open(dir.path()).1, ["next"]);
        }
    }

    #[test]
    fn after_a_crash_without_a_power_failure_the_last_list_counts_and_is_synced_then() {
        let dir = tempfile::tempdir().unwrap();
        drop(unsynced(dir.path()));

        let (list, found) = open(dir.path());

        assert_eq!(found, ["bills", "more"]);
        assert!(list.unsynced().is_some());
        list.synced();
        assert!(!list.old().exists());
    }

    #[test]
    fn what_was_written_while_the_disk_synced_leaves_the_old_list_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let list = unsynced(dir.path());
        assert!(list.unsynced().is_some());
        list.save(&[known("meanwhile")]).unwrap();

        list.synced();
        fs::write(list.path(), b"").unwrap();

        assert_eq!(open(dir.path()).1, ["orders"]);
    }

    #[test]
    fn a_damaged_list_that_was_synced_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let list = unsynced(dir.path());
        assert!(list.unsynced().is_some());
        list.synced();
        let mut bytes = fs::read(list.path()).unwrap();
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
        fs::write(list.path(), bytes).unwrap();

        let refused = List::open(dir.path(), Flush::Os).unwrap_err();

        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert!(refused.message().contains("topics.json"));
    }
}
