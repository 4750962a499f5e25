//! The program of every simulated saga: it does what its [`Plan`] says.
//!
//! Deterministic but for its tricks and its markers: a marker's value is drawn live, and only history knows it later.

mod child;
mod message;
mod step;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    panic::resume_unwind,
    sync::Arc,
};

use sagaline_core::{
    ActivityId, Failure, Millis, Name, Payload, RunId, Timestamp, Wait, WaitFor,
    program::{
        Activation, CommandKind, Inquired, Inquiry, Job, Program, ProgramCommand, Question,
        SignalLeft,
    },
};

use crate::{
    counters::key_of,
    plan::{End, Nap, OnCancel, OnFailure, Plan, Stage, Step, Trick, Undo, signal_name},
    programs::Fate,
};

/// A run of a simulated saga.
#[derive(Debug)]
pub(crate) struct Scripted {
    build: u32,
    fate: Arc<Fate>,
    plan: Option<Plan>,
    run_id: Option<RunId>,
    activations: u32,
    next_id: u32,
    /// The stage that runs or runs next.
    stage: usize,
    pending: BTreeMap<ActivityId, Step>,
    /// Children that have not ended, and whether it awaits them.
    children: BTreeMap<ActivityId, bool>,
    nap: Option<(ActivityId, Nap)>,
    /// Signals to other runs of which it waits to hear.
    sent: BTreeSet<ActivityId>,
    /// Signals that it has not taken, and which one it waits for beside its nap.
    kept: BTreeMap<Name, VecDeque<String>>,
    waiting: Option<Wait>,
    told: Option<Wait>,
    /// How many updates it was given, and those that end with the next activation.
    updates: u64,
    late: Vec<ProgramCommand>,
    /// What it was given: by activities and children, and under 0 by signals.
    results: Vec<(u32, String)>,
    failure: Option<Failure>,
    canceling: bool,
    /// Nothing is commanded any more but registrations.
    ended: bool,
}

impl Scripted {
    pub(crate) fn new(build: u32, fate: Arc<Fate>) -> Self {
        Self {
            build,
            fate,
            plan: None,
            run_id: None,
            activations: 0,
            next_id: 0,
            stage: 0,
            pending: BTreeMap::new(),
            children: BTreeMap::new(),
            nap: None,
            sent: BTreeSet::new(),
            kept: BTreeMap::new(),
            waiting: None,
            told: None,
            updates: 0,
            late: Vec::new(),
            results: Vec::new(),
            failure: None,
            canceling: false,
            ended: false,
        }
    }

    fn next_id(&mut self) -> ActivityId {
        self.next_id += 1;
        ActivityId::new(self.next_id).unwrap_or(ActivityId::FIRST)
    }

    fn job(&mut self, job: &Job, commands: &mut Vec<ProgramCommand>) {
        match job {
            Job::Started { input } => {
                self.plan = serde_json::from_slice(input.data()).ok();
                let taken = self.plan.as_mut().map(|plan| mem::take(&mut plan.taken));
                self.results = taken.unwrap_or_default();
            }
            Job::ActivityCompleted {
                activity_id,
                result,
            } => {
                let text = String::from_utf8_lossy(result.data()).into_owned();
                self.results.push((activity_id.get(), text));
                if let Some(step) = self.pending.remove(activity_id)
                    && step.undo == Undo::OnCompletion
                {
                    commands.push(self.register(*activity_id, &step));
                }
            }
            Job::ActivityFailed {
                activity_id,
                failure,
            } => {
                self.pending.remove(activity_id);
                self.failure = self.failure.take().or_else(|| Some((**failure).clone()));
            }
            Job::ActivityCanceled { activity_id } => {
                self.pending.remove(activity_id);
            }
            Job::TimerFired { timer_id } => self.woken(*timer_id, commands),
            Job::SignalReceived { signal, input } => {
                let text = String::from_utf8_lossy(input.data());
                let kept = self.kept.entry(signal.clone()).or_default();
                kept.push_back(format!("{signal} {text}"));
            }
            Job::CancelRequested { .. } => self.canceling = true,
            Job::UpdateAccepted {
                update_id, input, ..
            } => self.update(update_id, input, commands),
            Job::ChildCompleted { .. } | Job::ChildFailed { .. } | Job::ChildCanceled { .. } => {
                self.child_ended(job);
            }
            Job::SignalDelivered { signal_id } | Job::SignalFailed { signal_id, .. } => {
                self.sent.remove(signal_id);
            }
            Job::Ended => {}
        }
    }

    /// A timer that nobody awaits and that comes before the steps are done ends them.
    fn woken(&mut self, timer_id: ActivityId, commands: &mut Vec<ProgramCommand>) {
        let nap = self.nap.take_if(|(id, _)| *id == timer_id);
        if nap.is_some() {
            self.waiting = None;
        }
        if !self.ended && nap.is_some_and(|(_, nap)| !nap.awaited) {
            self.cancel_pending(commands);
        }
    }

    fn cancel_pending(&self, commands: &mut Vec<ProgramCommand>) {
        let ids = self.pending.keys().copied();
        commands.extend(ids.map(|activity_id| ProgramCommand::CancelActivity { activity_id }));
        self.cancel_children(commands);
    }

    fn forget_nap(&mut self, commands: &mut Vec<ProgramCommand>) {
        self.waiting = None;
        if let Some((timer_id, _)) = self.nap.take() {
            commands.push(ProgramCommand::CancelTimer { timer_id });
        }
    }

    /// Sleeps beside the steps of a stage, until the signal comes that it may wait for.
    fn nap(&mut self, stage: &Stage, now: Timestamp, commands: &mut Vec<ProgramCommand>) {
        let signal = stage.signal.map(|number| name(signal_name(number)));
        if signal.as_ref().is_some_and(|name| self.take(name)) {
            return;
        }
        let Some(nap) = stage.nap else { return };
        let timer_id = self.next_id();
        let due_at = now.plus(Millis(nap.span_ms));
        commands.push(ProgramCommand::StartTimer { timer_id, due_at });
        self.nap = Some((timer_id, nap));
        self.waiting = signal.map(|name| Wait {
            kind: WaitFor::Signal,
            name,
            since: now,
            deadline: Some(due_at),
            choices: Vec::new(),
            total: None,
        });
    }

    /// Whether the stage is over, but for a timer that nobody awaits.
    fn is_stage_over(&self) -> bool {
        self.pending.is_empty()
            && !self.awaits_child()
            && self.sent.is_empty()
            && !self.nap.is_some_and(|(_, nap)| nap.awaited)
    }

    fn key_of(&self, step: ActivityId) -> String {
        self.run_id
            .map_or_else(String::new, |run_id| key_of(run_id, step))
    }

    fn on_cancel(&mut self, plan: &Plan, asked_now: bool, commands: &mut Vec<ProgramCommand>) {
        match plan.on_cancel {
            OnCancel::Ignore => {}
            OnCancel::AtOnce => self.end(ProgramCommand::Cancel { reason: None }, commands),
            OnCancel::Stop if self.pending.is_empty() && !self.awaits_child() => {
                self.forget_nap(commands);
                self.end(ProgramCommand::Cancel { reason: None }, commands);
            }
            OnCancel::Stop if asked_now => {
                self.cancel_pending(commands);
                self.forget_nap(commands);
            }
            OnCancel::Stop => {}
        }
    }

    fn end(&mut self, command: ProgramCommand, commands: &mut Vec<ProgramCommand>) {
        self.ended = true;
        commands.push(command);
    }

    /// Goes on as far as the plan can without waiting.
    fn advance(
        &mut self,
        plan: &Plan,
        activation: Activation<'_>,
        commands: &mut Vec<ProgramCommand>,
    ) {
        if let Some(failure) = &self.failure {
            let fails = match plan.on_failure {
                OnFailure::Fail => true,
                OnFailure::FailAfterStage => self.is_stage_over(),
                OnFailure::Continue => false,
            };
            if fails {
                let failure = failure.clone();
                return self.end(ProgramCommand::Fail { failure }, commands);
            }
        }
        self.take_awaited(commands);
        if !self.is_stage_over() || (self.canceling && plan.on_cancel == OnCancel::Stop) {
            return;
        }
        self.forget_nap(commands);
        let Some(stage) = plan.stages.get(self.stage) else {
            let end = match plan.end {
                // What would end with it is not left behind.
                End::Complete if plan.again > 0 && self.children.is_empty() => {
                    self.continue_as_new(plan)
                }
                End::Complete => ProgramCommand::Complete {
                    result: self.result(),
                },
                End::Fail => ProgramCommand::Fail {
                    failure: Failure::new(Name::from("Planned"), "as planned"),
                },
            };
            return self.end(end, commands);
        };
        let suffix = if stage.marker {
            self.marker(activation, commands)
        } else {
            ""
        };
        let drift = matches!(plan.trick, Some((at, Trick::Drift)) if at == self.activations && self.build >= 2);
        for (index, step) in stage.steps.iter().enumerate() {
            let drift = if drift { "-new" } else { "" };
            self.schedule(
                step,
                format!("a{}-{index}{suffix}{drift}", self.stage),
                commands,
            );
        }
        for child in &stage.children {
            self.start_child(child, commands);
        }
        commands.extend(stage.attribute.and_then(message::upsert));
        for sends in &stage.sends {
            self.send(sends, commands);
        }
        self.nap(stage, activation.at, commands);
        self.stage += 1;
    }

    /// Keeps a drawn value, or takes it from history; what follows depends on it.
    fn marker(
        &self,
        activation: Activation<'_>,
        commands: &mut Vec<ProgramCommand>,
    ) -> &'static str {
        let kept = activation
            .recorded
            .into_iter()
            .flatten()
            .find(|recorded| recorded.kind == CommandKind::RecordMarker)
            .and_then(|recorded| recorded.value.as_deref().cloned());
        let value =
            kept.unwrap_or_else(|| Payload::json(self.fate.draw().to_string().into_bytes()));
        let odd = value.data().last().is_some_and(|digit| digit % 2 == 1);
        commands.push(ProgramCommand::RecordMarker {
            kind: Name::from("side-effect"),
            name: name(format!("m{}", self.stage)),
            value,
        });
        if odd { "-odd" } else { "-even" }
    }

    /// What the workflow returns: every result that it was given, in order, and the signals that it did not take.
    fn result(&self) -> Payload {
        let left = self.kept.values().flatten();
        let left = left.map(|text| (0, text.clone()));
        let all: Vec<_> = self.results.iter().cloned().chain(left).collect();
        Payload::json(serde_json::to_vec(&all).unwrap_or_default())
    }

    /// The same once more, in a run with a history of its own; the signals that it took are in its input.
    fn continue_as_new(&self, plan: &Plan) -> ProgramCommand {
        let taken = self.results.iter().filter(|(id, _)| *id == 0);
        let next = Plan {
            again: plan.again.saturating_sub(1),
            trick: None,
            taken: taken.cloned().collect(),
            ..plan.clone()
        };
        let left = self.kept.iter().flat_map(|(signal, kept)| {
            let inputs = kept.iter().filter_map(|text| text.split_once(' '));
            inputs.map(|(_, input)| SignalLeft {
                signal: signal.clone(),
                input: Payload::json(input.as_bytes()),
            })
        });
        ProgramCommand::ContinueAsNew {
            input: Payload::json(serde_json::to_vec(&next).unwrap_or_default()),
            signals: left.collect(),
            children: Vec::new(),
        }
    }

    fn trick(
        &mut self,
        trick: Trick,
        activation: Activation<'_>,
        commands: &mut Vec<ProgramCommand>,
    ) {
        match trick {
            // Unwinds as a panic does, without a word on the terminal.
            Trick::Panic => resume_unwind(Box::new("as planned")),
            Trick::Kill => self.fate.kill(activation.run_id),
            Trick::Hang if activation.recorded.is_none() => self.fate.hang(activation.run_id),
            Trick::Deadlock => {
                commands.clear();
                self.waiting = None;
                let told = self.told.take();
                commands.extend(told.map(|_| ProgramCommand::RecordWaits(Vec::new())));
            }
            Trick::Late if self.ended => commands.push(cancel_first()),
            Trick::CancelDone if !self.ended && !self.pending.contains_key(&ActivityId::FIRST) => {
                commands.push(cancel_first());
            }
            Trick::Hang | Trick::Drift | Trick::Late | Trick::CancelDone => {}
        }
    }
}

impl Program for Scripted {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        if self.activations == 0 {
            self.next_id = activation.first_id().get() - 1;
        }
        self.activations += 1;
        self.run_id = Some(activation.run_id);
        let mut commands = Vec::new();
        let was_canceling = self.canceling;
        // What happened before in the same activation is no reason to command anything.
        self.ended |= activation.jobs.contains(&Job::Ended);
        let late = mem::take(&mut self.late);
        if !self.ended {
            commands.extend(late);
        }
        self.skip_numbers(activation.jobs);
        for job in activation.jobs {
            self.job(job, &mut commands);
        }
        let Some(plan) = self.plan.take() else {
            return commands;
        };
        if self.canceling && !self.ended {
            self.on_cancel(&plan, !was_canceling, &mut commands);
        }
        if !self.ended {
            self.advance(&plan, activation, &mut commands);
        }
        if let Some((at, trick)) = plan.trick
            && at == self.activations
        {
            self.trick(trick, activation, &mut commands);
        }
        if !self.ended && self.told != self.waiting {
            self.told.clone_from(&self.waiting);
            let waits = self.waiting.clone().into_iter().collect();
            commands.push(ProgramCommand::RecordWaits(waits));
        }
        self.plan = Some(plan);
        commands
    }

    fn inquire(&mut self, inquiry: Inquiry<'_>) -> Inquired {
        match inquiry.question {
            Question::Query { query, .. } if query.as_str() == COUNT => {
                Inquired::Answered(Payload::json(self.updates.to_string().into_bytes()))
            }
            Question::Validate { update, input } if update.as_str() == UPDATE => {
                match word_on(number(input), 1) {
                    Word::Panics => resume_unwind(Box::new("as planned")),
                    Word::Refuses => {
                        let failure = Failure::new(Name::from("Unwanted"), "as planned");
                        Inquired::Refused(failure)
                    }
                    Word::Fails | Word::Answers(_) => Inquired::Answered(Payload::empty()),
                }
            }
            question => Inquired::Refused(question.unknown([])),
        }
    }
}

/// The query that every program answers: how many updates it was given.
pub(crate) const COUNT: &str = "count";

/// The update that every program takes, with a number.
pub(crate) const UPDATE: &str = "add";

/// What a program says to an update.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It does not want it.
    Refuses,
    /// It breaks while it is asked whether it wants it.
    Panics,
    /// It takes it, and it comes to nothing.
    Fails,
    /// It takes it, and says how many it was given.
    Answers(u64),
}

/// What a program says to an update of that number, the `order`th that it is given.
pub(crate) const fn word_on(number: u64, order: u64) -> Word {
    if number.is_multiple_of(5) {
        Word::Refuses
    } else if number % 11 == 1 {
        Word::Panics
    } else if number % 7 == 3 {
        Word::Fails
    } else {
        Word::Answers(order)
    }
}

fn number(input: &Payload) -> u64 {
    let text = std::str::from_utf8(input.data());
    text.ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn cancel_first() -> ProgramCommand {
    ProgramCommand::CancelActivity {
        activity_id: ActivityId::FIRST,
    }
}

fn name(text: String) -> Name {
    Name::new(&text).unwrap_or_else(|_| Name::from("unnamed"))
}
