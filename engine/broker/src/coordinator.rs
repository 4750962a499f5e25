//! Groups with the world around them: who waits for an answer, the clock, and the file that keeps committed offsets.
//!
//! ```text
//!   <data>/groups.jsonl    a change a line, each after its CRC-32C; a torn last line is cut off, and the file is written
//!                          anew when most of it is of no use any more
//! ```
//! Invariant: a change is in the file before it is answered.

use std::{
    collections::HashMap,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use crate::{
    Error,
    clock::Monotonic,
    group::{Change, CommittedOffset, GroupSettings, Groups, Outcome, Ticket},
    store,
};

/// A file of so many bytes is not written anew, however little of it is of use.
const FILE_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// All groups.
pub(crate) struct Coordinator {
    pub(crate) groups: Groups,
    clock: Monotonic,
    next_ticket: u64,
    waiting: HashMap<Ticket, oneshot::Sender<Outcome>>,
    /// When [`Self::tick`] is to come again, as it said last.
    planned: Option<u64>,
    /// Told when that is too late.
    sooner: Rc<Notify>,
    file: Arc<File>,
    path: PathBuf,
    /// Bytes of whole lines.
    bytes: u64,
    /// Part of a failed write may stand behind them.
    is_torn: bool,
    /// Bytes of the file when it was last written anew.
    bytes_then: u64,
}

/// A change as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Committed {
        group: String,
        topic: String,
        partition: i32,
        offset: i64,
        leader_epoch: i32,
        metadata: String,
        at_ms: i64,
    },
    Removed {
        group: String,
        topic: String,
        partition: i32,
    },
    GroupRemoved {
        group: String,
    },
}

impl Coordinator {
    /// Opens the committed offsets in a folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("groups.jsonl");
        let text = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::storage("read", &path, &error)),
        };
        let (changes, whole) = read(&text);
        let clock = Monotonic::start();
        let mut groups = Groups::new(GroupSettings::default(), new_member_id);
        groups.restore(changes, clock.now());
        let write = |error| Error::storage("write", &path, &error);
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .append(true)
            .open(&path)
            .map_err(write)?;
        if whole < text.len() {
            let lost = text.len() - whole;
            tracing::warn!(
                lost,
                "the end of the file of committed offsets was torn and is cut off"
            );
            file.set_len(whole as u64).map_err(write)?;
        }
        Ok(Self {
            groups,
            clock,
            next_ticket: 0,
            waiting: HashMap::new(),
            planned: None,
            sooner: Rc::default(),
            file: Arc::new(file),
            bytes: whole as u64,
            is_torn: false,
            bytes_then: whole as u64,
            path,
        })
    }

    /// Now, as groups count it.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// A ticket for a call that may wait, and where its answer comes.
    pub(crate) fn ticket(&mut self) -> (Ticket, oneshot::Receiver<Outcome>) {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(ticket, sender);
        (ticket, receiver)
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        if self.waiting.remove(&ticket).is_some() {
            self.groups.abandon(ticket);
        }
    }

    /// Where to hear that [`Self::tick`] is to be called sooner than it said.
    pub(crate) fn sooner(&self) -> Rc<Notify> {
        self.sooner.clone()
    }

    /// The file of what is committed, to be synced.
    pub(crate) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Hands out the answers that are there. To be called after every call of the groups.
    pub(crate) fn hand_out(&mut self) {
        let next = self.groups.next_deadline();
        if next.is_some_and(|next| self.planned.is_none_or(|planned| next < planned)) {
            self.planned = next;
            self.sooner.notify_one();
        }
        while let Some(answer) = self.groups.poll_answer() {
            if let Some(sender) = self.waiting.remove(&answer.ticket) {
                // The connection may be gone.
                drop(sender.send(answer.outcome));
            }
        }
    }

    /// Does what is due; says after how many milliseconds to come again.
    pub(crate) fn tick(&mut self) -> Option<u64> {
        let now = self.now();
        let changes = self.groups.tick(now);
        if let Err(error) = self.keep(changes) {
            tracing::error!(%error, "expired offsets cannot be removed from their file");
        }
        self.planned = self.groups.next_deadline();
        self.hand_out();
        Some(self.planned?.saturating_sub(now))
    }

    /// Writes changes to the file.
    pub(crate) fn keep(&mut self, changes: Vec<Change>) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut text = Vec::with_capacity(changes.len() * 160);
        for change in changes {
            write_line(&mut text, &Line::from(change))?;
        }
        if self.is_torn {
            self.file.set_len(self.bytes)?;
        }
        self.is_torn = true;
        (&*self.file).write_all(&text)?;
        self.is_torn = false;
        self.bytes += text.len() as u64;
        if self.bytes > FILE_BYTES_MIN && self.bytes > 4 * self.bytes_then {
            self.write_anew()?;
        }
        Ok(())
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        for listed in self.groups.list() {
            for (topic, partition, offset) in self.groups.fetch_offsets(&listed.group) {
                let change = Change::OffsetCommitted {
                    group: Arc::from(&*listed.group),
                    topic: topic.to_owned(),
                    partition,
                    offset: offset.clone(),
                };
                write_line(&mut text, &Line::from(change))?;
            }
        }
        store::replace(&self.path, &text)?;
        self.file = Arc::new(OpenOptions::new().append(true).open(&self.path)?);
        self.bytes = text.len() as u64;
        self.bytes_then = self.bytes.max(FILE_BYTES_MIN / 4);
        Ok(())
    }
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordinator")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// `crc json`.
fn write_line(text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    let json = serde_json::to_vec(line)?;
    write!(text, "{:08x} ", crc32c::crc32c(&json))?;
    text.extend_from_slice(&json);
    text.push(b'\n');
    Ok(())
}

/// The changes of a file, up to the first line that is not whole, and where that begins.
fn read(text: &[u8]) -> (Vec<Change>, usize) {
    let (mut changes, mut whole) = (Vec::new(), 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match change_of(line) {
            Some(change) => changes.push(change),
            None => break,
        }
        whole += line.len();
    }
    (changes, whole)
}

fn change_of(line: &[u8]) -> Option<Change> {
    let (crc, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(&crc[..8]).ok()?, 16).ok()?;
    if crc != crc32c::crc32c(json) {
        return None;
    }
    serde_json::from_slice::<Line>(json).ok().map(Into::into)
}

impl From<Change> for Line {
    fn from(change: Change) -> Self {
        match change {
            Change::OffsetCommitted {
                group,
                topic,
                partition,
                offset,
            } => Self::Committed {
                group: group.as_ref().to_owned(),
                topic,
                partition,
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata,
                at_ms: offset.commit_timestamp_ms,
            },
            Change::OffsetRemoved {
                group,
                topic,
                partition,
            } => Self::Removed {
                group: group.as_ref().to_owned(),
                topic,
                partition,
            },
            Change::GroupRemoved { group } => Self::GroupRemoved {
                group: group.as_ref().to_owned(),
            },
        }
    }
}

impl From<Line> for Change {
    fn from(line: Line) -> Self {
        match line {
            Line::Committed {
                group,
                topic,
                partition,
                offset,
                leader_epoch,
                metadata,
                at_ms,
            } => Self::OffsetCommitted {
                group: group.into(),
                topic,
                partition,
                offset: CommittedOffset {
                    offset,
                    leader_epoch,
                    metadata,
                    commit_timestamp_ms: at_ms,
                },
            },
            Line::Removed {
                group,
                topic,
                partition,
            } => Self::OffsetRemoved {
                group: group.into(),
                topic,
                partition,
            },
            Line::GroupRemoved { group } => Self::GroupRemoved {
                group: group.into(),
            },
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a member's id is Kafka's own: nothing is replayed here"
)]
fn new_member_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
