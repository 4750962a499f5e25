//! The way between lanes and the log: delays, lost records, lost answers, slow and broken reads.
//!
//! Journal records of one lane land in the order in which they were given to its producer, however late; effects land in
//! any order. What a crashed process had given to its producers may land still.

pub(crate) mod append;
mod child;
mod external;
mod misread;
mod read;

use sagaline_core::{WorkflowId, event::QueueChanged};
use sagaline_journal::{
    NewRecord, PortEvent, SendError, SendErrorKind, Tag,
    wire::{ce_type, header},
};

use crate::{
    Violation,
    event::{Effect, Event, LaneKey, Reading},
    inputs::{Asks, Input, QueueAsked},
    log::Topics,
    plant::Bug,
    port::Request,
    time::Span,
    world::World,
};

/// What a lane is told of where an effect lies.
const UNKNOWN_OFFSET: i64 = -1;

impl World {
    pub(crate) fn request(&mut self, lane: LaneKey, request: Request) {
        match request {
            Request::Fetch => self.expect_arrival(lane),
            Request::Append { tag, records } => self.append(lane, tag, records),
            Request::Send { tag, record } => self.send(lane, tag, record),
            Request::Read {
                topic,
                partition,
                tag,
                from,
                to,
            } => {
                let after = self.rng.delay(Span::millis(2));
                let reading = Reading {
                    lane,
                    tag,
                    topic,
                    partition,
                    from,
                    to,
                };
                self.push(after, Event::Read(reading));
            }
            Request::Ends { tag } => {
                let after = self.rng.delay(Span::millis(2));
                self.push(after, Event::Ends { lane, tag });
            }
            Request::ProveLease { tag } => {
                let after = self.rng.delay(Span::millis(5));
                self.push(after, Event::Lease { lane, tag });
            }
        }
    }

    /// Something goes back to a lane; now and then it comes twice.
    pub(crate) fn back(&mut self, typical: Span, lane: LaneKey, event: PortEvent) {
        let after = self.rng.delay(typical);
        if self.rng.ppm(self.faults.repeated_event) && !matches!(event, PortEvent::Read { .. }) {
            let later = after + self.rng.delay(Span::millis(20));
            let event = event.clone();
            self.push(later, Event::Back { lane, event });
        }
        self.push(after, Event::Back { lane, event });
    }

    fn send(&mut self, lane: LaneKey, tag: Tag, record: NewRecord) {
        let is_task = Topics::is_tasks(&record.topic);
        let is_forward = record.topic == self.topics.inbox;
        let mut after = self.rng.delay(Span::millis(2));
        let failed = |kind| {
            Err(SendError {
                kind,
                reason: "simulated".into(),
            })
        };
        let Some(partition) = self.lanes.get(&lane).map(|slot| slot.partition) else {
            return;
        };
        let is_there = self.log.has(&record.topic, record.partition);
        let (lands, told) = if !is_there {
            (false, failed(SendErrorKind::Missing))
        } else if self.rng.ppm(self.faults.effect_failed) {
            (false, failed(SendErrorKind::Unavailable))
        } else if self.rng.ppm(self.faults.effect_unknown) {
            after = after + Span::millis(self.rng.below(5_000));
            (true, failed(SendErrorKind::Unavailable))
        } else if (is_task && self.rng.ppm(self.faults.task_refused))
            || (is_forward && self.rng.ppm(self.faults.forward_refused))
        {
            (false, failed(SendErrorKind::Refused))
        } else {
            (true, Ok(()))
        };
        let lands = lands && !(self.has(Bug::EffectLost) && self.rng.percent(2));
        let effect = Effect {
            lane,
            tag,
            partition,
            record,
            lands,
            told,
        };
        self.push(after, Event::Effect(effect));
    }

    pub(crate) fn effect(&mut self, effect: Effect) -> Result<(), Violation> {
        let refused = matches!(&effect.told, Err(error) if error.kind.is_for_good());
        let is_missing = matches!(&effect.told, Err(error) if error.kind == SendErrorKind::Missing);
        if self.lanes.contains_key(&effect.lane) {
            let event = PortEvent::Sent {
                partition: effect.partition,
                tag: effect.tag,
                outcome: effect.told.map(|()| UNKNOWN_OFFSET),
            };
            self.back(Span::millis(1), effect.lane, event);
        }
        if !effect.lands {
            if refused {
                self.check.refused(&effect.record);
            }
            if Topics::is_retry(&effect.record.topic) && is_missing {
                self.check.given_up(effect.partition, &effect.record);
            }
            return Ok(());
        }
        let mut record = effect.record;
        let input = retry_input(&record)
            .or_else(|| queue_input(&record))
            .or_else(|| child::input(&record))
            .or_else(|| external::input(&record));
        if let Some(input) = input {
            self.inputs.add(&mut record, input);
        }
        let produced = self.produce(&record);
        if produced.is_none() && Topics::is_retry(&record.topic) {
            // The topic has just gone.
            self.check.given_up(effect.partition, &record);
            return Ok(());
        }
        let Some(record) = produced else {
            return Err(Violation::new(
                "log",
                format!("an effect for {} that is not there", record.topic),
            ));
        };
        self.check.landed(effect.partition, &record);
        if Topics::is_tasks(&record.topic) {
            self.give_to_worker(&record);
        }
        Ok(())
    }
}

/// What one partition tells another of a limited queue.
fn queue_input(record: &NewRecord) -> Option<Input> {
    let text = |name| std::str::from_utf8(record.headers.get(name)?).ok();
    let ce_type = text(header::CE_TYPE).filter(|one| one.starts_with(ce_type::QUEUE_PREFIX))?;
    let attempt = || {
        Some((
            text(header::RUN_ID)?.parse().ok()?,
            text(header::ACTIVITY_ID)?.parse().ok()?,
            text(header::ATTEMPT)?.parse().ok()?,
        ))
    };
    let key = std::str::from_utf8(record.key.as_deref()?).ok()?;
    let (workflow_id, asks) = match ce_type {
        ce_type::QUEUE_OFFER => (Some(key), QueueAsked::Offer(attempt()?)),
        ce_type::QUEUE_RELEASED => (Some(key), QueueAsked::Send(attempt()?)),
        ce_type::QUEUE_ENDED => (Some(key), QueueAsked::End(attempt()?)),
        _ => {
            let changed: QueueChanged = serde_json::from_slice(record.value.as_deref()?).ok()?;
            (None, QueueAsked::Adopt(changed.queue, changed.version))
        }
    };
    Some(Input {
        workflow_id: workflow_id.and_then(|key| WorkflowId::new(key).ok()),
        identity: Some((
            text(header::CE_SOURCE)?.to_owned(),
            text(header::CE_ID)?.to_owned(),
        )),
        asks: Asks::Queue(asks),
    })
}

/// What a retry asks once it is due.
fn retry_input(record: &NewRecord) -> Option<Input> {
    if !Topics::is_retry(&record.topic) {
        return None;
    }
    let text = |name| std::str::from_utf8(record.headers.get(name)?).ok();
    let asks = Asks::RetryDue(
        text(header::RUN_ID)?.parse().ok()?,
        text(header::ACTIVITY_ID)?.parse().ok()?,
        text(header::ATTEMPT)?.parse().ok()?,
    );
    Input::of_engine(record, asks)
}
