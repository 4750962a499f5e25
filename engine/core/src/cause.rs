//! What caused a transition, and which inputs a workflow has already seen.

use alloc::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use twox_hash::XxHash3_128;

/// How many inputs an open workflow remembers, and how many starts its id, to drop their repeats.
pub const IDENTITIES_MAX: usize = 1_024;

/// What most sources and ids take together: of these a hash needs no memory but the stack.
const IDENTITY_TEXT_BYTES: usize = 256;

/// The record that caused a transition; with an empty topic, the lane's own clock did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// `ce_source`, empty when there was none.
    pub source: Arc<str>,
    /// `ce_id`; without one `<topic>/<partition>/<offset>`.
    pub id: Arc<str>,
    /// Topic of the record.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

impl Cause {
    /// The lane itself: a deadline came. `id` tells this input from all others of its batch.
    #[must_use]
    pub fn lane(partition: i32, id: &str) -> Self {
        Self {
            source: Arc::from("sagaline.lane"),
            id: Arc::from(id),
            topic: Arc::from(""),
            partition,
            offset: -1,
        }
    }

    /// Whether a record of a topic caused it, rather than the lane's clock.
    #[must_use]
    pub fn is_record(&self) -> bool {
        self.offset >= 0
    }

    /// The identity for deduplication: a hash of source and id, each after its length.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let mut text = SmallVec::<[u8; IDENTITY_TEXT_BYTES]>::new();
        text.extend_from_slice(&(self.source.len() as u64).to_be_bytes());
        text.extend_from_slice(self.source.as_bytes());
        text.extend_from_slice(self.id.as_bytes());
        Identity::of(&text)
    }
}

/// A 128-bit hash (XXH3) of an input's source and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity([u8; 16]);

impl core::fmt::Display for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Identity {
    /// Hashes arbitrary bytes into an identity.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(XxHash3_128::oneshot(bytes).to_be_bytes())
    }

    /// The hash, big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// The last [`IDENTITIES_MAX`] of some inputs of a workflow. Shared, since few inputs add to it; most hold but one start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRing(Seen);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Seen {
    #[default]
    None,
    One(Identity),
    Many(Arc<VecDeque<Identity>>),
}

impl IdentityRing {
    /// Whether this input was seen.
    #[must_use]
    pub fn contains(&self, identity: Identity) -> bool {
        match &self.0 {
            Seen::None => false,
            Seen::One(seen) => *seen == identity,
            Seen::Many(seen) => seen.contains(&identity),
        }
    }

    /// Remembers an input, once.
    pub fn insert(&mut self, identity: Identity) {
        if self.contains(identity) {
            return;
        }
        match &mut self.0 {
            Seen::None => self.0 = Seen::One(identity),
            Seen::One(first) => {
                let both = VecDeque::from([*first, identity]);
                self.0 = Seen::Many(Arc::new(both));
            }
            Seen::Many(seen) => {
                let ring = Arc::make_mut(seen);
                if ring.len() >= IDENTITIES_MAX {
                    ring.pop_front();
                }
                ring.push_back(identity);
            }
        }
    }
}
