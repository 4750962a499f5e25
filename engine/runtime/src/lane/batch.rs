//! The owner's loop: take, decide on an overlay, append, await, merge, send.

use std::collections::{BTreeSet, HashMap};

use sagaline_core::{
    Command, Delta, Effect, IdConflict, Millis, QueueCommand, RunId, StartWith, Timestamp,
    WorkflowId, run_id_of_start,
};
use sagaline_journal::{JournalReader, LanePort, NewRecord, Tag};
use sagaline_schemas::{Footer, InputPosition, Trying};

use super::{
    ADDED_BYTES_MAX, BATCH_BYTES_MAX, BATCH_DEADLINES_MAX, BATCH_INPUTS_MAX, Lane, Now, Phase,
    Positions, Taken, answer::Asked, making::Making, proof::Gap,
};
use crate::{fold::Merged, input::Input};

/// An idle lane writes what has been delivered, and how far it has read, after this.
pub(super) const MARK_AFTER: Millis = Millis(1_000);

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) tag: Tag,
    pub(super) delta: Delta,
    pub(super) footer: Footer,
    pub(super) effects: Vec<Effect>,
    /// Records to forward, by where they lie.
    pub(super) forwards: HashMap<(String, i64), NewRecord>,
    pub(super) answers: Vec<Asked>,
    pub(super) transitions: usize,
    pub(super) closed: Vec<RunId>,
    /// The records between its own are being read: by this request, with this reader, up to this footer.
    pub(super) verifying: Option<(Tag, JournalReader, i64)>,
}

impl Lane {
    /// Makes the next batch if there is anything to do and none is in flight.
    pub(super) fn work(&mut self, now: Now, port: &mut dyn LanePort) {
        let sent_at = Now {
            wall: self.time(now),
            ..now
        };
        self.outbox.send_waiting(
            (&self.shared, &self.fold.state),
            self.partition,
            sent_at,
            port,
            &mut self.next_tag,
        );
        if !self.stopping {
            // A lane that hands over leaves them to the next owner, as it does those that were taken.
            self.offer_local(now);
        }
        self.give_up_effects();
        if self.flight.is_some() {
            return;
        }
        if self.stopping && self.own.is_empty() {
            return self.hand_over(now, port);
        }
        if self.outbox.is_full() {
            return;
        }
        // A careful lane takes one input at a time; one that came to nothing is followed by the next at once.
        while self.make(now, port)
            && self.careful.is_on()
            && self.flight.is_none()
            && matches!(self.phase, Phase::Active)
        {}
        if self.flight.is_none() && self.inputs.is_empty() && self.own.is_empty() {
            // What was to be tried came to nothing.
            self.turn = None;
            self.waits_for_turn = false;
        }
    }

    /// Makes one batch and appends it, if it holds anything; says whether an input was taken.
    fn make(&mut self, now: Now, port: &mut dyn LanePort) -> bool {
        let mut making = Making::at(self.time(now));
        let took_any;
        if self.stopping {
            took_any = self.fill(&mut making, now);
        } else {
            while let Some(retry) = self.early.pop(making.now) {
                self.ask_self(retry);
            }
            self.offer_local_again(now, port);
            self.be_less_careful(now, port);
            self.take_inputs(port);
            if self.inputs.is_empty() {
                self.look_into_gap(now, port);
            }
            self.read_history(port);
            took_any = self.fill(&mut making, now);
            self.fire(&mut making, now, port);
            self.release(&mut making);
        }
        let must_append =
            !making.records.is_empty() || making.trying.is_some() || !making.answers.is_empty();
        let mark_is_due = now.monotonic.0 >= self.last_batch.0 + MARK_AFTER.0;
        let says_something = self.wants_mark() || self.holds_deadlines(making.now);
        if must_append || (mark_is_due && says_something) {
            self.append(making, now, port);
        }
        took_any
    }

    /// When a batch is that is made now.
    pub(super) fn time(&self, now: Now) -> Timestamp {
        self.clock.time(now).max(self.fold.state.now())
    }

    /// Ends careful mode once the inputs are read up to the take-over and all deadlines of before have fired.
    fn be_less_careful(&mut self, now: Now, port: &mut dyn LanePort) {
        let since = self.careful.since();
        let due = self.fold.state.next_deadline();
        let waits = due.is_some_and(|due| due <= self.careful.until());
        if !self.careful.is_on() || !self.own.is_empty() || waits {
            return;
        }
        if self.proof.covers(since) {
            self.careful.is_over();
            self.suspect = None;
            self.programs.quarantine(&BTreeSet::new());
        } else {
            self.ask_for_ends(since, now, port);
        }
    }

    /// Asks where the inputs end, so that what came before `wanted` is known to be read.
    pub(super) fn ask_for_ends(&mut self, wanted: Timestamp, now: Now, port: &mut dyn LanePort) {
        let seen_at = self.clock.seen_at(now);
        if let Some(tag) = self.proof.ask(wanted, seen_at, self.next_tag + 1) {
            self.next_tag = tag;
            port.ends(self.partition, tag);
        }
    }

    /// While there is nothing to take: looks whether anything lies before an end that was seen.
    fn look_into_gap(&mut self, now: Now, port: &mut dyn LanePort) {
        let positions = (self.positions.inbox, self.positions.results);
        let tag = self.next_tag + 1;
        let Some(gap) = self.proof.gap(now.monotonic, positions, tag) else {
            return;
        };
        self.next_tag = tag;
        let reading = &self.shared.reading;
        let topic = if gap.is_inbox {
            reading.inbox.clone()
        } else {
            reading.results.clone()
        };
        port.read(topic, self.partition, tag, gap.from, Some(gap.to));
    }

    /// Nothing lies in a gap: the position is behind it.
    pub(super) fn cross(&mut self, gap: Gap) {
        let position = if gap.is_inbox {
            &mut self.positions.inbox
        } else {
            &mut self.positions.results
        };
        if *position == gap.from {
            *position = gap.to;
        }
        self.proof
            .reach((self.positions.inbox, self.positions.results));
    }

    fn take_inputs(&mut self, port: &mut dyn LanePort) {
        if self.inputs.len() >= BATCH_INPUTS_MAX || self.inputs.bytes() >= BATCH_BYTES_MAX {
            return;
        }
        let mut records = Vec::new();
        port.take(
            self.partition,
            BATCH_INPUTS_MAX - self.inputs.len(),
            BATCH_BYTES_MAX - self.inputs.bytes(),
            &mut records,
        );
        for record in records {
            let input = self.shared.reading.input(&record, self.partition);
            self.inputs.push(Taken { record, input });
        }
    }

    /// Fires deadlines that have come, once the inputs are known to be read up to them: behind the batch's own inputs, so
    /// that steady load neither delays them nor lets them overtake a result.
    fn fire(&mut self, making: &mut Making, now: Now, port: &mut dyn LanePort) {
        self.more_due = false;
        if !self.clock.is_trusted() || making.trying.is_some() {
            return;
        }
        // The state's time may be ahead of this clock, by what is allowed: then inputs cannot be known to be read so far.
        let until = making.now.min(self.clock.seen_at(now));
        let due: Vec<(Timestamp, WorkflowId)> = self
            .fold
            .state
            .due(until, BATCH_DEADLINES_MAX)
            .map(|(due, workflow_id)| (due, workflow_id.clone()))
            .collect();
        // Inputs may have filled the batch to its limit: deadlines have a share of their own.
        let bytes_max = making.bytes + ADDED_BYTES_MAX;
        let are_all = due.len() < BATCH_DEADLINES_MAX;
        for (due, workflow_id) in due {
            if !self.proof.covers(due) {
                return self.ask_for_ends(due, now, port);
            }
            let Some(queued) = self.hold_queued(&workflow_id, due, until) else {
                continue;
            };
            let fire = Command::Fire {
                workflow_id,
                due,
                queued,
            };
            if self.careful.is_on() {
                if self.own.is_empty() {
                    self.ask_self(fire);
                }
                return;
            }
            if making.bytes >= bytes_max {
                return;
            }
            let cause = self.own_cause();
            self.decide(making, &cause, &fire, None);
        }
        self.more_due = !are_all && making.records.is_empty();
    }

    /// Releases tasks of limited queues whose turn it is, each batch another queue's first.
    fn release(&mut self, making: &mut Making) {
        let mut queues = self.fold.state.releasable(making.now);
        let batches = self.fold.footer().map_or(0, |footer| footer.batch_no);
        let first = usize::try_from(batches).unwrap_or_default();
        let first = first.checked_rem(queues.len()).unwrap_or_default();
        queues.rotate_left(first);
        let bytes_max = making.bytes + ADDED_BYTES_MAX;
        for queue in queues {
            if making.bytes >= bytes_max {
                return;
            }
            let cause = self.own_cause();
            let command = Command::Queue(Box::new(QueueCommand::Release(queue)));
            self.decide(making, &cause, &command, None);
        }
    }

    /// Decides inputs until the batch is full; says whether there were any.
    fn fill(&mut self, making: &mut Making, now: Now) -> bool {
        let mut took_any = false;
        while making.bytes < BATCH_BYTES_MAX && making.records.len() < BATCH_INPUTS_MAX {
            if self.careful.is_on() && (took_any || !self.may_try(making, now)) {
                break;
            }
            if let Some((cause, command)) = self.own.pop_front() {
                self.decide(making, &cause, &command, None);
            } else if self.waits_for_history(making) {
                break;
            } else if let Some(taken) = self.inputs.pop() {
                self.take(making, taken);
            } else {
                break;
            }
            took_any = true;
        }
        took_any
    }

    /// In careful mode: what may activate a program is announced by a mark before it is tried.
    fn may_try(&mut self, making: &mut Making, now: Now) -> bool {
        let (cause, command) = match (self.own.front(), self.inputs.front()) {
            (Some((cause, command)), _) => (cause, command),
            (
                None,
                Some(Taken {
                    input: Input::Command { cause, command },
                    ..
                }),
            ) => (cause, &**command),
            _ => return true,
        };
        let Some(workflow_id) = command.workflow_id() else {
            return true;
        };
        let of_start = |start| run_id_of_start(&self.shared.namespace, cause, start);
        let run_id = match command {
            Command::Start(start) => of_start(start),
            Command::StartWith(with) if !self.goes_to_open_run(with) => of_start(&with.start),
            _ => match self.fold.state.run(workflow_id) {
                Some(run) => run.run_id,
                None => return true,
            },
        };
        if self.careful.may_activate(run_id) {
            return true;
        }
        let (cause, workflow_id) = (cause.clone(), workflow_id.clone());
        if !self.has_turn(now) {
            return false;
        }
        making.trying = Some(Trying {
            run_id,
            workflow_id,
            cause,
        });
        false
    }

    /// Whether a start with a message is only the message.
    fn goes_to_open_run(&self, with: &StartWith) -> bool {
        let is_open = self.fold.state.run(&with.start.workflow_id).is_some();
        is_open && with.start.id_conflict == IdConflict::UseExisting
    }

    /// Whether it is this lane's turn to try a run; otherwise it looks again soon.
    fn has_turn(&mut self, now: Now) -> bool {
        // One that was held for long may be somebody else's by now.
        let kept = |turn: &super::turn::Turn| turn.is_kept(now.monotonic);
        if !self.turn.as_ref().is_some_and(kept) {
            self.turn = None;
            let turns = &self.shared.turns;
            self.turn = turns.take(self.partition, self.id, now.monotonic);
        }
        self.waits_for_turn = self.turn.is_none();
        self.turn.is_some()
    }

    fn append(&mut self, making: Making, now: Now, port: &mut dyn LanePort) {
        if !matches!(self.phase, Phase::Active) {
            return;
        }
        let (open_runs, digest) = self.fold.state.preview(&making.delta, making.now);
        let footing = self.fold.footing();
        let input = |topic: &str, next_offset| InputPosition {
            topic: topic.to_owned(),
            next_offset,
        };
        let Positions { inbox, results } = self.positions;
        let footer = Footer {
            epoch: footing.epoch,
            batch_no: footing.batch_no + 1,
            count: 0,
            now: making.now,
            inputs: vec![
                input(&self.shared.reading.inbox, inbox),
                input(&self.shared.reading.results, results),
            ],
            effects_done: self.outbox.done(footing.batch_no),
            open_runs,
            digest,
            trying: making.trying,
        };
        let transitions = making.records.len();
        self.careful
            .announced(footer.trying.as_ref().map(|trying| trying.run_id));
        match self.writer.batch(making.records, footer.clone()) {
            Ok(records) => {
                let tag = self.tag();
                self.flight = Some(Flight {
                    tag,
                    delta: making.delta,
                    footer,
                    effects: making.effects,
                    forwards: making.forwards,
                    answers: making.answers,
                    transitions,
                    closed: making.closed,
                    verifying: None,
                });
                self.last_batch = now.monotonic;
                self.clock.sends(now);
                self.counts.batches += 1;
                port.append(self.partition, tag, records);
            }
            Err(error) => self.fail(error),
        }
    }

    /// The batch is known valid: it becomes state, and what it wants may leave.
    pub(super) fn accept(
        &mut self,
        flight: Flight,
        footer_offset: i64,
        now: Now,
        port: &mut dyn LanePort,
    ) {
        let batch_no = flight.footer.batch_no;
        if flight.footer.trying.is_none() {
            // What was tried is in the journal.
            self.turn = None;
        }
        self.succeeded();
        if flight.transitions > 0 {
            let took = Millis(now.monotonic.0.saturating_sub(self.last_batch.0));
            self.shared.figures.committed(flight.transitions, took);
        }
        let place = Merged {
            footer_offset,
            has_transitions: flight.transitions > 0,
        };
        self.fold.merge(flight.delta, flight.footer, place);
        for run_id in flight.closed {
            self.programs.closed(run_id);
            self.placed.closed(run_id);
        }
        self.outbox.push(batch_no, flight.effects, flight.forwards);
        for asked in flight.answers {
            let reply = self.answer(asked);
            self.outbox.push_answer(reply);
        }
        self.work(now, port);
    }

    /// Whether a mark has something to say.
    pub(super) fn wants_mark(&self) -> bool {
        let Some(footer) = self.fold.footer() else {
            return false;
        };
        // Every batch is behind on its own effects, a mark too, which has none: only batches with effects count.
        let moved = footer.effects_done < self.outbox.finished();
        let read_on = self.fold.position(&self.shared.reading.inbox) != self.positions.inbox
            || self.fold.position(&self.shared.reading.results) != self.positions.results;
        self.flight.is_none() && (moved || read_on)
    }

    /// Whether a deadline has come and the clock keeps it from firing. A mark's report tells whether the clock was set
    /// right since; nothing else might ever come that does.
    fn holds_deadlines(&self, now: Timestamp) -> bool {
        let due = self.fold.state.next_deadline();
        !self.clock.is_trusted() && due.is_some_and(|due| due <= now)
    }

    /// Nothing is in flight and nothing more is taken: await the effects, say so in a mark, be done.
    fn hand_over(&mut self, now: Now, port: &mut dyn LanePort) {
        if !self.outbox.is_empty() {
            return;
        }
        // What was announced and not tried is no death of this owner.
        let announced = |footer: &Footer| footer.trying.is_some();
        if self.wants_mark() || self.fold.footer().is_some_and(announced) {
            return self.append(Making::at(self.time(now)), now, port);
        }
        port.release(self.partition);
        self.phase = Phase::Stopped;
    }

    /// Tasks that the log refuses for good become failed attempts.
    fn give_up_effects(&mut self) {
        self.outbox.forget_refused(&self.fold.state);
        while let Some(command) = self.outbox.next_undeliverable() {
            self.ask_self(command);
        }
    }
}
