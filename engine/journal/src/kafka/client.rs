//! What workers, clients and the command line speak to Kafka with. Futures here need no particular executor.

mod bulk;
mod consumer;
mod follower;
mod producer;

pub use bulk::Bulk;
pub use consumer::{Committer, GroupConsumer, GroupEvent, GroupSettings};
pub use follower::{Follower, From};
pub use producer::{Appended, Producer};
