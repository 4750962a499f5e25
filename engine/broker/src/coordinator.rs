//! Groups with the world around them: who waits for an answer, the clock, and the file that keeps committed offsets.
//!
//! ```text
//!   <data>/groups.jsonl    what groups have committed, as `change_file.rs` writes it
//! ```
//! Invariant: a change is in the file before it is answered.

use std::{collections::HashMap, fmt, io, path::Path, rc::Rc};

use tokio::sync::{Notify, oneshot};

use crate::{
    Error,
    change_file::ChangeFile,
    clock::Monotonic,
    disk,
    group::{Change, GroupSettings, Groups, Outcome, Ticket},
};

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
    file: ChangeFile,
}

impl Coordinator {
    /// Opens the committed offsets in a folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let (file, changes) = ChangeFile::open(dir.join("groups.jsonl"))?;
        let clock = Monotonic::start();
        let mut groups = Groups::new(GroupSettings::default(), new_member_id);
        groups.restore(changes, clock.now());
        Ok(Self {
            groups,
            clock,
            next_ticket: 0,
            waiting: HashMap::new(),
            planned: None,
            sooner: Rc::default(),
            file,
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

    /// What puts on the disk all that is committed; for any thread.
    pub(crate) fn sync(&self) -> impl FnOnce() -> io::Result<()> + Send + use<> {
        self.file.sync()
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

    /// Forgets what was committed for some topics: they are no more.
    ///
    /// # Errors
    /// That cannot be written, and comes back with the next start.
    pub(crate) fn forget_topics(&mut self, are_gone: impl Fn(&str) -> bool) -> io::Result<()> {
        let now = self.now();
        let changes = self.groups.topics_deleted(are_gone, now);
        disk::with_reserve(disk::is_full, || self.file.append(&changes))
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
        self.file.append(changes)?;
        self.file.shrink(self.groups.changes());
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

#[expect(
    clippy::disallowed_methods,
    reason = "a member's id is Kafka's own: nothing is replayed here"
)]
fn new_member_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
