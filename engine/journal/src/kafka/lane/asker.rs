//! Asks where both inputs end, on a thread of its own, since librdkafka answers only while its caller waits, and through
//! a client of its own, since a broker answers a connection's requests in turn: behind a fetch that waits for records
//! a question would wait, too. Questions that come meanwhile go into one request. It also looks for inputs in doubt.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
};

use rdkafka::{config::FromClientConfigAndContext, consumer::BaseConsumer};

use super::{
    LaneTopics,
    doubt::{self, Doubt, Doubts},
    inbox::Inbox,
};
use crate::{
    Error, PortEvent, Tag,
    kafka::{
        Kafka,
        clock::Deadline,
        config::Isolation,
        context::Quiet,
        ends::{self, Edge},
        fault,
    },
};

/// The asking thread; it ends with this.
#[derive(Debug)]
pub(super) struct Asker {
    questions: SyncSender<Question>,
    doubts: Arc<Doubts>,
    inbox: Arc<Inbox>,
}

#[derive(Debug)]
enum Question {
    /// Where do the inputs of a partition end?
    Ends(i32, Tag),
    /// There is one more input in doubt.
    Doubt,
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
        let doubts = Arc::new(Doubts::default());
        let desk = Desk {
            consumer,
            topics,
            doubts: doubts.clone(),
            inbox: inbox.clone(),
        };
        thread::Builder::new()
            .name("kafka-ends".to_owned())
            .spawn(move || desk.run(&asked))
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self {
            questions,
            doubts,
            inbox,
        })
    }

    pub(super) fn ask(&self, partition: i32, tag: Tag) {
        let question = Question::Ends(partition, tag);
        if self.questions.try_send(question).is_err() {
            self.inbox.push(PortEvent::Ends {
                partition,
                tag,
                ends: None,
            });
        }
    }

    /// Begins to look for an input that is said to be missing.
    pub(super) fn doubt(&self, doubt: Doubt) -> Arc<Doubt> {
        let doubt = Arc::new(doubt);
        self.doubts.add(&doubt);
        // A thread that has questions without end looks at the doubts between them.
        drop(self.questions.try_send(Question::Doubt));
        doubt
    }
}

/// The thread that asks.
struct Desk {
    consumer: BaseConsumer<Quiet>,
    topics: LaneTopics,
    doubts: Arc<Doubts>,
    inbox: Arc<Inbox>,
}

impl Desk {
    fn run(&self, asked: &Receiver<Question>) {
        let mut next_look = Deadline::after(doubt::ASK_PAUSE);
        loop {
            let in_doubt = !self.doubts.open().is_empty();
            let first = match in_doubt {
                true => asked.recv_timeout(next_look.remaining()),
                false => asked.recv().map_err(RecvTimeoutError::from),
            };
            match first {
                Ok(first) => self.answer(std::iter::once(first).chain(asked.try_iter())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if next_look.passed() {
                if self.doubts.look(&self.consumer) {
                    self.inbox.rouse();
                }
                next_look = Deadline::after(doubt::ASK_PAUSE);
            }
        }
    }

    fn answer(&self, questions: impl Iterator<Item = Question>) {
        let questions: Vec<(i32, Tag)> = questions
            .filter_map(|question| match question {
                Question::Ends(partition, tag) => Some((partition, tag)),
                Question::Doubt => None,
            })
            .collect();
        if questions.is_empty() {
            return;
        }
        let (inbox, results) = (&*self.topics.inbox, &*self.topics.results);
        let mut places: Vec<_> = questions
            .iter()
            .flat_map(|(partition, _)| [(inbox, *partition), (results, *partition)])
            .collect();
        places.sort_unstable();
        places.dedup();

        let mut known = HashMap::new();
        match ends::ask(&self.consumer, &places, Edge::End) {
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
            let inbox_end = known.get(&(inbox, partition)).copied();
            let results_end = known.get(&(results, partition)).copied();
            self.inbox.push(PortEvent::Ends {
                partition,
                tag,
                ends: inbox_end.zip(results_end),
            });
        }
    }
}

/// Questions that may wait; a lane asks again after an answer without ends.
const QUESTIONS_MAX: usize = 1_024;
