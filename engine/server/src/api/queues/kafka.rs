//! What Kafka says of task queues: one client asks for all, and one more for each group whose commits the engine does not know,
//! since librdkafka asks for those in the group's own name. Clients are kept.
//!
//! Invariant: an answer takes some seconds at most, with what was said by then.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sagaline_core::Name;
use sagaline_journal::{
    Error,
    kafka::{Group, GroupMember, Kafka, Overview},
    wire::topic,
};
use serde::Serialize;
use tokio::time::Instant;

use super::super::{Api, reads::unread_error};
use crate::problem::Problem;

/// So long groups are asked; one question more may be under way then.
const ASK_WAIT: Duration = Duration::from_secs(5);

/// Most clients of groups that are kept.
const GROUPS_KEPT: usize = 32;

/// Most queues of which rates are known.
const LOOKS_MAX: usize = 1_000;

/// Shortest time that a rate is made of.
const RATE_OF_MIN: Duration = Duration::from_secs(1);

/// Longest; then a later look is its beginning.
const RATE_OF_MAX: Duration = Duration::from_secs(60);

/// What is kept from one look to the next.
#[derive(Default)]
pub(in crate::api) struct Watch {
    overview: Mutex<Option<Arc<Overview>>>,
    groups: Mutex<BTreeMap<Name, Group>>,
    looks: Mutex<BTreeMap<Name, Looks>>,
}

/// What Kafka says of a queue; what it did not say is `None`.
#[derive(Debug, Default)]
pub(super) struct InKafka {
    pub(super) workers: Option<Vec<GroupMember>>,
    pub(super) backlog: Option<i64>,
    pub(super) rates: Option<Rates>,
}

/// How many tasks came and went in a second, from one look to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Rates {
    added_per_second: f64,
    taken_per_second: f64,
    over_ms: u64,
}

/// Where a queue's topic ends and what its workers committed, over all partitions.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    added: i64,
    taken: i64,
}

/// The look that rates begin at, and the last one.
#[derive(Clone, Copy, Debug)]
struct Looks {
    first: Look,
    last: Look,
}

impl Looks {
    fn learn(&mut self, look: Look) -> Option<Rates> {
        // It began anew, or nobody looked for long.
        if look.added < self.last.added || look.at - self.last.at > RATE_OF_MAX {
            self.first = look;
        } else if look.at - self.first.at > RATE_OF_MAX {
            self.first = self.last;
        }
        self.last = look;
        let (of, first) = (look.at - self.first.at, self.first);
        #[expect(clippy::cast_precision_loss, reason = "no topic has 2^53 records more")]
        let per_second = |count: i64| count.max(0) as f64 / of.as_secs_f64();
        (of >= RATE_OF_MIN).then(|| Rates {
            added_per_second: per_second(look.added - first.added),
            taken_per_second: per_second(look.taken - first.taken),
            over_ms: u64::try_from(of.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Api {
    /// Queues that have a topic, and its partitions.
    pub(in crate::api) async fn queue_topics(&self) -> Result<BTreeMap<Name, i32>, Problem> {
        let prefix = topic::tasks(self.namespace(), "");
        self.ask_kafka(move |watch, kafka| {
            let topics = watch.overview(kafka)?.topics()?.into_iter();
            let of_queue = |(topic, partitions): (String, i32)| {
                let name = topic.strip_prefix(&prefix)?;
                Some((Name::new(name).ok()?, partitions))
            };
            Ok(topics.filter_map(of_queue).collect())
        })
        .await
    }

    /// What Kafka says of these queues, whose topics have so many partitions.
    pub(super) async fn queues_in_kafka(
        &self,
        queues: Vec<(Name, i32)>,
    ) -> Result<Vec<InKafka>, Problem> {
        let namespace = self.namespace().to_owned();
        // Of one alone nothing less than the last word will do.
        let committed = match queues.len() {
            1 => Vec::new(),
            _ => self.engine().tasks_committed(),
        };
        self.ask_kafka(move |watch, kafka| {
            let known = committed.into_iter().collect();
            let overview = watch.overview(kafka)?;
            let asking = Asking {
                watch,
                kafka,
                namespace: &namespace,
                known,
            };
            Ok(asking.all(&overview, &queues))
        })
        .await
    }

    /// Asks the brokers something, on a thread that may wait.
    async fn ask_kafka<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Watch, &Kafka) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = tokio::time::timeout(ASK_WAIT, self.kafka_permits().acquire()).await;
        let _permit = permit.map_err(|_| {
            Problem::unavailable(
                "busy",
                "the brokers do not answer others that ask for queues",
            )
        })?;
        let (watch, kafka) = (self.queue_watch(), self.settings().kafka.clone());
        let asked = tokio::task::spawn_blocking(move || ask(&watch, &kafka)).await;
        let asked = asked.map_err(|error| Problem::internal(error.to_string()))?;
        asked.map_err(|error| unread_error(&error))
    }
}

impl Watch {
    fn overview(&self, kafka: &Kafka) -> Result<Arc<Overview>, Error> {
        let mut kept = lock(&self.overview);
        if let Some(overview) = &*kept {
            return Ok(Arc::clone(overview));
        }
        let overview = Arc::new(Overview::open(kafka)?);
        *kept = Some(Arc::clone(&overview));
        Ok(overview)
    }

    fn learn(&self, name: &Name, look: Look) -> Option<Rates> {
        let mut looks = lock(&self.looks);
        if let Some(known) = looks.get_mut(name) {
            return known.learn(look);
        }
        if looks.len() < LOOKS_MAX {
            let first = Looks {
                first: look,
                last: look,
            };
            looks.insert(name.clone(), first);
        }
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One look at queues.
struct Asking<'a> {
    watch: &'a Watch,
    kafka: &'a Kafka,
    namespace: &'a str,
    /// What the engine knows to be committed, by queue and partition.
    known: BTreeMap<String, Vec<i64>>,
}

impl Asking<'_> {
    fn all(&self, overview: &Overview, queues: &[(Name, i32)]) -> Vec<InKafka> {
        let deadline = Instant::now() + ASK_WAIT;
        let untold = |error: &Error| tracing::debug!(%error, "task queues are told of in part");
        let members = overview.members().inspect_err(untold).ok();
        let topics: Vec<String> = queues
            .iter()
            .map(|(name, _)| topic::tasks(self.namespace, name.as_str()))
            .collect();
        let places: Vec<(&str, i32)> = topics
            .iter()
            .zip(queues)
            .flat_map(|(topic, (_, partitions))| {
                (0..*partitions).map(move |partition| (&**topic, partition))
            })
            .collect();
        let bounds = overview.bounds(&places).inspect_err(untold);
        let mut bounds = bounds.unwrap_or_default().into_iter();
        // One that does not answer is not waited for again and again.
        let mut goes_on = true;
        let told = queues.iter().map(|(name, partitions)| {
            let count = usize::try_from(*partitions).unwrap_or_default();
            let bounds: Vec<(i64, i64)> = bounds.by_ref().take(count).flatten().collect();
            let group = topic::worker_group(self.namespace, name.as_str());
            let workers = members.as_ref();
            let mut told = InKafka {
                workers: workers.map(|all| all.get(&group).cloned().unwrap_or_default()),
                ..InKafka::default()
            };
            if bounds.len() < count {
                return told;
            }
            goes_on &= Instant::now() < deadline;
            let committed = self.committed(name, *partitions, goes_on);
            goes_on &= committed.is_some();
            let Some(committed) = committed else {
                return told;
            };
            let (added, taken) = sums(&bounds, &committed);
            let at = Instant::now();
            told.backlog = Some(added - taken);
            told.rates = self.watch.learn(name, Look { at, added, taken });
            told
        });
        told.collect()
    }

    /// What the workers of a queue have committed; none: nobody says.
    fn committed(&self, name: &Name, partitions: i32, may_ask: bool) -> Option<Vec<Option<i64>>> {
        let count = usize::try_from(partitions).unwrap_or_default();
        if count == 0 {
            return Some(Vec::new());
        }
        let known = self.known.get(name.as_str());
        if let Some(known) = known.filter(|known| known.len() == count) {
            return Some(known.iter().copied().map(Some).collect());
        }
        if !may_ask {
            return None;
        }
        let mut groups = lock(&self.watch.groups);
        if !groups.contains_key(name) {
            if groups.len() >= GROUPS_KEPT {
                groups.pop_first();
            }
            let group = topic::worker_group(self.namespace, name.as_str());
            groups.insert(name.clone(), Group::open(self.kafka, &group).ok()?);
        }
        let topic = topic::tasks(self.namespace, name.as_str());
        let partitions: Vec<i32> = (0..partitions).collect();
        let committed = groups.get(name)?.committed(&topic, &partitions);
        committed
            .inspect_err(|error| tracing::debug!(%error, "a task queue is told of in part"))
            .ok()
    }
}

/// Where partitions end, and what of them is committed, together.
fn sums(bounds: &[(i64, i64)], committed: &[Option<i64>]) -> (i64, i64) {
    let added = bounds.iter().map(|(_, end)| end).sum();
    let taken = bounds.iter().zip(committed).map(|((begin, end), at)| {
        // Somebody may have set it anywhere.
        at.unwrap_or(*begin).clamp(*begin, (*end).max(*begin))
    });
    (added, taken.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_between_what_is_there_and_what_is_committed() {
        for (bounds, committed, left) in [
            (&[(0, 10), (5, 7)][..], &[Some(4), None][..], 8),
            (&[(5, 10)], &[Some(2)], 5),
            (&[(5, 10)], &[Some(99)], 0),
            (&[], &[], 0),
        ] {
            let (added, taken) = sums(bounds, committed);
            assert_eq!(added - taken, left, "{bounds:?} {committed:?}");
        }
    }

    #[test]
    fn rates_are_of_the_time_since_an_earlier_look_and_begin_anew_with_the_topic() {
        let begun = Instant::now();
        let look = |seconds: u64, added, taken| Look {
            at: begun + Duration::from_secs(seconds),
            added,
            taken,
        };
        let mut looks = Looks {
            first: look(0, 100, 90),
            last: look(0, 100, 90),
        };
        let mut rates = |look| {
            let rates: Option<Rates> = looks.learn(look);
            rates.map(|rates| {
                (
                    rates.added_per_second,
                    rates.taken_per_second,
                    rates.over_ms,
                )
            })
        };

        assert_eq!(rates(look(0, 100, 90)), None, "too soon");
        assert_eq!(rates(look(10, 120, 100)), Some((2.0, 1.0, 10_000)));
        assert_eq!(rates(look(50, 120, 120)), Some((0.4, 0.6, 50_000)));
        assert_eq!(rates(look(70, 160, 120)), Some((2.0, 0.0, 20_000)));
        assert_eq!(rates(look(80, 3, 0)), None, "another topic of that name");
        assert_eq!(rates(look(300, 9, 0)), None, "nobody looked for long");
    }
}
