//! An act on all that a filter means: counted, asked about, and begun as a batch.
//!
//! Deliberately absent: what one act is, which its own command says, and the acts, which the batch does: a run of a built-in
//! workflow, told here what it acts on, one by one, so that nothing else is meant later. Invariant: it begins when it has been
//! told everything; a command that ends before has done nothing.

mod begin;
mod http;
mod target;
mod words;

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use sagaline_sdk::batch::Batch;

pub(crate) use self::words::{Doing, counted, number};
use self::{
    begin::Begun,
    target::{Covered, Target, targets},
};
use super::{Session, api::Door, operate::Why, query};
use crate::{
    fault::{Exit, Fault, Outcome},
    inbox::source,
    output::{Format, visible},
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
    /// At most so many each second [default: as fast as it goes]
    #[arg(
        long,
        value_name = "RATE",
        requires = "query",
        help_heading = "Many at once"
    )]
    per_second: Option<f64>,
    /// Wait until all is done, and print what became of it
    #[arg(long, requires = "query", help_heading = "Many at once")]
    wait: bool,
}

/// An act on many.
#[derive(Debug)]
pub(crate) struct Bulk<'a> {
    pub(crate) session: &'a Session,
    pub(crate) many: &'a Many,
    pub(crate) doing: Doing,
    pub(crate) why: &'a Why,
}

impl Bulk<'_> {
    /// Begins it; returns when the batch has been told all, or, if that is wanted, when it has ended.
    pub(crate) fn run(&self, batch: Batch) -> Outcome {
        let query = self.many.query.as_deref().unwrap_or_default();
        let filter = query::read(query)?;
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
        let batch = Batch {
            reason: self.why.reason.clone(),
            actor: source(),
            query: Some(query.to_owned()),
            per_second: self.many.per_second,
            ..batch
        };
        batch
            .check()
            .map_err(|error| Fault::usage(error.message()))?;
        if let Door::Http(api) = self.session.door()? {
            return http::run(self, &api, batch);
        }
        let targets = targets(self.session, &filter, self.doing.scope())?;
        if self.many.dry_run {
            return self.print(&targets);
        }
        if !targets.is_empty() && asks && !confirmed(&self.doing.question(&targets))? {
            return Err(Fault::new(Exit::Failed, "not confirmed: nothing was done"));
        }
        let begun = Begun::begin(self, batch, &targets)?;
        match self.many.wait {
            true => {
                begun.announce(self)?;
                begun.wait(self)
            }
            false => begun.print(self),
        }
    }

    /// Prints what is meant.
    fn print(&self, targets: &[Target]) -> Outcome {
        let ids = targets.iter().map(Target::to_string);
        match self.session.output.format {
            Format::Json | Format::Jsonl => self.session.output.json(&Meant {
                matched: targets.len(),
                covered: Covered::of(targets),
                ids: ids.collect(),
            })?,
            Format::Table => {
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "{} matched", number(targets.len()))?;
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
    #[serde(flatten)]
    covered: Covered,
    ids: Vec<String>,
}

/// Asks a person.
pub(super) fn confirmed(question: &str) -> Outcome<bool> {
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
