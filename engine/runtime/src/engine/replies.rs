//! The topics that want replies. Strangers name them, so what is kept of them is bounded, and a producer, which keeps
//! every topic that it ever heard of, hears of none that is not there.
//!
//! Deliberately absent: the look itself, one question for all topics ([`super::topics`]). One for each name would leave
//! that name in the client that asked.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use sagaline_core::Millis;
use sagaline_journal::Error;

use super::watch::lock;
use crate::lane::ReplyTopic;

/// Most names that are known at once. Replies to further ones are dropped.
const REPLY_TOPICS_MAX: usize = 1_000;

/// How long a topic that is there is taken to be there as it was.
const THERE_FOR: Millis = Millis(5_000);

/// How long one that is missing is taken to be.
const MISSING_FOR: Millis = Millis(2_000);

/// Pause after a look that came to nothing.
const AGAIN_AFTER: Millis = Millis(500);

/// A topic that nobody wanted a reply on for so long makes room for another.
const IDLE_MAX: Millis = Millis::from_secs(600);

/// What is known of the topics that want replies.
#[derive(Debug, Default)]
pub(super) struct ReplyBook(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    topics: BTreeMap<String, Entry>,
    /// Somebody was told to look, and has not.
    looking: bool,
}

#[derive(Debug)]
struct Entry {
    topic: ReplyTopic,
    /// It is to be looked up.
    asked: bool,
    /// Not to be looked up again before.
    look_at: Millis,
}

impl Entry {
    fn makes_room(&self, now: Millis) -> bool {
        let kept = match self.topic {
            ReplyTopic::There(_) => IDLE_MAX,
            ReplyTopic::Missing | ReplyTopic::Looking | ReplyTopic::TooMany => Millis(0),
        };
        !self.asked && now.0 >= self.look_at.0 + kept.0
    }
}

impl ReplyBook {
    /// What is known of a topic, and whether the caller is to have a look taken.
    pub(super) fn topic(&self, name: &str, now: Millis) -> (ReplyTopic, bool) {
        let mut known = self.known();
        if !known.topics.contains_key(name) {
            if known.topics.len() >= REPLY_TOPICS_MAX {
                known.topics.retain(|_, entry| !entry.makes_room(now));
            }
            if known.topics.len() >= REPLY_TOPICS_MAX {
                return (ReplyTopic::TooMany, false);
            }
            let entry = Entry {
                topic: ReplyTopic::Looking,
                asked: false,
                look_at: now,
            };
            known.topics.insert(name.to_owned(), entry);
        }
        let Some(entry) = known.topics.get_mut(name) else {
            return (ReplyTopic::Looking, false);
        };
        let topic = entry.topic;
        entry.asked |= now >= entry.look_at;
        let must_look = entry.asked && !std::mem::replace(&mut known.looking, true);
        (topic, must_look)
    }

    /// Takes what a look came to: all topics with their numbers of partitions.
    pub(super) fn learn(&self, found: Result<&BTreeMap<String, i32>, &Error>, now: Millis) {
        let mut known = self.known();
        known.looking = false;
        for (name, entry) in known.topics.iter_mut().filter(|(_, entry)| entry.asked) {
            let pause = match found {
                Ok(topics) => {
                    let there = topics.get(name).copied().map(ReplyTopic::There);
                    entry.topic = there.unwrap_or(ReplyTopic::Missing);
                    there.map_or(MISSING_FOR, |_| THERE_FOR)
                }
                // What was there still is, as far as anybody knows.
                Err(_) => AGAIN_AFTER,
            };
            entry.asked = false;
            entry.look_at = Millis(now.0 + pause.0);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> BTreeMap<String, i32> {
        names.iter().map(|name| ((*name).to_owned(), 3)).collect()
    }

    fn away() -> Error {
        let kind = sagaline_journal::ErrorKind::Unavailable;
        Error::new(kind, "kafka-unavailable", "away".to_owned())
    }

    #[test]
    fn one_look_is_taken_for_all_names_that_are_asked_for_meanwhile() {
        let book = ReplyBook::default();

        assert_eq!(book.topic("a", Millis(0)), (ReplyTopic::Looking, true));
        assert_eq!(book.topic("a", Millis(0)), (ReplyTopic::Looking, false));
        assert_eq!(book.topic("b", Millis(0)), (ReplyTopic::Looking, false));
        book.learn(Ok(&found(&["a"])), Millis(0));

        assert_eq!(book.topic("a", Millis(1)), (ReplyTopic::There(3), false));
        assert_eq!(book.topic("b", Millis(1)), (ReplyTopic::Missing, false));
    }

    #[test]
    fn a_topic_that_was_missing_is_looked_for_again_and_one_that_was_there_too() {
        let book = ReplyBook::default();
        for name in ["a", "b"] {
            book.topic(name, Millis(0));
        }
        book.learn(Ok(&found(&["a"])), Millis(0));

        assert!(!book.topic("b", Millis(MISSING_FOR.0 - 1)).1);
        assert!(book.topic("b", MISSING_FOR).1);
        book.topic("a", THERE_FOR);
        book.learn(Ok(&found(&["b"])), THERE_FOR);

        assert_eq!(book.topic("a", THERE_FOR).0, ReplyTopic::Missing);
        assert_eq!(book.topic("b", THERE_FOR).0, ReplyTopic::There(3));
    }

    #[test]
    fn brokers_that_are_away_make_no_topic_missing() {
        let book = ReplyBook::default();
        book.topic("a", Millis(0));
        book.learn(Err(&away()), Millis(0));
        assert_eq!(book.topic("a", Millis(1)), (ReplyTopic::Looking, false));
        assert_eq!(book.topic("a", AGAIN_AFTER), (ReplyTopic::Looking, true));
        book.learn(Ok(&found(&["a"])), AGAIN_AFTER);

        let later = Millis(60_000);
        assert_eq!(book.topic("a", later), (ReplyTopic::There(3), true));
        book.learn(Err(&away()), later);

        assert_eq!(book.topic("a", later), (ReplyTopic::There(3), false));
    }

    #[test]
    fn names_that_strangers_make_up_take_bounded_room_and_keep_nobody_out_for_long() {
        let book = ReplyBook::default();
        book.topic("real", Millis(0));
        for number in 1..REPLY_TOPICS_MAX {
            book.topic(&format!("made-up-{number}"), Millis(0));
        }
        assert_eq!(book.topic("more", Millis(0)).0, ReplyTopic::TooMany);
        book.learn(Ok(&found(&["real"])), Millis(0));
        assert_eq!(book.topic("more", Millis(1)).0, ReplyTopic::TooMany);

        assert_eq!(book.topic("more", MISSING_FOR).0, ReplyTopic::Looking);

        assert_eq!(book.known().topics.len(), 2);
        assert_eq!(book.topic("real", MISSING_FOR).0, ReplyTopic::There(3));
    }

    #[test]
    fn topics_that_are_there_keep_their_room_until_nobody_wants_replies_on_them() {
        let book = ReplyBook::default();
        let names: Vec<_> = (0..REPLY_TOPICS_MAX)
            .map(|at| format!("real-{at}"))
            .collect();
        for name in &names {
            book.topic(name, Millis(0));
        }
        let there = names.iter().map(|name| (name.clone(), 1)).collect();
        book.learn(Ok(&there), Millis(0));

        let idle = Millis(THERE_FOR.0 + IDLE_MAX.0);
        assert_eq!(
            book.topic("more", Millis(idle.0 - 1)).0,
            ReplyTopic::TooMany
        );
        assert_eq!(book.topic("more", idle).0, ReplyTopic::Looking);
    }
}
