//! Requests that name one thing several times: Kafka answers it once, with an error.

use std::{collections::HashMap, hash::Hash};

use crate::{code::ErrorCode, topics::Refused};

/// What a request asks for, each thing once, with how often it did.
pub(super) fn once_each<T, K: Eq + Hash>(asked: Vec<T>, key: impl Fn(&T) -> K) -> Vec<(T, Times)> {
    let mut at: HashMap<K, usize> = HashMap::new();
    let mut once: Vec<(T, Times)> = Vec::new();
    for one in asked {
        let index = *at.entry(key(&one)).or_insert(once.len());
        match once.get_mut(index) {
            Some((_, times)) => *times = Times::Several,
            None => once.push((one, Times::Once)),
        }
    }
    once
}

/// How often a request asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Several,
}

impl Times {
    /// # Errors
    /// `InvalidRequest`: it is asked for several times.
    pub(super) fn only_once(self) -> Result<(), Refused> {
        match self {
            Self::Once => Ok(()),
            Self::Several => {
                let text = "The request names it more than once.";
                Err(Refused::new(ErrorCode::InvalidRequest, text))
            }
        }
    }
}
