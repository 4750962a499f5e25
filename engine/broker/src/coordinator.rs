//! Groups with the world around them: who waits for an answer, the clock, and the file that keeps committed offsets.
//!
//! ```text
//!   <data>/groups.jsonl    what groups have committed, as `change_file.rs` writes it
//! ```
//! Invariant: a change that somebody asked for is in the file before it counts.

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
        let clock = Monotonic::start();
        let mut groups = Groups::new(GroupSettings::default(), new_member_id);
        let file = ChangeFile::open(dir.join("groups.jsonl"), |change| {
            groups.apply([change], clock.now());
        })?;
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
    /// That cannot be written; they are forgotten until the next start.
    pub(crate) fn forget_topics(&mut self, are_gone: impl Fn(&str) -> bool) -> io::Result<()> {
        let changes = self.groups.topics_deleted(are_gone);
        let written = disk::with_reserve(disk::is_full, || self.file.append(&changes));
        // A topic that gets such a name again begins without.
        self.groups.apply(changes, self.clock.now());
        written
    }

    /// Does what is due; says after how many milliseconds to come again.
    pub(crate) fn tick(&mut self) -> Option<u64> {
        let now = self.now();
        let changes = self.groups.tick(now);
        if let Err(error) = self.file.append(changes) {
            tracing::error!(%error, "expired offsets cannot be removed from their file");
        }
        self.planned = self.groups.next_deadline();
        self.hand_out();
        Some(self.planned?.saturating_sub(now))
    }

    /// Writes changes to the file and makes them.
    ///
    /// # Errors
    /// Nothing has changed.
    pub(crate) fn make(&mut self, changes: Vec<Change>) -> io::Result<()> {
        self.file.append(&changes)?;
        let now = self.now();
        self.groups.apply(changes, now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disk::faults::set_bytes_left,
        group::{Commit, CommitOffset, CommittedOffset, Identity},
    };

    fn commit(topic: &str, offset: i64) -> Commit {
        let offset = CommittedOffset {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
            commit_timestamp_ms: 0,
        };
        Commit {
            group: "g".to_owned(),
            identity: Identity {
                member: String::new(),
                instance: None,
                generation: -1,
            },
            offsets: vec![CommitOffset {
                topic: topic.to_owned(),
                partition: 0,
                offset,
            }],
        }
    }

    fn try_commit(coordinator: &mut Coordinator, topic: &str, offset: i64) -> io::Result<()> {
        let now = coordinator.now();
        let done = coordinator.groups.commit(commit(topic, offset), now);
        coordinator.make(done.unwrap().changes)
    }

    fn offset(coordinator: &Coordinator, topic: &str) -> Option<i64> {
        let found = coordinator.groups.fetch_offset("g", topic, 0);
        found.map(|found| found.offset)
    }

    #[test]
    fn what_cannot_be_written_is_not_committed() {
        let dir = tempfile::tempdir().unwrap();
        let mut coordinator = Coordinator::open(dir.path()).unwrap();
        try_commit(&mut coordinator, "orders", 1).unwrap();

        set_bytes_left(Some(20));
        let refused = [
            try_commit(&mut coordinator, "orders", 2),
            try_commit(&mut coordinator, "bills", 2),
        ];
        set_bytes_left(None);

        assert!(refused.iter().all(Result::is_err));
        assert_eq!(offset(&coordinator, "orders"), Some(1));
        assert_eq!(offset(&coordinator, "bills"), None);
        try_commit(&mut coordinator, "orders", 3).unwrap();
        let coordinator = Coordinator::open(dir.path()).unwrap();
        assert_eq!(offset(&coordinator, "orders"), Some(3));
    }

    #[test]
    fn what_was_committed_for_a_topic_that_is_gone_is_forgotten_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let mut coordinator = Coordinator::open(dir.path()).unwrap();
        try_commit(&mut coordinator, "orders", 1).unwrap();
        try_commit(&mut coordinator, "bills", 1).unwrap();

        coordinator
            .forget_topics(|topic| topic == "orders")
            .unwrap();

        for coordinator in [coordinator, Coordinator::open(dir.path()).unwrap()] {
            assert_eq!(offset(&coordinator, "orders"), None);
            assert_eq!(offset(&coordinator, "bills"), Some(1));
        }
    }
}
