//! Asks where both inputs end, on a thread of its own, since librdkafka answers only while its caller waits, and through
//! a client of its own, since a broker answers a connection's requests in turn: behind a fetch that waits for records
//! a question would wait, too. Questions that come meanwhile go into one request.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use rdkafka::{config::FromClientConfigAndContext, consumer::BaseConsumer};

use super::{LaneTopics, inbox::Inbox};
use crate::{
    Error, PortEvent, Tag,
    kafka::{
        Kafka,
        config::Isolation,
        context::Quiet,
        ends::{self, Edge},
        fault,
    },
};

/// The asking thread; it ends with this.
#[derive(Debug)]
pub(super) struct Asker {
    questions: SyncSender<(i32, Tag)>,
    inbox: Arc<Inbox>,
}

impl Asker {
    pub(super) fn start(
        kafka: &Kafka,
        topics: LaneTopics,
        inbox: Arc<Inbox>,
    ) -> Result<Self, Error> {
        // Of committed records, so that an end is one that the lane can reach.
        let config = kafka.consumer(&topics.group, Isolation::Committed);
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet::default())
            .map_err(|error| fault::error("make a consumer", &error))?;
        let (questions, asked) = mpsc::sync_channel(QUESTIONS_MAX);
        thread::Builder::new()
            .name("kafka-ends".to_owned())
            .spawn({
                let inbox = inbox.clone();
                move || answer(&consumer, &topics, &asked, &inbox)
            })
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self { questions, inbox })
    }

    pub(super) fn ask(&self, partition: i32, tag: Tag) {
        if self.questions.try_send((partition, tag)).is_err() {
            self.inbox.push(PortEvent::Ends {
                partition,
                tag,
                ends: None,
            });
        }
    }
}

fn answer(
    consumer: &BaseConsumer<Quiet>,
    topics: &LaneTopics,
    asked: &Receiver<(i32, Tag)>,
    inbox: &Inbox,
) {
    while let Ok(first) = asked.recv() {
        let questions: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
        let mut places = Vec::new();
        for (partition, _) in &questions {
            places.push((&*topics.inbox, *partition));
            places.push((&*topics.results, *partition));
        }
        places.sort_unstable();
        places.dedup();

        let mut known = std::collections::HashMap::new();
        match ends::ask(consumer, &places, Edge::End) {
            Ok(answers) => {
                for (place, answer) in answers {
                    match answer {
                        Ok(end) => drop(known.insert(place, end)),
                        Err(error) => tracing::warn!(%error, "an input's end is not known"),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the inputs' ends are not known"),
        }
        for (partition, tag) in questions {
            let inbox_end = known.get(&(&*topics.inbox, partition)).copied();
            let results_end = known.get(&(&*topics.results, partition)).copied();
            inbox.push(PortEvent::Ends {
                partition,
                tag,
                ends: inbox_end.zip(results_end),
            });
        }
    }
}

/// Questions that may wait; a lane asks again after an answer without ends.
const QUESTIONS_MAX: usize = 1_024;
