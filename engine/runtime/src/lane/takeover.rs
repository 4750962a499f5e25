//! Take-over: read to the end, claim, read on to the own claim, go on only if it is the valid one.
//!
//! A claim is appended at once on a fresh lease; after a foreign or void claim only while the lease is proved to be held
//! still, with a jittered pause.

use sagaline_core::{Cause, Command, Millis, program::Programs as _};
use sagaline_journal::{
    Belief, Delivery, Error, ErrorKind, Item, JournalReader, LanePort, Tag, believe,
};
use sagaline_schemas::Claim;
use uuid::Uuid;

use super::{
    Lane, Now, Phase, Positions, ReadBack, batch::Flight, careful::Careful, proof::InputProof,
};
use crate::{fold::Fold, owner};

/// Pause before a claim after a foreign one; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Millis = Millis(50);

/// How often a long fold says how far it is.
const PROGRESS_EVERY: Millis = Millis(2_000);

/// Longest pause between claims.
const PAUSE_MAX: Millis = Millis::from_secs(30);

/// Foreign claims in a row after which another owner is named as a fault.
pub(super) const FOREIGN_CLAIMS_MAX: u32 = 3;

/// What a lane remembers over its claims.
#[derive(Debug, Default)]
pub(super) struct Claiming {
    /// The owner of the last claim that was ours.
    owner: Option<String>,
    /// The owner of the claim that is on its way.
    next_owner: String,
    /// Claims of this lane.
    claims: u32,
    /// Reads, claims and batches in a row that failed.
    failures: u32,
    /// Foreign claims in a row since this lane last was the owner.
    pub(super) foreign: u32,
    /// Who made the last.
    pub(super) other: Option<String>,
    /// The lease was proved after the last foreign claim was seen.
    proved: bool,
    /// The record to be read next is not there: perhaps a snapshot is by now.
    was_trimmed: bool,
    /// When a long fold last said how far it is.
    progress_at: Option<Millis>,
}

impl Claiming {
    /// Something could not be read: the next try waits longer.
    pub(super) const fn read_failed(&mut self) {
        self.failures += 1;
    }

    /// Tells people how far a long fold is.
    fn say_progress(&mut self, fold: &Fold, partition: i32, now: Now) {
        let since = *self.progress_at.get_or_insert(now.monotonic);
        if now.monotonic.0 >= since.0 + PROGRESS_EVERY.0 {
            self.progress_at = Some(now.monotonic);
            tracing::info!(
                partition,
                offset = fold.next_offset(),
                open_runs = fold.state.open_runs(),
                "folding the journal"
            );
        }
    }
}

impl Lane {
    pub(super) fn read_to_end(&mut self, port: &mut dyn LanePort) {
        let was_trimmed = std::mem::take(&mut self.claiming.was_trimmed);
        match self.fold.next_offset() {
            0 => self.read_snapshot(port),
            _ if was_trimmed => self.read_snapshot(port),
            _ => self.read_journal(port),
        }
    }

    pub(super) fn read_journal(&mut self, port: &mut dyn LanePort) {
        let tag = self.tag();
        self.phase = Phase::Reading { tag };
        port.read(
            self.shared.journal.clone(),
            self.partition,
            tag,
            self.fold.next_offset(),
            None,
        );
    }

    pub(super) fn was_read(&mut self, read: ReadBack, now: Now, port: &mut dyn LanePort) {
        match self.phase {
            Phase::Reading { tag } | Phase::ReadingClaim { tag } if tag == read.tag => {}
            Phase::ReadingSnapshot { tag, .. } if tag == read.tag => {
                return self.snapshot_was_read(read, now, port);
            }
            Phase::Active => return self.was_read_while_active(read, now, port),
            _ => return,
        }
        for record in read.records {
            if let Err(error) = self.fold.record(record) {
                return self.fail(error);
            }
        }
        self.claiming.say_progress(&self.fold, self.partition, now);
        if let Some(error) = read.error {
            tracing::warn!(partition = self.partition, %error, "journal could not be read; trying again");
            self.claiming.was_trimmed = error.kind() == ErrorKind::NotFound;
            self.claiming.read_failed();
            return self.pause(now);
        }
        if !read.done {
            return;
        }
        match self.phase {
            Phase::Reading { .. } => self.claim_or_prove(now, port),
            _ => self.judge_claim(now, port),
        }
    }

    /// At the journal's end: claim, unless somebody else has since.
    fn claim_or_prove(&mut self, now: Now, port: &mut dyn LanePort) {
        if let Some(error) = self.misfit() {
            return self.fail(error);
        }
        let last_owner = self.fold.claim().map(|claim| claim.owner.clone());
        let foreign = self.claiming.owner.is_some() && last_owner != self.claiming.owner;
        if foreign && !self.claiming.proved {
            let tag = self.tag();
            self.phase = Phase::ProvingLease { tag };
            return port.prove_lease(self.partition, tag);
        }
        self.append_claim(now, port);
    }

    /// A journal of another app, or of another number of partitions.
    fn misfit(&self) -> Option<Error> {
        let claim = self.fold.claim()?;
        if claim.app != self.shared.app {
            let message = format!(
                "the journal of namespace {} belongs to app {}; this is {}: one app per namespace",
                self.shared.namespace, claim.app, self.shared.app
            );
            return Some(Error::new(ErrorKind::Conflict, "other-app", message));
        }
        if i64::from(claim.partitions) != i64::from(self.shared.partitions) {
            let message = format!(
                "the journal of namespace {} has {} partitions for ever; this engine was started for {}",
                self.shared.namespace, claim.partitions, self.shared.partitions
            );
            return Some(Error::new(
                ErrorKind::Conflict,
                "partitions-differ",
                message,
            ));
        }
        None
    }

    fn append_claim(&mut self, now: Now, port: &mut dyn LanePort) {
        self.claiming.claims += 1;
        let name = format!(
            "{}/{}/{}",
            self.partition, self.next_tag, self.claiming.claims
        );
        self.claiming.next_owner = owner::name(&self.shared.process, &name).to_string();
        let claim = Claim {
            epoch: self.fold.footing().epoch + 1,
            owner: self.claiming.next_owner.clone(),
            partitions: u32::try_from(self.shared.partitions).unwrap_or_default(),
            app: self.shared.app.clone(),
            build: self.shared.build.clone(),
            workflows: self
                .workflow_names
                .iter()
                .map(ToString::to_string)
                .collect(),
            closed_retention_ms: self.shared.closed_retention.0,
        };
        match self.writer.claim(&claim) {
            Ok(record) => {
                let tag = self.tag();
                self.clock.sends(now);
                self.phase = Phase::Claiming { tag };
                port.append(self.partition, tag, vec![record]);
            }
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn appended(
        &mut self,
        tag: Tag,
        reports: &[Delivery],
        now: Now,
        port: &mut dyn LanePort,
    ) {
        match self.phase {
            Phase::Claiming { tag: expected } if expected == tag => {
                self.claim_appended(reports, now, port)
            }
            Phase::Active if self.flight.as_ref().is_some_and(|flight| flight.tag == tag) => {
                let Some(flight) = self.flight.take() else {
                    return;
                };
                self.batch_appended(flight, reports, now, port);
            }
            _ => {}
        }
    }

    fn claim_appended(&mut self, reports: &[Delivery], now: Now, port: &mut dyn LanePort) {
        match reports.first() {
            Some(&Delivery::At {
                offset,
                appended_at,
            }) if offset >= 0 => {
                self.clock.reported(appended_at, now);
                let tag = self.tag();
                self.phase = Phase::ReadingClaim { tag };
                port.read(
                    self.shared.journal.clone(),
                    self.partition,
                    tag,
                    self.fold.next_offset(),
                    Some(offset + 1),
                );
            }
            _ => {
                self.claiming.failures += 1;
                self.pause(now);
            }
        }
    }

    /// The journal was read up to the own claim: is it the valid one?
    fn judge_claim(&mut self, now: Now, port: &mut dyn LanePort) {
        let own = self
            .fold
            .claim()
            .is_some_and(|claim| claim.owner == self.claiming.next_owner);
        if !own {
            let other = self.fold.claim().map(|claim| claim.owner.clone());
            self.claiming.owner = Some(self.claiming.next_owner.clone());
            return self.step_down(other, now);
        }
        self.claiming.owner = Some(self.claiming.next_owner.clone());
        self.claiming.foreign = 0;
        self.claiming.progress_at = None;
        self.claiming.other = None;
        self.activate(now, port);
    }

    /// The claim is valid: this lane is the owner.
    fn activate(&mut self, now: Now, port: &mut dyn LanePort) {
        self.phase = Phase::Active;
        self.last_batch = now.monotonic;
        if let Some(since) = self.takes_over_since.take() {
            let took = Millis(now.monotonic.0.saturating_sub(since.0));
            self.shared.figures.taken_over(took);
        }
        self.programs.drop_all();
        self.inputs.clear();
        self.history = None;
        self.own.clear();
        self.flight = None;
        self.proof = InputProof::default();
        self.positions = Positions {
            inbox: self.fold.position(&self.shared.reading.inbox),
            results: self.fold.position(&self.shared.reading.results),
        };
        let since = self.clock.seen_at(now);
        self.careful = Careful::after_take_over(&self.fold, self.suspect, since);
        self.programs.quarantine(self.careful.quarantined());
        self.placed.after_take_over(&self.fold.state);
        self.outbox = std::mem::take(&mut self.outbox).after_take_over(&mut self.fold);
        self.ask_for_programs();
        port.fetch(self.partition, self.positions.inbox, self.positions.results);
        tracing::info!(
            partition = self.partition,
            epoch = self.fold.footing().epoch,
            owner = self.claiming.next_owner,
            open_runs = self.fold.state.open_runs(),
            effects = self.outbox.len(),
            careful = self.careful.is_on(),
            "lane owns its partition"
        );
    }

    /// Runs that wait for their program go on if it is here now.
    fn ask_for_programs(&mut self) {
        let mut waiting = Vec::new();
        for (workflow_id, run) in self.fold.state.runs() {
            let missing = run
                .incidents
                .iter()
                .any(|one| one.kind == sagaline_core::event::IncidentKind::DefinitionMissing);
            let version = Some(&*run.started.version).filter(|version| !version.is_empty());
            if missing
                && self
                    .programs
                    .resolve(&run.started.workflow, version)
                    .is_some()
            {
                waiting.push(workflow_id.clone());
            }
        }
        for workflow_id in waiting {
            self.ask_self(Command::ProgramAvailable { workflow_id });
        }
    }

    /// Puts a command of the lane's own behind those that wait.
    pub(super) fn ask_self(&mut self, command: Command) {
        let cause = self.own_cause();
        self.own.push_back((cause, command));
    }

    /// The lane's own clock or find as a cause, different from all others of this owner.
    pub(super) fn own_cause(&mut self) -> Cause {
        self.own_count += 1;
        Cause::lane(
            self.partition,
            &format!("{}/{}", self.fold.footing().epoch, self.own_count),
        )
    }

    /// Somebody else claimed.
    fn step_down(&mut self, other: Option<String>, now: Now) {
        self.claiming.foreign += 1;
        self.claiming.proved = false;
        tracing::warn!(
            partition = self.partition,
            other = other.as_deref().unwrap_or("unknown"),
            times = self.claiming.foreign,
            "another owner has claimed this partition"
        );
        self.claiming.other = other;
        self.pause(now);
    }

    pub(super) fn pause(&mut self, now: Now) {
        self.history = None;
        let doubled = PAUSE_MIN
            .0
            .saturating_mul(1 << self.claiming.foreign.max(self.claiming.failures).min(16))
            .min(PAUSE_MAX.0);
        // Spread by the owner's own name, so that two who meet do not meet again.
        let spread = Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("{}{}", self.shared.process, self.next_tag).as_bytes(),
        );
        let jitter = u64::from(spread.as_bytes()[0]) * doubled / 512;
        self.phase = Phase::BackingOff {
            until: Millis(now.monotonic.0 + doubled / 2 + jitter),
        };
    }

    pub(super) fn lease_proved(&mut self, tag: Tag, held: bool, now: Now, port: &mut dyn LanePort) {
        match self.phase {
            Phase::ProvingLease { tag: expected } if expected == tag => {}
            _ => return,
        }
        if held {
            self.claiming.proved = true;
            self.read_to_end(port);
        } else {
            self.pause(now);
        }
    }

    fn batch_appended(
        &mut self,
        flight: Flight,
        reports: &[Delivery],
        now: Now,
        port: &mut dyn LanePort,
    ) {
        for report in reports {
            if let Delivery::At { appended_at, .. } = report {
                self.clock.reported(*appended_at, now);
            }
        }
        match believe(self.fold.footing().offset, reports) {
            Belief::KnownValid { footer_offset } => self.accept(flight, footer_offset, now, port),
            Belief::MustRead {
                from,
                footer_offset,
            } => {
                let tag = self.tag();
                let reader = JournalReader::after(self.fold.footing());
                self.flight = Some(Flight {
                    verifying: Some((tag, reader, footer_offset)),
                    ..flight
                });
                port.read(
                    self.shared.journal.clone(),
                    self.partition,
                    tag,
                    from,
                    Some(footer_offset + 1),
                );
            }
            Belief::ClaimAgain => {
                tracing::warn!(
                    partition = self.partition,
                    "a batch may be lost; claiming again"
                );
                self.lose(flight, now, port);
            }
        }
    }

    /// What is read while the owner works: records between those of a batch, or a record to be forwarded.
    fn was_read_while_active(&mut self, read: ReadBack, now: Now, port: &mut dyn LanePort) {
        let Some(read) = self.history_was_read(read) else {
            return;
        };
        if self
            .outbox
            .forward_was_read(&read, &self.shared, now.monotonic)
        {
            return;
        }
        if let Some(gap) = self.proof.looked(read.tag) {
            // Records, if there are any, are on their way; an error may mean that the end is another by now.
            match read.done && read.error.is_none() && read.records.is_empty() {
                true => self.cross(gap),
                false => self.proof.forget_ends(),
            }
            return;
        }
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        let Some((tag, reader, footer_offset)) = &mut flight.verifying else {
            self.flight = Some(flight);
            return;
        };
        if *tag != read.tag {
            self.flight = Some(flight);
            return;
        }
        let mut items = Vec::new();
        for record in read.records {
            if let Err(error) = reader.read(record, &mut items) {
                return self.fail(error);
            }
        }
        let footer_offset = *footer_offset;
        let valid = items
            .iter()
            .any(|item| matches!(item, Item::Batch(batch) if batch.footer_offset == footer_offset));
        if valid {
            self.accept(flight, footer_offset, now, port);
        } else if read.error.is_some() || read.done {
            self.lose(flight, now, port);
        } else {
            self.flight = Some(flight);
        }
    }

    /// The batch is void, or nobody knows: drop what it did, read what the journal says, claim again.
    fn lose(&mut self, flight: Flight, now: Now, port: &mut dyn LanePort) {
        drop(flight);
        self.programs.drop_all();
        self.inputs.clear();
        port.release(self.partition);
        if self.stopping {
            self.phase = Phase::Stopped;
            return;
        }
        self.claiming.proved = false;
        self.claiming.failures += 1;
        self.takes_over_since = Some(now.monotonic);
        match self.claiming.failures {
            1 => self.read_to_end(port),
            // A log that refuses what is appended must not be filled with claims.
            _ => self.pause(now),
        }
    }

    /// A batch is in the journal.
    pub(super) const fn succeeded(&mut self) {
        self.claiming.failures = 0;
    }
}
