//! Appends to the journal: each lane's producer gives the records to the broker in order, loses some, and reports.

use std::collections::BTreeMap;

use sagaline_journal::{
    Delivery, NewRecord, PortEvent, Tag,
    wire::{header, kind},
};

use crate::{
    Violation,
    event::{Event, Landing, LaneKey, at, at_nowhere},
    plant::Bug,
    time::{Moment, Span},
    world::World,
};

/// A producer gives a record up after this: Kafka's delivery time-out.
const DELIVERY_TIMEOUT: Span = Span::secs(8);

/// One lane's journal producer, which outlives the lane.
#[derive(Debug)]
pub(crate) struct Producer {
    /// Records that it was given.
    given: u64,
    /// The last of them lands then.
    busy_until: Moment,
    /// Its process died: what lies behind this many records never lands.
    cut: Option<u64>,
    appends: BTreeMap<Tag, InFlight>,
    /// The last offset that the lane was told.
    told: i64,
}

impl Default for Producer {
    fn default() -> Self {
        Self {
            given: 0,
            busy_until: Moment::default(),
            cut: None,
            appends: BTreeMap::new(),
            told: -1,
        }
    }
}

/// An append whose reports are not all there.
#[derive(Debug)]
struct InFlight {
    reports: Vec<Option<Delivery>>,
}

impl World {
    pub(super) fn append(&mut self, lane: LaneKey, tag: Tag, records: Vec<NewRecord>) {
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
        let is_claim = records
            .iter()
            .any(|record| record.headers.get(header::KIND) == Some(kind::CLAIM.as_bytes()));
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
        if self.has(Bug::AckTooEarly) && !is_claim {
            self.tell_too_early(lane, tag, reports.len());
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
        let reports = self.told(lane, reports);
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

    /// A planted bug: the reports of an append whose records are still on their way.
    fn tell_too_early(&mut self, lane: LaneKey, tag: Tag, count: usize) {
        let Some(partition) = self.lanes.get(&lane).map(|slot| slot.partition) else {
            return;
        };
        let end = self.log.end(&self.topics.journal, partition);
        let appended_at = Some(self.now.appended_at());
        let reports = (end..)
            .take(count)
            .map(|offset| Delivery::At {
                offset,
                appended_at,
            })
            .collect();
        let event = PortEvent::Appended {
            partition,
            tag,
            reports,
        };
        self.push(Span(10), Event::Back { lane, event });
    }

    /// What a lane is told of an append: the truth, but for planted bugs.
    fn told(&mut self, lane: LaneKey, mut reports: Vec<Delivery>) -> Vec<Delivery> {
        let appended_at = Some(self.now.appended_at());
        let (zombie, loss) = (self.has(Bug::ZombieBelieved), self.has(Bug::LossUnnoticed));
        let producer = self.producers.entry(lane).or_default();
        for report in &mut reports {
            let lies = match report {
                Delivery::At { offset, .. } => zombie && *offset > producer.told,
                Delivery::Unknown => loss,
            };
            if lies && producer.told >= 0 {
                let offset = producer.told + 1;
                *report = Delivery::At {
                    offset,
                    appended_at,
                };
            }
            if let Delivery::At { offset, .. } = report {
                producer.told = *offset;
            }
        }
        reports
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
}
