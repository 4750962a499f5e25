//! An order saga: one binary that is its engine, its worker and its command line.

mod inventory;
mod workflow;

use std::process::ExitCode;

fn main() -> ExitCode {
    sagaline::app()
        .workflow(workflow::order)
        .activities(inventory::all())
        .run()
}
