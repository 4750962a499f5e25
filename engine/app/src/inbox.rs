//! Requests to the engine: a record in the inbox, and the answers that come to the topic of replies.
//!
//! Deliberately absent: the types that the SDK's client has. A command hands payloads on as they are, and is known by
//! its user: `ce_source` is `sagaline.cli/<user>`.

mod answer;
mod many;

use std::{ops::ControlFlow, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{Cause, Payload, RunId, Timestamp, WorkflowId, run_id_of_appended};
use sagaline_journal::{
    Headers, NewRecord, Record,
    kafka::{Admin, Producer, Reader, TopicState},
    wire::{HEADERS_BYTES_MAX, ce_type, header, partition_of, topic},
};

use sagaline_runtime::Keys;
use sagaline_sdk::Coding;

pub(crate) use self::{answer::Answer, many::Told};
use crate::{
    cli::Session,
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
};

/// How long an engine may take to answer, unless said.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The partition of the topic of replies that commands listen to.
const REPLY_PARTITION: i32 = 0;

/// The way to the engine.
#[derive(Debug)]
pub(crate) struct Inbox {
    namespace: String,
    inbox: String,
    partitions: i32,
    replies: String,
    producer: Producer,
    reader: Reader,
    coding: Coding,
}

/// A request about one workflow.
#[derive(Debug)]
pub(crate) struct Question {
    ce_type: &'static str,
    workflow_id: WorkflowId,
    source: String,
    id: String,
    headers: Vec<(&'static str, String)>,
    value: Option<Payload>,
    /// What a message beside a start carries, in this header.
    message: Option<(&'static str, Payload)>,
    /// Of an operator, whose acts are signed.
    keys: Option<Keys>,
}

/// A request as the record that it is going to be.
struct Drafted {
    record: NewRecord,
    workflow_id: WorkflowId,
    source: String,
    id: String,
}

/// A request that is in the inbox.
#[derive(Debug)]
pub(crate) struct Asked {
    workflow_id: WorkflowId,
    source: String,
    id: String,
    inbox: String,
    partition: i32,
    /// Where it lies.
    pub(crate) offset: i64,
    /// Where the answers cannot begin before.
    answers_from: i64,
    correlation: String,
}

impl Asked {
    /// What its events say that they come of.
    pub(crate) fn cause(&self) -> Cause {
        Cause {
            source: self.source.as_str().into(),
            id: self.id.as_str().into(),
            topic: self.inbox.as_str().into(),
            partition: self.partition,
            offset: self.offset,
        }
    }
}

impl Question {
    /// A request of that type; it has an identity of its own.
    pub(crate) fn new(ce_type: &'static str, workflow_id: &WorkflowId) -> Self {
        Self {
            ce_type,
            workflow_id: workflow_id.clone(),
            source: source(),
            id: new_id(),
            headers: Vec::new(),
            value: None,
            message: None,
            keys: None,
        }
    }

    /// Who asks, for people.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Signs it: only those who have the keys may operate.
    pub(crate) fn signed(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Says which request this is: the same again does nothing again.
    pub(crate) fn id(mut self, id: String) -> Self {
        self.id = id;
        self
    }

    /// Adds a header, if there is a value for it.
    pub(crate) fn header(mut self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        self.headers.extend(value.map(|value| (name, value.into())));
        self
    }

    pub(crate) fn value(mut self, value: Payload) -> Self {
        self.value = Some(value);
        self
    }

    /// Adds the input of a message that goes with a start.
    pub(crate) fn message(mut self, header: &'static str, input: Payload) -> Self {
        self.message = Some((header, input));
        self
    }

    /// The same with what it carries for the app encoded; an act of an operator is for the engine, and has encoded within
    /// what is not.
    fn coded(mut self, coding: &Coding) -> Outcome<Self> {
        let is_for_app = matches!(
            self.ce_type,
            ce_type::WORKFLOW_START
                | ce_type::WORKFLOW_SIGNAL
                | ce_type::WORKFLOW_SIGNAL_WITH_START
                | ce_type::WORKFLOW_UPDATE
                | ce_type::WORKFLOW_UPDATE_WITH_START
                | ce_type::WORKFLOW_QUERY
        );
        let encode = |payload| coding.encode(payload).map_err(coding_fault);
        if is_for_app {
            self.value = self.value.map(encode).transpose()?;
        }
        if let Some((header, input)) = self.message.take() {
            let input = encode(input)?;
            self.headers.push((header, STANDARD.encode(input.data())));
            let content_type = input.content_type().to_owned();
            self.headers
                .push((header::MESSAGE_CONTENT_TYPE, content_type));
        }
        Ok(self)
    }
}

/// Who asks, for people.
pub(crate) fn source() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    format!("sagaline.cli/{}", user.as_deref().unwrap_or("unknown"))
}

/// The app's codec refuses what was given.
pub(crate) fn coding_fault(error: sagaline_sdk::Error) -> Fault {
    Fault::refused(error.message())
}

impl Inbox {
    /// Finds the topics.
    pub(crate) fn open(session: &Session) -> Outcome<Self> {
        let namespace = session.settings.namespace.clone();
        let (inbox, replies) = (topic::inbox(&namespace), topic::replies(&namespace));
        let kafka = session.kafka()?;
        let admin = Admin::open(&kafka)?;
        // What was added to the inbox is only forwarded from.
        let pinned = match admin.topic(&topic::journal(&namespace))? {
            TopicState::Present(info) => info.partitions,
            TopicState::Missing | TopicState::Denied => i32::MAX,
        };
        let partitions = match admin.topic(&inbox)? {
            TopicState::Present(info) => info.partitions.min(pinned),
            TopicState::Missing => {
                return Err(Fault::refused(format!("there is no topic {inbox}"))
                    .hint("is the namespace right? the engine makes its topics when it starts"));
            }
            TopicState::Denied => {
                return Err(Fault::refused(format!("the principal may not see {inbox}")));
            }
        };
        Ok(Self {
            namespace,
            inbox,
            partitions,
            replies,
            producer: Producer::open(&kafka)?,
            reader: Reader::open(&kafka)?,
            coding: session.coding.clone(),
        })
    }

    /// Sends a request; it is durable when this returns.
    pub(crate) fn ask(&self, question: Question) -> Outcome<Asked> {
        let answers_from = self.reader.end(&self.replies, REPLY_PARTITION)?;
        let correlation = new_id();
        let Drafted {
            record,
            workflow_id,
            source,
            id,
        } = self.record(question, &correlation)?;
        let partition = record.partition;
        let offset = self.producer.send_blocking(record)?;
        Ok(Asked {
            workflow_id,
            source,
            id,
            inbox: self.inbox.clone(),
            partition,
            offset,
            answers_from,
            correlation,
        })
    }

    /// The record of a request, whose answers bear this correlation.
    fn record(&self, question: Question, correlation: &str) -> Outcome<Drafted> {
        let Question {
            ce_type,
            workflow_id,
            source,
            id,
            headers,
            value,
            keys,
            message: _,
        } = question.coded(&self.coding)?;
        let partition = partition_of(workflow_id.as_str().as_bytes(), self.partitions);
        let mut record = NewRecord {
            topic: self.inbox.as_str().into(),
            partition,
            key: Some(workflow_id.as_str().as_bytes().to_vec()),
            value: value.as_ref().map(|value| value.data().to_vec()),
            headers: Headers::with_capacity(headers.len() + 8, 256),
        };
        record.push_header(header::CE_SPECVERSION, "1.0");
        record.push_header(header::CE_TYPE, ce_type);
        record.push_header(header::CE_SOURCE, source.as_str());
        record.push_header(header::CE_ID, id.as_str());
        if let Some(value) = &value {
            record.push_header(header::CONTENT_TYPE, value.content_type());
        }
        record.push_header(header::REPLY_TOPIC, self.replies.as_str());
        record.push_header(header::REPLY_PARTITION, REPLY_PARTITION.to_string());
        record.push_header(header::CORRELATION, correlation);
        for (name, value) in headers {
            record.push_header(name, value);
        }
        let bytes = record.headers.size();
        if bytes > HEADERS_BYTES_MAX {
            return Err(Fault::usage(format!(
                "reason, attributes, memo and names have {bytes} bytes; {HEADERS_BYTES_MAX} are allowed"
            )));
        }
        if let Some(keys) = keys {
            keys.sign_record(&mut record);
        }
        Ok(Drafted {
            record,
            workflow_id,
            source,
            id,
        })
    }

    /// The first answer that is `wanted`; none when the deadline passes.
    pub(crate) fn answer(
        &self,
        asked: &Asked,
        deadline: Deadline,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Outcome<Option<Answer>> {
        let mut found = None;
        let visit = |record: &Record| {
            found = Answer::read(record, &asked.correlation).filter(|answer| wanted(answer));
            if found.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let idle = || {
            if deadline.passed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        self.reader.tail(
            &self.replies,
            REPLY_PARTITION,
            asked.answers_from,
            visit,
            idle,
        )?;
        Ok(found)
    }

    /// Waits until a request is in the journal, and gives its first answer; a refusal is a fault.
    pub(crate) fn accepted(&self, asked: &Asked, wait: Option<Duration>) -> Outcome<Answer> {
        self.first(asked, wait)?.taken()
    }

    /// The first answer to a request, which may be a refusal.
    pub(crate) fn first(&self, asked: &Asked, wait: Option<Duration>) -> Outcome<Answer> {
        let limit = wait.unwrap_or(ANSWER_WAIT);
        let Some(answer) = self.answer(asked, Deadline::after(Some(limit)), |_| true)? else {
            let exit = if wait.is_some() {
                Exit::TimedOut
            } else {
                Exit::Unreachable
            };
            let text = format!(
                "no engine answered within {} s; the request stays in {}",
                limit.as_secs_f32(),
                self.inbox
            );
            return Err(
                Fault::new(exit, text).hint("does an engine of this namespace run? `doctor` looks")
            );
        };
        Ok(answer)
    }

    /// The run that a start makes, if it makes one: the engine derives it from the same.
    pub(crate) fn run_of_start(&self, asked: &Asked) -> Outcome<Option<RunId>> {
        let Some(appended_at) = self.appended_at(asked)? else {
            return Ok(None);
        };
        let identity = asked.cause().identity();
        let run_id = run_id_of_appended(&self.namespace, &asked.workflow_id, identity, appended_at);
        Ok(Some(run_id))
    }

    /// When the broker appended a request, by its own clock.
    pub(crate) fn appended_at(&self, asked: &Asked) -> Outcome<Option<Timestamp>> {
        let offset = asked.offset;
        let mut appended_at = None;
        self.reader.read(
            &self.inbox,
            asked.partition,
            offset,
            Some(offset + 1),
            |record| {
                appended_at = Some(record.timestamp);
                ControlFlow::Break(())
            },
        )?;
        Ok(appended_at)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command is no part of the engine: nothing of it is replayed"
)]
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
