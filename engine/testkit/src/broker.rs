//! The way between lanes and the log: delays, lost records, lost answers, slow and broken reads.
//!
//! Journal records of one lane land in the order in which they were given to its producer, however late; effects land in
//! any order. What a crashed process had given to its producers may land still.

use std::collections::BTreeMap;

use sagaline_journal::{Delivery, NewRecord, PortEvent, SendError, Tag};

use crate::{
    Violation,
    event::{Effect, Event, Landing, LaneKey, Reading, at, at_nowhere},
    log::Topics,
    port::Request,
    time::{Moment, Span},
    world::World,
};

/// A producer gives a record up after this: Kafka's delivery time-out.
const DELIVERY_TIMEOUT: Span = Span::secs(8);

/// One lane's journal producer, which outlives the lane.
#[derive(Debug, Default)]
pub(crate) struct Producer {
    /// Records that it was given.
    given: u64,
    /// The last of them lands then.
    busy_until: Moment,
    /// Its process died: what lies behind this many records never lands.
    cut: Option<u64>,
    appends: BTreeMap<Tag, InFlight>,
}

/// An append whose reports are not all there.
#[derive(Debug)]
struct InFlight {
    reports: Vec<Option<Delivery>>,
}

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

    fn append(&mut self, lane: LaneKey, tag: Tag, records: Vec<NewRecord>) {
        let stall = if self.rng.ppm(self.faults.append_stall) {
            Span::millis(self.rng.between(500, 20_000))
        } else {
            Span(0)
        };
        let mut lands_at = self
            .producers
            .entry(lane)
            .or_default()
            .busy_until
            .max(self.now)
            + stall;
        lands_at += self.rng.delay(Span::millis(2));
        let mut reports = vec![None; records.len()];
        for (index, record) in records.into_iter().enumerate() {
            lands_at += Span(self.rng.below(100));
            let producer = self.producers.entry(lane).or_default();
            producer.given += 1;
            let sequence = producer.given;
            if self.rng.ppm(self.faults.append_lost) {
                reports[index] = Some(Delivery::Unknown);
                continue;
            }
            let landing = Landing {
                lane,
                tag,
                sequence,
                index,
                record,
            };
            self.schedule.push(lands_at, Event::Land(landing));
        }
        let producer = self.producers.entry(lane).or_default();
        producer.busy_until = lands_at;
        producer.appends.insert(tag, InFlight { reports });
        self.push(DELIVERY_TIMEOUT, Event::GiveUp { lane, tag });
        self.report_if_known(lane, tag);
    }

    pub(crate) fn land(&mut self, landing: Landing) -> Result<(), Violation> {
        let producer = self.producers.entry(landing.lane).or_default();
        if producer.cut.is_some_and(|cut| landing.sequence > cut) {
            return Ok(());
        }
        let appended_at = self.now.appended_at();
        let Some(record) = self.log.append(&landing.record, appended_at) else {
            return Err(Violation::new(
                "log",
                "a journal record for no partition".into(),
            ));
        };
        self.trace.record(&record);
        self.check.journal(&record, &self.log, &self.inputs)?;
        let report = if self.rng.ppm(self.faults.append_unknown) {
            if self.rng.percent(50) {
                Delivery::Unknown
            } else {
                at_nowhere(appended_at)
            }
        } else {
            at(&record)
        };
        let producer = self.producers.entry(landing.lane).or_default();
        if let Some(flight) = producer.appends.get_mut(&landing.tag) {
            flight.reports[landing.index] = Some(report);
        }
        self.report_if_known(landing.lane, landing.tag);
        Ok(())
    }

    /// Time is up: what is not known by now is unknown, and may land later all the same.
    pub(crate) fn give_up(&mut self, lane: LaneKey, tag: Tag) {
        if let Some(flight) = self
            .producers
            .get_mut(&lane)
            .and_then(|one| one.appends.get_mut(&tag))
        {
            for report in &mut flight.reports {
                report.get_or_insert(Delivery::Unknown);
            }
        }
        self.report_if_known(lane, tag);
    }

    fn report_if_known(&mut self, lane: LaneKey, tag: Tag) {
        let Some(producer) = self.producers.get_mut(&lane) else {
            return;
        };
        let known = |flight: &InFlight| flight.reports.iter().copied().collect::<Option<Vec<_>>>();
        let Some(reports) = producer.appends.get(&tag).and_then(known) else {
            return;
        };
        producer.appends.remove(&tag);
        let Some(partition) = self.lanes.get(&lane).map(|slot| slot.partition) else {
            return;
        };
        let event = PortEvent::Appended {
            partition,
            tag,
            reports,
        };
        self.back(Span::millis(1), lane, event);
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

    /// The process of a lane died: some suffix of what its producer still held is gone.
    pub(crate) fn cut_producer(&mut self, lane: LaneKey) {
        let waiting: Vec<u64> = self
            .schedule
            .iter()
            .filter_map(|event| match event {
                Event::Land(landing) if landing.lane == lane => Some(landing.sequence),
                _ => None,
            })
            .collect();
        let kept = self.rng.below(waiting.len() as u64 + 1);
        let cut = match usize::try_from(kept)
            .ok()
            .and_then(|kept| waiting.get(kept))
        {
            Some(first_lost) => first_lost - 1,
            None => return,
        };
        self.producers.entry(lane).or_default().cut = Some(cut);
    }

    fn send(&mut self, lane: LaneKey, tag: Tag, record: NewRecord) {
        let is_task = Topics::is_tasks(&record.topic);
        let mut after = self.rng.delay(Span::millis(2));
        let failed = |permanent| {
            Err(SendError {
                permanent,
                missing: false,
                reason: "simulated".into(),
            })
        };
        let Some(partition) = self.lanes.get(&lane).map(|slot| slot.partition) else {
            return;
        };
        let (lands, told) = if self.rng.ppm(self.faults.effect_failed) {
            (false, failed(false))
        } else if self.rng.ppm(self.faults.effect_unknown) {
            after = after + Span::millis(self.rng.below(5_000));
            (true, failed(false))
        } else if self.rng.ppm(self.faults.effect_refused) && is_task {
            (false, failed(true))
        } else {
            (true, Ok(()))
        };
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
        let refused = matches!(&effect.told, Err(error) if error.permanent);
        if self.lanes.contains_key(&effect.lane) {
            let event = PortEvent::Sent {
                partition: effect.partition,
                tag: effect.tag,
                outcome: effect.told,
            };
            self.back(Span::millis(1), effect.lane, event);
        }
        if !effect.lands {
            if refused {
                self.check.refused(&effect.record);
            }
            return Ok(());
        }
        let Some(record) = self.produce(&effect.record) else {
            return Err(Violation::new(
                "log",
                format!("an effect for {} that is not there", effect.record.topic),
            ));
        };
        self.check.landed(effect.partition, &record);
        if Topics::is_tasks(&record.topic) {
            self.give_to_worker(&record);
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, reading: Reading) {
        let Some(slot) = self.lanes.get(&reading.lane) else {
            return;
        };
        let partition = slot.partition;
        let to = reading
            .to
            .unwrap_or_else(|| self.log.end(&reading.topic, reading.partition));
        let to = to.max(reading.from);
        let chunk = i64::try_from(self.rng.between(1, 400)).unwrap_or(1);
        let upto = to.min(reading.from + chunk);
        let fails = self.rng.ppm(self.faults.read_failed);
        let next = if fails && self.rng.percent(50) {
            reading.from
        } else {
            upto.min(self.log.end(&reading.topic, reading.partition))
                .max(reading.from)
        };
        let records = self
            .log
            .range(&reading.topic, reading.partition, reading.from, next)
            .cloned()
            .collect();
        let done = fails || next >= to;
        let event = PortEvent::Read {
            partition,
            tag: reading.tag,
            records,
            next,
            done,
            error: fails.then(|| "simulated".into()),
        };
        self.push(
            Span::millis(1),
            Event::Back {
                lane: reading.lane,
                event,
            },
        );
        if !done {
            let after = Span::millis(1) + self.rng.delay(Span::millis(1));
            let rest = Reading {
                from: next,
                to: Some(to),
                ..reading
            };
            self.push(after, Event::Read(rest));
        }
    }

    pub(crate) fn ends(&mut self, lane: LaneKey, tag: Tag) {
        let Some(slot) = self.lanes.get(&lane) else {
            return;
        };
        let partition = slot.partition;
        let of = |topic: &str| self.log.end(topic, partition);
        let ends = Some((of(&self.topics.inbox), of(&self.topics.results)));
        let answered = !self.rng.ppm(self.faults.ends_unanswered);
        let event = PortEvent::Ends {
            partition,
            tag,
            ends: ends.filter(|_| answered),
        };
        self.back(Span::millis(2), lane, event);
    }

    /// Records that lie behind what a lane's process has are on their way to it, once.
    pub(crate) fn expect_arrival(&mut self, lane: LaneKey) {
        let Some(slot) = self.lanes.get_mut(&lane) else {
            return;
        };
        let fetch = &mut slot.port.fetch;
        if !fetch.active || fetch.arriving {
            return;
        }
        let behind = self.log.end(&self.topics.inbox, slot.partition) > fetch.next[0]
            || self.log.end(&self.topics.results, slot.partition) > fetch.next[1];
        if !behind {
            return;
        }
        fetch.arriving = true;
        let generation = fetch.generation;
        let after = self.rng.delay(Span::millis(2));
        self.push(after, Event::Arrive { lane, generation });
    }

    pub(crate) fn arrive(&mut self, lane: LaneKey, generation: u64) -> Result<(), Violation> {
        let Some(slot) = self.lanes.get_mut(&lane) else {
            return Ok(());
        };
        let fetch = &mut slot.port.fetch;
        if fetch.generation != generation {
            return Ok(());
        }
        fetch.arriving = false;
        let topics = [&self.topics.inbox, &self.topics.results];
        for (which, topic) in topics.into_iter().enumerate() {
            let end = self.log.end(topic, slot.partition);
            if fetch.next[which] > end {
                let what = format!(
                    "{topic}/{} is read at {} and ends at {end}",
                    slot.partition, fetch.next[which]
                );
                return Err(Violation::new("I6", what));
            }
            // One topic may be far behind the other.
            let most = self.rng.pick(&[0, 1, 3, 50, 1_000]);
            let from = fetch.next[which];
            fetch.next[which] = end.min(from + most);
            let records = self
                .log
                .range(topic, slot.partition, from, fetch.next[which]);
            fetch.arrived[which].extend(records.cloned());
        }
        self.expect_arrival(lane);
        self.lane_turn(lane, None)
    }
}
