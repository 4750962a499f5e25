//! What the journal says, as rows that can be searched: runs, pending activities, incidents, attributes.
//!
//! ```text
//! journal ─▶ valid batches ─▶ fold, run by run ─▶ one SQL transaction: rows and the offset behind them
//! ```
//! The engine never waits for it, and it may be lost: it is rebuilt from the journal. Deliberately absent: HTTP, JSON of the API
//! (core's views make that of the runs that are read here), anything that an owner decides by.

mod cut;
mod database;
mod expire;
mod fold;
mod follow;
mod key;
mod needed;
mod notice;
mod query;
mod rebuild;
mod row;
mod sql;
mod state;
mod store;
mod write;

pub use expire::EXPIRED_MAX;
pub use follow::{Following, Lag};
pub use needed::needed;
pub use notice::{NOTICES_MAX, Notice};
pub use query::{
    ATTRIBUTES_MAX, AttributeKind, COUNT_EXACT_MAX, CountGroup, Counts, GROUPS_MAX,
    INCIDENT_GROUPS_MAX, IncidentField, IncidentGroup, IncidentList, IncidentState, List,
    NamedAttribute, PAGE_SIZE_MAX, PAGE_TOKEN_BYTES_MAX, Page, QUEUE_SETTINGS_MAX, QUEUES_MAX,
    QueueSettings, QueueWork, RUNS_OF_ID_MAX, RejectedPlace, SavedView, Seen, StoredIncident,
    VIEW_BYTES_MAX, VIEWS_MAX,
};
pub use rebuild::{RETIRE_AFTER, Rebuild};
pub use state::{Place, StoredRun};
pub use store::{Changed, PartitionProgress, Projection};

#[cfg(test)]
mod tests;
