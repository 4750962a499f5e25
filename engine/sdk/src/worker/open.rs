//! A task between its beginning and the end of its answer.

use std::{sync::Arc, time::Duration};

use super::{offsets::Ticket, task::Task};
use crate::activity::Link;

/// An attempt that runs longer than this, and sends heartbeats, holds no offset: what comes behind it is committed, and its
/// silence is told by the missing heartbeat. Well below the `max.poll.interval.ms` of any group.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// How often a heartbeat goes out of an attempt that nobody wants any of.
const HEARTBEAT_UNWANTED: Duration = Duration::from_secs(10);

/// A heartbeat may be lost or late twice before the attempt counts as silent.
const HEARTBEATS_PER_TIMEOUT: u32 = 3;

/// How often heartbeats of the task go out.
pub(crate) fn heartbeat_every(task: &Task) -> Duration {
    let limit = task.info.heartbeat;
    limit.map_or(HEARTBEAT_UNWANTED, |limit| limit / HEARTBEATS_PER_TIMEOUT)
}

/// A task that is not done.
#[derive(Debug, Default)]
pub(crate) struct Open {
    /// Where it was read: in more than one place when it was read again after a rebalance.
    pub(crate) tickets: Vec<Ticket>,
    /// To its attempt, if there is one.
    link: Option<Arc<Link>>,
    /// Its silence would be noticed: a heartbeat time-out is set.
    is_watched: bool,
    /// A heartbeat has arrived.
    is_heard: bool,
    is_long: bool,
}

impl Open {
    /// A task whose attempt begins.
    pub(crate) fn new(ticket: Ticket, task: &Task, link: Arc<Link>) -> Self {
        Self {
            tickets: vec![ticket],
            link: Some(link),
            is_watched: task.info.heartbeat.is_some(),
            ..Self::default()
        }
    }

    /// Whether it holds no offset: it goes on for as long as it takes.
    pub(crate) const fn is_let_go(&self) -> bool {
        self.is_watched && self.is_heard && self.is_long
    }

    /// A heartbeat has arrived. The tickets that it holds no longer.
    pub(crate) fn heard(&mut self) -> Vec<Ticket> {
        self.is_heard = true;
        self.let_go()
    }

    /// It has run for [`LONG`]. The tickets that it holds no longer.
    pub(crate) fn runs_long(&mut self) -> Vec<Ticket> {
        self.is_long = true;
        self.let_go()
    }

    /// It was read again, there. The tickets that it holds no longer.
    pub(crate) fn read_again(&mut self, ticket: Ticket) -> Vec<Ticket> {
        self.tickets.push(ticket);
        self.let_go()
    }

    /// A heartbeat was lost.
    pub(crate) fn repeat(&self) {
        if let Some(link) = &self.link {
            link.repeat();
        }
    }

    /// It shall stop.
    pub(crate) fn cancel(&self) {
        if let Some(link) = &self.link {
            link.cancel();
        }
    }

    fn let_go(&mut self) -> Vec<Ticket> {
        match self.is_let_go() {
            true => std::mem::take(&mut self.tickets),
            false => Vec::new(),
        }
    }
}
