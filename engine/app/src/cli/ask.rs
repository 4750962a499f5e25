//! `workflow query`: asks the program of an open run something, and prints the answer.

use clap::Args;
use sagaline_core::Name;
use sagaline_journal::wire::{ce_type, header};

use super::{
    RunOf, Session,
    api::{Change, Door, Path, payload, shown},
    input::Input,
    name,
    result::print_payload,
    update::answered,
};
use crate::{
    fault::Outcome,
    inbox::{Inbox, Question},
    settings::Span,
};

/// What `query` takes.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    of: RunOf,
    /// Name of the query
    #[arg(long, value_parser = name)]
    name: Name,
    #[command(flatten)]
    input: Input,
    /// Give up after this long, as in 30s
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

pub(crate) fn query(session: &Session, args: &QueryArgs) -> Outcome {
    let QueryArgs {
        of, name, input, ..
    } = args;
    let id = of.id.get();
    if let Door::Http(api) = session.door()? {
        let path = Path::run(id, of.run_id).then("queries").then(name.as_str());
        let question = Change {
            timeout: args.timeout,
            ..Change::post(path, shown(&input.payload()?)?)
        };
        let answer = api.change(&question)?;
        return Ok(print_payload(
            session.output,
            &payload(&api, &answer.json)?,
        )?);
    }
    let run_id = of.run_id.map(|run_id| run_id.to_string());
    let question = Question::new(ce_type::WORKFLOW_QUERY, id)
        .header(header::QUERY, Some(name.to_string()))
        .header(header::RUN_ID, run_id)
        .value(input.payload()?);
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let answer = inbox.accepted(&asked, args.timeout.map(Span::get))?;
    let value = answered(&format!("query {name} of {id}"), answer)?;
    Ok(print_payload(session.output, &value)?)
}
