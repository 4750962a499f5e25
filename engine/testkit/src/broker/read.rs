//! Reads: of ranges, in pieces and with errors; of the inputs, ahead of the lane; of where these end.

use sagaline_journal::{
    Error, ErrorKind, PortEvent, Record, Tag,
    wire::{header, kind},
};

use super::misread::misread;
use crate::{
    Violation,
    event::{Event, LaneKey, Reading},
    plant::Bug,
    time::Span,
    world::World,
};

impl World {
    pub(crate) fn read(&mut self, reading: Reading) {
        let Some(slot) = self.lanes.get(&reading.lane) else {
            return;
        };
        let partition = slot.partition;
        let begins_at = match *reading.topic == *self.topics.journal {
            true => self.trims.begins_at(reading.partition),
            false => 0,
        };
        if reading.from < begins_at {
            return self.nothing_there(partition, &reading);
        }
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
        let records = self.left_out(&reading, records);
        let done = fails || next >= to;
        let event = PortEvent::Read {
            partition,
            tag: reading.tag,
            records,
            next,
            done,
            error: fails
                .then(|| Error::new(ErrorKind::Unavailable, "kafka-unavailable", "simulated")),
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

    /// What was to be read is gone.
    fn nothing_there(&mut self, partition: i32, reading: &Reading) {
        let error = Error::new(ErrorKind::NotFound, "kafka-offset-missing", "trimmed");
        let event = PortEvent::Read {
            partition,
            tag: reading.tag,
            records: Vec::new(),
            next: reading.from,
            done: true,
            error: Some(error),
        };
        let lane = reading.lane;
        self.push(Span::millis(1), Event::Back { lane, event });
    }

    /// What a lane is given of a read: everything, but for a planted bug.
    fn left_out(&self, reading: &Reading, mut records: Vec<Record>) -> Vec<Record> {
        if self.has(Bug::ClaimsUnread) && reading.to.is_some() && records.len() > 1 {
            let own = records.last().map(|record| record.offset);
            records.retain(|record| {
                let is_claim = record.header(header::KIND) == Some(kind::CLAIM.as_bytes());
                !is_claim || record.offset == reading.from || Some(record.offset) == own
            });
        }
        records
    }

    pub(crate) fn ends(&mut self, lane: LaneKey, tag: Tag) {
        let Some(slot) = self.lanes.get(&lane) else {
            return;
        };
        let partition = slot.partition;
        let of = |topic: &str| self.log.end(topic, partition);
        let ends = Some((of(&self.topics.inbox), of(&self.topics.results)));
        let ends = if self.has(Bug::EndsTooLow) {
            Some((0, 0))
        } else {
            ends
        };
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
        let mut after = self.rng.delay(Span::millis(2));
        if self.rng.ppm(self.faults.fetch_slow) {
            after = after + Span::millis(self.rng.between(100, 8_000));
        }
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
            let records = records.cloned();
            match self.settings.bug {
                None => fetch.arrived[which].extend(records),
                Some(bug) => records.for_each(|record| {
                    fetch.arrived[which].extend(misread(bug, record, &mut self.rng));
                }),
            }
        }
        self.expect_arrival(lane);
        self.lane_turn(lane, None)
    }
}
