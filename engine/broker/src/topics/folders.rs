//! The folders of topics. What is in one is removed only when a deletion has set it aside before.
//!
//! ```text
//!   topics/<id>/<partition>/    a topic's
//!   topics/<id>-delete/         of a topic that is being deleted; back to its name if the list still has the topic
//!   topics/unknown-<id>/        of a topic that the list does not have, and that has records: for a person to look at
//! ```

use std::{
    cell::RefCell,
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::{Error, disk};

/// The folders.
#[derive(Debug)]
pub(super) struct Folders {
    dir: PathBuf,
    /// What is to be removed: that may take long.
    removed: RefCell<Vec<PathBuf>>,
    /// Told when there is more of it.
    more: Rc<Notify>,
}

impl Folders {
    /// Opens the folder of all, and puts in order what a crash has left.
    pub(super) fn open(data: &Path, known: &HashSet<Uuid>) -> Result<Self, Error> {
        let folders = Self {
            dir: data.join(FOLDER),
            removed: RefCell::default(),
            more: Rc::default(),
        };
        let dir = &folders.dir;
        fs::create_dir_all(dir).map_err(|error| Error::storage("make", dir, &error))?;
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(|error| Error::storage("read", dir, &error))? {
            let name = entry.file_name();
            let path = entry.path();
            folders
                .put_in_order(&name.to_string_lossy(), path, known)
                .map_err(|error| Error::storage("rename", &entry.path(), &error))?;
        }
        Ok(folders)
    }

    fn put_in_order(&self, name: &str, path: PathBuf, known: &HashSet<Uuid>) -> io::Result<()> {
        if let Some(id) = name.strip_suffix(DELETE).and_then(id_of) {
            if known.contains(&id) && !self.of(id).exists() {
                return fs::rename(path, self.of(id));
            }
            self.removed.borrow_mut().push(path);
        } else if let Some(id) = id_of(name).filter(|id| !known.contains(id)) {
            if !has_records(&path) {
                // A creation was cut short, or refused.
                self.removed.borrow_mut().push(path);
                return Ok(());
            }
            let aside = self.dir.join(format!("{UNKNOWN}{id}"));
            tracing::warn!(
                folder = %aside.display(),
                "records of a topic that topics.json does not have are set aside"
            );
            fs::rename(path, aside)?;
        }
        Ok(())
    }

    /// A topic's.
    pub(super) fn of(&self, id: Uuid) -> PathBuf {
        self.dir.join(id.to_string())
    }

    /// A partition's.
    pub(super) fn of_partition(&self, id: Uuid, index: usize) -> PathBuf {
        self.of(id).join(index.to_string())
    }

    /// Renames the folder of a topic that is to be deleted.
    pub(super) fn set_aside(&self, id: Uuid) -> io::Result<()> {
        match fs::rename(self.of(id), self.aside(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The topic is not deleted after all.
    pub(super) fn put_back(&self, id: Uuid) {
        if let Err(error) = fs::rename(self.aside(id), self.of(id)) {
            tracing::error!(%id, %error, "a topic's folder is back at the next start only");
        }
    }

    /// The topic is deleted: what was set aside may go.
    pub(super) fn remove(&self, id: Uuid) {
        self.removed.borrow_mut().push(self.aside(id));
        self.more.notify_one();
    }

    /// The folder of a topic that is not to be after all.
    pub(super) fn discard(&self, id: Uuid) {
        match self.set_aside(id) {
            Ok(()) => self.remove(id),
            Err(error) => {
                tracing::warn!(%id, %error, "a folder stays until the next start");
            }
        }
    }

    /// Makes the names of the folders outlast a power failure.
    pub(super) fn sync(&self) -> io::Result<()> {
        disk::sync_folder(&self.dir)
    }

    /// What is to be removed, each given once.
    pub(super) fn take_removed(&self) -> Vec<PathBuf> {
        self.removed.take()
    }

    /// Where to hear that there is more to be removed.
    pub(super) fn more(&self) -> Rc<Notify> {
        self.more.clone()
    }

    fn aside(&self, id: Uuid) -> PathBuf {
        self.dir.join(format!("{id}{DELETE}"))
    }
}

/// Whether topics have left folders in a broker's data.
pub(super) fn are_there(data: &Path) -> bool {
    fs::read_dir(data.join(FOLDER)).is_ok_and(|mut folders| folders.next().is_some())
}

/// Whether a topic's folder has records, or cannot be read.
fn has_records(topic: &Path) -> bool {
    let is_empty = || -> io::Result<bool> {
        for partition in fs::read_dir(topic)? {
            for file in fs::read_dir(partition?.path())? {
                let file = file?;
                if file.path().extension().is_some_and(|one| one == "log")
                    && file.metadata()?.len() > 0
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    };
    !is_empty().unwrap_or(false)
}

fn id_of(name: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(name).ok()?;
    (id.to_string() == name).then_some(id)
}

const FOLDER: &str = "topics";
const DELETE: &str = "-delete";
const UNKNOWN: &str = "unknown-";
