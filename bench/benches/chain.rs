//! One run that is sent signals without end and continues as new: signals per second, the longest input, and how fast a run
//! whose program was forgotten is built again. CPU time of one thread.
#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a benchmark says what it measured"
)]

use std::time::Duration;

use sagaline::{Context, Result, Workflows, workflow};
use sagaline_bench::cpu_time;
use sagaline_core::{
    Cause, Command, Delta, Env, IdConflict, IdReuse, Name, Overlay, Payload, Position, Run, RunId,
    Signal, Start, State, Timestamp, WorkflowId, activate_last,
    program::{Activated, Program, Programs},
    replay, settle, transact,
};

const SIGNALS: u64 = 100_000;
const REBUILDS: u32 = 200;

/// Adds up what it is sent.
#[workflow]
async fn counter(cx: Context, mut total: u64) -> Result<u64> {
    while !cx.is_continue_as_new_suggested() {
        total += cx.signal::<u64>("add").await?;
    }
    cx.continue_as_new(&total)
}

fn main() {
    let mut partition = Partition::new();
    partition.input(start());
    let begun = cpu_time();
    let mut longest = Duration::ZERO;
    for _ in 0..SIGNALS {
        let before = partition.run_id();
        let spent = partition.input(signal());
        if partition.run_id() != before {
            longest = longest.max(spent);
        }
    }
    let spent = cpu_time() - begun;
    let rate = SIGNALS as f64 / spent.as_secs_f64();
    println!("signals to one run               {rate:>12.0} /s");
    let millis = longest.as_secs_f64() * 1_000.0;
    println!("longest input that continues     {millis:>12.3} ms");
    let (events, spent) = partition.rebuild();
    let rate = events as f64 / spent.as_secs_f64();
    println!("replay of {events} events          {rate:>12.0} events/s");
}

fn id() -> WorkflowId {
    WorkflowId::new("counter-1").expect("it is short")
}

fn start() -> Command {
    Command::Start(Start {
        workflow_id: id(),
        workflow: Name::from("counter"),
        version: None,
        input: Payload::json(*b"0"),
        id_conflict: IdConflict::UseExisting,
        id_reuse: IdReuse::RejectDuplicate,
        reply: None,
        trace: None,
        attributes: None,
        memo: None,
        run_timeout: None,
        execution_timeout: None,
        start_at: None,
        retry: None,
        parent: None,
        appended_at: Timestamp::from_millis(NOW_MS),
    })
}

fn signal() -> Command {
    Command::Signal(Signal {
        workflow_id: id(),
        run_id: None,
        signal: Name::from("add"),
        input: Payload::json(*b"1"),
        reply: None,
    })
}

const NOW_MS: i64 = 1_700_000_000_000;

/// One partition, each of its inputs a batch of its own.
struct Partition {
    state: State,
    programs: Kept,
    batch: u64,
}

impl Partition {
    fn new() -> Self {
        Self {
            state: State::new(7),
            programs: Kept {
                workflows: Workflows::new().with(counter),
                program: None,
            },
            batch: 0,
        }
    }

    fn run(&self) -> &Run {
        self.state.run(&id()).expect("it is open")
    }

    fn run_id(&self) -> RunId {
        self.run().run_id
    }

    /// Takes an input; says how long that took.
    fn input(&mut self, command: Command) -> Duration {
        self.batch += 1;
        let cause = Cause {
            source: "bench".into(),
            id: self.batch.to_string().into(),
            topic: "bench.inbox".into(),
            partition: 0,
            offset: self.batch as i64,
        };
        let begun = cpu_time();
        let now = Timestamp::from_millis(NOW_MS + self.batch as i64);
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.state, &mut delta);
        let namespace = "bench";
        let env = Env { namespace, now };
        let done = transact(&mut overlay, env, &cause, &command, &mut self.programs);
        for (index, transition) in (0..).zip(&done.transitions) {
            let batch = self.batch;
            settle(&mut overlay, transition, Position { batch, index });
        }
        self.state.merge(delta, now);
        cpu_time() - begun
    }

    /// Builds the program of a run of some thousand events again and again; says how many events that were.
    fn rebuild(&mut self) -> (u64, Duration) {
        while self.run().history.events < 4_000 {
            self.input(signal());
        }
        let begun = cpu_time();
        for _ in 0..REBUILDS {
            let mut program = self.programs.fresh(self.run());
            let commands = replay(&mut *program, &id(), self.run());
            assert!(commands.is_ok(), "the same code gives the same");
        }
        let events = u64::from(self.run().history.events) * u64::from(REBUILDS);
        (events, cpu_time() - begun)
    }
}

/// The program of the one run, as a lane keeps it.
struct Kept {
    workflows: Workflows,
    program: Option<(RunId, Box<dyn Program>)>,
}

impl Kept {
    fn fresh(&self, run: &Run) -> Box<dyn Program> {
        let version = &run.started.version;
        let program = self.workflows.program("counter", version);
        program.expect("the workflow is here")
    }
}

impl Programs for Kept {
    fn activate(&mut self, workflow_id: &WorkflowId, run: &Run) -> Activated {
        let kept = self.program.take_if(|(run_id, _)| *run_id == run.run_id);
        let (program, commands) = match kept {
            Some((_, mut program)) => {
                let commands = activate_last(&mut *program, workflow_id, run);
                (program, Ok(commands))
            }
            None => {
                let mut program = self.fresh(run);
                let commands = replay(&mut *program, workflow_id, run);
                (program, commands)
            }
        };
        self.program = Some((run.run_id, program));
        match commands {
            Ok(commands) => Activated::Commands(commands),
            Err(difference) => Activated::Nondeterministic(difference),
        }
    }

    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        let resolved = self.workflows.resolve(workflow.as_str(), version);
        resolved.map(Box::from)
    }

    fn names(&self) -> Vec<Name> {
        vec![Name::from("counter")]
    }
}
