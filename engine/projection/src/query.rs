//! What is asked of the projection: lists by filter, counts, runs, incidents, pending work, kept filters.
//!
//! ```text
//! core's Filter ─▶ condition.rs ─▶ SQL with binds     which rows are meant
//!                  order.rs     ─▶ keys               in which order, and what comes behind a row
//!                  search.rs    ─▶ an index           where the database begins
//! ```
//! One text of SQL serves both databases. Invariant: text of strangers is bound and never a part of it. Deliberately absent:
//! JSON of the API; rows carry core's own state, and core's views make that.

mod asked;
mod attribute;
mod condition;
mod count;
mod incident;
mod list;
mod named;
mod number;
mod order;
mod queue;
mod read;
mod rejected;
mod run;
mod search;
mod test;
mod token;
mod view;

use sagaline_core::{Name, Timestamp, filter::Filter};

pub use count::{COUNT_EXACT_MAX, CountGroup, Counts, GROUPS_MAX};
pub use incident::{
    INCIDENT_GROUPS_MAX, IncidentField, IncidentGroup, IncidentList, IncidentState, StoredIncident,
};
pub use list::PAGE_SIZE_MAX;
pub use named::{ATTRIBUTES_MAX, AttributeKind, NamedAttribute};
pub use queue::{QUEUE_SETTINGS_MAX, QUEUES_MAX, QueueSettings, QueueWork};
pub(crate) use read::RUN as RUN_COLUMNS;
pub use rejected::RejectedPlace;
pub use run::RUNS_OF_ID_MAX;
pub(crate) use search::FEW;
pub use token::PAGE_TOKEN_BYTES_MAX;
pub use view::{SavedView, VIEW_BYTES_MAX, VIEWS_MAX};

/// Which runs are meant, and which page of them.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// Of these, in its order; without one the newest first. Runs in whose place others go on are never meant.
    pub filter: &'a Filter,
    /// When and by whom they are looked at.
    pub seen: Seen<'a>,
    /// So many rows, 1 to [`PAGE_SIZE_MAX`].
    pub page_size: usize,
    /// What the page before said.
    pub page_token: Option<&'a str>,
}

/// What rows do not say by themselves.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The time now: how long open runs go on already.
    pub now: Timestamp,
    /// Queues of which it is known that no worker reads them: who waits there is in the situation `no-worker`.
    pub unread: &'a [Name],
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// What the call for the next page says; none behind the last row.
    pub next_page_token: Option<String>,
    /// The time of the newest batch that was projected.
    pub as_of: Timestamp,
}

#[cfg(test)]
pub(crate) mod tests;
