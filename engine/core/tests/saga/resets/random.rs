//! Random inputs, and resets to random events between them: after each the fold is the state, no copy has an effect, and in
//! the end every run is over and what was done twice was done because a reset said so.

use sagaline_core::{
    Act, Command, Event, Failure, Ignored, Millis, Name, Payload, Reapply, Report, RunId, Start,
    Task, event::AnswerOutcome,
};

use crate::{World, by_hand, cancel, id, terminate};

use super::signal;

/// SplitMix64: the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

impl World {
    /// An attempt that a worker may be at: of any run, so that late answers come, too.
    fn some_task(&self, random: &mut Random) -> Option<Task> {
        let count = self.tasks.len() as u64;
        let back = random.below(3.min(count.max(1)));
        let at = count.checked_sub(back + 1)?;
        self.tasks.get(usize::try_from(at).unwrap()).cloned()
    }

    fn answer_some(&mut self, random: &mut Random) {
        let Some(task) = self.some_task(random) else {
            return;
        };
        let report = match random.below(8) {
            0 => Report::Failed {
                failure: Failure::new(Name::from("No"), "no").non_retryable(),
                retry_after: None,
                on_exhausted: None,
            },
            1 | 2 => Report::Failed {
                failure: Failure::new(Name::from("Broken"), "it broke"),
                retry_after: None,
                on_exhausted: None,
            },
            3 => Report::Started,
            _ => Report::Completed {
                result: Payload::json(*b"1"),
            },
        };
        let newest = self.newest();
        let done = self.report_on(&task, report);
        if task.run_id != newest {
            assert_eq!(done.ignored, Some(Ignored::Stale), "of an older run");
        }
    }

    fn some_reset(&mut self, number: u64, random: &mut Random) {
        let runs: Vec<RunId> = self.run_ids();
        let base = runs[usize::try_from(random.below(runs.len() as u64)).unwrap()];
        let last = self.history_events(base).len() as u64;
        let to = (
            random.below(last + 2),
            match random.below(4) {
                0 => Reapply::None,
                _ => Reapply::Signals,
            },
        );
        let (newest, sent) = (self.newest(), self.tasks.len());
        let done = self.reset_run(&format!("reset {number}"), base, to);

        let (outcome, _) = by_hand::answer(self);
        if outcome == AnswerOutcome::Rejected {
            return assert_eq!(self.newest(), newest, "what is refused changes nothing");
        }
        assert_eq!(outcome, AnswerOutcome::Accepted);
        let begins = |event: &Event| matches!(event, Event::WorkflowStarted(one) if one.reset_of == Some(base));
        let mut begun = done.transitions.iter();
        let new = begun.find(|one| one.events.iter().any(begins));
        let new = new.and_then(|one| one.run_id).unwrap();
        let (old, new_events) = (self.history_events(base), self.history_events(new));
        let copied = usize::try_from(to.0).unwrap();
        assert_eq!(new_events[1..copied], old[1..copied]);
        assert!(
            self.tasks[sent..]
                .iter()
                .all(|task| task.attempt.get() == 1)
        );
    }

    /// Runs of the id, in the order in which they began.
    fn run_ids(&self) -> Vec<RunId> {
        let mut ids = Vec::new();
        for one in self.journal.iter().flat_map(|(_, _, batch)| batch) {
            ids.extend(one.run_id.filter(|run_id| !ids.contains(run_id)));
        }
        ids
    }

    fn random_input(&mut self, number: u64, random: &mut Random) {
        let identity = format!("i {number}");
        match random.below(20) {
            0 => drop(self.input(&identity, cancel(true))),
            1 if random.below(4) == 0 => drop(self.input(&identity, terminate(false))),
            2 => by_hand::act(self, &identity, Act::Pause),
            3 | 4 => by_hand::act(self, &identity, Act::Resume),
            5 | 6 => drop(self.input(&identity, signal(&number.to_string()))),
            7 | 8 => self.some_reset(number, random),
            9 | 10 => {
                if let Some(due) = self.state.next_deadline() {
                    self.now = self.now.max(due);
                    self.fire_at(due);
                }
            }
            11 | 12 => {
                if let Some(retry) = self.retries.last().cloned() {
                    self.now = self.now.max(retry.next_attempt_at);
                    self.input(&identity, Command::RetryDue(retry.due));
                }
            }
            _ => self.answer_some(random),
        }
    }

    /// Answers everything until the run is over.
    fn wind_up(&mut self) {
        for number in 0..1_000 {
            let Some(run) = self.state.run(&id()) else {
                return;
            };
            if run.paused.is_some() {
                by_hand::act(self, &format!("end {number}"), Act::Resume);
                continue;
            }
            let run_id = run.run_id;
            let pending = run.activities.iter().find(|one| one.is_in_flight());
            let key = pending.map(|one| (one.activity_id, one.attempt));
            let of = |task: &&Task| Some((task.activity_id(), task.attempt)) == key;
            let sent = self.tasks.iter().filter(|task| task.run_id == run_id);
            if let Some(task) = sent.clone().find(of).cloned() {
                let result = Payload::json(*b"1");
                self.report_on(&task, Report::Completed { result });
            } else if let Some(incident) = run.incidents.first() {
                let (seq, act) = (incident.seq, sagaline_core::IncidentAct::Fail);
                by_hand::act(self, &format!("end {number}"), Act::Incident { seq, act });
            } else {
                let due = self.state.next_deadline().expect("it waits for something");
                self.now = self.now.max(due);
                self.fire_at(due);
            }
        }
        panic!("never ends: {:?}", self.names());
    }
}

#[test]
fn whatever_comes_between_resets_state_is_the_fold_and_every_run_ends() {
    let mut resets = 0;
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut world = World::new(&["a", "b", "c", "d"]);
        let inputs = ["{}", "\"again 2\"", "\"stops\"", "\"grouped\""];
        let input = inputs[usize::try_from(seed % 4).unwrap()];
        let start = Start {
            input: Payload::json(input.as_bytes()),
            retry: (seed % 3 == 0).then(|| Box::new(world.programs.retry.clone())),
            run_timeout: (seed % 5 == 0).then_some(Millis(20_000)),
            ..crate::start("w")
        };
        world.input("start", Command::Start(start));
        for number in 0..60 {
            world.random_input(number, &mut random);
        }
        world.wind_up();
        resets += world.run_ids().len() - 1;
    }
    assert!(resets > 1_000, "only {resets} resets were made");
}
