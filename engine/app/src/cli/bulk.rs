//! An act on all that a filter means: counted, asked about, sent many at once, and every answer told.
//!
//! Deliberately absent: what one act is, which its own command says, and anything that outlives this process. What was
//! sent is done though nobody waits for it any more; the rest is not.

mod report;
mod target;
mod words;

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use self::{report::Report, target::targets};
pub(crate) use self::{
    target::Target,
    words::{Doing, counted},
};
use super::{Session, operate::Why, query};
use crate::{
    fault::{Exit, Fault, Outcome},
    inbox::{ANSWER_WAIT, Inbox, Question, Told},
    output::{Format, visible},
    settings::Span,
};

/// All that a filter means, instead of one. What names one must conflict with all three: clap does not hold a flag to
/// what it `requires` where that conflicts with something that is there.
#[derive(Clone, Debug, Args)]
pub(crate) struct Many {
    /// All that this filter means, instead of one: `WorkflowType = "order" AND Attempt > 5`
    #[arg(
        short,
        long,
        value_name = "FILTER",
        help_heading = "Many at once",
        conflicts_with = "idempotency_key"
    )]
    pub(crate) query: Option<String>,
    /// Do not ask first
    #[arg(short, long, help_heading = "Many at once")]
    yes: bool,
    /// Only print how many are meant, and which
    #[arg(long, help_heading = "Many at once")]
    dry_run: bool,
}

/// An act on many.
#[derive(Debug)]
pub(crate) struct Bulk<'a> {
    pub(crate) session: &'a Session,
    pub(crate) many: &'a Many,
    pub(crate) doing: Doing,
    pub(crate) why: &'a Why,
    /// What every record carries.
    pub(crate) body_bytes: usize,
}

impl Bulk<'_> {
    /// Does it; returns when every answer is there, or no more are to be expected.
    pub(crate) fn run(&self, question: impl Fn(&Target) -> Question) -> Outcome {
        let filter = query::read(self.many.query.as_deref().unwrap_or_default())?;
        if filter.condition.is_none() {
            return Err(Fault::usage("a query that says nothing means everything")
                .hint("if that is what you want, say so: --query 'Open = true'"));
        }
        let asks = !self.many.yes && !self.many.dry_run;
        if asks && !io::stdin().is_terminal() {
            return Err(
                Fault::usage("this would ask first, and there is no terminal to ask at")
                    .hint("--yes does it without asking; --dry-run prints what is meant"),
            );
        }
        let targets = targets(self.session, &filter, self.doing.scope())?;
        if self.many.dry_run {
            return self.print(&targets);
        }
        let mut report = Report::new(self.session.output, targets.len());
        if !targets.is_empty() && asks && !confirmed(&self.doing.question(&targets))? {
            return Err(Fault::new(Exit::Failed, "not confirmed: nothing was done"));
        }
        if !targets.is_empty() {
            self.send(&targets, &question, &mut report)?;
        }
        report.finish()
    }

    fn send(
        &self,
        targets: &[Target],
        question: &impl Fn(&Target) -> Question,
        report: &mut Report,
    ) -> Outcome {
        let inbox = Inbox::open(self.session)?;
        let wait = self.why.timeout.map_or(ANSWER_WAIT, Span::get);
        let at_once = IN_FLIGHT_BYTES_MAX / (self.body_bytes + HEADERS_BYTES_USUAL);
        let mut chunks = targets.chunks(at_once.clamp(1, IN_FLIGHT_MAX));
        for chunk in chunks.by_ref() {
            let told = inbox.ask_all(chunk.iter().map(question).collect(), wait);
            let nobody_answers = told.iter().all(|told| !matches!(told, Told::Answer(_)));
            for (target, told) in chunk.iter().zip(told) {
                report.tell(target, told);
            }
            if nobody_answers {
                break;
            }
        }
        report.left_out(chunks.flatten());
        Ok(())
    }

    fn print(&self, targets: &[Target]) -> Outcome {
        let ids = targets.iter().map(Target::to_string);
        match self.session.output.format {
            Format::Json | Format::Jsonl => self.session.output.json(&Meant {
                matched: targets.len(),
                ids: ids.collect(),
            })?,
            Format::Table => {
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "{} matched", words::number(targets.len()))?;
                for id in ids {
                    writeln!(stdout, "{}", visible(&id))?;
                }
            }
        }
        Ok(())
    }
}

/// What a dry run says.
#[derive(serde::Serialize)]
struct Meant {
    matched: usize,
    ids: Vec<String>,
}

/// Asks a person.
fn confirmed(question: &str) -> Outcome<bool> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{} [y/N] ", visible(question))?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(["y", "yes"]
        .iter()
        .any(|yes| yes.eq_ignore_ascii_case(answer)))
}

/// Most acts that are on their way at once.
const IN_FLIGHT_MAX: usize = 500;

/// Most bytes of them, half of what the producer takes.
const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an act has beside its body, roughly.
const HEADERS_BYTES_USUAL: usize = 2 * 1024;
