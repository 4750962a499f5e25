//! Starts, by all id rules and in both modes of CloudEvents.

use sagaline_core::{IdConflict, IdReuse, Millis, WorkflowId};
use sagaline_journal::{
    Headers, NewRecord,
    wire::{ce_type, header, id_conflict, id_reuse},
};

use super::Act;
use crate::{
    event::Event,
    inputs::{Asks, Input, StartAsked, draft, identify},
    plan::{Family, Plan},
    programs::{RARE, SAGA},
    time::Span,
    world::World,
};

/// Generations below a saga.
const GENERATIONS: u32 = 3;

/// So many signals are sent, at most, for one start.
const SIGNALS_MAX: u32 = 5;

/// So many updates are asked for, at most, for one start.
const UPDATES_MAX: u32 = 5;

/// So often does somebody step in, at most, for one start.
const ACTS_MAX: u32 = 4;

impl World {
    pub(super) fn start_saga(&mut self, saga: u32) {
        let faults = self.faults.clients;
        let id = if self.rng.ppm(faults.reused) {
            format!("w-{}", self.rng.below(u64::from(saga) + 1))
        } else {
            format!("w-{saga}")
        };
        self.clients.started += 1;
        let children = self.start(&id);
        let mut later = |ppm: u32, act: Act| {
            if self.rng.ppm(ppm) {
                let after = match self.rng.below(3) {
                    0 => Span::millis(self.rng.below(60)),
                    1 => Span::millis(self.rng.below(1_000)),
                    _ => Span::millis(self.rng.below(15_000)),
                };
                self.push(after, Event::Client(act));
            }
        };
        later(faults.conflicting, Act::StartAgain(id.clone()));
        later(faults.canceled, Act::Cancel(id.clone()));
        later(faults.canceled / 3, Act::Cancel(id.clone()));
        later(faults.terminated, Act::Terminate(id.clone()));
        later(faults.terminated / 2, Act::Terminate(id.clone()));
        for _ in 0..ACTS_MAX {
            later(faults.operated, Act::Operate(id.clone()));
        }
        for _ in 0..SIGNALS_MAX {
            later(faults.signaled, Act::Signal(id.clone()));
        }
        for _ in 0..UPDATES_MAX {
            later(faults.updated, Act::Update(id.clone()));
            later(faults.updated / 2, Act::Query(id.clone()));
        }
        for child in children {
            later(faults.canceled / 3, Act::Cancel(child.clone()));
            later(faults.terminated / 3, Act::Terminate(child.clone()));
            later(faults.operated, Act::Operate(child.clone()));
            later(faults.signaled / 2, Act::Signal(child));
        }
        later(faults.described, Act::Describe(id));
    }

    pub(super) fn start_again(&mut self, id: &str) {
        self.start(id);
    }

    /// Starts a saga; says which children it may start.
    fn start(&mut self, id: &str) -> Vec<String> {
        let faults = self.faults.clients;
        let sagas = u64::from(self.settings.sagas);
        let generations = match self.settings.forgets_soon() {
            true => 0,
            false => GENERATIONS,
        };
        let mut family = Family::of(
            id,
            generations,
            (sagas, faults.reused > 0),
            faults.rare_workflow,
        );
        let plan = Plan::draw(&mut self.rng, self.faults.mischief, &mut family);
        let children = plan.descendants();
        let children = children.into_iter().map(|child| child.id.clone()).collect();
        let value = serde_json::to_vec(&plan).unwrap_or_default();
        let workflow = if self.rng.ppm(self.faults.clients.rare_workflow) {
            RARE
        } else {
            SAGA
        };
        let number = format!("s-{}", self.number());
        let with_signal = self.rng.ppm(self.faults.clients.with_signal);
        let ce_type = match with_signal {
            true => ce_type::WORKFLOW_SIGNAL_WITH_START,
            false => ce_type::WORKFLOW_START,
        };
        let mut record = draft(&self.topics.inbox, self.home(id), id, ce_type);
        let mut identity = None;
        if self.rng.percent(10) && !with_signal {
            structure(&mut record, id, &number, workflow, &value);
            identity = Some(("structured".into(), number));
        } else {
            record.value = Some(value);
            record.push_header(header::WORKFLOW, workflow);
            if self.rng.percent(80) {
                let source = if self.rng.percent(50) { "client" } else { "" };
                identify(&mut record, source, &number);
                identity = Some((source.to_owned(), number));
            }
        }
        if self.rng.percent(8) {
            let name = *self
                .rng
                .pick(&[header::RUN_TIMEOUT_MS, header::EXECUTION_TIMEOUT_MS]);
            let span = self.rng.between(500, 30_000);
            record.push_header(name, span.to_string());
        }
        let signal = with_signal.then(|| self.signal_of_start(&mut record));
        self.draw_delay(&mut record);
        let asked = self.draw_rules(&mut record, identity.is_some(), workflow == RARE);
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity,
            asks: match signal {
                Some(signal) => Asks::StartWith(asked, signal),
                None => Asks::Start(asked),
            },
        };
        self.submit(record, input);
        children
    }

    /// When the run is to begin, and whether it is tried again.
    fn draw_delay(&mut self, record: &mut NewRecord) {
        if self.rng.percent(10) {
            let at = self.now.wall(0).plus(Millis(self.rng.below(12_000)));
            record.push_header(header::START_AT, at.to_rfc3339());
        }
        if self.rng.percent(30) {
            let attempts = self.rng.between(1, 3);
            let json = format!(
                r#"{{"initial_interval":400,"maximum_attempts":{attempts},"non_retryable_error_types":["Planned"]}}"#
            );
            let json = match self.rng.percent(20) {
                true => json,
                false => json.replace("Planned", "Never"),
            };
            record.push_header(header::RETRY, json);
        }
    }

    fn draw_rules(&mut self, record: &mut NewRecord, identified: bool, rare: bool) -> StartAsked {
        let conflict = match self.rng.below(4) {
            0 => Some((id_conflict::FAIL, IdConflict::Fail)),
            1 if identified => Some((
                id_conflict::TERMINATE_EXISTING,
                IdConflict::TerminateExisting,
            )),
            2 => Some((id_conflict::USE_EXISTING, IdConflict::UseExisting)),
            _ => None,
        };
        let reuse = match self.rng.below(4) {
            0 => Some((id_reuse::ALLOW_DUPLICATE, IdReuse::AllowDuplicate)),
            1 => Some((
                id_reuse::ALLOW_DUPLICATE_FAILED_ONLY,
                IdReuse::AllowDuplicateFailedOnly,
            )),
            2 => Some((id_reuse::REJECT_DUPLICATE, IdReuse::RejectDuplicate)),
            _ => None,
        };
        if let Some((text, _)) = conflict {
            record.push_header(header::ID_CONFLICT, text);
        }
        if let Some((text, _)) = reuse {
            record.push_header(header::ID_REUSE, text);
        }
        let version = match self.rng.below(12) {
            _ if self.faults.clients.garbage == 0 => None,
            0 => Some("1"),
            1 => Some("2"),
            2 => Some("9"),
            _ => None,
        };
        if let Some(version) = version {
            record.push_header(header::VERSION, version);
        }
        StartAsked {
            id_conflict: conflict.map_or(IdConflict::UseExisting, |(_, rule)| rule),
            id_reuse: reuse.map_or(IdReuse::RejectDuplicate, |(_, rule)| rule),
            wants_reply: self.ask_for_reply(record),
            may_be_unknown: rare || matches!(version, Some("2" | "9")),
            parent: None,
        }
    }
}

/// The same start in structured mode, our headers as extension attributes.
fn structure(record: &mut NewRecord, id: &str, ce_id: &str, workflow: &str, value: &[u8]) {
    record.headers = Headers::new();
    record.push_header(
        header::CONTENT_TYPE,
        "application/cloudevents+json; charset=utf-8",
    );
    let data: serde_json::Value = serde_json::from_slice(value).unwrap_or_default();
    let event = serde_json::json!({
        "specversion": "1.0",
        "type": ce_type::WORKFLOW_START,
        "source": "structured",
        "id": ce_id,
        "subject": id,
        "slworkflow": workflow,
        "data": data,
    });
    record.value = serde_json::to_vec(&event).ok();
}
