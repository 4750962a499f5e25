//! Inputs that could not be taken, and sending one of them again.
//!
//! The projection knows where the journal tells of each; what it tells is read there. Invariant: what is sent again is the
//! record that was rejected, and whoever asked is told what its owner made of it.

use std::{collections::BTreeMap, ops::ControlFlow};

use axum::{extract::State, response::Response};
use sagaline_core::WorkflowId;
use sagaline_journal::{
    Error, Footing, Item, JournalReader, Record,
    kafka::{Beginnings, Kafka, Producer, Reader},
    wire::topic,
};
use sagaline_projection::RejectedPlace;
use sagaline_runtime::{
    Dealt, EngineView, InputId, InputPlace, NotAgain, Redriven, RejectedInput, RejectedView,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    Api, answer,
    ask::ANSWER_WAIT,
    call::Call,
    reads::{Consistency, unread_error},
    refusal,
};
use crate::problem::Problem;

/// Most rows of a page: each may have 64 KB of what was sent.
const ROWS_MAX: usize = 100;

/// Inputs that are sent again at a time: each blocks a thread.
pub(super) const REDRIVES_MAX: usize = 4;

#[derive(Serialize)]
struct Inputs<'a> {
    inputs: Vec<RejectedView<'a>>,
    next_page_token: Option<String>,
}

/// The body of `POST …/redrive`: there is nothing to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["workflow_id", "page_size", "page_token", "consistency"])?;
    let workflow_id = call.param("workflow_id").map(WorkflowId::new).transpose();
    let workflow_id = workflow_id
        .map_err(|invalid| Problem::bad_request("invalid_workflow_id", invalid.to_string()))?;
    let page_size = call.page_size()?.min(ROWS_MAX);
    // A record lies where its sender put it, whosever it is.
    api.all_fresh(call.consistency()?).await?;
    let page = api
        .projection()
        .rejected_inputs(workflow_id.as_ref(), page_size, call.param("page_token"))
        .await
        .map_err(|error| unread_error(&error))?;
    let told = api.told_of(&page.rows).await?;
    Ok(answer::json(&Inputs {
        inputs: told.iter().map(RejectedInput::view).collect(),
        next_page_token: page.next_page_token,
    }))
}

pub(crate) async fn redrive(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    call.body::<Nothing>()?;
    let id: InputId = call
        .part("id")
        .parse()
        .map_err(|invalid| Problem::bad_request("invalid_input_id", invalid))?;
    let rejected = api.rejected(id).await?;
    let sent_by = &call.principal.0;
    tracing::info!(input = %id, by = %sent_by, "a rejected input is sent again");
    let (place, dealt) = api.send_again(rejected).await?;
    if let Dealt::Rejected(event) = &dealt {
        let (reason, message) = (event.reason.as_str(), &event.message);
        let text = format!("input {id} was rejected again: {reason}: {message}");
        return Err(Problem::conflict("input_rejected_again", text).hint(
            "what was wrong with it is not mended: GET /api/v1/inputs/rejected has it anew",
        ));
    }
    Ok(answer::accepted(&Redriven::of(id, &place, &dealt)))
}

impl Api {
    /// What the journal tells at these places, in their order; what it does not have any more is left out.
    async fn told_of(&self, places: &[RejectedPlace]) -> Result<Vec<RejectedInput>, Problem> {
        let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for place in places {
            offsets
                .entry(place.partition)
                .or_default()
                .push(place.offset);
        }
        let mut told = BTreeMap::new();
        for (partition, mut offsets) in offsets {
            offsets.sort_unstable();
            let read = self.journal().read(partition, offsets).await;
            for one in read.map_err(|error| unread_error(&error))? {
                let offset = one.offset;
                let rejected = RejectedInput::of(InputId { partition, offset }, one.transition);
                told.extend(rejected.map(|rejected| ((partition, offset), rejected)));
            }
        }
        let in_order = places.iter();
        Ok(in_order
            .filter_map(|place| told.remove(&(place.partition, place.offset)))
            .collect())
    }

    async fn rejected(&self, id: InputId) -> Result<RejectedInput, Problem> {
        let InputId { partition, offset } = id;
        let place = RejectedPlace { partition, offset };
        let is_there = async || {
            let is_there = self.projection().is_rejected_input(place).await;
            is_there.map_err(|error| unread_error(&error))
        };
        let mut found = is_there().await?;
        if !found && partition < self.engine().partitions() {
            // It may be newer than what is projected.
            self.all_fresh(Consistency::Strong).await?;
            found = is_there().await?;
        }
        let told = match found {
            true => self.told_of(&[place]).await?,
            false => Vec::new(),
        };
        told.into_iter().next().ok_or_else(|| {
            Problem::not_found(
                "input_not_found",
                format!("there is no rejected input {id}"),
            )
            .hint("GET /api/v1/inputs/rejected lists those that are there")
        })
    }

    /// Sends the original record once more, and waits for what its owner makes of it.
    async fn send_again(&self, rejected: RejectedInput) -> Result<(InputPlace, Dealt), Problem> {
        let _permit = self.redrive_permits().try_acquire().map_err(|_| {
            Problem::unavailable("busy", "too many inputs are being sent again just now")
        })?;
        let partition = rejected.cause.partition;
        // What comes of it stands behind what is projected before it is sent.
        let footing = self.projection().footing(partition).await;
        let again = Again {
            kafka: self.settings().kafka.clone(),
            namespace: self.namespace().to_owned(),
            engine: self.engine().clone(),
            footing: footing.map_err(|error| unread_error(&error))?,
            deadline: Instant::now() + ANSWER_WAIT,
        };
        let id = rejected.id;
        let sent = tokio::task::spawn_blocking(move || again.send(&rejected)).await;
        let sent = sent.map_err(|error| Problem::internal(error.to_string()))?;
        self.wrote_to(partition);
        sent.map_err(|failed| match failed {
            Failed::Unsent(NotAgain::Unread(error)) | Failed::Unread(error) => unread_error(&error),
            Failed::Unsent(NotAgain::Anew(why)) => {
                let text = format!("input {id} cannot be sent again: {why}");
                Problem::conflict("input_not_redrivable", text)
                    .hint("let its sender send it anew: `cause.source` says who that was")
            }
            Failed::Unanswered => refusal::unanswered(ANSWER_WAIT),
        })
    }
}

/// What sending one again takes, on a thread that may wait.
struct Again {
    kafka: Kafka,
    namespace: String,
    engine: EngineView,
    footing: Footing,
    deadline: Instant,
}

/// Why it is not known what became of it.
enum Failed {
    /// It was not sent.
    Unsent(NotAgain),
    /// Kafka does not answer.
    Unread(Error),
    /// Nobody took it in time.
    Unanswered,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Unread(error)
    }
}

impl Again {
    fn send(self, rejected: &RejectedInput) -> Result<(InputPlace, Dealt), Failed> {
        let reader = Reader::open(&self.kafka)?;
        let record = rejected.original(&self.namespace, &reader);
        let record = record.map_err(Failed::Unsent)?;
        let (topic, partition) = (record.topic.clone(), record.partition);
        let offset = Producer::open(&self.kafka)?.send_blocking(record)?;
        let place = InputPlace {
            topic,
            partition,
            offset,
        };
        // What lies in a partition beyond the journal's is forwarded, and rejected or taken elsewhere.
        if partition >= self.engine.partitions() {
            return Ok((place, Dealt::Taken));
        }
        let dealt = self.dealt(&reader, &place)?;
        Ok((place, dealt.ok_or(Failed::Unanswered)?))
    }

    /// What an owner makes of the record there; none when time is up.
    fn dealt(&self, reader: &Reader, place: &InputPlace) -> Result<Option<Dealt>, Error> {
        // Where nothing is projected the journal may begin later by now.
        let footing = match self.footing {
            Footing::START => Beginnings::open(&self.kafka, &self.namespace)?.of(place.partition)?,
            footing => footing,
        };
        let mut journal = JournalReader::after(footing);
        let (mut items, mut dealt, mut failed) = (Vec::new(), None, None);
        let is_over = || Instant::now() >= self.deadline || self.engine.has_ended();
        let visit = |record: &Record| {
            failed = journal.read(record.clone(), &mut items).err();
            dealt = items.drain(..).find_map(|item| match item {
                Item::Batch(batch) => Dealt::of_batch(batch, place),
                Item::Claim(_) | Item::Void(_) => None,
            });
            match dealt.is_some() || failed.is_some() || is_over() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let idle = || match is_over() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let (topic, from) = (topic::journal(&self.namespace), footing.offset + 1);
        reader.tail(&topic, place.partition, from, visit, idle)?;
        failed.map_or(Ok(dealt), Err)
    }
}
