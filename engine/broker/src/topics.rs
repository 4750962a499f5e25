//! All topics: made, found, changed, deleted, and remembered over restarts.
//!
//! ```text
//!   <data>/topics.json                   names, ids, partitions and settings: list.rs
//!   <data>/topics/<id>/<partition>/      segment files: folders.rs
//! ```
//! Invariant: topics.json says that a topic is there before anybody is told so, and that it is not before its files go.

mod folders;
mod list;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use tokio::sync::Notify;
use uuid::Uuid;

use self::{
    folders::Folders,
    list::{Known, List},
};

use crate::{
    Error, ErrorKind, Flush, clock,
    code::ErrorCode,
    disk,
    limits::{PARTITIONS_MAX, TOPIC_PARTITIONS_MAX, TOPICS_MAX},
    log::LogError,
    partition::Partition,
    topic::{self, Topic, config::Overrides},
};

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    dir: PathBuf,
    flush: Flush,
    list: List,
    folders: Folders,
    by_name: RefCell<BTreeMap<String, Rc<Topic>>>,
    by_id: RefCell<HashMap<Uuid, Rc<Topic>>>,
}

/// Why a topic is not as somebody wants it; for people.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<LogError> for Refused {
    fn from(error: LogError) -> Self {
        tracing::error!(%error, "a topic's files cannot be changed");
        Self::new(ErrorCode::StorageError, error.to_string())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "the list of topics cannot be written");
        Self::new(ErrorCode::StorageError, error.to_string())
    }
}

impl Topics {
    /// Opens all topics in a folder.
    pub(crate) fn open(dir: &Path, flush: Flush) -> Result<Self, Error> {
        let (list, known) = List::open(dir, flush)?;
        if known.is_none() {
            refuse_if_lost(dir, list.path())?;
            let created = list.create();
            created.map_err(|error| Error::storage("write", list.path(), &error))?;
        }
        let known = known.unwrap_or_default();
        let ids = known.iter().map(|one| one.id).collect();
        let topics = Self {
            dir: dir.to_owned(),
            flush,
            list,
            folders: Folders::open(dir, &ids)?,
            by_name: RefCell::default(),
            by_id: RefCell::default(),
        };
        for one in known {
            let topic = topics.load(&one).map_err(|error| {
                let text = format!("topic {}: {error}", one.name);
                Error::new(ErrorKind::Unavailable, "broker-storage", text)
            })?;
            topics.insert(topic);
        }
        Ok(topics)
    }

    /// Where all of it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The list of topics, if it was written and not synced yet.
    pub(crate) fn unsynced(&self) -> Option<PathBuf> {
        self.list.unsynced().map(Path::to_owned)
    }

    /// It was synced, or could not be.
    pub(crate) fn synced(&self, synced: io::Result<()>) {
        let Err(error) = synced else {
            return self.list.synced();
        };
        tracing::warn!(%error, "the list of topics could not be synced and is written again");
        // A system may forget what it could not write, so that syncing the same file again would say nothing.
        if let Err(error) = self.save() {
            tracing::error!(%error, "the list of topics cannot be written");
        }
    }

    /// Folders of topics that are no more, to be removed; each is given once.
    pub(crate) fn take_removed(&self) -> Vec<PathBuf> {
        self.folders.take_removed()
    }

    /// Where to hear that there are more of them.
    pub(crate) fn more_removed(&self) -> Rc<Notify> {
        self.folders.more()
    }

    /// The topic of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Rc<Topic>> {
        self.by_name.borrow().get(name).cloned()
    }

    /// The topic of that id.
    pub(crate) fn get_by_id(&self, id: Uuid) -> Option<Rc<Topic>> {
        self.by_id.borrow().get(&id).cloned()
    }

    /// A partition, by the topic's name.
    pub(crate) fn partition(&self, name: &str, index: i32) -> Option<Rc<Partition>> {
        self.get(name)?.partition(index)
    }

    /// All topics, by name.
    pub(crate) fn all(&self) -> Vec<Rc<Topic>> {
        self.by_name.borrow().values().cloned().collect()
    }

    /// Whether a topic of that name and size may be made.
    ///
    /// # Errors
    /// Kafka's codes for what is wrong with it, or that it is there, or that it would be one too many.
    pub(crate) fn check(&self, name: &str, partitions: i32) -> Result<(), Refused> {
        if !topic::is_name(name) {
            let text = format!("Topic name is invalid: '{}'", name.escape_default());
            return Err(Refused::new(ErrorCode::InvalidTopic, text));
        }
        if self.by_name.borrow().contains_key(name) {
            let text = format!("Topic '{name}' already exists.");
            return Err(Refused::new(ErrorCode::TopicAlreadyExists, text));
        }
        if let Some(other) = self.collides(name) {
            let text = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(Refused::new(ErrorCode::InvalidTopic, text));
        }
        if self.by_name.borrow().len() >= TOPICS_MAX {
            let text = format!("this broker has {TOPICS_MAX} topics, as many as it may");
            return Err(Refused::new(ErrorCode::PolicyViolation, text));
        }
        self.check_partitions(0, partitions)
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// As [`Self::check`]; or its files cannot be made.
    pub(crate) fn create(
        &self,
        name: &str,
        partitions: i32,
        config: Overrides,
    ) -> Result<Rc<Topic>, Refused> {
        self.check(name, partitions)?;
        let known = Known {
            name: name.to_owned(),
            id: new_id(),
            partitions: usize::try_from(partitions).unwrap_or_default(),
            config,
        };
        let topic = self.make(&known);
        let topic = topic.inspect_err(|_| self.folders.discard(known.id))?;
        tracing::info!(topic = name, partitions, "topic made");
        Ok(topic)
    }

    fn make(&self, known: &Known) -> Result<Rc<Topic>, Refused> {
        let topic = self.load(known)?;
        self.insert(topic.clone());
        if let Err(error) = self.save() {
            self.forget(&topic);
            return Err(error.into());
        }
        Ok(topic)
    }

    /// Gives a topic more partitions.
    ///
    /// # Errors
    /// `InvalidPartitions`: it has as many already; or as [`Self::create`].
    pub(crate) fn grow(&self, topic: &Topic, partitions: i32, dry: bool) -> Result<(), Refused> {
        let have = topic.partitions.borrow().len();
        let have_i32 = i32::try_from(have).unwrap_or(i32::MAX);
        if partitions <= have_i32 {
            let text = format!(
                "The topic {} currently has {have} partition(s); {partitions} would not be an increase.",
                topic.name
            );
            return Err(Refused::new(ErrorCode::InvalidPartitions, text));
        }
        self.check_partitions(have_i32, partitions)?;
        if dry {
            return Ok(());
        }
        let of_logs = topic::log_config(&topic.config.borrow());
        let mut more = Vec::new();
        for index in have..usize::try_from(partitions).unwrap_or_default() {
            let dir = self.folders.of_partition(topic.id, index);
            let partition = Partition::open(&dir, of_logs.clone(), clock::wall())?;
            more.push(Rc::new(partition));
        }
        topic.partitions.borrow_mut().extend(more);
        if let Err(error) = self.save() {
            topic.partitions.borrow_mut().truncate(have);
            return Err(error.into());
        }
        Ok(())
    }

    /// Gives a topic other settings.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn configure(&self, topic: &Topic, config: Overrides) -> Result<(), Refused> {
        let before = topic.config.replace(config.clone());
        // A shorter retention frees space.
        if let Err(error) = disk::with_reserve(disk::is_full, || self.save()) {
            topic.config.replace(before);
            return Err(error.into());
        }
        topic.set_config(config);
        Ok(())
    }

    /// Deletes a topic; its files are for [`Self::take_removed`]. Whoever waits for its records is woken.
    ///
    /// # Errors
    /// The list of topics cannot be written: it is still there.
    pub(crate) fn delete(&self, topic: &Rc<Topic>) -> Result<(), Refused> {
        self.folders.set_aside(topic.id)?;
        self.forget(topic);
        if let Err(error) = disk::with_reserve(disk::is_full, || self.save()) {
            self.insert(topic.clone());
            self.folders.put_back(topic.id);
            return Err(error.into());
        }
        topic.is_deleted.set(true);
        for partition in topic.partitions.borrow_mut().drain(..) {
            partition.end();
        }
        self.folders.remove(topic.id);
        tracing::info!(topic = topic.name, "topic deleted");
        Ok(())
    }

    /// Kafka takes no two names that differ in dots and underlines alone: its metrics have both as underlines.
    fn collides(&self, name: &str) -> Option<String> {
        if !name.contains(['.', '_']) {
            return None;
        }
        let plain = name.replace('.', "_");
        let by_name = self.by_name.borrow();
        let mut names = by_name.keys();
        names
            .find(|other| other.replace('.', "_") == plain)
            .cloned()
    }

    fn check_partitions(&self, have: i32, wanted: i32) -> Result<(), Refused> {
        if !(1..=TOPIC_PARTITIONS_MAX).contains(&wanted) {
            let text = format!("{wanted} partitions; 1 to {TOPIC_PARTITIONS_MAX} are allowed");
            return Err(Refused::new(ErrorCode::InvalidPartitions, text));
        }
        let all: usize = self
            .by_name
            .borrow()
            .values()
            .map(|topic| topic.partitions.borrow().len())
            .sum();
        let more = usize::try_from(wanted - have).unwrap_or_default();
        if all + more > PARTITIONS_MAX {
            let text = format!("this broker may have {PARTITIONS_MAX} partitions");
            return Err(Refused::new(ErrorCode::PolicyViolation, text));
        }
        Ok(())
    }

    fn load(&self, known: &Known) -> Result<Rc<Topic>, LogError> {
        let (of_logs, now) = (topic::log_config(&known.config), clock::wall());
        let mut partitions = Vec::with_capacity(known.partitions);
        for index in 0..known.partitions {
            let dir = self.folders.of_partition(known.id, index);
            partitions.push(Rc::new(Partition::open(&dir, of_logs.clone(), now)?));
        }
        Ok(Rc::new(Topic {
            name: known.name.clone(),
            id: known.id,
            config: RefCell::new(known.config.clone()),
            partitions: RefCell::new(partitions),
            is_deleted: Cell::new(false),
        }))
    }

    fn insert(&self, topic: Rc<Topic>) {
        self.by_id.borrow_mut().insert(topic.id, topic.clone());
        self.by_name.borrow_mut().insert(topic.name.clone(), topic);
    }

    fn forget(&self, topic: &Topic) {
        self.by_id.borrow_mut().remove(&topic.id);
        self.by_name.borrow_mut().remove(&topic.name);
    }

    fn save(&self) -> io::Result<()> {
        let known: Vec<Known> = self
            .by_name
            .borrow()
            .values()
            .map(|topic| Known {
                name: topic.name.clone(),
                id: topic.id,
                partitions: topic.partitions.borrow().len(),
                config: topic.config.borrow().clone(),
            })
            .collect();
        if self.flush == Flush::Fsync {
            self.folders.sync()?;
        }
        self.list.save(&known)
    }
}

/// Without its list, folders of topics are no leftovers.
fn refuse_if_lost(dir: &Path, list: &Path) -> Result<(), Error> {
    match folders::are_there(dir) {
        true => {
            let text = format!("{} is gone, and topics are there", list.display());
            Err(Error::new(ErrorKind::Corrupt, "broker-data", text))
        }
        false => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a topic's id is Kafka's own: nothing is replayed here"
)]
fn new_id() -> Uuid {
    Uuid::new_v4()
}
